"""The log as files that others verify: checkpoint, tiles and entry bundles (C2SP tlog-tiles).

Entries are leaves: no personal data leaves the house with them.
"""

import os
from collections.abc import Callable
from pathlib import Path

from ledger import merkle, tiles
from ledger.leaf import split
from ledger.store import Ledger
from projections.transparency import NotIntegratedError, latest


def export_log(ledger: Ledger, folder: Path, *, seen: Callable[[int], None] = lambda _: None) -> int:
    """Write the log up to its latest checkpoint; the tree size.

    Entries first, then tiles, the checkpoint last: whoever reads meanwhile finds a whole older log."""
    signed = latest(ledger)
    if signed is None:
        raise NotIntegratedError("the log has no checkpoint yet")
    with ledger.pool.connection() as connection:
        for bundle in tiles.bundles_of(signed.tree_size):
            first = bundle.index * tiles.TILE_WIDTH
            found = connection.execute(
                "SELECT e.state FROM transparency.leaves l JOIN ledger.events e"
                " ON e.notification_id = l.position WHERE l.leaf_index >= %s AND l.leaf_index < %s"
                " ORDER BY l.leaf_index",
                (first, first + bundle.width),
                binary=True,
            ).fetchall()
            _write(folder / bundle.path, tiles.encode_entries([split(row[0])[0] for row in found]))
            seen(first + bundle.width)
        for tile in tiles.tiles_of(signed.tree_size):
            row = connection.execute(
                "SELECT substring(hashes FOR %s) FROM transparency.tiles WHERE level = %s AND tile_index = %s",
                (tile.width * merkle.HASH_SIZE_BYTES, tile.level, tile.index),
                binary=True,
            ).fetchone()
            if row is None:
                raise NotIntegratedError(tile.path)
            _write(folder / tile.path, row[0])
    _write(folder / "checkpoint", signed.note)
    return signed.tree_size


def _write(path: Path, content: bytes) -> None:
    """Whole or not at all: written under another name, made durable, then renamed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(path.name + ".draft")
    with draft.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
