"""What is true and what is allowed: every event of the ledger, at a glance. Standard library only."""

from domain.code_map import CodeMapEvent
from domain.consent import ConsentEvent
from domain.laboratory import LaboratoryEvent
from domain.linkage import LinkageEvent
from domain.notification import NotificationEvent
from domain.patient import PatientEvent
from domain.proposal import ProposalEvent
from domain.reading import ReadingEvent
from domain.report import ReportEvent
from domain.session import SessionEvent
from domain.staff import StaffEvent
from domain.staff_session import StaffSessionEvent
from domain.submission import SubmissionEvent

Event = (
    PatientEvent
    | SessionEvent
    | LinkageEvent
    | ConsentEvent
    | LaboratoryEvent
    | CodeMapEvent
    | SubmissionEvent
    | ReportEvent
    | ProposalEvent
    | NotificationEvent
    | ReadingEvent
    | StaffEvent
    | StaffSessionEvent
)

__all__ = ["Event"]
