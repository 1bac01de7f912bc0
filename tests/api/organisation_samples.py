"""What the pages of a patient's organisations show, for the tests that look at every page."""

from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from api.page_words import FAMILIES
from domain.medical_card import Card, CardRefusal, CardStatus
from domain.organisation import OrganisationKind
from domain.organisation_registry import Certificate
from domain.values import LaboratoryId, PatientId
from tests.api.staff_samples import INSIDE

AT = datetime(2026, 11, 23, 5, 15, tzinfo=UTC)
ORGANISATION: dict[str, Any] = {
    "id": "7",
    "name": "ГБУЗ «Городская поликлиника № 12»",
    "inn": "7707083893",
    "kind": "clinic",
    "since": AT,
    "statuses": [{"name": "confirmed", "reason": None}, {"name": "automatic", "reason": None}],
}
EVERY_STATUS = [
    {"name": name, "reason": "Срок аттестата аккредитации истёк." if name.startswith("not") else None}
    for name in FAMILIES["organisation.status"]
]
FOUND: dict[str, Any] = {
    "id": None,
    "oid": "1.2.643.5.1.13.13.12.2.77.1",
    "name": "ГБУЗ «Городская поликлиника № 12»",
    "inn": "7707083893",
    "kind": "clinic",
    "place": "Пенза",
    "is_connected": False,
}
FACTS: dict[str, Any] = ORGANISATION | {
    "ogrn": "1027700132195",
    "oid": "1.2.643.5.1.13.13.12.2.77.1",
    "address": "Пенза, ул. Мира, 5",
    "department": "Клинико-диагностическая лаборатория",
    "certificate": Certificate(number="РОСС RU.0000001", valid_until=date(2029, 1, 1)),
    "formats": ("cda", "pdf"),
    "is_linked": True,
    "is_on": True,
    "is_joined": True,
    "is_awaited": False,
}
CHOICE: dict[str, Any] = (
    FOUND
    | FACTS
    | {
        "departments": [{"code": "01", "name": "Клинико-диагностическая лаборатория"}],
        "is_connected": True,
    }
)
WRONG = {
    "code": "organisation-name-differs",
    "text": "Название не совпадает с записью в реестре. В реестре: ГБУЗ «ГП № 12».",
    "advice": "Введите название, как в реестре.",
}
CLOSED = WRONG | {"code": "organisation-closed", "text": "Организация закрыта.", "advice": ""}
CARD = Card(
    patient_id=PatientId(UUID(int=1)),
    laboratory_id=LaboratoryId(UUID(int=2)),
    status=CardStatus.REFUSED,
    number="П-0042",
    reason=CardRefusal.OTHER_PERSON,
)
CLAIM: dict[str, Any] = {
    "href": "/staff/cards/1/2",
    "patient_id": "0190f3c2-7d1e-8c55-9d6b-2f1f6c1b2a90",
    "laboratory": "Лаборатория «Северный ветер»",
    "claimed_at": AT,
}
NOT_FOUND = {"organisations": [], "found": [], "available": [], "left": [], "is_more": False}
ORGANISATION_SAMPLES: dict[str, tuple[str, dict[str, Any]]] = {
    "organisations": ("organisations.html", {
        "q": "север", "is_more": True, "is_inn_wrong": False, "organisations": [ORGANISATION, ORGANISATION | {"id": "9", "statuses": EVERY_STATUS}],
        "found": [FOUND, FOUND | {"id": "8", "oid": None, "kind": "laboratory", "is_connected": True}],
        "available": [], "left": [ORGANISATION | {"id": "10"}]}),
    "organisations-none": ("organisations.html", {
        "q": "", "is_more": False, "is_inn_wrong": False, "organisations": [], "found": [], "available": [FOUND | {"id": "8"}, FOUND | {"id": "9"}],
        "left": []}),
    "organisations-not-found": ("organisations.html", NOT_FOUND | {"q": "юг", "is_inn_wrong": False}),
    "organisations-inn-wrong": ("organisations.html", NOT_FOUND | {"q": "7707083894", "is_inn_wrong": True}),
    "organisation": ("organisation.html", {"sample_href": None, "sample_reason": "Нет согласия на передачу результатов.",
        "organisation": FACTS | {"statuses": EVERY_STATUS}, "card": CARD,
        "errors": {"card": WRONG}, "values": {"card": "0"}}),
    "organisation-left": ("organisation.html", {"sample_href": None, "sample_reason": None, "card": None, "errors": {}, "values": {}, "organisation": FACTS | {
        "is_joined": False, "is_linked": False, "certificate": None, "address": None, "department": None,
        "statuses": [{"name": "unlinked", "reason": None}]}}),
    "organisation_choice": ("organisation_choice.html", {"organisation": CHOICE, "errors": {}}),
    "organisation_choice-closed": ("organisation_choice.html", {
        "organisation": CHOICE | {"departments": []}, "errors": {"form": CLOSED}}),
    "organisation_new": ("organisation_new.html", {
        "errors": {}, "values": {}, "kinds": list(OrganisationKind)}),
    "organisation_new-wrong": ("organisation_new.html", {
        "errors": {"name": WRONG, "kind": WRONG}, "kinds": list(OrganisationKind),
        "values": {"name": "Поликлиника 12", "kind": "clinic"}}),
    "cards": ("cards.html", INSIDE | {"total": 2, "entries": [CLAIM, CLAIM], "further": "/staff/cards?after=7"}),
    "cards-none": ("cards.html", INSIDE | {"total": 0, "entries": [], "further": None}),
    "card": ("card.html", INSIDE | {"entry": CLAIM, "number": None, "refusals": list(CardRefusal)}),
    "card-shown": ("card.html", INSIDE | {"entry": CLAIM, "number": "П-0042", "refusals": list(CardRefusal)}),
}  # fmt: skip
