"""A unit and a reference range in the reader's words, with nothing said that the laboratory did not say."""

import re
from collections.abc import Sequence

from api.pages import Locale, decimal_text, phrase
from domain.reference_ranges import is_usual
from domain.report_content import ReferenceRange, Value
from domain.values import Concept, Quantity
from projections.summary import title_of

_ONE_END = re.compile(r"\s*(<=|>=|[<>≤≥])\s*([0-9]+(?:\.[0-9]+)?)\s*", re.ASCII)
_SIGNS = {"<=": "≤", ">=": "≥"}


def unit_of(value: Value | None) -> str | None:
    """The unit as it was sent: as printed, else its code."""
    quantity = value.quantity if value else None
    return (quantity.unit or quantity.code) if quantity else None


def unit_text(value: Value | None, locale: Locale) -> str | None:
    """The unit for a reader. The number of a unit in a register (НСИ 1358 in ОДЛИ) is called a code: bare, it would be
    read as digits of the value."""
    unit = unit_of(value)
    return phrase("report.unit_code", locale=locale, code=unit) if unit and unit.isdecimal() else unit


def range_text(ranges: Sequence[ReferenceRange], locale: Locale) -> str | None:
    """Every reference range; what each is for, if it is not simply what is usual."""
    words = (_range_words(one, locale, is_alone=len(ranges) == 1) for one in ranges)
    return "; ".join(dict.fromkeys(word for word in words if word)) or None


def _range_words(one: ReferenceRange, locale: Locale, *, is_alone: bool) -> str | None:
    label = ", ".join(name for concept in (one.kind, *one.applies_to) if (name := _name_of(concept)))
    ends = _ends_words(one, locale)
    if one.text and not label and not is_alone:
        ends = _text_words(one.text, locale)  # whom or what each is for is said there or nowhere
    return f"{label}: {ends}" if label and ends else ends


def _ends_words(one: ReferenceRange, locale: Locale) -> str | None:
    low, high = _end(one.low, locale), _end(one.high, locale)
    if low and high:
        return f"{low}–{high}"
    if one.text:  # which alone tells < from ≤
        return _text_words(one.text, locale)
    if low:
        return f"≥ {low}"
    return f"≤ {high}" if high else None


def _text_words(text: str, locale: Locale) -> str:
    found = _ONE_END.fullmatch(text)
    return f"{_SIGNS.get(found[1], found[1])} {decimal_text(found[2], locale=locale)}" if found else text


def _end(end: Quantity | None, locale: Locale) -> str | None:
    if end is None or not end.value:
        return None
    return f"{end.comparator or ''}{decimal_text(end.value, locale=locale)}"


def _name_of(concept: Concept | None) -> str | None:
    return None if concept is None or is_usual(concept) else title_of(concept)
