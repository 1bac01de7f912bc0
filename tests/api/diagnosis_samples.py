"""What the hub and the diagnosis are shown with in tests: every check, with each verdict."""

from datetime import UTC, datetime
from typing import Any

from api.diagnosis_words import DIAGNOSED_FIELDS, DIAGNOSES
from api.page_words import FAMILIES
from domain.diagnosis import Check, Verdict

AT = datetime(2026, 11, 23, 5, 15, tzinfo=UTC)
STATES = (None, "ok", "needs-you", "needs-organisation", "our-fault")
HUB: dict[str, Any] = {
    "sections": [
        {"name": name, "href": f"/services/{name}", "verdict": STATES[at % len(STATES)]}
        for at, name in enumerate(FAMILIES["hub.section"])
    ],
    "region": {"code": "region-not-connected", "verdict": "our-fault"},
    "lost": ["email-unreachable", "phone-unreachable"],
}


def finding(code: str, verdict: str, check: str = "organisation", **changed: Any) -> dict[str, Any]:
    plain = {
        "check": check, "verdict": verdict, "code": code, "reason": None, "fields": [], "about": None,
        "count": None, "at": None, "href": "/services/profile" if verdict != "ok" else None,
    }  # fmt: skip
    return plain | changed


FULL = {
    "reason": "Срок сертификата аккредитации истёк.", "fields": list(DIAGNOSED_FIELDS), "count": 12, "at": AT,
    "about": "ГБУЗ «Городская поликлиника № 12 Департамента здравоохранения»",
}  # fmt: skip
DIAGNOSIS_SAMPLES: dict[str, tuple[str, dict[str, Any]]] = {
    "diagnosis": ("diagnosis.html", {"is_in_order": False, "last_result_at": AT, "groups": [
        {"verdict": verdict, "findings": [finding(code, verdict, **FULL) for code in DIAGNOSES[at::14]]}
        for at, verdict in enumerate(("needs-you", "needs-organisation", "our-fault"))],
        "others": [finding("phone-ok", "ok", check) for check in Check]
        + [finding("browser-hint", Verdict.HINT.value, "browser")]}),
    "diagnosis-in-order": ("diagnosis.html", {"is_in_order": True, "last_result_at": AT, "groups": [],
        "others": [finding("phone-ok", "ok", "phone")]}),
    "diagnosis-new": ("diagnosis.html", {"is_in_order": True, "last_result_at": None, "groups": [],
        "others": [finding("no-result-yet", "hint", "results")]}),
}  # fmt: skip
