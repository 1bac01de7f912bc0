"""Key epochs: a new key-encryption key, every live data key wrapped by it, the old one destroyed.

Whatever copy of the database is older than that (a backup, WAL, a stolen disk) has its data keys wrapped by a key that
is nowhere any more. Each step may be repeated after a kill: the file is durable before the row, the row before the event,
and a data key opens under exactly one epoch at every moment, for its row changes in one transaction.
"""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg

from domain import backup, key_epoch
from domain.erasure import PatientErased
from domain.key_epoch import KeyEpochs
from ledger import custody
from ledger.codec import Circumstances, RecordedEvent
from ledger.commands import decide_again
from ledger.insertion import Guard
from ledger.keys import NewKey
from ledger.store import Ledger, Write

BATCH = 1000
# The lock of those who store keys (migration 0035), and that of whoever rotates.
KEYS_LOCK = 7597135
ROTATE_LOCK = 7597136
Seen = Callable[[int], None]


class AlreadyRotatingError(Exception):
    """Another process rotates the keys: wait until it is through."""


class EpochNeededError(Exception):
    """Backups open by this epoch only: take a backup, or wait until the WAL archive has the keys that were wrapped anew
    (a minute or so). If the archive fails, mend it first; `letopis keys destroy --force` gives the backups up."""


class KeysLeftError(Exception):
    """Data keys still live under the epoch: rotate again."""


def stream_of(ledger: Ledger) -> UUID:
    return ledger.stream_id("key-epochs")


def load(ledger: Ledger) -> tuple[KeyEpochs, int]:
    state, version = ledger.load(stream_of(ledger), key_epoch.evolve)
    return state or KeyEpochs(), version


def living(ledger: Ledger) -> tuple[int, ...]:
    """The epochs whose key-encryption key is still there: under one of them every key was ever wrapped that some copy
    of the database may still open."""
    ledger.custody.refresh()
    return tuple(sorted(ledger.custody.wrapping_keys))


def living_now(ledger: Ledger) -> tuple[tuple[int, ...], Guard]:
    """As `living`, for what is appended with it: the guard holds if no epoch has begun since."""
    _, version = load(ledger)
    return living(ledger), Guard(stream_of(ledger), version)


# The three steps, in their order.


def begin(ledger: Ledger, *, by: Circumstances) -> int:
    """Begin the next epoch: from here on no data key is stored under an older one. Its number."""

    def act() -> int:
        state, version = load(ledger)
        begun = key_epoch.begin(state if version else None)
        custody.add_epoch(ledger.custody.folder, begun.epoch)
        ledger.custody.refresh()
        with ledger.pool.connection() as connection, connection.transaction():
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (KEYS_LOCK,))
            connection.execute(
                "INSERT INTO ledger.key_epochs (epoch) VALUES (%s) ON CONFLICT DO NOTHING", (begun.epoch,)
            )
        ledger.append(Write(stream_of(ledger), version, (begun,)), circumstances=by)
        return begun.epoch

    return decide_again(act)


def rewrap(ledger: Ledger, *, by: Circumstances, seen: Seen = lambda _: None) -> int:
    """Wrap every live data key of an older epoch by the latest; how many those were."""
    ledger.custody.refresh()
    done, after = 0, UUID(int=0)
    while True:
        with ledger.pool.connection() as connection, connection.transaction():
            rows = _take(connection, after, ledger.custody.epoch)
            _put(connection, rows, ledger.keys.rewrap(rows))
        if not rows:
            break
        done, after = done + len(rows), rows[-1].key_id
        seen(done)
    _record_rewrapped(ledger, by=by)
    with ledger.pool.connection() as connection:
        connection.execute(
            "UPDATE ledger.key_epochs SET emptied_at = pg_current_wal_insert_lsn()"
            " WHERE epoch < (SELECT max(epoch) FROM ledger.key_epochs) AND emptied_at IS NULL"
        )
    return done


def _record_rewrapped(ledger: Ledger, *, by: Circumstances) -> None:
    def act() -> None:
        state, version = load(ledger)
        counted = _counted(ledger)
        events = [
            event
            for epoch in sorted(counted.keys() - {state.latest})
            for event in key_epoch.rewrap(state, epoch=epoch, keys=counted[epoch])
        ]
        _require_none_left(ledger, below=state.latest)
        ledger.append(Write(stream_of(ledger), version, events), circumstances=by)

    decide_again(act)


def destroy(ledger: Ledger, epoch: int, *, by: Circumstances, force: bool = False) -> bool:
    """Destroy the key-encryption key of an epoch that was emptied; whether it was there to be destroyed. The event
    comes after the deed: it never says what has not happened yet.

    Not while a backup is all that would be left after a loss of the disk and opens by that epoch only, unless `force`."""

    def act() -> bool:
        state, version = load(ledger)
        events = key_epoch.destroy(state, epoch=epoch)
        _require_none_left(ledger, below=epoch + 1)
        if not (force or is_carried(ledger, epoch)):
            raise EpochNeededError
        custody.destroy_epoch(ledger.custody.folder, epoch)
        ledger.custody.refresh()
        ledger.append(Write(stream_of(ledger), version, events), circumstances=by)
        return bool(events)

    return decide_again(act)


def destroy_again(ledger: Ledger) -> int:
    """Destroy what was destroyed and is back, since the folder of secrets was restored from before; how many epochs."""
    state, _ = load(ledger)
    back = [epoch for epoch in living(ledger) if epoch in state.destroyed]
    if not back:
        return 0
    if not live_keys(ledger).keys().isdisjoint(back):
        raise KeysLeftError
    for epoch in back:
        custody.destroy_epoch(ledger.custody.folder, epoch)
    ledger.custody.refresh()
    return len(back)


def rotate(
    ledger: Ledger,
    *,
    by: Circumstances,
    seen: Seen = lambda _: None,
    keeps: bool = False,
    force: bool = False,
) -> tuple[int, ...]:
    """All three, under a lock; the epochs that were destroyed. A rotation that was killed is gone on with: a new epoch
    is begun only if nothing is left to be done of the last. With `keeps` the old ones are not destroyed."""
    with ledger.pool.connection() as connection:
        row = connection.execute("SELECT pg_try_advisory_lock(%s)", (ROTATE_LOCK,)).fetchone()
        if not (row and row[0]):
            raise AlreadyRotatingError
        try:
            if not unfinished(ledger) or _is_half_begun(ledger):
                begin(ledger, by=by)
            rewrap(ledger, by=by, seen=seen)
            if keeps:
                return ()
            older = unfinished(ledger)
            for epoch in older:
                destroy(ledger, epoch, by=by, force=force)
            return older
        finally:
            connection.execute("SELECT pg_advisory_unlock(%s)", (ROTATE_LOCK,))


# What is asked.


def unfinished(ledger: Ledger) -> tuple[int, ...]:
    """The epochs that are over and not destroyed yet."""
    state, _ = load(ledger)
    return tuple(epoch for epoch in range(1, state.latest) if epoch not in state.destroyed)


def has_due(ledger: Ledger, now: datetime, *, kept_for: timedelta) -> bool:
    """Whether something was erased so long ago whose key older copies of the database can still open."""
    if unfinished(ledger):
        return True
    alive = living(ledger)
    with ledger.pool.connection() as connection:
        row = connection.execute(
            "SELECT EXISTS (SELECT FROM ledger.data_keys WHERE wrapped IS NULL AND epoch = ANY(%s)"
            " AND erased_at <= %s)",
            (list(alive), now - kept_for),
        ).fetchone()
    return bool(row and row[0]) or any(
        one.recorded_at <= now - kept_for and not set(alive).isdisjoint(erased.epochs)
        for one, erased in _uncompleted(ledger)
    )


def _uncompleted(ledger: Ledger) -> Iterator[tuple[RecordedEvent, PatientErased]]:
    """Erasures that wait for epochs. It may be for one that began before and wrapped none of their keys, which no row
    of the key table tells."""
    with ledger.pool.connection() as connection:
        rows = connection.execute(
            "SELECT e.originator_id FROM ledger.events e"
            " WHERE e.topic IN ('PatientErased', 'ErasureCompleted', 'DestructionActDrawn')"
            " AND e.topic = 'PatientErased' AND NOT EXISTS (SELECT FROM ledger.events c"
            " WHERE c.originator_id = e.originator_id AND c.topic = 'ErasureCompleted')"
        ).fetchall()
    for (stream_id,) in rows:
        for recorded in ledger.read(stream_id):
            if isinstance(recorded.event, PatientErased):
                yield recorded, recorded.event


def is_carried(ledger: Ledger, epoch: int) -> bool:
    """Whether the data keys that lived under the epoch survive a loss of the disk without it: the WAL archive has them
    wrapped anew, or a later backup does, or there are neither archive nor backups that could need it."""
    with ledger.pool.connection() as connection:
        row = connection.execute(
            "SELECT current_setting('archive_mode') <> 'off', substr(last_archived_wal, 9, 16)"
            " >= substr(pg_walfile_name(emptied_at), 9, 16)"
            " FROM ledger.key_epochs, pg_stat_archiver WHERE epoch = %s",
            (epoch,),
        ).fetchone()
    if row is not None and row[0]:
        return bool(row[1])
    kept, _ = ledger.load(backups_of(ledger), backup.evolve)
    return kept is None or not kept.kept or any(epoch not in one.epochs for one in kept.kept)


def backups_of(ledger: Ledger) -> UUID:
    """The stream of backups."""
    return ledger.stream_id("backups")


def live_keys(ledger: Ledger) -> dict[int, int]:
    """How many data keys live under each epoch."""
    with ledger.pool.connection() as connection:
        return dict(
            connection.execute(
                "SELECT epoch, count(*) FROM ledger.data_keys WHERE wrapped IS NOT NULL GROUP BY epoch"
            ).fetchall()
        )


# Statements.


def _take(connection: psycopg.Connection[Any], after: UUID, latest: int) -> list[NewKey]:
    """The next keys of older epochs. Locked, so that an erasure waits and then finds the row as it is by then."""
    rows = connection.execute(
        "SELECT key_id, subject, purpose, epoch, wrapped FROM ledger.data_keys"
        " WHERE key_id > %s AND epoch < %s AND wrapped IS NOT NULL ORDER BY key_id LIMIT %s FOR UPDATE",
        (after, latest, BATCH),
    ).fetchall()
    return [NewKey(*row) for row in rows]


def _put(connection: psycopg.Connection[Any], old: list[NewKey], new: list[NewKey]) -> None:
    if not old:
        return
    connection.execute(
        "UPDATE ledger.data_keys k SET epoch = n.epoch, wrapped = n.wrapped"
        " FROM unnest(%s::uuid[], %s::int[], %s::bytea[]) AS n (key_id, epoch, wrapped)"
        # What was erased meanwhile never comes back.
        " WHERE k.key_id = n.key_id AND k.wrapped IS NOT NULL",
        ([one.key_id for one in new], [one.epoch for one in new], [one.wrapped for one in new]),
    )
    for epoch in sorted({one.epoch for one in old}):
        connection.execute(
            "UPDATE ledger.key_epochs SET rewrapped = rewrapped + %s WHERE epoch = %s",
            (sum(one.epoch == epoch for one in old), epoch),
        )


def _counted(ledger: Ledger) -> dict[int, int]:
    with ledger.pool.connection() as connection:
        return dict(connection.execute("SELECT epoch, rewrapped FROM ledger.key_epochs").fetchall())


def _is_half_begun(ledger: Ledger) -> bool:
    """Whether a process died between the row of an epoch and its event."""
    return max(_counted(ledger)) > load(ledger)[0].latest


def _require_none_left(ledger: Ledger, *, below: int) -> None:
    with ledger.pool.connection() as connection:
        row = connection.execute(
            "SELECT EXISTS (SELECT FROM ledger.data_keys WHERE epoch < %s AND wrapped IS NOT NULL)", (below,)
        ).fetchone()
    if row and row[0]:
        raise KeysLeftError
