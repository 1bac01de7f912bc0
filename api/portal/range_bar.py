"""The range bar: where a value lies against what is usual, as a small picture beside the words that say it.

The usual range is the middle half of the bar; what lies farther out than the bar reaches stands at its edge. Numbers are
percent of the bar's width, rounded to tenths, so that the same value gives the same bytes.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from domain.reference_ranges import limits_for
from domain.report_content import ReferenceRange, Value

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
    if quantity is None or quantity.comparator or quantity.number is None:
        return None
    limits = limits_for(quantity, ranges)
    return _bar(quantity.number, limits.low, limits.high) if limits else None


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
