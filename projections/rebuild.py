"""Rebuilding: a projection made anew from the first event, to take the live one's place or to check it.

The new rows are made in a schema beside the live one. To take its place it is renamed in one
transaction, so no reader sees half a view; to check, both are digested in the same order.
"""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.sql import SQL, Identifier

from ledger.store import Ledger
from projections.follow import position_of, take
from projections.projection import Projection
from projections.rights import copy_rights

BATCH = 2000
SEEN = Callable[[int], None]


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


def rebuild(owner: Ledger, view: Projection, *, seen: SEEN = lambda _: None) -> int:
    """Make the view anew and put it in the live one's place; its last position.

    `owner` is the ledger opened as the owner of the database: tables are made and renamed."""
    with _beside(owner, view) as schema:
        _fill(owner, view, schema, until=owner.last_position(), seen=seen)
        with owner.pool.connection() as connection, connection.transaction():
            live, old = Identifier(view.name), Identifier(f"{view.name}_old")
            # The follower waits here for its next transaction; the rest is caught up without it.
            connection.execute(SQL("LOCK TABLE {}.tracking IN ACCESS EXCLUSIVE MODE").format(live))
            until = max(position_of(owner, schema), _position(connection, view.name))
            _fill(owner, view, schema, until=until, seen=seen)
            connection.execute(SQL("ALTER SCHEMA {} RENAME TO {}").format(live, old))
            connection.execute(SQL("ALTER SCHEMA {} RENAME TO {}").format(Identifier(schema), live))
            connection.execute(SQL("DROP SCHEMA {} CASCADE").format(old))
    return position_of(owner, view.name)


def check(owner: Ledger, view: Projection, *, seen: SEEN = lambda _: None) -> Comparison:
    """Rebuild the view to where the live one is, and compare their digests."""
    with _beside(owner, view) as schema:
        with owner.pool.connection() as connection, connection.transaction():
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            position = _position(connection, view.name)
            live = digests(connection, view, view.name)
        _fill(owner, view, schema, until=position, seen=seen)
        with owner.pool.connection() as connection:
            return Comparison(view.name, position, live, digests(connection, view, schema))


def digests(connection: psycopg.Connection[Any], view: Projection, schema: str) -> dict[str, str]:
    """The digest of each table, over its rows in the order of its key."""
    found = {}
    for table, order in {"parked": "position", **view.tables}.items():
        digest = hashlib.sha256()
        query = SQL("COPY (SELECT * FROM {} ORDER BY {}) TO STDOUT").format(
            Identifier(schema, table), SQL(order)
        )
        with connection.cursor().copy(query) as copy:
            for block in copy:
                digest.update(block)
        found[table] = digest.hexdigest()
    return found


@contextmanager
def _beside(owner: Ledger, view: Projection) -> Iterator[str]:
    """An empty copy of the view's tables in a schema of its own, gone afterwards."""
    name = f"{view.name}_rebuild"
    schema = Identifier(name)
    with owner.pool.connection() as connection:
        # A rebuild that was killed may have left its schema behind.
        connection.execute(SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(schema))
        connection.execute(SQL("CREATE SCHEMA {}").format(schema))
        for table in ("tracking", "parked", *view.tables):
            connection.execute(
                SQL("CREATE TABLE {} (LIKE {} INCLUDING ALL)").format(
                    Identifier(name, table), Identifier(view.name, table)
                )
            )
        connection.execute(SQL("INSERT INTO {} (position) VALUES (0)").format(Identifier(name, "tracking")))
        copy_rights(connection, view.name, name)
    try:
        yield name
    finally:
        with owner.pool.connection() as connection:
            connection.execute(SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(schema))


def _fill(owner: Ledger, view: Projection, schema: str, *, until: int, seen: SEEN) -> None:
    done = position_of(owner, schema)
    while done < until:
        stored = owner.read_stored(after=done, limit=BATCH)
        stored = [(position, event) for position, event in stored if position <= until]
        if not stored:
            return
        wanted = [
            (event, place) for place, event in stored if view.names is None or event.topic in view.names
        ]
        done = stored[-1][0]
        take(owner, view, owner.mapper.to_readable(wanted), schema, until=done)
        seen(done)


def _position(connection: psycopg.Connection[Any], schema: str) -> int:
    row = connection.execute(SQL("SELECT position FROM {}.tracking").format(Identifier(schema))).fetchone()
    return int(row[0]) if row else 0
