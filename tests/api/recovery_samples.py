"""Samples of the pages of passwords, recovery, a second device and other services, for the tests of every page."""

from datetime import UTC, datetime
from typing import Any

from api.portal.alerts import Alert

AT = datetime(2026, 11, 23, 5, 15, tzinfo=UTC)
PLAIN: dict[str, Any] = {"errors": {}, "values": {}}
OUTSIDE: dict[str, Any] = PLAIN | {"nav": [], "signed_in": False}
WRONG = {
    "code": "password-guessable",
    "text": "Пароль легко угадать: повторы, ряды клавиш или цифры подряд.",
    "advice": "Придумайте другой: несколько случайных слов подряд или нажмите «Придумать пароль».",
}
SUGGESTED = {"password": "Ветер-лампа-озеро-сахар-кедр-47"}
PROVIDERS = [{"name": "esia", "title": "Госуслуги"}, {"name": "other", "title": "Очень длинное имя услуг"}]
WAITING = {
    "confirmation_id": "0190", "created_at": AT, "device": "Firefox, Linux", "network": "192.0.2.0/24",
    "choices": (17, 42, 93),
}  # fmt: skip
ALERTS = [Alert("alert.recovery", "/account/recovery"), Alert("alert.confirmation", "/account/confirm")]
RECOVERY_SAMPLES: dict[str, tuple[str, dict[str, Any]]] = {
    "password": ("password.html", PLAIN | {"phone": "+79001234567"}),
    "password-wrong": ("password.html", PLAIN | {"phone": "+79001234567"} | {"errors": {"password": WRONG}}),
    "password-suggested": ("password.html", PLAIN | {"phone": "+79001234567"} | {"values": SUGGESTED}),
    "phone": ("phone.html", PLAIN | {"phone_tail": "4567"}),
    "recover": ("recover.html", OUTSIDE),
    "recover-factors": (
        "recover_proof.html",
        OUTSIDE | {"factors": ("passkey", "totp", "recovery-code"), "opens_at": None},
    ),
    "recover-wait": ("recover_proof.html", OUTSIDE | {"factors": (), "opens_at": None}),
    "recover-waits": ("recover_proof.html", OUTSIDE | {"factors": (), "opens_at": AT}),
    "recover-password": (
        "recover_password.html",
        OUTSIDE | {"phone": "+79001234567", "errors": {"password": WRONG}},
    ),
    "recovery-waits": ("recovery_waits.html", {"opens_at": AT, "alerts": ALERTS}),
    "recovery-none": ("recovery_waits.html", {"opens_at": None}),
    "register-suggested": ("register.html", OUTSIDE | {"values": SUGGESTED}),
    "sign-in-providers": ("sign_in.html", OUTSIDE | {"providers": PROVIDERS}),
    "second-device": ("second_device.html", OUTSIDE | {"state": "waiting", "number": 42}),
    "second-device-confirmed": ("second_device.html", OUTSIDE | {"state": "confirmed", "number": 42}),
    "second-device-ended": (
        "second_device.html",
        OUTSIDE | {"state": "ended", "number": 0, "errors": {"form": WRONG}},
    ),
    "code-sign-in": ("code.html", OUTSIDE | {"action": "/sign-in/code", "phone_tail": "4567", "minutes": 10}),
    "confirm": ("confirm.html", PLAIN | {"waiting": [WAITING, WAITING | {"device": "", "network": ""}]}),
    "confirm-none": ("confirm.html", PLAIN | {"waiting": []}),
    "external": (
        "external.html",
        PLAIN | {"rows": [one | {"linked": one["name"] == "esia"} for one in PROVIDERS]},
    ),
    "external-none": ("external.html", PLAIN | {"rows": []}),
    "external-leave": (
        "external_leave.html",
        OUTSIDE | {"url": "https://esia.example/authorize?state=1&nonce=2", "title": "Госуслуги"},
    ),
}
