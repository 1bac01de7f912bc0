"""What is true and what is allowed: every event of the ledger, at a glance. Standard library only."""

from domain.consent import ConsentEvent
from domain.laboratory import LaboratoryEvent
from domain.linkage import LinkageEvent
from domain.notification import NotificationEvent
from domain.patient import PatientEvent
from domain.reading import ReadingEvent
from domain.report import ReportEvent
from domain.session import SessionEvent
from domain.submission import SubmissionEvent

Event = (
    PatientEvent
    | SessionEvent
    | LinkageEvent
    | ConsentEvent
    | LaboratoryEvent
    | SubmissionEvent
    | ReportEvent
    | NotificationEvent
    | ReadingEvent
)

__all__ = ["Event"]
