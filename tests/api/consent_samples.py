"""What the pages of consents and obligations are shown with in tests: every state, with made-up content."""

from datetime import UTC, date, datetime
from typing import Any

from api.page_words import FAMILIES
from tests.api.staff_samples import INSIDE

AT = datetime(2026, 11, 23, 5, 15, tzinfo=UTC)
EARLIER = datetime(2026, 10, 2, 14, 40, tzinfo=UTC)
WRONG = {"code": "consent-not-read", "text": "Согласие не дано.", "advice": "Поставьте отметку."}
ORGANISATION = {"id": "7", "name": "Поликлиника № 12"}
DOCUMENT: dict[str, Any] = {
    "title": "Согласие на передачу результатов", "version": 3, "language": "ru", "sha256": "9f" * 32,
    "operator": "Оператор системы «Летопись»",
    "paragraphs": ["Я разрешаю выбранным мной организациям передавать сюда результаты.", "Срок: год."],
}  # fmt: skip
FORM: dict[str, Any] = {
    "kind": "results-transfer", "document": DOCUMENT, "organisation": None, "organisations": [ORGANISATION],
    "study_types": FAMILIES["section"], "has_scope": True, "errors": {}, "values": {},
}  # fmt: skip


def consent(kind: str, state: str) -> dict[str, Any]:
    is_of_one = kind == "electronic-transfer"
    return {
        "kind": kind, "id": kind, "query": "?organisation=7" if is_of_one else "",
        "organisation": ORGANISATION if is_of_one else None,
        "title_id": f"consents.title.{kind}", "purpose_id": f"consents.purpose.{kind}",
        "document_href": f"/consents/{kind}/documents/3/ru", "version": 3, "state": state,
        "is_outdated": kind == "personal-data",
        "granted_at": None if state == "none" else EARLIER,
        "withdrawn_at": AT if state == "withdrawn" else None,
        "organisations": ["Поликлиника № 12"] if kind == "results-transfer" else [],
        "study_types": ["hormones", "urinalysis"] if kind == "results-transfer" else [],
        "until": AT if kind == "results-transfer" else None,
    }  # fmt: skip


def obligation(number: int, duty: str) -> dict[str, Any]:
    return {
        "id": "0190", "patient_id": "0190f3c2-7d1e-8c55-9d6b-2f1f6c1b2a90", "duty": duty,
        "ground": FAMILIES["obligation.ground"][number % 3], "due": date(2026, 12, 1 + number),
        "outcome": FAMILIES["obligation.outcome"][number % 3], "is_overdue": number == 0,
        "organisation": "Поликлиника № 12" if duty == "tell-organisation" else None,
        "is_extended": number == 1, "can_be_met": duty == "tell-organisation",
    }  # fmt: skip


OBLIGATIONS = [obligation(number, duty) for number, duty in enumerate(FAMILIES["obligation.duty"])]
CONSENT_SAMPLES: dict[str, tuple[str, dict[str, Any]]] = {
    "consents": ("consents.html", {
        "consents": [consent(kind, state) for kind, state in
                     zip(FAMILIES["consents.title"], (*FAMILIES["consents.state"], "none"), strict=True)],
        "waiting": [{"count": number, "organisation": "Поликлиника № 12", "reason": reason}
                    for number, reason in enumerate(FAMILIES["barrier"])],
        "obligations": OBLIGATIONS, "erasure": {"due": AT.date(), "is_held": True}}),
    "consents-given": ("consents.html", {"waiting": [], "obligations": [], "erasure": None,
        "consents": [consent(kind, "granted") for kind in FAMILIES["consents.title"]]}),
    "consent": ("consent.html", FORM),
    "consent-wrong": ("consent.html", FORM | {
        "errors": dict.fromkeys(("read", "until", "organisations", "study-types"), WRONG),
        "values": {"organisations": "some", "study-types": "some", "study-type-hormones": "yes"}}),
    "consent-of-one": ("consent.html", FORM | {
        "kind": "electronic-transfer", "organisation": ORGANISATION, "has_scope": False}),
    "consent_document": ("consent_document.html", {"document": DOCUMENT}),
    "staff_obligations": ("staff_obligations.html", INSIDE | {
        "obligations": OBLIGATIONS, "overdue": 1, "proofs": FAMILIES["obligation.proof"]}),
    "staff_obligations-none": ("staff_obligations.html", INSIDE | {
        "obligations": [], "overdue": 0, "proofs": FAMILIES["obligation.proof"]}),
}  # fmt: skip
