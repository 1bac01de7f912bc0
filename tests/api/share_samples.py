"""What the pages of sharing show, for every eye: see test_pages.py."""

from datetime import UTC, datetime
from typing import Any

from api.page_words import FAMILIES
from domain.report_content import ReportStatus
from projections.summary import FLAG_WORDS

AT = datetime(2026, 11, 23, 5, 15, tzinfo=UTC)
UNTIL = datetime(2026, 12, 1, 5, 15, tzinfo=UTC)
DOCTOR = {"name": "Громова Елена Викторовна", "speciality": "cardiology", "organisation": "Поликлиника № 12"}
TERMS = (1, 7, 30, 90)
WRONG = {
    "code": "share-term-wrong",
    "text": "Такой срок указать нельзя.",
    "advice": "Выберите срок из списка.",
}
ROW: dict[str, Any] = {
    "id": "0190", "kind": "link", "label": "Для кардиолога", "doctor": None, "reports": 2, "shared_at": AT,
    "until": UNTIL, "openings": 0, "openings_max": 3, "last_opened_at": None, "end": None,
}  # fmt: skip
SHARE: dict[str, Any] = {
    "id": "0190", "kind": "link", "label": None, "message": None, "shared_at": AT, "until": UNTIL, "end": None,
    "needs_passcode": True, "openings": 2, "openings_max": 3, "doctor": None,
}  # fmt: skip
REPORTS = [{"id": "1", "title": "Общий анализ крови"}, {"id": "2", "title": None}]
OPENING = {
    "at": AT, "recipient": "Поликлиника № 7, врач Орлов", "network": "192.0.2.0/24",
    "versions": [{"title": "Общий анализ крови", "version": 2}, {"title": None, "version": 1}],
}  # fmt: skip
OFFERED = [
    {"id": str(number), "title": title, "laboratory": "Лаборатория «Северный ветер»", "at": "2026-11-20", "is_on": number == 1}
    for number, title in enumerate(("Общий анализ крови", "Глюкоза", "Липидный профиль"), 1)
]  # fmt: skip
NEW: dict[str, Any] = {
    "reports": OFFERED, "offered": "1,2,3", "has_more": True, "kinds": ("link", "doctor"), "terms": TERMS, "openings": (1, 3, 10),
    "doctors": [DOCTOR | {"id": "7"}], "errors": {}, "nonce": "n0nce", "search": "",
    "values": {"kind": "link", "term": "7", "openings": "10", "passcode": "yes"},
}  # fmt: skip
LINK = "https://letopis.example/view#shlink:/" + "eyJ1cmwiOiJodHRwczovL2xldG9waXMuZXhhbXBsZS9zaGwv" * 6
MADE: dict[str, Any] = {
    "share": {"id": "0190", "until": UNTIL, "needs_passcode": True, "openings_max": 3},
    "link": LINK, "bare_link": LINK.partition("#")[2], "passcode": "271828",
}  # fmt: skip
STAFF: dict[str, Any] = {"is_staff": True, "home": "/staff"}
GIVEN = {
    "href": "/staff/shared/0190", "name": "Соколова Анна Петровна", "reports": 2, "shared_at": AT, "until": UNTIL,
    "ended_at": UNTIL, "is_new": True,
}  # fmt: skip
SHARE_SAMPLES: dict[str, tuple[str, dict[str, Any]]] = {
    "shares": ("shares.html", {
        "active": [ROW, ROW | {"kind": "doctor", "doctor": DOCTOR, "label": None, "openings": 5, "last_opened_at": AT}],
        "over": [ROW | {"label": None, "openings": 1, "end": end} for end in FAMILIES["share.ended"]]}),
    "shares-none": ("shares.html", {"active": [], "over": []}),
    "share": ("share.html", {"share": SHARE, "reports": REPORTS, "openings": [OPENING, OPENING | {"network": None}],
        "refusals": {"count": 3, "left": 7, "at": AT}, "terms": TERMS, "errors": {}, "values": {"term": "7"}}),
    "share-doctor": ("share.html", {"share": SHARE | {"kind": "doctor", "doctor": DOCTOR, "openings_max": None,
        "message": "Посмотрите, пожалуйста, динамику."}, "reports": REPORTS, "openings": [OPENING | {"recipient": None,
        "network": None}], "refusals": None, "terms": TERMS, "errors": {"until": WRONG}, "values": {"term": "date", "until": "1"}}),
    "share_new": ("share_new.html", NEW),
    "share_new-doctor": ("share_new.html", NEW | {"values": NEW["values"] | {"kind": "doctor", "term": "date"}, "errors": {
        "reports": WRONG, "doctor": WRONG, "message": WRONG, "until": WRONG, "label": WRONG, "openings": WRONG}}),
    "share_link": ("share_link.html", MADE),
    "view": ("view.html", {"nav": [], "signed_in": False, "flags": FLAG_WORDS, "statuses": list(ReportStatus)}),
    "staff_shared": ("staff_shared.html", STAFF | {"active": [GIVEN, GIVEN | {"is_new": False}],
        "over": [GIVEN | {"end": "revoked"}, GIVEN | {"end": "expired"}], "first": "/staff/shared", "further": None}),
    "staff_share": ("staff_share.html", STAFF | {"share": GIVEN, "message": "Посмотрите, пожалуйста.", "reports": [
        {"href": "/x", "title": "Глюкоза", "laboratory": "Инвитро", "at": AT, "status": "corrected", "versions": 2}]}),
    "staff_shared_report": ("staff_shared_report.html", STAFF | {"share": GIVEN, "title": "Глюкоза", "article": "",
        "version": 2, "versions": [{"number": 1, "href": "/x/1"}, {"number": 2, "href": "/x/2"}]}),
}  # fmt: skip
