"""Digest: several notifications that are due to one person by one channel, told by one message."""

from datetime import datetime
from uuid import UUID

from domain.announcement import About
from domain.notification import (
    DigestGathered,
    Notification,
    NotificationJoined,
    NotificationNotDueError,
    require_free,
)


def gather(notification: Notification, *, now: datetime, members: tuple[UUID, ...]) -> DigestGathered:
    """Its message is to tell of the others too."""
    require_free(notification, now)
    if notification.members or not members:
        raise NotificationNotDueError
    return DigestGathered(members=members)


def join(notification: Notification, *, now: datetime, digest_id: UUID) -> NotificationJoined:
    """What was tried, or carries something of its own, is told by itself."""
    require_free(notification, now)
    if not may_be_gathered(notification):
        raise NotificationNotDueError
    return NotificationJoined(digest_id=digest_id)


def may_be_gathered(notification: Notification) -> bool:
    """Whether it may be told together with others: it never was tried, and is nothing but news."""
    is_news = notification.about not in (About.DOCUMENT, About.PASSWORD) and notification.carries is None
    return is_news and not notification.attempt and not notification.members
