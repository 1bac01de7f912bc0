"""Transparency: every event gets a dense leaf index, and hashes go into tiles; what was signed of them can be asked for.

Positions have gaps and leaf indexes have none, so the two are never the same number. The follower is
the only writer, and assigns indexes in position order in the transaction that records how far it came.
Signing is another's: see `signing`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

import psycopg

from ledger import merkle, note, proof, tiles
from ledger.arrays import BIGINTS, BYTES, INTEGERS, UUIDS, column
from ledger.codec import RecordedEvent, Unreadable
from ledger.cosignature import CosignatureVerifier, Kind
from ledger.leaf import split
from ledger.store import Ledger
from projections.projection import Projection, Rows


class LeafMissingError(Exception):
    """A stored event does not agree with its leaf: its row was damaged. Run `letopis verify`; nothing
    more is signed until the row is restored."""


class ForkError(Exception):
    """The tree does not extend what was signed before: the database was rolled back or changed.
    Nothing is signed. Run `letopis verify`, and restore the database."""


class NotIntegratedError(Exception):
    """The event is not under a signed checkpoint yet, or there is no such event."""


# By which the signer hears that the tree grew.
GREW = "letopis_log"

# How events change the rows.


def apply(rows: Rows, events: Sequence[RecordedEvent], ledger: Ledger) -> None:  # noqa: ARG001 - one shape
    for recorded in events:
        # What does not agree with its own leaf was damaged after it was written: to sign it now would
        # make the damage part of the log.
        if isinstance(recorded.event, Unreadable) and recorded.event.reason == "StoredBytesDifferError":
            raise LeafMissingError(recorded.position)
    size = size_of(rows)
    hashes = [merkle.leaf_hash(recorded.leaf) for recorded in events]
    rows.execute(
        "INSERT INTO leaves SELECT * FROM unnest(%b::bigint[], %b::bigint[], %b::uuid[])",
        (
            column(BIGINTS, range(size, size + len(events))),
            column(BIGINTS, [recorded.position for recorded in events]),
            column(UUIDS, map(_event_id, events)),
        ),
    )
    # A hint for the signer, which looks by itself too.
    rows.execute("SELECT pg_notify(%s, '')", (GREW,))
    changed = list(tiles.changed_tiles(size, hashes, lambda *tile: read_tile(rows, *tile)))
    rows.execute(
        "INSERT INTO tiles SELECT * FROM unnest(%b::int[], %b::bigint[], %b::bytea[])"
        " ON CONFLICT (level, tile_index) DO UPDATE SET hashes = excluded.hashes",
        (
            column(INTEGERS, [tile.level for tile, _ in changed]),
            column(BIGINTS, [tile.index for tile, _ in changed]),
            column(BYTES, [content for _, content in changed]),
        ),
    )


def _event_id(recorded: RecordedEvent) -> UUID:
    """Of what can't be read, as its leaf says."""
    if isinstance(recorded.event, Unreadable):
        return UUID(recorded.leaf.split(b"\n", 3)[2].decode())
    return recorded.event_id


def size_of(rows: Rows) -> int:
    """How many leaves there are."""
    row = rows.execute("SELECT coalesce(max(leaf_index) + 1, 0) FROM leaves").fetchone()
    assert row is not None
    return int(row[0])


def read_tile(rows: Rows, level: int, index: int, width: int) -> bytes:
    """A stored tile may be wider than asked for by now: a prefix of it is the narrower one."""
    row = rows.execute(
        "SELECT substring(hashes FOR %s) FROM tiles WHERE level = %s AND tile_index = %s",
        (width * merkle.HASH_SIZE_BYTES, level, index),
    ).fetchone()
    if row is None or len(row[0]) != width * merkle.HASH_SIZE_BYTES:
        raise ForkError(f"tile {level}/{index}")
    return bytes(row[0])


# The log's keys.


def log_verifier(ledger: Ledger) -> note.Verifier:
    """The log's public key, which whoever verifies pins. The log signs under its origin (C2SP tlog-checkpoint)."""
    return note.Verifier(ledger.origin, ledger.custody.log_public_key)


def log_cosigner(ledger: Ledger) -> CosignatureVerifier:
    """The log's public key of ML-DSA-44: its line stands beside the one above in what is published."""
    return CosignatureVerifier(ledger.origin, ledger.custody.log_cosigner_key, Kind.ML_DSA_44)


# Queries.


@dataclass(frozen=True, slots=True)
class Signed:
    """A checkpoint that was signed, as the log's one signature made it: receipts quote it byte for byte."""

    tree_size: int
    root_hash: bytes
    note: bytes


@dataclass(frozen=True, slots=True)
class Published:
    """A checkpoint as it went out: the same, with the log's line of ML-DSA-44 and the lines of witnesses."""

    tree_size: int
    published_at: datetime
    note: bytes


def latest_published(ledger: Ledger) -> Published | None:
    """What the log says to the world now."""
    with ledger.pool.connection() as connection:
        row = connection.execute(
            "SELECT tree_size, published_at, note FROM log.published"
            " ORDER BY tree_size DESC, published_at DESC LIMIT 1"
        ).fetchone()
    return Published(row[0], row[1], bytes(row[2])) if row else None


def latest(ledger: Ledger) -> Signed | None:
    with ledger.pool.connection() as connection:
        row = connection.execute(
            "SELECT tree_size, root_hash, note FROM log.checkpoints ORDER BY tree_size DESC LIMIT 1"
        ).fetchone()
    return Signed(row[0], bytes(row[1]), bytes(row[2])) if row else None


def signed_at(ledger: Ledger, tree_size: int) -> Signed | None:
    """The checkpoint of this size, if one was signed."""
    return _one_signed(ledger, "tree_size = %s", tree_size)


def latest_within(ledger: Ledger, tree_size: int) -> Signed | None:
    """The last checkpoint of no more leaves than these."""
    return _one_signed(ledger, "tree_size <= %s ORDER BY tree_size DESC LIMIT 1", tree_size)


def first_covering(ledger: Ledger, leaf_index: int) -> Signed | None:
    """The earliest checkpoint that the leaf is under."""
    return _one_signed(ledger, "tree_size > %s ORDER BY tree_size LIMIT 1", leaf_index)


def _one_signed(ledger: Ledger, where: LiteralString, value: int) -> Signed | None:
    with ledger.pool.connection() as connection:
        row = connection.execute(
            f"SELECT tree_size, root_hash, note FROM log.checkpoints WHERE {where}", (value,)
        ).fetchone()
    return Signed(row[0], bytes(row[1]), bytes(row[2])) if row else None


def leaf_indexes(ledger: Ledger, event_ids: Sequence[UUID]) -> dict[UUID, int]:
    """The places of those of the events that have one."""
    with ledger.pool.connection() as connection:
        found = connection.execute(
            "SELECT event_id, leaf_index FROM transparency.leaves WHERE event_id = ANY(%s)",
            (list(event_ids),),
        ).fetchall()
    return {row[0]: int(row[1]) for row in found}


def inclusion(ledger: Ledger, indexes: Sequence[int], tree_size: int) -> list[tuple[bytes, ...]]:
    """For each leaf the hashes that prove it in the tree of this size (RFC 6962, 2.1.1)."""
    with ledger.pool.connection() as connection, connection.transaction():
        rows: psycopg.Cursor[Any] = connection.cursor()
        rows.execute("SET LOCAL search_path TO transparency")
        read = tiles.subtree_reader(tree_size, lambda *tile: read_tile(rows, *tile))
        return [tuple(merkle.prove_inclusion(index, tree_size, read)) for index in indexes]


def root_at(ledger: Ledger, tree_size: int) -> bytes:
    """The root of the first leaves, from their tiles. ForkError if there are not so many."""
    with ledger.pool.connection() as connection, connection.transaction():
        rows: psycopg.Cursor[Any] = connection.cursor()
        rows.execute("SET LOCAL search_path TO transparency")
        read = tiles.subtree_reader(tree_size, lambda *tile: read_tile(rows, *tile))
        return merkle.read_root(tree_size, read)


def leaf_index_of(ledger: Ledger, event_id: UUID) -> int | None:
    with ledger.pool.connection() as connection:
        row = connection.execute(
            "SELECT leaf_index FROM transparency.leaves WHERE event_id = %s", (event_id,)
        ).fetchone()
    return row[0] if row else None


def newest_covering(ledger: Ledger, leaf_index: int) -> Signed | Published | None:
    """The newest checkpoint that was published, or, while the leaf waits for that, the newest that was signed."""
    found: Signed | Published | None = latest_published(ledger)
    if found is None or leaf_index >= found.tree_size:
        found = latest(ledger)
    return found if found is not None and leaf_index < found.tree_size else None


def prove(ledger: Ledger, event_id: UUID) -> tuple[bytes, bytes]:
    """The proof file (c2sp.org/tlog-proof@v1) of an event under the newest checkpoint, and its leaf."""
    with ledger.pool.connection() as connection:
        row = connection.execute(
            "SELECT l.leaf_index, e.state FROM transparency.leaves l JOIN ledger.events e"
            " ON e.notification_id = l.position WHERE l.event_id = %s",
            (event_id,),
        ).fetchone()
    signed = newest_covering(ledger, row[0]) if row is not None else None
    if row is None or signed is None:
        raise NotIntegratedError(event_id)
    (hashes,) = inclusion(ledger, [row[0]], signed.tree_size)
    return proof.to_bytes(proof.Proof(row[0], hashes, signed.note)), split(bytes(row[1]))[0]


TRANSPARENCY = Projection(
    name="transparency",
    tables={"leaves": "leaf_index", "tiles": "level, tile_index"},
    apply=apply,
    parks=False,
)
