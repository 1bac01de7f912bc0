"""A step of views that stand together, in one transaction: what each of them would say in six statements is said once.

A step is made several times a second for a few dozen events: most of what it cost was neither reading nor writing them.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

import psycopg
from psycopg.sql import SQL, Identifier

from ledger.codec import RecordedEvent
from ledger.store import Ledger
from projections.projection import Projection


class ApartError(Exception):
    """Some view is not where it was a moment ago, or has set something aside: each has to be taken by itself."""


def take_together(
    connection: psycopg.Connection[Any],
    ledger: Ledger,
    wanted: Sequence[tuple[Projection, Sequence[RecordedEvent]]],
    *,
    after: int,
    until: int,
) -> None:
    """Write the rows of all views, each for the events that it looks at, and move all from one position to the other.
    Whatever fails undoes all of it. It commits without waiting for the disk, as `follow` says why."""
    with connection.transaction():
        # The positions first: their locks hold off whoever takes these views too, or makes them anew.
        query = _move_on(tuple(view.name for view, _ in wanted))
        row = connection.execute(query, {"after": after, "until": until}).fetchone()
        if row is None or row[0] != len(wanted):
            raise ApartError
        # Under their locks: a view that was made anew a moment ago may have set something aside.
        row = connection.execute(_has_parked(tuple(view.name for view, _ in wanted))).fetchone()
        if row is None or row[0]:
            raise ApartError
        for view, events in wanted:
            if events:
                connection.execute(_search_path(view.name))
                view.apply(connection.cursor(), events, ledger)


@cache
def _search_path(schema: str) -> bytes:
    """The view's schema is the only place of bare names."""
    return SQL("SET LOCAL search_path TO {}").format(Identifier(schema)).as_bytes(None)


@cache
def _has_parked(schemas: Sequence[str]) -> bytes:
    each = (SQL("EXISTS (SELECT FROM {})").format(Identifier(schema, "parked")) for schema in schemas)
    return SQL("SELECT {}").format(SQL(" OR ").join(each)).as_bytes(None)


@cache
def _move_on(schemas: Sequence[str]) -> bytes:
    """One statement that moves all views on, and counts them."""
    moves = (
        SQL(
            "{} AS (UPDATE {} SET position = %(until)s WHERE position = %(after)s RETURNING position)"
        ).format(Identifier(schema), Identifier(schema, "tracking"))
        for schema in schemas
    )
    moved = (SQL("(SELECT count(*) FROM {})").format(Identifier(schema)) for schema in schemas)
    query = SQL("WITH {} SELECT {}, set_config('synchronous_commit', 'off', true)")
    return query.format(SQL(", ").join(moves), SQL(" + ").join(moved)).as_bytes(None)
