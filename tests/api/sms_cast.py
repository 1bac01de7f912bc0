"""SMS in the ledger, as if a sender had had them: what receipts are about."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from domain.channel import Channel
from domain.notification import NotificationAttempted, NotificationHandedOver, NotificationRequested
from ledger.codec import Circumstances
from ledger.store import Ledger, Write

BY = Circumstances(actor="system:test")


def sms_under_way(ledger: Ledger, *, remote_id: str | None = None, channel: Channel = Channel.SMS) -> UUID:
    """A notification that is being sent, or with a number was taken by its provider."""
    notification_id = uuid4()
    asked = NotificationRequested(
        patient_id=uuid4(),
        report_id=uuid4(),
        report_version=1,
        channel=channel,
        consent_id=uuid4(),
        consent_version=1,
    )
    lease = datetime.now(UTC) + timedelta(minutes=5)
    tried = NotificationAttempted(attempt=1, lease_until=lease, consent_version=1)
    ledger.append(Write(notification_id, 0, (asked, tried)), circumstances=BY)
    if remote_id is not None:
        handed_over(ledger, notification_id, remote_id)
    return notification_id


def handed_over(ledger: Ledger, notification_id: UUID, remote_id: str) -> None:
    version = len(list(ledger.read(notification_id)))
    taken = NotificationHandedOver(attempt=1, remote_id=remote_id)
    ledger.append(Write(notification_id, version, (taken,)), circumstances=BY)
