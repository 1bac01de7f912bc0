"""Units are recognised as laboratories write them, and values converted without being made better than they are."""

import json
import re
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.federal_units import FEDERAL_UNITS
from domain.molar_masses import MOLAR_MASSES, molar_mass_of
from domain.ucum import UCUM, unit_of_code
from domain.unit_names import ucum_of_name
from domain.units import convert, converted, ucum_of
from domain.values import Quantity

DICTIONARY = Path(__file__).parents[3] / "shared/samples/dictionary/botkin__registry.jsonl"

# Written so -> UCUM.
SPELLINGS = """
г/л=g/L|г/дл=g/dL|ммоль/л=mmol/L|мкмоль/л=umol/L|мкмоль/мл=umol/mL|нмоль/л=nmol/L|пмоль/л=pmol/L
мг/дл=mg/dL|мг/л=mg/L|мкг/л=ug/L|нг/мл=ng/mL|пг/мл=pg/mL|Ед/л=U/L|МЕ/л=[IU]/L|мМЕ/л=m[IU]/L|мкМЕ/мл=u[IU]/mL
мМЕ/мл=m[IU]/mL|Ед/мл=U/mL|кЕд/л=kU/L|10^9/л=10*9/L|10*9/л=10*9/L|x10⁹/л=10*9/L|×10^9/л=10*9/L|х10^9/л=10*9/L
10⁹/л=10*9/L|10^12/л=10*12/L|тыс/мкл=10*3/uL|тыс./мкл=10*3/uL|тыс. в мкл=10*3/uL|млн/мкл=10*6/uL|млн./мкл=10*6/uL
10e9/л=10*9/L|%=%|‰=[ppth]|фл=fL|пг=pg|мм/ч=mm/h|мм/час=mm/h|мм / ч=mm/h|сек=s|сек.=s|с=s|мин=min|мл/мин=mL/min
мл/мин/1.73м2=mL/min/{1.73_m2}|мл/мин/1,73 м²=mL/min/{1.73_m2}|мл/мин/1,73кв.м=mL/min/{1.73_m2}
кПа=kPa|мм рт. ст.=mm[Hg]|мм.рт.ст.=mm[Hg]|мосм/кг=mosm/kg|мОсм/кг=mosm/kg|мэкв/л=meq/L|мг-экв/л=meq/L
клеток/мкл={cells}/uL|кл/мл={cells}/mL|титр={titer}|S/CO={S_CO_ratio}|индекс={index}|копий/мл={copies}/mL
lg копий/мл={Log_copies}/mL|lg МЕ/мл={Log_IU}/mL|КОЕ/мл=[CFU]/mL|град.C=Cel|град. С=Cel|°C=Cel|℃=Cel|pH=[pH]|рН=[pH]
мг%=mg/dL|мг/г креатинина=mg/g{creat}|мкг/мл FEU=ug/mL{FEU}|lg копий/10^5 клеток={Log_copies}/10*5{cells}
10^6 копий/мл=10*6{copies}/mL|1/мкл=/uL|/мкл=/uL|мкмоль/л/ч=umol/L/h|мг/сут=mg/d|кг/м²=kg/m2|мкм³=um3|ммоль/моль=mmol/mol
1/поле зр. выс. ув.=/[HPF]|BAU/мл={BAU}/mL|уд/мин={beats}/min
МКМОЛЬ/Л=umol/L|Ммоль/л=mmol/L|ммоль/л.=mmol/L|МЕ/МЛ=[IU]/mL|ЕД/Л=U/L
ммоль/l=mmol/L|ммoль/л=mmol/L|мг/dl=mg/dL|ME/мл=[IU]/mL|c=s|mг/л=mg/L
µmol/L=umol/L|μmol/l=umol/L|umol/L=umol/L|mcg/mL=ug/mL|mkg/ml=ug/mL|MG/DL=mg/dL|g/L=g/L|K/uL=10*3/uL|10*3/µL=10*3/uL
giga.l-1=10*9/L|tera.l-1=10*12/L|x10*12/L=10*12/L|T/l=10*12/L|mIU/L=m[IU]/L|µIU/mL=u[IU]/mL|mmHg=mm[Hg]|beats/min={beats}/min
THOUS/MCL=10*3/uL|IU/L=[IU]/L|copies/µL={copies}/uL|mL/min/1.73 m2=mL/min/{1.73_m2}|MIU/ML=m[IU]/mL
"""
# What could be two things, or is no unit of measure, has no code.
IN_DOUBT = """
Ед|МЕ|U|IU|ед.|мЕд|КОЕ|копий|клеток|тыс|10^9|109/л|10 9/л|G/L|Г/л|G/l|мЕ/л|mE/L|MIU/mL|MU/mL|МЕд/мл|ММЕ/мл|в п/зр|п/зр
1/поле зр.|КП|усл.ед.|усл. ед.|у.е.|M/uL|mil/mm3|M|С|C|G|Г|м|M/L|enzyme units|% в гейте|%/л|г//л|/|//|10^|10|1/1|л/|мл/мин/1
Ед/10^9|мл/мин/1.8|IV|нет|отриц.|см. комментарий|а|x|10^99999/л|мкмоль на литр
"""


def cases(text: str) -> list[str]:
    return [case for line in text.strip().splitlines() for case in line.split("|")]


@pytest.mark.parametrize("case", cases(SPELLINGS))
def test_a_written_unit_is_recognised(case: str) -> None:
    written, _, code = case.rpartition("=")
    assert ucum_of(Quantity(value="1", unit=written)) == code
    assert unit_of_code(code) is not None


@pytest.mark.parametrize("written", cases(IN_DOUBT))
def test_what_could_be_two_units_has_no_code(written: str) -> None:
    assert ucum_of(Quantity(value="1", unit=written)) is None


def test_most_units_of_the_dictionary_are_recognised_and_every_code_is_well_formed() -> None:
    if not DICTIONARY.exists():
        pytest.skip("NOT TESTED: no dictionary")
    lines = map(json.loads, DICTIONARY.read_text().splitlines())
    units = [unit for line in lines for unit in line.get("units", [])]
    found = {unit: ucum_of_name(unit) for unit in units}
    assert all(unit_of_code(code) for code in found.values() if code)
    # What is left are kinds of results (титр aside), kits' own units, and torn spellings.
    assert sum(found[unit] is not None for unit in units) / len(units) > 0.96


def test_a_code_that_was_sent_is_kept_as_it_is() -> None:
    assert ucum_of(Quantity(unit="г/л", system=UCUM, code="g/l")) == "g/l"
    assert ucum_of(Quantity(unit="баллы", system=UCUM, code="{score}")) == "{score}"
    assert ucum_of(Quantity(system="urn:oid:2.16.840.1.113883.6.8", code="mm[Hg]")) == "mm[Hg]"


def test_a_code_that_is_none_gives_way_to_the_written_unit() -> None:
    assert ucum_of(Quantity(unit="ммоль/л", system=UCUM, code="ммоль/л")) == "mmol/L"
    assert ucum_of(Quantity(unit="x10*9/L", system=UCUM, code="x10*9/L")) == "10*9/L"
    # 1.2.643.5.1.13.13.11.1358 numbers its units; the printed name speaks.
    assert ucum_of(Quantity(unit="мл", system="urn:oid:1.2.643.5.1.13.13.11.1358", code="16")) == "mL"
    assert ucum_of(Quantity(system=UCUM, code="G/L")) is None
    assert ucum_of(Quantity(unit="[IU]/L")) == "[IU]/L"
    assert ucum_of(Quantity()) is None


@pytest.mark.parametrize("system", ["1.2.643.5.1.13.13.11.1358", "urn:oid:1.2.643.5.1.13.13.11.1358"])
def test_a_number_of_the_federal_register_is_a_unit(system: str) -> None:
    assert ucum_of(Quantity(system=system, code="322")) == "10*9/L"
    assert ucum_of(Quantity(unit="10^9 г/л", system=system, code="322")) == "10*9/L"
    assert ucum_of(Quantity(unit="ммоль/л", system=system, code="60")) is None
    assert ucum_of(Quantity(system=system, code="99999")) is None
    assert ucum_of(Quantity(unit="ммоль/л", system=system, code="99999")) == "mmol/L"


def test_a_number_of_no_register_is_no_unit() -> None:
    """Regional exchanges have lists of their own."""
    assert ucum_of(Quantity(code="60")) is None
    assert ucum_of(Quantity(system="urn:oid:1.2.643.2.69.1.1.1.90", code="60")) is None


def test_every_number_of_the_register_means_what_its_print_says() -> None:
    for code, unit in FEDERAL_UNITS.items():
        assert ucum_of(Quantity(system="1.2.643.5.1.13.13.11.1358", code=code)) == unit.ucum
        assert ucum_of(Quantity(unit=unit.printed)) in {unit.ucum, None}


def test_a_code_and_a_written_unit_that_disagree_are_both_not_believed() -> None:
    """Fault 61: µmol/l against mmol/l."""
    assert ucum_of(Quantity(unit="ммоль/л", system=UCUM, code="umol/L")) is None
    assert ucum_of(Quantity(unit="мг/дл", system=UCUM, code="mmol/L")) is None
    # The same unit in other words is no disagreement.
    assert ucum_of(Quantity(unit="тыс/мкл", system=UCUM, code="10*9/L")) == "10*9/L"
    assert ucum_of(Quantity(unit="мкм3", system=UCUM, code="fL")) == "fL"
    assert ucum_of(Quantity(unit="Ед/л", system=UCUM, code="[IU]/L")) == "[IU]/L"


texts = st.text(max_size=70) | st.text("гмкнлдоьЕедМ/ .^*109xх%µulgmLIUЕ{}[]()-+²", max_size=20)


@given(texts, texts, st.sampled_from([None, UCUM, "urn:other"]))
def test_no_text_makes_it_fail_and_the_answer_stands(unit: str, code: str, system: str | None) -> None:
    quantity = Quantity(value="72.50", unit=unit, code=code, system=system)
    found = ucum_of(quantity)
    assert quantity.value == "72.50"
    if found is not None:
        assert unit_of_code(found) is not None
        assert ucum_of(Quantity(value="72.50", unit=found, code=found, system=UCUM)) == found


@pytest.mark.parametrize("case", cases(SPELLINGS))
def test_a_recognised_code_is_recognised_again_as_a_written_unit(case: str) -> None:
    code = case.rpartition("=")[2]
    again = ucum_of(Quantity(unit=code))
    assert again is None or again == code
    assert ucum_of(Quantity(unit=code, code=code, system=UCUM)) == code


# UCUM codes.


@pytest.mark.parametrize(
    ("code", "size", "dimension"),
    [
        ("mmol/L", Fraction(1), {"mol": 1, "m": -3}),
        ("g/dL", Fraction(10_000), {"g": 1, "m": -3}),
        ("mg/(24.h)", Fraction(1, 86_400_000), {"g": 1, "s": -1}),
        ("umol/L/h", Fraction(1, 3_600_000), {"mol": 1, "m": -3, "s": -1}),
        ("/uL", Fraction(10**9), {"m": -3}),
        ("10*3/uL", Fraction(10**12), {"m": -3}),
        ("{cells}/uL", Fraction(10**9), {"m": -3}),
        ("um3", Fraction(1, 10**18), {"m": 3}),
        ("%", Fraction(1, 100), {}),
        ("cm2", Fraction(1, 10_000), {"m": 2}),
        ("1", Fraction(1), {}),
    ],
)
def test_a_code_is_read_by_the_grammar_of_ucum(code: str, size: Fraction, dimension: dict[str, int]) -> None:
    unit = unit_of_code(code)
    assert unit is not None and (unit.size, unit.powers) == (size, dimension)


@pytest.mark.parametrize(
    "code",
    [
        *(
            "",
            "/",
            "ммоль/л",
            "x10*9/L",
            "G/L",
            "K/uL",
            "mEq/L",
            "mol/L)",
            "(mol/L",
            "g{a}{b}",
            "mg//dL",
            "0",
            "-1",
        ),
        *("mg dL", "m" * 65, "10*99/L", "mL/min/1.73m2", "(" * 60 + "g", "constructor", "m[Hg", "10*3(g)"),
    ],
)
def test_what_is_no_code_of_ucum_is_not_taken_for_one(code: str) -> None:
    assert unit_of_code(code) is None


# Conversion.


@pytest.mark.parametrize(
    ("value", "one", "other", "analyte", "expected"),
    [
        # A power of ten moves the point.
        ("72.50", "umol/L", "mmol/L", None, "0.07250"),
        ("0.07250", "mmol/L", "umol/L", None, "72.50"),
        ("14.0", "g/dL", "g/L", None, "140"),
        ("140", "g/L", "g/dL", None, "14.0"),
        ("4.5", "10*9/L", "10*3/uL", None, "4.5"),
        ("4.50", "10*12/L", "10*6/uL", None, "4.50"),
        ("87", "fL", "um3", None, "87"),
        ("35.2", "U/L", "kU/L", None, "0.0352"),
        ("1.20", "m[IU]/L", "u[IU]/mL", None, "1.20"),
        ("0.5", "g/(24.h)", "mg/d", None, "5E+2"),
        ("29.3", "pg", "fg", None, "2.93E+4"),
        ("12", "mm/h", "mm/h", None, "12"),
        # Otherwise the last digit is the finest that the source bears out.
        ("120", "mm[Hg]", "kPa", None, "16.0"),
        ("60.0", "U/L", "ukat/L", None, "1.000"),
        ("5.5", "mmol/L", "mg/dL", "Glucose", "99"),
        ("99", "mg/dL", "mmol/L", "14749-6", "5.50"),
        ("5.17", "mmol/L", "mg/dL", "2093-3", "199.9"),
        ("1.70", "mmol/L", "mg/dL", "2571-8", "150.5"),
        ("88.4", "umol/L", "mg/dL", "14682-9", "1.000"),
        ("7.0", "mmol/L", "mg/dL", "Urea", "42.0"),
        ("5.0", "mmol/L", "mg/dL", "Urea nitrogen", "14.0"),
        ("17.1", "umol/L", "mg/dL", "1975-2", "1.000"),
        ("2.50", "mmol/L", "mg/dL", "17861-6", "10.02"),
        ("360", "umol/L", "mg/dL", "Urate", "6.05"),
        ("-0.5", "mmol/L", "umol/L", None, "-5E+2"),
        # What does not measure the same.
        ("1", "g/L", "mmol/L", None, None),
        ("1", "g/L", "mmol/L", "Hemoglobin", None),
        ("1", "mmol/L", "g/mol", "Glucose", None),
        ("1", "mmol/mol", "mg/g", "Glucose", None),
        ("48", "mmol/mol", "%", None, None),
        ("30", "mg/g", "%", None, None),
        ("0.45", "L/L", "%", None, "45"),
        ("30", "mg/g", "ug/mg", None, "30"),
        ("1", "mmol/L", "mg/kg", "Glucose", None),
        ("1", "U/L", "[IU]/L", None, None),
        ("1", "U/L", "umol/L/min", None, None),
        ("3", "{Log_copies}/mL", "{copies}/mL", None, None),
        ("3", "{Log_copies}/mL", "/mL", None, None),
        ("3", "ug{FEU}/mL", "ug/mL", None, None),
        ("3", "mg/g{creat}", "mg/g", None, None),
        ("3", "mosm/kg", "mmol/kg", None, None),
        ("1", "g/L", "г/л", None, None),
        ("NaN", "g/L", "g/dL", None, None),
        ("1E+1000", "g/L", "g/dL", None, None),
    ],
)
def test_a_value_is_converted(
    value: str, one: str, other: str, analyte: str | None, expected: str | None
) -> None:
    found = convert(Decimal(value), one, other, analyte=analyte)
    assert (None if found is None else str(found)) == expected


numbers = st.decimals(
    min_value=Decimal("0.0001"), max_value=Decimal(100_000), allow_nan=False, allow_infinity=False, places=4
) | st.decimals(min_value=Decimal("0.1"), max_value=Decimal(1000), places=1)
PAIRS = [
    ("g/L", "g/dL", None),
    ("mmol/L", "umol/L", None),
    ("mm[Hg]", "kPa", None),
    ("U/L", "ukat/L", None),
    *[("mmol/L", "mg/dL", name) for name in MOLAR_MASSES],
    *[("ug/dL", "nmol/L", name) for name in MOLAR_MASSES],
]


@given(numbers, st.sampled_from(PAIRS), st.booleans())
def test_there_and_back_is_the_same_value_to_its_own_digits(
    value: Decimal, pair: tuple[str, str, str | None], turned: bool
) -> None:
    one, other, analyte = (pair[1], pair[0], pair[2]) if turned else pair
    there = convert(value, one, other, analyte=analyte)
    assert there is not None
    back = convert(there, other, one, analyte=analyte)
    assert back is not None
    assert abs(back - value) <= Decimal("0.56") * Decimal(1).scaleb(exponent_of(value))
    # No digit more precise than the last of the source: a step there is at least a tenth of the step here.
    here = convert(Decimal(1).scaleb(exponent_of(value)), one, other, analyte=analyte)
    assert here is not None and Decimal(1).scaleb(exponent_of(there)) * 10 > here / 2


def exponent_of(value: Decimal) -> int:
    exponent = value.as_tuple().exponent
    assert isinstance(exponent, int)
    return exponent


def test_a_comparator_is_kept_and_the_source_is_not_touched() -> None:
    sent = Quantity(value="0.10", unit="ммоль/л", comparator="<")
    found = converted(sent, "umol/L")
    assert found == Quantity(value="100", unit="umol/L", comparator="<", system=UCUM, code="umol/L")
    assert sent == Quantity(value="0.10", unit="ммоль/л", comparator="<")
    assert converted(Quantity(value="1", unit="Ед"), "U/L") is None
    assert converted(Quantity(unit="г/л"), "g/dL") is None
    assert converted(amount("5.5", "ммоль/л"), "mg/dL") is None
    glucose = converted(amount("5.5", "ммоль/л"), "mg/dL", analyte="14749-6")
    assert glucose is not None and glucose.value == "99"


def amount(value: str, unit: str) -> Quantity:
    return Quantity(value=value, unit=unit)


# IUPAC, Standard atomic weights 2021 (abridged to five digits).
WEIGHTS = {
    "C": "12.011",
    "H": "1.008",
    "N": "14.007",
    "O": "15.999",
    "P": "30.974",
    "S": "32.06",
    "I": "126.90",
}
WEIGHTS |= {"Ca": "40.078", "Mg": "24.305", "Fe": "55.845"}
FORMULAS = {
    "glucose": "C6H12O6",
    "cholesterol": "C27H46O",
    "cholesterol.in hdl": "C27H46O",
    "cholesterol.in ldl": "C27H46O",
    "triglyceride": "C57H104O6",
    "creatinine": "C4H7N3O",
    "urea": "CH4N2O",
    "urea nitrogen": "N2",
    "urate": "C5H4N4O3",
    "bilirubin": "C33H36N4O6",
    "bilirubin.glucuronidated+bilirubin.albumin bound": "C33H36N4O6",
    "calcium": "Ca",
    "magnesium": "Mg",
    "phosphate": "P",
    "iron": "Fe",
    "iron binding capacity": "Fe",
    "cortisol": "C21H30O5",
    "testosterone": "C19H28O2",
    "estradiol": "C18H24O2",
    "progesterone": "C21H30O2",
    "thyroxine": "C15H11I4NO4",
    "thyroxine.free": "C15H11I4NO4",
    "triiodothyronine": "C15H12I3NO4",
    "triiodothyronine.free": "C15H12I3NO4",
    "folate": "C19H19N7O6",
}


@pytest.mark.parametrize("component", MOLAR_MASSES)
def test_a_molar_mass_is_that_of_the_formula(component: str) -> None:
    parts = re.findall(r"([A-Z][a-z]?)(\d*)", FORMULAS[component])
    mass = sum(Decimal(WEIGHTS[element]) * int(count or 1) for element, count in parts)
    assert abs(MOLAR_MASSES[component] / mass - 1) < Decimal("0.0001")


def test_an_analyte_is_known_by_code_or_component_and_others_are_not() -> None:
    assert molar_mass_of("2345-7") == molar_mass_of("GLUCOSE") == Decimal("180.156")
    assert molar_mass_of("718-7") is None and molar_mass_of("") is None
