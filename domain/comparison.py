"""Comparison: two reports side by side, value by value, the earlier first."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from domain.analyte import Analyte, Sent, SentCode, grouped
from domain.code_map import CodeMap
from domain.trend import Measurement, in_unit, number_of, unit_key
from domain.values import Quantity

_DECREASED, _INCREASED = ("<", "<="), (">", ">=")


class Direction(StrEnum):
    """Where a value went."""

    UP = "up"
    DOWN = "down"
    SAME = "same"
    # A word for another word, which has no direction.
    CHANGED = "changed"
    # Bounds that overlap, or units that don't convert.
    UNKNOWN = "unknown"


class Turn(StrEnum):
    """What the change means against the reference range."""

    NEWLY_FLAGGED = "newly-flagged"
    NO_LONGER_FLAGGED = "no-longer-flagged"
    STILL_FLAGGED = "still-flagged"


class Measured(NamedTuple):
    """What a report measured of an analyte, and how it calls it."""

    code: SentCode
    measurement: Measurement


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One analyte in two reports: a side is None where the report does not have it. `difference` is in the unit of the
    later value; `earlier_in_unit` is the earlier one in it, where it was converted."""

    name: str
    earlier: Measurement | None
    later: Measurement | None
    direction: Direction | None = None
    difference: Decimal | None = None
    earlier_in_unit: Quantity | None = None
    turn: Turn | None = None


def compare(
    earlier: Sequence[Measured], later: Sequence[Measured], code_maps: Mapping[UUID, CodeMap]
) -> list[Compared]:
    """In the order of the later report, then what only the earlier has. What one of them says twice of one analyte is
    not paired: nobody can tell which is which."""
    sides = (_by_analyte(earlier, later, code_maps, 0), _by_analyte(earlier, later, code_maps, 1))
    found: list[Compared] = []
    for analyte in [*sides[1], *(one for one in sides[0] if one not in sides[1])]:
        before, after = (side.get(analyte, []) for side in sides)
        if len(before) == len(after) == 1:
            found.append(_pair(after[0].code.name or before[0].code.name, analyte, before[0], after[0]))
            continue
        found += [Compared(name=one.code.name, earlier=None, later=one.measurement) for one in after]
        found += [Compared(name=one.code.name, earlier=one.measurement, later=None) for one in before]
    return found


def _by_analyte(
    earlier: Sequence[Measured], later: Sequence[Measured], code_maps: Mapping[UUID, CodeMap], side: int
) -> dict[Analyte, list[Measured]]:
    """Both are looked at to group the codes of either: what is two things in one report is two in the other."""
    both = (earlier, later)
    beside = [tuple(one.code for one in report) for report in both]
    sent = {
        (number, place): Sent(one.code, one.measurement.laboratory_id, beside[number])
        for number, report in enumerate(both)
        for place, one in enumerate(report)
    }
    found: dict[Analyte, list[Measured]] = defaultdict(list)
    places = sorted(
        (place, analyte)
        for analyte, entries in grouped(sent, code_maps).items()
        for number, place in entries
        if number == side
    )
    for place, analyte in places:
        found[analyte].append(both[side][place])
    return found


def _pair(name: str, analyte: Analyte, before: Measured, after: Measured) -> Compared:
    earlier, later = before.measurement, after.measurement
    pair = Compared(name=name, earlier=earlier, later=later)
    if earlier.is_void or later.is_void:
        return pair
    turn = _turn(earlier.flag, later.flag)
    one, other = earlier.quantity, later.quantity
    if one is None or other is None:
        is_same = (earlier.value.kind, _plain(earlier)) == (later.value.kind, _plain(later))
        return replace(pair, turn=turn, direction=Direction.SAME if is_same else Direction.CHANGED)
    target = unit_key(other)
    here = in_unit(one, target, analyte.loinc)
    if here is None:
        return replace(pair, turn=turn, direction=Direction.UNKNOWN)
    from_number, to_number = number_of(here), number_of(other)
    assert from_number is not None and to_number is not None
    is_exact = here.comparator is None and other.comparator is None
    return replace(
        pair,
        turn=turn,
        direction=_direction(here.comparator, from_number, other.comparator, to_number),
        difference=to_number - from_number if is_exact else None,
        earlier_in_unit=here if unit_key(one) != target else None,
    )


def _plain(measurement: Measurement) -> object:
    """What a word says, whatever its letters' case is."""
    value = measurement.value
    if value.text is not None:
        return " ".join(value.text.casefold().split())
    if value.concept is not None:
        codes = tuple((coding.system, coding.code) for coding in value.concept.codings if coding.code)
        return codes or (value.concept.text or "").casefold()
    return value


def _direction(before: str | None, one: Decimal, after: str | None, other: Decimal) -> Direction:
    """Certain for bounds too, where they do not overlap: what was below 5 and is 7 went up."""
    if before is None and after is None:
        return Direction.SAME if one == other else Direction.UP if other > one else Direction.DOWN
    if (before, one) == (after, other):
        return Direction.SAME
    if before not in _INCREASED and after not in _DECREASED and other >= one:
        return Direction.UP if other > one or "=" not in f"{before}{after}" else Direction.UNKNOWN
    if before not in _DECREASED and after not in _INCREASED and other <= one:
        return Direction.DOWN if other < one or "=" not in f"{before}{after}" else Direction.UNKNOWN
    return Direction.UNKNOWN


def _turn(before: str | None, after: str | None) -> Turn | None:
    was, is_now = (flag not in (None, "normal") for flag in (before, after))
    if was and is_now:
        return Turn.STILL_FLAGGED
    if is_now:
        return Turn.NEWLY_FLAGGED
    return Turn.NO_LONGER_FLAGGED if was and after == "normal" else None
