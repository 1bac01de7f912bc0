"""The second proof of a recovery: a code of the authenticator program, a code that was kept, or a passkey."""

from fastapi import APIRouter
from fastapi.responses import Response

from api.portal.account_factors import options_answer, passkey_token
from api.portal.factors import Factors
from api.portal.passkeys import Passkeys
from api.portal.recovery import proofs_page, proved, recovering_of
from api.portal.web import Form, Person, go
from api.problems import ProblemError
from ledger import commands

router = APIRouter(include_in_schema=False)


@router.post("/recover/totp")
def prove_by_totp(person: Person, form: Form) -> Response:
    try:
        patient_id = recovering_of(person).patient_id
        Factors(person.ledger).pass_totp(patient_id, form.get("totp_code", ""))
    except ProblemError as error:
        return proofs_page(person, error)
    return proved(person, "totp")


@router.post("/recover/recovery-code")
def prove_by_recovery_code(person: Person, form: Form) -> Response:
    try:
        patient_id = recovering_of(person).patient_id
        by = commands.by_patient(patient_id)
        Factors(person.ledger).pass_recovery_code(patient_id, form.get("recovery_code", ""), by)
    except ProblemError as error:
        return proofs_page(person, error)
    return proved(person, "recovery-code")


@router.post("/recover/passkey/options")
def passkey_options(person: Person, form: Form) -> Response:  # noqa: ARG001 - the form was checked
    """They name nobody: who has only the phone must not learn which passkeys there are."""
    try:
        recovering_of(person)
    except ProblemError:
        return go("/recover", notice="recovery-ended")
    return options_answer(person, Passkeys(person.ledger, person.settings).ask("recovery"))


@router.post("/recover/passkey")
def prove_by_passkey(person: Person, form: Form) -> Response:
    try:
        recovering = recovering_of(person)
        patient_id = Passkeys(person.ledger, person.settings).prove(
            "recovery", token=passkey_token(person), credential=form.get("credential", "")
        )
        if patient_id != recovering.patient_id:
            raise ProblemError("passkey-refused", "form")
    except ProblemError as error:
        return proofs_page(person, error)
    return proved(person, "passkey")
