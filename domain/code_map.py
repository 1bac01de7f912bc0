"""Code map: what a laboratory's own codes mean in LOINC or in ФСЛИ.

Nothing that was recorded is changed by it: a report is read through the map in force, so a code that is mapped
later speaks in old reports too.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import assert_never

from domain.values import Coding, Concept, LaboratoryId

LOINC = "http://loinc.org"
FSLI = "urn:oid:1.2.643.5.1.13.13.11.1080"
# As laboratories and people name the two.
_SYSTEM_NAMES = {
    "loinc": LOINC,
    "http://loinc.org": LOINC,
    "https://loinc.org": LOINC,
    "2.16.840.1.113883.6.1": LOINC,
    "фсли": FSLI,
    "fsli": FSLI,
    "1.2.643.5.1.13.13.11.1080": FSLI,
}
_LOINC_CODE = re.compile(r"(\d{1,7})-(\d)", re.ASCII)
_FSLI_CODE = re.compile(r"\d{4,10}", re.ASCII)

# Events: what happened.


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalCode:
    """A code of the laboratory's own, as it stands in its reports; many come without a system."""

    system: str | None = None
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MappedCode:
    """A local code and what it means. `display` is the laboratory's name for it."""

    local: LocalCode
    standard: Coding
    display: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalCodesMapped:
    """From now on these codes mean this; one event for the whole table that was imported."""

    laboratory_id: LaboratoryId
    codes: tuple[MappedCode, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalCodesUnmapped:
    """From now on these codes mean nothing but what the laboratory sends with them."""

    laboratory_id: LaboratoryId
    codes: tuple[LocalCode, ...]


CodeMapEvent = LocalCodesMapped | LocalCodesUnmapped

# State.


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeMap:
    """The mappings in force."""

    codes: Mapping[LocalCode, MappedCode] = field(default_factory=dict)

    def standard(self, coding: Coding) -> Coding | None:
        """What a coding that was sent means in a standard system."""
        if coding.code is None:
            return None
        mapped = self.codes.get(LocalCode(system=coding.system, code=coding.code))
        return mapped.standard if mapped else None


NO_MAP = CodeMap()


def evolve(code_map: CodeMap | None, event: CodeMapEvent) -> CodeMap:
    """Replay one event. Never refuses."""
    codes = dict((code_map or NO_MAP).codes)
    match event:
        case LocalCodesMapped():
            codes |= {mapped.local: mapped for mapped in event.codes}
        case LocalCodesUnmapped():
            codes = {local: mapped for local, mapped in codes.items() if local not in event.codes}
        case _:
            assert_never(event)
    return CodeMap(codes=codes)


# Decisions: the rules.


class StandardCodeMalformedError(ValueError):
    """No code of LOINC (with its check digit) or of ФСЛИ (digits only). `reason` is a stable code."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class LocalCodeTwiceError(Exception):
    """One local code is mapped to two meanings in the same table."""


class LocalCodeIsStandardError(Exception):
    """A code of LOINC or ФСЛИ is no laboratory's own: its meaning is not for us to change."""


class LocalCodeNotMappedError(Exception):
    """The laboratory has no mapping of this code in force."""


def map_codes(
    code_map: CodeMap | None, *, laboratory_id: LaboratoryId, codes: Sequence[MappedCode]
) -> tuple[LocalCodesMapped, ...]:
    """Record the mappings that say something new, in one event; a table imported again changes nothing."""
    meanings: dict[LocalCode, Coding] = {}
    for mapped in codes:
        if standard_system(mapped.local.system) is not None:
            raise LocalCodeIsStandardError
        standard_coding(mapped.standard.system, mapped.standard.code)
        if not _is_same(meanings.setdefault(mapped.local, mapped.standard), mapped.standard):
            raise LocalCodeTwiceError
    known = (code_map or NO_MAP).codes
    new = {mapped.local: mapped for mapped in codes}
    fresh = tuple(mapped for mapped in new.values() if known.get(mapped.local) != mapped)
    return (LocalCodesMapped(laboratory_id=laboratory_id, codes=fresh),) if fresh else ()


def unmap_codes(
    code_map: CodeMap | None, *, laboratory_id: LaboratoryId, codes: Sequence[LocalCode]
) -> LocalCodesUnmapped:
    if any(local not in (code_map or NO_MAP).codes for local in codes):
        raise LocalCodeNotMappedError
    return LocalCodesUnmapped(laboratory_id=laboratory_id, codes=tuple(dict.fromkeys(codes)))


def _is_same(one: Coding, other: Coding) -> bool:
    return (one.system, one.code) == (other.system, other.code)


@lru_cache(maxsize=1_000)
def standard_system(name: str | None) -> str | None:
    """LOINC or ФСЛИ by any of its names; None for every other system.

    >>> standard_system("urn:oid:2.16.840.1.113883.6.1")
    'http://loinc.org'
    """
    if name is None:
        return None
    plain = name.strip().rstrip("/").casefold().removeprefix("urn:oid:")
    return _SYSTEM_NAMES.get(plain)


def standard_coding(system: str | None, code: str | None, display: str | None = None) -> Coding:
    """A checked code of LOINC or ФСЛИ."""
    known = standard_system(system)
    if known is None:
        raise StandardCodeMalformedError("standard-system-unknown")
    plain = (code or "").strip()
    if known == FSLI and not _FSLI_CODE.fullmatch(plain):
        raise StandardCodeMalformedError("fsli-code-malformed")
    if known == LOINC:
        _check_loinc(plain)
    return Coding(system=known, code=plain, display=(display or "").strip() or None)


def _check_loinc(code: str) -> None:
    """The last digit is by mod 10, as LOINC describes it in its users' guide: Luhn's sum."""
    found = _LOINC_CODE.fullmatch(code)
    if found is None:
        raise StandardCodeMalformedError("loinc-code-malformed")
    digits = [int(digit) for digit in reversed(found[1])]
    total = sum(sum(divmod(2 * digit, 10)) for digit in digits[::2]) + sum(digits[1::2])
    if (total + int(found[2])) % 10:
        raise StandardCodeMalformedError("loinc-check-digit")


# Reading through the map.


def standard_codes(concept: Concept, code_map: CodeMap | None) -> tuple[Coding, ...]:
    """The codes of LOINC and ФСЛИ that a concept has: those that were sent; only without any, those that
    its local codes are mapped to."""
    sent = tuple(coding for coding in concept.codings if coding.code and standard_system(coding.system))
    if sent:
        return sent
    mapped = ((code_map or NO_MAP).standard(coding) for coding in concept.codings)
    return tuple(dict.fromkeys(coding for coding in mapped if coding is not None))


def local_codes(concepts: Iterable[Concept]) -> Iterable[LocalCode]:
    """The codes of the concepts that came without any code of LOINC or ФСЛИ, each time they occur."""
    for concept in concepts:
        if not standard_codes(concept, None):
            for coding in concept.codings:
                if coding.code:
                    yield LocalCode(system=coding.system, code=coding.code)


def named(concept: Concept, code_map: CodeMap | None) -> Concept:
    """The concept with a name to show: its own, and only where it has none, that of its mapped code."""
    if concept.text or any(coding.display for coding in concept.codings):
        return concept
    displays = (coding.display for coding in standard_codes(concept, code_map) if coding.display)
    text = next(displays, None)
    return Concept(codings=concept.codings, text=text) if text else concept
