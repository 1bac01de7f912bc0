"""Key epochs: which key-encryption key wraps data keys, since when, and which was destroyed so that older copies of the
database open nothing any more."""

from dataclasses import dataclass, replace
from typing import assert_never

# Events: what happened.


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyEpochBegun:
    """New data keys are wrapped by the key-encryption key of this epoch."""

    epoch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class KeysRewrapped:
    """So many data keys that lived under the older `epoch` are wrapped by the latest one now; none is left there."""

    epoch: int
    keys: int


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyEpochDestroyed:
    """The key-encryption key of this epoch was destroyed: what only it unwraps, in any copy of the database, is gone."""

    epoch: int


KeyEpochEvent = KeyEpochBegun | KeysRewrapped | KeyEpochDestroyed

# State.


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyEpochs:
    """The first epoch begins with the ledger and has no event of its own."""

    latest: int = 1
    emptied: frozenset[int] = frozenset()
    destroyed: frozenset[int] = frozenset()


def evolve(epochs: KeyEpochs | None, event: KeyEpochEvent) -> KeyEpochs:
    """Replay one event. Never refuses."""
    epochs = epochs or KeyEpochs()
    match event:
        case KeyEpochBegun():
            return replace(epochs, latest=event.epoch)
        case KeysRewrapped():
            return replace(epochs, emptied=epochs.emptied | {event.epoch})
        case KeyEpochDestroyed():
            return replace(epochs, destroyed=epochs.destroyed | {event.epoch})
        case _:
            assert_never(event)


# Decisions: the rules.


class EpochInUseError(Exception):
    """Data keys may still be wrapped by this epoch, or there is none of this number: see `letopis keys epochs`; `rotate`
    wraps them anew."""


def begin(epochs: KeyEpochs | None) -> KeyEpochBegun:
    return KeyEpochBegun(epoch=(epochs or KeyEpochs()).latest + 1)


def rewrap(epochs: KeyEpochs | None, *, epoch: int, keys: int) -> tuple[KeysRewrapped, ...]:
    """Said once of each older epoch."""
    known = epochs or KeyEpochs()
    if epoch >= known.latest:
        raise EpochInUseError
    return () if epoch in known.emptied else (KeysRewrapped(epoch=epoch, keys=keys),)


def destroy(epochs: KeyEpochs | None, *, epoch: int) -> tuple[KeyEpochDestroyed, ...]:
    """Only what was emptied; nothing, if it was destroyed already."""
    known = epochs or KeyEpochs()
    if epoch not in known.emptied:
        raise EpochInUseError
    return () if epoch in known.destroyed else (KeyEpochDestroyed(epoch=epoch),)
