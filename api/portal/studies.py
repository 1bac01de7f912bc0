"""«Получение анализов онлайн»: ask a linked organisation for a study, choose a time, follow it to its result
(S60-S68)."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import Response

from api.portal.expected import request_shown
from api.portal.web import Actor, Form, Person, Visit, go, told
from api.problems import ProblemError, explain
from domain import study_request
from domain.patient import PolicyMissingError
from domain.sampling import SlotUnknownError
from domain.study_catalogue import STUDIES, Study
from domain.study_request import Coverage, PaymentWord, StudyPaid, StudyRequest
from domain.study_type import StudyType
from domain.values import OrganisationId
from ledger import commands, onboarding
from ledger import study_request as requests
from ledger.receiving import turn_notices_on
from ledger.recorder import MarkTakenError
from ledger.sampling import free_slots, load_sampling
from ledger.study_request import BOOK_DAYS, Order
from projections import cabinet

router = APIRouter(include_in_schema=False)
_RECEIPT_MAX = 60
_SLOTS_MAX = 40
# What the domain and the ledger refuse, as the pages say it: the code, and the field if one is to blame.
_REFUSED: Mapping[type[Exception], tuple[str, str | None]] = {
    PolicyMissingError: ("study-policy-missing", "form"),
    requests.OrganisationNotLinkedError: ("study-organisation-not-linked", "organisation"),
    commands.LaboratoryNotFoundError: ("study-organisation-not-linked", "organisation"),
    study_request.StudyNotAvailableError: ("study-not-available", "study"),
    study_request.StudyNotUrgentError: ("study-not-urgent", "urgent"),
    study_request.RequestClosedError: ("study-request-closed", None),
    study_request.SampleAlreadyTakenError: ("study-sample-taken", None),
    SlotUnknownError: ("study-slot-unknown", None),
    MarkTakenError: ("study-slot-taken", None),
}
REFUSALS = tuple(_REFUSED)


def refusal(error: Exception) -> ProblemError:
    code, field = _REFUSED[type(error)]
    return ProblemError(code, field)


@router.get("/services/studies")
def studies_page(person: Person, organisation: UUID | None = None, urgent: str = "") -> Response:
    return _studies_page(person, organisation, is_urgent=urgent == "yes")


@router.post("/services/studies/check")
def check(person: Actor, form: Form) -> Response:
    """«Проверьте данные»: everything that is about to be asked for, before it is."""
    try:
        order = _order(person, form)
    except ProblemError as error:
        return _again(person, form, error)
    patient = commands.load_patient(person.ledger, person.patient_id)
    language = 0 if person.locale == "ru" else 1
    name = patient.profile and f"{patient.profile.family} {patient.profile.given}"
    return person.page(
        "study_check.html",
        order={
            "organisation": str(order.organisation_id),
            "organisation_name": onboarding.laboratory_of_id(person.ledger, order.organisation_id).name,
            "study": order.study.code,
            "name": order.study.names[language],
            "material": order.study.material.value,
            "preparation": order.study.preparation.value,
            "usual_days": order.study.usual_days,
            "coverage": order.coverage.value,
            "is_urgent": order.is_urgent,
        },
        patient={
            "name": name or "—",
            "birth_date": patient.profile.birth_date if patient.profile else None,
            "policy": f"•••• {patient.policy[-4:]}" if patient.policy else None,
            "email": patient.email,
        },
    )


@router.post("/services/studies")
def ask(person: Actor, form: Form) -> Response:
    try:
        order = _order(person, form)
        request_id = requests.request_study(person.ledger, person.patient_id, order, person.by())
    except ProblemError as error:
        return _again(person, form, error)
    except REFUSALS as error:
        return _again(person, form, refusal(error))
    if form.get("notices") == "yes":
        turn_notices_on(person.ledger, person.patient_id, person.by())
    return go(f"/services/studies/{request_id}", notice="study-requested")


@router.get("/services/studies/{request_id}")
def request_page(person: Person, request_id: UUID) -> Response:
    return _request_page(person, request_id)


@router.post("/services/studies/{request_id}/time")
def choose_time(person: Actor, form: Form, request_id: UUID) -> Response:
    """One free time becomes the patient's, and nobody else's."""
    _own(person, request_id)
    point, _, at = form.get("slot", "").rpartition("|")
    try:
        starts_at = datetime.fromisoformat(at)
        if starts_at.tzinfo is None:
            raise SlotUnknownError
        requests.schedule_sampling(
            person.ledger,
            request_id,
            point=point,
            starts_at=starts_at,
            now=datetime.now(UTC),
            by=person.by(),
        )
    except ValueError:
        return _request_page(person, request_id, ProblemError("study-slot-missing", "slot"))
    except REFUSALS as error:
        return _refused(person, request_id, error, field="slot")
    return go(f"/services/studies/{request_id}", notice="study-scheduled")


@router.post("/services/studies/{request_id}/paid")
def say_paid(person: Actor, form: Form, request_id: UUID) -> Response:
    """The patient's word, with the number of the receipt (S64)."""
    _own(person, request_id)
    receipt = " ".join(form.get("receipt", "").split())
    if not receipt or len(receipt) > _RECEIPT_MAX:
        return _request_page(person, request_id, ProblemError("study-receipt-missing", "receipt"))
    paid = StudyPaid(said_by=PaymentWord.PATIENT, receipt_number=receipt)
    try:
        requests.pay(person.ledger, request_id, paid, person.by())
    except REFUSALS as error:
        return _refused(person, request_id, error, field="receipt")
    return go(f"/services/studies/{request_id}", notice="study-paid")


@router.post("/services/studies/{request_id}/cancel")
def cancel(person: Actor, request_id: UUID) -> Response:
    _own(person, request_id)
    try:
        requests.cancel(person.ledger, request_id, reason="patient", by=person.by())
    except REFUSALS as error:
        return _refused(person, request_id, error, field="form")
    return go("/services/expected", notice="study-cancelled")


def _own(person: Visit, request_id: UUID) -> StudyRequest:
    """Another's request answers as one that is not there."""
    try:
        return requests.request_of_patient(person.ledger, person.patient_id, request_id)
    except requests.RequestNotFoundError:
        raise ProblemError("not-found") from None


def _order(person: Visit, form: dict[str, str]) -> Order:
    """What the form asks for, after seeing that it can be asked for."""
    linked = {
        str(row.laboratory_id) for row, _ in cabinet.linked_laboratories(person.ledger, person.patient_id)
    }
    if form.get("organisation") not in linked:
        raise ProblemError("study-organisation-not-linked", "organisation")
    organisation_id = OrganisationId(UUID(form["organisation"]))
    study = STUDIES.get(form.get("study", ""))
    if study is None:
        raise ProblemError("study-missing", "study")
    if study.study_type not in _available(person, organisation_id):
        raise ProblemError("study-not-available", "study")
    is_urgent = form.get("urgent") == "yes"
    if is_urgent and not study.may_be_urgent:
        raise ProblemError("study-not-urgent", "study")
    try:
        coverage = Coverage(form.get("coverage", ""))
    except ValueError:
        raise ProblemError("study-coverage-missing", "coverage") from None
    return Order(organisation_id, study, coverage, is_urgent)


def _available(person: Visit, organisation_id: OrganisationId) -> frozenset[StudyType]:
    """Of which types the organisation makes studies: what it may send, and what its points take (S63)."""
    laboratory = onboarding.laboratory_of_id(person.ledger, organisation_id)
    sent = frozenset(laboratory.study_types or StudyType)
    points = load_sampling(person.ledger, organisation_id).points.values()
    taken = frozenset[StudyType]().union(*(point.study_types or StudyType for point in points))
    return sent & taken if points else sent


def _again(person: Visit, form: dict[str, str], error: ProblemError) -> Response:
    try:
        organisation = UUID(form.get("organisation", ""))
    except ValueError:
        organisation = None
    return _studies_page(
        person, organisation, is_urgent=form.get("urgent") == "yes", error=error, values=form
    )


def _studies_page(
    person: Visit,
    organisation: UUID | None,
    *,
    is_urgent: bool,
    error: ProblemError | None = None,
    values: dict[str, str] | None = None,
) -> Response:
    linked = cabinet.linked_laboratories(person.ledger, person.patient_id)
    ids = [row.laboratory_id for row, _ in linked]
    chosen = organisation if organisation in ids else (ids[0] if len(ids) == 1 else None)
    available = _available(person, OrganisationId(chosen)) if chosen else frozenset()
    offered = [
        study
        for study in STUDIES.values()
        if study.study_type in available and (study.may_be_urgent or not is_urgent)
    ]
    return person.page(
        "studies.html",
        status=explain(error.code).status if error else 200,
        errors=told(error, person.locale) if error else {},
        values=values or {},
        is_urgent=is_urgent,
        organisations=[{"id": str(row.laboratory_id), "name": row.name} for row, _ in linked],
        organisation=str(chosen) if chosen else None,
        groups=_groups(person, offered),
        coverages=[one.value for one in Coverage],
    )


def _groups(person: Visit, offered: list[Study]) -> list[dict[str, Any]]:
    language = 0 if person.locale == "ru" else 1
    types = dict.fromkeys(study.study_type for study in offered)
    return [
        {
            "type": one.value,
            "studies": [
                {"code": study.code, "name": study.names[language]}
                for study in offered
                if study.study_type is one
            ],
        }
        for one in types
    ]


def _refused(person: Visit, request_id: UUID, error: Exception, *, field: str) -> Response:
    """On the page of the request: beside its field, unless the request as a whole is past it."""
    is_past = isinstance(error, study_request.RequestClosedError | study_request.SampleAlreadyTakenError)
    return _request_page(person, request_id, ProblemError(refusal(error).code, "form" if is_past else field))


def _request_page(person: Visit, request_id: UUID, error: ProblemError | None = None) -> Response:
    request = _own(person, request_id)
    return person.page(
        "study_request.html",
        status=explain(error.code).status if error else 200,
        errors=told(error, person.locale) if error else {},
        values={},
        asked=request_shown(person, request_id, request),
        points=_free(person, request),
    )


def _free(person: Visit, request: StudyRequest) -> list[dict[str, Any]]:
    """Free times by point, the next ones first, for a request whose sample was not taken yet."""
    if request.status not in study_request.BEFORE_SAMPLE:
        return []
    found = []
    for point in load_sampling(person.ledger, request.organisation_id).points.values():
        if request.study and point.study_types and request.study.study_type not in point.study_types:
            continue
        free = free_slots(person.ledger, point, now=datetime.now(UTC), days=BOOK_DAYS)[:_SLOTS_MAX]
        times = [{"value": f"{point.code}|{at.isoformat()}", "at": at} for at in free]
        found.append({"name": point.name, "address": point.address, "times": times})
    return found
