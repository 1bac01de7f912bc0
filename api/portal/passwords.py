"""Passwords on pages: how strong one is, a suggestion, and the change of one's own."""

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response

from api import limits
from api.pages import phrase
from api.passwords import Kind, require_good, strength, suggestion
from api.portal.open_sessions import end_others
from api.portal.refusing import form_page
from api.portal.sign_in import hash_password
from api.portal.telling import tell
from api.portal.web import Actor, Form, Person, Visit, go
from api.problems import ProblemError, explain
from domain.patient import Patient
from ledger import commands, credentials

router = APIRouter(include_in_schema=False)
_PHONE_MAX = 30


@router.post("/passwords/estimate")
def estimate(person: Person, form: Form) -> Response:
    """How strong what is being typed is. It is looked at and forgotten."""
    limits.take_from_address(person.request, person.ledger, person.settings, "estimate")
    phone = form.get("phone", "")[:_PHONE_MAX]
    found = strength(form.get("password", ""), about=(phone, *own_words(person)))
    answer: dict[str, Any] = {
        "score": found.score,
        "text": phrase(f"password.strength.{found.score}", locale=person.locale),
        "advice": "",
    }
    if found.refusal is not None:
        answer["advice"] = explain(found.refusal).title[0 if person.locale == "ru" else 1]
    response = JSONResponse(answer)
    response.headers["Cache-Control"] = "no-store"
    return response


def own_words(person: Visit) -> tuple[str, ...]:
    """The data of who is signed in, of which no password should be made."""
    if person.session is None:
        return ()
    return words_of(commands.load_patient(person.ledger, person.session.patient_id))


def words_of(patient: Patient) -> tuple[str, ...]:
    profile = patient.profile
    named = (profile.family, profile.given, profile.patronymic, profile.birth_date) if profile else ()
    return tuple(word for word in (patient.phone, patient.email, *named) if word)


def with_suggestion(form: Mapping[str, str]) -> dict[str, str] | None:
    """The form's values with a new password, if the person asked for one by its button; None if not."""
    if "suggest" not in form:
        return None
    kind: Kind = "characters" if form["suggest"] == "characters" else "words"
    return {"phone": form.get("phone", ""), "password": suggestion(kind)}


@router.get("/account/password")
def password_page(person: Person) -> Response:
    person.require_step_up()
    return _page(person)


@router.post("/account/password")
def change_password(person: Actor, form: Form) -> Response:
    """The old one again, and the step-up: who finds a cabinet open must not take it."""
    person.require_step_up()
    suggested = with_suggestion(form)
    if suggested is not None:
        return _page(person, values=suggested)
    session = person.signed_in()
    patient = commands.load_patient(person.ledger, session.patient_id)
    try:
        limits.take(person.ledger, "sign-in", str(session.patient_id))
        try:
            person.door.check_password(patient.phone or "", form.get("present", ""))
        except ProblemError:
            raise ProblemError("password-wrong", "present") from None
        if form.get("password") == form.get("present"):
            raise ProblemError("password-same", "password")
        require_good(form.get("password", ""), about=words_of(patient))
        password_hash = hash_password(form.get("password", ""))
    except ProblemError as error:
        return _page(person, error)
    by = person.by()
    person.door.set_password(session.patient_id, password_hash)
    credentials.change_password(person.ledger, session.patient_id, by)
    end_others(person.ledger, session.patient_id, by, kept=session.session_id, reason="factors-changed")
    tell(person.door, patient.phone or "", "password-changed", locale=person.locale)
    return go("/account", notice="password-changed")


def _page(
    person: Visit, error: ProblemError | None = None, values: Mapping[str, str] | None = None
) -> Response:
    patient = commands.load_patient(person.ledger, person.signed_in().patient_id)
    return form_page(person, "password.html", error, values=values, phone=patient.phone or "")
