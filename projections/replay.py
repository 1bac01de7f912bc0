"""Replay: every view made anew beside the live ones from the first event, in one pass, and compared at one position."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from threading import Event as Signal
from time import monotonic
from typing import Any

import psycopg
from psycopg.sql import SQL, Identifier

from ledger.store import Ledger
from projections.differences import Difference, Live, differences
from projections.follow import position_of
from projections.projection import Projection
from projections.rebuild import (
    DESTRUCTION_SECONDS,
    DESTRUCTION_TRIES,
    SEEN,
    Comparison,
    beside,
    destroyed_behind,
    digests,
    fill,
    reached,
)

# How long the follower is held at its first view, until the others have come to where that one is.
STILL_SECONDS = 5.0
_LOOK_SECONDS = 0.005


@dataclass(frozen=True, slots=True)
class ReplayedRows:
    """A view, live and replayed at one position, and the rows that are not the same. `parked` is how many events the
    live one had set aside, `stands_at` where it was: behind the position if it has stopped."""

    compared: Comparison
    parked: int
    stands_at: int
    found: tuple[Difference, ...] = ()


def replay(owner: Ledger, views: Sequence[Projection], *, seen: SEEN = lambda _: None) -> list[ReplayedRows]:
    """Replay the history for all of these views and compare each with the live one. `owner` is the ledger opened as the
    owner of the database. The views are one, or several that begin with the one that the follower takes first.

    They are compared where the live views stand when the replay has come to its end, and where nothing was destroyed
    behind that: else it would miss what the live views could still read."""
    with ExitStack() as stack:
        schemas = {stack.enter_context(beside(owner, view, is_kept=False)): view for view in views}
        stopped: dict[str, int] = {}

        def go_on(until: int) -> None:
            left = {schema: view for schema, view in schemas.items() if schema not in stopped}
            fill(owner, left, until=until, seen=seen, stopped=stopped)

        for tries_left in reversed(range(DESTRUCTION_TRIES)):
            go_on(max((position_of(owner, view.name) for view in views), default=0))
            with standing_still(owner, views) as (live, positions):
                until = max(positions.values(), default=0)
                go_on(until)
                if not destroyed_behind(owner, until) or not tries_left:
                    return [
                        _compare(
                            owner,
                            view,
                            schema,
                            live,
                            _Stand(until, positions[view.name], stopped.get(schema)),
                        )
                        for schema, view in schemas.items()
                    ]
            Signal().wait(DESTRUCTION_SECONDS)
    raise AssertionError


@dataclass(frozen=True, slots=True)
class _Stand:
    """Where the views are compared, where the live one stands, and at which event the replayed one could not go on, if at
    any."""

    until: int
    stands_at: int
    stopped_at: int | None


def _compare(owner: Ledger, view: Projection, schema: str, live: Live, stand: _Stand) -> ReplayedRows:
    compared = Comparison(view.name, stand.until, *_digests_of_both(owner, view, schema, live))
    parked = _count(live, view.name, "parked")
    found: list[Difference] = []
    if stand.stopped_at is not None:
        found = [Difference("parked", "", stand.stopped_at, is_missing=True, is_extra=False)]
    elif not compared.is_equal:
        found = differences(owner, view, schema, live=live, tables=compared.differing, until=stand.until)
    return ReplayedRows(compared, parked, stand.stands_at, tuple(found))


def _digests_of_both(
    owner: Ledger, view: Projection, schema: str, live: Live
) -> tuple[dict[str, str], dict[str, str]]:
    """Of the live view and of the replayed one, at the same time: sorting is the server's, on two of its processes."""
    with owner.pool.connection() as replayed, ThreadPoolExecutor(1) as beside_it:
        rebuilt = beside_it.submit(digests, replayed, view, schema)
        return digests(live, view, view.name), rebuilt.result()


@contextmanager
def standing_still(owner: Ledger, views: Sequence[Projection]) -> Iterator[tuple[Live, dict[str, int]]]:
    """A transaction that sees all of these views at one position, and each view's position: it is the same, but for a
    view that has stopped."""
    with owner.pool.connection() as live, live.transaction():
        live.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        # It waits while the history is replayed.
        live.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        with _held(owner, views):
            positions = _positions(live, views)
        yield live, positions


@contextmanager
def _held(owner: Ledger, views: Sequence[Projection]) -> Iterator[None]:
    """The follower takes the views in order, and waits at the first one; the others finish what it had begun."""
    with owner.pool.connection() as connection, connection.transaction():
        if views:
            first = Identifier(views[0].name, "tracking")
            connection.execute(SQL("SELECT FROM {} FOR UPDATE").format(first))
        give_up = monotonic() + STILL_SECONDS
        while len(set(_positions(connection, views).values())) > 1 and monotonic() < give_up:
            Signal().wait(_LOOK_SECONDS)
        yield


def _positions(connection: psycopg.Connection[Any], views: Sequence[Projection]) -> dict[str, int]:
    return {view.name: reached(connection, view.name) for view in views}


@dataclass(frozen=True, slots=True)
class ViewAt:
    """A table of a view at an earlier position and now: its digest, and how many rows it has."""

    table: str
    then: str
    now: str
    rows_then: int
    rows_now: int


def view_at(
    owner: Ledger, view: Projection, position: int, *, seen: SEEN = lambda _: None
) -> tuple[int, list[ViewAt]]:
    """A view as it stood at a position, replayed beside, and as it is; where it stands now. Nothing is changed."""
    with standing_still(owner, (view,)) as (live, positions), beside(owner, view, is_kept=False) as schema:
        now, until = digests(live, view, view.name), positions[view.name]
        fill(owner, {schema: view}, until=min(position, until), seen=seen)
        with owner.pool.connection() as connection:
            then = digests(connection, view, schema)
            found = [
                ViewAt(
                    table,
                    then[table],
                    now[table],
                    _count(connection, schema, table),
                    _count(live, view.name, table),
                )
                for table in now
            ]
    return until, found


def _count(connection: psycopg.Connection[Any], schema: str, table: str) -> int:
    row = connection.execute(SQL("SELECT count(*) FROM {}").format(Identifier(schema, table))).fetchone()
    return int(row[0]) if row else 0
