"""Trends and comparisons as their pages show them: made by the domain from measurements, as the routes do."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from api.pages import Locale
from api.portal.trend_chart import shapes_of
from api.portal.trend_view import (
    TrendWords,
    change_of,
    drawn,
    measurement_row,
    point_row,
    runs_of,
    small_line,
    trend_rows,
)
from domain.report_content import ReferenceRange, Value, ValueKind
from domain.trend import Measurement, Trend, trend_of
from domain.values import Concept, Quantity

MOSCOW = ZoneInfo("Europe/Moscow")
NORTH, SOUTH = UUID(int=1), UUID(int=2)
NAMES = {NORTH: "Лаборатория «Северный ветер»", SOUTH: "Поликлиника № 12"}


def amount(value: str, unit: str | None = "ммоль/л", comparator: str | None = None) -> Value:
    quantity = Quantity(value=value, unit=unit, comparator=comparator)
    return Value(kind=ValueKind.QUANTITY, quantity=quantity)


def word(text: str) -> Value:
    return Value(kind=ValueKind.TEXT, text=text)


def usual(low: str | None, high: str | None, unit: str | None = "ммоль/л") -> tuple[ReferenceRange, ...]:
    ends = [Quantity(value=end, unit=unit) if end is not None else None for end in (low, high)]
    return (ReferenceRange(low=ends[0], high=ends[1]),)


def measurement(number: int, value: Value, at: str | None, **given: Any) -> Measurement:
    plain: dict[str, Any] = {
        "report_id": UUID(int=1000 + number),
        "report_version": 1,
        "laboratory_id": NORTH,
        "code": "glucose",
        "measured_at": at,
    }
    return Measurement(**plain | {"value": value} | given)


LONG = (
    replace(
        usual("4.1", "5.9")[0], applies_to=(Concept(text="взрослые натощак, цельная капиллярная кровь"),)
    ),
)
PATIENT = {"name": "Образцова Мария Ильинична", "birth_date": "1977-11-04"}
MIXED = [
    measurement(1, amount("5.1"), "2024-01-15T08:10:00+03:00", ranges=usual("4.1", "6.1"), flag="normal"),
    measurement(2, amount("5.40"), "2024-06-03", ranges=usual("4.1", "6.1"), flag="normal"),
    measurement(3, amount("112", "мг/дл"), "2024-11-20", laboratory_id=SOUTH, ranges=usual("70", "100", "мг/дл"), flag="high"),
    measurement(4, amount("6.8"), "2025-02-11", ranges=usual("4.1", "6.1"), flag="high", is_corrected=True, former=amount("68")),
    measurement(5, amount("1.1", comparator="<"), "2025-06-01", ranges=usual("4.1", "5.9"), flag="critical-low"),
    measurement(6, amount("5.6"), "2025-09-14", ranges=LONG, flag="normal", laboratory_id=SOUTH),
    measurement(7, amount("7.9"), "2026-03-02", ranges=usual("4.1", "5.9"), flag="high"),
    measurement(8, amount("6.0"), "2026-11-22T08:15:00+03:00", ranges=usual("4.1", "5.9"), flag="high", is_preliminary=True),
    measurement(9, word("не определяется"), "2025-07-01"),
    measurement(10, amount("5.0"), None),
    measurement(11, amount("12", "у.е."), "2025-08-01"),
    measurement(12, amount("3.3"), "2025-10-01", is_void=True),
]  # fmt: skip
ONE = [measurement(1, amount("5.1"), "2026-11-22", flag="normal", is_issue_time=True)]
WORDS_ONLY = [
    measurement(number, word(text), f"2025-0{number}-10", flag=flag)
    for number, text, flag in ((1, "не обнаружено", "normal"), (2, "Не обнаружено", "normal"), (3, "обнаружено", "abnormal"))
]  # fmt: skip


def many(count: int = 200) -> list[Measurement]:
    """So many, every ten days, of two laboratories with ranges of their own that change."""
    start = date(2021, 1, 10)
    return [
        measurement(
            number,
            amount(f"{5 + (number * 37 % 23) / 10 - (number % 50) / 40:.2f}"),
            (start + timedelta(days=10 * number)).isoformat(),
            laboratory_id=NORTH if number % 5 else SOUTH,
            ranges=usual("4.1", "6.1") if number < 120 else usual("3.9", "5.9"),
            flag="high" if number % 17 == 0 else "critical-high" if number == 101 else "normal",
        )
        for number in range(count)
    ]


def words(locale: Locale = "ru") -> TrendWords:
    return TrendWords(locale=locale, time_zone="Europe/Moscow", laboratories=NAMES)


def trend(measurements: list[Measurement]) -> Trend:
    return trend_of(measurements, analyte="2345-7", zone=MOSCOW)


PRESETS = [{"name": name, "query": "", "is_current": name == "all"} for name in ("all", "1", "3")]


def page_of(measurements: list[Measurement], **changed: Any) -> tuple[str, dict[str, Any]]:
    found = trend(measurements)
    latest = [*found.points, *found.steps]
    context = {
        "errors": {}, "values": {"from": "", "to": ""}, "presets": PRESETS, "key": "0" * 32, "patient": PATIENT,
        "total": len(measurements), "is_limited": False,
        "analyte": {"name": "Глюкоза в плазме", "loinc": "2345-7", "unit": found.unit},
        "latest": measurement_row(latest[-1].measurement, words()) if latest else None,
        "change": change_of(found, words()),
        "rows": trend_rows(found, shapes_of(found.points), words()),
        "runs": runs_of(found.steps),
        "left_out": [measurement_row(one, words()) | {"reason": reason} for one, reason in found.left_out],
        **drawn(found, words()),
    }  # fmt: skip
    return "trend.html", context | changed


def listed(name: str, measurements: list[Measurement]) -> dict[str, Any]:
    found = trend(measurements)
    rows = [point_row(point, 0, words(), found.unit) for point in found.points]
    rows += [measurement_row(step.measurement, words()) for step in found.steps]
    return {
        "href": "/trends/00", "name": name, "count": len(measurements), "latest": rows[-1],
        "line": small_line(found.points),
    }  # fmt: skip


LIST: dict[str, Any] = {"total": 3, "search": "", "report": None}
_SIDE = {"id": "0190", "title": "Биохимия", "laboratory": NAMES[NORTH], "at": "2025-11-22", "status": "final"}
_PLAIN = {
    "name": "Глюкоза", "earlier": measurement_row(MIXED[0], words()), "later": measurement_row(MIXED[6], words()),
    "direction": "up", "difference": "2,8", "unit": "ммоль/л", "turn": "newly-flagged",
}  # fmt: skip
COMPARISON: dict[str, Any] = {
    "patient": PATIENT,
    "sides": [_SIDE, _SIDE | {"id": "0191", "status": "corrected", "at": "2026-11-22"}],
    "both": [
        _PLAIN,
        _PLAIN | {"name": "Холестерин", "direction": "same", "difference": None, "turn": "still-flagged",
                  "earlier": measurement_row(MIXED[2], words()) | {"converted": "6,2 ммоль/л"}},
        _PLAIN | {"name": "HBsAg", "direction": "changed", "difference": None, "turn": "no-longer-flagged",
                  "earlier": measurement_row(WORDS_ONLY[2], words()), "later": measurement_row(WORDS_ONLY[0], words())},
        _PLAIN | {"name": "Тропонин", "direction": "unknown", "difference": None, "turn": None,
                  "earlier": measurement_row(MIXED[4], words())},
    ],
    "alone": [_PLAIN | {"name": "Калий", "earlier": None, "direction": None, "difference": None, "turn": None}],
    "turned": [_PLAIN],
}  # fmt: skip
STAFF: dict[str, Any] = {
    "is_staff": True, "home": "/staff", "share": {"href": "/staff/shared/7", "name": PATIENT["name"], "until": None},
}  # fmt: skip
TREND_SAMPLES: dict[str, tuple[str, dict[str, Any]]] = {
    "staff-trends": ("staff_trends.html", STAFF | {"flagged": [listed("Глюкоза в плазме", MIXED[:4])],
        "others": [listed("Калий", ONE)]}),
    "staff-trends-none": ("staff_trends.html", STAFF | {"flagged": [], "others": []}),
    "staff-trend": ("staff_trend.html", page_of(MIXED)[1] | STAFF | {"path": "/staff/shared/7/trends"}),
    "trends": ("trends.html", LIST | {
        "flagged": [listed("Глюкоза в плазме", MIXED[:4])],
        "others": [listed("Антитела к ВИЧ", WORDS_ONLY), listed("Калий", ONE)]}),
    "trends-report": ("trends.html", LIST | {"flagged": [], "others": [listed("Калий", ONE)],
        "report": {"id": "0190", "title": "Общий анализ крови"}}),
    "trends-none": ("trends.html", LIST | {"flagged": [], "others": [], "total": 0}),
    "trends-not-found": ("trends.html", LIST | {"flagged": [], "others": [], "search": "глюкоза"}),
    "trend": page_of(MIXED),
    "trend-one": page_of(ONE),
    "trend-many": page_of(many(), is_limited=True),
    "trend-words": page_of(WORDS_ONLY),
    "trend-none": page_of([], errors={"from": {"code": "filter-invalid", "text": "Фильтр заполнен неверно.",
        "advice": "Проверьте даты."}}, values={"from": "2027-01-01", "to": "2026-01-01"}),
    "comparison": ("comparison.html", COMPARISON),
    "comparison-none": ("comparison.html", COMPARISON | {"both": [], "alone": [], "turned": []}),
}  # fmt: skip
