"""Announcing: the notification of a report's version is requested, or suppressed with its reason.

Either way it is accounted for, in the append that records the version.
"""

from uuid import UUID

from domain.consent import ConsentKind
from domain.notification import About, Channel, NotificationRequested, NotificationSuppressed
from domain.values import PatientId
from ledger.permissions import Permissions
from ledger.store import Ledger, Write


def announcement(ledger: Ledger, permitted: Permissions, report_id: UUID, report_version: int) -> Write:
    """The notification of a report's version: requested if the patient permits it, else suppressed
    with the reason. It rests on `permitted.notice_guards`."""
    return _notice(ledger, permitted, report_id, report_version, about=None)


def withdrawal_notice(ledger: Ledger, permitted: Permissions, report_id: UUID, report_version: int) -> Write:
    """The notification that a report left the cabinet, because it was another person's."""
    return _notice(ledger, permitted, report_id, report_version, about=About.WITHDRAWN)


def not_announced(ledger: Ledger, patient_id: PatientId, report_id: UUID, report_version: int) -> Write:
    """An older version that was late is no news; that nothing is sent of it is accounted for."""
    suppressed = NotificationSuppressed(
        patient_id=patient_id,
        report_id=report_id,
        report_version=report_version,
        channel=Channel.EMAIL,
        reason="version-late",
    )
    return Write(_stream(ledger, report_id, report_version, None), 0, (suppressed,))


def _notice(
    ledger: Ledger, permitted: Permissions, report_id: UUID, report_version: int, *, about: About | None
) -> Write:
    guard = permitted.consent_guards[ConsentKind.NOTIFICATIONS]
    stream_id = _stream(ledger, report_id, report_version, about)
    reason = _reason_against(permitted)
    if reason is None:
        requested = NotificationRequested(
            patient_id=permitted.patient_id,
            report_id=report_id,
            report_version=report_version,
            channel=Channel.EMAIL,
            consent_id=guard.stream_id,
            consent_version=guard.version,
            about=about,
        )
        return Write(stream_id, 0, (requested,))
    suppressed = NotificationSuppressed(
        patient_id=permitted.patient_id,
        report_id=report_id,
        report_version=report_version,
        channel=Channel.EMAIL,
        reason=reason,
        consent_id=guard.stream_id if guard.version else None,
        consent_version=guard.version or None,
        about=about,
    )
    return Write(stream_id, 0, (suppressed,))


def _reason_against(permitted: Permissions) -> str | None:
    """Why nothing is sent; None if the patient permits it and can be reached."""
    consent = permitted.consents[ConsentKind.NOTIFICATIONS]
    if consent is None:
        return "consent-missing"
    if not consent.in_force:
        return "consent-withdrawn"
    has_address = permitted.patient is not None and permitted.patient.email is not None
    return None if has_address else "email-missing"


def _stream(ledger: Ledger, report_id: UUID, report_version: int, about: About | None) -> UUID:
    parts = (str(report_id), str(report_version), Channel.EMAIL, *((about,) if about else ()))
    return ledger.stream_id("notification", *parts)
