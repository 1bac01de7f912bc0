"""What is true and what is allowed: every event of the ledger, at a glance. Standard library only."""

from domain.account import AccountEvent
from domain.announcement import ChannelsSuppressed
from domain.appeal import AppealEvent
from domain.backup import BackupEvent
from domain.code_map import CodeMapEvent
from domain.consent import ConsentEvent
from domain.consultation import ConsultationEvent
from domain.contact_test import ContactTested
from domain.correction import CorrectionEvent
from domain.doctor import DoctorEvent
from domain.doctor_hours import DoctorHoursEvent
from domain.erasure import ErasureEvent
from domain.external_account import ExternalAccountEvent
from domain.guardianship import GuardianshipEvent
from domain.identity import IdentityEvent
from domain.key_epoch import KeyEpochEvent
from domain.laboratory import LaboratoryEvent
from domain.linkage import LinkageEvent
from domain.medical_card import CardEvent
from domain.notification import NotificationEvent
from domain.obligation import ObligationEvent
from domain.organisation_registry import OrganisationRegistryEvent
from domain.patient import PatientEvent
from domain.patient_chain import ChainEvent
from domain.person_registry import PersonRegistryEvent
from domain.proposal import ProposalEvent
from domain.push_subscription import PushEvent
from domain.reading import ReadingEvent
from domain.receiving import ReceivingEvent
from domain.recovery import RecoveryEvent
from domain.replay_certificate import ReplayEvent
from domain.report import ReportEvent
from domain.sample_report import SampleReportEvent
from domain.sampling import SamplingEvent
from domain.session import SessionEvent
from domain.sharing import SharingEvent
from domain.staff import StaffEvent
from domain.staff_session import StaffSessionEvent
from domain.study_request import StudyRequestEvent
from domain.submission import SubmissionEvent
from domain.takeover import TakeoverEvent
from domain.talk_first import TalkFirstEvent
from domain.ticket_events import TicketEvent

Event = (
    PatientEvent
    | IdentityEvent
    | PersonRegistryEvent
    | GuardianshipEvent
    | TakeoverEvent
    | SessionEvent
    | AccountEvent
    | RecoveryEvent
    | ExternalAccountEvent
    | LinkageEvent
    | CardEvent
    | OrganisationRegistryEvent
    | ConsentEvent
    | ObligationEvent
    | ReceivingEvent
    | TalkFirstEvent
    | ContactTested
    | CorrectionEvent
    | PushEvent
    | SampleReportEvent
    | SamplingEvent
    | StudyRequestEvent
    | DoctorEvent
    | DoctorHoursEvent
    | ConsultationEvent
    | AppealEvent
    | TicketEvent
    | LaboratoryEvent
    | CodeMapEvent
    | SubmissionEvent
    | ReportEvent
    | ProposalEvent
    | ChannelsSuppressed
    | NotificationEvent
    | ReadingEvent
    | SharingEvent
    | StaffEvent
    | StaffSessionEvent
    | ChainEvent
    | ReplayEvent
    | ErasureEvent
    | KeyEpochEvent
    | BackupEvent
)

__all__ = ["Event"]
