"""Proving by a passkey who one is: at the door, alone (it is two factors in itself), and before sensitive acts."""

from fastapi import APIRouter
from fastapi.responses import Response

from api import limits
from api.portal.account_factors import options_answer, passkey_token
from api.portal.letting_in import let_in
from api.portal.passkeys import Passkeys
from api.portal.step_up import proved, require_factor, step_up_again
from api.portal.web import Actor, Form, Person, told
from api.problems import ProblemError, explain

router = APIRouter(include_in_schema=False)


@router.post("/sign-in/passkey/options")
def sign_in_options(person: Person, form: Form) -> Response:  # noqa: ARG001 - the form was checked
    """They name nobody: whoever asks gets the same."""
    limits.take_from_address(person.request, person.ledger, person.settings, "sign-in")
    return options_answer(person, Passkeys(person.ledger, person.settings).ask("sign-in"))


@router.post("/sign-in/passkey")
def sign_in_by_passkey(person: Person, form: Form) -> Response:
    try:
        limits.take_from_address(person.request, person.ledger, person.settings, "sign-in")
        patient_id = Passkeys(person.ledger, person.settings).prove(
            "sign-in", token=passkey_token(person), credential=form.get("credential", "")
        )
    except ProblemError as error:
        return person.page(
            "sign_in.html",
            status=explain(error.code).status,
            errors=told(error, person.locale),
            values={},
        )
    return let_in(person, patient_id, "/reports", factors=("passkey",))


@router.post("/step-up/passkey/options")
def step_up_options(person: Actor) -> Response:
    session = person.signed_in()
    require_factor(person, "passkey")
    asked = Passkeys(person.ledger, person.settings).ask(
        "step-up", patient_id=session.patient_id, session_id=session.session_id
    )
    return options_answer(person, asked)


@router.post("/step-up/passkey")
def step_up_by_passkey(person: Actor, form: Form) -> Response:
    session = person.signed_in()
    try:
        require_factor(person, "passkey")
        patient_id = Passkeys(person.ledger, person.settings).prove(
            "step-up",
            token=passkey_token(person),
            credential=form.get("credential", ""),
            session_id=session.session_id,
        )
        if patient_id != session.patient_id:
            raise ProblemError("passkey-refused", "form")
    except ProblemError as error:
        return step_up_again(person, form, error)
    return proved(person, "passkey", form.get("to", ""))
