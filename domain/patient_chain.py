"""Patient chains: how many events each patient's results are made of, and which was the last, is committed to for
all patients at once, so that whoever holds the older commitment finds out what was hidden, dropped or reordered."""

from dataclasses import dataclass
from typing import assert_never

# Events: what happened.


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainsCommitted:
    """The chains of all patients, as they stood at `position` of the ledger, have this root (SHA-256, hex) of the
    map that holds length and head of each. `patients` is how many have a chain."""

    position: int
    root: str
    patients: int


ChainEvent = ChainsCommitted

# State.


@dataclass(frozen=True, slots=True, kw_only=True)
class Committed:
    """The latest commitment."""

    position: int
    root: str


def evolve(_: Committed | None, event: ChainEvent) -> Committed:
    """Replay one event. Never refuses."""
    match event:
        case ChainsCommitted():
            return Committed(position=event.position, root=event.root)
        case _:
            assert_never(event)


# Decisions: the rules.


def commit(
    committed: Committed | None, *, position: int, root: str, patients: int
) -> tuple[ChainsCommitted, ...]:
    """Nothing is committed to twice: a root that has not changed needs no new event."""
    if committed is not None and committed.root == root:
        return ()
    return (ChainsCommitted(position=position, root=root, patients=patients),)
