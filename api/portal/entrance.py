"""Pages of the entrance: registering with a phone, signing in with two factors, leaving."""

from uuid import UUID, uuid4

from fastapi import APIRouter
from fastapi.responses import Response
from orjson import dumps, loads

from api import limits
from api.passwords import require_good
from api.portal.letting_in import ask_for_second_factor, let_in
from api.portal.passwords import with_suggestion
from api.portal.refusing import form_page
from api.portal.sign_in import CODE_MINUTES, Action, hash_password, phone_of
from api.portal.web import Actor, Form, Person, Visit, cookie_name, go, set_cookie, told
from api.problems import ProblemError, explain
from domain.values import PatientId
from ledger import commands
from ledger.account import load_account
from ledger.recorder import MarkTakenError

router = APIRouter(include_in_schema=False)
CHALLENGE_SECONDS = CODE_MINUTES * 60
_FACTORS = ("password", "sms-code")


@router.get("/")
def home(person: Person) -> Response:
    return go("/reports" if person.session else "/sign-in")


@router.get("/register")
def register_page(person: Person) -> Response:
    return person.page("register.html", errors={}, values={})


@router.post("/register")
def register(person: Person, form: Form) -> Response:
    """Ask for a code. Whether the phone has a cabinet is told to its owner only, by SMS."""
    suggested = with_suggestion(form)
    if suggested is not None:
        return person.page("register.html", errors={}, values=suggested)
    try:
        limits.take_from_address(person.request, person.ledger, person.settings, "register")
        phone = phone_of(form.get("phone", ""))
        limits.take(person.ledger, "register", phone)
        require_good(form.get("password", ""), about=(phone,))
        pending = {"phone": phone, "password_hash": hash_password(form.get("password", ""))}
        is_free = person.ledger.find("phone", phone) is None
        challenge_id = person.door.challenge(
            "register", phone, locale=person.locale, pending=dumps(pending), is_possible=is_free
        )
    except ProblemError as error:
        values = {"phone": form.get("phone", "")}
        return _again(person, "register.html", error, values=values)
    return _to_code(person, "/register/code", challenge_id)


@router.get("/register/code")
def register_code_page(person: Person) -> Response:
    return _code_page(person, "register", "/register/code")


@router.post("/register/code")
def register_code(person: Person, form: Form) -> Response:
    try:
        limits.take_from_address(person.request, person.ledger, person.settings, "code")
        passed = person.door.pass_code("register", person.challenge_id(), form.get("code", ""))
        pending = loads(passed.pending)
        patient_id = PatientId(uuid4())
        # The password first: a cabinet without one could not be entered.
        person.door.set_password(patient_id, pending["password_hash"])
        commands.register_patient(
            person.ledger, patient_id=patient_id, phone=pending["phone"], locale=person.locale
        )
    except MarkTakenError:
        return _code_page(person, "register", "/register/code", ProblemError("code-expired", "code"))
    except ProblemError as error:
        return _code_page(person, "register", "/register/code", error)
    return let_in(person, patient_id, "/services", factors=_FACTORS, notice="phone-confirmed")


@router.get("/sign-in")
def sign_in_page(person: Person) -> Response:
    return person.page("sign_in.html", errors={}, values={})


@router.post("/sign-in")
def sign_in(person: Person, form: Form) -> Response:
    try:
        limits.take_from_address(person.request, person.ledger, person.settings, "sign-in")
        phone = phone_of(form.get("phone", ""))
        limits.take(person.ledger, "sign-in", phone)
        patient_id = person.door.check_password(phone, form.get("password", ""))
        if load_account(person.ledger, patient_id).second_factors() != ("sms-code",):
            return ask_for_second_factor(person, patient_id)
        challenge_id = person.door.challenge(
            "sign-in", phone, locale=person.locale, subject=patient_id, pending=dumps({"phone": phone})
        )
    except ProblemError as error:
        return _again(person, "sign_in.html", error, values={"phone": form.get("phone", "")})
    return _to_code(person, "/sign-in/code", challenge_id)


@router.get("/sign-in/code")
def sign_in_code_page(person: Person) -> Response:
    return _code_page(person, "sign-in", "/sign-in/code")


@router.post("/sign-in/code")
def sign_in_code(person: Person, form: Form) -> Response:
    try:
        limits.take_from_address(person.request, person.ledger, person.settings, "code")
        passed = person.door.pass_code("sign-in", person.challenge_id(), form.get("code", ""))
        assert passed.subject is not None
        # Turned off since the code was sent, by a session that is open elsewhere.
        if not load_account(person.ledger, PatientId(passed.subject)).takes_sms:
            raise ProblemError("code-expired", "code")
    except ProblemError as error:
        return _code_page(person, "sign-in", "/sign-in/code", error)
    return let_in(person, PatientId(passed.subject), "/reports", factors=_FACTORS)


@router.post("/register/code/resend")
def register_resend(person: Person, form: Form) -> Response:  # noqa: ARG001 - the form was checked
    return _resend(person, "register", "/register/code")


@router.post("/sign-in/code/resend")
def sign_in_resend(person: Person, form: Form) -> Response:  # noqa: ARG001 - the form was checked
    return _resend(person, "sign-in", "/sign-in/code")


@router.post("/sign-out")
def sign_out(person: Actor) -> Response:
    person.door.close_session(person.signed_in(), reason="signed-out")
    response = go("/sign-in", notice="signed-out")
    response.delete_cookie(cookie_name(person.settings, "session"), path="/")
    return response


def _to_code(person: Visit, path: str, challenge_id: UUID, *, notice: str | None = None) -> Response:
    response = go(path, notice=notice)
    set_cookie(response, person.settings, "challenge", str(challenge_id), seconds=CHALLENGE_SECONDS)
    return response


def _code_page(person: Visit, action: Action, path: str, error: ProblemError | None = None) -> Response:
    try:
        phone = loads(person.door.pending(action, person.challenge_id()).pending)["phone"]
    except ProblemError:
        if error is None:
            return go("/sign-in" if action == "sign-in" else "/register")
        phone = ""
    # Whatever is wrong is said at the only field of this page.
    error = ProblemError(error.code, "code") if error else None
    return person.page(
        "code.html",
        status=explain(error.code).status if error else 200,
        action=path,
        phone_tail=phone[-4:],
        minutes=CODE_MINUTES,
        errors=told(error, person.locale) if error else {},
        values={},
    )


def _resend(person: Visit, action: Action, path: str) -> Response:
    try:
        waiting = person.door.pending(action, person.challenge_id())
        phone = loads(waiting.pending)["phone"]
        is_possible = action == "sign-in" or person.ledger.find("phone", phone) is None
        challenge_id = person.door.challenge(
            action,
            phone,
            locale=person.locale,
            subject=waiting.subject,
            pending=waiting.pending,
            is_possible=is_possible,
        )
    except ProblemError as error:
        return _code_page(person, action, path, error)
    return _to_code(person, path, challenge_id, notice="code-sent")


def _again(person: Visit, template: str, error: ProblemError, *, values: dict[str, str]) -> Response:
    """The form once more, with what was wrong."""
    return form_page(person, template, error, values=values)
