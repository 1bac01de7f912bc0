"""Naming: which clear events name a patient, and in which fields. By these it is found what belongs to whom, without a
key and without a view."""

from collections.abc import Mapping
from dataclasses import fields
from types import MappingProxyType
from typing import get_args, get_type_hints

from domain import Event, erasure, reading
from domain.report import ReportMatched
from domain.values import PatientId
from ledger.codec import Erased, Unreadable
from ledger.event_types import EVENT_TYPES, EventType

# What is said of a patient without anything becoming theirs.
_NOT_OWNING = frozenset({reading.__name__, erasure.__name__})


def _naming_fields(stored: EventType) -> tuple[str, ...]:
    if stored.purpose is not None or stored.event_class.__module__ in _NOT_OWNING:
        return ()
    hints = get_type_hints(stored.event_class)
    named = (one.name for one in fields(stored.event_class))
    return tuple(name for name in named if PatientId in (hints[name], *get_args(hints[name])))


# Stored name -> fields that name a patient.
NAMING: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {name: found for name, stored in EVENT_TYPES.items() if (found := _naming_fields(stored))}
)
_BY_CLASS: Mapping[type, tuple[str, ...]] = {
    EVENT_TYPES[name].event_class: found for name, found in NAMING.items()
}

_BRINGING: frozenset[type] = frozenset(
    {one.event_class for one in EVENT_TYPES.values() if one.purpose is not None} | {ReportMatched}
)


def patients_in(event: Event | Erased | Unreadable) -> frozenset[PatientId]:
    """Whom a clear event names."""
    named = (getattr(event, name) for name in _BY_CLASS.get(type(event), ()))
    return frozenset(one for one in named if one is not None)


def brings_data(event: Event | Erased | Unreadable) -> bool:
    """Whether the event holds personal data, or gives a report to somebody."""
    return type(event) in _BRINGING
