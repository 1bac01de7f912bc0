"""Pages of contacts and of the settings of notices, as test_pages.py looks at them."""

from datetime import UTC, datetime
from typing import Any

from api.page_words import FAMILIES

AT = datetime(2026, 11, 23, 5, 15, tzinfo=UTC)
WRONG = {"code": "CODE-1", "text": "Не подошло.", "advice": "Проверьте и введите снова."}
FORM = {
    "periodicity": "weekly",
    "time_zone": "Asia/Omsk",
    "quiet_from": "22:00",
    "quiet_until": "08:00",
    "digest_hour": "9",
    "digest_weekday": "1",
    "urgent_at_night": "yes",
}


def channel(key: str, state: str, **changed: Any) -> dict[str, Any]:
    """A channel as the page shows it."""
    plain = {
        "key": key,
        "is_on": True,
        "state": state,
        "address": {"email": "a•••@mail.example", "sms": "+7 ••• •••-45-67", "push": "3"}[key],
        "waiting": None,
        "lost": None,
        "can_test": state == "ok",
        "test": None,
    }
    return plain | changed


LOST = {"reason": "5.1.1", "since": AT}
TESTS = [{"answer": answer, "code": "550 5.1.1", "at": AT} for answer in FAMILIES["contact_test.answer"]]
SETTINGS: dict[str, Any] = {
    "errors": {},
    "consent": True,
    "is_outdated": False,
    "notices": True,
    "periodicities": FAMILIES["receiving.periodicity"],
    "time_zones": FAMILIES["time_zone"],
    "weekdays": FAMILIES["weekday"],
    "values": FORM,
    "channels": [
        channel("email", "ok", waiting="b•••@mail.example", test=TESTS[0] | {"code": None}),
        channel("sms", "ok", test=TESTS[2]),
        channel("push", "ok", test=TESTS[3]),
    ],
}
PAGE = "notification_settings.html"
CONTACT_SAMPLES: dict[str, tuple[str, dict[str, Any]]] = {
    "email": ("email.html", {"errors": {}, "values": {}, "in_use": None, "is_lost": False}),
    "email-wrong": (
        "email.html",
        {
            "errors": {"email": WRONG},
            "values": {"email": "anna@"},
            "in_use": "a•••@mail.example",
            "is_lost": True,
        },
    ),
    "email_code": (
        "email_code.html",
        {
            "errors": {"code": WRONG},
            "values": {"code": "123450"},
            "sent_to": "a•••@mail.example",
            "minutes": 10,
        },
    ),
    "notification_settings": (PAGE, SETTINGS),
    "notification_settings-outdated": (PAGE, SETTINGS | {"is_outdated": True}),
    "notification_settings-off": (
        PAGE,
        SETTINGS
        | {
            "consent": False,
            "notices": False,
            "values": FORM | {"quiet_from": "вечером"},
            "errors": {
                "channel": WRONG,
                "email": WRONG,
                "quiet_from": WRONG,
                "time_zone": WRONG,
                "periodicity": WRONG,
            },
            "channels": [
                channel("email", "email-unreachable", lost=LOST, can_test=True, test=TESTS[1]),
                channel("sms", "phone-unreachable", lost=LOST, can_test=True, is_on=False),
                channel("push", "push-missing", address=None),
            ],
        },
    ),
    **{
        f"notification_settings-{state}": (PAGE, SETTINGS | {"channels": [channel("email", state)]})
        for state in FAMILIES["notice_settings.state"]
    },
    **{
        f"unsubscribe-{one}": ("unsubscribe.html", {"channel": one, "token": "abc", "is_done": False})
        for one in FAMILIES["unsubscribe.lead"]
    },
    "unsubscribe-done": ("unsubscribe.html", {"channel": "email", "token": "abc", "is_done": True}),
    **{
        f"letter-{kind}{name}": (
            template,
            {"kind": kind, "code": "123456" if kind == "code" else "", "link": "https://l.example/account"},
        )
        for kind in FAMILIES["letter.subject"]
        for name, template in (("", "letter.html"), ("-text", "letter.txt"))
    },
}
