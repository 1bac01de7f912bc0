"""Provider receipt: what a provider says later of a notification that it took, or may have taken."""

from domain.notification import Notification, NotificationDelivered, NotificationReturned, NotificationStatus


def deliver(notification: Notification, *, remote_id: str) -> tuple[NotificationDelivered, ...]:
    """The provider's receipt; nothing if it was known. It may come before the answer to the attempt does, and
    settles an outcome that was unknown."""
    if not notification.attempt or notification.status is NotificationStatus.DELIVERED:
        return ()
    return (NotificationDelivered(remote_id=remote_id),)


def take_back(notification: Notification, *, remote_id: str, reason: str) -> tuple[NotificationReturned, ...]:
    """The provider could not deliver what it took; nothing if that was known, or it says the opposite of what it
    said before."""
    is_settled = notification.status in (NotificationStatus.DELIVERED, NotificationStatus.RETURNED)
    if not notification.attempt or is_settled:
        return ()
    return (NotificationReturned(remote_id=remote_id, reason=reason),)
