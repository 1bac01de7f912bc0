"""The audit trail: who did what to whose data, when, in which capacity and under which consent.

One row an event, by pseudonyms only: an auditor reads it without any key.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, get_args
from uuid import UUID

from domain import Event
from domain.announcement import ChannelsSuppressed
from domain.appeal import AppealSubmitted
from domain.consent import ConsentGranted, ConsentWithdrawn
from domain.contact_test import ContactTested
from domain.correction import CorrectionOwed, CorrectionSpared
from domain.guardianship import (
    GuardianshipConfirmed,
    GuardianshipEnded,
    GuardianshipRefused,
    GuardianshipRequested,
    SectionsHidden,
    SectionsShown,
)
from domain.identity import (
    IdentityConfirmed,
    IdentityEvent,
    IdentityRefused,
    ProfileSuspended,
    ScanAdded,
    ScanRemoved,
)
from domain.linkage import DepartmentChosen, LinkageEvent
from domain.medical_card import CardClaimed, CardConfirmed, CardNumberRead, CardRefused
from domain.notification import (
    NotificationAttempted,
    NotificationEvent,
    NotificationFailed,
    NotificationOutcomeUnknown,
    NotificationRequested,
    NotificationSuppressed,
)
from domain.patient import PatientEvent
from domain.proposal import MatchConfirmed, MatchDeclined, MatchProposed
from domain.reading import (
    AccessLogRead,
    AppealRead,
    ConsultationRead,
    DocumentPasswordRead,
    EvidenceTaken,
    HistoryRead,
    IdentityRead,
    PersonalDataTaken,
    ProposalRead,
    RecordsExported,
    ReportRead,
    ReportsListed,
    ScanRead,
    StreamReplayed,
    SubmissionRead,
    TicketRead,
)
from domain.receiving import (
    AutomaticTransferTurnedOff,
    AutomaticTransferTurnedOn,
    ReceivingSettingsChanged,
)
from domain.report import (
    ReportDestroyed,
    ReportEvent,
    ReportMatched,
    ReportReceived,
    ReportRekeyed,
    ReportRevised,
    ReportUnmatched,
    ReportVersionsHeld,
    ReportVersionsReleased,
)
from domain.session import SessionClosed, SessionOpened, SignInRefused
from domain.staff import StaffMemberAdmitted, StaffMemberEnrolled
from domain.staff_session import StaffSessionClosed, StaffSessionOpened, StaffSignInRefused
from domain.study_request import StudyRequested, StudyRequestFulfilled
from domain.submission import (
    SubmissionQuarantined,
    SubmissionReceived,
    SubmissionRefused,
    SubmissionReleased,
)
from domain.takeover import CabinetClaimed, CabinetClaimRefused, CabinetHandedOver
from domain.values import PatientId
from ledger.codec import NAMES, Erased, RecordedEvent, Unreadable, name_of
from ledger.event_types import EVENT_TYPES
from ledger.store import Ledger
from projections.packed_rows import packed
from projections.projection import Projection, Rows


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the trail."""

    position: int
    event_id: UUID
    recorded_at: datetime
    name: str
    actor: str
    on_behalf_of: str | None
    patient_id: UUID | None
    report_id: UUID | None
    detail: dict[str, Any]


# What is sealed and is not among these is in a stream of its own, as of an appeal or a study request.
_OF_PATIENT, _OF_REPORT = (
    frozenset(NAMES[kind] for kind in get_args(events)) for events in (PatientEvent, ReportEvent)
)
# Whose data, which report, and what else may be known without a key.
About = tuple[UUID | None, UUID | None, dict[str, Any]]

# How events change the rows.


def apply(rows: Rows, events: Sequence[RecordedEvent], ledger: Ledger) -> None:  # noqa: ARG001 - one shape
    rows.execute(
        "INSERT INTO entries SELECT * FROM json_populate_recordset(NULL::entries, %s)",
        (packed([_row(recorded) for recorded in events]),),
    )


def _row(recorded: RecordedEvent) -> dict[str, Any]:
    patient_id, report_id, detail = _about(recorded)
    return {
        "position": recorded.position,
        "event_id": recorded.event_id,
        "recorded_at": recorded.recorded_at,
        "name": name_of(recorded.event),
        "stream_id": recorded.stream_id,
        "version": recorded.version,
        "actor": recorded.circumstances.actor,
        "on_behalf_of": recorded.circumstances.on_behalf_of,
        "patient_id": patient_id,
        "report_id": report_id,
        "detail": detail,
    }


def _about(recorded: RecordedEvent) -> About:  # noqa: C901, PLR0912 - one line for each kind of event
    event = recorded.event
    match event:
        case Erased():
            # What the trail says of a sealed event never came out of the seal: it stays the same.
            patient_id = recorded.stream_id if event.name in _OF_PATIENT else None
            return patient_id, recorded.stream_id if event.name in _OF_REPORT else None, {}
        case ReportReceived() | ReportRevised():
            return None, recorded.stream_id, {}
        case ReportMatched():
            return event.patient_id, recorded.stream_id, {"matched_by": event.matched_by}
        case ReportUnmatched() | ReportDestroyed():
            patient_id = event.patient_id if isinstance(event, ReportUnmatched) else None
            return patient_id, recorded.stream_id, {"reason": event.reason}
        case ReportVersionsHeld() | ReportVersionsReleased():
            reason = {"reason": event.reason} if isinstance(event, ReportVersionsHeld) else {}
            return event.patient_id, recorded.stream_id, reason
        case ReportRekeyed():
            return None, recorded.stream_id, {"successor": str(event.successor_id)}
        case ReportRead() | ProposalRead() | DocumentPasswordRead():
            detail = {"purpose": event.purpose, "report_version": event.report_version}
            return event.patient_id, event.report_id, detail | _form_of(event)
        case ReportsListed():
            return event.patient_id, None, {"purpose": event.purpose, "count": event.count}
        case AccessLogRead():
            form = {"medium": event.form} if event.form else {}
            return event.patient_id, None, {"purpose": event.purpose} | form
        case (
            AppealRead() | CardNumberRead() | IdentityRead() | ScanRead() | TicketRead() | ConsultationRead()
        ):
            return event.patient_id, None, {"purpose": event.purpose}
        case HistoryRead() | PersonalDataTaken() | RecordsExported() | StreamReplayed() | EvidenceTaken():
            return event.patient_id, None, {"purpose": event.purpose}
        case CorrectionOwed() | CorrectionSpared():
            return event.patient_id, event.report_id, {"party": event.party}
        case _ if isinstance(event, IdentityEvent):
            return event.patient_id, None, _about_identity(event)
        case AppealSubmitted():
            return event.patient_id, None, {"organisation": str(event.organisation_id)}
        case MatchProposed():
            return event.patient_id, event.report_id, {"reason": event.reason}
        case MatchConfirmed() | MatchDeclined():
            return event.patient_id, event.report_id, {}
        case ConsentGranted():
            document = event.document
            return event.patient_id, None, {"consent": document.kind, "document": document.version}
        case ConsentWithdrawn():
            return event.patient_id, None, {"consent": event.kind}
        case AutomaticTransferTurnedOff() | AutomaticTransferTurnedOn() | StudyRequested():
            return event.patient_id, None, {"organisation": str(event.organisation_id)}
        case ReceivingSettingsChanged() | ContactTested():
            return event.patient_id, None, {}
        case StudyRequestFulfilled():
            return None, event.report_id, {"found_by": event.found_by}
        case CardClaimed() | CardConfirmed() | CardRefused():
            return event.patient_id, None, {"laboratory": str(event.laboratory_id)}
        case DepartmentChosen():
            return None, None, {}
        case _ if isinstance(event, LinkageEvent):
            return event.patient_id, None, {"organisation": str(event.organisation_id)}
        case _ if isinstance(event, NotificationEvent | ChannelsSuppressed):
            return _about_notices(event)
        case _ if isinstance(event, PatientEvent):
            return recorded.stream_id, None, {}
        case _:
            return _about_access_and_intake(event)


def _form_of(event: ReportRead | ProposalRead | DocumentPasswordRead) -> dict[str, Any]:
    """In what form a report left, and as of which position its bytes can be made again."""
    if not isinstance(event, ReportRead):
        return {}
    medium = {"medium": event.medium} if event.medium else {}
    return medium | ({"as_of": event.rendering.position} if event.rendering else {})


def _about_notices(event: NotificationEvent | ChannelsSuppressed) -> About:
    """As `_about`, of what people are told of reports."""
    match event:
        case NotificationRequested() | NotificationSuppressed():
            detail = {
                "channel": event.channel,
                "consent": str(event.consent_id) if event.consent_id else None,
                "consent_version": event.consent_version,
            }
            if isinstance(event, NotificationSuppressed):
                detail["reason"] = event.reason
            return event.patient_id, event.report_id, detail
        case ChannelsSuppressed():
            silent = {str(one.channel): one.reason for one in event.channels}
            return event.patient_id, event.report_id, {"reasons": silent}
        case NotificationAttempted():
            return None, None, {"attempt": event.attempt, "consent_version": event.consent_version}
        case NotificationFailed():
            return None, None, {"attempt": event.attempt, "reason": event.reason}
        case NotificationOutcomeUnknown():
            return None, None, {"attempt": event.attempt, "stage": event.stage}
        case _:
            return None, None, {}


def _about_identity(event: IdentityEvent) -> dict[str, Any]:
    match event:
        case IdentityConfirmed():
            return {"proof": event.proof}
        case IdentityRefused():
            return {"reason": event.reason, "field": event.field}
        case ProfileSuspended():
            return {"reason": event.reason}
        case ScanAdded() | ScanRemoved():
            return {"scan": str(event.scan_id)}
        case _:
            return {}


def _about_access_and_intake(event: Event | Unreadable) -> About:  # noqa: C901 - as above
    """As `_about`, of who came in and of what laboratories sent."""
    match event:
        case SessionOpened():
            return event.patient_id, None, {"factors": list(event.factors)}
        case SignInRefused():
            return event.patient_id, None, {"reason": event.reason}
        case SessionClosed() | StaffSessionClosed():
            return None, None, {"reason": event.reason}
        case StaffMemberAdmitted():
            works_for = {"organisation": str(event.organisation_id)} if event.organisation_id else {}
            return None, None, {"handle": event.handle, "roles": list(event.roles)} | works_for
        case StaffMemberEnrolled():
            return None, None, {"factors": list(event.factors)}
        case StaffSessionOpened():
            return None, None, {"member": str(event.member_id), "factors": list(event.factors)}
        case StaffSignInRefused():
            return None, None, {"member": str(event.member_id), "reason": event.reason}
        case SubmissionReceived():
            return None, None, {"laboratory": str(event.laboratory_id)}
        case SubmissionQuarantined() | SubmissionRefused():
            return None, None, {"code": event.code}
        case SubmissionReleased():
            return None, None, {"reason": event.reason}
        case SubmissionRead():
            return None, None, {"submission": str(event.submission_id), "purpose": event.purpose}
        case _:
            return _about_guardians(event)


def _about_guardians(event: Event | Unreadable) -> About:
    """As `_about`, of guardians and wards: whose data it is, and who the other is."""
    match event:
        case GuardianshipConfirmed():
            return event.ward_id, None, {"guardian": str(event.guardian_id)}
        case GuardianshipEnded():
            return event.ward_id, None, {"guardian": str(event.guardian_id), "reason": event.reason}
        case SectionsHidden() | SectionsShown():
            detail = {"guardian": str(event.guardian_id), "keeper": event.keeper}
            return event.ward_id, None, detail | {"sections": list(event.sections)}
        case GuardianshipRequested():
            return event.guardian_id, None, {"kind": event.kind}
        case GuardianshipRefused():
            return event.guardian_id, None, {"reason": event.reason}
        case CabinetClaimed():
            return event.claimant_id, None, {}
        case CabinetHandedOver():
            return event.ward_id, None, {"claimant": str(event.claimant_id)}
        case CabinetClaimRefused():
            return event.claimant_id, None, {"reason": event.reason}
        case _:
            return _about_account(event)


def _about_account(event: Event | Unreadable) -> About:
    """As `_about`, of what people sign in with, and of what only says whose it is. Of what is sealed it says nothing:
    whose that is stands in the event beside it."""
    is_clear = EVENT_TYPES[name_of(event)].purpose is None
    return getattr(event, "patient_id", None) if is_clear else None, None, {}


# Queries.

READINGS = (
    "ReportRead",
    "ReportsListed",
    "AccessLogRead",
    "HistoryRead",
    "ProposalRead",
    "AppealRead",
    "ConsultationRead",
    "TicketRead",
    "PersonalDataTaken",
    "CardNumberRead",
    "IdentityRead",
    "ScanRead",
    "DocumentPasswordRead",
    "RecordsExported",
    "StreamReplayed",
    "EvidenceTaken",
)
_COLUMNS = "position, event_id, recorded_at, name, actor, on_behalf_of, patient_id, report_id, detail"


def readings_of(ledger: Ledger, patient_id: PatientId, *, limit: int = 200) -> list[Entry]:
    """Who read the patient's data, latest first."""
    return _latest(ledger, patient_id, READINGS, limit)


def is_reading_of(ledger: Ledger, patient_id: PatientId, event_id: UUID) -> bool:
    """Whether the event is a reading of the patient's data."""
    with ledger.of_patient(patient_id) as connection:
        row = connection.execute(
            "SELECT EXISTS (SELECT FROM audit.entries WHERE patient_id = %s AND event_id = %s AND name = ANY(%s))",
            (patient_id, event_id, list(READINGS)),
        ).fetchone()
    return bool(row and row[0])


def sign_ins_of(ledger: Ledger, patient_id: PatientId, *, limit: int = 20) -> list[Entry]:
    """When the patient came in, and when somebody was refused who tried to be them; latest first."""
    return _latest(ledger, patient_id, ("SessionOpened", "SignInRefused"), limit)


def _latest(ledger: Ledger, patient_id: PatientId, names: Sequence[str], limit: int) -> list[Entry]:
    with ledger.of_patient(patient_id) as connection:
        found = connection.execute(
            f"SELECT {_COLUMNS} FROM audit.entries WHERE patient_id = %s AND name = ANY(%s)"
            " ORDER BY position DESC LIMIT %s",
            (patient_id, list(names), limit),
        ).fetchall()
    return [Entry(*row) for row in found]


def entries(
    ledger: Ledger, *, patient_id: UUID | None = None, after: int = 0, limit: int = 500
) -> list[Entry]:
    """The trail in order of position, of everybody or of one pseudonym."""
    with ledger.pool.connection() as connection:
        found = connection.execute(
            f"SELECT {_COLUMNS} FROM audit.entries WHERE position > %s"
            " AND (%s::uuid IS NULL OR patient_id = %s) ORDER BY position LIMIT %s",
            (after, patient_id, patient_id, limit),
        ).fetchall()
    return [Entry(*row) for row in found]


def count(ledger: Ledger) -> int:
    with ledger.pool.connection() as connection:
        row = connection.execute("SELECT count(*) FROM audit.entries").fetchone()
    return row[0] if row else 0


AUDIT = Projection(name="audit", tables={"entries": "position"}, apply=apply, is_write_only=True)
