"""What a report says: one version of it, as the laboratory sent it.

FHIR DiagnosticReport and Observation name the parts; text is as sent.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from domain.values import Concept, Identifier, Quantity


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
    `is_final_as_sent`: the value was sent before and is final now, without being sent again (HL7 v2, OBX-11 U).
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
    is_final_as_sent: bool = False


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
    """One version of a report, as the laboratory sent it. Times are FHIR dateTime text, as sent.

    `version_number` is the sender's own count of versions (CDA versionNumber), `sent_at` when the message
    was made, not the report. `is_of_another_patient`: the sender takes the report back, because it was
    sent about the wrong person (HL7 v2, OBX-11 W)."""

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
    version_number: int | None = None
    sent_at: str | None = None
    is_of_another_patient: bool = False
