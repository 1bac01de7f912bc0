"""A unit and a reference range in the reader's words, with nothing said that the laboratory did not say."""

import re
from collections.abc import Sequence
from decimal import Decimal

from api.pages import Locale, decimal_text, phrase
from domain.federal_units import printed_unit
from domain.reference_ranges import is_usual
from domain.report_content import ReferenceRange, Value
from domain.ucum import UCUM
from domain.values import Concept, Quantity
from projections.summary import title_of

_ONE_END = re.compile(r"\s*(<=|>=|[<>≤≥])\s*([0-9]+(?:\.[0-9]+)?)\s*", re.ASCII)
_NUMBER = re.compile(r"[0-9]+(?:\.[0-9]+)?", re.ASCII)
_SIGN = re.compile("[<>≤≥]")
_SIGNS = {"<=": "≤", ">=": "≥"}
_UNBROKEN = "\u00a0"  # a line does not end behind a sign


def unit_of(value: Value | None) -> str | None:
    """The unit as it was sent: as printed, else its code."""
    quantity = value.quantity if value else None
    return (quantity.unit or quantity.code) if quantity else None


def unit_text(value: Value | None, locale: Locale) -> str | None:
    """The unit for a reader; 1 is how UCUM writes that there is none."""
    quantity, unit = value.quantity if value else None, unit_of(value)
    unit = (printed_unit(quantity) if quantity else None) or unit
    is_none = unit == "1" and quantity is not None and quantity.system in {None, UCUM}
    return None if is_none else unit_words(unit, locale)


def unit_words(unit: str | None, locale: Locale) -> str | None:
    """The number of a unit in a register (НСИ 1358 in ОДЛИ) is called a code: bare, it would be read as digits of the
    value."""
    return phrase("unit.code", locale=locale, code=unit) if unit and unit.isdecimal() else unit


def range_text(ranges: Sequence[ReferenceRange], locale: Locale) -> str | None:
    """Every reference range; what each is for, if it is not simply what is usual."""
    words = (_range_words(one, locale, is_alone=len(ranges) == 1) for one in ranges)
    return "; ".join(dict.fromkeys(word for word in words if word)) or None


def _range_words(one: ReferenceRange, locale: Locale, *, is_alone: bool) -> str | None:
    label = ", ".join(name for concept in (one.kind, *one.applies_to) if (name := _name_of(concept)))
    said = _said_of(one, locale, is_named=is_alone or bool(label))
    return f"{label}: {said}" if label and said else said


def _said_of(one: ReferenceRange, locale: Locale, *, is_named: bool) -> str | None:
    """The ends, the text, or both: a text may tell how much, for whom, or the two at once."""
    ends = _ends_words(one, locale)
    if not one.text or ends is None:
        return _text_words(one.text, locale) if one.text else ends
    if not _tells_ends(one.text, one):
        return f"{ends} ({one.text})"
    is_plain = one.low and one.high and is_named and not _SIGN.search(one.text)
    # Only the text tells < from ≤, and whom a range is for that has no name.
    return ends if is_plain else _text_words(one.text, locale)


def _tells_ends(text: str, one: ReferenceRange) -> bool:
    numbers = {Decimal(found) for found in _NUMBER.findall(text.replace(",", "."))}
    ends = [end.number for end in one.ends if end is not None]
    return all(end is None or abs(end) in numbers for end in ends)


def _ends_words(one: ReferenceRange, locale: Locale) -> str | None:
    low, high = _end(one.low, "≥", locale), _end(one.high, "≤", locale)
    if one.low and one.high and low and high and not (one.low.comparator or one.high.comparator):
        return f"{low.partition(_UNBROKEN)[2]}–{high.partition(_UNBROKEN)[2]}"
    return "; ".join(filter(None, (low, high))) or None


def _text_words(text: str, locale: Locale) -> str:
    found = _ONE_END.fullmatch(text)
    return _signed(found[1], found[2], locale) if found else text


def _end(end: Quantity | None, sign: str, locale: Locale) -> str | None:
    if end is None or not end.value:
        return None
    return _signed(end.comparator or sign, end.value, locale)


def _signed(sign: str, number: str, locale: Locale) -> str:
    return f"{_SIGNS.get(sign, sign)}{_UNBROKEN}{decimal_text(number, locale=locale)}"


def _name_of(concept: Concept | None) -> str | None:
    return None if concept is None or is_usual(concept) else title_of(concept)
