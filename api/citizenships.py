"""Of which state somebody is a citizen: the countries of ISO 3166-1 with their names, and no state at all."""

from functools import cache

from babel import Locale as Territories

from api.pages import Locale

STATELESS = "stateless"
# What CLDR names beside the countries of ISO 3166-1: islands, unions, and codes for tests.
_NO_COUNTRIES = frozenset(
    {"AC", "CP", "CQ", "DG", "EA", "EU", "EZ", "IC", "QO", "TA", "UN", "XA", "XB", "XK", "ZZ"}
)
_FIRST = ("RU",)


@cache
def citizenships(locale: Locale) -> tuple[tuple[str, str], ...]:
    """Codes with names: Russia first, then by name, and last who is of no state, whom the page names itself."""
    named = {
        code: name
        for code, name in Territories(locale).territories.items()
        if len(code) == 2 and code.isalpha() and code not in _NO_COUNTRIES
    }
    others = sorted((name.replace("ё", "е"), code) for code, name in named.items() if code not in _FIRST)
    return (*((code, named[code]) for code in _FIRST), *((code, named[code]) for _, code in others))


@cache
def codes() -> frozenset[str]:
    return frozenset(code for code, _ in citizenships("ru")) | {STATELESS}
