"""What a page says of a unit and of reference ranges is what the laboratory said, no more and no less."""

import pytest

from api.portal.measured_words import range_text, unit_text
from api.portal.range_bar import range_bar
from domain.report_content import ReferenceRange, Value, ValueKind
from domain.values import Coding, Concept, Quantity


def measured(**quantity: str) -> Value:
    return Value(kind=ValueKind.QUANTITY, quantity=Quantity(**quantity))


LOW, HIGH = Quantity(value="3.5"), Quantity(value="5.0")


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        (ReferenceRange(low=LOW, high=HIGH, text="3.5-5.0"), "3,5–5,0"),
        (ReferenceRange(low=LOW), "≥ 3,5"),
        (ReferenceRange(high=HIGH), "≤ 5,0"),
        (ReferenceRange(high=HIGH, text="<5.0"), "< 5,0"),
        (ReferenceRange(high=HIGH, text="<= 5.0"), "≤ 5,0"),
        (ReferenceRange(low=LOW, text=">3.5"), "> 3,5"),
        (ReferenceRange(high=HIGH, text="до 5.0 (натощак)"), "до 5.0 (натощак)"),
        (ReferenceRange(text="отрицательно"), "отрицательно"),
        (ReferenceRange(), None),
    ],
)
def test_one_range(sent: ReferenceRange, said: str | None) -> None:
    assert range_text([sent], "ru") == said


def test_of_several_ranges_each_is_said_with_whom_it_is_for() -> None:
    usual = Concept(codings=(Coding(code="normal", display="Normal Range"),))
    pregnant = Concept(text="беременные")
    ranges = [
        ReferenceRange(low=LOW, high=HIGH, kind=usual),
        ReferenceRange(high=HIGH, applies_to=(pregnant,), text="<5.0"),
        ReferenceRange(low=Quantity(value="7"), high=Quantity(value="9"), text="дети: 7-9"),
    ]
    assert range_text(ranges, "ru") == "3,5–5,0; беременные: < 5,0; дети: 7-9"
    assert range_text(ranges[1:2], "ru") == "беременные: < 5,0"
    assert range_text(ranges[:1] * 2, "en") == "3.5–5.0"


def test_no_bar_is_drawn_against_one_of_several_ranges() -> None:
    """Which of them is the patient's is not for us to say."""
    usual = ReferenceRange(low=LOW, high=HIGH)
    assert range_bar(measured(value="4"), [usual])
    assert range_bar(measured(value="4"), [usual, ReferenceRange(low=HIGH, high=Quantity(value="9"))]) is None


def test_the_number_of_a_unit_in_a_register_is_not_read_as_digits_of_the_value() -> None:
    assert unit_text(measured(value="848", code="136"), "ru") == "ед. изм. с кодом 136"
    assert unit_text(measured(value="848", code="136", unit="МЕ/л"), "ru") == "МЕ/л"
    assert unit_text(measured(value="848", code="mmol/L"), "en") == "mmol/L"
    assert unit_text(measured(value="848"), "en") is None
