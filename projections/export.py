"""The log as files that others verify: checkpoint, tiles and entry bundles (C2SP tlog-tiles).

Entries are leaves: no personal data leaves the house with them. A folder is brought up to date, not written anew: what
a checkpoint in it covers is there, and full tiles never change.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from ledger import checkpoint, merkle, note, tiles
from ledger.durable import make_durable
from ledger.leaf import split
from ledger.store import Ledger
from ledger.tiles import TILE_WIDTH, BundleId, TileId
from projections.transparency import (
    ForkError,
    NotIntegratedError,
    latest,
    latest_published,
    log_verifier,
    root_at,
)

CHECKPOINT = "checkpoint"


def read_file(ledger: Ledger, file: TileId | BundleId, tree_size: int) -> bytes | None:
    """The bytes of a tile or of a bundle of entries of the tree of this size; None if it has no such file."""
    level = file.level if isinstance(file, TileId) else 0
    row_size = tree_size >> (tiles.TILE_HEIGHT * level)
    first = file.index * TILE_WIDTH
    if first + file.width > row_size:
        return None
    if isinstance(file, TileId):
        return _read_tile(ledger, file)
    return tiles.encode_entries(_read_leaves(ledger, first, first + file.width))


def _read_tile(ledger: Ledger, tile: TileId) -> bytes:
    size_bytes = tile.width * merkle.HASH_SIZE_BYTES
    with ledger.pool.connection() as connection:
        row = connection.execute(
            "SELECT substring(hashes FOR %s) FROM transparency.tiles WHERE level = %s AND tile_index = %s",
            (size_bytes, tile.level, tile.index),
            binary=True,
        ).fetchone()
    if row is None or len(row[0]) != size_bytes:
        raise NotIntegratedError(tile.path)
    return bytes(row[0])


def _read_leaves(ledger: Ledger, first: int, end: int) -> list[bytes]:
    with ledger.pool.connection() as connection:
        found = connection.execute(
            "SELECT e.state FROM transparency.leaves l JOIN ledger.events e"
            " ON e.notification_id = l.position WHERE l.leaf_index >= %s AND l.leaf_index < %s"
            " ORDER BY l.leaf_index",
            (first, end),
            binary=True,
        ).fetchall()
    if len(found) != end - first:
        raise NotIntegratedError(first)
    return [split(row[0])[0] for row in found]


def export_log(ledger: Ledger, folder: Path, *, seen: Callable[[int], None] = lambda _: None) -> int:
    """Bring the folder to what is published, or signed if nothing is; the tree size. ForkError if the folder holds
    a checkpoint of which this log is no continuation: it is left as it is.

    Entries first, then tiles, the lower rows before the upper, the checkpoint last, each on the disk before the next:
    whoever reads meanwhile, or after a crash, finds a whole older log."""
    published = latest_published(ledger) or latest(ledger)
    if published is None:
        raise NotIntegratedError("the log has no checkpoint yet")
    size = published.tree_size
    present = _present(ledger, folder, size)
    changed = set[Path]()
    for file in _new_files(present, size):
        content = read_file(ledger, file, size)
        assert content is not None
        changed |= _write(folder / file.path, content)
        if isinstance(file, BundleId):
            seen(file.index * TILE_WIDTH + file.width)
    for parent in changed:
        make_durable(parent)
    for parent in _write(folder / CHECKPOINT, published.note):
        make_durable(parent)
    _remove_outgrown(folder, present, size)
    return size


def _present(ledger: Ledger, folder: Path, size: int) -> int:
    """The size of the tree that the folder holds whole."""
    try:
        found = checkpoint.verify((folder / CHECKPOINT).read_bytes(), log_verifier(ledger))
    except FileNotFoundError:
        return 0
    except note.InvalidNoteError:
        raise ForkError("the folder holds the checkpoint of another log") from None
    if found.tree_size > size or root_at(ledger, found.tree_size) != found.root_hash:
        raise ForkError(f"the folder holds {found.tree_size}, the log {size}")
    return found.tree_size


def _new_files(present: int, size: int) -> Iterator[TileId | BundleId]:
    """What a folder with the smaller tree lacks of the larger: from where its full files end."""
    for index, width in _wider(present, size):
        yield BundleId(index, width)
    for level, held, row_size in _rows(present, size):
        for index, width in _wider(held, row_size):
            yield TileId(level, index, width)


def _rows(present: int, size: int) -> Iterator[tuple[int, int, int]]:
    """Each row of tiles with its lengths in both trees, the lower rows first."""
    level = 0
    while size >> (tiles.TILE_HEIGHT * level):
        yield level, present >> (tiles.TILE_HEIGHT * level), size >> (tiles.TILE_HEIGHT * level)
        level += 1


def _wider(held: int, row_size: int) -> Iterator[tuple[int, int]]:
    """Index and width of the files of a row that are new or wider in the longer one."""
    if row_size > held:
        for index in range(held // TILE_WIDTH, -(-row_size // TILE_WIDTH)):
            yield index, min(TILE_WIDTH, row_size - index * TILE_WIDTH)


def _write(path: Path, content: bytes) -> set[Path]:
    """Whole or not at all: written under another name, made durable, then renamed. The folders whose names changed."""
    made = {parent.parent for parent in (path.parent, *path.parent.parents) if not parent.exists()}
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(path.name + ".draft")
    with draft.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    return {path.parent, *made}


def _remove_outgrown(folder: Path, present: int, size: int) -> None:
    """Partial files whose full file is published: readers take that one instead (tlog-tiles). The newest full file
    keeps its own, for those who just read the checkpoint before."""
    for level, held, row_size in _rows(present, size):
        for index in range(max(held // TILE_WIDTH - 1, 0), row_size // TILE_WIDTH - 1):
            outgrown = [TileId(level, index).path] + ([BundleId(index).path] if level == 0 else [])
            for path in outgrown:
                shutil.rmtree(folder / f"{path}.p", ignore_errors=True)
