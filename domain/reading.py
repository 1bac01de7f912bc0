"""Reading: somebody saw a patient's data. Each reading is a fact of its own, recorded before the bytes leave."""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from domain.values import PatientId

# Events: what happened. Who read is in the envelope (actor, on_behalf_of).


class ReadingPurpose(StrEnum):
    """Why the data was read."""

    OWN_CABINET = "own-cabinet"
    AUDIT = "audit"
    OPERATION = "operation"
    # A guardian, for a ward.
    LEGAL_REPRESENTATIVE = "legal-representative"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportRead:
    """One version of a report was shown in full."""

    patient_id: PatientId | None
    report_id: UUID
    report_version: int
    purpose: ReadingPurpose


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportsListed:
    """The list of reports was shown: so many of them."""

    patient_id: PatientId
    count: int
    purpose: ReadingPurpose


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessLogRead:
    """The record of who looked was shown."""

    patient_id: PatientId
    purpose: ReadingPurpose


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmissionRead:
    """The bytes of a submission, as the laboratory sent them, were shown."""

    submission_id: UUID
    purpose: ReadingPurpose


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposalRead:
    """A report's subject and a patient's profile were shown side by side, so that a person could tell whether
    they are one."""

    patient_id: PatientId
    report_id: UUID
    report_version: int
    purpose: ReadingPurpose


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityRead:
    """A patient's profile was shown to somebody who checks identities."""

    patient_id: PatientId
    purpose: ReadingPurpose


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanRead:
    """A scan of a patient's document was shown."""

    patient_id: PatientId
    scan_id: UUID
    purpose: ReadingPurpose


@dataclass(frozen=True, slots=True, kw_only=True)
class AppealRead:
    """What a patient's appeal says was shown to the organisation that it is addressed to."""

    patient_id: PatientId
    appeal_id: UUID
    purpose: ReadingPurpose


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentPasswordRead:
    """The password of a document that went by e-mail was shown; `notification_id` is of what it went with."""

    patient_id: PatientId
    report_id: UUID
    report_version: int
    notification_id: UUID
    purpose: ReadingPurpose


ReadingEvent = (
    ReportRead
    | ReportsListed
    | AccessLogRead
    | SubmissionRead
    | ProposalRead
    | IdentityRead
    | ScanRead
    | AppealRead
    | DocumentPasswordRead
)
