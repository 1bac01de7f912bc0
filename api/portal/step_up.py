"""Proving once more who one is, before a sensitive act: by any second factor that the person has."""

from urllib.parse import urlsplit

from fastapi import APIRouter
from fastapi.responses import Response
from orjson import dumps, loads

from api.portal.factors import Factors
from api.portal.open_sessions import prove_again
from api.portal.sign_in import CODE_MINUTES, SESSION_HOURS, Passed
from api.portal.web import Actor, Form, Person, Visit, cookie_name, go, set_cookie, told
from api.portal.whence import whence_of
from api.problems import ProblemError, explain
from ledger import commands
from ledger.account import load_account

router = APIRouter(include_in_schema=False)
_HOME = "/"


def local_path(text: str) -> str:
    """A path of ours, or the start page: whoever made the address must not choose another site. Browsers take
    a backslash for a slash, and drop tabs and line ends."""
    is_local = (
        text.startswith("/")
        and not text.startswith(("//", "/step-up"))
        and "\\" not in text
        and text.isprintable()
        and not urlsplit(text).netloc
    )
    return text if is_local else _HOME


@router.get("/step-up")
def step_up_page(person: Person, to: str = _HOME) -> Response:
    if person.signed_in().is_fresh:
        return go(local_path(to))
    return _page(person, local_path(to))


@router.post("/step-up/sms")
def send_step_up_code(person: Actor, form: Form) -> Response:
    to = local_path(form.get("to", ""))
    try:
        require_factor(person, "sms-code")
        return _send(person, to)
    except ProblemError as error:
        return step_up_again(person, form, error)


@router.get("/step-up/code")
def step_up_code_page(person: Person) -> Response:
    person.signed_in()
    return _code_page(person)


@router.post("/step-up/code")
def step_up_by_code(person: Actor, form: Form) -> Response:
    try:
        require_factor(person, "sms-code")
        waiting = _waiting(person)
        person.door.pass_code("step-up", person.challenge_id(), form.get("code", ""))
    except ProblemError as error:
        return _code_page(person, error)
    return proved(person, "sms-code", loads(waiting.pending)["to"])


@router.post("/step-up/totp")
def step_up_by_totp(person: Actor, form: Form) -> Response:
    try:
        require_factor(person, "totp")
        Factors(person.ledger).pass_totp(person.signed_in().patient_id, form.get("totp_code", ""))
    except ProblemError as error:
        return step_up_again(person, form, error)
    return proved(person, "totp", form.get("to", ""))


@router.post("/step-up/recovery-code")
def step_up_by_recovery_code(person: Actor, form: Form) -> Response:
    patient_id = person.signed_in().patient_id
    try:
        require_factor(person, "recovery-code")
        code = form.get("recovery_code", "")
        Factors(person.ledger).pass_recovery_code(patient_id, code, person.by())
    except ProblemError as error:
        return step_up_again(person, form, error)
    return proved(person, "recovery-code", form.get("to", ""))


@router.post("/step-up/code/resend")
def resend_step_up_code(person: Actor) -> Response:
    try:
        require_factor(person, "sms-code")
        return _send(person, loads(_waiting(person).pending)["to"], notice="code-sent")
    except ProblemError as error:
        return _code_page(person, error)


def require_factor(person: Visit, factor: str) -> None:
    """A weaker way than the page offers is closed to who knows its address too."""
    account = load_account(person.ledger, person.signed_in().patient_id)
    if factor not in account.step_up_factors():
        raise ProblemError("factor-not-offered", "form")


def proved(person: Visit, factor: str, to: str) -> Response:
    """The session goes on under a new id and token, and the person where they wanted to."""
    whence = whence_of(person.request, person.settings)
    token = prove_again(person.ledger, person.signed_in(), factor=factor, whence=whence)
    response = go(local_path(to))
    set_cookie(response, person.settings, "session", token, seconds=SESSION_HOURS * 3600)
    response.delete_cookie(cookie_name(person.settings, "challenge"), path="/")
    return response


def step_up_again(person: Visit, form: dict[str, str], error: ProblemError) -> Response:
    """The choice once more, with what was wrong."""
    return _page(person, local_path(form.get("to", "")), error)


def _send(person: Visit, to: str, *, notice: str | None = None) -> Response:
    session = person.signed_in()
    phone = commands.load_patient(person.ledger, session.patient_id).phone or ""
    challenge_id = person.door.challenge(
        "step-up",
        phone,
        locale=person.locale,
        subject=session.patient_id,
        pending=dumps({"phone": phone, "to": to, "session_id": session.session_id}),
    )
    response = go("/step-up/code", notice=notice)
    set_cookie(response, person.settings, "challenge", str(challenge_id), seconds=CODE_MINUTES * 60)
    return response


def _waiting(person: Visit) -> Passed:
    """The challenge of this very session."""
    waiting = person.door.pending("step-up", person.challenge_id())
    if loads(waiting.pending)["session_id"] != str(person.signed_in().session_id):
        raise ProblemError("code-expired", "code")
    return waiting


def _page(person: Visit, to: str, error: ProblemError | None = None) -> Response:
    if error is not None and error.field not in ("totp_code", "recovery_code"):
        error = ProblemError(error.code, "form", retry_after=error.retry_after)
    account = load_account(person.ledger, person.signed_in().patient_id)
    return person.page(
        "step_up.html",
        status=explain(error.code).status if error else 200,
        factors=account.step_up_factors(),
        to=to,
        errors=told(error, person.locale) if error else {},
        values={},
    )


def _code_page(person: Visit, error: ProblemError | None = None) -> Response:
    try:
        phone = loads(_waiting(person).pending)["phone"]
    except ProblemError:
        if error is None:
            return go("/step-up")
        phone = ""
    error = ProblemError(error.code, "code") if error else None
    return person.page(
        "code.html",
        status=explain(error.code).status if error else 200,
        action="/step-up/code",
        phone_tail=phone[-4:],
        minutes=CODE_MINUTES,
        errors=told(error, person.locale) if error else {},
        values={},
    )
