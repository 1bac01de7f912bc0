"""Trend: the measurements of one analyte in the order of time, in one unit where that is certain.

What can't be placed is said, never guessed: a value in a unit that does not convert, one without a date, one that was
taken back. The reference range goes with each measurement, for laboratories and years have different ones.
"""

import re
from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, tzinfo
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from functools import lru_cache
from uuid import UUID

from domain.federal_units import printed_unit
from domain.reference_ranges import only_range
from domain.report_content import ReferenceRange, Value, ValueKind
from domain.units import DIGITS_MAX, converted, ucum_of
from domain.values import Quantity

_DAY = re.compile(r"\d{4}-\d\d-\d\d")
# A time outside of these is a slip, and would press all others into one point.
_YEARS = range(1900, 2200)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """One value of a report, as it was sent, and what must be known beside it.

    `measured_at` is when the specimen was taken, as far as it is said; `is_issue_time`: only when the report was
    issued is known. `former` is what an earlier version of the report said. `code` is how the report calls it."""

    report_id: UUID
    report_version: int
    laboratory_id: UUID
    code: Hashable
    value: Value
    ranges: tuple[ReferenceRange, ...] = ()
    flag: str | None = None
    measured_at: str | None = None
    is_issue_time: bool = False
    is_preliminary: bool = False
    is_void: bool = False
    is_corrected: bool = False
    former: Value | None = None

    @property
    def quantity(self) -> Quantity | None:
        """The amount, if the value is one."""
        if self.value.kind is ValueKind.QUANTITY:
            found = self.value.quantity
        elif self.value.kind is ValueKind.INTEGER:
            found = Quantity(value=self.value.text)
        else:
            return None
        return found if found is not None and number_of(found) is not None else None


class LeftOut(StrEnum):
    """Why a measurement is listed and not drawn."""

    DATE_MISSING = "date-missing"
    UNIT_DIFFERS = "unit-differs"
    # The report says the same twice of one moment: which of the two it is, nobody can tell.
    TWICE = "twice"
    VOID = "void"


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A measurement with its place in the picture: `value` and the range are in the unit of the trend."""

    measurement: Measurement
    at: datetime
    value: Decimal
    low: Decimal | None = None
    high: Decimal | None = None
    is_converted: bool = False

    @property
    def comparator(self) -> str | None:
        return self.measurement.quantity.comparator if self.measurement.quantity else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A measurement that is a word, or anything that is no single amount."""

    measurement: Measurement
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """`unit` is what the values are in, as laboratories write it; None if they have none."""

    unit: str | None
    points: tuple[Point, ...]
    steps: tuple[Step, ...]
    left_out: tuple[tuple[Measurement, LeftOut], ...]

    @property
    def measurements(self) -> list[Measurement]:
        """All that it was made of."""
        return [
            *(point.measurement for point in self.points),
            *(step.measurement for step in self.steps),
            *(measurement for measurement, _ in self.left_out),
        ]


def moment_of(text: str | None, zone: tzinfo) -> datetime | None:
    """The moment that a FHIR dateTime names: a day is its beginning, a time without a zone is of the reader's clock.
    None if it does not name a day."""
    if text is None or not _DAY.match(text):
        return None
    try:
        if len(text) == len("2026-11-22"):
            found = datetime.combine(date.fromisoformat(text), time(), zone)
        else:
            found = datetime.fromisoformat(text)
    except ValueError:
        return None
    if found.year not in _YEARS:
        return None
    return found if found.tzinfo else found.replace(tzinfo=zone)


def trend_of(measurements: Iterable[Measurement], *, analyte: str | None, zone: tzinfo) -> Trend:
    """The trend of measurements of one analyte, which is a code of LOINC if it is known, for its molar mass."""
    places, left_out = _placed(measurements, zone)
    target = _unit_of([measurement for measurement, _ in places])
    points, steps = [], []
    for measurement, at in places:
        if measurement.quantity is None:
            steps.append(Step(measurement=measurement, at=at))
        elif (point := _point(measurement, at, target, analyte)) is not None:
            points.append(point)
        else:
            left_out.append((measurement, LeftOut.UNIT_DIFFERS))
    return Trend(
        unit=_written(target, [point.measurement for point in points]),
        points=tuple(points),
        steps=tuple(steps),
        left_out=tuple(left_out),
    )


def _placed(
    measurements: Iterable[Measurement], zone: tzinfo
) -> tuple[list[tuple[Measurement, datetime]], list[tuple[Measurement, LeftOut]]]:
    """Those that have a moment of their own, in its order, and the others."""
    known = list(measurements)
    moments = {measurement.measured_at: moment_of(measurement.measured_at, zone) for measurement in known}
    said = Counter(_moment_in_report(measurement) for measurement in known)
    places, left_out = [], []
    for measurement in known:
        at = moments[measurement.measured_at]
        if measurement.is_void:
            left_out.append((measurement, LeftOut.VOID))
        elif at is None:
            left_out.append((measurement, LeftOut.DATE_MISSING))
        elif said[_moment_in_report(measurement)] > 1:
            left_out.append((measurement, LeftOut.TWICE))
        else:
            places.append((measurement, at))
    return sorted(places, key=lambda place: place[1].astimezone(UTC)), left_out


def _moment_in_report(measurement: Measurement) -> Hashable:
    return measurement.report_id, measurement.code, measurement.measured_at


# Units.


def unit_key(quantity: Quantity) -> str:
    """The UCUM code of the unit; of one that is not known, its spelling, which equals only itself."""
    return ucum_of(quantity) or f"={quantity.unit or quantity.code or ''}"


def _unit_of(measurements: Sequence[Measurement]) -> str:
    """The unit that most values are in; of two as frequent, the one that was used last."""
    units = [unit_key(one.quantity) for one in measurements if one.quantity is not None]
    counted = Counter(units)
    return max(counted, key=lambda unit: (counted[unit], _last(units, unit)), default="=")


def _last(units: Sequence[str], unit: str) -> int:
    return max(place for place, one in enumerate(units) if one == unit)


def _written(target: str, measurements: Sequence[Measurement]) -> str | None:
    """As it is written most often, for patients do not read UCUM."""
    written = Counter(
        printed_unit(one.quantity) or one.quantity.code
        for one in measurements
        if one.quantity is not None and unit_key(one.quantity) == target
    )
    found = written.most_common(1)
    return found[0][0] if found else None


def in_unit(quantity: Quantity, target: str, analyte: str | None) -> Quantity | None:
    """The amount in that unit (as `unit_key` names it); None if it can't be told."""
    if number_of(quantity) is None:
        return None
    if unit_key(quantity) == target:
        return quantity
    return None if target.startswith("=") else converted(quantity, target, analyte=analyte)


def _point(measurement: Measurement, at: datetime, target: str, analyte: str | None) -> Point | None:
    quantity = measurement.quantity
    assert quantity is not None
    found = in_unit(quantity, target, analyte)
    value = number_of(found) if found is not None else None
    if value is None:
        return None
    low, high = (
        number_of(end) if end is not None else None for end in range_in_unit(measurement, target, analyte)
    )
    return Point(
        measurement=measurement,
        at=at,
        value=value,
        low=low,
        high=high,
        is_converted=unit_key(quantity) != target,
    )


def range_in_unit(
    measurement: Measurement, target: str, analyte: str | None
) -> tuple[Quantity | None, Quantity | None]:
    """The ends of the measurement's reference range; an end without a unit is in the value's own."""
    own, found = measurement.quantity, only_range(measurement.ranges)
    if own is None or found is None:
        return None, None
    low, high = (_end(end, own, target, analyte) for end in found.ends)
    return low, high


def _end(end: Quantity | None, own: Quantity, target: str, analyte: str | None) -> Quantity | None:
    if end is None:
        return None
    is_bare = end.unit is None and end.code is None
    whole = replace(end, unit=own.unit, system=own.system, code=own.code) if is_bare else end
    return in_unit(whole, target, analyte)


def number_of(quantity: Quantity) -> Decimal | None:
    """The number of a quantity, if it has one that can be measured: none is as great as 10^60."""
    return None if quantity.value is None else _number_of(quantity.value)


# Each number of a page is asked for a dozen times.
@lru_cache(maxsize=4096)
def _number_of(text: str) -> Decimal | None:
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    if not number.is_finite() or abs(number.adjusted()) > DIGITS_MAX:
        return None
    return number
