"""Report: what a laboratory issues about a patient's specimens, and every later version of it."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import assert_never
from uuid import UUID

from domain.numbers import numbers_of
from domain.values import Concept, Identifier, LaboratoryId, PatientId, Quantity

# What a report says. FHIR DiagnosticReport and Observation name the parts; text is as sent.


class ReportStatus(StrEnum):
    """FHIR R4 diagnostic-report-status, a required value set."""

    REGISTERED = "registered"
    PARTIAL = "partial"
    PRELIMINARY = "preliminary"
    FINAL = "final"
    AMENDED = "amended"
    CORRECTED = "corrected"
    APPENDED = "appended"
    CANCELLED = "cancelled"
    ENTERED_IN_ERROR = "entered-in-error"
    UNKNOWN = "unknown"


class ObservationStatus(StrEnum):
    """FHIR R4 observation-status, a required value set."""

    REGISTERED = "registered"
    PRELIMINARY = "preliminary"
    FINAL = "final"
    AMENDED = "amended"
    CORRECTED = "corrected"
    CANCELLED = "cancelled"
    ENTERED_IN_ERROR = "entered-in-error"
    UNKNOWN = "unknown"


def status_of_observations(statuses: Iterable[ObservationStatus]) -> ReportStatus:
    """The status of a report that does not say its own: what is withdrawn does not speak for the rest, and
    what is still to come makes the whole partial."""
    found = set(statuses)
    withdrawn = {ObservationStatus.CANCELLED, ObservationStatus.ENTERED_IN_ERROR}
    awaited = {ObservationStatus.REGISTERED, ObservationStatus.PRELIMINARY}
    said = found - withdrawn or found
    if len(said) == 1:
        return ReportStatus(next(iter(said)).value)
    if said & awaited:
        return ReportStatus.PRELIMINARY if said <= awaited else ReportStatus.PARTIAL
    by_weight = (
        ObservationStatus.UNKNOWN,
        ObservationStatus.CORRECTED,
        ObservationStatus.AMENDED,
        ObservationStatus.CANCELLED,
    )
    return ReportStatus(next((status.value for status in by_weight if status in said), "unknown"))


class ValueKind(StrEnum):
    """Which part of a Value carries it."""

    QUANTITY = "quantity"
    CONCEPT = "concept"
    TEXT = "text"
    BOOLEAN = "boolean"
    INTEGER = "integer"
    RANGE = "range"
    RATIO = "ratio"
    TIME = "time"
    DATE_TIME = "date-time"
    PERIOD = "period"
    SAMPLED_DATA = "sampled-data"


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """A measured value. `low` and `high` carry a range, a ratio's numerator and denominator
    are `numerator` and `denominator`; every kind without a quantity or concept is in `text`, as sent
    (a period is start and end with a slash between)."""

    kind: ValueKind
    quantity: Quantity | None = None
    concept: Concept | None = None
    text: str | None = None
    low: Quantity | None = None
    high: Quantity | None = None
    numerator: Quantity | None = None
    denominator: Quantity | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceRange:
    """What is usual for such a patient. `kind` tells normal from therapeutic and the like."""

    low: Quantity | None = None
    high: Quantity | None = None
    kind: Concept | None = None
    applies_to: tuple[Concept, ...] = ()
    text: str | None = None

    @property
    def ends(self) -> tuple[Quantity | None, Quantity | None]:
        return self.low, self.high


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """A part of an observation that has no life of its own: systolic of a blood pressure."""

    code: Concept
    value: Value | None = None
    data_absent_reason: Concept | None = None
    interpretation: tuple[Concept, ...] = ()
    reference_ranges: tuple[ReferenceRange, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One measured value in a report, or a panel whose members are other observations.

    `members` are places (from 0) in the same report's observations. `source_id` is the laboratory's
    own name for the observation: the same code twice in a report is two observations.
    """

    code: Concept
    status: ObservationStatus
    value: Value | None = None
    data_absent_reason: Concept | None = None
    interpretation: tuple[Concept, ...] = ()
    reference_ranges: tuple[ReferenceRange, ...] = ()
    components: tuple[Component, ...] = ()
    members: tuple[int, ...] = ()
    category: tuple[Concept, ...] = ()
    effective_at: str | None = None
    issued_at: str | None = None
    method: Concept | None = None
    notes: tuple[str, ...] = ()
    source_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Specimen:
    """The sample: what it is and when it was taken (FHIR dateTime, as sent)."""

    kind: Concept | None = None
    collected_at: str | None = None
    received_at: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A rendered form of the report. The bytes stay in the submission; `source` points into it."""

    content_type: str | None = None
    title: str | None = None
    size_bytes: int | None = None
    source: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """The patient as the laboratory named them; not yet a patient of ours."""

    family: str | None = None
    given: tuple[str, ...] = ()
    name_text: str | None = None
    birth_date: str | None = None
    sex: str | None = None
    identifiers: tuple[Identifier, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportContent:
    """One version of a report, as the laboratory sent it. Times are FHIR dateTime text, as sent."""

    status: ReportStatus
    subject: Subject
    identifiers: tuple[Identifier, ...] = ()
    code: Concept | None = None
    category: tuple[Concept, ...] = ()
    effective_at: str | None = None
    issued_at: str | None = None
    performer: str | None = None
    specimens: tuple[Specimen, ...] = ()
    observations: tuple[Observation, ...] = ()
    conclusion: str | None = None
    conclusion_codes: tuple[Concept, ...] = ()
    notes: tuple[str, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    source_id: str | None = None


# Events: what happened.


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportReceived:
    """A laboratory issued a report. Whose it is, another event says: a report has no patient until one
    was recognised."""

    laboratory_id: LaboratoryId
    submission_id: UUID
    content: ReportContent


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportRevised:
    """The laboratory issued another version of the report; its status says what kind of change."""

    laboratory_id: LaboratoryId
    submission_id: UUID
    content: ReportContent


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportMatched:
    """The report is this patient's; `matched_by` is the kind of number that recognised them."""

    patient_id: PatientId
    matched_by: str


ReportEvent = ReportReceived | ReportRevised | ReportMatched

# State: the version chain, and whose it is.


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """`versions` are the contents in order of arrival."""

    laboratory_id: LaboratoryId
    patient_id: PatientId | None
    versions: tuple[ReportContent, ...]

    @property
    def current(self) -> ReportContent:
        return self.versions[-1]


def evolve(report: Report | None, event: ReportEvent) -> Report:
    """Replay one event. Never refuses."""
    if isinstance(event, ReportReceived):
        return Report(laboratory_id=event.laboratory_id, patient_id=None, versions=(event.content,))
    assert report is not None
    match event:
        case ReportRevised():
            return replace(report, versions=(*report.versions, event.content))
        case ReportMatched():
            return replace(report, patient_id=event.patient_id)
        case _:
            assert_never(event)


# Decisions: the rules.


class SubjectDiffersError(Exception):
    """A further version of a report names another patient than the versions before it: filing it with
    them could show one person's results to another."""


def receive(
    report: Report | None, *, laboratory_id: LaboratoryId, submission_id: UUID, content: ReportContent
) -> tuple[ReportReceived | ReportRevised, ...]:
    """Record a report's first version or a further one; a version that was seen changes nothing.

    SubjectDiffersError if the new version is about somebody else."""
    if report is None:
        received = ReportReceived(laboratory_id=laboratory_id, submission_id=submission_id, content=content)
        return (received,)
    if content in report.versions:
        return ()
    if not is_same_subject(content.subject, report.current.subject):
        raise SubjectDiffersError
    return (ReportRevised(laboratory_id=laboratory_id, submission_id=submission_id, content=content),)


def is_further_version(report: Report, content: ReportContent) -> bool:
    """Whether the content may be another version of the report. Laboratories reuse numbers: content that
    shares no measured code with the current version is another report under the same number."""
    before, after = _codes(report.current), _codes(content)
    return not before or not after or bool(before & after)


def _codes(content: ReportContent) -> set[tuple[str | None, str | None]]:
    return {
        (coding.system, coding.code)
        for observation in content.observations
        for coding in observation.code.codings
    }


def is_same_subject(one: Subject, other: Subject) -> bool:
    """Whether two versions may be about the same person: the recognising numbers agree, and of name and
    birth date at most one was changed, as a correction would."""
    mine, theirs = numbers_of(one.identifiers), numbers_of(other.identifiers)
    is_same = set(mine.good) == set(theirs.good) and set(mine.failed) == set(theirs.failed)
    return is_same and (one.birth_date == other.birth_date or one.family == other.family)


def match(report: Report, *, patient_id: PatientId, matched_by: str) -> tuple[ReportMatched, ...]:
    """A report that waits finds its patient; one that has a patient is left alone."""
    if report.patient_id is not None:
        return ()
    return (ReportMatched(patient_id=patient_id, matched_by=matched_by),)
