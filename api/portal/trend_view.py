"""How measurements are put into words: rows of the table beside the picture, of the list, and of a comparison."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from api.pages import Locale, date_text, decimal_text
from api.portal.measured_words import range_text, unit_text, unit_words
from api.portal.report_view import value_text
from api.portal.trend_chart import DASHES, NARROW, SHAPES, WIDE, Chart, chart_of, shapes_of, sparkline
from domain.report_content import Value
from domain.trend import Measurement, Point, Step, Trend
from projections.analytes import ListedAnalyte

_FLAGGED = frozenset({"low", "high", "abnormal", "critical", "critical-low", "critical-high"})


@dataclass(frozen=True, slots=True, kw_only=True)
class TrendWords:
    """In what language, by whose clock, what the laboratories are called, and where who reads opens a report: the
    patient under its id."""

    locale: Locale
    time_zone: str
    laboratories: Mapping[UUID, str]
    hrefs: Mapping[UUID, str] = field(default_factory=dict)


def measurement_row(measurement: Measurement, words: TrendWords) -> dict[str, Any]:
    """One value as it was sent, with all that must be known of it."""
    quantity = measurement.quantity
    return {
        "href": words.hrefs.get(measurement.report_id, f"/reports/{measurement.report_id}"),
        "at": measurement.measured_at,
        "is_issue_time": measurement.is_issue_time,
        "laboratory": words.laboratories.get(measurement.laboratory_id, "—"),
        "value": value_text(measurement.value),
        "comparator": quantity.comparator if quantity else None,
        "unit": unit_text(measurement.value, words.locale),
        "range_text": range_text(measurement.ranges, words.locale),
        "flag": measurement.flag,
        "is_preliminary": measurement.is_preliminary,
        "is_corrected": measurement.is_corrected,
        "is_void": measurement.is_void,
        "former": _whole(measurement.former, words.locale) if measurement.former else None,
        "converted": None,
        "shape": None,
    }


def _whole(value: Value, locale: Locale) -> str:
    """A value with its comparator and unit, in one line."""
    text = value_text(value) or "—"
    number = decimal_text(text, locale=locale)
    comparator = value.quantity.comparator if value.quantity else None
    return unbroken(" ".join(part for part in (comparator, number, unit_text(value, locale)) if part))


def unbroken(amount: str) -> str:
    """An amount that no line ends in, not even behind the stroke of its unit."""
    return amount.replace(" ", "\u00a0").replace("/", "/\u2060")


def point_row(point: Point, shape: int, words: TrendWords, unit: str | None) -> dict[str, Any]:
    """As `measurement_row`, with the shape that it has in the picture, and the amount in the picture's unit."""
    row = measurement_row(point.measurement, words) | {"shape": SHAPES[shape % len(SHAPES)]}
    if point.is_converted:
        value = decimal_text(f"{point.value:f}", locale=words.locale)
        row["converted"] = unbroken(f"{value} {unit}" if unit else value)
    return row


def trend_rows(trend: Trend, shapes: Mapping[UUID, int], words: TrendWords) -> list[dict[str, Any]]:
    """Everything that has its place in time, the latest first."""
    rows = [
        (point.at, point_row(point, shapes[point.measurement.laboratory_id], words, trend.unit))
        for point in trend.points
    ]
    rows += [(step.at, measurement_row(step.measurement, words)) for step in trend.steps]
    return [row for _, row in sorted(rows, key=lambda row: row[0], reverse=True)]


def drawn(trend: Trend, words: TrendWords) -> dict[str, Any]:
    """The picture, for a wide page and for a phone, with what its shapes mean and what each mark says."""
    shapes = shapes_of(trend.points)
    charts: list[Chart] = []
    if trend.points:
        charts = [
            chart_of(trend.points, shapes, size=size, locale=words.locale, time_zone=words.time_zone)
            for size in (WIDE, NARROW)
        ]
    return {
        "charts": charts,
        "legend": [
            {"shape": SHAPES[number % len(SHAPES)], "dash": DASHES[number % len(DASHES)], "name": name}
            for number, name in ((number, words.laboratories.get(one, "—")) for one, number in shapes.items())
        ],
        "titles": [_title(point, words, trend.unit) for point in trend.points],
        "has": _has(trend.points),
    }


def _title(point: Point, words: TrendWords, unit: str | None) -> str:
    day = date_text(point.measurement.measured_at or "", locale=words.locale, time_zone=words.time_zone)
    value = decimal_text(f"{point.value:f}", locale=words.locale)
    amount = " ".join(part for part in (point.comparator, value, unit) if part)
    return f"{day}: {amount}, {words.laboratories.get(point.measurement.laboratory_id, '—')}"


def _has(points: Iterable[Point]) -> dict[str, bool]:
    """Which signs are in the picture, so that the legend explains no others."""
    known = list(points)
    return {
        "band": any(point.low is not None or point.high is not None for point in known),
        "bound": any(point.comparator for point in known),
        "preliminary": any(point.measurement.is_preliminary for point in known),
        "corrected": any(point.measurement.is_corrected for point in known),
        "converted": any(point.is_converted for point in known),
    }


def runs_of(steps: Sequence[Step]) -> list[dict[str, Any]]:
    """Words that did not change from one measurement to the next, in one line: from when to when, and how often."""
    runs: list[dict[str, Any]] = []
    for step in steps:
        text = value_text(step.measurement.value) or "—"
        at = step.measurement.measured_at
        if runs and runs[-1]["value"].casefold() == text.casefold():
            runs[-1] |= {"until": at, "count": runs[-1]["count"] + 1}
        else:
            runs.append({"value": text, "since": at, "until": at, "count": 1, "flag": step.measurement.flag})
    return runs[::-1]


def small_line(points: Sequence[Point]) -> dict[str, Any] | None:
    found = sparkline(points)
    if found is None:
        return None
    line, last, band = found
    return {"line": line, "last": last, "band": band}


def change_of(trend: Trend, words: TrendWords) -> dict[str, Any] | None:
    """How the last value differs from the one before, where both are exact and no word came later."""
    if len(trend.points) < 2 or any(point.comparator for point in trend.points[-2:]):
        return None
    if trend.steps and trend.steps[-1].at > trend.points[-1].at:
        return None
    before, last = trend.points[-2:]
    difference = last.value - before.value
    return {
        "direction": "up" if difference > 0 else "down" if difference < 0 else "same",
        "difference": decimal_text(f"{abs(difference):f}", locale=words.locale),
        "since": before.measurement.measured_at,
    }


# The whole of a page, for the patient and for a doctor to whom they gave their results.


def list_shown(
    trends: Iterable[tuple[ListedAnalyte, Trend]], words: TrendWords, *, path: str
) -> dict[str, Any]:
    """Each with its last value and the way to it, by name: first what is outside of its range."""
    rows = [row for one, trend in trends if (row := _list_row(one, trend, words, path)) is not None]
    rows.sort(key=lambda row: plain(row["name"]))
    return {
        "flagged": [row for row in rows if row["latest"]["flag"] in _FLAGGED],
        "others": [row for row in rows if row["latest"]["flag"] not in _FLAGGED],
    }


def plain(text: str) -> str:
    """As names are sorted and looked for."""
    return text.casefold().replace("ё", "е")


def _list_row(one: ListedAnalyte, trend: Trend, words: TrendWords, path: str) -> dict[str, Any] | None:
    latest = _latest(trend, words)
    if latest is None:
        return None
    return {
        "href": f"{path}/{one.key}",
        "name": one.name,
        "count": one.reports,
        "latest": latest,
        "line": small_line(trend.points),
    }


def _latest(trend: Trend, words: TrendWords) -> dict[str, Any] | None:
    """The last value of those that have a date; else any, for there may be no dates at all."""
    placed = [
        *((point.at, point_row(point, 0, words, trend.unit)) for point in trend.points),
        *((step.at, measurement_row(step.measurement, words)) for step in trend.steps),
    ]
    if placed:
        return max(placed, key=lambda row: row[0])[1]
    left = [measurement for measurement, _ in trend.left_out]
    return measurement_row(left[-1], words) if left else None


def trend_shown(one: ListedAnalyte, trend: Trend, words: TrendWords) -> dict[str, Any]:
    # 1 is how UCUM writes that there is no unit.
    trend = replace(trend, unit=None if trend.unit == "1" else unit_words(trend.unit, words.locale))
    return {
        "analyte": {"name": one.name, "loinc": one.analyte.loinc, "unit": trend.unit},
        "latest": _latest(trend, words),
        "change": change_of(trend, words),
        "rows": trend_rows(trend, shapes_of(trend.points), words),
        "runs": runs_of(trend.steps),
        "left_out": [
            measurement_row(measurement, words) | {"reason": reason} for measurement, reason in trend.left_out
        ],
        **drawn(trend, words),
    }
