"""Contexts of the page of push notifications, for the tests that look at every page."""

from typing import Any

_PLAIN: dict[str, Any] = {
    "errors": {},
    "is_here": True,
    "is_chosen": True,
    "server_key": "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
    "browsers_max": 10,
    "browsers": [
        {"id": "0190", "label": "Firefox, Linux", "since": "24.11.2026, 09:12\u00a0МСК", "digest": "AAAA"},
        {"id": "0191", "label": "", "since": "25.11.2026, 21:40\u00a0МСК", "digest": "BBBB"},
    ],
}
PUSH_SAMPLES: dict[str, tuple[str, dict[str, Any]]] = {
    "push": ("push.html", _PLAIN),
    "push-not-chosen": ("push.html", _PLAIN | {"is_chosen": False}),
    "push-none": ("push.html", _PLAIN | {"browsers": []}),
    "push-not-here": ("push.html", _PLAIN | {"is_here": False, "browsers": []}),
    "push-wrong": (
        "push.html",
        _PLAIN
        | {
            "errors": {
                "form": {
                    "code": "push-service-unknown",
                    "text": "Служба уведомлений этого браузера нам не известна.",
                    "advice": "Откройте кабинет в другом браузере.",
                }
            }
        },
    ),
}
