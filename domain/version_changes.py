"""Version changes: what another version of a report says otherwise, value by value.

A measured value is known again by its code and place, as in `versions`. What can't be known again for certain is said
to be removed and added: to guess which of two antibiotics a value belongs to would be worse.
"""

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from domain.code_map import standard_codes, standard_system
from domain.report_content import Component, Observation, ReportContent
from domain.values import Concept
from domain.versions import named_place_of, place_of


class Aspect(StrEnum):
    """What of a measured value differs."""

    NAME = "name"
    VALUE = "value"
    RANGE = "range"
    FLAG = "flag"
    STATUS = "status"
    METHOD = "method"
    TIME = "time"
    NOTES = "notes"


class Fact(StrEnum):
    """What of a report differs around its values."""

    STATUS = "status"
    PATIENT = "patient"
    TITLE = "title"
    LABORATORY = "laboratory"
    SPECIMEN = "specimen"
    COLLECTED_AT = "collected-at"
    CONCLUSION = "conclusion"
    NOTES = "notes"
    ATTACHMENTS = "attachments"


@dataclass(frozen=True, slots=True)
class Finding:
    """One measured value; a component stands as an observation of its own, behind the one that it is a part of."""

    observation: Observation
    part_of: Observation | None = None


@dataclass(frozen=True, slots=True)
class FindingChange:
    """A value that differs: without `before` it was added, without `after` removed."""

    before: Finding | None
    after: Finding | None
    aspects: tuple[Aspect, ...] = ()


@dataclass(frozen=True, slots=True)
class VersionChanges:
    """What `after` says otherwise than `before`: values in the order of the later version, the removed ones last."""

    before: ReportContent
    after: ReportContent
    facts: tuple[Fact, ...]
    findings: tuple[FindingChange, ...]

    def __bool__(self) -> bool:
        return bool(self.facts or self.findings)


def changes_between(before: ReportContent, after: ReportContent) -> VersionChanges:
    """What another version says otherwise. Of the same content nothing; what changes places has not changed."""
    old, new = _findings(before), _findings(after)
    pairs = _pairs(old, new)
    known = {later: earlier for earlier, later in pairs}
    changes = [
        FindingChange(old[known[place]] if place in known else None, one) for place, one in enumerate(new)
    ]
    changes += [
        FindingChange(one, None) for place, one in enumerate(old) if place not in {at for at, _ in pairs}
    ]
    found = (_with_aspects(change) for change in changes)
    return VersionChanges(
        before=before,
        after=after,
        facts=tuple(fact for fact, of in _FACTS.items() if of(before) != of(after)),
        findings=tuple(one for one in found if one.aspects or one.before is None or one.after is None),
    )


def _findings(content: ReportContent) -> list[Finding]:
    """What was measured, without the headings of panels, which only say how values are grouped."""
    found: list[Finding] = []
    for one in content.observations:
        is_heading = one.value is None and bool(one.members or one.components)
        if not is_heading or one.data_absent_reason is not None:
            found.append(Finding(one))
        found += [Finding(_as_observation(part, one), one) for part in one.components]
    return found


def _as_observation(part: Component, whole: Observation) -> Observation:
    return Observation(
        code=part.code,
        status=whole.status,
        value=part.value,
        data_absent_reason=part.data_absent_reason,
        interpretation=part.interpretation,
        reference_ranges=part.reference_ranges,
        source_id=whole.source_id,
        effective_at=whole.effective_at,
    )


# Which pairs are the same value


def _pairs(old: Sequence[Finding], new: Sequence[Finding]) -> list[tuple[int, int]]:
    """The places of what is the same value in both, by rules that go from the surest on. A rule pairs only what it
    finds once on each side among what is left."""
    pairs: list[tuple[int, int]] = []
    left, right = list(range(len(old))), list(range(len(new)))
    for key in (_as_it_is, _named, _placed, _coded):
        ours, theirs = _by_key(key, old, left), _by_key(key, new, right)
        for name in ours.keys() & theirs.keys():
            # Several that are alike in everything are the same, whichever is which.
            together = zip(ours[name], theirs[name], strict=False) if key is _as_it_is else ()
            is_one = len(ours[name]) == len(theirs[name]) == 1
            one, other = ours[name][0], theirs[name][0]
            if is_one and _may_be_one(old[one].observation, new[other].observation):
                pairs.append((one, other))
            else:
                pairs += together
        paired_old, paired_new = {at for at, _ in pairs}, {at for _, at in pairs}
        left = [at for at in left if at not in paired_old]
        right = [at for at in right if at not in paired_new]
    return sorted(pairs)


def _by_key(
    key: Callable[[Finding], Hashable], findings: Sequence[Finding], places: Iterable[int]
) -> dict[Hashable, list[int]]:
    found: dict[Hashable, list[int]] = {}
    for place in places:
        name = key(findings[place])
        if name is not None:
            found.setdefault(name, []).append(place)
    return found


def _as_it_is(one: Finding) -> Hashable:
    return (_said(one.observation), one.part_of and place_of(one.part_of))


def _named(one: Finding) -> Hashable:
    return (named_place_of(one.observation), one.part_of and place_of(one.part_of))


def _placed(one: Finding) -> Hashable:
    return (place_of(one.observation), one.part_of and place_of(one.part_of))


def _coded(one: Finding) -> Hashable:
    """The codes alone, for a laboratory that names its values anew in each version."""
    codes = _codes(one.observation)
    return (codes, one.part_of and _codes(one.part_of)) if codes else None


def _codes(one: Observation) -> tuple[tuple[str | None, str | None], ...]:
    return tuple((coding.system, coding.code) for coding in one.code.codings if coding.code)


def _may_be_one(before: Observation, after: Observation) -> bool:
    """Under a code of the laboratory's own two names are two antibiotics; LOINC and ФСЛИ mean what they mean."""
    names = {_name(one.code).casefold() for one in (before, after)}
    return len(names) == 1 or "" in names or bool(_standard(before.code) & _standard(after.code))


def _name(code: Concept) -> str:
    return code.text or next((coding.display for coding in code.codings if coding.display), "")


def _standard(code: Concept) -> set[tuple[str | None, str | None]]:
    return {(standard_system(coding.system), coding.code) for coding in standard_codes(code, None)}


def _said(one: Observation) -> Observation:
    """What a reader is told, without where it stands and when it was released."""
    return replace(one, members=(), components=(), issued_at=None, is_final_as_sent=False)


# What differs in a pair


def _with_aspects(change: FindingChange) -> FindingChange:
    if change.before is None or change.after is None:
        return change
    before, after = change.before.observation, change.after.observation
    found = tuple(aspect for aspect, of in _ASPECTS.items() if of(before) != of(after))
    return replace(change, aspects=found)


_ASPECTS: dict[Aspect, Callable[[Observation], object]] = {
    Aspect.NAME: lambda one: one.code,
    Aspect.VALUE: lambda one: (one.value, one.data_absent_reason),
    Aspect.RANGE: lambda one: one.reference_ranges,
    Aspect.FLAG: lambda one: one.interpretation,
    Aspect.STATUS: lambda one: one.status,
    Aspect.METHOD: lambda one: one.method,
    Aspect.TIME: lambda one: one.effective_at,
    Aspect.NOTES: lambda one: one.notes,
}


def _collected_at(content: ReportContent) -> object:
    return (content.effective_at, Counter(one.collected_at for one in content.specimens))


_FACTS: dict[Fact, Callable[[ReportContent], object]] = {
    Fact.STATUS: lambda content: content.status,
    Fact.PATIENT: lambda content: content.subject,
    Fact.TITLE: lambda content: content.code,
    Fact.LABORATORY: lambda content: content.performer,
    Fact.SPECIMEN: lambda content: tuple(one.kind for one in content.specimens),
    Fact.COLLECTED_AT: _collected_at,
    Fact.CONCLUSION: lambda content: (content.conclusion, content.conclusion_codes),
    Fact.NOTES: lambda content: content.notes,
    Fact.ATTACHMENTS: lambda content: tuple(
        (one.content_type, one.title, one.size_bytes) for one in content.attachments
    ),
}
