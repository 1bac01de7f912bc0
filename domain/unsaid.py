"""Unsaid: in what a newer version of a report takes back or alters what an older one said.

A version that says the same again, or only adds to it, unsays nothing: nobody who had the older one was misled.
"""

from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from domain.report_content import (
    Component,
    Observation,
    ObservationStatus,
    ReportContent,
    ReportStatus,
    Value,
)
from domain.units import ucum_of
from domain.values import Concept, Quantity


class Change(StrEnum):
    """In what the newer version differs from what the party had."""

    VALUE = "value"
    UNIT = "unit"
    RANGE = "range"
    FLAG = "flag"
    # Something is no more there that was said before.
    REMOVED = "removed"
    CONCLUSION = "conclusion"
    # The laboratory's own form, where it is all that the report is.
    DOCUMENT = "document"
    # Cancelled or entered in error, as a whole or in part; or in force again.
    VOID = "void"
    # The report is another person's, and left the cabinet.
    GONE = "gone"


_VOID_REPORT = frozenset({ReportStatus.CANCELLED, ReportStatus.ENTERED_IN_ERROR})
_VOID = frozenset({ObservationStatus.CANCELLED, ObservationStatus.ENTERED_IN_ERROR})


def changes_between(seen: ReportContent, now: ReportContent) -> tuple[Change, ...]:
    """In what the newer version unsays what the older one said, in the order of `Change`; nothing, if it is the same
    again or only adds to it, as a preliminary report that becomes final with the same values does.

    Words of names, notes, times and methods are no findings."""
    if (seen.status in _VOID_REPORT) != (now.status in _VOID_REPORT):
        return (Change.VOID,)
    found = set(_changes_of_findings(list(_findings(seen)), list(_findings(now))))
    if _unsaid(_conclusion(seen), _conclusion(now)):
        found.add(Change.CONCLUSION)
    if not seen.observations and _attached(seen) != _attached(now):
        found.add(Change.DOCUMENT)
    return tuple(change for change in Change if change in found)


@dataclass(frozen=True, slots=True)
class _Finding:
    """What one observation or component says, so that equal ones are equal however they were written."""

    place: tuple[frozenset[Hashable], ...]
    is_void: bool
    value: Hashable
    unit: Hashable
    range: Hashable
    flag: Hashable

    @property
    def says(self) -> bool:
        return self.value is not None or bool(self.flag)


def _changes_of_findings(seen: Sequence[_Finding], now: Sequence[_Finding]) -> Iterator[Change]:
    """Each finding that was said and is not there again, with the part in which another of its place differs."""
    left = Counter(now)
    unsaid = []
    for one in seen:
        if left[one]:
            left[one] -= 1
        elif one.says:
            unsaid.append(one)
    others = list(left.elements())
    for one in unsaid:
        found = next((other for other in others if _meets(other, one)), None)
        if found is None:
            yield Change.REMOVED
            continue
        others.remove(found)
        yield from _parts(one, found)


def _meets(one: _Finding, other: _Finding) -> bool:
    """A code that both have is enough: another version may have more codes."""
    places = zip(one.place, other.place, strict=False)
    return len(one.place) == len(other.place) and all(mine & theirs for mine, theirs in places)


def _parts(seen: _Finding, now: _Finding) -> Iterator[Change]:
    if seen.is_void != now.is_void:
        yield Change.VOID
    if seen.value != now.value:
        yield Change.VALUE
    if seen.unit != now.unit:
        yield Change.UNIT
    # A range or a flag that was not there before adds to what was said.
    if seen.range != now.range and seen.range:
        yield Change.RANGE
    if seen.flag != now.flag and seen.flag:
        yield Change.FLAG


def _findings(content: ReportContent) -> Iterator[_Finding]:
    for observation in content.observations:
        place, is_void = _codes(observation.code), observation.status in _VOID
        yield _finding(observation, place=(place,), is_void=is_void)
        for component in observation.components:
            yield _finding(component, place=(place, _codes(component.code)), is_void=is_void)


def _finding(
    said: Observation | Component, *, place: tuple[frozenset[Hashable], ...], is_void: bool
) -> _Finding:
    quantity = said.value.quantity if said.value else None
    return _Finding(
        place=place,
        is_void=is_void,
        value=_value(said.value),
        unit=_unit(quantity),
        range=tuple(
            (_measured(one.low), _measured(one.high), None if one.low or one.high else _text(one.text))
            for one in said.reference_ranges
        ),
        flag=frozenset(
            (coding.code or coding.display or "").upper()
            for concept in said.interpretation
            for coding in concept.codings
        ),
    )


def _value(value: Value | None) -> Hashable:
    if value is None:
        return None
    ends = map(_measured, (value.low, value.high, value.numerator, value.denominator))
    return value.kind, _amount(value.quantity), _codes(value.concept), _text(value.text), *ends


def _codes(concept: Concept | None) -> frozenset[Hashable]:
    """What it is: by code where there is one, else by the words."""
    if concept is None:
        return frozenset()
    codes = frozenset((coding.system, coding.code) for coding in concept.codings if coding.code)
    words = (_text(concept.text), *(_text(coding.display) for coding in concept.codings))
    return codes or frozenset(word for word in words if word)


def _measured(quantity: Quantity | None) -> Hashable:
    return None if quantity is None else (_amount(quantity), _unit(quantity))


def _amount(quantity: Quantity | None) -> Hashable:
    """5.0 is 5, and is not < 5."""
    return None if quantity is None else (quantity.number, quantity.comparator or None)


def _unit(quantity: Quantity | None) -> Hashable:
    """г/л is g/L; a unit that nobody knows is as written."""
    if quantity is None:
        return None
    return ucum_of(quantity) or _text(quantity.unit or quantity.code)


def _conclusion(content: ReportContent) -> tuple[Hashable, ...]:
    return (_text(content.conclusion), frozenset(map(_codes, content.conclusion_codes)) or None)


def _attached(content: ReportContent) -> tuple[Hashable, ...]:
    return tuple((one.content_type, one.title, one.size_bytes) for one in content.attachments)


def _unsaid(seen: tuple[Hashable, ...], now: tuple[Hashable, ...]) -> bool:
    """Whether something that was said is said otherwise, or not at all."""
    return any(before is not None and before != after for before, after in zip(seen, now, strict=True))


def _text(text: str | None) -> str | None:
    """Spaces are no words."""
    return " ".join(text.split()) or None if text else None
