"""Two reports side by side: what pairs, which way a value went, and what that means."""

from typing import Any
from uuid import UUID

import pytest

from domain.analyte import SentCode
from domain.code_map import LOINC
from domain.comparison import Compared, Direction, Measured, Turn, compare
from domain.report_content import Value, ValueKind
from domain.trend import Measurement
from domain.values import Quantity

NORTH, SOUTH = UUID(int=1), UUID(int=2)
GLUCOSE = SentCode("Глюкоза", ((LOINC, "14749-6"),))
GLUCOSE_BY_MASS = SentCode("Glucose", ((LOINC, "2345-7"),))
POTASSIUM = SentCode("Калий", ((LOINC, "2823-3"),))


def value(text: str, unit: str = "ммоль/л") -> Value:
    comparator = next((sign for sign in ("<=", ">=", "<", ">") if text.startswith(sign)), None)
    number = text.removeprefix(comparator or "")
    return Value(kind=ValueKind.QUANTITY, quantity=Quantity(value=number, unit=unit, comparator=comparator))


def word(text: str) -> Value:
    return Value(kind=ValueKind.TEXT, text=text)


def had(code: SentCode, found: Value, laboratory: UUID = NORTH, **given: Any) -> Measured:
    plain: dict[str, Any] = {"report_id": UUID(int=7), "report_version": 1, "laboratory_id": laboratory}
    return Measured(code, Measurement(**plain | {"code": code, "value": found} | given))


def pair(before: Measured, after: Measured) -> Compared:
    (found,) = compare([before], [after], {})
    return found


@pytest.mark.parametrize(
    ("before", "after", "direction"),
    [
        ("5.0", "5.1", Direction.UP),
        ("5.1", "5.0", Direction.DOWN),
        ("5.0", "5.00", Direction.SAME),
        ("<5", "7", Direction.UP),
        ("<5", "5", Direction.UP),
        ("<=5", "5", Direction.UNKNOWN),
        ("<5", "3", Direction.UNKNOWN),
        ("<5", "<5", Direction.SAME),
        ("<5", "<3", Direction.UNKNOWN),
        ("5", "<5", Direction.DOWN),
        ("5", "<7", Direction.UNKNOWN),
        (">5", "<5", Direction.DOWN),
        ("5", ">5", Direction.UP),
        (">5", ">7", Direction.UNKNOWN),
    ],
)
def test_a_direction_is_told_where_it_is_certain(before: str, after: str, direction: Direction) -> None:
    found = pair(had(GLUCOSE, value(before)), had(GLUCOSE, value(after)))
    assert found.direction is direction
    assert (found.difference is None) == any(sign in before + after for sign in "<>")


def test_another_laboratory_with_another_unit_is_compared_in_the_later_one() -> None:
    found = pair(had(GLUCOSE_BY_MASS, value("90", "мг/дл"), SOUTH), had(GLUCOSE, value("5.5")))
    assert found.direction is Direction.UP
    assert found.earlier_in_unit is not None and found.earlier_in_unit.value == "5.00"
    assert f"{found.difference}" == "0.50"
    assert found.earlier is not None and found.earlier.value == value("90", "мг/дл")


def test_units_that_do_not_convert_are_not_compared() -> None:
    found = pair(had(POTASSIUM, value("4", "у.е.")), had(POTASSIUM, value("4")))
    assert (found.direction, found.difference) == (Direction.UNKNOWN, None)


def test_words_are_the_same_or_not() -> None:
    same = pair(had(POTASSIUM, word("Не обнаружено")), had(POTASSIUM, word("не  обнаружено")))
    changed = pair(had(POTASSIUM, word("не обнаружено")), had(POTASSIUM, value("4")))
    assert (same.direction, changed.direction) == (Direction.SAME, Direction.CHANGED)


@pytest.mark.parametrize(
    ("before", "after", "turn"),
    [
        ("normal", "high", Turn.NEWLY_FLAGGED),
        (None, "critical-low", Turn.NEWLY_FLAGGED),
        ("high", "normal", Turn.NO_LONGER_FLAGGED),
        ("high", "low", Turn.STILL_FLAGGED),
        ("normal", "normal", None),
        ("high", None, None),
    ],
)
def test_what_a_change_means_against_the_range(
    before: str | None, after: str | None, turn: Turn | None
) -> None:
    assert pair(had(GLUCOSE, value("5"), flag=before), had(GLUCOSE, value("6"), flag=after)).turn is turn


def test_the_order_is_that_of_the_later_report_and_what_is_missing_is_said() -> None:
    found = compare(
        [had(POTASSIUM, value("4")), had(SentCode("Натрий"), value("140"))],
        [had(GLUCOSE, value("5")), had(POTASSIUM, value("4.1"))],
        {},
    )
    sides = [(one.name, one.earlier is not None, one.later is not None) for one in found]
    assert sides == [("Глюкоза", False, True), ("Калий", True, True), ("Натрий", True, False)]


def test_what_a_report_says_twice_is_not_paired() -> None:
    twice = [had(POTASSIUM, value("4")), had(POTASSIUM, value("9"))]
    found = compare([had(POTASSIUM, value("5"))], twice, {})
    assert [(one.earlier is None, one.later is None) for one in found] == [
        (True, False),
        (True, False),
        (False, True),
    ]


def test_antibiotics_under_one_code_are_paired_by_their_names() -> None:
    code = ((LOINC, "18769-0"),)
    one, two = SentCode("Амоксициллин", code), SentCode("Ципрофлоксацин", code)
    found = compare(
        [had(one, word("R")), had(two, word("S"))], [had(two, word("S")), had(one, word("S"))], {}
    )
    assert [(row.name, row.direction) for row in found] == [
        ("Ципрофлоксацин", Direction.SAME),
        ("Амоксициллин", Direction.CHANGED),
    ]


def test_a_value_that_was_taken_back_is_not_compared() -> None:
    found = pair(had(POTASSIUM, value("4"), is_void=True), had(POTASSIUM, value("5"), flag="high"))
    assert (found.direction, found.turn) == (None, None)
