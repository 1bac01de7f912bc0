"""Transparency: every event gets a dense leaf index, hashes go into tiles, checkpoints are signed.

Positions have gaps and leaf indexes have none, so the two are never the same number. The follower is
the only writer, and assigns indexes in position order in the transaction that records how far it came.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, LiteralString
from uuid import UUID

import psycopg

from ledger import checkpoint, merkle, note, proof, tiles
from ledger.checkpoint import Checkpoint
from ledger.codec import RecordedEvent, Unreadable
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


# How events change the rows.


def apply(rows: Rows, events: Sequence[RecordedEvent], ledger: Ledger) -> None:  # noqa: ARG001 - one shape
    for recorded in events:
        # What does not agree with its own leaf was damaged after it was written: to sign it now would
        # make the damage part of the log.
        if isinstance(recorded.event, Unreadable) and recorded.event.reason == "StoredBytesDifferError":
            raise LeafMissingError(recorded.position)
    size = _size(rows)
    hashes = [merkle.leaf_hash(recorded.leaf) for recorded in events]
    rows.execute(
        "INSERT INTO leaves SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::uuid[])",
        (
            list(range(size, size + len(events))),
            [recorded.position for recorded in events],
            [_event_id(recorded) for recorded in events],
        ),
    )
    changed = list(tiles.changed_tiles(size, hashes, lambda *tile: _read_tile(rows, *tile)))
    rows.execute(
        "INSERT INTO tiles SELECT * FROM unnest(%b::int[], %b::bigint[], %b::bytea[])"
        " ON CONFLICT (level, tile_index) DO UPDATE SET hashes = excluded.hashes",
        (
            [tile.level for tile, _ in changed],
            [tile.index for tile, _ in changed],
            [content for _, content in changed],
        ),
    )


def _event_id(recorded: RecordedEvent) -> UUID:
    return UUID(recorded.leaf.split(b"\n", 3)[2].decode())


def _size(rows: Rows) -> int:
    row = rows.execute("SELECT coalesce(max(leaf_index) + 1, 0) FROM leaves").fetchone()
    assert row is not None
    return int(row[0])


def _read_tile(rows: Rows, level: int, index: int, width: int) -> bytes:
    """A stored tile may be wider than asked for by now: a prefix of it is the narrower one."""
    row = rows.execute(
        "SELECT substring(hashes FOR %s) FROM tiles WHERE level = %s AND tile_index = %s",
        (width * merkle.HASH_SIZE_BYTES, level, index),
    ).fetchone()
    if row is None or len(row[0]) != width * merkle.HASH_SIZE_BYTES:
        raise ForkError(f"tile {level}/{index}")
    return bytes(row[0])


# Checkpoints.


def log_signer(ledger: Ledger) -> note.Signer:
    """The log signs under its origin (C2SP tlog-checkpoint)."""
    return note.Signer(ledger.origin, ledger.custody.log_seed)


# Publishers take turns, whatever process they are in.
PUBLISH_LOCK = 7597102


def publish(ledger: Ledger) -> Checkpoint | None:
    """Sign the tree as it stands, if it grew. ForkError if it does not extend what was signed before,
    here or according to the file outside the database: a restored or changed database is not signed."""
    with ledger.pool.connection() as connection, connection.transaction():
        rows = connection.cursor()
        rows.execute("SET LOCAL search_path TO transparency")
        rows.execute("SELECT pg_advisory_xact_lock(%s)", (PUBLISH_LOCK,))
        # No follower changes the tree while it is read: its transactions begin with this row.
        rows.execute("SELECT position FROM tracking FOR SHARE")
        size = _size(rows)
        read = tiles.subtree_reader(size, lambda *tile: _read_tile(rows, *tile))
        stored = rows.execute(
            "SELECT tree_size, root_hash FROM log.checkpoints ORDER BY tree_size DESC LIMIT 1"
        ).fetchone()
        last = (stored[0], bytes(stored[1])) if stored else (0, merkle.EMPTY_ROOT)
        for tree_size, root_hash in (last, _remembered(ledger)):
            if tree_size > size or merkle.read_root(tree_size, read) != root_hash:
                raise ForkError(f"signed {tree_size}, now {size}")
        if last[0] == size:
            return None
        signed = Checkpoint(ledger.origin, size, merkle.read_root(size, read))
        signed_note = checkpoint.sign(signed, log_signer(ledger))
        _remember(ledger, signed_note)
        rows.execute(
            "INSERT INTO log.checkpoints (tree_size, root_hash, note) VALUES (%s, %s, %s)",
            (size, signed.root_hash, signed_note),
        )
        return signed


def _remembered(ledger: Ledger) -> tuple[int, bytes]:
    """Size and root of the last checkpoint that was signed with these secrets."""
    try:
        signed_note = _memory(ledger).read_bytes()
    except FileNotFoundError:
        return 0, merkle.EMPTY_ROOT
    signed = checkpoint.verify(signed_note, log_signer(ledger).verifier)
    return signed.tree_size, signed.root_hash


def _remember(ledger: Ledger, signed_note: bytes) -> None:
    """On the disk before anybody can see it: a crash in between signs the same size and root again."""
    draft = _memory(ledger).with_suffix(".draft")
    with draft.open("wb") as file:
        file.write(signed_note)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(_memory(ledger))


def _memory(ledger: Ledger) -> Path:
    return ledger.custody.folder / "last-checkpoint"


# Queries.


@dataclass(frozen=True, slots=True)
class Signed:
    """A checkpoint that was published: its note is the proof."""

    tree_size: int
    root_hash: bytes
    note: bytes


def latest(ledger: Ledger) -> Signed | None:
    with ledger.pool.connection() as connection:
        row = connection.execute(
            "SELECT tree_size, root_hash, note FROM log.checkpoints ORDER BY tree_size DESC LIMIT 1"
        ).fetchone()
    return Signed(row[0], bytes(row[1]), bytes(row[2])) if row else None


def signed_at(ledger: Ledger, tree_size: int) -> Signed | None:
    """The checkpoint of this size, if one was signed."""
    return _one_signed(ledger, "tree_size = %s", tree_size)


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
        read = tiles.subtree_reader(tree_size, lambda *tile: _read_tile(rows, *tile))
        return [tuple(merkle.prove_inclusion(index, tree_size, read)) for index in indexes]


def leaf_index_of(ledger: Ledger, event_id: UUID) -> int | None:
    with ledger.pool.connection() as connection:
        row = connection.execute(
            "SELECT leaf_index FROM transparency.leaves WHERE event_id = %s", (event_id,)
        ).fetchone()
    return row[0] if row else None


def prove(ledger: Ledger, event_id: UUID) -> tuple[bytes, bytes]:
    """The proof file (c2sp.org/tlog-proof@v1) of an event under the latest checkpoint, and its leaf."""
    signed = latest(ledger)
    with ledger.pool.connection() as connection, connection.transaction():
        rows: psycopg.Cursor[Any] = connection.cursor()
        rows.execute("SET LOCAL search_path TO transparency")
        row = rows.execute(
            "SELECT l.leaf_index, e.state FROM leaves l JOIN ledger.events e"
            " ON e.notification_id = l.position WHERE l.event_id = %s",
            (event_id,),
        ).fetchone()
        if row is None or signed is None or row[0] >= signed.tree_size:
            raise NotIntegratedError(event_id)
        read = tiles.subtree_reader(signed.tree_size, lambda *tile: _read_tile(rows, *tile))
        hashes = merkle.prove_inclusion(row[0], signed.tree_size, read)
    return proof.to_bytes(proof.Proof(row[0], tuple(hashes), signed.note)), split(bytes(row[1]))[0]


TRANSPARENCY = Projection(
    name="transparency",
    tables={"leaves": "leaf_index", "tiles": "level, tile_index"},
    apply=apply,
    parks=False,
)
