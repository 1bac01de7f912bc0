"""The tree and its entries as files that never change: paths, tiles and entry bundles (C2SP tlog-tiles).

A tile is up to 256 neighbouring hashes of one row: row 0 holds the leaf hashes, row l the hashes of the
complete subtrees of 256**l leaves. As the tree grows, a tile only grows at its end, so a narrower tile is
always the beginning of the wider one: whoever keeps the widest can serve them all.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

from ledger.merkle import HASH_SIZE_BYTES, TREE_SIZE_MAX, OutsideTreeError, Subtree, root_hash

TILE_HEIGHT = 8
TILE_WIDTH = 2**TILE_HEIGHT
TILE_LEVEL_MAX = 63
ENTRY_SIZE_BYTES_MAX = 2**16 - 1
# A proof touches at most two tiles of each row, and a tree of 2**63 leaves has eight rows.
TILES_HELD_MAX = 16

# read_tile(level, index, width): the hashes of that tile, exactly width * 32 bytes.
TileReader: TypeAlias = Callable[[int, int, int], bytes]


class InvalidTileError(Exception):
    """A tile, an entry bundle or the path of one is not as C2SP tlog-tiles has it."""


class EntryTooLargeError(Exception):
    """An entry has more bytes than the two length bytes of an entry bundle can say."""


# Paths.


@dataclass(frozen=True, slots=True)
class TileId:
    """Which tile, and how wide: 256 hashes, or fewer at the right edge of the tree."""

    level: int
    index: int
    width: int = TILE_WIDTH

    def __post_init__(self) -> None:
        """Only a tile that could exist has an id; an empty tile does not."""
        _require(0 <= self.level <= TILE_LEVEL_MAX, "there is no tile at this level")
        _require_place(self.index, self.width)

    @property
    def path(self) -> str:
        """tile/<L>/<N>[.p/<W>]."""
        return f"tile/{self.level}/{_place(self.index, self.width)}"


@dataclass(frozen=True, slots=True)
class BundleId:
    """Which bundle of entries: the ones whose leaf hashes are in the tile of the same index at level 0."""

    index: int
    width: int = TILE_WIDTH

    def __post_init__(self) -> None:
        """Only a bundle that could exist has an id."""
        _require_place(self.index, self.width)

    @property
    def path(self) -> str:
        """tile/entries/<N>[.p/<W>]."""
        return f"tile/entries/{_place(self.index, self.width)}"


# Seven groups of three digits hold every index below 2**63.
_PATH = re.compile(r"tile/(entries|[0-9]{1,2})/((?:x[0-9]{3}/){0,6}[0-9]{3})(?:\.p/([0-9]{1,3}))?", re.ASCII)


def parse_path(path: str) -> TileId | BundleId:
    """Whose path it is. Each tile has one path only: a second spelling would be a second cached file."""
    match = _PATH.fullmatch(path)
    if match is None:
        reason = "this is not the path of a tile"
        raise InvalidTileError(reason)
    level, place, width_digits = match.groups()
    index = int(place.replace("x", "").replace("/", ""))
    width = TILE_WIDTH if width_digits is None else int(width_digits)
    found = BundleId(index, width) if level == "entries" else TileId(int(level), index, width)
    _require(found.path == path, "this is not the path of a tile")
    return found


def _place(index: int, width: int) -> str:
    """1234067 is x001/x234/067, so that no folder has the name of a file."""
    *folders, last = (group.zfill(3) for group in f"{index:,}".split(","))
    place = "/".join([*(f"x{folder}" for folder in folders), last])
    return place if width == TILE_WIDTH else f"{place}.p/{width}"


def _require_place(index: int, width: int) -> None:
    _require(0 <= index <= TREE_SIZE_MAX, "there is no tile of this index")
    _require(1 <= width <= TILE_WIDTH, "a tile is 1 to 256 wide")


# Entries.


def encode_entries(entries: Sequence[bytes]) -> bytes:
    """For each entry its length, two bytes big-endian, and its bytes."""
    _require(1 <= len(entries) <= TILE_WIDTH, "a bundle has 1 to 256 entries")
    if any(len(entry) > ENTRY_SIZE_BYTES_MAX for entry in entries):
        raise EntryTooLargeError
    return b"".join(len(entry).to_bytes(2) + entry for entry in entries)


def decode_entries(bundle: bytes, width: int) -> list[bytes]:
    """The entries of a bundle, of which the tree says how many there are."""
    _require(1 <= width <= TILE_WIDTH, "a bundle has 1 to 256 entries")
    entries = list[bytes]()
    start = 0
    for _ in range(width):
        _require(start + 2 <= len(bundle), "the bundle is too short")
        end = start + 2 + int.from_bytes(bundle[start : start + 2])
        _require(end <= len(bundle), "the bundle is too short")
        entries.append(bundle[start + 2 : end])
        start = end
    _require(start == len(bundle), "the bundle is too long")
    return entries


# Tiles of a tree.


def tiles_of(tree_size: int) -> Iterator[TileId]:
    """Every tile of a tree, the lower rows first, the partial tile of a row last."""
    level, row_size = 0, _tree_size(tree_size)
    while row_size:
        for bundle in bundles_of(row_size):
            yield TileId(level, bundle.index, bundle.width)
        level, row_size = level + 1, row_size // TILE_WIDTH


def bundles_of(tree_size: int) -> Iterator[BundleId]:
    """Every entry bundle of a tree."""
    full, width = divmod(_tree_size(tree_size), TILE_WIDTH)
    for index in range(full):
        yield BundleId(index)
    if width:
        yield BundleId(full, width)


def changed_tiles(
    old_size: int, leaf_hashes: Iterable[bytes], read_tile: TileReader, *, roots: Sequence[bytes] = ()
) -> Iterator[tuple[TileId, bytes]]:
    """The tiles that new leaves make or widen, the lower rows first: the order in which to publish them.

    Of the old tree only the partial tile of each row that grows is read. `roots` are those of the full tiles
    of the lowest row, from a caller who has them already.
    """
    row, row_size, level = list(leaf_hashes), _tree_size(old_size), 0
    while row:
        index, held_width = divmod(row_size, TILE_WIDTH)
        if held_width:
            row = _read_hashes(read_tile, TileId(level, index, held_width)) + row
        complete = list[bytes]()
        for start in range(0, len(row), TILE_WIDTH):
            hashes = row[start : start + TILE_WIDTH]
            yield TileId(level, index + start // TILE_WIDTH, len(hashes)), b"".join(hashes)
            if len(hashes) == TILE_WIDTH:  # a partial tile MUST NOT be hashed into the row above
                place = start // TILE_WIDTH
                is_known = level == 0 and place < len(roots)
                complete.append(roots[place] if is_known else root_hash(hashes))
        row, row_size, level = complete, row_size // TILE_WIDTH, level + 1


def subtree_reader(tree_size: int, read_tile: TileReader) -> Subtree:
    """The complete subtrees of a tree of this size, as ledger.merkle asks for them, from its tiles."""
    _tree_size(tree_size)

    # One proof asks for several hashes of one tile, and a tile of a fixed tree never changes.
    @lru_cache(maxsize=TILES_HELD_MAX)
    def hashes_of(level: int, index: int) -> list[bytes]:
        row_size = tree_size >> (TILE_HEIGHT * level)
        width = min(TILE_WIDTH, row_size - index * TILE_WIDTH)
        return _read_hashes(read_tile, TileId(level, index, width))

    def subtree(level: int, index: int) -> bytes:
        if level < 0 or index < 0 or (index + 1) << level > tree_size:
            raise OutsideTreeError
        tile_level, height = divmod(level, TILE_HEIGHT)
        tile_index, start = divmod(index << height, TILE_WIDTH)
        return root_hash(hashes_of(tile_level, tile_index)[start : start + (1 << height)])

    return subtree


def _read_hashes(read_tile: TileReader, tile: TileId) -> list[bytes]:
    stored = read_tile(tile.level, tile.index, tile.width)
    _require(len(stored) == tile.width * HASH_SIZE_BYTES, "the tile is not as long as it is wide")
    return [stored[start : start + HASH_SIZE_BYTES] for start in range(0, len(stored), HASH_SIZE_BYTES)]


def _tree_size(tree_size: int) -> int:
    if not 0 <= tree_size <= TREE_SIZE_MAX:
        raise OutsideTreeError
    return tree_size


def _require(condition: bool, reason: str) -> None:
    if not condition:
        raise InvalidTileError(reason)
