"""What a page says of a unit and of reference ranges is what the laboratory said, no more and no less."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from api.pages import Locale
from api.portal.measured_words import range_text, unit_text
from api.portal.range_bar import range_bar
from api.portal.trend_view import TrendWords, trend_shown
from domain.analyte import Analyte
from domain.report_content import ReferenceRange, Value, ValueKind
from domain.trend import Trend
from domain.values import Coding, Concept, Quantity
from projections.analytes import ListedAnalyte


def measured(**quantity: str) -> Value:
    return Value(kind=ValueKind.QUANTITY, quantity=Quantity(**quantity))


def words(ranges: Sequence[ReferenceRange], locale: Locale) -> str | None:
    said = range_text(ranges, locale)
    return said and said.replace("\u00a0", " ")


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
        # A text that tells for whom, and not how much, stands beside the ends.
        (ReferenceRange(high=HIGH, text="age 18–60"), "≤ 5,0 (age 18–60)"),
        (ReferenceRange(low=LOW, high=HIGH, text="age 18–60"), "3,5–5,0 (age 18–60)"),
        (ReferenceRange(low=LOW, high=HIGH, text="3,50 - 5"), "3,5–5,0"),
        (ReferenceRange(low=LOW, high=HIGH, text="> 3.5; < 5.0"), "> 3.5; < 5.0"),
        (ReferenceRange(low=Quantity(value="-5"), high=Quantity(value="5"), text="±5"), "-5–5"),
        (ReferenceRange(low=Quantity(value="3.5", comparator=">")), "> 3,5"),
        (ReferenceRange(high=Quantity(value="5", comparator="<=")), "≤ 5"),
    ],
)
def test_one_range(sent: ReferenceRange, said: str | None) -> None:
    assert words([sent], "ru") == said


def test_no_line_ends_behind_a_sign() -> None:
    assert range_text([ReferenceRange(low=LOW)], "ru") == "≥\u00a03,5"
    assert range_text([ReferenceRange(high=HIGH, text="<5.0")], "ru") == "<\u00a05,0"


def test_of_several_ranges_each_is_said_with_whom_it_is_for() -> None:
    usual = Concept(codings=(Coding(code="normal", display="Normal Range"),))
    pregnant = Concept(text="беременные")
    ranges = [
        ReferenceRange(low=LOW, high=HIGH, kind=usual),
        ReferenceRange(high=HIGH, applies_to=(pregnant,), text="<5.0"),
        ReferenceRange(low=Quantity(value="7"), high=Quantity(value="9"), text="дети: 7-9"),
    ]
    assert words(ranges, "ru") == "3,5–5,0; беременные: < 5,0; дети: 7-9"
    assert words(ranges[1:2], "ru") == "беременные: < 5,0"
    assert words(ranges[:1] * 2, "en") == "3.5–5.0"


def test_ranges_of_several_ages_keep_their_numbers() -> None:
    child = ReferenceRange(low=LOW, high=HIGH, text="age 0–12")
    adult = ReferenceRange(high=Quantity(value="9"), text="age 12–99")
    assert words([child, adult], "ru") == "3,5–5,0 (age 0–12); ≤ 9 (age 12–99)"
    women = Concept(text="жен")
    both = [replace(one, applies_to=(women,)) for one in (child, adult)]
    assert words(both, "en") == "жен: 3.5–5.0 (age 0–12); жен: ≤ 9 (age 12–99)"


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


def test_a_number_of_the_federal_register_is_shown_as_its_unit() -> None:
    register = "urn:oid:1.2.643.5.1.13.13.11.1358"
    assert unit_text(measured(value="153", code="60", system=register), "ru") == "г/л"
    assert unit_text(measured(value="153", code="60", system=register, unit="g/l"), "ru") == "g/l"
    assert unit_text(measured(value="153", code="99999", system=register), "ru") == "ед. изм. с кодом 99999"


UCUM = "http://unitsofmeasure.org"


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ({"code": "1", "system": UCUM}, None),
        ({"unit": "1"}, None),
        ({"unit": "1", "code": "1", "system": UCUM}, None),
        ({"unit": "pH", "code": "1", "system": UCUM}, "pH"),
        ({"code": "1", "system": "urn:oid:1.2.643.5.1.13.13.11.1358"}, "unit code 1"),
    ],
)
def test_the_one_of_ucum_is_no_unit(sent: dict[str, str], said: str | None) -> None:
    assert unit_text(measured(value="7.4", **sent), "en") == said


@pytest.mark.parametrize(("sent", "said"), [("1", None), ("136", "unit code 136"), ("g/L", "g/L")])
def test_the_heading_of_a_trend_says_the_unit_as_its_rows_do(sent: str, said: str | None) -> None:
    listed = ListedAnalyte(
        key="a", analyte=Analyte(("", "")), name="pH", names=("pH",), reports=1, digests=()
    )
    trend = Trend(unit=sent, points=(), steps=(), left_out=())
    words = TrendWords(locale="en", time_zone="Europe/Moscow", laboratories={})
    assert trend_shown(listed, trend, words)["analyte"]["unit"] == said
