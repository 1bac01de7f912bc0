"""What the pages of consultations show, for every eye: see test_pages.py."""

from datetime import UTC, date, datetime
from typing import Any

from api.page_words import FAMILIES

AT = datetime(2026, 11, 23, 5, 15, tzinfo=UTC)
DOCTOR: dict[str, Any] = {
    "id": "7", "name": "Орлова Вера Павловна", "speciality": "endocrinology", "organisation": "Поликлиника № 12",
    "languages": ["ru", "en"],
}  # fmt: skip
FORMATS = list(FAMILIES["consultation.format"])
WRONG = {
    "code": "consultation-slot-taken",
    "text": "Это время только что заняли.",
    "advice": "Выберите другое время.",
}
DAYS = [
    {"day": f"{number}.11.2026", "weekday": str(number % 7 + 1),
     "times": [{"value": f"2026-11-{number}T{hour}:00:00+00:00", "text": f"{hour}:00"} for hour in range(10, 18)]}
    for number in range(23, 28)
]  # fmt: skip
REPORTS = [{"id": "1", "title": "Общий анализ крови", "at": AT}, {"id": "2", "title": None, "at": AT}]
VALUES = {"questions": "Нужно ли лечение?\nКогда сдать ещё раз?", "study": "hormones", "report-1": "yes"}
BOOKING: dict[str, Any] = {
    "errors": {}, "values": {}, "doctor": DOCTOR, "formats": FORMATS, "days": DAYS, "zone": "Europe/Moscow",
    "other_zone": None, "minutes": 30, "studies": list(FAMILIES["section"]), "reports": REPORTS,
}  # fmt: skip
NOTHING: dict[str, Any] = {
    "is_given": False, "history": [], "conclusions": [], "prescriptions": [], "referrals": [], "next_visit": None,
    "next_id": None,
}  # fmt: skip
DRUG: dict[str, Any] = {
    "number": 1, "drug": "Железа сульфат", "dose": "100 мг в день", "course": "3 месяца", "is_amended": False,
    "is_stopped": False, "at": AT,
}  # fmt: skip
REFERRAL: dict[str, Any] = {
    "number": 1,
    "name": "Тиреотропный гормон (ТТГ)",
    "note": "натощак",
    "request_id": None,
    "at": AT,
}
GIVEN: dict[str, Any] = {
    "is_given": True, "history": [{"text": "Жалобы на утомляемость.", "at": AT}],
    "conclusions": [{"text": "Дефицит железа.\nЛечение амбулаторно.", "at": AT}, {"text": "Норма.", "at": AT}],
    "prescriptions": [DRUG, DRUG | {"number": 2, "drug": "Витамин D3", "is_amended": True, "is_stopped": True}],
    "referrals": [REFERRAL, REFERRAL | {"number": 2, "request_id": "9", "note": None}],
    "next_visit": {"format": "in-person", "note": "через три месяца", "at": AT}, "next_id": "8",
}  # fmt: skip
VISIT: dict[str, Any] = {
    "id": "5", "when": "23.11.2026, 08:15 МСК", "minutes": 30, "format": "video", "status": "booked", "reason": None,
    "is_booked": True, "can_move": True, "can_cancel": True, "link": None, "until": AT,
    "before": None,
}  # fmt: skip
PAGE: dict[str, Any] = {
    "errors": {}, "values": VALUES, "visit": VISIT, "doctor": DOCTOR,
    "checks": [{"name": name, "done": done} for name, done in (("identity", True), ("results", True), ("questions", False), ("device", None))],
    "attached": REPORTS, "offered": [{"id": "3", "title": "Глюкоза", "at": AT}],
    "scans": [{"id": "4", "media_type": "application/pdf", "size_bytes": 48_000}], "studies": list(FAMILIES["section"]),
    "outcome": NOTHING, "organisations": [],
}  # fmt: skip
OVER: dict[str, Any] = {"is_booked": False, "can_move": False, "can_cancel": False}
ROW: dict[str, Any] = {
    "href": "/consultations/5", "doctor": DOCTOR, "when": "23.11.2026, 08:15 МСК", "format": "video",
    "status": "booked", "is_coming": True,
}  # fmt: skip
STAFF: dict[str, Any] = {"is_staff": True, "home": "/staff"}
ENTRY: dict[str, Any] = {"href": "/staff/consultations/5", "at": AT, "format": "phone", "status": "booked"}
STAFF_VISIT: dict[str, Any] = {
    "id": "5", "at": AT, "minutes": 30, "format": "video", "status": "now", "reason": None, "is_booked": True,
    "can_write": True, "can_miss": True, "link": "https://meet.example.org/room", "study": "hormones",
    "questions": ("Нужно ли лечение?",), "follows": "4",
}  # fmt: skip
STAFF_PAGE: dict[str, Any] = STAFF | {
    "errors": {}, "values": {}, "visit": STAFF_VISIT,
    "patient": {"name": "Соколова Анна Петровна", "age": 42, "sex": "female", "phone": "+79990001122"},
    "attached": [{"id": "1", "href": "/staff/shared/1/reports/1", "trends": "/staff/shared/1/trends", "title": "Общий анализ крови", "at": AT, "flagged": 2, "may_release": True}], "scans": ["6"],
    "outcome": NOTHING, "reasons": ["doctor-unavailable", "other-speciality", "technical"], "formats": FORMATS,
    "studies": [{"code": "3016-3", "name": "Тиреотропный гормон (ТТГ)"}],
    "slots": [{"value": "video|x", "at": AT, "format": "video"}],
}  # fmt: skip
ABOUT: dict[str, Any] = STAFF | {
    "errors": {}, "values": {"time_zone": "Europe/Moscow", "slot": "30", "break": "0"}, "is_introduced": False,
    "has_room": False, "specialities": list(FAMILIES["doctor.speciality"]), "formats": FORMATS,
    "languages": list(FAMILIES["doctor.language"]), "zones": ("Europe/Moscow", "Asia/Omsk"), "slots": (15, 20, 30),
    "breaks": (0, 5), "days": [], "affected": [],
}  # fmt: skip
CONSULTATION_SAMPLES: dict[str, tuple[str, dict[str, Any]]] = {
    "consultations": ("consultations.html", {"coming": [ROW], "past": [
        ROW | {"status": status, "is_coming": False, "doctor": None if status == "missed" else DOCTOR}
        for status in FAMILIES["consultation.status"]]}),
    "consultations-none": ("consultations.html", {"coming": [], "past": []}),
    "consultation-doctors": ("consultation_doctors.html", {"q": "орл", "speciality": "endocrinology", "reports": ["1", "2"],
        "specialities": ["endocrinology"], "doctors": [DOCTOR | {"formats": FORMATS}]}),
    "consultation-doctors-none": ("consultation_doctors.html", {"q": "", "speciality": "", "reports": [], "specialities": [],
        "doctors": []}),
    "consultation-booking": ("consultation_booking.html", BOOKING),
    "consultation-booking-wrong": ("consultation_booking.html", BOOKING | {"errors": {"slot": WRONG, "format": WRONG,
        "reports": WRONG, "questions": WRONG}, "values": VALUES, "other_zone": "Asia/Omsk"}),
    "consultation-booking-full": ("consultation_booking.html", BOOKING | {"days": [], "errors": {
        "form": WRONG | {"code": "consultation-identity-needed"}}}),
    "consultation-check": ("consultation_check.html", {"doctor": DOCTOR, "when": "23.11.2026, 08:15 МСК", "format": "video",
        "study": "hormones", "questions": ("Нужно ли лечение?",), "reports": REPORTS, "values": VALUES,
        "person": {"name": "Соколова Анна", "birth_date": "1984-02-29", "document": "4455"}}),
    "consultation-check-bare": ("consultation_check.html", {"doctor": DOCTOR, "when": "23.11.2026, 08:15 МСК",
        "format": "phone", "study": None, "questions": (), "reports": [], "values": {},
        "person": {"name": "Соколова Анна", "birth_date": "1984-02-29", "document": None}}),
    "consultation": ("consultation.html", PAGE),
    "consultation-near": ("consultation.html", PAGE | {"visit": VISIT | {"status": "now", "link": "https://meet.example.org/room",
        "can_move": False}, "attached": [], "scans": [], "errors": {"scan": WRONG, "questions": WRONG}}),
    "consultation-moved-by-doctor": ("consultation.html", PAGE | {"visit": VISIT | {"before": {
        "when": "20.11.2026, 18:30 МСК", "format": "phone"}}}),
    "consultation-held": ("consultation.html", PAGE | {"visit": VISIT | OVER | {"status": "held"}, "outcome": GIVEN,
        "organisations": [{"id": "1", "name": "Поликлиника № 12"}, {"id": "2", "name": "Лаборатория"}]}),
    "consultation-held-unlinked": ("consultation.html", PAGE | {"visit": VISIT | OVER | {"status": "held"},
        "outcome": GIVEN | {"next_id": None}}),
    "consultation-cancelled": ("consultation.html", PAGE | {"visit": VISIT | OVER | {"status": "cancelled",
        "reason": "doctor-unavailable"}, "doctor": None, "attached": [], "scans": []}),
    "consultation-move": ("consultation_move.html", {"errors": {"slot": WRONG}, "values": {"format": "phone"},
        "visit": VISIT, "doctor": DOCTOR, "formats": FORMATS, "days": DAYS, "zone": "Europe/Moscow", "other_zone": None}),
    "consultation-move-full": ("consultation_move.html", {"errors": {}, "values": {}, "visit": VISIT, "doctor": DOCTOR,
        "formats": FORMATS, "days": [], "zone": "Europe/Moscow", "other_zone": "Asia/Omsk"}),
    "staff-consultations": ("staff_consultations.html", STAFF | {"is_introduced": True, "day": date(2026, 11, 23),
        "before": "2026-11-22", "after": "2026-11-24", "today": [ENTRY], "coming": [ENTRY, ENTRY],
        "late": [ENTRY | {"status": "now"}]}),
    "staff-consultations-none": ("staff_consultations.html", STAFF | {"is_introduced": False, "day": date(2026, 11, 23),
        "before": "2026-11-22", "after": "2026-11-24", "today": [], "coming": [], "late": []}),
    "staff-consultation": ("staff_consultation.html", STAFF_PAGE),
    "staff-consultation-held": ("staff_consultation.html", STAFF_PAGE | {"outcome": GIVEN, "errors": {"text": WRONG},
        "values": {"act": "conclusion", "text": ""}, "visit": STAFF_VISIT | {"status": "held", "is_booked": False,
        "can_miss": False, "link": None}}),
    "staff-consultation-early": ("staff_consultation.html", STAFF_PAGE | {"errors": {"reason": WRONG}, "attached": [],
        "scans": [], "slots": [], "visit": STAFF_VISIT | {"status": "booked", "can_write": False, "can_miss": False,
        "link": None, "study": None, "questions": (), "follows": None}}),
    "staff-consultation-move": ("staff_consultation_move.html", STAFF | {"errors": {"slot": WRONG}, "formats": FORMATS,
        "values": {"format": "phone"}, "visit": {"id": "5", "at": AT, "format": "video"}, "days": DAYS, "zone": "Europe/Moscow"}),
    "staff-consultation-move-full": ("staff_consultation_move.html", STAFF | {"errors": {}, "formats": FORMATS, "values": {},
        "visit": {"id": "5", "at": AT, "format": "phone"}, "days": [], "zone": "Asia/Omsk"}),
    "staff-doctor": ("staff_doctor.html", ABOUT),
    "staff-doctor-wrong": ("staff_doctor.html", ABOUT | {"is_introduced": True, "has_room": True,
        "errors": {"speciality": WRONG, "formats": WRONG, "hours": WRONG, "time_zone": WRONG, "day_hours": WRONG},
        "days": [{"day": date(2026, 11, 30), "hours": ""}, {"day": date(2026, 12, 1), "hours": "09:00–12:00"}],
        "affected": [{"href": "/staff/consultations/5", "at": AT}]}),
    "staff-doctors": ("staff_doctors.html", STAFF | {"doctors": [DOCTOR | {"open": 2}]}),
    "staff-doctors-none": ("staff_doctors.html", STAFF | {"doctors": []}),
}  # fmt: skip
