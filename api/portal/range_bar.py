"""The range bar: where a value lies against what is usual, as a small picture beside the words that say it.

The usual range is the middle half of the bar; what lies farther out than the bar reaches stands at its edge. Numbers are
percent of the bar's width, rounded to tenths, so that the same value gives the same bytes.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from domain.report_content import ReferenceRange, Value
from domain.values import Quantity

_TENTH = Decimal("0.1")
_EDGES = (Decimal(3), Decimal(97))


class RangeBar(NamedTuple):
    """From where to where is usual, and where the value lies."""

    start: Decimal
    width: Decimal
    mark: Decimal


def range_bar(value: Value | None, ranges: Sequence[ReferenceRange]) -> RangeBar | None:
    """None where there is no one number and no one range of its unit to draw it against."""
    quantity = value.quantity if value else None
    if quantity is None or quantity.comparator or len(ranges) != 1:
        return None
    number, (low, high) = quantity.number, ranges[0].ends
    ends = tuple(_number_in(end, quantity) for end in (low, high))
    if number is None or (low is not None and ends[0] is None) or (high is not None and ends[1] is None):
        return None
    return _bar(number, *ends)


def _bar(number: Decimal, low: Decimal | None, high: Decimal | None) -> RangeBar | None:
    if low is not None and high is not None:
        return _marked(25, 50, 25 + 50 * (number - low) / (high - low)) if high > low else None
    if low is not None:
        return _marked(50, 50, 50 + 50 * (number - low) / low) if low > 0 else None
    if high is not None:
        return _marked(0, 50, 50 * number / high) if high > 0 else None
    return None


def _marked(start: int, width: int, mark: Decimal) -> RangeBar:
    seen = min(max(mark, _EDGES[0]), _EDGES[1]).quantize(_TENTH)
    return RangeBar(Decimal(start), Decimal(width), seen)


def _number_in(end: Quantity | None, measured: Quantity) -> Decimal | None:
    """The end of a range, if it is in the unit of what was measured or in none."""
    if end is None or end.number is None:
        return None
    units, own = {end.unit, end.code} - {None}, {measured.unit, measured.code} - {None}
    return end.number if not units or units & own else None
