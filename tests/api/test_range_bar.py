"""The range bar: the usual range is the middle half, and what has no number or no range of its unit has no bar."""

from decimal import Decimal

import pytest

from api.portal.range_bar import range_bar
from domain.report_content import ReferenceRange, Value, ValueKind
from domain.values import Quantity


def bar(
    value: str, low: str | None, high: str | None, *, unit: str = "г/л", comparator: str | None = None
) -> object:
    measured = Value(
        kind=ValueKind.QUANTITY, quantity=Quantity(value=value, unit="г/л", comparator=comparator)
    )
    ends = (Quantity(value=end, unit=unit) if end else None for end in (low, high))
    return range_bar(measured, [ReferenceRange(low=next(ends), high=next(ends))])


@pytest.mark.parametrize(
    ("value", "low", "high", "expected"),
    [
        ("145", "130", "160", (25, 50, "50.0")),
        ("130", "130", "160", (25, 50, "25.0")),
        ("160.00", "130", "160", (25, 50, "75.0")),
        ("9999", "130", "160", (25, 50, "97.0")),
        ("0", "130", "160", (25, 50, "3.0")),
        ("5", None, "10", (0, 50, "25.0")),
        ("30", "20", None, (50, 50, "75.0")),
    ],
)
def test_a_value_lies_where_it_is_in_its_range(
    value: str, low: str | None, high: str | None, expected: tuple[int, int, str]
) -> None:
    assert bar(value, low, high) == (expected[0], expected[1], Decimal(expected[2]))


def test_without_one_number_and_a_range_of_its_unit_there_is_no_bar() -> None:
    assert bar("145", None, None) is None
    assert bar("145", "160", "130") is None, "a range that ends before it begins"
    assert bar("145", "130", "160", comparator="<") is None
    assert bar("145", "13", "16", unit="г/дл") is None, "in another unit it would lie somewhere else"
    assert bar("5", None, "0") is None
    assert range_bar(Value(kind=ValueKind.TEXT, text="не обнаружено"), [ReferenceRange()]) is None
