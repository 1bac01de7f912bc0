"""Differences: which rows of a live view a replay does not make, and from which event on the two part.

The rows that differ are watched while the view is replayed once more: what the replay says of each of them, and from
which position on. A live row agrees with one of these, or with none. Where it agrees with an earlier one, the event
behind that one is the first that the live row does not know; where it agrees with none, it is the event that says
what should stand there.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg.sql import SQL, Composed, Identifier

from ledger.codec import RecordedEvent
from ledger.store import Ledger
from projections.projection import Projection, Rows
from projections.rebuild import BATCH, SEEN, beside, tables_of

# Of a table so many rows that differ are watched, the first by its key.
WATCHED_MAX = 1000
Row = Mapping[str, Any] | None
Live = psycopg.Connection[Any]


@dataclass(frozen=True, slots=True)
class Difference:
    """One row that is not what a replay makes of it, by its key, and where they part; None where no event explains
    it. `is_missing` in the live view, `is_extra` there."""

    table: str
    key: str
    position: int | None
    is_missing: bool
    is_extra: bool


def differences(
    owner: Ledger,
    view: Projection,
    schema: str,
    *,
    live: Live,
    tables: Sequence[str],
    until: int,
    seen: SEEN = lambda _: None,
) -> list[Difference]:
    """The rows of these tables that differ between the live view, as the transaction `live` sees it, and the schema in
    which it was replayed."""
    watched = {table: _watch(owner, view, schema, table, live) for table in tables}
    histories = _Histories(view, schema, tuple(tables))
    with beside(owner, view, suffix="explain", is_kept=False) as again:
        histories.replay(owner, again, until=until, seen=seen)
    return [
        _difference(table, row, histories.said.get((table, row.number), []))
        for table, rows in watched.items()
        for row in rows
    ]


def first_position(found: Sequence[Difference]) -> int | None:
    """Where live and rebuilt part first."""
    return min((one.position for one in found if one.position is not None), default=None)


# Which rows differ.


@dataclass(frozen=True, slots=True)
class _Watched:
    number: int
    key: str
    live: Row
    is_rebuilt: bool


def _watch(owner: Ledger, view: Projection, schema: str, table: str, live: Live) -> list[_Watched]:
    """Put the live rows beside the rebuilt ones, and find those that differ."""
    order = tables_of(view)[table]
    copy, watched = Identifier(schema, f"{table}__live"), Identifier(schema, f"{table}__watched")
    with owner.pool.connection() as connection:
        connection.execute(
            SQL("CREATE UNLOGGED TABLE {} (LIKE {})").format(copy, Identifier(view.name, table))
        )
        with (
            live.cursor().copy(SQL("COPY {} TO STDOUT").format(Identifier(view.name, table))) as there,
            connection.cursor().copy(SQL("COPY {} FROM STDIN").format(copy)) as here,
        ):
            for block in there:
                here.write(block)
        keys = SQL(", ").join(
            SQL("coalesce(l.{0}, r.{0}) AS {0}").format(Identifier(key)) for key in _keys(order)
        )
        connection.execute(
            SQL(
                "CREATE UNLOGGED TABLE {} AS SELECT row_number() OVER (ORDER BY {}) AS number__, d.*,"
                " md5('') AS digest__ FROM (SELECT {}, to_jsonb(l) AS live__"
                " FROM {} l FULL JOIN {} r ON {} WHERE l::text IS DISTINCT FROM r::text ORDER BY {} LIMIT {}) d"
            ).format(
                watched,
                SQL(order),
                keys,
                copy,
                Identifier(schema, table),
                _same_key("l", "r", order),
                SQL(order),
                WATCHED_MAX,
            )
        )
        found = connection.execute(
            SQL(
                "SELECT number__, (SELECT string_agg(value, ' ') FROM jsonb_each_text(to_jsonb(w)) "
                "WHERE key = ANY(%s)), live__, r.{} IS NOT NULL FROM {} w LEFT JOIN {} r ON {} ORDER BY number__"
            ).format(
                Identifier(_keys(order)[0]), watched, Identifier(schema, table), _same_key("w", "r", order)
            ),
            (_keys(order),),
        ).fetchall()
    return [_Watched(*row) for row in found]


def _keys(order: str) -> list[str]:
    return [key.strip() for key in order.split(",")]


def _same_key(one: str, other: str, order: str) -> Composed:
    return SQL(" AND ").join(
        SQL("{} = {}").format(Identifier(one, key), Identifier(other, key)) for key in _keys(order)
    )


# What a replay says of them.


@dataclass(slots=True)
class _Histories:
    """`said` is what the replay said of each watched row, by table and number: from which position on, and what."""

    view: Projection
    schema: str
    tables: Sequence[str]
    said: dict[tuple[str, int], list[tuple[int, Row]]] = field(default_factory=dict)

    def replay(self, owner: Ledger, again: str, *, until: int, seen: SEEN) -> None:
        """In one transaction, which nobody else needs to see."""
        with owner.pool.connection() as connection, connection.transaction():
            connection.execute(SQL("SET LOCAL search_path TO {}").format(Identifier(again)))
            rows = connection.cursor()
            for events in self._batches(owner, rows, until):
                self._take(owner, rows, events)
                seen(events[-1].position or 0)

    def _batches(self, owner: Ledger, rows: Rows, until: int) -> Iterator[list[RecordedEvent]]:
        """The events that the view looks at and could take the first time."""
        aside = rows.execute(
            SQL("SELECT position FROM {}").format(Identifier(self.schema, "parked"))
        ).fetchall()
        parked = {row[0] for row in aside}
        after = 0
        while stored := owner.read_stored(after=after, limit=BATCH):
            after = stored[-1][0]
            wanted = [
                (event, place)
                for place, event in stored
                if place <= until
                and place not in parked
                and (self.view.names is None or event.topic in self.view.names)
            ]
            if wanted:
                yield owner.mapper.to_readable(wanted)
            if after >= until:
                return

    def _take(self, owner: Ledger, rows: Rows, events: Sequence[RecordedEvent]) -> None:
        """Many at once as long as they touch nothing that is watched, else half of them, down to the one that does."""
        if self._took(owner, rows, events):
            return
        half = len(events) // 2
        self._take(owner, rows, events[:half])
        self._take(owner, rows, events[half:])

    def _took(self, owner: Ledger, rows: Rows, events: Sequence[RecordedEvent]) -> bool:
        with rows.connection.transaction() as savepoint:
            self.view.apply(rows, events, owner)
            changed = [(table, row) for table in self.tables for row in self._changed(rows, table)]
            is_taken = not changed or len(events) == 1
            if not is_taken:
                raise psycopg.Rollback(savepoint)
            for table, (number, said) in changed:
                self.said.setdefault((table, number), []).append((events[0].position or 0, said))
        return is_taken

    def _changed(self, rows: Rows, table: str) -> list[tuple[int, Row]]:
        """The watched rows that are not what they were the last time, as they are now."""
        watched, order = Identifier(self.schema, f"{table}__watched"), tables_of(self.view)[table]
        # Lateral and limited: each row is one way through the index, whatever the planner believes of a table that
        # nobody has analysed.
        return rows.execute(
            SQL(
                "WITH now AS (SELECT w.number__, t.said, coalesce(t.digest, md5('')) AS digest FROM {} w"
                " LEFT JOIN LATERAL (SELECT to_jsonb(t) AS said, md5(t::text) AS digest FROM {} t WHERE {} LIMIT 1)"
                " t ON true WHERE coalesce(t.digest, md5('')) <> w.digest__)"
                " UPDATE {} w SET digest__ = now.digest FROM now WHERE now.number__ = w.number__"
                " RETURNING now.number__, now.said"
            ).format(watched, Identifier(table), _same_key("w", "t", order), watched)
        ).fetchall()


# Where live and rebuilt part.

_ABSENT = object()


def _difference(table: str, row: _Watched, said: Sequence[tuple[int, Row]]) -> Difference:
    position = parting(said, row.live)
    if table == "parked":
        # What one of them set aside, and the other did not, is itself a position.
        position = int(row.key)
    return Difference(
        table,
        row.key,
        position,
        is_missing=row.live is None,
        is_extra=not row.is_rebuilt,
    )


def parting(said: Sequence[tuple[int, Row]], live: Row) -> int | None:
    """The first position whose event a live row does not agree with, by what a replay said of that row; None if
    nothing ever was said of it."""
    columns = {column for row in (*(row for _, row in said), live) if row for column in row}
    found = [_parting(said, live, column) for column in columns]
    return min((position for position in found if position is not None), default=None)


def _parting(said: Sequence[tuple[int, Row]], live: Row, column: str) -> int | None:
    shown = live.get(column) if live else _ABSENT
    values = [(0, _ABSENT), *((position, row.get(column) if row else _ABSENT) for position, row in said)]
    if values[-1][1] == shown:
        return None
    agreed = max((place for place, (_, value) in enumerate(values) if value == shown), default=None)
    if agreed is not None:
        return values[agreed + 1][0]
    # Never said: by which event the replay came to say what it says in the end.
    place = len(values) - 1
    while place > 0 and values[place - 1][1] == values[-1][1]:
        place -= 1
    return values[place][0] or None
