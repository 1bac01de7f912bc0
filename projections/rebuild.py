"""Rebuilding: a projection made anew from the first event, to take the live one's place or to check it.

The new rows are made in a schema beside the live one. To take its place it is renamed in one
transaction, so no reader sees half a view; to check, both are digested in the same order.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event as Signal
from typing import Any

import psycopg
from psycopg.sql import SQL, Identifier

from ledger.codec import RecordedEvent, name_of
from ledger.store import Ledger
from ledger.stored_rows import DESTROYING
from projections.follow import position_of, take
from projections.projection import Projection
from projections.rights import copy_rights
from projections.transparency import LeafMissingError

BATCH = 2000
SEEN = Callable[[int], None]
# While things are destroyed one after the other, a moment without is waited for so many times.
DESTRUCTION_TRIES = 50
DESTRUCTION_SECONDS = 0.1
# How a digest writes values, whatever the server and the session are set to.
_SPELLING = {
    "TimeZone": "UTC",
    "DateStyle": "ISO",
    "IntervalStyle": "iso_8601",
    "bytea_output": "hex",
    "extra_float_digits": "1",
}


@dataclass(frozen=True, slots=True)
class Comparison:
    """The digests (SHA-256, hex) of the live view and of the rebuilt one, at the same position."""

    projection: str
    position: int
    live: dict[str, str]
    rebuilt: dict[str, str]

    @property
    def is_equal(self) -> bool:
        return self.live == self.rebuilt

    @property
    def differing(self) -> tuple[str, ...]:
        """The tables that are not the same."""
        return tuple(table for table, digest in self.live.items() if self.rebuilt.get(table) != digest)


def rebuild(owner: Ledger, view: Projection, *, seen: SEEN = lambda _: None) -> int:
    """Make the view anew and put it in the live one's place; its last position.

    `owner` is the ledger opened as the owner of the database: tables are made and renamed."""
    with beside(owner, view) as schema:
        fill(owner, {schema: view}, until=owner.last_position(), seen=seen)
        with owner.pool.connection() as connection, connection.transaction():
            live, old = Identifier(view.name), Identifier(f"{view.name}_old")
            # The follower waits here for its next transaction; the rest is caught up without it.
            connection.execute(SQL("LOCK TABLE {}.tracking IN ACCESS EXCLUSIVE MODE").format(live))
            until = max(position_of(owner, schema), reached(connection, view.name))
            fill(owner, {schema: view}, until=until, seen=seen)
            connection.execute(SQL("ALTER SCHEMA {} RENAME TO {}").format(live, old))
            connection.execute(SQL("ALTER SCHEMA {} RENAME TO {}").format(Identifier(schema), live))
            connection.execute(SQL("DROP SCHEMA {} CASCADE").format(old))
    return position_of(owner, view.name)


def check(owner: Ledger, view: Projection, *, seen: SEEN = lambda _: None) -> Comparison:
    """Rebuild the view to where the live one is, and compare their digests, where nothing was destroyed behind that."""
    with beside(owner, view, is_kept=False) as schema:
        for tries_left in reversed(range(DESTRUCTION_TRIES)):
            fill(owner, {schema: view}, until=position_of(owner, view.name), seen=seen)
            with owner.pool.connection() as connection, connection.transaction():
                connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
                connection.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
                position = reached(connection, view.name)
                fill(owner, {schema: view}, until=position, seen=seen)
                if not destroyed_behind(owner, position) or not tries_left:
                    live = digests(connection, view, view.name)
                    break
            Signal().wait(DESTRUCTION_SECONDS)
        with owner.pool.connection() as connection:
            return Comparison(view.name, position, live, digests(connection, view, schema))


def destroyed_behind(owner: Ledger, position: int) -> bool:
    """Whether something was destroyed behind the position. What it sealed can't be read any more, also not by whoever
    replays what was before; a view that stands at the position has it still."""
    with owner.pool.connection() as connection:
        row = connection.execute(
            "SELECT EXISTS (SELECT FROM ledger.events WHERE notification_id > %s AND topic = ANY(%s))",
            (position, list(DESTROYING)),
        ).fetchone()
    return bool(row and row[0])


def digests(connection: psycopg.Connection[Any], view: Projection, schema: str) -> dict[str, str]:
    """The digest of each table, over its rows in the order of its key."""
    found = {}
    with connection.transaction():
        for name, value in _SPELLING.items():
            connection.execute("SELECT set_config(%s, %s, true)", (name, value))
        for table, order in tables_of(view).items():
            digest = hashlib.sha256()
            query = SQL("COPY (SELECT * FROM {} ORDER BY {}) TO STDOUT").format(
                Identifier(schema, table), SQL(order)
            )
            with connection.cursor().copy(query) as copy:
                for block in copy:
                    digest.update(block)
            found[table] = digest.hexdigest()
    return found


def digest_of(tables: Mapping[str, str]) -> str:
    """One digest of the whole view, by those of its tables."""
    lines = "".join(f"{table} {tables[table]}\n" for table in sorted(tables))
    return hashlib.sha256(lines.encode()).hexdigest()


def tables_of(view: Projection) -> dict[str, str]:
    """What is compared: the view's tables, and what it set aside."""
    return {"parked": "position", **view.tables}


@contextmanager
def beside(
    owner: Ledger, view: Projection, *, suffix: str = "rebuild", is_kept: bool = True
) -> Iterator[str]:
    """An empty copy of the view's tables in a schema of its own, gone afterwards. What is not kept, but only
    compared, need not survive a crash."""
    name = f"{view.name}_{suffix}"
    schema = Identifier(name)
    kind = SQL("" if is_kept else "UNLOGGED")
    bare = frozenset(view.tables) if view.is_write_only and not is_kept else frozenset()
    with owner.pool.connection() as connection:
        # A rebuild that was killed may have left its schema behind.
        connection.execute(SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(schema))
        connection.execute(SQL("CREATE SCHEMA {}").format(schema))
        for table in ("tracking", "parked", *view.tables):
            connection.execute(
                SQL("CREATE {} TABLE {} (LIKE {} INCLUDING ALL {})").format(
                    kind,
                    Identifier(name, table),
                    Identifier(view.name, table),
                    SQL("EXCLUDING INDEXES" if table in bare else ""),
                )
            )
        connection.execute(SQL("INSERT INTO {} (position) VALUES (0)").format(Identifier(name, "tracking")))
        copy_rights(connection, view.name, name)
    try:
        yield name
    finally:
        with owner.pool.connection() as connection:
            connection.execute(SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(schema))


def fill(
    owner: Ledger,
    views: Mapping[str, Projection],
    *,
    until: int,
    seen: SEEN = lambda _: None,
    stopped: dict[str, int] | None = None,
) -> None:
    """Take what comes behind the schemas' position, which is the same in all, up to another. Each event is read and
    opened once for all views. With `stopped`, the log that can't take a damaged event is left there, and the others go
    on: by its schema it is told behind which position."""
    done = min((position_of(owner, schema) for schema in views), default=until)
    names = _names_of(views.values())
    for stored in _portions(owner, after=done, until=until):
        wanted = [(event, place) for place, event in stored if names is None or event.topic in names]
        done = stored[-1][0]
        events = owner.mapper.to_readable(wanted)
        for schema, view in views.items():
            if stopped is not None and schema in stopped:
                continue
            try:
                take(owner, view, _looked_at(view, events), schema, until=done)
            except LeafMissingError as error:
                if stopped is None:
                    raise
                stopped[schema] = int(error.args[0])
        seen(done)


def _portions(owner: Ledger, *, after: int, until: int) -> Iterator[list[tuple[int, Any]]]:
    """The events behind a position up to another. While one portion is worked on, the next is on its way."""
    with ThreadPoolExecutor(1) as reader:
        reading = reader.submit(owner.read_stored, after=after, limit=BATCH)
        while stored := [one for one in reading.result() if one[0] <= until]:
            reading = reader.submit(owner.read_stored, after=stored[-1][0], limit=BATCH)
            yield stored


def _names_of(views: Iterable[Projection]) -> frozenset[str] | None:
    """The events that any of the views looks at; None means all."""
    names: frozenset[str] = frozenset()
    for view in views:
        if view.names is None:
            return None
        names |= view.names
    return names


def _looked_at(view: Projection, events: Sequence[RecordedEvent]) -> Sequence[RecordedEvent]:
    return events if view.names is None else [one for one in events if name_of(one.event) in view.names]


def reached(connection: psycopg.Connection[Any], schema: str) -> int:
    """The position of a view, as this transaction sees it."""
    row = connection.execute(SQL("SELECT position FROM {}.tracking").format(Identifier(schema))).fetchone()
    return int(row[0]) if row else 0
