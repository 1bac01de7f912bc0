"""What the list of results and the pages beside it are shown with in tests: full, empty, narrowed, wrong."""

from datetime import UTC, datetime
from typing import Any

from api.list_words import EXPECTED_STEPS, STATUS_GROUPS
from api.page_words import FAMILIES

AT = datetime(2026, 11, 23, 5, 15, tzinfo=UTC)
WRONG = {"code": "filter-invalid", "text": "Фильтр заполнен неверно.", "advice": "Проверьте даты."}
LABORATORIES = [{"id": "7", "name": "Лаборатория «Северный ветер»"}, {"id": "8", "name": "Поликлиника № 12"}]


def listed(title: str, **given: Any) -> dict[str, Any]:
    plain = {
        "id": "0190", "title": title, "laboratory": "Лаборатория «Северный ветер»", "status": "final",
        "issued_at": AT, "collected_at": "2026-11-22T08:15:00+03:00", "received_at": AT, "is_new": False,
        "flagged": 0, "critical": 0, "observations": 5, "section": None, "is_kept": False,
    }  # fmt: skip
    return plain | given


def shown(**changed: Any) -> dict[str, Any]:
    plain: dict[str, Any] = {
        "errors": {}, "values": {"q": ""}, "chips": [], "is_narrowed": False, "search": "", "new": [], "months": [],
        "new_count": 0, "is_later_page": False, "following": None, "following_href": None, "first_href": "/reports",
        "study_types": FAMILIES["section"], "statuses": list(STATUS_GROUPS), "laboratories": LABORATORIES,
        "acts": [{"name": "archive", "path": "/reports/archive", "method": "post"},
                 {"name": "compare", "path": "/reports/compare", "method": "get"},
                 {"name": "send", "path": "/shares/new", "method": "get"}],
        "next_step_href": "/services", "expected_count": 0, "may_choose_talk": True,
    }  # fmt: skip
    return plain | changed


NEW = [
    listed("Общий анализ крови и биохимия", is_new=True, flagged=5, critical=2, observations=12),
    listed("Посев", is_new=True, status="preliminary", observations=1),
    listed("", is_new=True, is_kept=True),
]
MONTHS = [
    {"month": "2026-10", "reports": [
        listed("Гормоны щитовидной железы", collected_at="2026-10", section="hormones")]},
    {"month": "2026-09", "reports": [
        listed("Общий анализ мочи", status="entered-in-error", issued_at=None, collected_at=None)]},
]  # fmt: skip
NARROWED = {
    "is_narrowed": True,
    "values": {"q": "гемоглобин", "from": "2026-01-01", "to": "2026-11-01", "laboratory": "7", "type": "hormones",
               "status": "ready", "new": "yes"},
    "chips": [{"name": name, "value": value, "href": "/reports"} for name, value in (
        ("from", "2026-01-01"), ("to", "2026-11-01"), ("laboratory", "7"), ("type", "hormones"), ("status", "ready"),
        ("new", "yes"))],
    "search": "гемоглобин",
}  # fmt: skip


def _talk_first(is_on: bool) -> dict[str, Any]:
    sections = FAMILIES["section"]
    return {
        "groups": [
            {"name": name, "sections": [{"name": one, "is_on": is_on} for one in found]}
            for name, found in (("sensitive", sections[6:]), ("rest", sections[:6]))
        ],
        "includes_others": is_on,
        "is_on": is_on,
    }


def steps(state: str) -> list[dict[str, Any]]:
    """The way of a request in this state, as the pages show it."""
    reached = {"requested": 1, "scheduled": 1, "sampled": 2, "at-laboratory": 3, "overdue": 3, "waiting": 4}
    count = reached.get(state, 5)
    marks = ["done"] * count + ["late" if state in ("overdue", "waiting") else "now"] + ["todo"] * 5
    moments = {"sampled": AT, "received": AT if count < 4 else None}
    return [
        {"name": name, "state": mark, "at": moments.get(name)}
        for name, mark in zip(EXPECTED_STEPS, marks, strict=False)
    ]


LIST_SAMPLES: dict[str, tuple[str, dict[str, Any]]] = {
    "reports": ("reports.html", shown(new=NEW, months=MONTHS, new_count=3, expected_count=2)),
    "reports-none": ("reports.html", shown()),
    "reports-narrowed": ("reports.html", shown(
        months=MONTHS, following="bg", following_href="/reports?after=bg", is_later_page=True, **NARROWED)),
    "reports-paged": ("reports.html", shown(
        months=MONTHS, following="bg", following_href="/reports?after=bg", is_later_page=True, acts=[])),
    "reports-not-found": ("reports.html", shown(**NARROWED)),
    "reports-none-so": ("reports.html", shown(**NARROWED | {"search": "", "values": {"q": "", "new": "yes"}})),
    "reports-end": ("reports.html", shown(is_later_page=True)),
    "reports-wrong": ("reports.html", shown(
        months=MONTHS, is_narrowed=True, values={"q": ""},
        errors=dict.fromkeys(("from", "laboratory", "type", "status"), WRONG))),
    "talk_first": ("talk_first.html", _talk_first(is_on=True)),
    "talk_first-off": ("talk_first.html", _talk_first(is_on=False)),
    "kept_report": ("kept_report.html", {
        "report": {"id": "0190", "received_at": AT}, "can_show": True, "can_consult": True}),
    "kept_report-ward": ("kept_report.html", {
        "report": {"id": "0190", "received_at": AT}, "can_show": False, "can_consult": False}),
}  # fmt: skip
