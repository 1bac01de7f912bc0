"""Backups: copies of the whole database that were taken, proved by a restore, restored, or thrown away."""

from dataclasses import dataclass, replace
from typing import assert_never
from uuid import UUID

# Events: what happened.


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupTaken:
    """A copy of the database was taken that holds the ledger up to `position` at least, and the checkpoint of
    `tree_size`. Its data keys are wrapped by the key-encryption keys of `epochs`. `manifest_sha256` (hex) is of what
    PostgreSQL wrote of its files."""

    backup_id: UUID
    position: int
    tree_size: int
    epochs: tuple[int, ...]
    manifest_sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupProved:
    """The copy was restored beside, verified against the last checkpoint, and replayed: it is good up to `position`."""

    backup_id: UUID
    position: int
    tree_size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerRestored:
    """The ledger goes on from a restored copy. `tree_size` is of the last checkpoint that had been signed before; the
    ledger reached it again, so nothing that was signed is missing."""

    backup_id: UUID
    position: int
    tree_size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupDiscarded:
    """The copy was thrown away."""

    backup_id: UUID


BackupEvent = BackupTaken | BackupProved | LedgerRestored | BackupDiscarded

# State.


@dataclass(frozen=True, slots=True, kw_only=True)
class Backups:
    """The copies that are kept, oldest first, and which of them were proved."""

    kept: tuple[BackupTaken, ...] = ()
    proved: frozenset[UUID] = frozenset()


def evolve(backups: Backups | None, event: BackupEvent) -> Backups:
    """Replay one event. Never refuses."""
    backups = backups or Backups()
    match event:
        case BackupTaken():
            return replace(backups, kept=(*backups.kept, event))
        case BackupProved():
            return replace(backups, proved=backups.proved | {event.backup_id})
        case LedgerRestored():
            return backups
        case BackupDiscarded():
            kept = tuple(one for one in backups.kept if one.backup_id != event.backup_id)
            return replace(backups, kept=kept)
        case _:
            assert_never(event)


# Decisions: the rules.


class BackupNotFoundError(Exception):
    """There is no such backup, or it was discarded."""


def prove(backups: Backups | None, *, backup_id: UUID, position: int, tree_size: int) -> BackupProved:
    _require(backups, backup_id)
    return BackupProved(backup_id=backup_id, position=position, tree_size=tree_size)


def discard(backups: Backups | None, *, backup_id: UUID) -> BackupDiscarded:
    _require(backups, backup_id)
    return BackupDiscarded(backup_id=backup_id)


def _require(backups: Backups | None, backup_id: UUID) -> None:
    if backups is None or all(one.backup_id != backup_id for one in backups.kept):
        raise BackupNotFoundError
