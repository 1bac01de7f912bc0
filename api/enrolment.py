"""Pages where a patient sets up the service: profile, policy, organisations, consents (S18-S81)."""

import re
from datetime import date, datetime
from typing import Any
from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import Response
from orjson import dumps, loads

from api.consent_documents import current
from api.problems import ProblemError, explain
from api.sign_in import CODE_MINUTES
from api.web import Actor, Form, Person, Visit, go, set_cookie, told
from domain import consent
from domain.consent import ConsentKind
from domain.organisation import OrganisationKind
from domain.patient import (
    PolicyAlreadyLinkedError,
    PolicyLinked,
    PolicyMissingError,
    ProfileMissingError,
    ProfileStated,
)
from domain.values import CheckDigitError, OrganisationId, enp, snils
from ledger import commands, onboarding
from ledger.recorder import MarkTakenError
from projections import cabinet

router = APIRouter(include_in_schema=False)
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+")
OLDEST = date(1900, 1, 1)


@router.get("/services")
def services_page(person: Person) -> Response:
    """The checklist of S18-S43: what is done, what is next."""
    patient_id = person.signed_in().patient_id
    patient = commands.load_patient(person.ledger, patient_id)
    consents = [_consent(person, kind) for kind in ConsentKind]
    done = {
        "phone": patient.phone_confirmed,
        "profile": patient.profile is not None,
        "policy": patient.policy is not None,
        "organisation": bool(cabinet.linked_laboratories(person.ledger, patient_id)),
        "consents": all(state is not None and state.in_force for state in consents),
        "email": patient.email is not None,
    }
    links = {
        "phone": "/services",
        "profile": "/services/profile",
        "policy": "/services/policy",
        "organisation": "/services/organisations",
        "consents": "/consents",
        "email": "/services/profile",
    }
    steps = [{"key": key, "done": done[key], "href": links[key]} for key in done]
    return person.page("services.html", steps=steps)


# Profile


@router.get("/services/profile")
def profile_page(person: Person) -> Response:
    patient = commands.load_patient(person.ledger, person.signed_in().patient_id)
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
    patient_id, email = person.signed_in().patient_id, read.pop("email")
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


# Policy


@router.get("/services/policy")
def policy_page(person: Person) -> Response:
    return _policy_page(person)


@router.post("/services/policy")
def send_policy_code(person: Actor, form: Form) -> Response:
    """Check the number and send the code by which its owner confirms it (S33)."""
    patient = commands.load_patient(person.ledger, person.signed_in().patient_id)
    try:
        try:
            number = enp(form.get("number", ""))
        except CheckDigitError:
            raise ProblemError("policy-check-failed", "number") from None
        if patient.profile is None:
            raise ProblemError("profile-missing", "number")
        challenge_id = person.door.challenge(
            "policy",
            patient.phone or "",
            locale=person.locale,
            subject=person.signed_in().patient_id,
            pending=dumps({"phone": patient.phone, "number": number}),
        )
    except ProblemError as error:
        return _policy_page(person, error, form)
    response = go("/services/policy/code", notice="policy-code-sent")
    set_cookie(response, person.settings, "challenge", str(challenge_id), seconds=CODE_MINUTES * 60)
    return response


@router.get("/services/policy/code")
def policy_code_page(person: Person) -> Response:
    return _policy_code_page(person)


@router.post("/services/policy/code")
def link_policy(person: Actor, form: Form) -> Response:
    session = person.signed_in()
    try:
        passed = person.door.pass_code("policy", person.challenge_id(), form.get("code", ""))
        if passed.subject != session.patient_id:
            raise ProblemError("code-expired", "code")
        number = loads(passed.pending)["number"]
        commands.link_policy(person.ledger, session.patient_id, number, person.by())
    except ProblemError as error:
        return _policy_code_page(person, error)
    except MarkTakenError:
        return _policy_page(person, ProblemError("policy-taken", "number"))
    except PolicyAlreadyLinkedError:
        return _policy_page(person, ProblemError("policy-already-linked", "number"))
    except ProfileMissingError:
        return _policy_page(person, ProblemError("profile-missing", "number"))
    return go("/services", notice="policy-linked")


@router.post("/services/policy/code/resend")
def resend_policy_code(person: Actor) -> Response:
    try:
        waiting = person.door.pending("policy", person.challenge_id())
        challenge_id = person.door.challenge(
            "policy",
            loads(waiting.pending)["phone"],
            locale=person.locale,
            subject=person.signed_in().patient_id,
            pending=waiting.pending,
        )
    except ProblemError as error:
        return _policy_code_page(person, error)
    response = go("/services/policy/code", notice="code-sent")
    set_cookie(response, person.settings, "challenge", str(challenge_id), seconds=CODE_MINUTES * 60)
    return response


def _policy_page(
    person: Visit, error: ProblemError | None = None, values: dict[str, str] | None = None
) -> Response:
    patient_id = person.signed_in().patient_id
    number = commands.load_patient(person.ledger, patient_id).policy
    policy = None
    if number is not None:
        linked = [event for event in person.ledger.read(patient_id) if type(event.event) is PolicyLinked]
        policy = {"number_masked": f"•••• •••• •••• {number[-4:]}", "linked_at": linked[-1].recorded_at}
    return person.page(
        "policy.html",
        status=explain(error.code).status if error else 200,
        policy=policy,
        errors=told(error, person.locale) if error else {},
        values=values or {},
    )


def _policy_code_page(person: Visit, error: ProblemError | None = None) -> Response:
    patient = commands.load_patient(person.ledger, person.signed_in().patient_id)
    error = ProblemError(error.code, "code") if error else None
    return person.page(
        "code.html",
        status=explain(error.code).status if error else 200,
        action="/services/policy/code",
        phone_tail=(patient.phone or "")[-4:],
        minutes=CODE_MINUTES,
        errors=told(error, person.locale) if error else {},
        values={},
    )


# Organisations


@router.get("/services/organisations")
def organisations_page(person: Person, q: str = "") -> Response:
    patient_id = person.signed_in().patient_id
    linked = cabinet.linked_laboratories(person.ledger, patient_id)
    have = {laboratory.laboratory_id for laboratory, _ in linked}
    found = cabinet.laboratories(person.ledger, search=q[:200]) if q.strip() else []
    return person.page(
        "organisations.html",
        q=q[:200],
        organisations=[
            {
                "name": laboratory.name,
                "inn": laboratory.inn,
                "kind": _kind(person, laboratory.laboratory_id),
                "status_id": "organisation.status.active",
                "linked_at": linked_at,
            }
            for laboratory, linked_at in linked
        ],
        found=[
            {
                "id": str(row.laboratory_id),
                "name": row.name,
                "inn": row.inn,
                "kind": _kind(person, row.laboratory_id),
            }
            for row in found
            if row.laboratory_id not in have
        ],
    )


def _kind(person: Visit, laboratory_id: UUID) -> OrganisationKind:
    """Whoever submits reports is a laboratory, until something else is stated."""
    stated = onboarding.laboratory_of_id(person.ledger, laboratory_id).kind
    return stated or OrganisationKind.LABORATORY


@router.post("/services/organisations")
def add_organisation(person: Actor, form: Form) -> Response:
    try:
        organisation_id = OrganisationId(UUID(form.get("organisation", "")))
        commands.link_organisation(person.ledger, person.signed_in().patient_id, organisation_id, person.by())
    except (ValueError, commands.LaboratoryNotFoundError):
        raise ProblemError("not-found") from None
    except PolicyMissingError:
        raise ProblemError("policy-missing") from None
    return go("/services/organisations", notice="organisation-added")


# Consents


@router.get("/consents")
def consents_page(person: Person) -> Response:
    person.signed_in()
    return person.page("consents.html", consents=[_shown(person, kind) for kind in ConsentKind])


@router.get("/consents/{kind}/document")
def consent_document_page(person: Person, kind: ConsentKind) -> Response:
    text = current(kind, person.locale)
    document = {
        "title": text.title,
        "version": text.document.version,
        "language": text.document.language,
        "sha256": text.document.sha256,
        "paragraphs": list(text.paragraphs),
    }
    return person.page("consent_document.html", document=document)


@router.post("/consents/{kind}/grant")
def grant(person: Actor, form: Form, kind: ConsentKind) -> Response:
    """Record the consent to the very text that the page showed."""
    if form.get("read") != "yes":
        return go("/consents", notice="consent-not-read")
    document = current(kind, person.locale).document
    if form.get("version") != str(document.version):
        raise ProblemError("consent-document-changed")
    commands.grant_consent(
        person.ledger,
        person.signed_in().patient_id,
        agreed=document,
        current=document,
        by=person.by(),
    )
    return go("/consents", notice="consent-granted")


@router.post("/consents/{kind}/withdraw")
def withdraw(person: Actor, kind: ConsentKind) -> Response:
    try:
        commands.withdraw_consent(person.ledger, person.signed_in().patient_id, kind, person.by())
    except consent.ConsentNotInForceError:
        raise ProblemError("consent-not-in-force") from None
    return go("/consents", notice="consent-withdrawn")


def _consent(person: Visit, kind: ConsentKind) -> consent.Consent | None:
    return person.ledger.load(_consent_stream(person, kind), consent.evolve)[0]


def _consent_stream(person: Visit, kind: ConsentKind) -> UUID:
    return commands.consent_stream(person.ledger, person.signed_in().patient_id, kind)


def _shown(person: Visit, kind: ConsentKind) -> dict[str, Any]:
    state = _consent(person, kind)
    events = list(person.ledger.read(_consent_stream(person, kind))) if state else []
    granted = [event.recorded_at for event in events if type(event.event) is consent.ConsentGranted]
    withdrawn = [event.recorded_at for event in events if type(event.event) is consent.ConsentWithdrawn]
    return {
        "kind": kind.value,
        "title_id": f"consents.title.{kind}",
        "purpose_id": f"consents.purpose.{kind}",
        "document_href": f"/consents/{kind}/document",
        "version": current(kind, person.locale).document.version,
        "state": "none" if state is None else "granted" if state.in_force else "withdrawn",
        "granted_at": granted[-1] if granted else None,
        "withdrawn_at": withdrawn[-1] if state and not state.in_force else None,
    }
