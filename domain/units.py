"""Units of measured values: which UCUM unit a quantity has, and the same amount in another one.

What a laboratory sent is never changed. A unit is recognised, and a value converted, only to draw values of
different reports in one line; where that is not certain, there is no answer.
"""

from dataclasses import replace
from decimal import ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction
from functools import lru_cache

from domain.federal_units import federal_unit
from domain.molar_masses import molar_mass_of
from domain.ucum import UCUM, Unit, unit_of_code
from domain.unit_names import ucum_of_name
from domain.values import Quantity

DIGITS_MAX = 60
_EXACT = Context(prec=200, rounding=ROUND_HALF_EVEN)
# Systems that say of themselves that the code is UCUM.
_UCUM_SYSTEMS = frozenset({UCUM, "urn:oid:2.16.840.1.113883.6.8", "http://unitsofmeasure.org/"})


def ucum_of(quantity: Quantity) -> str | None:
    """The UCUM code of a quantity: the one that was sent, if it is well formed, or that of its number in the federal
    register, else by the written unit.

    If the two name different units, one of them is wrong, and nobody knows which: None. (U and [IU] are
    taken for each other so often that this is not held against either.)"""
    return _ucum_of(quantity.system, quantity.code, quantity.unit)


# One laboratory writes one unit for years: a page of trends asks a thousand times for some twenty.
@lru_cache(maxsize=4096)
def _ucum_of(system: str | None, given: str | None, unit: str | None) -> str | None:
    federal = federal_unit(system, given)
    code = federal.ucum if federal else given if system in _UCUM_SYSTEMS else None
    sent = code if code is not None and unit_of_code(code) else None
    written = _written(unit)
    if sent is not None:
        return None if written is not None and _differs(sent, written) else sent
    return written or _written(given)


def _written(text: str | None) -> str | None:
    if text is None:
        return None
    found = ucum_of_name(text)
    if found is None and any(sign in text for sign in "[{*") and unit_of_code(text):
        # What has brackets or an asterisk in it and is well formed was meant as UCUM.
        return text
    return found


def _differs(sent: str, written: str) -> bool:
    one, other = unit_of_code(sent), unit_of_code(written)
    return one is None or other is None or _loosely(one) != _loosely(other)


def _loosely(unit: Unit) -> tuple[Fraction, dict[str, int]]:
    powers = {name: power for name, power in unit.dimension if not name.startswith("{")}
    powers["U"] = powers.pop("[IU]", 0) + powers.get("U", 0)
    return unit.size, powers


def convert(value: Decimal, from_ucum: str, to_ucum: str, *, analyte: str | None = None) -> Decimal | None:
    """The same amount in another unit; None if the units don't measure the same.

    Mass becomes amount of substance, and the reverse, only for an `analyte` whose molar mass is known: a code or
    a component of LOINC. A power of ten moves the point and nothing else. Otherwise the last digit is the
    finest that the source's last digit still bears out, so nothing is made more precise than it was measured,
    and converting back gives the source again, rounded to its own digits."""
    factor = _factor(from_ucum, to_ucum, analyte)
    if factor is None or not value.is_finite():
        return None
    if len(value.as_tuple().digits) > DIGITS_MAX or abs(value.adjusted()) > DIGITS_MAX:
        return None
    if (power := _power_of_ten(factor)) is not None:
        return value.scaleb(power, _EXACT)
    _, _, exponent = value.as_tuple()
    assert isinstance(exponent, int)
    exact = _EXACT.divide(_EXACT.multiply(value, Decimal(factor.numerator)), Decimal(factor.denominator))
    last = Decimal(1).scaleb(_magnitude(factor) + exponent)
    return exact.quantize(last, context=_EXACT)


def converted(quantity: Quantity, to_ucum: str, *, analyte: str | None = None) -> Quantity | None:
    """The quantity in another unit, with its comparator: less than 0.1 stays less than that."""
    own, number = ucum_of(quantity), quantity.number
    if own is None or number is None:
        return None
    value = convert(number, own, to_ucum, analyte=analyte)
    if value is None:
        return None
    return replace(quantity, value=f"{value:f}", unit=to_ucum, system=UCUM, code=to_ucum)


def _factor(from_ucum: str, to_ucum: str, analyte: str | None) -> Fraction | None:
    """By what a value is multiplied."""
    one, other = unit_of_code(from_ucum), unit_of_code(to_ucum)
    if one is None or other is None:
        return None
    if one.dimension == other.dimension:
        return one.size / other.size
    mass = molar_mass_of(analyte) if analyte is not None else None
    if mass is None:
        return None
    for given, taken, size in (
        ("mol", "g", one.size * Fraction(mass)),
        ("g", "mol", one.size / Fraction(mass)),
    ):
        # Once, and above: grams a litre and moles a litre, not moles a gram.
        if one.powers.get(given) == 1 and taken not in one.powers:
            powers = {taken if name == given else name: power for name, power in one.dimension}
            if powers == other.powers:
                return size / other.size
    return None


def _power_of_ten(factor: Fraction) -> int | None:
    power = _magnitude(factor)
    return power if factor == Fraction(10) ** power else None


def _magnitude(factor: Fraction) -> int:
    """The greatest power of ten that is not above the factor."""
    power = len(str(factor.numerator)) - len(str(factor.denominator))
    return power if Fraction(10) ** power <= factor else power - 1
