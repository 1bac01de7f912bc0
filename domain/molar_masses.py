"""Molar masses, for turning mass into amount of substance where it is certain what is measured.

By the component of LOINC (its first axis), and by the codes of common tests with that component. A mass is
that of one mole by the formula, with the standard atomic weights of IUPAC (2021), except where laboratories
have a convention: triglycerides are counted as triolein, urea nitrogen as the two atoms in urea, phosphate as
phosphorus. Not here, for it depends on the method or on what is counted: haemoglobin (the chain or the whole),
HbA1c (no proportion), proteins, hormones that are proteins, vitamin B12 (which cobalamin).
"""

from decimal import Decimal

# Component of LOINC, small -> grams a mole.
MOLAR_MASSES = {
    "glucose": Decimal("180.156"),
    "cholesterol": Decimal("386.664"),
    "cholesterol.in hdl": Decimal("386.664"),
    "cholesterol.in ldl": Decimal("386.664"),
    "triglyceride": Decimal("885.453"),
    "creatinine": Decimal("113.120"),
    "urea": Decimal("60.056"),
    "urea nitrogen": Decimal("28.014"),
    "urate": Decimal("168.112"),
    "bilirubin": Decimal("584.673"),
    "bilirubin.glucuronidated+bilirubin.albumin bound": Decimal("584.673"),
    "calcium": Decimal("40.078"),
    "magnesium": Decimal("24.305"),
    "phosphate": Decimal("30.974"),
    "iron": Decimal("55.845"),
    "iron binding capacity": Decimal("55.845"),
    "cortisol": Decimal("362.466"),
    "testosterone": Decimal("288.431"),
    "estradiol": Decimal("272.388"),
    "progesterone": Decimal("314.469"),
    "thyroxine": Decimal("776.874"),
    "thyroxine.free": Decimal("776.874"),
    "triiodothyronine": Decimal("650.977"),
    "triiodothyronine.free": Decimal("650.977"),
    "folate": Decimal("441.404"),
}
_CODES = {
    "glucose": "2345-7 14749-6 2339-0 15074-8 1558-6 14771-0 2350-7",
    "cholesterol": "2093-3 14647-2",
    "cholesterol.in hdl": "2085-9 14646-4",
    "cholesterol.in ldl": "13457-7 2089-1 22748-8",
    "triglyceride": "2571-8 14927-8",
    "creatinine": "2160-0 14682-9 38483-4 2161-8 14683-7",
    "urea": "3091-6 22664-7",
    "urea nitrogen": "3094-0 14937-7",
    "urate": "3084-1 14933-6",
    "bilirubin": "1975-2 14631-6",
    "bilirubin.glucuronidated+bilirubin.albumin bound": "1968-7 14629-0",
    "calcium": "17861-6 2000-8",
    "magnesium": "19123-9 2601-3",
    "phosphate": "2777-1 14879-1",
    "iron": "2498-4 14798-3",
    "iron binding capacity": "2500-7 14800-7",
    "cortisol": "2143-6 14675-3",
    "testosterone": "2986-8 14913-8",
    "estradiol": "2243-4 14715-7",
    "progesterone": "2839-9 14890-8",
    "thyroxine": "3026-2",
    "thyroxine.free": "3024-7 14920-3",
    "triiodothyronine": "3053-6 14930-2",
    "triiodothyronine.free": "3051-0 14928-6",
    "folate": "2284-8 14732-2",
}
_COMPONENTS = {code: component for component, codes in _CODES.items() for code in codes.split()}


def molar_mass_of(analyte: str) -> Decimal | None:
    """Grams a mole, by a code or a component of LOINC; None if it is not certain."""
    return MOLAR_MASSES.get(_COMPONENTS.get(analyte, analyte.casefold()))
