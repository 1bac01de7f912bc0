"""The profile: who a patient says they are, every wrong field named at once (S82-S90)."""

import re
from datetime import date, datetime
from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response

from api.portal.web import Actor, Form, Person, go, told
from api.problems import ProblemError
from domain.patient import ProfileStated
from domain.values import CheckDigitError, snils
from ledger import commands
from ledger.recorder import MarkTakenError

router = APIRouter(include_in_schema=False)
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+")
OLDEST = date(1900, 1, 1)


@router.get("/services/profile")
def profile_page(person: Person) -> Response:
    patient = commands.load_patient(person.ledger, person.patient_id)
    values = {"email": patient.email or ""}
    if patient.profile is not None:
        profile = patient.profile
        values |= {
            "family": profile.family,
            "given": profile.given,
            "patronymic": profile.patronymic or "",
            "birth_date": f"{date.fromisoformat(profile.birth_date):%d.%m.%Y}",
            "sex": profile.sex,
            "snils": profile.snils,
        }
    return person.page("profile.html", errors={}, values=values)


@router.post("/services/profile")
def save_profile(person: Actor, form: Form) -> Response:
    """Every field is checked, and every wrong one is named at once (S82-S90)."""
    errors: dict[str, dict[str, str]] = {}
    read: dict[str, Any] = {}
    for field, check in _PROFILE_FIELDS.items():
        try:
            read[field] = check(form.get(field, "").strip())
        except ProblemError as error:
            errors |= told(error, person.locale)
    if errors:
        return person.page("profile.html", status=422, errors=errors, values=form)
    patient_id, email = person.patient_id, read.pop("email")
    try:
        commands.state_profile(person.ledger, patient_id, ProfileStated(**read), person.by())
        if email:
            commands.state_email(person.ledger, patient_id, email, person.by())
    except MarkTakenError:
        errors = told(ProblemError("snils-taken", "snils"), person.locale)
        return person.page("profile.html", status=409, errors=errors, values=form)
    return go("/services", notice="profile-saved")


def _named(field: str, *, is_optional: bool = False) -> Any:
    def check(text: str) -> str | None:
        name = " ".join(text.split())
        if not name and not is_optional:
            raise ProblemError("name-missing", field)
        if len(name) > 100:
            raise ProblemError("name-missing", field)
        return name or None

    return check


def _birth_date(text: str) -> str:
    try:
        found = datetime.strptime(text, "%d.%m.%Y").date()  # noqa: DTZ007 - a date has no zone
    except ValueError:
        raise ProblemError("birth-date-malformed", "birth_date") from None
    if not OLDEST <= found <= date.today():  # noqa: DTZ011 - a day more or less is no matter here
        raise ProblemError("birth-date-malformed", "birth_date")
    return found.isoformat()


def _sex(text: str) -> str:
    if text not in ("male", "female"):
        raise ProblemError("sex-missing", "sex")
    return text


def _snils(text: str) -> str:
    try:
        return snils(text)
    except CheckDigitError:
        raise ProblemError("snils-check-failed", "snils") from None


def _email(text: str) -> str | None:
    if text and (len(text) > 254 or not _EMAIL.fullmatch(text)):
        raise ProblemError("email-malformed", "email")
    return text or None


_PROFILE_FIELDS = {
    "family": _named("family"),
    "given": _named("given"),
    "patronymic": _named("patronymic", is_optional=True),
    "birth_date": _birth_date,
    "sex": _sex,
    "snils": _snils,
    "email": _email,
}
