"""Provider receipt: what a provider says later of a notification that it took, or may have taken."""

import re

from domain.channel import Channel
from domain.notification import Notification, NotificationDelivered, NotificationReturned, NotificationStatus

# RFC 3463: there is no such mailbox, or it is closed. 5.1.7 and 5.1.8 are of the sender, 5.2.2 is a full one.
_BAD_MAILBOX = re.compile(r"5\.1\.(?:0|1|2|3|6|10)|5\.2\.1|55[013]")


def deliver(notification: Notification, *, remote_id: str) -> tuple[NotificationDelivered, ...]:
    """The provider's receipt; nothing if it was known. It may come before the answer to the attempt does, and
    settles an outcome that was unknown."""
    if not notification.attempt or notification.status is NotificationStatus.DELIVERED:
        return ()
    return (NotificationDelivered(remote_id=remote_id),)


def take_back(
    notification: Notification, *, remote_id: str, reason: str, told_before: frozenset[str]
) -> tuple[NotificationReturned, ...]:
    """The provider could not deliver what it took; nothing if that was known, or it says the opposite of what it
    said before. `told_before` are the numbers that were returned already: what is said again of one of them is of an
    older attempt than one that an operator wanted since. While that one was not made yet, so is whatever is said."""
    s = NotificationStatus
    is_settled = notification.status in (s.DELIVERED, s.RETURNED, s.REQUESTED)
    if not notification.attempt or is_settled or remote_id in told_before:
        return ()
    return (NotificationReturned(remote_id=remote_id, reason=reason),)


def is_bad_address(channel: Channel, reason: str) -> bool:
    """Whether a refusal for good says that there is no such address, and not what it thinks of us. Where an
    enhanced code stands, it is believed and not the plain one: 550 is said of many things."""
    match channel:
        case Channel.EMAIL:
            enhanced = re.search(r"\b\d\.\d{1,3}\.\d{1,3}\b", reason)
            return _BAD_MAILBOX.fullmatch(enhanced[0] if enhanced else reason) is not None
        case Channel.SMS:
            return reason == "number-unknown"
        case Channel.PUSH:
            return False
