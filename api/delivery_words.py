"""Words of delivery: which word says why a notice is where it is, and where its reader can mend that."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from domain.announcement import About
from domain.channel import Channel
from domain.dead_letter import DEAD
from domain.notice_hours import Wait
from domain.notification import OPEN, NotificationStatus
from domain.permission import (
    BARRIERS,
    DOCUMENTS_CONSENT_EXPIRED,
    DOCUMENTS_CONSENT_MISSING,
    DOCUMENTS_CONSENT_WITHDRAWN,
)
from domain.provider_receipt import is_bad_address

# Reasons that have words of their own; what keeps a report from its patient is said together.
_OWN_WORDS = (
    "consent-missing",
    "consent-withdrawn",
    "consent-expired",
    "consent-outdated",
    "not-wanted",
    "email-missing",
    "email-unconfirmed",
    "email-unreachable",
    "phone-unconfirmed",
    "phone-unreachable",
    "push-missing",
    "version-late",
    "superseded",
    "not-in-sight",
    "guardianship-over",
    "ward-consent-missing",
    "news-old",
    "sample-removed",
    "erased",
    "life-over",
    "by-operator",
    "worker-lost",
)
_DOCUMENTS = (DOCUMENTS_CONSENT_MISSING, DOCUMENTS_CONSENT_EXPIRED, DOCUMENTS_CONSENT_WITHDRAWN)
REASONS: Final = (
    *_OWN_WORDS,
    "documents-not-permitted",
    "not-permitted",
    "address-refused",
    "browser-gone",
    "channel-unavailable",
)
_CONSENT, _SETTINGS = "/consents#notifications", "/notifications/settings"
WAYS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "consent-missing": _CONSENT,
        "consent-withdrawn": _CONSENT,
        "consent-expired": _CONSENT,
        "consent-outdated": "/consents/notifications",
        "not-wanted": _SETTINGS,
        "email-missing": _SETTINGS,
        "email-unconfirmed": _SETTINGS,
        "email-unreachable": _SETTINGS,
        "phone-unconfirmed": _SETTINGS,
        "phone-unreachable": _SETTINGS,
        "push-missing": "/notifications/push",
        "browser-gone": "/notifications/push",
        "documents-not-permitted": "/consents#results-by-email",
        "address-refused": _SETTINGS,
        "channel-unavailable": _SETTINGS,
        "not-permitted": "/services/diagnosis",
    }
)

# What a reader chooses by: an open one may still come, a sent one was taken by its provider.
STAGES: Final[Mapping[str, tuple[NotificationStatus, ...]]] = MappingProxyType(
    {
        "open": tuple(sorted(OPEN)),
        "sent": (NotificationStatus.HANDED_OVER, NotificationStatus.DELIVERED),
        "failed": tuple(sorted({*DEAD, NotificationStatus.ABANDONED})),
        "suppressed": (NotificationStatus.SUPPRESSED,),
    }
)
EVENTS: Final = (
    "requested",
    "suppressed",
    "postponed",
    "gathered",
    "joined",
    "attempted",
    "handed-over",
    "failed",
    "will-retry",
    "unknown",
    "unknown-will-retry",
    "delivered",
    "returned",
    "abandoned",
    "retried",
)

DELIVERY_FAMILIES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "notification.channel": tuple(Channel),
        "notification.state": tuple(NotificationStatus),
        "notification.about": ("new", "version", *About),
        "notification.reason": REASONS,
        "notification.mend": (*WAYS,),
        "notification.wait": tuple(Wait),
        "notification.event": EVENTS,
        "notification.cabinet": ("there", "held", "late", "left"),
        "notifications.stage": tuple(STAGES),
        "notifications.recipient": ("guardian", "of-ward"),
        "staff.delivery.period": ("hour", "day"),
        "staff.delivery.open": STAGES["open"],
        "staff.delivery.status": STAGES["failed"],
    }
)


def reason_word(reason: str | None, channel: str, *, is_unknown: bool = False) -> str | None:
    """The member of `notification.reason` that says it; a code that a provider gave has no word but its kind's, and
    none where nobody knows whether the message was taken."""
    if not reason:
        return None
    if reason in _OWN_WORDS:
        return reason
    if reason in _DOCUMENTS:
        return "documents-not-permitted"
    if reason in BARRIERS:
        return "not-permitted"
    if is_bad_address(Channel(channel), reason):
        return "address-refused"
    if reason.startswith("subscription-"):
        return "browser-gone"
    return None if is_unknown else "channel-unavailable"
