"""Which events there are, under which name each is stored, and whose key seals the personal ones."""

from typing import NamedTuple

from domain import (
    Event,
    code_map,
    consent,
    laboratory,
    linkage,
    notification,
    patient,
    proposal,
    reading,
    report,
    session,
    staff,
    staff_session,
    submission,
)
from domain.values import Purpose


class EventType(NamedTuple):
    """How a class of events is stored: its schema version, and the purpose whose key seals it."""

    event_class: type[Event]
    schema_version: int = 1
    purpose: Purpose | None = None


# Stored name -> how it is stored. Append only: a name is never reused, never changed.
EVENT_TYPES: dict[str, EventType] = {
    "PatientRegistered": EventType(patient.PatientRegistered),
    "PhoneStated": EventType(patient.PhoneStated, purpose=Purpose.CONTACTS),
    "PhoneConfirmed": EventType(patient.PhoneConfirmed),
    "PasswordSet": EventType(patient.PasswordSet),
    "ProfileStated": EventType(patient.ProfileStated, purpose=Purpose.IDENTITY),
    "EmailStated": EventType(patient.EmailStated, purpose=Purpose.CONTACTS),
    "PolicyLinked": EventType(patient.PolicyLinked, purpose=Purpose.IDENTITY),
    "PolicyUnlinked": EventType(patient.PolicyUnlinked),
    "LaboratoryPatientIdLinked": EventType(patient.LaboratoryPatientIdLinked, purpose=Purpose.IDENTITY),
    "LaboratoryPatientIdUnlinked": EventType(patient.LaboratoryPatientIdUnlinked, purpose=Purpose.IDENTITY),
    "SessionOpened": EventType(session.SessionOpened),
    "SessionClosed": EventType(session.SessionClosed),
    "SignInRefused": EventType(session.SignInRefused),
    "OrganisationLinked": EventType(linkage.OrganisationLinked),
    "OrganisationUnlinked": EventType(linkage.OrganisationUnlinked),
    "ConsentGranted": EventType(consent.ConsentGranted),
    "ConsentWithdrawn": EventType(consent.ConsentWithdrawn),
    "LaboratoryRegistered": EventType(laboratory.LaboratoryRegistered),
    "LaboratoryKindStated": EventType(laboratory.LaboratoryKindStated),
    "LaboratoryOidStated": EventType(laboratory.LaboratoryOidStated),
    "LaboratoryAccredited": EventType(laboratory.LaboratoryAccredited),
    "LaboratoryFormatsAllowed": EventType(laboratory.LaboratoryFormatsAllowed),
    "LaboratoryStudyTypesAllowed": EventType(laboratory.LaboratoryStudyTypesAllowed),
    "DepartmentAdded": EventType(laboratory.DepartmentAdded),
    "DepartmentRemoved": EventType(laboratory.DepartmentRemoved),
    "LaboratoryKeyAdded": EventType(laboratory.LaboratoryKeyAdded),
    "LaboratoryKeyRevoked": EventType(laboratory.LaboratoryKeyRevoked),
    "LaboratorySenderAdded": EventType(laboratory.LaboratorySenderAdded),
    "LaboratorySenderRevoked": EventType(laboratory.LaboratorySenderRevoked),
    "LaboratoryCertificateAdded": EventType(laboratory.LaboratoryCertificateAdded),
    "LaboratoryCertificateRevoked": EventType(laboratory.LaboratoryCertificateRevoked),
    "LocalCodesMapped": EventType(code_map.LocalCodesMapped),
    "LocalCodesUnmapped": EventType(code_map.LocalCodesUnmapped),
    "SubmissionReceived": EventType(submission.SubmissionReceived),
    "SubmissionAccepted": EventType(submission.SubmissionAccepted),
    "SubmissionQuarantined": EventType(submission.SubmissionQuarantined),
    "SubmissionReleased": EventType(submission.SubmissionReleased),
    "SubmissionRefused": EventType(submission.SubmissionRefused),
    "RefusalsSummarised": EventType(submission.RefusalsSummarised),
    "ReportReceived": EventType(report.ReportReceived, purpose=Purpose.RESULTS),
    "ReportRevised": EventType(report.ReportRevised, purpose=Purpose.RESULTS),
    "ReportMatched": EventType(report.ReportMatched),
    "ReportUnmatched": EventType(report.ReportUnmatched),
    "ReportRekeyed": EventType(report.ReportRekeyed),
    "ReportDestroyed": EventType(report.ReportDestroyed),
    "MatchProposed": EventType(proposal.MatchProposed),
    "MatchConfirmed": EventType(proposal.MatchConfirmed),
    "MatchDeclined": EventType(proposal.MatchDeclined),
    "NotificationRequested": EventType(notification.NotificationRequested),
    "NotificationSuppressed": EventType(notification.NotificationSuppressed),
    "NotificationAttempted": EventType(notification.NotificationAttempted),
    "NotificationHandedOver": EventType(notification.NotificationHandedOver),
    "NotificationFailed": EventType(notification.NotificationFailed),
    "NotificationOutcomeUnknown": EventType(notification.NotificationOutcomeUnknown),
    "ReportRead": EventType(reading.ReportRead),
    "ReportsListed": EventType(reading.ReportsListed),
    "AccessLogRead": EventType(reading.AccessLogRead),
    "SubmissionRead": EventType(reading.SubmissionRead),
    "ProposalRead": EventType(reading.ProposalRead),
    "StaffMemberAdmitted": EventType(staff.StaffMemberAdmitted),
    "StaffMemberEnrolled": EventType(staff.StaffMemberEnrolled),
    "StaffMemberReset": EventType(staff.StaffMemberReset),
    "StaffMemberDismissed": EventType(staff.StaffMemberDismissed),
    "StaffSessionOpened": EventType(staff_session.StaffSessionOpened),
    "StaffSessionClosed": EventType(staff_session.StaffSessionClosed),
    "StaffSignInRefused": EventType(staff_session.StaffSignInRefused),
}
