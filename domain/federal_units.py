"""Units by their numbers in the federal register «Единицы измерения» (НСИ 1.2.643.5.1.13.13.11.1358).

Only numbers that were seen beside the unit they mean in a published source; what is not here has no unit but its number.
A bare number without the register's name is none of these: regional exchanges have lists of their own.

Sources: the example of a blood count to СЭМД «Протокол лабораторного исследования», edition 5, as FHIR (fhir-ru/Ru-SEMD,
input/fsh/PLI_SEMD_instance_OAK.fsh): 13, 16, 20, 53, 60, 322, 328; the sample of edition 3 (shared/samples/cda-ru): 36;
the Schematron of СЭМД on prescriptions, effectiveTime/width: 22, 23, 24, 520, 521, 522.
"""

from dataclasses import dataclass

from domain.values import Quantity

_REGISTER = "1.2.643.5.1.13.13.11.1358"
_SYSTEMS = frozenset({_REGISTER, f"urn:oid:{_REGISTER}"})


@dataclass(frozen=True, slots=True)
class FederalUnit:
    printed: str
    ucum: str


FEDERAL_UNITS = {
    "13": FederalUnit("пг", "pg"),
    "16": FederalUnit("мл", "mL"),
    "20": FederalUnit("фл", "fL"),
    "22": FederalUnit("мин", "min"),
    "23": FederalUnit("ч", "h"),
    "24": FederalUnit("сут", "d"),
    "36": FederalUnit("мм/ч", "mm/h"),
    "53": FederalUnit("%", "%"),
    "60": FederalUnit("г/л", "g/L"),
    "322": FederalUnit("10⁹/л", "10*9/L"),
    "328": FederalUnit("10¹²/л", "10*12/L"),
    "520": FederalUnit("нед", "wk"),
    "521": FederalUnit("мес", "mo"),
    "522": FederalUnit("год", "a"),
}


def federal_unit(system: str | None, code: str | None) -> FederalUnit | None:
    return FEDERAL_UNITS.get(code or "") if system in _SYSTEMS else None


def printed_unit(quantity: Quantity) -> str | None:
    """The unit as it was printed by the sender, else the register's own print of its number."""
    found = federal_unit(quantity.system, quantity.code)
    return quantity.unit or (found.printed if found else None)
