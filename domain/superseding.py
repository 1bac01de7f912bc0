"""Superseding: a newer version of a report makes a notice of an older one idle that nobody has tried to send yet."""

from domain.announcement import About
from domain.notification import FREE, Notification

SUPERSEDED = "superseded"
# What is told of a report itself; a document that was asked for is sent whatever came since.
_NEWS = (None, About.CORRECTED)


def is_superseded(notification: Notification, newer: Notification) -> bool:
    """Whether the newer one tells its recipient by the same channel all that this one would: of a later version of
    the same report, or that it left the cabinet."""
    is_of_same = (
        notification.report_id,
        notification.channel,
        notification.patient_id,
        notification.told,
    ) == (
        newer.report_id,
        newer.channel,
        newer.patient_id,
        newer.told,
    )
    is_later = newer.report_version > notification.report_version or newer.about is About.WITHDRAWN
    is_untried = notification.status in FREE and not notification.attempt and not notification.members
    is_news = notification.about in _NEWS and newer.about in (*_NEWS, About.WITHDRAWN)
    return is_of_same and is_later and is_untried and is_news
