"""Announcing: the notification of a report's version is requested, or suppressed with its reason.

Either way it is accounted for, in the append that records the version.
"""

from uuid import UUID

from domain.announcement import About
from domain.channel import Channel
from domain.notification import NotificationRequested, NotificationSuppressed
from domain.permission import Basis, notice_barrier
from domain.values import PatientId
from ledger.permissions import NOTICES, Permissions
from ledger.store import Ledger, Write

VERSION_LATE = "version-late"


def announcement(ledger: Ledger, permitted: Permissions, report_id: UUID, report_version: int) -> Write:
    """The notification of a report's version: requested if the patient permits it, else suppressed
    with the reason. It rests on `permitted.notice_guards`."""
    return _notice(ledger, permitted, report_id, report_version, about=None)


def withdrawal_notice(ledger: Ledger, permitted: Permissions, report_id: UUID, report_version: int) -> Write:
    """The notification that a report left the cabinet, because it was another person's."""
    return _notice(ledger, permitted, report_id, report_version, about=About.WITHDRAWN)


def not_announced(
    ledger: Ledger,
    patient_id: PatientId,
    report_id: UUID,
    report_version: int,
    *,
    reason: str = VERSION_LATE,
    basis: Basis | None = None,
) -> Write:
    """That nothing is sent of a version is accounted for: it is older than the one that stands, which is no
    news, or it is not permitted to reach the patient."""
    suppressed = NotificationSuppressed(
        patient_id=patient_id,
        report_id=report_id,
        report_version=report_version,
        channel=Channel.EMAIL,
        reason=reason,
        basis=basis,
    )
    return Write(_stream(ledger, report_id, report_version, None), 0, (suppressed,))


def _notice(
    ledger: Ledger, permitted: Permissions, report_id: UUID, report_version: int, *, about: About | None
) -> Write:
    guard = permitted.guards[NOTICES]
    stream_id = _stream(ledger, report_id, report_version, about)
    reason = notice_barrier(permitted.grounds, channel=Channel.EMAIL)
    if reason is None:
        requested = NotificationRequested(
            patient_id=permitted.patient_id,
            report_id=report_id,
            report_version=report_version,
            channel=Channel.EMAIL,
            consent_id=guard.stream_id,
            consent_version=guard.version,
            about=about,
            basis=permitted.notice_basis,
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
        basis=permitted.notice_basis,
    )
    return Write(stream_id, 0, (suppressed,))


def _stream(ledger: Ledger, report_id: UUID, report_version: int, about: About | None) -> UUID:
    parts = (str(report_id), str(report_version), Channel.EMAIL, *((about,) if about else ()))
    return ledger.stream_id("notification", *parts)
