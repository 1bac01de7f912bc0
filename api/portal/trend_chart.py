"""The picture of a trend: where each thing stands, in units of the drawing. What is drawn, templates say.

Shapes tell laboratories apart, places tell what is out of range, and the table beside the picture says everything, so
nothing hangs on colours. All numbers are rounded to tenths: the same trend gives the same bytes.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from math import ceil, floor, log10
from uuid import UUID
from zoneinfo import ZoneInfo

from babel.dates import format_datetime

from api.pages import Locale, decimal_text
from domain.trend import Point

# Outlines around (0, 0), about 10 wide, as relative commands of an SVG path.
SHAPES = (
    "m-5 0a5 5 0 1 0 10 0a5 5 0 1 0-10 0z",
    "m-4.5-4.5h9v9h-9z",
    "m0-6l5.8 10.2h-11.6z",
    "m0-6.4l6.4 6.4l-6.4 6.4l-6.4-6.4z",
    "m-1.8-5.4h3.6v3.6h3.6v3.6h-3.6v3.6h-3.6v-3.6h-3.6v-3.6h3.6z",
)
_SMALL_SHAPES = (
    "m-3 0a3 3 0 1 0 6 0a3 3 0 1 0-6 0z",
    "m-2.8-2.8h5.6v5.6h-5.6z",
    "m0-3.8l3.6 6.4h-7.2z",
    "m0-4l4 4l-4 4l-4-4z",
    "m-1.1-3.3h2.2v2.2h2.2v2.2h-2.2v2.2h-2.2v-2.2h-2.2v-2.2h2.2z",
)
DASHES = (None, "6 4", "2 4", "10 4 2 4", "1 3")
_RING = "m-8.5 0a8.5 8.5 0 1 0 17 0a8.5 8.5 0 1 0-17 0z"
_ARROW_DOWN, _ARROW_UP = "m0 8v11m-3.5-4l3.5 4l3.5-4", "m0-8v-11m-3.5 4l3.5-4l3.5 4"
_CRITICAL = frozenset({"critical", "critical-low", "critical-high"})
# From so many points on they are drawn small, and only what is critical is written beside its mark.
_MANY = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """The drawing and its margins; how many labels fit on the axes, and to how many points flags are written."""

    name: str
    width: int
    height: int
    left: int
    right: int = 14
    top: int = 26
    bottom: int = 30
    ticks_x: int = 7
    ticks_y: int = 6
    written: int = 30


WIDE = Size(name="wide", width=760, height=340, left=56)
NARROW = Size(name="narrow", width=340, height=300, left=46, ticks_x=4, ticks_y=5, written=6)


@dataclass(frozen=True, slots=True)
class Band:
    """What is usual, for one measurement or for neighbours with the same range."""

    x: str
    y: str
    width: str
    height: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A point: `arrow` is of a bound (less than, more than), `ring` of a corrected value."""

    place: int
    path: str
    look: str
    is_hollow: bool
    ring: str | None
    arrow: str | None
    label: tuple[str, str, str] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    size: Size
    ticks_x: tuple[tuple[str, str], ...]
    ticks_y: tuple[tuple[str, str], ...]
    bands: tuple[Band, ...]
    lines: tuple[tuple[str, str | None], ...]
    marks: tuple[Mark, ...]


@dataclass(frozen=True, slots=True)
class _Scale:
    """From what is measured to where it is drawn."""

    start: float
    end: float
    origin: float
    extent: float

    def at(self, value: float) -> float:
        return self.origin + (value - self.start) / (self.end - self.start) * self.extent


def chart_of(
    points: Sequence[Point],
    laboratories: Mapping[UUID, int],
    *,
    size: Size,
    locale: Locale,
    time_zone: str,
) -> Chart:
    """The points in order of time; `laboratories` says which shape is whose. At least one point."""
    zone = ZoneInfo(time_zone)
    moments = [point.at.timestamp() for point in points]
    span = max(moments[-1] - moments[0], 2 * 86400.0)
    middle = (moments[0] + moments[-1]) / 2
    across = size.width - size.left - size.right
    x = _Scale(middle - span * 0.53, middle + span * 0.53, size.left, across)
    low, high = _reach(points)
    steps = _ticks_of_values(low, high, size.ticks_y)
    down = size.height - size.top - size.bottom
    y = _Scale(min(low, float(steps[0])), max(high, float(steps[-1])), size.height - size.bottom, -down)
    places = [(x.at(moment), y.at(float(point.value))) for moment, point in zip(moments, points, strict=True)]
    return Chart(
        size=size,
        ticks_x=tuple(
            (_tenth(x.at(at.timestamp())), text)
            for at, text in _ticks_of_time(
                datetime.fromtimestamp(x.start, zone),
                datetime.fromtimestamp(x.end, zone),
                size.ticks_x,
                locale,
            )
        ),
        ticks_y=tuple(
            (_tenth(y.at(float(step))), decimal_text(f"{step:f}", locale=locale)) for step in steps
        ),
        bands=tuple(_bands(points, [place for place, _ in places], size, y)),
        lines=tuple(_lines(points, places, laboratories)),
        marks=tuple(_marks(points, places, laboratories, size, locale)),
    )


# The reach of the axes.


def _reach(points: Sequence[Point]) -> tuple[float, float]:
    """All values, and the ends of ranges as far as they lie near, so that a wide range does not press the values
    flat; the end that a value has crossed is always seen."""
    values = [float(point.value) for point in points]
    low, high = min(values), max(values)
    near = 1.5 * max(high - low, max(abs(low), abs(high)) / 2)
    for point, value in zip(points, values, strict=True):
        for end, is_crossed in (
            (point.low, point.low is not None and point.value < point.low),
            (point.high, point.high is not None and point.value > point.high),
        ):
            if end is not None and (is_crossed or min(values) - near <= end <= max(values) + near):
                low, high = min(low, float(end)), max(high, float(end))
        low, high = min(low, value), max(high, value)
    margin = (high - low) * 0.06 or abs(high) * 0.1 or 1.0
    return (low - margin if low < 0 else max(0.0, low - margin)), high + margin


def _ticks_of_values(low: float, high: float, count: int) -> list[Decimal]:
    """Round numbers, a round step apart."""
    rough = (high - low) / (count - 1)
    power = floor(log10(rough))
    step = next(
        one
        for one in (*(Decimal(factor).scaleb(power) for factor in (1, 2, 5)), Decimal(1).scaleb(power + 1))
        if float(one) >= rough * 0.999
    )
    first, last = ceil(low / float(step)), floor(high / float(step))
    return [number * step for number in range(first, max(last, first) + 1)] or [Decimal(0)]


def _ticks_of_time(start: datetime, end: datetime, count: int, locale: Locale) -> list[tuple[datetime, str]]:
    """Round hours, days, months or years: the finest of which so many fit."""
    day, month = ("d MMM", "MMM y") if locale == "en" else ("dd.MM", "MM.yyyy")
    for hours, form in (
        *((hours, f"{day}, HH:mm") for hours in (6, 12)),
        *((days * 24, day) for days in (1, 2, 7, 14)),
    ):
        if (end - start) / timedelta(hours=hours) <= count + 1:
            found = _every(start, end, timedelta(hours=hours))
            if len(found) <= count:
                return [(at, _told(at, form, locale)) for at in found]
    for months in (1, 2, 3, 6, 12, 24, 60, 120, 240, 1200):
        found = _months(start, end, months)
        if len(found) <= count:
            return [(at, _told(at, month if months < 12 else "y", locale)) for at in found]
    return []


def _told(at: datetime, form: str, locale: Locale) -> str:
    return str(format_datetime(at, form, tzinfo=at.tzinfo, locale=locale))


def _every(start: datetime, end: datetime, step: timedelta) -> list[datetime]:
    at = start.replace(hour=0, minute=0, second=0, microsecond=0)
    found = []
    while at <= end:
        if at >= start:
            found.append(at)
        at += step
    return found


def _months(start: datetime, end: datetime, step: int) -> list[datetime]:
    first, last = (at.year * 12 + at.month - 1 for at in (start, end))
    midnight = start.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    found = (
        midnight.replace(year=number // 12, month=number % 12 + 1)
        for number in range(first - first % step, last + 1, step)
        if number >= 12
    )
    return [at for at in found if start <= at <= end]


# What stands between them.


def _bands(points: Sequence[Point], across: Sequence[float], size: Size, y: _Scale) -> Iterator[Band]:
    """From half-way to the measurement before until half-way to the next, each in its own range."""
    edges = [float(size.left), *((one + two) / 2 for one, two in pairwise(across))]
    edges.append(float(size.width - size.right))
    top, bottom = float(size.top), float(size.height - size.bottom)
    place = 0
    while place < len(points):
        ends = (points[place].low, points[place].high)
        following = place + 1
        while following < len(points) and (points[following].low, points[following].high) == ends:
            following += 1
        left, right = edges[place], edges[following]
        low, high = ends
        above = top if high is None else min(max(y.at(float(high)), top), bottom)
        below = bottom if low is None else min(max(y.at(float(low)), top), bottom)
        if (low is not None or high is not None) and min(right - left, below - above) >= 0.1:
            yield Band(_tenth(left), _tenth(above), _tenth(right - left), _tenth(below - above))
        place = following


def _lines(
    points: Sequence[Point], places: Sequence[tuple[float, float]], laboratories: Mapping[UUID, int]
) -> Iterator[tuple[str, str | None]]:
    """A line for each laboratory, for methods differ; a bound is no place that a line could go through."""
    runs: dict[UUID, list[list[str]]] = defaultdict(lambda: [[]])
    for point, (x, y) in zip(points, places, strict=True):
        of_laboratory = runs[point.measurement.laboratory_id]
        if point.comparator:
            of_laboratory.append([])
        else:
            of_laboratory[-1].append(f"{_tenth(x)},{_tenth(y)}")
    for laboratory_id, found in runs.items():
        dash = DASHES[laboratories[laboratory_id] % len(DASHES)]
        yield from ((" ".join(run), dash) for run in found if len(run) > 1)


def _marks(
    points: Sequence[Point],
    places: Sequence[tuple[float, float]],
    laboratories: Mapping[UUID, int],
    size: Size,
    locale: Locale,
) -> Iterator[Mark]:
    shapes = _SMALL_SHAPES if len(points) > _MANY else SHAPES
    last_label = -1000.0
    for number, (point, (x, y)) in enumerate(zip(points, places, strict=True)):
        measurement = point.measurement
        flag = measurement.flag
        start = f"M{_tenth(x)} {_tenth(y)}"
        is_written = flag in _CRITICAL or (flag not in (None, "normal") and len(points) <= size.written)
        is_lower = point.comparator in ("<", "<=")
        label = None
        if is_written and (x - last_label > 40 or flag in _CRITICAL):
            last_label = x
            text = f"{point.comparator or ''}{decimal_text(f'{point.value:f}', locale=locale)}"
            beneath = point.comparator in (">", ">=") or y < size.top + 4
            label = (
                _tenth(min(max(x, size.left + 16), size.width - size.right - 16)),
                _tenth(y + 20 if beneath else y - 11),
                f"{text}\u00a0!" if flag in _CRITICAL else text,
            )
        yield Mark(
            place=number,
            path=start + shapes[laboratories[measurement.laboratory_id] % len(shapes)],
            look="critical" if flag in _CRITICAL else flag or "unknown",
            is_hollow=measurement.is_preliminary,
            ring=start + _RING if measurement.is_corrected else None,
            arrow=start + (_ARROW_DOWN if is_lower else _ARROW_UP) if point.comparator else None,
            label=label,
        )


def sparkline(points: Sequence[Point]) -> tuple[str, tuple[str, str], tuple[str, str] | None] | None:
    """The last few values as a small line in a box of 120 by 36: the line, its last point, and the last range as top
    and height. None of a single value."""
    if len(points) < 2:
        return None
    low, high = _reach(points)
    moments = [point.at.timestamp() for point in points]
    x = _Scale(moments[0], max(moments[-1], moments[0] + 1), 5, 110)
    y = _Scale(low, high, 33, -30)
    places = [
        (_tenth(x.at(moment)), _tenth(y.at(float(point.value))))
        for moment, point in zip(moments, points, strict=True)
    ]
    last = points[-1]
    band = None
    if last.low is not None or last.high is not None:
        above = 3.0 if last.high is None else min(max(y.at(float(last.high)), 3.0), 33.0)
        below = 33.0 if last.low is None else min(max(y.at(float(last.low)), 3.0), 33.0)
        band = (_tenth(above), _tenth(max(below - above, 0.0)))
    return " ".join(f"{a},{b}" for a, b in places), places[-1], band


def _tenth(number: float) -> str:
    return f"{number:.1f}".removesuffix(".0")


def shapes_of(points: Sequence[Point]) -> dict[UUID, int]:
    """Which shape each laboratory has: the one with most values the first."""
    counted: dict[UUID, int] = defaultdict(int)
    for point in points:
        counted[point.measurement.laboratory_id] += 1
    order = sorted(counted, key=lambda one: (-counted[one], one))
    return {laboratory_id: number for number, laboratory_id in enumerate(order)}
