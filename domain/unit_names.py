"""Units as Russian and other laboratories write them, in UCUM.

A written unit is taken apart at its slashes, and each part must be a known name of a unit in Russian or
English, with a prefix that laboratories use with it. Case, blanks, dots, superscripts and letters of the
wrong alphabet that look alike do not matter, except where they make a difference. What could be two things
has no code, for a wrong code is worse than none:

- Ед, МЕ and the like alone: of what, in what?
- G/L, Г/л: giga or gram per litre; мЕ: a milliunit or an international unit; M before U or IU, when
  the rest is not in capitals too: milli or mega
- в п/зр without the magnification; 109/л, where an exponent was lost
- усл. ед., КП, у. е.: every kit has its own
- M/uL, mil: a million or a thousand

The spellings are those of the units in the dictionary of ФСЛИ tests (shared/samples/dictionary), of the sample
reports, and of printed forms of Russian laboratories.
"""

import re
import unicodedata
from functools import lru_cache

LENGTH_MAX = 60

# Prefixes in both languages, as they stand before the names below.
_KILO = {"к": "k", "k": "k"}
_CENTI = {"с": "c", "c": "c"}
_DECI = {"д": "d", "d": "d"}
_MILLI = {"м": "m", "m": "m"}
_MICRO = {"мк": "u", "u": "u", "μ": "u", "mc": "u", "mk": "u"}
_SMALL = _MICRO | {"н": "n", "n": "n"}
_TINY = {"п": "p", "p": "p", "ф": "f", "f": "f"}
# Names of units with their prefixes: UCUM atom, names, prefixes.
_NAMED: tuple[tuple[str, str, dict[str, str]], ...] = (
    ("g", "г гр грамм g gm gram grams", _MILLI | _SMALL | _TINY),
    ("g", "г g", _KILO),
    ("mol", "моль mol", _MILLI | _SMALL | _TINY),
    ("L", "л литр l liter litre", _DECI | _MILLI | _SMALL | _TINY),
    ("m", "м m", _CENTI | _MILLI | _SMALL),
    ("U", "ед u unit units", _KILO | _MILLI | _MICRO),
    ("[IU]", "ме iu", _KILO | _MILLI | _MICRO),
    ("eq", "экв г-экв eq", _MILLI | _MICRO),
    ("osm", "осм осмоль osm osmol", _MILLI),
    ("Pa", "па pa", _KILO),
    ("kat", "кат kat", _SMALL),
)
_OTHERS = {
    "s": "с сек секунд sec s",
    "min": "мин min",
    "h": "ч час h hr hour",
    "d": "сут сутки день 24ч d day 24h",
    "wk": "нед wk",
    "mo": "мес",
    "%": "% процент процентов",
    "[ppth]": "‰ промилле",
    "[ppm]": "ppm",
    "[pH]": "ph рн ед.ph ед.рн",
    "Cel": "°c °с град.c град.с градc градс cel",
    "deg": "° deg",
    "mm[Hg]": "мм.рт.ст ммрт.ст мм.рт.ст. ммртст mmhg",
    "[CFU]": "кое cfu",
    "[PFU]": "бое pfu",
    "{cells}": "кл клеток клетки cells cell",
    "{copies}": "копий копии коп copies copy cp",
    "{genome_eq}": "гэ",
    "{beats}": "уд ударов beats",
    "{BAU}": "bau",
    "[beth'U]": "ед.бетесда",
    "10*3": "тыс тысяч thou thous",
    "10*6": "млн миллионов mln",
    "10*9": "млрд гига giga",
    "10*12": "тера tera",
}
# Whole spellings, without blanks and small: what is not put together by the rule.
_WHOLE = {
    "титр": "{titer}",
    "titer": "{titer}",
    "titre": "{titer}",
    "индекс": "{index}",
    "index": "{index}",
    "s/co": "{S_CO_ratio}",
    "s/co.": "{S_CO_ratio}",
    "ratio": "{ratio}",
    "мг%": "mg/dL",
    "г%": "g/dL",
    "mg%": "mg/dL",
    "t/l": "10*12/L",
    "т/л": "10*12/L",
    "k/ul": "10*3/uL",
    "k/μl": "10*3/uL",
    "k/mm3": "10*3/mm3",
    "1/полезр.выс.ув": "/[HPF]",
    "1/полезр.низ.ув": "/[LPF]",
    "/hpf": "/[HPF]",
    "/lpf": "/[LPF]",
    "мм.рт.ст": "mm[Hg]",
    "1": "1",
}
_FILTRATION = re.compile(r"(?:мл|ml)/(?:мин|min)/1[.,]73(?:м\^?2|m\^?2|кв\.м|м\.кв|sqm)", re.IGNORECASE)
_POWER = re.compile(r"[xх*]?10(?:\^|\*\*|\*|e|е)(\d{1,2})[.*]?")
_LOGARITHM = re.compile(r"(?:lg|log|log10)(копий|copies|ме|iu|гэ)(/.+)")
_LOGARITHMS = {
    "копий": "Log_copies",
    "copies": "Log_copies",
    "ме": "Log_IU",
    "iu": "Log_IU",
    "гэ": "Log_genome_eq",
}
# What a part is measured of: it stays with the unit, so that nothing else is compared with it.
_OF = {
    "креатинина": "creat",
    "креат": "creat",
    "creat": "creat",
    "гемоглобина": "Hb",
    "эритроцитов": "RBC_vol",
    "feu": "FEU",
    "фэе": "FEU",
    "ddu": "DDU",
    "копий": "copies",
    "клеток": "cells",
    "кл": "cells",
}
# Said of an amount only: alone they do not say in what.
_NEVER_ALONE = re.compile(r"[kmu]?(U|\[IU\]|eq|osm|kat)|\{.*\}|\[(CFU|PFU|beth'U)\]|10\*.*")
_NOT_OF_ANYTHING = {"%", "[ppth]", "[ppm]", "[pH]", "Cel", "deg"}
# Giga or gram; milliunit or international unit; a capital alone is another unit than the small letter.
_IN_DOUBT = re.compile("[GГ]/.*|[mм][EЕ]/.*|[A-ZА-Я]")
_MILLI_OR_MEGA = re.compile("[MМ](?:U|I[Uu]|[EЕ][дД]|[MМ][EЕ])")
_IN_EACH = re.compile(r"^(тыс|млн|млрд)\.?в(мкл|мл|л|мм)")
_SUPERSCRIPT = re.compile("[⁺⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+")
_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺", "0123456789-+")
_SIGNS = str.maketrans(
    {"×": "x", "·": ".", "∙": ".", "⋅": ".", "∕": "/", "⁄": "/", "\\": "/", "˄": "^", ",": "."}
)
_LATIN = "abekmhopctyxABEKMHOPCTYXlL"
_CYRILLIC = "авекмнорстухАВЕКМНОРСТУХлЛ"
_TO_CYRILLIC = str.maketrans(_LATIN, _CYRILLIC)
_TO_LATIN = str.maketrans(_CYRILLIC, _LATIN)


def _names() -> dict[str, str]:
    """Every name with its code. No name stands for two units: that is seen when the table is made."""
    found: dict[str, str] = {}
    for atom, names, prefixes in _NAMED:
        for name in names.split():
            for prefix, code in ({"": ""} | prefixes).items():
                assert found.setdefault(prefix + name, code + atom) == code + atom, prefix + name
    for atom, names in _OTHERS.items():
        for name in names.split():
            assert found.setdefault(name, atom) == atom, name
    return found


_NAMES = _names()


def ucum_of_name(text: str) -> str | None:
    """The UCUM code of a written unit; None if there is none, or if it could be two."""
    return None if len(text) > LENGTH_MAX else _ucum_of_name(text)


# Units repeat; there are far fewer than results.
@lru_cache(maxsize=4096)
def _ucum_of_name(text: str) -> str | None:
    plain = _plain(text)
    if not plain or _is_in_doubt(plain):
        return None
    small = _IN_EACH.sub(r"\1/\2", plain.casefold())
    whole = small.rstrip(".")
    if whole in _WHOLE:
        return _WHOLE[whole]
    if _FILTRATION.fullmatch(whole):
        return "mL/min/{1.73_m2}"
    if logarithm := _LOGARITHM.fullmatch(whole):
        below = _ratio(f"1{logarithm[2]}")
        return below and f"{{{_LOGARITHMS[logarithm[1]]}}}{below}"
    return _ratio(small)


def _plain(text: str) -> str:
    """Without blanks; superscripts as ^9, one form for each sign."""
    marked = _SUPERSCRIPT.sub(lambda found: "^" + found[0].translate(_SUPERSCRIPTS), text)
    joined = "".join(unicodedata.normalize("NFKC", marked).translate(_SIGNS).split())
    # g.L-1, giga.l-1: a product with a negative power is a quotient.
    return re.sub(r"\.?([a-zа-я]{1,3})\^?-1$", r"/\1", joined, flags=re.IGNORECASE)


def _is_in_doubt(plain: str) -> bool:
    """Where case alone tells two units apart, and does not surely."""
    is_shouted = plain == plain.upper()
    return bool(_IN_DOUBT.fullmatch(plain)) or (not is_shouted and bool(_MILLI_OR_MEGA.match(plain)))


def _ratio(small: str) -> str | None:
    """Parts between slashes, each a known unit."""
    above, *below = small.split("/")
    power = _POWER.match(above)
    factor = f"10*{power[1]}" if power else ""
    rest = above[power.end() :] if power else above
    if rest in {"", "1"}:
        head = factor
        if not below or (not factor and rest != "1" and above):
            return None
    else:
        code = _part(rest)
        if code is None or (factor and not code.startswith("{")):
            return None
        head = factor + code
    parts = [_part(part) for part in below]
    if any(part is None or part.startswith("%") for part in parts) or (below and head in _NOT_OF_ANYTHING):
        return None
    if not below and _NEVER_ALONE.fullmatch(head):
        return None
    return "/".join([head, *(part for part in parts if part)])


def _part(part: str) -> str | None:
    """One part: a name, with a power or with what it is measured of."""
    part = part.strip(".")
    if found := _name(part):
        # Of lengths a laboratory has none in metres; m alone may be meant for much else.
        return None if found == "m" else found
    if power := _POWER.match(part):
        of = _OF.get(part[power.end() :])
        return f"10*{power[1]}{{{of}}}" if of else None
    if squared := re.fullmatch(r"(.+?)\^?([23])", part):
        length = _name(squared[1])
        return f"{length}{squared[2]}" if length in {"m", "cm", "mm", "um"} else None
    for ending, of in _OF.items():
        if part.endswith(ending) and (unit := _name(part.removesuffix(ending).strip("."))):
            return f"{unit}{{{of}}}" if not unit.endswith("}") else None
    return None


def _name(part: str) -> str | None:
    """A name as it is written, or with letters that look alike put into one alphabet."""
    if part in _NAMES:
        return _NAMES[part]
    found = {_NAMES.get(part.translate(table)) for table in (_TO_CYRILLIC, _TO_LATIN)} - {None}
    return found.pop() if len(found) == 1 else None
