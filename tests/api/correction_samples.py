"""Pages of the access log and of corrections, as test_pages.py looks at them."""

from datetime import UTC, datetime
from typing import Any

AT = datetime(2026, 11, 23, 5, 15, tzinfo=UTC)
EARLIER = datetime(2026, 10, 2, 14, 40, tzinfo=UTC)
REPORT_ID = "0190f3c2-7d1e-7c55-9d6b-2f1f6c1b2a90"
ASKED = {"from": "", "to": "", "role": "", "report": "", "page": ""}


def reading(**changed: Any) -> dict[str, Any]:
    plain = {
        "who": "Образцова Мария Ильинична",
        "role": "patient",
        "action": "viewed",
        "is_act": False,
        "purpose": "own-cabinet",
        "report_id": REPORT_ID,
        "title": "Общий анализ крови и биохимия",
        "at": AT,
        "medium": "page",
        "leaf": 1023,
        "position": 4712,
        "event_id": "0190f3c2-7d1e-7c55-9d6b-2f1f6c1b2a91",
        "has_proof": True,
        "as_of": f"/reports/{REPORT_ID}/as-of/4711?reading=4712",
    }
    return plain | changed


def line(count: int = 1, **changed: Any) -> dict[str, Any]:
    one = reading(**changed)
    shown = min(count, 3)
    return one | {
        "first_at": EARLIER,
        "count": count,
        "media": [("page", count - 1), ("pdf", 1)] if count > 1 else [],
        "readings": [one] * shown,
        "rest": count - shown,
        "position": 4712,
    }


LOG: dict[str, Any] = {
    "lines": [
        line(12),
        line(who="Смирнова Ирина Петровна, Поликлиника № 12", role="doctor", purpose="treatment", medium="pdf"),
        line(2, who="По ссылке: терапевт Иванов", role="link", purpose="shared-link", as_of=None, leaf=None),
        line(who="Мать или отец", role="guardian", purpose="legal-representative", medium=None, title=None),
        line(who="Сотрудник сервиса", role="staff", action="IdentityConfirmed", is_act=True, purpose="operation",
             report_id=None, title=None, medium=None, as_of=None),
    ],
    "counts": {"lines": 5, "readings": 17, "hidden": 0},
    "asked": ASKED,
    "report": None,
    "is_filtered": False,
    "roles": ("patient", "guardian", "doctor", "link", "staff", "laboratory", "auditor", "operator", "system"),
    "exports": [("csv", "/access/log.csv"), ("json", "/access/log.json")],
    "page": 1,
    "pages": 3,
    "newer": None,
    "older": "/access?page=2",
}  # fmt: skip
NOTHING = LOG | {"lines": [], "counts": {"lines": 0, "readings": 0, "hidden": 0}, "pages": 1, "older": None}
OF_REPORT = {"asked": ASKED | {"report": REPORT_ID}, "report": "Посев", "is_filtered": True}


def owed(**changed: Any) -> dict[str, Any]:
    plain = {
        "id": REPORT_ID,
        "title": "Общий анализ крови и биохимия",
        "href": f"/reports/{REPORT_ID}",
        "is_gone": False,
        "version": 2,
        "seen_version": 1,
        "changes": ["value", "flag"],
        "media": ["page", "pdf"],
        "at": AT,
        "status": "open",
        "how": None,
        "changed_at": AT,
        "who": "Образцова Мария Ильинична",
        "role": "patient",
        "is_link": False,
        "report_id": REPORT_ID,
        "patient_id": "0190f3c2-7d1e-7c55-9d6b-2f1f6c1b2a99",
    }
    return plain | changed


GONE = owed(is_gone=True, version=0, changes=["gone"], href=None, title=None)
OF_LINK = owed(who="По ссылке: терапевт Иванов", role="link", is_link=True, status="lapsed", how="link-over")
OF_DOCTOR = owed(
    who="Смирнова Ирина Петровна, Поликлиника № 12", role="doctor", status="acknowledged", how="declared"
)
CORRECTIONS: dict[str, Any] = {
    "news": [owed(), GONE],
    "to_tell": [OF_LINK],
    "others": [OF_DOCTOR, owed(who="Мать или отец", role="guardian", status="told", how="sms")],
    "known": [owed(status="acknowledged", how="opened")],
    "of_wards": 2,
}
STAFF: dict[str, Any] = {
    "is_staff": True,
    "home": "/staff",
    "sign_out": "/staff/sign-out",
    "is_doctor": True,
    "is_operator": True,
    "own": [owed(is_known=False), GONE | {"is_known": False}, owed(is_known=True, status="acknowledged", how="declared", href=None)],
    "waiting": [owed(kind="doctor", days=3), GONE | {"kind": "link", "days": 0}],
    "counts": {"doctor": 1, "link": 1, "patient": 0, "guardian": 0},
}  # fmt: skip
CORRECTION_SAMPLES: dict[str, tuple[str, dict[str, Any]]] = {
    "access": ("access.html", LOG),
    "access-none": ("access.html", NOTHING),
    "access-filtered": ("access.html", NOTHING | OF_REPORT),
    "access-limited": ("access.html", LOG | {"counts": {"lines": 5, "readings": 17, "hidden": 3}}),
    "access-line": (
        "access_line.html",
        {"first": reading(), "readings": [reading(), reading(medium="pdf", as_of=None)], "total": 2,
         "page": 1, "pages": 1, "newer": None, "older": None},
    ),
    "corrections": ("corrections.html", CORRECTIONS),
    "corrections-none": (
        "corrections.html",
        {"news": [], "to_tell": [], "others": [], "known": [], "of_wards": 0},
    ),
    "staff-corrections": ("staff_corrections.html", STAFF),
    "staff-corrections-none": ("staff_corrections.html", STAFF | {"own": [], "waiting": [], "counts": {}}),
}  # fmt: skip
