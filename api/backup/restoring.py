"""Restoring: the ledger brought back from a backup and the archive, up to its end or to an earlier moment.

The order matters. First PostgreSQL replays; then, before anything is opened for writing, it is compared with what was
signed; only a ledger that lacks nothing is promoted, unless an earlier moment was asked for. Before anybody is served,
what had been erased is erased again (`unburied`).
"""

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from uuid import UUID

import psycopg

from api.backup import unburied
from api.backup.folder import Backup, BackupFolder, archive_settings
from api.backup.recovery import NoWayBackError, Recovery
from api.backup.wholeness import require_reached
from api.embedded_postgres import EmbeddedPostgres
from api.node import owner_of
from domain.backup import LedgerRestored
from ledger import checkpoint, key_epochs, note
from ledger.codec import Circumstances
from ledger.commands import decide_again
from ledger.custody import Custody
from ledger.store import Ledger, Write

Told = Callable[[str], None]


class ClusterInPlaceError(Exception):
    """There is a database in LETOPIS_HOME. With --replace it is moved aside, and what its WAL still has is used."""


class ClusterRunningError(Exception):
    """The database in LETOPIS_HOME is running: stop `letopis serve` and every other command first."""


class NotLaidOutError(Exception):
    """No restore was begun here that waits for more WAL: begin one without --go-on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What to restore. `until` is a moment, or a position of the ledger; None is the end. `more_wal` is a folder with
    WAL that the archive lacks. `signed_note` is the last checkpoint that was signed, if it is known."""

    backup: Backup
    until: datetime | int | None = None
    more_wal: Path | None = None
    signed_note: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """How far the ledger came back, how many subjects' keys were destroyed again, and whether it is all that was
    signed: an earlier moment that was asked for is not, and is never served."""

    position: int
    buried: int
    is_whole: bool


def restore(
    home: Path, folder: BackupFolder, custody: Custody, wanted: Wanted, *, by: Circumstances, told: Told
) -> Restored:
    """`home` is the folder of the embedded PostgreSQL; there must be no cluster in it."""
    target = _target(folder, wanted, told)
    recovery = Recovery(home, folder, more_wal=wanted.more_wal, target=target)
    recovery.lay_out(wanted.backup)
    return go_on(recovery, custody, wanted, by=by, told=told)


def go_on(recovery: Recovery, custody: Custody, wanted: Wanted, *, by: Circumstances, told: Told) -> Restored:
    """From a cluster that is laid out: replay, compare, promote. RolledBackError leaves it waiting for more WAL."""
    recovery.configure()
    own = replace(custody, signer=None)
    with recovery.running(archive_settings(recovery.folder.path)) as conninfo:
        recovery.reach_end(conninfo, told)
        is_whole = wanted.until is None
        with Ledger(conninfo, own, role=owner_of(conninfo)) as ledger:
            if isinstance(wanted.until, int) and ledger.last_position() > wanted.until:
                raise NoWayBackError
            if wanted.signed_note is not None and is_whole:
                require_reached(ledger, wanted.signed_note)
        unburied.begin(recovery.home)
        recovery.promote(conninfo)
        with Ledger(conninfo, own) as ledger:
            buried = unburied.end(recovery.home, ledger)
            if is_whole:
                _record(ledger, wanted, by)
            return Restored(position=ledger.last_position(), buried=buried, is_whole=is_whole)


def move_aside(home: Path) -> Path | None:
    """Put the cluster that is there out of the way; its folder, if there was one."""
    cluster = home / "cluster"
    if not cluster.exists():
        return None
    aside = home / f"cluster.before-{time.strftime('%Y%m%dT%H%M%S')}"
    cluster.rename(aside)
    return aside


def is_running(home: Path) -> bool:
    """Whether a server of this folder lives."""
    return home.exists() and EmbeddedPostgres(home).is_running()


def is_waiting(home: Path) -> bool:
    """Whether a restore was begun here that was not promoted."""
    return (home / "cluster" / "standby.signal").exists()


def choose(folder: BackupFolder, *, backup_id: UUID | None, until: datetime | int | None) -> Backup | None:
    """The backup that is asked for; else the latest that may be from before the wanted moment."""
    found = [one for one in folder.backups() if backup_id in (None, one.backup_id)]
    if isinstance(until, int):
        found = [one for one in found if one.position <= until]
    elif until is not None:
        found = [one for one in found if one.taken_at <= until]
    return found[-1] if found else None


def _target(folder: BackupFolder, wanted: Wanted, told: Told) -> dict[str, str]:
    """What PostgreSQL is told of the end. It knows no positions of ours: the transaction that brought the event is
    looked up in a copy that is restored beside."""
    if wanted.until is None:
        return {}
    if isinstance(wanted.until, datetime):
        return {"recovery_target_time": wanted.until.isoformat()}
    told("looking for the position")
    return {"recovery_target_xid": _transaction_of(folder, wanted, wanted.until, told)}


def _transaction_of(folder: BackupFolder, wanted: Wanted, position: int, told: Told) -> str:
    with tempfile.TemporaryDirectory(prefix=".look-", dir=folder.path) as temporary:
        recovery = Recovery(Path(temporary), folder, more_wal=wanted.more_wal)
        recovery.lay_out(wanted.backup)
        recovery.configure()
        with recovery.running({}) as conninfo, psycopg.connect(conninfo, autocommit=True) as connection:
            recovery.reach_end(conninfo, told)
            row = connection.execute(
                "SELECT xmin::text FROM ledger.events WHERE notification_id <= %s"
                " ORDER BY notification_id DESC LIMIT 1",
                (position,),
            ).fetchone()
    if row is None:
        raise NoWayBackError
    return str(row[0])


def _record(ledger: Ledger, wanted: Wanted, by: Circumstances) -> None:
    tree_size = 0
    if wanted.signed_note is not None:
        tree_size = checkpoint.parse(note.parse(wanted.signed_note).text).tree_size

    def act() -> None:
        stream = key_epochs.backups_of(ledger)
        version = sum(1 for _ in ledger.read(stream))
        event = LedgerRestored(
            backup_id=wanted.backup.backup_id, position=ledger.last_position(), tree_size=tree_size
        )
        ledger.append(Write(stream, version, (event,)), circumstances=by)

    decide_again(act)
