"""The address for notices, confirmed by a code; and the phone, when SMS to it did not arrive (S79, S92, S95).

An address is proved like a phone: the code that was sent to it comes back. Until then the one before stays in use,
and when it goes, it is told.
"""

from fastapi import APIRouter
from fastapi.responses import Response
from orjson import dumps, loads

from api import limits
from api.outcome import HandedOver, RefusedForGood, Unknown
from api.portal.code_page import code_page, to_code
from api.portal.letters import AccountLetter, send_letter, tell_by_letter
from api.portal.masks import masked_email
from api.portal.refusing import form_page
from api.portal.sign_in import CODE_MINUTES
from api.portal.web import Actor, Form, Person, Visit, go
from api.problems import ProblemError
from api.profile_rules import email_of
from domain.channel import Channel
from domain.patient import EmailChangedError, Patient
from ledger import commands, contacts

router = APIRouter(include_in_schema=False)
SETTINGS = "/notifications/settings"


# The address


@router.get("/account/email")
def email_page(person: Person) -> Response:
    person.require_step_up()
    known = _known(person)
    return _page(person, values={"email": known.email_stated or known.email or ""})


@router.post("/account/email")
def send_email_code(person: Actor, form: Form) -> Response:
    """A code to the address that was typed; it is kept once the mail server took the letter."""
    person.require_step_up()
    try:
        email, known = email_of(form.get("email", "")), _known(person)
        is_in_use = email == known.email and known.is_email_confirmed
        if is_in_use and Channel.EMAIL not in known.unreachable:
            raise ProblemError("email-same", "email")
        answer = _send(person, email)
        if not is_in_use:
            commands.state_email(person.ledger, person.signed_in().patient_id, email, person.by())
    except ProblemError as error:
        return _page(person, error, values=form)
    return answer


@router.get("/account/email/code")
def email_code_page(person: Person) -> Response:
    person.signed_in()
    return _code_page(person)


@router.post("/account/email/code")
def confirm_email(person: Actor, form: Form) -> Response:
    person.require_step_up()
    patient_id, before = person.signed_in().patient_id, _known(person)
    try:
        _waiting(person)
        passed = person.door.pass_code("email", person.challenge_id(), form.get("code", ""))
        email = loads(passed.pending)["email"]
        contacts.confirm_email(person.ledger, patient_id, email, person.by())
    except EmailChangedError:
        return _code_page(person, ProblemError("code-expired", "code"))
    except ProblemError as error:
        return _code_page(person, error)
    if before.is_email_confirmed and before.email is not None and before.email != email:
        tell_by_letter(person.door, AccountLetter.EMAIL_CHANGED, before.email, locale=person.locale)
    return go(SETTINGS, notice="email-confirmed")


@router.post("/account/email/code/resend")
def resend_email_code(person: Actor) -> Response:
    person.require_step_up()
    try:
        return _send(person, _waiting(person), notice="code-sent")
    except ProblemError as error:
        return _code_page(person, error)


def _send(person: Visit, email: str, *, notice: str | None = None) -> Response:
    patient_id = person.signed_in().patient_id
    limits.take(person.ledger, "email-code", str(patient_id))
    issued = person.door.issue_code(
        "email", "email", email, subject=patient_id, pending=dumps({"email": email})
    )
    if not issued.is_silent:
        outcome = send_letter(
            person.door,
            AccountLetter.CODE,
            email,
            locale=person.locale,
            reference=issued.challenge_id,
            code=issued.code,
        )
        if isinstance(outcome, RefusedForGood):
            raise ProblemError("email-refused", "email")
        # Of what nobody knows, it may have arrived: then there is a code to be typed in.
        if not isinstance(outcome, HandedOver | Unknown):
            raise ProblemError("email-unavailable", "email", retry_after=60)
    return to_code(person, "/account/email/code", issued.challenge_id, notice=notice)


def _waiting(person: Visit) -> str:
    """The address that this browser waits for a code from."""
    waiting = person.door.pending("email", person.challenge_id())
    if waiting.subject != person.signed_in().patient_id:
        raise ProblemError("code-expired", "code")
    return str(loads(waiting.pending)["email"])


def _known(person: Visit) -> Patient:
    return commands.load_patient(person.ledger, person.signed_in().patient_id)


def _page(
    person: Visit, error: ProblemError | None = None, *, values: dict[str, str] | None = None
) -> Response:
    known = _known(person)
    if error is not None and error.field != "email":
        error = ProblemError(error.code, "email", retry_after=error.retry_after)
    return form_page(
        person,
        "email.html",
        error,
        values=values,
        in_use=masked_email(known.email) if known.email and known.is_email_confirmed else None,
        is_lost=Channel.EMAIL in known.unreachable,
        minutes=CODE_MINUTES,
    )


def _code_page(person: Visit, error: ProblemError | None = None) -> Response:
    try:
        sent_to = masked_email(_waiting(person))
    except ProblemError:
        if error is None:
            return go("/account/email")
        sent_to = "•••"
    error = ProblemError(error.code, "code", retry_after=error.retry_after) if error else None
    return form_page(person, "email_code.html", error, sent_to=sent_to, minutes=CODE_MINUTES)


# The phone, when SMS to it did not arrive


@router.post("/account/phone/check")
def send_check_code(person: Actor) -> Response:
    return _send_check(person)


@router.get("/account/phone/check/code")
def check_code_page(person: Person) -> Response:
    person.signed_in()
    return _check_code_page(person)


@router.post("/account/phone/check/code")
def check_phone(person: Actor, form: Form) -> Response:
    """The code came back, so SMS arrive."""
    patient_id = person.signed_in().patient_id
    try:
        passed = person.door.pass_code("phone-check", person.challenge_id(), form.get("code", ""))
        if passed.subject != patient_id or loads(passed.pending)["phone"] != _known(person).phone:
            raise ProblemError("code-expired", "code")
    except ProblemError as error:
        return _check_code_page(person, error)
    contacts.mark_reachable(person.ledger, patient_id, Channel.SMS, person.by())
    return go(SETTINGS, notice="phone-works")


@router.post("/account/phone/check/code/resend")
def resend_check_code(person: Actor) -> Response:
    try:
        return _send_check(person, notice="code-sent")
    except ProblemError as error:
        return _check_code_page(person, error)


def _send_check(person: Visit, *, notice: str | None = None) -> Response:
    patient_id, phone = person.signed_in().patient_id, _known(person).phone
    if phone is None:
        raise ProblemError("not-found")
    limits.take(person.ledger, "code", str(patient_id))
    challenge_id = person.door.challenge(
        "phone-check", phone, locale=person.locale, subject=patient_id, pending=dumps({"phone": phone})
    )
    return to_code(person, "/account/phone/check/code", challenge_id, notice=notice)


def _check_code_page(person: Visit, error: ProblemError | None = None) -> Response:
    return code_page(
        person,
        "phone-check",
        "/account/phone/check/code",
        begin=SETTINGS,
        error=error,
        subject=person.signed_in().patient_id,
    )
