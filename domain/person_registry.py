"""Registry of persons: what a state registry says of people was taken in, to be compared with profiles."""

from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

# Events: what happened. Who the people are is not in history: the registry can be loaded again.


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonsImported:
    """A file of the registry was taken in: so many persons, and the SHA-256 (hex) of its bytes."""

    count: int
    sha256: str


PersonRegistryEvent = PersonsImported

# State.


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonRegistry:
    """Which files were taken in."""

    files: frozenset[str]


def evolve(registry: PersonRegistry | None, event: PersonRegistryEvent) -> PersonRegistry:
    """Replay one event. Never refuses."""
    match event:
        case PersonsImported():
            known = registry.files if registry else frozenset[str]()
            return PersonRegistry(files=known | {event.sha256})
        case _:
            assert_never(event)


# What it answers.


class Agreement(StrEnum):
    """What the registry says of one field: the same, something else, or nothing."""

    AGREES = "agrees"
    DIFFERS = "differs"
    ABSENT = "absent"
