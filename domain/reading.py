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
    # A doctor with an account here, to whom the patient gave it.
    TREATMENT = "treatment"
    # Whoever holds a link that the patient gave out.
    SHARED_LINK = "shared-link"
    # An officer, for what the law asks to be kept, shown or handed over.
    COMPLIANCE = "compliance"


class Medium(StrEnum):
    """In what form a report left."""

    PAGE = "page"
    COMPARISON = "comparison"
    TREND = "trend"
    PDF = "pdf"
    XML = "xml"
    FHIR_JSON = "fhir-json"
    ORIGINAL = "original"
    ARCHIVE = "archive"
    EMAIL = "email"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendering:
    """By what the very bytes that left can be made again (B3): the ledger up to `position`, the words and templates of
    `release`, the reader's language and clock, and the signed checkpoint that they quote, if any.

    `digest` is HMAC-SHA-256 of the bytes in hex, under a key that is derived from the report's own data key: a bare hash
    would confirm a guess, also after an erasure."""

    position: int
    digest: str
    release: str
    locale: str
    time_zone: str
    tree_size: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportRead:
    """One version of a report was shown in full, or left as a file. Without `medium` it was a page; without `rendering`
    it can't be made again to the byte."""

    patient_id: PatientId | None
    report_id: UUID
    report_version: int
    purpose: ReadingPurpose
    medium: Medium | None = None
    rendering: Rendering | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportsListed:
    """The list of reports was shown: so many of them."""

    patient_id: PatientId
    count: int
    purpose: ReadingPurpose


class AccessLogForm(StrEnum):
    """In what form the record of who looked left as a file."""

    CSV = "csv"
    JSON = "json"


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessLogRead:
    """The record of who looked was shown, or left as a file."""

    patient_id: PatientId
    purpose: ReadingPurpose
    form: AccessLogForm | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryRead:
    """Lines of the audit trail were shown: of one pseudonym, or of everybody."""

    patient_id: PatientId | None
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
class TicketRead:
    """What a patient's ticket says was shown up to this version of its stream; with `file_id`, one of its files."""

    patient_id: PatientId
    ticket_id: UUID
    ticket_version: int
    purpose: ReadingPurpose
    file_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsultationRead:
    """What a patient wrote for a consultation, and what was recorded of it, was shown to its doctor."""

    patient_id: PatientId
    consultation_id: UUID
    purpose: ReadingPurpose


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonalDataTaken:
    """All that is kept of a patient began to leave as one file; each result in it has a reading of its own."""

    patient_id: PatientId
    purpose: ReadingPurpose


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentPasswordRead:
    """The password of a document that went by e-mail was shown; `notification_id` is of what it went with."""

    patient_id: PatientId
    report_id: UUID
    report_version: int
    notification_id: UUID
    purpose: ReadingPurpose


class ExportedRecords(StrEnum):
    """What was exported."""

    EVENTS = "events"
    # Who did what to whose data (FHIR AuditEvent; order 947н, clause 19).
    AUDIT_TRAIL = "audit-trail"
    # Results as FHIR resources (Bulk Data Access).
    RESULTS = "results"
    # Consents given and withdrawn, and what a withdrawal obliged to (152-ФЗ).
    CONSENTS = "consents"
    # What was destroyed (order 179).
    ERASURES = "erasures"


class ExportForm(StrEnum):
    """In what form records were exported."""

    NDJSON = "ndjson"
    CSV = "csv"
    PARQUET = "parquet"
    FHIR_NDJSON = "fhir-ndjson"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordsExported:
    """Records of one patient, or of everybody, began to leave: those behind the position `after`, up to `until`."""

    patient_id: PatientId | None
    records: ExportedRecords
    form: ExportForm
    after: int
    until: int
    purpose: ReadingPurpose


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamReplayed:
    """A stream was shown as it stood at a position of the ledger."""

    patient_id: PatientId | None
    stream_id: UUID
    position: int
    purpose: ReadingPurpose


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionsTried:
    """Recorded decisions up to `position` were made again, under the rules in force or under another `policy`, and
    those that came out otherwise were listed."""

    position: int
    policy: str | None
    differing: int
    purpose: ReadingPurpose


class Evidence(StrEnum):
    """What a proof proves."""

    EVENT = "event"
    REPORT = "report"
    CONSENT = "consent"
    # Length and head of all that a patient's results are made of.
    COMPLETENESS = "completeness"
    # The act of destruction and the extract of the journal.
    DESTRUCTION = "destruction"


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceTaken:
    """A proof was handed out. `about` is the event, report or consent that it is of."""

    patient_id: PatientId | None
    evidence: Evidence
    about: UUID | None
    purpose: ReadingPurpose


ReadingEvent = (
    ReportRead
    | ReportsListed
    | AccessLogRead
    | HistoryRead
    | SubmissionRead
    | ProposalRead
    | IdentityRead
    | ScanRead
    | AppealRead
    | TicketRead
    | ConsultationRead
    | PersonalDataTaken
    | DocumentPasswordRead
    | RecordsExported
    | StreamReplayed
    | DecisionsTried
    | EvidenceTaken
)
