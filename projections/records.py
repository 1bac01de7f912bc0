"""Records to be exported, by position: which of them a period means, the events as they are stored, and the proof that
they are the log's. Everything is read as it comes: no more is held than a batch.
"""

import hashlib
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, cast
from uuid import UUID

import psycopg

from ledger import checkpoint, log_range, merkle, note, tiles
from ledger.log_range import RangeProof
from ledger.store import Ledger
from projections import transparency
from projections.transparency import LeafMissingError, NotIntegratedError

BATCH = 2000
# Rows come from the database in portions of this many, so that it goes on while they are worked on.
PORTION = 100
# Idle, a log publishes at least every ten minutes.
PUBLISHED_LATELY = timedelta(minutes=15)
# position, and the bytes as they are stored.
StoredRow = tuple[int, bytes]


@dataclass(frozen=True, slots=True)
class Tree:
    """The tree of a signed checkpoint, and the position of its last leaf."""

    tree_size: int
    root_hash: bytes
    note: bytes
    last_position: int


def signed_tree(ledger: Ledger) -> Tree:
    """Of the checkpoint that the log shows to the world, with its witnesses; of the newest one that is signed, where the
    log has not published for a while. NotIntegratedError if there is none."""
    published, signed = transparency.latest_published(ledger), transparency.latest(ledger)
    is_alive = published is not None and datetime.now(UTC) - published.published_at < PUBLISHED_LATELY
    chosen = published if is_alive else signed
    if chosen is None:
        raise NotIntegratedError("the log has no checkpoint yet")
    root_hash = checkpoint.parse(note.parse(chosen.note).text).root_hash
    with ledger.pool.connection() as connection:
        row = connection.execute(
            "SELECT position FROM transparency.leaves WHERE leaf_index = %s", (chosen.tree_size - 1,)
        ).fetchone()
    if row is None:
        raise LeafMissingError(chosen.tree_size - 1)
    return Tree(chosen.tree_size, root_hash, chosen.note, int(row[0]))


def positions_of(ledger: Ledger, since: datetime | None, until: datetime | None) -> tuple[int, int | None]:
    """The position before the first event that was recorded in the time, and the last one's; None if there is no end.
    An empty time is `(p, p)`."""
    after, last = 0, None
    with ledger.pool.connection() as connection:
        if since is not None:
            row = connection.execute(
                "SELECT min(position) - 1 FROM audit.entries WHERE recorded_at >= %s", (since,)
            ).fetchone()
            assert row is not None
            after = int(row[0]) if row[0] is not None else ledger.last_position()
        if until is not None:
            row = connection.execute(
                "SELECT coalesce(max(position), 0) FROM audit.entries WHERE recorded_at < %s", (until,)
            ).fetchone()
            assert row is not None
            last = max(int(row[0]), after)
    return after, last


def leaves_between(ledger: Ledger, after: int, until: int) -> tuple[int, int]:
    """The leaf indexes of the positions behind `after` up to `until`: the first, and the one behind the last."""
    with ledger.pool.connection() as connection:
        found = [
            connection.execute(
                "SELECT leaf_index + 1 FROM transparency.leaves WHERE position <= %s"
                " ORDER BY position DESC LIMIT 1",
                (position,),
            ).fetchone()
            for position in (after, until)
        ]
    first, end = (int(row[0]) if row else 0 for row in found)
    return first, end


def prove_leaves(ledger: Ledger, tree_size: int, signed_note: bytes, *, first: int, end: int) -> bytes:
    """The proof file of the range."""
    with ledger.pool.connection() as connection:

        def read_tile(level: int, index: int, width: int) -> bytes:
            row = connection.execute(
                "SELECT substring(hashes FOR %s) FROM transparency.tiles WHERE level = %s AND tile_index = %s",
                (width * merkle.HASH_SIZE_BYTES, level, index),
            ).fetchone()
            return bytes(row[0]) if row else b""

        read = tiles.subtree_reader(tree_size, read_tile)
        hashes = tuple(log_range.prove_range(first, end, tree_size, read))
    return log_range.to_bytes(RangeProof(first, end, hashes, signed_note))


@contextmanager
def streamed(
    ledger: Ledger, query: str, parameters: tuple[Any, ...] | dict[str, Any]
) -> Iterator[Iterator[tuple[Any, ...]]]:
    """The rows of a query as they come, in one snapshot, on a connection of its own."""
    with ledger.pool.connection() as connection, connection.transaction():
        cursor = connection.cursor(binary=True)
        rows = cursor.stream(query.encode(), parameters, size=PORTION)
        # It is a generator: who stops in the middle leaves no query behind on the connection.
        with closing(cast("Generator[tuple[Any, ...], None, None]", rows)):
            yield rows


def events_as_stored(ledger: Ledger, *, after: int, until: int, limit: int) -> Iterator[list[StoredRow]]:
    """The stored events behind a position, some thousands at a time."""
    query = (
        "SELECT notification_id, state FROM ledger.events WHERE notification_id > %s AND notification_id <= %s"
        " ORDER BY notification_id LIMIT %s"
    )
    with streamed(ledger, query, (after, until, limit)) as rows:
        while batch := list(islice(rows, BATCH)):
            yield [(position, state) for position, state in batch]


class LeafChecks:
    """Sees that the leaves that go out are those of the log, one after another, from an index on: what was changed or
    taken out of the database is not signed as an export."""

    def __init__(self, connection: psycopg.Connection[Any], first: int) -> None:
        self._connection = connection
        self.index = first

    def see(self, leaves: list[bytes]) -> None:
        """LeafMissingError if one of them, given without the newline at its end, is not what the log has at its place."""
        sha256 = hashlib.sha256
        made = b"".join([sha256(b"\x00%b\n" % one).digest() for one in leaves])
        start = self.index - self.index % tiles.TILE_WIDTH
        found = self._connection.execute(
            "SELECT hashes FROM transparency.tiles WHERE level = 0 AND tile_index BETWEEN %s AND %s"
            " ORDER BY tile_index",
            (start // tiles.TILE_WIDTH, (self.index + len(leaves) - 1) // tiles.TILE_WIDTH),
            binary=True,
        ).fetchall()
        offset = (self.index - start) * merkle.HASH_SIZE_BYTES
        if b"".join(row[0] for row in found)[offset : offset + len(made)] != made:
            raise LeafMissingError(self.index)
        self.index += len(leaves)


# A patient's positions in the trail: what it has under their pseudonym, and what became of each report that is theirs at
# the end.
OF_PATIENT = """
SELECT position FROM audit.entries WHERE patient_id = %(patient)s
UNION
SELECT e.position FROM audit.entries e
JOIN (SELECT DISTINCT m.report_id FROM audit.entries m
      WHERE m.patient_id = %(patient)s AND m.name = 'ReportMatched' AND m.position <= %(until)s
        AND NOT EXISTS (SELECT FROM audit.entries u WHERE u.report_id = m.report_id AND u.name = 'ReportUnmatched'
                        AND u.position > m.position AND u.position <= %(until)s)) own
    ON own.report_id = e.report_id
WHERE e.patient_id IS NULL
"""


# What erases: its stored name, and under whose pseudonym the trail has it.
ERASERS = ("PatientErased", "ReportDestroyed", "ReportRekeyed")


@dataclass(frozen=True, slots=True)
class ErasedRow:
    """An event that erased something."""

    event_id: UUID
    leaf_index: int
    position: int
    name: str
    patient_id: UUID | None
    stream_id: UUID


def erasers(ledger: Ledger, *, until: int, patient_id: UUID | None) -> Iterator[ErasedRow]:
    """The events that erased, up to a position; of one patient, or all."""
    query = (
        "SELECT e.event_id, l.leaf_index, e.position, e.name, e.patient_id, e.stream_id FROM audit.entries e"
        " JOIN transparency.leaves l ON l.position = e.position"
        " WHERE e.name = ANY(%s) AND e.position <= %s AND (%s::uuid IS NULL OR e.patient_id = %s)"
        " ORDER BY e.position"
    )
    with streamed(ledger, query, (list(ERASERS), until, patient_id, patient_id)) as rows:
        for row in rows:
            yield ErasedRow(*row)
