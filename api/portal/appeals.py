"""Appeals: a patient asks an organisation to switch automatic transfer on, and follows what becomes of it (S96-S101).

A patient has one appeal with an organisation, so its address is the organisation's: nobody else's can be named.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import Response

from api.portal.web import Actor, Form, Person, Visit, go, told
from api.problems import ProblemError, explain
from domain import appeal
from domain.appeal import Appeal, AppealContentStated, AppealStatus
from domain.laboratory import Laboratory
from domain.patient import Patient
from domain.values import CheckDigitError, OrganisationId, digits_only, inn, okpo
from ledger import appeals, commands, onboarding
from ledger.codec import Erased, name_of
from ledger.commands import LaboratoryNotFoundError
from projections import appeals as view
from projections import cabinet

router = APIRouter(include_in_schema=False, prefix="/services/appeals")
LIST = "/services/appeals"
NAME_MAX = 500
_REFUSALS: dict[type[Exception], str] = {
    appeal.AppealUnknownError: "not-found",
    appeal.AppealConsentMissingError: "appeal-consent-missing",
    appeal.AppealOpenError: "appeal-open",
    appeal.AppealNotOpenError: "appeal-not-open",
    appeal.AppealNotNeededError: "appeal-not-needed",
    appeal.AppealNotCorrectedError: "appeal-not-corrected",
    appeal.AppealStatusAskedError: "appeal-status-asked",
    LaboratoryNotFoundError: "not-found",
}
# The events of an appeal that its history tells of, by the word for each.
HISTORY = {
    "AppealSubmitted": "submitted",
    "AppealTaken": "taken",
    "AppealAnswered": "answered",
    "AppealReminded": "reminded",
    "AppealEscalated": "escalated",
    "AppealStatusRequested": "status-requested",
    "AppealRepeated": "repeated",
    "AppealWithdrawn": "withdrawn",
}


@router.get("")
def list_page(person: Person, q: str = "") -> Response:
    rows = view.appeals_of(person.ledger, person.patient_id)
    found = cabinet.laboratories(person.ledger, search=q[:200]) if q.strip() else []
    return person.page(
        "appeals.html",
        q=q[:200],
        appeals=[
            {
                "href": f"{LIST}/{row.organisation_id}",
                "number": row.number,
                "organisation": _organisation(person, row.organisation_id).name,
                "status": row.status,
                "submitted_at": row.submitted_at,
            }
            for row in rows
        ],
        found=[{"href": f"{LIST}/{row.laboratory_id}", "name": row.name, "inn": row.inn} for row in found],
    )


@router.get("/{organisation_id}")
def appeal_page(person: Person, organisation_id: UUID) -> Response:
    return _page(person, OrganisationId(organisation_id))


@router.post("/{organisation_id}")
def submit(person: Actor, form: Form, organisation_id: UUID) -> Response:
    """Send the appeal, or the corrected one (S101); every wrong field is named at once."""
    patient = commands.load_patient(person.ledger, person.patient_id)
    stated, errors = _requisites(person, form)
    if errors:
        return _page(person, OrganisationId(organisation_id), status=422, errors=errors, values=form)
    content = _content(patient, stated)
    try:
        if content is None:
            raise ProblemError("appeal-data-missing")
        with _refusals():
            appeals.submit(
                person.ledger,
                person.patient_id,
                OrganisationId(organisation_id),
                content,
                person.by(),
                now=datetime.now(UTC),
            )
    except ProblemError as error:
        status, errors = explain(error.code).status, told(error, person.locale)
        return _page(person, OrganisationId(organisation_id), status=status, errors=errors, values=form)
    return go(f"{LIST}/{organisation_id}", notice="appeal-submitted")


@router.post("/{organisation_id}/status")
def ask_status(person: Actor, organisation_id: UUID) -> Response:
    """«Запросить статус подключения» (S100)."""
    with _refusals():
        appeals.ask_status(
            person.ledger, _appeal_id(person, organisation_id), person.by(), now=datetime.now(UTC)
        )
    return go(f"{LIST}/{organisation_id}", notice="appeal-status-asked")


@router.post("/{organisation_id}/withdraw")
def withdraw(person: Actor, organisation_id: UUID) -> Response:
    with _refusals():
        appeals.withdraw(person.ledger, _appeal_id(person, organisation_id), person.by())
    return go(f"{LIST}/{organisation_id}", notice="appeal-withdrawn")


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except tuple(_REFUSALS) as error:
        raise ProblemError(_REFUSALS[type(error)]) from None


def _appeal_id(person: Visit, organisation_id: UUID) -> UUID:
    return appeals.appeal_stream(person.ledger, person.patient_id, OrganisationId(organisation_id))


def _organisation(person: Visit, organisation_id: UUID) -> Laboratory:
    try:
        return onboarding.laboratory_of_id(person.ledger, organisation_id)
    except LaboratoryNotFoundError:
        raise ProblemError("not-found") from None


# What an appeal says


def _content(patient: Patient, stated: dict[str, str]) -> AppealContentStated | None:
    """With what the profile says of the patient; None while that is incomplete."""
    profile, policy = patient.profile, policy_text(patient)
    if profile is None or policy is None or patient.email is None:
        return None
    return AppealContentStated(
        family=profile.family,
        given=profile.given,
        patronymic=profile.patronymic,
        birth_date=profile.birth_date,
        policy=policy,
        email=patient.email,
        organisation_name=stated["organisation_name"],
        inn=stated["inn"],
        okpo=stated["okpo"],
    )


def policy_text(patient: Patient) -> str | None:
    """The linked policy as people read it: one of the old kind has a series."""
    linked = patient.policy_linked
    if linked is None:
        return None
    return f"{linked.series} {linked.number}" if linked.series else linked.number


def _requisites(person: Visit, form: dict[str, str]) -> tuple[dict[str, str], dict[str, dict[str, str]]]:
    """The organisation's requisites as stated, and what is wrong with them."""
    stated: dict[str, str] = {}
    errors: dict[str, dict[str, str]] = {}
    for field, check in _FIELDS.items():
        try:
            stated[field] = check(form.get(field, ""))
        except ProblemError as error:
            errors |= told(error, person.locale)
    return stated, errors


def _name(text: str) -> str:
    name = " ".join(text.split())
    if not 0 < len(name) <= NAME_MAX:
        raise ProblemError("appeal-organisation-name-missing", "organisation_name")
    return name


def _inn(text: str) -> str:
    try:
        if len(digits_only(text)) != 10:
            raise CheckDigitError("inn")
        return inn(text)
    except CheckDigitError:
        raise ProblemError("appeal-inn-wrong", "inn") from None


def _okpo(text: str) -> str:
    try:
        return okpo(text)
    except CheckDigitError:
        raise ProblemError("appeal-okpo-wrong", "okpo") from None


_FIELDS = {"organisation_name": _name, "inn": _inn, "okpo": _okpo}


# The page


def _page(
    person: Visit,
    organisation_id: OrganisationId,
    *,
    status: int = 200,
    errors: dict[str, dict[str, str]] | None = None,
    values: dict[str, str] | None = None,
) -> Response:
    patient_id = person.patient_id
    organisation = _organisation(person, organisation_id)
    patient = commands.load_patient(person.ledger, patient_id)
    state, _ = person.ledger.load(_appeal_id(person, organisation_id), appeal.evolve)
    consent = appeals.basis_of(person.ledger, patient_id, organisation_id).consent
    return person.page(
        "appeal.html",
        status=status,
        href=f"{LIST}/{organisation_id}",
        organisation=organisation.name,
        appeal=_shown(state) if state else None,
        history=_history(person, organisation_id) if state else [],
        may_submit=state is None or not (state.is_open or state.status is AppealStatus.ACTIVATED),
        of_patient=_of_patient(patient),
        is_consent_given=consent is not None and consent.holds_at(datetime.now(UTC)),
        consent_href=f"/consents/electronic-transfer?organisation={organisation_id}&to={LIST}/{organisation_id}",
        errors=errors or {},
        values=values or _prefilled(state, organisation),
    )


def _prefilled(state: Appeal | None, organisation: Laboratory) -> dict[str, str]:
    before = state.content if state else None
    if before is not None:
        return {"organisation_name": before.organisation_name, "inn": before.inn, "okpo": before.okpo}
    return {"organisation_name": organisation.name, "inn": organisation.inn}


def _shown(state: Appeal) -> dict[str, Any]:
    answer = state.answer
    return {
        "number": state.number,
        "status": state.status.value,
        "is_open": state.is_open,
        "answer_due": state.answer_due,
        "is_reminded": state.is_reminded,
        "is_escalated": state.is_escalated,
        "reason": answer.reason.value if answer and answer.reason else None,
        "field": answer.field.value if answer and answer.field else None,
        "explanation": state.explanation,
    }


def _history(person: Visit, organisation_id: OrganisationId) -> list[dict[str, Any]]:
    """What happened, latest first."""
    told_of = [
        {"at": recorded.recorded_at, "what": HISTORY[name_of(recorded.event)]}
        for recorded in person.ledger.read(_appeal_id(person, organisation_id))
        if not isinstance(recorded.event, Erased) and name_of(recorded.event) in HISTORY
    ]
    return told_of[::-1]


def _of_patient(patient: Patient) -> list[dict[str, Any]]:
    """What the appeal says of the patient, and where to state what is missing."""
    profile = patient.profile
    name = profile.full_name if profile else None
    return [
        {"field": "name", "text": name, "href": "/services/profile"},
        {
            "field": "birth_date",
            "text": profile.birth_date if profile else None,
            "href": "/services/profile",
        },
        {"field": "policy", "text": policy_text(patient), "href": "/services/policy"},
        {"field": "email", "text": patient.email, "href": "/account/email"},
    ]
