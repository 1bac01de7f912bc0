"""The profile: who a patient says they are, every wrong field named at once (S82-S91)."""

from datetime import UTC, date, datetime
from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response

from api import limits
from api.citizenships import citizenships
from api.portal.masks import masked_email
from api.portal.web import Actor, Form, Person, Visit, go, told
from api.problems import ProblemError, explain
from api.profile_rules import Read, read_profile
from api.regions import REGIONS
from domain.identity_document import DocumentKind
from domain.patient import Patient
from ledger import commands
from ledger.identity import look
from ledger.recorder import MarkTakenError

router = APIRouter(include_in_schema=False)


@router.get("/services/profile")
def profile_page(person: Person) -> Response:
    patient = commands.load_patient(person.ledger, person.patient_id)
    return _page(person, values_of(patient))


@router.post("/services/profile")
def save_profile(person: Actor, form: Form) -> Response:
    """Every field is checked, and every wrong one is named at once (S82-S90)."""
    read = _read(form)
    if read.errors or read.profile is None:
        return _page(person, form, errors=_told(person, read), status=422)
    try:
        patient = commands.load_patient(person.ledger, person.patient_id)
        known = patient.profile
        if known is None or known.snils != read.profile.snils:
            limits.take(person.ledger, "number", str(person.patient_id))
        commands.state_profile(person.ledger, person.patient_id, read.profile, person.by())
        if read.email and not patient.is_email_confirmed:
            commands.state_email(person.ledger, person.patient_id, read.email, person.by())
    except MarkTakenError:
        errors = told(ProblemError("snils-taken", "snils"), person.locale)
        return _page(person, form, errors=errors, status=409)
    except ProblemError as error:
        errors = told(ProblemError(error.code, "snils"), person.locale)
        return _page(person, form, errors=errors, status=explain(error.code).status)
    return go("/services", notice="profile-saved")


@router.post("/services/profile/check")
def check_field(person: Actor, form: Form) -> JSONResponse:
    """One field of the form (`check` names it) by the rules of the whole: nothing is kept. `text` is how it would
    be written."""
    read, name = _read(form), form.get("check", "")
    error = _told(person, read).get(name)
    return JSONResponse(
        {"error": error, "text": None if error else read.texts.get(name)},
        headers={"Cache-Control": "no-store"},
    )


def _read(form: dict[str, str]) -> Read:
    return read_profile(form, today=datetime.now(UTC).date())


def _told(person: Visit, read: Read) -> dict[str, Any]:
    """What is wrong, in the order of the form."""
    errors: dict[str, Any] = {}
    for name in (*FIELDS, *read.errors):
        if name in read.errors and name not in errors:
            errors |= told(read.errors[name], person.locale)
    return errors


FIELDS = (
    "family",
    "given",
    "patronymic",
    "birth_date",
    "sex",
    "citizenship",
    "document_kind",
    "document_series",
    "document_number",
    "document_issued_on",
    "document_issuer_code",
    "document_valid_until",
    "snils",
    "inn",
    "region",
    "email",
)


def values_of(patient: Patient) -> dict[str, str]:
    """The fields of the form as they were stated."""
    values = {"email": patient.email or ""}
    profile = patient.profile
    if profile is None:
        return values
    document = profile.document
    if document is not None:
        values |= {
            "document_kind": document.kind,
            "document_series": document.series or "",
            "document_number": document.number,
            "document_issued_on": _day(document.issued_on),
            "document_issuer_code": document.issuer_code or "",
            "document_valid_until": _day(document.valid_until),
        }
    return values | {
        "family": profile.family,
        "given": profile.given,
        "patronymic": profile.patronymic or "",
        "birth_date": _day(date.fromisoformat(profile.birth_date)),
        "sex": profile.sex,
        "citizenship": profile.citizenship or "",
        "snils": profile.snils,
        "inn": profile.inn or "",
        "region": profile.region or "",
    }


def _day(day: date | None) -> str:
    return f"{day:%d.%m.%Y}" if day else ""


def _page(
    person: Visit, values: dict[str, str], *, errors: dict[str, Any] | None = None, status: int = 200
) -> Response:
    known = look(person.ledger, person.patient_id)
    patient = known.patient
    return person.page(
        "profile.html",
        status=status,
        errors=errors or {},
        values=values,
        citizenships=citizenships(person.locale),
        document_kinds=tuple(DocumentKind),
        regions=tuple(REGIONS.items()),
        is_confirmed=known.so_far.is_believed(patient),
        # Once confirmed, it is changed where a code and a step-up are asked for.
        email_confirmed=masked_email(patient.email) if patient.email and patient.is_email_confirmed else None,
    )
