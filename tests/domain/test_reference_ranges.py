"""A measured amount is held against a reference range only where it is certain which, and in what unit."""

import pytest

from domain.reference_ranges import Limits, limits_for
from domain.report_content import ReferenceRange
from domain.values import Coding, Concept, Quantity

MEASURED = Quantity(value="5", unit="г/л", code="g/L", system="http://unitsofmeasure.org")
USUAL = Concept(codings=(Coding(code="normal"),))
THERAPEUTIC = Concept(codings=(Coding(code="therapeutic"),))


def of(
    low: str | None,
    high: str | None,
    *,
    unit: str | None = "г/л",
    kind: Concept | None = None,
    text: str | None = None,
) -> ReferenceRange:
    ends = (Quantity(value=end, unit=unit) if end else None for end in (low, high))
    return ReferenceRange(low=next(ends), high=next(ends), kind=kind, text=text)


def verdict(*ranges: ReferenceRange) -> str | None:
    limits = limits_for(MEASURED, ranges)
    if limits is None:
        return None
    assert isinstance(limits, Limits) and MEASURED.number is not None
    if limits.are_above(MEASURED.number):
        return "low"
    return "high" if limits.are_below(MEASURED.number) else "within"


@pytest.mark.parametrize(
    ("low", "high", "text", "expected"),
    [
        ("4", "5", None, "within"),
        ("4", "5", "<5", "within"),  # of two ends a sign before the text says nothing of one
        (None, "5", "5", "within"),
        (None, "5", "<= 5", "within"),
        (None, "5", "<5", "high"),
        ("5", None, "> 5", "low"),
        ("5", None, ">=5", "within"),
        ("5.1", None, None, "low"),
        (None, None, "5", None),
    ],
)
def test_an_end_is_of_its_range_unless_its_text_says_less_or_more(
    low: str | None, high: str | None, text: str | None, expected: str | None
) -> None:
    assert verdict(of(low, high, text=text)) == expected


@pytest.mark.parametrize(
    ("unit", "expected"),
    [(None, "within"), ("g/L", "within"), ("г / л", "within"), ("г/дл", None), ("", None)],
)
def test_a_range_of_another_unit_says_nothing(unit: str | None, expected: str | None) -> None:
    assert verdict(of("4", "6", unit=unit)) == expected


def test_of_several_ranges_only_the_usual_one_for_everybody_is_taken() -> None:
    usual = of("4", "6", kind=USUAL)
    assert verdict(usual, of("7", "9", kind=THERAPEUTIC)) == "within"
    assert verdict(of("7", "9", kind=THERAPEUTIC), usual) == "within"
    assert verdict(of("4", "6"), of("7", "9")) is None, "for whom each is, nobody says"
    assert verdict(usual, of("7", "9", kind=USUAL)) is None
    pregnant = ReferenceRange(low=Quantity(value="7"), kind=USUAL, applies_to=(Concept(text="беременные"),))
    assert verdict(pregnant, usual) == "within"
