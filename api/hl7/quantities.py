"""Numbers of OBX: a decimal as sent with its unit (OBX-6), structured numerics, reference ranges (OBX-7)."""

import re
from dataclasses import replace
from decimal import Decimal

from api.hl7.syntax import Element, Segment
from api.hl7.tables import system_of
from domain.report_content import ReferenceRange, Value, ValueKind
from domain.ucum import UCUM
from domain.units import ucum_of
from domain.values import Quantity

_NUMBER = re.compile(r"[+-]?(?:\d{1,64}(?:\.\d{0,64})?|\.\d{1,64})", re.ASCII)
# As much of the world writes one; before three digits somebody else's comma may part the thousands.
_WITH_COMMA = re.compile(r"[+-]?(?:0,\d{1,64}|\d{1,64},(?:\d{1,2}|\d{4,64}))", re.ASCII)
_LIKE_NUMBER = r"[+-]?[\d.,]{1,129}"
_UNSIGNED = re.compile(r"\d{1,64}", re.ASCII)
_BETWEEN = re.compile(rf"({_LIKE_NUMBER})\s{{0,9}}[-–—]\s{{0,9}}({_LIKE_NUMBER})", re.ASCII)
_BEYOND = re.compile(rf"(<=?|>=?|≤|≥)\s{{0,9}}({_LIKE_NUMBER})", re.ASCII)
COMPARATORS = frozenset({"<", "<=", ">", ">="})
_OTHER_COMPARATORS = {"≤": "<=", "=<": "<=", "≥": ">=", "=>": ">="}
# A power of ten, and of a length, in which the component separator means itself.
_POWER = re.compile(r"((?:^|\D)10|(?:^|[/\s.*\d()])[cdmсд]?[mм])\^(?=-?\d{1,2}(?![\d*]))")


def number_of(text: str | None) -> str | None:
    """The text if it is a number, with a point where it has a comma; None of what is no number for certain."""
    if text is None or _NUMBER.fullmatch(text):
        return text
    return text.replace(",", ".") if _WITH_COMMA.fullmatch(text) else None


def sent_unit(observation: Segment) -> Element:
    """OBX-6, a CE. Many write 10^9/L in it and do not escape it."""
    sent = observation.first(6)
    escape = sent.delimiters.escape
    if not escape or sent.delimiters.component != "^" or "^" not in sent.raw:
        return sent
    return replace(sent, raw=_POWER.sub(lambda found: f"{found[1]}{escape}S{escape}", sent.raw))


def unit_of(observation: Segment) -> Quantity | None:
    """OBX-6 as an amount without a number."""
    sent = sent_unit(observation)
    code, name = sent.code(1), sent.text(2)
    if code is None and name is None:
        return None
    system = system_of(sent.code(3)) if code else None
    return Quantity(unit=_printed(code, name, system), code=code, system=system)


def is_ucum(sent: Element) -> bool:
    return system_of(sent.code(3)) == UCUM


def _printed(code: str | None, name: str | None, system: str | None) -> str | None:
    """How a unit is written for a reader: its code, but for one that is no unit beside a name that is one. A
    key of the sender's own table (`CD:289^mg/dL`) says nothing beside a value."""
    if code is None or name is None:
        return code or name
    if code == name or system == UCUM or ucum_of(Quantity(unit=code)):
        return code
    return name if ucum_of(Quantity(unit=name)) else code


def amount(number: str, unit: Quantity | None, comparator: str | None = None) -> Quantity:
    return replace(unit or Quantity(), value=number, comparator=comparator)


def structured_numeric(sent: Element, unit: Quantity | None) -> tuple[Value, str | None]:
    """An SN: comparator, number, separator, number; with a note where the value does not say all of it."""
    written, one, separator, other = (sent.code(place) for place in (1, 2, 3, 4))
    comparator = _OTHER_COMPARATORS.get(written or "", written)
    known = comparator if comparator in COMPARATORS else None
    note = f"OBX-5.1: {comparator}" if comparator not in COMPARATORS | {"=", None} else None
    text = Value(kind=ValueKind.TEXT, text="".join(part for part in (written, one, separator, other) if part))
    if (one := number_of(one)) is None:
        return text, None
    if separator is None and other is None:
        if comparator in {"-", "+"}:  # a sign
            return text, None
        return Value(kind=ValueKind.QUANTITY, quantity=amount(one, unit, known)), note
    if (other := number_of(other)) is None:
        return text, None
    if separator == "." and one.lstrip("+-").isdigit() and _UNSIGNED.fullmatch(other):
        return Value(kind=ValueKind.QUANTITY, quantity=amount(f"{one}.{other}", unit, known)), note
    if separator == "-" and known is None:
        return Value(kind=ValueKind.RANGE, low=amount(one, unit), high=amount(other, unit)), note
    if separator in {"/", ":"}:
        # The unit is the ratio's (a titre's), not its numbers': it is kept with the first of them.
        ratio = Value(
            kind=ValueKind.RATIO, numerator=amount(one, unit, known), denominator=Quantity(value=other)
        )
        return ratio, note
    return text, None


def reference_range(observation: Segment, unit: Quantity | None) -> ReferenceRange | None:
    """OBX-7: always its text, and the ends where it plainly has them. Some senders add the ends as
    components; where these say nothing else than the first, it is the whole."""
    sent = observation.whole(7)
    first, *others = sent.parts()
    if others and (alone := _range(sent.text(1), unit)):
        ends = {end.value for end in alone.ends if end}
        if ends and {other.strip() for other in others} <= ends | {first.strip(), ""}:
            return alone
    return _range(sent.text(), unit)


def _range(text: str | None, unit: Quantity | None) -> ReferenceRange | None:
    if text is None:
        return None
    plain = text.strip()
    for ending in (f" {unit.unit}", "%") if unit and unit.unit else ():
        # After a blank only, for units may begin or end with digits as numbers do.
        plain = plain.removesuffix(ending).rstrip()
    if found := _BETWEEN.fullmatch(plain):
        low, high = number_of(found[1]), number_of(found[2])
        if low and high and Decimal(low) <= Decimal(high):
            return ReferenceRange(low=amount(low, unit), high=amount(high, unit), text=text)
    elif (found := _BEYOND.fullmatch(plain)) and (number := number_of(found[2])):
        end = amount(number, unit)
        if found[1] in {"<", "<=", "≤"}:
            return ReferenceRange(high=end, text=text)
        return ReferenceRange(low=end, text=text)
    return ReferenceRange(text=text)
