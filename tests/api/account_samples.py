"""Samples of the pages of the account and of second factors, for the tests of every page."""

from datetime import UTC, datetime
from typing import Any

from api.page_words import FAMILIES

AT = datetime(2026, 11, 23, 5, 15, tzinfo=UTC)
WRONG = {
    "code": "totp-code-wrong",
    "text": "Код из приложения не подходит.",
    "advice": "Дождитесь следующего.",
}
FACTORS = ("passkey", "totp", "recovery-code", "sms-code")
PLAIN: dict[str, Any] = {"errors": {}, "values": {}}
OUTSIDE: dict[str, Any] = {"nav": [], "signed_in": False}


def _authenticator(kind: str, label: str | None, *, is_suspected: bool = False) -> dict[str, Any]:
    return {"id": f"{kind}-1", "kind": kind, "label": label, "is_suspected": is_suspected}


def _session(device: str, network: str, *, is_this: bool = False) -> dict[str, Any]:
    return {
        "id": "0190", "device": device, "network": network, "is_this": is_this, "opened_at": AT, "seen_at": AT,
    }  # fmt: skip


ACCOUNT: dict[str, Any] = PLAIN | {
    "authenticators": [
        _authenticator("passkey", "Рабочий ноутбук с очень длинным именем"),
        _authenticator("passkey", None, is_suspected=True),
        _authenticator("totp", "Телефон"),
    ],
    "has_totp": True, "recovery_codes": 2, "takes_sms": False, "may_turn_sms_off": True,
    "advice": "recovery-codes-few",
    "sessions": [
        _session("Firefox, Linux", "192.0.2.0/24", is_this=True),
        _session("", ""),
        _session("Mobile Safari, iOS", "2001:db8:1234::/48"),
    ],
    "events": [{"word": word, "at": AT} for word in FAMILIES["account.event"]],
}  # fmt: skip
ACCOUNT_SAMPLES: dict[str, tuple[str, dict[str, Any]]] = {
    "account": ("account.html", ACCOUNT),
    "account-new": ("account.html", ACCOUNT | {
        "authenticators": [], "has_totp": False, "recovery_codes": 0, "takes_sms": True,
        "may_turn_sms_off": False, "advice": "stronger", "sessions": ACCOUNT["sessions"][:1], "events": [],
        "errors": {"form": WRONG}}),
    "totp": ("totp.html", PLAIN | {
        "secret": "GEYT CMJR GEYT CMJR GEYT CMJR GEYT CMJR", "minutes": 15,
        "address": "otpauth://totp/Letopis:%2B79000000001?secret=GEYTCMJR", "errors": {"code": WRONG}}),
    "passkey": ("passkey.html", PLAIN),
    "recovery_codes": ("recovery_codes.html", {
        "codes": [f"7K3M-9QZ{number}-4TWX-8HJN" for number in range(10)], "left": 10}),
    "recovery_codes-before": ("recovery_codes.html", {"codes": [], "left": 3}),
    "step_up": ("step_up.html", PLAIN | {"factors": FACTORS[:3], "to": "/account", "errors": {"totp_code": WRONG}}),
    "step_up-sms": ("step_up.html", PLAIN | {"factors": ("sms-code",), "to": "/account"}),
    "second_factor": ("second_factor.html", OUTSIDE | PLAIN | {"factors": FACTORS}),
}  # fmt: skip
