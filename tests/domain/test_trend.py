"""A trend is in the order of time and in one unit, says what it can't place, and invents nothing."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.report_content import ReferenceRange, Value, ValueKind
from domain.trend import LeftOut, Measurement, Trend, moment_of, trend_of
from domain.values import Quantity

MOSCOW = ZoneInfo("Europe/Moscow")
GLUCOSE = "2345-7"
# Grams a mole, from which the oracle goes its own way.
GLUCOSE_MASS = Decimal("180.156")


def amount(value: str, unit: str | None = "ммоль/л", comparator: str | None = None) -> Value:
    return Value(kind=ValueKind.QUANTITY, quantity=Quantity(value=value, unit=unit, comparator=comparator))


def measurement(value: Value, at: str | None = "2026-11-22", **given: Any) -> Measurement:
    plain: dict[str, Any] = {"report_version": 1, "laboratory_id": UUID(int=1), "code": "glucose"}
    report_id = given.pop("report_id", None) or UUID(int=abs(hash((value, at))) % 2**64)
    return Measurement(**plain | {"value": value, "measured_at": at, "report_id": report_id} | given)


def usual(low: str | None, high: str | None, unit: str | None = None) -> tuple[ReferenceRange, ...]:
    ends = [Quantity(value=end, unit=unit) if end is not None else None for end in (low, high)]
    return (ReferenceRange(low=ends[0], high=ends[1]),)


def trend(*measurements: Measurement, analyte: str | None = GLUCOSE) -> Trend:
    return trend_of(measurements, analyte=analyte, zone=MOSCOW)


def reasons(found: Trend) -> list[LeftOut]:
    return [reason for _, reason in found.left_out]


def test_values_stand_in_the_order_of_time_whatever_order_and_clock_they_came_in() -> None:
    found = trend(
        measurement(amount("3"), "2026-03-01T00:30:00+03:00"),
        measurement(amount("1"), "2026-02-28"),
        measurement(amount("2"), "2026-02-28T20:00:00Z"),
    )
    assert [str(point.value) for point in found.points] == ["1", "2", "3"]


def test_the_unit_is_that_of_most_values_and_others_are_converted_with_their_range() -> None:
    found = trend(
        measurement(amount("5.1"), "2025-01-01"),
        measurement(amount("90", "мг/дл"), "2025-02-01", ranges=usual("70", "100")),
        measurement(amount("5.4"), "2025-03-01", ranges=usual("4.1", "6.1", "ммоль/л")),
    )
    assert found.unit == "ммоль/л"
    first, second, third = found.points
    assert (first.is_converted, second.is_converted) == (False, True)
    assert abs(second.value - Decimal(900) / GLUCOSE_MASS) < Decimal("0.06")
    assert second.low is not None and abs(second.low - Decimal(700) / GLUCOSE_MASS) < Decimal("0.06")
    assert (third.low, third.high) == (Decimal("4.1"), Decimal("6.1"))
    assert second.measurement.value == amount("90", "мг/дл"), "what was sent is kept"


def test_of_two_units_as_frequent_the_one_that_was_used_last_is_taken() -> None:
    found = trend(measurement(amount("90", "мг/дл"), "2025-01-01"), measurement(amount("5"), "2025-02-01"))
    assert found.unit == "ммоль/л"


def test_a_unit_that_is_a_number_of_the_federal_register_is_written_as_it_is_printed() -> None:
    quantity = Quantity(value="153", system="urn:oid:1.2.643.5.1.13.13.11.1358", code="60")
    numbered = [
        measurement(Value(kind=ValueKind.QUANTITY, quantity=quantity), at)
        for at in ("2026-01-01", "2026-02-01")
    ]
    found = trend(*numbered, measurement(amount("15.1", "г/дл")))
    assert (found.unit, len(found.points)) == ("г/л", 3)


def test_mass_does_not_become_amount_where_it_is_not_certain_what_is_measured() -> None:
    found = trend(
        measurement(amount("5.1"), "2025-01-01"),
        measurement(amount("5.2"), "2025-01-02"),
        measurement(amount("90", "мг/дл"), "2025-02-01"),
        analyte=None,
    )
    assert len(found.points) == 2
    assert reasons(found) == [LeftOut.UNIT_DIFFERS]


def test_an_unknown_unit_equals_itself_only() -> None:
    found = trend(
        measurement(amount("1", "у.е."), "2025-01-01"),
        measurement(amount("2", "у.е."), "2025-01-02"),
        measurement(amount("3", "попугаев"), "2025-01-03"),
        measurement(amount("4", None), "2025-01-04"),
    )
    assert [str(point.value) for point in found.points] == ["1", "2"]
    assert reasons(found) == [LeftOut.UNIT_DIFFERS, LeftOut.UNIT_DIFFERS]


@pytest.mark.parametrize(
    "at", [None, "", "2026", "2026-11", "вчера", "2026-13-40", "0001-01-01", "9999-12-31"]
)
def test_a_value_without_a_day_is_listed_and_not_drawn(at: str | None) -> None:
    found = trend(measurement(amount("5"), at), measurement(amount("6"), "2026-01-01"))
    assert len(found.points) == 1
    assert reasons(found) == [LeftOut.DATE_MISSING]


def test_what_was_taken_back_is_listed_and_not_drawn() -> None:
    assert reasons(trend(measurement(amount("5"), is_void=True))) == [LeftOut.VOID]


def test_the_same_twice_in_a_report_at_one_moment_is_not_drawn_but_at_two_moments_it_is() -> None:
    report_id = UUID(int=9)
    one = measurement(amount("5"), "2026-01-01T08:00:00+03:00", report_id=report_id)
    again = measurement(amount("9"), "2026-01-01T08:00:00+03:00", report_id=report_id)
    later = replace(again, measured_at="2026-01-01T10:00:00+03:00")
    assert reasons(trend(one, again)) == [LeftOut.TWICE, LeftOut.TWICE]
    assert len(trend(one, later).points) == 2


def test_words_are_steps_and_numbers_points() -> None:
    word = Value(kind=ValueKind.TEXT, text="не обнаружено")
    whole = Value(kind=ValueKind.INTEGER, text="3")
    found = trend(
        measurement(word, "2026-01-02"), measurement(whole, "2026-01-01"), measurement(word, "2026-01-01")
    )
    assert [step.measurement.value for step in found.steps] == [word, word]
    assert [point.value for point in found.points] == [Decimal(3)]


def test_a_bound_keeps_its_comparator_and_an_open_range_its_open_end() -> None:
    (point,) = trend(measurement(amount("0.10", comparator="<"), ranges=usual(None, "0.30"))).points
    assert (point.comparator, point.value, point.low, point.high) == (
        "<",
        Decimal("0.10"),
        None,
        Decimal("0.30"),
    )


@pytest.mark.parametrize("value", ["NaN", "Infinity", "1e400", "abc"])
def test_what_is_no_number_that_can_be_measured_is_no_point(value: str) -> None:
    found = trend(measurement(amount(value)))
    assert found.points == ()
    assert len(found.steps) == 1


def test_a_day_begins_by_the_readers_clock_and_so_does_a_time_without_a_zone() -> None:
    assert moment_of("2026-11-22", MOSCOW) == datetime(2026, 11, 21, 21, tzinfo=UTC)
    assert moment_of("2026-11-22T08:15:00", MOSCOW) == datetime(2026, 11, 22, 5, 15, tzinfo=UTC)
    assert moment_of("2026-11-22T08:15:00Z", MOSCOW) == datetime(2026, 11, 22, 8, 15, tzinfo=UTC)


UNITS = {
    "ммоль/л": Decimal(1),
    "мкмоль/л": Decimal("0.001"),
    "мг/дл": 10 / GLUCOSE_MASS,
    "г/л": 1000 / GLUCOSE_MASS,
}
SENT = st.lists(
    st.tuples(
        st.decimals(min_value=Decimal("0.5"), max_value=Decimal(9999), places=2),
        st.sampled_from(sorted(UNITS)),
        st.integers(0, 4000),
        st.booleans(),
    ),
    max_size=25,
)


@given(SENT)
def test_every_measurement_is_somewhere_once_in_order_and_as_much_as_it_was(
    sent: list[tuple[Decimal, str, int, bool]],
) -> None:
    """The oracle: each amount in mmol/l by its own factor, to the digits that were sent."""
    start = datetime(2015, 1, 1, tzinfo=MOSCOW)
    known = [
        measurement(
            amount(str(value), unit),
            None if is_undated else (start + timedelta(days=day)).date().isoformat(),
            report_id=UUID(int=number + 1),
        )
        for number, (value, unit, day, is_undated) in enumerate(sent)
    ]
    found = trend(*known)
    placed = [point.measurement for point in found.points]
    assert sorted([*placed, *(one for one, _ in found.left_out)], key=lambda one: one.report_id) == known
    assert [point.at for point in found.points] == sorted(point.at for point in found.points)
    assert set(reasons(found)) <= {LeftOut.DATE_MISSING}
    for point in found.points:
        assert found.unit is not None
        value, unit, _, _ = sent[point.measurement.report_id.int - 1]
        expected = value * UNITS[unit] / UNITS[found.unit]
        # The last digit of what was sent, in the unit of the trend.
        digit = Decimal("0.01") * max(UNITS[unit] / UNITS[found.unit], Decimal("1e-9"))
        assert abs(point.value - expected) <= digit
