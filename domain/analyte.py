"""Analyte: what was measured, and which measurements of different reports are of the same.

A report is never changed by it. Two names of a code, two units of an amount, and a laboratory's own code whose meaning
is known are one analyte; two antibiotics under one code are two.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar
from uuid import UUID

from domain.code_map import FSLI, LOINC, CodeMap, standard_codes, standard_system
from domain.report_content import Component, Observation, ReportContent
from domain.values import Coding, Concept

T = TypeVar("T")
# Codes of LOINC that differ in the property only: a mass and an amount of substance of one component, in one
# specimen, by one method. The code before the stroke stands for both.
_OF_ONE_COMPONENT = """
2345-7/14749-6 2339-0/15074-8 1558-6/14771-0 2093-3/14647-2 2085-9/14646-4 2089-1/22748-8 2571-8/14927-8
2160-0/14682-9 2161-8/14683-7 3091-6/22664-7 3094-0/14937-7 3084-1/14933-6 1975-2/14631-6 1968-7/14629-0
17861-6/2000-8 19123-9/2601-3 2777-1/14879-1 2498-4/14798-3 2500-7/14800-7 2143-6/14675-3 2986-8/14913-8
2243-4/14715-7 2839-9/14890-8 3024-7/14920-3 3053-6/14930-2 3051-0/14928-6 2284-8/14732-2
"""
STANDS_FOR = {two: one for one, two in (pair.split("/") for pair in _OF_ONE_COMPONENT.split())}


@dataclass(frozen=True, slots=True)
class SentCode:
    """How a report calls what it measured: the laboratory's words, and codes as (system, code)."""

    name: str
    codings: tuple[tuple[str, str], ...] = ()

    @property
    def plain_name(self) -> str:
        return " ".join(self.name.casefold().replace("ё", "е").split())

    @property
    def parts(self) -> tuple[str, ...]:
        """All that it is recognised by."""
        return (self.plain_name, *(part for coding in self.codings for part in coding))


@lru_cache(maxsize=10_000)
def sent_code(concept: Concept) -> SentCode:
    """Laboratories send the same concepts with every report.

    >>> sent_code(Concept(text="Глюкоза", codings=(Coding(system="urn:oid:2.16.840.1.113883.6.1", code="2345-7"),)))
    SentCode(name='Глюкоза', codings=(('http://loinc.org', '2345-7'),))
    """
    displays = (coding.display for coding in concept.codings if coding.display)
    codings = (
        (standard_system(coding.system) or coding.system or "", coding.code)
        for coding in concept.codings
        if coding.code
    )
    return SentCode(concept.text or next(displays, ""), tuple(dict.fromkeys(codings)))


def measured(content: ReportContent) -> Iterator[tuple[SentCode, Observation, Component | None]]:
    """Everything that the report gives a value of: its observations and their components, in its order."""
    for observation in content.observations:
        if observation.value is not None:
            yield sent_code(observation.code), observation, None
        for component in observation.components:
            if component.value is not None:
                yield sent_code(component.code), observation, component


def sent_codes(content: ReportContent) -> tuple[SentCode, ...]:
    """What the report measured, each once."""
    return tuple(dict.fromkeys(sent for sent, _, _ in measured(content)))


@dataclass(frozen=True, slots=True)
class Analyte:
    """One thing that is measured. `parts` tell it from every other: a system and a code of it; the laboratory too,
    where the code is its own, and the name, where one code is sent of several things."""

    parts: tuple[str, ...]

    @property
    def loinc(self) -> str | None:
        return self.parts[1] if self.parts[0] == LOINC else None


@dataclass(frozen=True, slots=True)
class Sent:
    """A code in the report of a laboratory, among the codes that the report has beside it."""

    code: SentCode
    laboratory_id: UUID
    beside: tuple[SentCode, ...] = ()


def grouped(
    sent: Mapping[T, Sent], code_maps: Mapping[UUID, CodeMap], concepts: Sequence[SentCode] = ()
) -> dict[Analyte, list[T]]:
    """Which of the codes are of one analyte. `concepts` are further codes that are known of the patient's reports.

    By LOINC, else by ФСЛИ, else by what the laboratory's map says of its own code, else by the laboratory and what it
    calls it. A code of ФСЛИ that always came with one code of LOINC means that. A code that stands in one report under
    two names is of two things, and then everywhere its name tells which."""
    known = [*(one.code for one in sent.values()), *concepts]
    loinc_of = _loinc_of_fsli(known)
    ambiguous = _under_two_names(one.beside for one in sent.values())
    groups: dict[Analyte, list[T]] = defaultdict(list)
    for place, one in sent.items():
        parts = _parts(one, code_maps.get(one.laboratory_id), loinc_of)
        if one.code.codings in ambiguous:
            parts = (*parts, one.code.plain_name)
        groups[Analyte(parts)].append(place)
    return dict(groups)


def _parts(one: Sent, code_map: CodeMap | None, loinc_of: Mapping[str, str]) -> tuple[str, ...]:
    concept = Concept(codings=tuple(Coding(system=s or None, code=c) for s, c in one.code.codings))
    standard = {coding.system: coding.code or "" for coding in reversed(standard_codes(concept, code_map))}
    if LOINC in standard:
        return LOINC, stands_for(standard[LOINC])
    if FSLI in standard:
        fsli = standard[FSLI]
        return (LOINC, loinc_of[fsli]) if fsli in loinc_of else (FSLI, fsli)
    own = one.code.codings[0] if one.code.codings else ("", "")
    name = () if one.code.codings else (one.code.plain_name,)
    return (str(one.laboratory_id), *own, *name)


def stands_for(loinc: str) -> str:
    """The code that stands for the analyte, whatever its amount is counted in."""
    return STANDS_FOR.get(loinc, loinc)


def _loinc_of_fsli(known: Iterable[SentCode]) -> dict[str, str]:
    found: dict[str, set[str]] = defaultdict(set)
    for code in known:
        for system, fsli in code.codings:
            if system == FSLI:
                found[fsli] |= {
                    stands_for(other) for other_system, other in code.codings if other_system == LOINC
                }
    return {fsli: next(iter(codes)) for fsli, codes in found.items() if len(codes) == 1}


def _under_two_names(reports: Iterable[tuple[SentCode, ...]]) -> set[tuple[tuple[str, str], ...]]:
    found = set()
    for report in set(reports):
        names: dict[tuple[tuple[str, str], ...], set[str]] = defaultdict(set)
        for code in report:
            if code.codings:
                names[code.codings].add(code.plain_name)
        found |= {codings for codings, under in names.items() if len(under) > 1}
    return found
