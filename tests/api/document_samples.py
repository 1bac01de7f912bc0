"""What the pages of sending a result's document are shown with in tests: every state, with made-up content."""

from datetime import UTC, datetime
from typing import Any

from api.page_words import FAMILIES

AT = datetime(2026, 11, 23, 5, 15, tzinfo=UTC)
REPORT = {"id": "0190", "title": "Общий анализ крови и биохимия", "version": 2}


def sent(number: int, status: str) -> dict[str, Any]:
    form = FAMILIES["sending.file"][number % 2]
    return {
        "id": str(number),
        "version": 1 + number % 2,
        "format": form,
        "status": status,
        "asked_at": AT,
        "is_by_hand": number % 3 > 0,
    }


_PLAIN: dict[str, Any] = {
    "errors": {},
    "report": REPORT,
    "consent_href": None,
    "email": "s•••@patients.example",
    "email_barrier": None,
    "phone": "+7 ••• •••-00-01",
    "phone_barrier": None,
    "formats": FAMILIES["sending.format"],
    "chosen": "pdf",
    "documents": [sent(number, status) for number, status in enumerate(FAMILIES["sending.state"])],
}
_WRONG = {
    "code": "document-just-sent",
    "text": "Этот результат уже отправляется.",
    "advice": "Подождите две минуты: письмо обычно приходит раньше.",
}
DOCUMENT_SAMPLES: dict[str, tuple[str, dict[str, Any]]] = {
    "sending": ("sending.html", _PLAIN),
    "sending-first": ("sending.html", _PLAIN | {"documents": [], "phone_barrier": "phone-unreachable"}),
    "sending-wrong": ("sending.html", _PLAIN | {"errors": {"form": _WRONG}}),
    "sending-no-consent": (
        "sending.html",
        _PLAIN | {"consent_href": "/consents/results-by-email", "documents": []},
    ),
    "sending-no-email": (
        "sending.html",
        _PLAIN | {"email": None, "email_barrier": "email-missing", "phone": None, "documents": []},
    ),
    "document-password": (
        "document_password.html",
        {"report": REPORT, "document": sent(1, "handed-over"), "password": "K7QM-2XPR-9TWA"},
    ),
    "document-password-pdf": (
        "document_password.html",
        {"report": REPORT, "document": sent(2, "requested"), "password": "K7QM-2XPR-9TWA"},
    ),
}
