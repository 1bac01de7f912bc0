"""Study request: a patient asks a laboratory for a study and gives a sample; a report fulfils it (FHIR ServiceRequest)."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import assert_never
from uuid import UUID

from domain.code_map import FSLI, LOINC
from domain.report_content import ReportContent, ReportStatus
from domain.study_catalogue import STUDIES, Study
from domain.study_type import StudyType
from domain.values import OrganisationId, PatientId

# Events: what happened. Which study it is says something of the patient's health: that is sealed, and what routes
# the request is not.


class Coverage(StrEnum):
    """Who pays: the OMS policy, or the patient by a contract with the organisation (S64)."""

    POLICY = "policy"
    CONTRACT = "contract"


class PaymentWord(StrEnum):
    """Whose word it is that the study was paid for."""

    PATIENT = "patient"
    ORGANISATION = "organisation"


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyRequested:
    """The patient asked this organisation for a study."""

    patient_id: PatientId
    organisation_id: OrganisationId
    is_urgent: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyChosen:
    """Which study, by its LOINC code, how it is paid for, and the number under which the organisation finds it."""

    number: str
    code: str
    coverage: Coverage


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyPaid:
    """It was paid for: somebody's word, with the number of the receipt if there is one."""

    said_by: PaymentWord
    receipt_number: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplingScheduled:
    """The patient has this time at this point; an earlier one is free again."""

    point: str
    starts_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleTaken:
    """The sample was taken, or the patient was examined."""

    taken_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleReachedLaboratory:
    """The sample is at the laboratory, and is worked on."""

    reached_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyRequestFulfilled:
    """The report that was waited for is in the cabinet. `found_by` is `number` or `code`."""

    report_id: UUID
    found_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyRequestCancelled:
    """Nothing is waited for any more; `reason` is `patient` or `organisation`, who wanted it so, or `patient-erased`."""

    reason: str


StudyRequestEvent = (
    StudyRequested
    | StudyChosen
    | StudyPaid
    | SamplingScheduled
    | SampleTaken
    | SampleReachedLaboratory
    | StudyRequestFulfilled
    | StudyRequestCancelled
)

# State.


class RequestStatus(StrEnum):
    REQUESTED = "requested"
    SCHEDULED = "scheduled"
    SAMPLED = "sampled"
    AT_LABORATORY = "at-laboratory"
    FULFILLED = "fulfilled"
    CANCELLED = "cancelled"


OPEN = frozenset(RequestStatus) - {RequestStatus.FULFILLED, RequestStatus.CANCELLED}
BEFORE_SAMPLE = frozenset({RequestStatus.REQUESTED, RequestStatus.SCHEDULED})


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyRequest:
    """A request as it stands. Number, code and payment are None when they were erased or are not known."""

    patient_id: PatientId
    organisation_id: OrganisationId
    is_urgent: bool
    status: RequestStatus = RequestStatus.REQUESTED
    number: str | None = None
    code: str | None = None
    coverage: Coverage | None = None
    paid: StudyPaid | None = None
    point: str | None = None
    starts_at: datetime | None = None
    taken_at: datetime | None = None
    report_id: UUID | None = None

    @property
    def study(self) -> Study | None:
        return STUDIES.get(self.code or "")

    @property
    def is_pressing(self) -> bool:
        """Its result is told at once, whatever the periodicity of notices (S62, S64)."""
        return self.is_urgent or self.paid is not None

    @property
    def due_at(self) -> datetime | None:
        """When the result is usually there; None before a sample was taken."""
        if self.taken_at is None or self.study is None:
            return None
        return self.taken_at + timedelta(days=self.study.usual_days)

    def is_overdue(self, now: datetime) -> bool:
        return self.status in OPEN and self.due_at is not None and self.due_at < now


def evolve(request: StudyRequest | None, event: StudyRequestEvent) -> StudyRequest:
    """Replay one event. Never refuses."""
    if isinstance(event, StudyRequested):
        return StudyRequest(
            patient_id=event.patient_id, organisation_id=event.organisation_id, is_urgent=event.is_urgent
        )
    assert request is not None
    match event:
        case StudyChosen():
            return replace(request, number=event.number, code=event.code, coverage=event.coverage)
        case StudyPaid():
            return replace(request, paid=event)
        case SamplingScheduled():
            status = RequestStatus.SCHEDULED
            return replace(request, status=status, point=event.point, starts_at=event.starts_at)
        case SampleTaken():
            return replace(request, status=RequestStatus.SAMPLED, taken_at=event.taken_at)
        case SampleReachedLaboratory():
            return replace(request, status=RequestStatus.AT_LABORATORY)
        case StudyRequestFulfilled():
            return replace(request, status=RequestStatus.FULFILLED, report_id=event.report_id)
        case StudyRequestCancelled():
            return replace(request, status=RequestStatus.CANCELLED)
        case _:
            assert_never(event)


# Decisions.


class StudyNotAvailableError(Exception):
    """The organisation, or the point, does not make studies of this type."""


class StudyNotUrgentError(Exception):
    """The study is never made out of turn."""


class RequestClosedError(Exception):
    """The request is fulfilled or cancelled: ask anew."""


class SampleAlreadyTakenError(Exception):
    """The sample was taken already."""


class SampleInFutureError(Exception):
    """A sample can't have been taken at a time that is still to come."""


def request(
    *,
    patient_id: PatientId,
    organisation_id: OrganisationId,
    study: Study,
    number: str,
    coverage: Coverage,
    available: frozenset[StudyType],
    is_urgent: bool = False,
) -> tuple[StudyRequested, StudyChosen]:
    """Ask an organisation that makes studies of these types."""
    if study.study_type not in available:
        raise StudyNotAvailableError
    if is_urgent and not study.may_be_urgent:
        raise StudyNotUrgentError
    return (
        StudyRequested(patient_id=patient_id, organisation_id=organisation_id, is_urgent=is_urgent),
        StudyChosen(number=number, code=study.code, coverage=coverage),
    )


def pay(request: StudyRequest, paid: StudyPaid) -> tuple[StudyPaid, ...]:
    """The organisation's word outweighs the patient's; neither is said twice."""
    _require_open(request)
    if request.paid is None:
        return (paid,)
    is_confirmed_now = (
        request.paid.said_by is PaymentWord.PATIENT and paid.said_by is PaymentWord.ORGANISATION
    )
    return (paid,) if is_confirmed_now else ()


def schedule(request: StudyRequest, *, point: str, starts_at: datetime) -> tuple[SamplingScheduled, ...]:
    _require_open(request)
    if request.status not in BEFORE_SAMPLE:
        raise SampleAlreadyTakenError
    if (request.point, request.starts_at) == (point, starts_at):
        return ()
    return (SamplingScheduled(point=point, starts_at=starts_at),)


def take_sample(request: StudyRequest, *, taken_at: datetime, now: datetime) -> tuple[SampleTaken, ...]:
    _require_open(request)
    if taken_at > now:
        raise SampleInFutureError
    return (SampleTaken(taken_at=taken_at),) if request.taken_at is None else ()


def reach_laboratory(request: StudyRequest, *, at: datetime) -> tuple[StudyRequestEvent, ...]:
    """What is at the laboratory was taken before, even if nobody said so."""
    _require_open(request)
    if request.status is RequestStatus.AT_LABORATORY:
        return ()
    taken = (SampleTaken(taken_at=at),) if request.taken_at is None else ()
    return (*taken, SampleReachedLaboratory(reached_at=at))


def fulfil(request: StudyRequest, *, report_id: UUID, found_by: str) -> tuple[StudyRequestFulfilled, ...]:
    if request.status not in OPEN:
        return ()
    return (StudyRequestFulfilled(report_id=report_id, found_by=found_by),)


def cancel(request: StudyRequest, *, reason: str) -> StudyRequestCancelled:
    """A patient cancels before the sample is taken; afterwards only the organisation can."""
    _require_open(request)
    if request.status not in BEFORE_SAMPLE and reason == "patient":
        raise SampleAlreadyTakenError
    return StudyRequestCancelled(reason=reason)


def _require_open(request: StudyRequest) -> None:
    if request.status not in OPEN:
        raise RequestClosedError


# Which report is the one that was asked for.

COMPLETE = frozenset(
    {ReportStatus.FINAL, ReportStatus.AMENDED, ReportStatus.CORRECTED, ReportStatus.APPENDED}
)
BY_NUMBER, BY_CODE = "number", "code"


def answered_by(request: StudyRequest, content: ReportContent) -> str | None:
    """How a report of that patient from that organisation is known to be the one that was asked for; None if it is
    not, or nobody can tell. It must be complete. The request's number says it for certain; the study's own code
    does if a sample had been taken for it."""
    if request.status not in OPEN or content.status not in COMPLETE:
        return None
    if request.number and any(folded(one.value) == folded(request.number) for one in content.identifiers):
        return BY_NUMBER
    study = request.study
    if study is None or request.taken_at is None or content.code is None:
        return None
    if _is_of_earlier_sample(content, request.taken_at):
        return None
    known = {(LOINC, study.code), *(((FSLI, study.fsli),) if study.fsli else ())}
    return BY_CODE if any((one.system, one.code) in known for one in content.code.codings) else None


def _is_of_earlier_sample(content: ReportContent, taken_at: datetime) -> bool:
    """Whether the report says that its sample was taken on a day before; a day is given for the zones."""
    said = (content.effective_at, *(specimen.collected_at for specimen in content.specimens))
    earliest = (taken_at - timedelta(days=1)).date().isoformat()
    return any(at is not None and at[:10] < earliest[: len(at[:10])] for at in said)


def folded(number: str) -> str:
    """A request's number without the dashes that people put in or leave out."""
    return "".join(char for char in number.upper() if char.isalnum())
