"""What the pages of delivery are shown with in tests: every state and reason that they can show."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from api.delivery_steps import Step
from api.delivery_words import EVENTS, REASONS, STAGES, WAYS
from domain.channel import Channel
from domain.notification import NotificationStatus
from tests.api.staff_samples import INSIDE

AT = datetime(2026, 11, 23, 5, 15, tzinfo=UTC)
LATER = datetime(2026, 11, 24, 6, 0, tzinfo=UTC)
ID = "0190f3c2-7d1e-8c55-9d6b-2f1f6c1b2a90"


def mend(why: str | None) -> dict[str, str] | None:
    return {"key": why, "href": WAYS[why]} if why in WAYS else None


def line(channel: str, state: str, why: str | None = None, **changed: Any) -> dict[str, Any]:
    plain: dict[str, Any] = {
        "href": f"/notifications/{ID}", "channel": channel, "state": state, "at": AT, "until": None,
        "waits_for": None, "reason": why, "mend": mend(why), "in_digest": False, "carries": None,
        "password_href": "/reports/0190/documents/0191" if changed.get("carries") else None,
    }  # fmt: skip
    return plain | changed


def cabinet(state: str, why: str | None = None) -> dict[str, Any]:
    return {"state": state, "at": AT, "reason": why, "mend": mend(why)}


def told(about: str, *channels: dict[str, Any], **changed: Any) -> dict[str, Any]:
    plain: dict[str, Any] = {
        "title": "Общий анализ крови и биохимия", "href": "/reports/0190", "about": about, "version": 2,
        "recipient": None, "at": AT, "cabinet": cabinet("there"), "channels": list(channels),
    }  # fmt: skip
    return plain | changed


STATES = [line("email", state) for state in NotificationStatus if state not in ("suppressed", "postponed")]
WHY = [line("sms", "suppressed", why) for why in REASONS]
ANNOUNCED = [
    told("new", line("email", "handed-over", in_digest=True, carries="pdf"), line("sms", "delivered"),
         line("push", "suppressed", "push-missing")),
    told("corrected", line("email", "postponed", waits_for="weekly-digest", until=LATER),
         line("sms", "waiting", "channel-unavailable", until=LATER),
         line("push", "postponed", waits_for="quiet-hours"), cabinet=cabinet("held", "not-permitted")),
    told("withdrawn", line("email", "unknown"), line("push", "returned", "address-refused"), title=None, href=None,
         cabinet=cabinet("left")),
    told("version", *STATES, recipient="guardian", cabinet=None, title=None),
    told("document", *WHY, recipient="of-ward", cabinet=cabinet("late"), title=None, href=None),
]  # fmt: skip
PAGE: dict[str, Any] = {
    "announced": ANNOUNCED, "is_filtered": True, "channels": [(one.value, one == "sms") for one in Channel],
    "stages": [(one, one == "sent") for one in STAGES], "earlier": "/notifications?channel=sms",
    "further": "/notifications?channel=sms&page=3", "settings_href": "/notifications/settings",
    "check_list_href": "/services/receiving/check-list",
}  # fmt: skip
STEPS = [
    Step("sms", AT, event, attempt=1, until=LATER if "retry" in event else None, actor="system:sender",
         code="550 5.1.1" if event in ("failed", "will-retry") else None)
    for event in EVENTS
]  # fmt: skip
LETTER: dict[str, Any] = {
    "id": ID, "href": f"/staff/delivery/{ID}", "patient_id": str(UUID(int=7)), "recipient_id": None,
    "report_id": str(UUID(int=9)), "version": 2, "channel": "email", "status": "failed", "code": "550 5.1.1",
    "reason": "address-refused", "about": "corrected", "attempt": 3, "requested_at": AT, "at": LATER,
}  # fmt: skip
RATES = [("hour", 12, 0), ("day", 48_210, 31)]
QUIET: dict[str, Any] = {
    "open": [], "oldest": None, "late": False, "rates": RATES, "paused_until": None, "answer": None,
    "answered_at": None, "is_set_up": True,
}  # fmt: skip
LIST: dict[str, Any] = INSIDE | {
    "total": 31, "matching": 12, "at_once": 500, "chosen_channel": "email", "chosen_reason": "550 5.1.1",
    "channels": [
        QUIET | {"channel": "email", "oldest": AT, "late": True, "paused_until": LATER, "answer": "connection",
                 "answered_at": AT, "open": [("requested", 7), ("postponed", 1200), ("waiting", 3), ("attempted", 1)]},
        QUIET | {"channel": "sms", "answer": "handed-over", "answered_at": AT, "oldest": AT},
        QUIET | {"channel": "push"},
        QUIET | {"channel": "push", "is_set_up": False}],
    "channel_choices": [{"value": "email", "count": 19}, {"value": "sms", "count": 12}],
    "reason_choices": [{"value": "550 5.1.1", "count": 12}, {"value": "connection-lost-after-request", "count": 7},
                       {"value": "", "count": 1}],
    "letters": [LETTER, LETTER | {"status": "unknown", "code": ""}, LETTER | {"status": "returned"}],
    "first": "/staff/delivery?channel=email", "further": f"/staff/delivery?channel=email&after={ID}",
}  # fmt: skip
DELIVERY_SAMPLES: dict[str, tuple[str, dict[str, Any]]] = {
    "notifications": ("notifications.html", PAGE),
    "notifications-nothing": ("notifications.html", PAGE | {"announced": []}),
    "notifications-none": ("notifications.html", PAGE | {"announced": [], "is_filtered": False, "earlier": None,
                                                         "further": None, "settings_href": None, "check_list_href": None}),
    "notification": ("notification.html", {
        "one": ANNOUNCED[1], "channel": ANNOUNCED[1]["channels"][1], "steps": STEPS, "address": "p•••@mail.example"}),
    "notification-off": ("notification.html", {
        "one": ANNOUNCED[2] | {"recipient": "of-ward"}, "channel": WHY[0], "address": None,
        "steps": [Step("sms", AT, "suppressed", code="consent-missing")]}),
    "staff_delivery": ("staff_delivery.html", LIST),
    "staff_delivery-all": ("staff_delivery.html", LIST | {"chosen_channel": "", "chosen_reason": "", "first": None,
                                                          "further": None}),
    "staff_delivery-nothing": ("staff_delivery.html", LIST | {"letters": [], "first": None, "further": None}),
    "staff_delivery-none": ("staff_delivery.html", LIST | {"total": 0, "matching": 0, "letters": []}),
    **{f"staff_dead_letter-{status}": ("staff_dead_letter.html", INSIDE | {
        "letter": LETTER | {"status": status, "recipient_id": str(UUID(int=8))}, "steps": STEPS})
       for status in ("failed", "unknown", "returned", "abandoned")},
}  # fmt: skip
