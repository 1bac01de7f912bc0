"""A change of phone by who is signed in: step-up, a code to the new number, a word to the old one."""

from fastapi import APIRouter
from fastapi.responses import Response
from orjson import dumps, loads

from api import limits
from api.portal.code_page import code_page, to_code
from api.portal.open_sessions import end_others
from api.portal.refusing import form_page
from api.portal.sign_in import phone_of
from api.portal.telling import tell
from api.portal.web import Actor, Form, Person, Visit, go
from api.problems import ProblemError
from ledger import commands, credentials
from ledger.recorder import MarkTakenError

router = APIRouter(include_in_schema=False)


@router.get("/account/phone")
def phone_page(person: Person) -> Response:
    person.require_step_up()
    return _page(person)


@router.post("/account/phone")
def send_phone_code(person: Actor, form: Form) -> Response:
    """Whether the new number has a cabinet is told to its owner only, by SMS."""
    person.require_step_up()
    try:
        phone = phone_of(form.get("phone", ""))
        if phone == commands.load_patient(person.ledger, person.signed_in().patient_id).phone:
            raise ProblemError("phone-same", "phone")
        return _send(person, phone)
    except ProblemError as error:
        return _page(person, error, {"phone": form.get("phone", "")})


@router.get("/account/phone/code")
def phone_code_page(person: Person) -> Response:
    person.signed_in()
    return _code_page(person)


@router.post("/account/phone/code")
def change_phone(person: Actor, form: Form) -> Response:
    person.require_step_up()
    session = person.signed_in()
    before = commands.load_patient(person.ledger, session.patient_id).phone
    try:
        waiting = person.door.pending("phone", person.challenge_id())
        if waiting.subject != session.patient_id:
            raise ProblemError("code-expired", "code")
        passed = person.door.pass_code("phone", person.challenge_id(), form.get("code", ""))
        phone = loads(passed.pending)["phone"]
        credentials.change_phone(person.ledger, session.patient_id, phone, person.by())
    except MarkTakenError:
        # Somebody registered it in between; that is not this person's business.
        return _code_page(person, ProblemError("code-expired", "code"))
    except ProblemError as error:
        return _code_page(person, error)
    end_others(
        person.ledger, session.patient_id, person.by(), kept=session.session_id, reason="factors-changed"
    )
    if before:
        tell(person.door, before, "phone-changed", locale=person.locale)
    return go("/account", notice="phone-changed")


@router.post("/account/phone/code/resend")
def resend_phone_code(person: Actor) -> Response:
    person.require_step_up()
    try:
        waiting = person.door.pending("phone", person.challenge_id())
        if waiting.subject != person.signed_in().patient_id:
            raise ProblemError("code-expired", "code")
        return _send(person, loads(waiting.pending)["phone"], notice="code-sent")
    except ProblemError as error:
        return _code_page(person, error)


def _send(person: Visit, phone: str, *, notice: str | None = None) -> Response:
    patient_id = person.signed_in().patient_id
    limits.take(person.ledger, "code", str(patient_id))
    challenge_id = person.door.challenge(
        "phone",
        phone,
        locale=person.locale,
        subject=patient_id,
        pending=dumps({"phone": phone}),
        is_possible=person.ledger.find("phone", phone) is None,
    )
    return to_code(person, "/account/phone/code", challenge_id, notice=notice)


def _page(person: Visit, error: ProblemError | None = None, values: dict[str, str] | None = None) -> Response:
    patient = commands.load_patient(person.ledger, person.signed_in().patient_id)
    return form_page(person, "phone.html", error, values=values, phone_tail=(patient.phone or "")[-4:])


def _code_page(person: Visit, error: ProblemError | None = None) -> Response:
    return code_page(
        person,
        "phone",
        "/account/phone/code",
        begin="/account/phone",
        error=error,
        subject=person.signed_in().patient_id,
    )
