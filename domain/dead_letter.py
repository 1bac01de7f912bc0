"""Dead letter: a notification that came to an end without reaching anybody, and what an operator does with it."""

from domain.notification import (
    FREE,
    Notification,
    NotificationAbandoned,
    NotificationRetried,
    NotificationStatus,
)

DEAD = frozenset({NotificationStatus.FAILED, NotificationStatus.UNKNOWN, NotificationStatus.RETURNED})


class NotificationNotFinalError(Exception):
    """An operator can retry, or give up, only what has come to an end that is no success."""


def abandon(notification: Notification, *, reason: str) -> NotificationAbandoned:
    """Give it up: what is tried just now must come to its end first."""
    if notification.status not in {*FREE, *DEAD}:
        raise NotificationNotFinalError
    return NotificationAbandoned(reason=reason)


def retry(notification: Notification) -> NotificationRetried:
    if notification.status not in {*DEAD, NotificationStatus.ABANDONED}:
        raise NotificationNotFinalError
    return NotificationRetried()
