"""Wholeness: whether the ledger still holds everything that was signed. A database that was rolled back does not.

The signer remembers the last checkpoint outside of the database. That many events there were, under that root; a database
with fewer was restored from before, and one with others is not this ledger. Neither is served.
"""

from datetime import datetime
from pathlib import Path

import psycopg

from ledger import checkpoint, merkle, tiles
from ledger.checkpoint import Checkpoint
from ledger.checkpoint_memory import CheckpointMemory
from ledger.store import Ledger
from projections.transparency import log_verifier, read_tile, size_of


class RolledBackError(Exception):
    """The database is older than what was signed of it: events are missing. Nothing is served. `letopis restore`
    brings it forward by WAL; docs/backup.md says what to do when there is none."""


def require_whole(ledger: Ledger, signer: Path) -> Checkpoint | None:
    """The last signed checkpoint, if the ledger holds it. RolledBackError names what is missing, and since when."""
    remembered = CheckpointMemory(signer).read()
    return None if remembered is None else require_reached(ledger, remembered)


def require_reached(ledger: Ledger, signed_note: bytes) -> Checkpoint:
    """As `require_whole`, of a checkpoint that is at hand."""
    signed = checkpoint.verify(signed_note, log_verifier(ledger))
    with ledger.pool.connection() as connection, connection.transaction():
        rows = connection.cursor()
        rows.execute("SET LOCAL search_path TO transparency")
        size = size_of(rows)
        if signed.tree_size <= size:
            read = tiles.subtree_reader(size, lambda *tile: read_tile(rows, *tile))
            if merkle.read_root(signed.tree_size, read) != signed.root_hash:
                raise RolledBackError(f"signed {signed.tree_size}; the ledger holds others in their place")
            return signed
        held = size + _not_integrated(rows)
    if held < signed.tree_size:
        last = _last_recorded_at(ledger)
        since = f"; the last that is there was recorded at {last.isoformat()}" if last else ""
        raise RolledBackError(
            f"signed {signed.tree_size}, held {held}: {signed.tree_size - held} are missing{since}"
        )
    return signed


def _not_integrated(rows: psycopg.Cursor[tuple[object, ...]]) -> int:
    row = rows.execute(
        "SELECT count(*) FROM ledger.events WHERE notification_id > (SELECT position FROM tracking)"
    ).fetchone()
    assert row is not None
    return int(str(row[0]))


def _last_recorded_at(ledger: Ledger) -> datetime | None:
    found = ledger.mapper.to_readable(
        [(event, place) for place, event in ledger.read_stored(after=ledger.last_position() - 1, limit=1)]
    )
    return found[0].recorded_at if found else None
