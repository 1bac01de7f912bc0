"""Which reference range a measured amount is held against, where the laboratory left no doubt of it."""

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from domain.report_content import ReferenceRange
from domain.units import ucum_of
from domain.values import Concept, Quantity

# FHIR, referencerange-meaning: what is usual, beside what a treatment aims at and the like.
_USUAL = frozenset({"normal", "reference"})


class Limits(NamedTuple):
    """From where to where is usual, in the unit of what was measured. `is_strict`: the end itself is not."""

    low: Decimal | None
    high: Decimal | None
    is_strict: bool

    def are_below(self, number: Decimal) -> bool:
        return self.high is not None and (number > self.high or (self.is_strict and number == self.high))

    def are_above(self, number: Decimal) -> bool:
        return self.low is not None and (number < self.low or (self.is_strict and number == self.low))


def limits_for(measured: Quantity, ranges: Sequence[ReferenceRange]) -> Limits | None:
    """None where there are several ranges and nobody says which is the patient's, or one in a unit that this is not."""
    found = only_range(ranges)
    if found is None or not all(end is None or _is_in_unit_of(measured, end) for end in found.ends):
        return None
    low, high = (end.number if end else None for end in found.ends)
    return Limits(low, high, _is_strict(found)) if low is not None or high is not None else None


def only_range(ranges: Sequence[ReferenceRange]) -> ReferenceRange | None:
    """The range that the laboratory sent, or of several the one of what is usual for everybody."""
    if len(ranges) == 1:
        return ranges[0]
    found = [one for one in ranges if one.kind and is_usual(one.kind) and not one.applies_to]
    return found[0] if len(found) == 1 else None


def is_usual(kind: Concept) -> bool:
    """Whether a range of this kind is of what is usual, and so needs no name."""
    return any(coding.code in _USUAL for coding in kind.codings)


def _is_in_unit_of(measured: Quantity, end: Quantity) -> bool:
    """The end of a range is in the unit of what was measured if it names none."""
    units = {end.unit, end.code} - {None}
    if not units or units & {measured.unit, measured.code}:
        return True
    unit = ucum_of(end)
    return unit is not None and unit == ucum_of(measured)


def _is_strict(one: ReferenceRange) -> bool:
    """The ends of a range are of it (FHIR R4, Observation.referenceRange). That `< 5` is meant is told by its text, or by
    senders who give the end a comparator."""
    end = one.high if one.low is None else one.low if one.high is None else None
    text = (one.text or "").lstrip()
    is_said = text[:1] in {"<", ">"} and text[1:2] not in {"=", "≤", "≥"}
    return end is not None and (is_said or end.comparator in {"<", ">"})
