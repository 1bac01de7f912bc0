"""UCUM codes: whether one is well formed, and what it measures, by the part of UCUM that laboratories use.

A code is read by UCUM's grammar into a size (exact) and a dimension. Left out on purpose are atoms that no
laboratory reports in: `G/L` would be gauss per litre, `K/uL` kelvin per microlitre, and whoever sends them
means something else. Units that stand for a procedure ([IU], [CFU], osm, eq) are dimensions of their own,
and an annotation is one too unless it only says what is counted: {copies}/mL is not {Log_copies}/mL.
"""

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

UCUM = "http://unitsofmeasure.org"
LENGTH_MAX = 64
EXPONENT_MAX = 30

# https://ucum.org/ucum, table 1.
_PREFIXES = {"T": 12, "G": 9, "M": 6, "k": 3, "h": 2, "da": 1, "d": -1, "c": -2, "m": -3, "u": -6}
_PREFIXES |= {"n": -9, "p": -12, "f": -15, "a": -18}
# Atoms that take a prefix, each with the code that defines it; None: a dimension of its own.
_METRIC: dict[str, str | None] = {
    "m": None,
    "s": None,
    "g": None,
    "mol": None,
    "osm": None,
    "eq": None,
    "U": None,
    "[IU]": None,
    "[iU]": "[IU]",
    # UCUM has 1 U = 1 umol/min. A unit of activity is not turned into an amount here, only into katals.
    "kat": "60.10*6.U",
    "L": "dm3",
    "l": "dm3",
    "Pa": "10*3.g/(m.s2)",
    "bar": "10*5.Pa",
    "m[Hg]": "133322.Pa",
    "Cel": None,
    "Hz": "/s",
    "S": None,
    "B": None,
    "Bq": None,
    "Gy": None,
    "Sv": None,
    "J": "10*3.g.m2/s2",
    "W": "J/s",
    "g%": "g/dL",
}
_PLAIN: dict[str, str | None] = {
    "min": "60.s",
    "h": "60.min",
    "d": "24.h",
    "wk": "7.d",
    "mo": None,
    "a": None,
    "deg": None,
    "10*": "10",
    "10^": "10",
    "%": "10*-2",
    "[ppth]": "10*-3",
    "[ppm]": "10*-6",
    "[ppb]": "10*-9",
}
_PROCEDURES = (
    "[pH] [HPF] [LPF] [CFU] [PFU] [FFU] [arb'U] [AU] [BAU] [EU] [ELU] [FEU] [USP'U] [GPL'U] [MPL'U] [APL'U]"
    " [beth'U] [anti'Xa'U] [todd'U] [TCID_50] [CCID_50] [EID_50] [degF] [PNU] [Lf] [drp]"
)
_PLAIN |= dict.fromkeys(_PROCEDURES.split())
# mmol/mol is no per cent: HbA1c has both, and they differ by more than a factor.
_NEVER_CANCELLED = frozenset({"g", "mol"})
# What is counted, when there is nothing else that could be.
_COUNTED = frozenset({"cells", "cell", "WBC", "RBC", "PLT", "Cells", "CELLS"})
_ATOM = r"10[*^]|(?:\[[^\[\]]*\]|[^0-9./(){}\[\]+-])+"
_COMPONENT = re.compile(rf"(?P<atom>{_ATOM})?(?P<exponent>[+-]?[0-9]+)?(?:\{{(?P<note>[^{{}}]*)\}})?")
_VISIBLE_ASCII = re.compile(r"[!-~]+")


@dataclass(frozen=True, slots=True)
class Unit:
    """What a code measures: how many of its basic units it is, and which. `dimension` has each basic unit
    with its power."""

    size: Fraction
    dimension: tuple[tuple[str, int], ...] = ()

    def times(self, other: "Unit", power: int = 1) -> "Unit":
        powers = dict(self.dimension)
        for name, found in other.dimension:
            powers[name] = powers.get(name, 0) + found * power
        kept = tuple(
            sorted((name, found) for name, found in powers.items() if found or name in _NEVER_CANCELLED)
        )
        return Unit(self.size * other.size**power, kept)

    @property
    def powers(self) -> dict[str, int]:
        return dict(self.dimension)


class UnitCodeError(ValueError):
    """The text is no UCUM code, or has an atom that no laboratory reports in."""


def unit_of_code(code: str) -> Unit | None:
    """The unit that a UCUM code stands for; None if it is not well formed."""
    return None if len(code) > LENGTH_MAX or not _VISIBLE_ASCII.fullmatch(code) else _unit_of_code(code)


@lru_cache(maxsize=4096)
def _unit_of_code(code: str) -> Unit | None:
    try:
        unit, rest = _term(code)
    except UnitCodeError:
        return None
    return None if rest else unit


def _term(code: str) -> tuple[Unit, str]:
    """A product from left to right, as UCUM has it: a/b.c is a/b times c."""
    power = -1 if code.startswith("/") else 1
    unit, rest = _component(code.removeprefix("/"))
    found = Unit(Fraction(1)).times(unit, power)
    while rest[:1] in {".", "/"}:
        power = -1 if rest[0] == "/" else 1
        unit, rest = _component(rest[1:])
        found = found.times(unit, power)
    return found, rest


def _component(code: str) -> tuple[Unit, str]:
    if code.startswith("("):
        unit, rest = _term(code[1:])
        if not rest.startswith(")"):
            raise UnitCodeError
        return unit, rest[1:]
    match = _COMPONENT.match(code)
    if match is None or not match[0]:
        raise UnitCodeError
    atom, exponent, note = match["atom"], match["exponent"], match["note"]
    unit = _powered(atom, exponent)
    if note and note not in _COUNTED:
        unit = unit.times(Unit(Fraction(1), ((f"{{{note}}}", 1),)))
    return unit, code[match.end() :]


def _powered(atom: str | None, exponent: str | None) -> Unit:
    """An atom with its power; a bare number is a factor; neither is 1, which an annotation may stand for."""
    if exponent is not None and (len(exponent) > 9 or (atom and abs(int(exponent)) > EXPONENT_MAX)):
        raise UnitCodeError
    if atom is not None:
        return Unit(Fraction(1)).times(_atom(atom), int(exponent or 1))
    if exponent is not None and (not exponent.isdigit() or int(exponent) == 0):
        raise UnitCodeError
    return Unit(Fraction(exponent or 1))


def _atom(text: str) -> Unit:
    if text in _PLAIN or text in _METRIC:
        return _defined(text, _PLAIN.get(text, _METRIC.get(text)))
    for prefix, power in _PREFIXES.items():
        atom = text.removeprefix(prefix)
        if atom != text and atom in _METRIC:
            return Unit(Fraction(10) ** power).times(_defined(atom, _METRIC[atom]))
    raise UnitCodeError


def _defined(atom: str, definition: str | None) -> Unit:
    if definition is None:
        return Unit(Fraction(1), ((atom, 1),))
    if definition == "10":
        return Unit(Fraction(10))
    return _term(definition)[0]
