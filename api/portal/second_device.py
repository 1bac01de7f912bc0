"""Pages of a confirmation on another device: the browser that waits, and the one that answers."""

from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response

from api import limits
from api.portal import confirmations
from api.portal.letting_in import SECOND_DEVICE, half_signed_in, let_in
from api.portal.open_sessions import open_sessions
from api.portal.refusing import form_page
from api.portal.web import Actor, Form, Person, Visit, cookie_name, go, set_cookie
from api.portal.whence import whence_of
from api.problems import ProblemError
from domain.values import PatientId
from ledger.account import load_account

router = APIRouter(include_in_schema=False)
FACTORS = ("password", SECOND_DEVICE)


@router.post("/sign-in/second-device")
def ask_other_device(person: Person, form: Form) -> Response:  # noqa: ARG001 - the form was checked
    patient_id = _half(person)
    try:
        # Who turned codes by SMS off wants nothing that can be talked out of them.
        if not load_account(person.ledger, patient_id).takes_sms:
            raise ProblemError("factor-not-offered", "form")
        if not open_sessions(person.ledger, patient_id):
            raise ProblemError("confirmation-nowhere", "form")
        limits.take(person.ledger, "second-device", str(patient_id))
        whence = whence_of(person.request, person.settings)
        token = confirmations.begin(person.ledger, patient_id, whence)
    except ProblemError as error:
        return form_page(person, "second_device.html", error, state="ended", number=0)
    response = go("/sign-in/second-device")
    set_cookie(response, person.settings, "confirmation", token, seconds=confirmations.MINUTES * 60)
    return response


@router.get("/sign-in/second-device")
def waiting_page(person: Person) -> Response:
    token = _token(person)
    if not token:
        return go("/sign-in")
    state, number = confirmations.state_of(person.ledger, token)
    codes = {"refused": "confirmation-refused", "ended": "confirmation-ended"}
    error = ProblemError(codes[state], "form") if state in codes else None
    return form_page(person, "second_device.html", error, state=state, number=number)


@router.get("/sign-in/second-device/state")
def waiting_state(person: Person) -> Response:
    """What the page asks by script."""
    token = _token(person)
    if not token:
        return go("/sign-in")
    state, _ = confirmations.state_of(person.ledger, token)
    return JSONResponse({"state": state}, headers={"Cache-Control": "no-store"})


@router.post("/sign-in/second-device/enter")
def enter(person: Person, form: Form) -> Response:  # noqa: ARG001 - the form was checked
    token = _token(person)
    if not token:
        return go("/sign-in")
    try:
        patient_id = confirmations.use(person.ledger, token)
    except ProblemError as error:
        return form_page(person, "second_device.html", error, state="ended", number=0)
    response = let_in(person, patient_id, "/reports", factors=FACTORS)
    response.delete_cookie(cookie_name(person.settings, "confirmation"), path="/")
    return response


@router.get("/account/confirm")
def confirm_page(person: Person) -> Response:
    return _confirm_page(person)


@router.post("/account/confirm")
def confirm(person: Actor, form: Form) -> Response:
    """One answer: a number, or none for "it is not me"."""
    number = form.get("number", "")
    try:
        confirmation_id = UUID(form.get("confirmation_id", ""))
        chosen = int(number) if number else None
    except ValueError:
        raise ProblemError("request-malformed", "number") from None
    try:
        confirmations.answer(person.ledger, person.signed_in().patient_id, confirmation_id, chosen)
    except ProblemError as error:
        return _confirm_page(person, error)
    notice = "sign-in-refused" if chosen is None else "sign-in-confirmed"
    return go("/account/confirm", notice=notice)


def _confirm_page(person: Visit, error: ProblemError | None = None) -> Response:
    waiting = confirmations.waiting_for(person.ledger, person.signed_in().patient_id)
    return form_page(person, "confirm.html", error, waiting=waiting)


def _half(person: Visit) -> PatientId:
    """Whose password was right in this browser: they chose among factors, or were sent a code."""
    try:
        return half_signed_in(person)
    except ProblemError:
        pass
    try:
        waiting = person.door.pending("sign-in", person.challenge_id())
    except ProblemError:
        raise ProblemError("sign-in-needed") from None
    if waiting.subject is None:
        raise ProblemError("sign-in-needed")
    return PatientId(waiting.subject)


def _token(person: Visit) -> str:
    return person.request.cookies.get(cookie_name(person.settings, "confirmation"), "")
