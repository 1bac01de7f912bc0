"""Pages of the second factor at signing in, for who has more than codes by SMS: they choose which."""

from fastapi import APIRouter
from fastapi.responses import Response
from orjson import dumps

from api.portal.factors import Factors
from api.portal.letting_in import half_signed_in, let_in
from api.portal.sign_in import CODE_MINUTES
from api.portal.web import Form, Person, Visit, go, set_cookie, told
from api.problems import ProblemError, explain
from domain.values import PatientId
from ledger import commands
from ledger.account import load_account
from ledger.commands import by_patient

router = APIRouter(include_in_schema=False)


@router.get("/sign-in/factor")
def factor_page(person: Person) -> Response:
    return _page(person, half_signed_in(person))


@router.post("/sign-in/totp")
def sign_in_by_totp(person: Person, form: Form) -> Response:
    patient_id = half_signed_in(person)
    try:
        _require(person, patient_id, "totp")
        Factors(person.ledger).pass_totp(patient_id, form.get("totp_code", ""))
    except ProblemError as error:
        return _refused(person, patient_id, error)
    return let_in(person, patient_id, "/reports", factors=("password", "totp"))


@router.post("/sign-in/recovery-code")
def sign_in_by_recovery_code(person: Person, form: Form) -> Response:
    """The person is led to where they see how many codes are left, and may set up what they have lost."""
    patient_id = half_signed_in(person)
    try:
        _require(person, patient_id, "recovery-code")
        code = form.get("recovery_code", "")
        Factors(person.ledger).pass_recovery_code(patient_id, code, by_patient(patient_id))
    except ProblemError as error:
        return _refused(person, patient_id, error)
    factors = ("password", "recovery-code")
    return let_in(person, patient_id, "/account", factors=factors, notice="recovery-code-used")


@router.post("/sign-in/sms")
def send_sign_in_code(person: Person, form: Form) -> Response:  # noqa: ARG001 - the form was checked
    patient_id = half_signed_in(person)
    try:
        _require(person, patient_id, "sms-code")
        phone = commands.load_patient(person.ledger, patient_id).phone or ""
        challenge_id = person.door.challenge(
            "sign-in", phone, locale=person.locale, subject=patient_id, pending=dumps({"phone": phone})
        )
    except ProblemError as error:
        return _page(person, patient_id, error)
    response = go("/sign-in/code")
    set_cookie(response, person.settings, "challenge", str(challenge_id), seconds=CODE_MINUTES * 60)
    return response


def _require(person: Visit, patient_id: PatientId, factor: str) -> None:
    if factor not in load_account(person.ledger, patient_id).second_factors():
        raise ProblemError("factor-not-offered", "form")


def _refused(person: Visit, patient_id: PatientId, error: ProblemError) -> Response:
    """Somebody knew the password: that the second factor was wrong is recorded. Tries are few a day."""
    if error.code in ("totp-code-wrong", "recovery-code-wrong"):
        commands.refuse_sign_in(person.ledger, patient_id, reason=error.code)
    return _page(person, patient_id, error)


def _page(person: Visit, patient_id: PatientId, error: ProblemError | None = None) -> Response:
    # Only codes that are typed here have a field to mark.
    if error is not None and error.field not in ("totp_code", "recovery_code"):
        error = ProblemError(error.code, "form")
    return person.page(
        "second_factor.html",
        status=explain(error.code).status if error else 200,
        factors=load_account(person.ledger, patient_id).second_factors(),
        errors=told(error, person.locale) if error else {},
        values={},
    )
