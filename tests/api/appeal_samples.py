"""What the pages of appeals are shown with in tests: the patient's, the organisation's and the operator's."""

from datetime import UTC, datetime
from typing import Any

from domain.appeal import AppealField, RefusalReason
from tests.api.staff_samples import INSIDE, error

AT = datetime(2026, 11, 23, 5, 15, tzinfo=UTC)
LATER = datetime(2026, 11, 30, 5, 15, tzinfo=UTC)
NUMBER = "7K3-M9Q-2DX"
STATUSES = ("submitted", "taken", "activated", "refused", "withdrawn")
OWN = [
    {"field": "name", "text": "Образцова-Длиннофамильная Мария Ильинична", "href": "/services/profile"},
    {"field": "birth_date", "text": "1977-11-04", "href": "/services/profile"},
    {"field": "policy", "text": "9911111111111112", "href": "/services/policy"},
    {"field": "email", "text": None, "href": "/services/profile"},
]


def shown(status: str, **changed: Any) -> dict[str, Any]:
    plain = {
        "number": NUMBER, "status": status, "is_open": status in ("submitted", "taken"), "answer_due": LATER,
        "is_reminded": False, "is_escalated": False, "reason": None, "field": None, "explanation": None,
    }  # fmt: skip
    return plain | changed


def page(status: str | None, **changed: Any) -> tuple[str, dict[str, Any]]:
    context = {
        "href": "/services/appeals/7", "organisation": "ГБУЗ «Поликлиника № 12»", "history": [],
        "appeal": shown(status) if status else None, "may_submit": status in (None, "refused", "withdrawn"),
        "of_patient": OWN, "is_consent_given": True, "consent_href": "/consents", "errors": {}, "values": {},
    }  # fmt: skip
    return "appeal.html", context | changed


def entry(status: str, **changed: Any) -> dict[str, Any]:
    plain = {
        "href": "/staff/appeals/7", "number": NUMBER, "status": status,
        "is_open": status in ("submitted", "taken"), "submitted_at": AT, "answer_due": LATER,
        "changed_at": LATER, "is_reminded": False, "is_escalated": False, "status_asked_at": None,
        "reason": None, "field": None,
    }  # fmt: skip
    return plain | changed


LINES = [
    {"field": field.value, "stated": "Образцова", "known": None if field is AppealField.OKPO else "Образцова",
     "agreement": agreement}
    for field, agreement in zip(AppealField, ("same", "differs", *("same",) * 6, "unknown"), strict=True)
]  # fmt: skip
DATA: dict[str, Any] = {
    "content": LINES, "is_identity_confirmed": True, "reasons": list(RefusalReason),
    "fields": list(AppealField), "errors": {}, "values": {},
}  # fmt: skip
EMPTY: dict[str, Any] = {"content": None, "errors": {}, "values": {}}
HISTORY = [
    {"at": AT, "what": what}
    for what in ("withdrawn", "answered", "escalated", "reminded", "status-requested", "taken", "submitted")
]

APPEAL_SAMPLES: dict[str, tuple[str, dict[str, Any]]] = {
    "appeals": ("appeals.html", {"q": "север", "appeals": [
        {"href": "/services/appeals/7", "number": NUMBER, "organisation": "ГБУЗ «Поликлиника № 12»",
         "status": status, "submitted_at": AT} for status in STATUSES],
        "found": [{"href": "/services/appeals/8", "name": "Северный ветер", "inn": "7707083893"}]}),
    "appeals-none": ("appeals.html", {"q": "юг", "appeals": [], "found": []}),
    "appeal-new": page(None, values={"organisation_name": "Поликлиника № 12", "inn": "7707083893"}),
    "appeal-wrong": page(None, is_consent_given=False, errors=error("appeal-okpo-wrong", "okpo")),
    "appeal-open": page("taken", history=HISTORY,
        appeal=shown("taken", is_reminded=True, is_escalated=True)),
    "appeal-refused": page("refused", appeal=shown("refused", reason="data-differ", field="birth_date",
        explanation="У нас 14.11.1977."), errors=error("appeal-not-corrected", "form")),
    "appeal-activated": page("activated", history=HISTORY),
    "staff_appeals": ("staff_appeals.html", INSIDE | {"organisation": "ГБУЗ «Поликлиника № 12»",
        "waiting": [entry("submitted", is_reminded=True, status_asked_at=AT), entry("taken", is_escalated=True)],
        "answered": [entry(status) for status in STATUSES[2:]]}),
    "staff_appeals-none": ("staff_appeals.html",
        INSIDE | {"organisation": "Поликлиника", "waiting": [], "answered": []}),
    "staff_appeal": ("staff_appeal.html", INSIDE | EMPTY | {"entry": entry("submitted")}),
    "staff_appeal-data": ("staff_appeal.html", INSIDE | DATA | {"entry": entry("taken", is_reminded=True)}),
    "staff_appeal-wrong": ("staff_appeal.html", INSIDE | DATA | {"entry": entry("taken"),
        "errors": error("refusal-reason-missing", "reason"), "values": {"reason": "other", "text": " "}}),
    "staff_appeal-closed": ("staff_appeal.html", INSIDE | DATA | {"is_identity_confirmed": False,
        "entry": entry("refused", reason="data-differ", field="birth_date")}),
    "staff_escalated": ("staff_escalated.html", INSIDE | {"entries": [
        entry("submitted", is_escalated=True) | {"organisation": "Поликлиника № 12", "handle": "clinic-12"}]}),
    "staff_escalated-none": ("staff_escalated.html", INSIDE | {"entries": []}),
}  # fmt: skip
