"""The tree as immutable files: tiles that grow with the tree are the tiles of the whole tree."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.merkle import (
    Frontier,
    OutsideTreeError,
    check_consistency,
    check_inclusion,
    leaf_hash,
    node_hash,
    prove_consistency,
    prove_inclusion,
    read_root,
    root_hash,
)
from ledger.tiles import (
    TILE_WIDTH,
    BundleId,
    EntryTooLargeError,
    InvalidTileError,
    TileId,
    bundles_of,
    changed_tiles,
    decode_entries,
    encode_entries,
    parse_path,
    subtree_reader,
    tiles_of,
)

# Two full rows and more: 70,000 leaves have tiles at levels 0, 1 and 2.
SIZE_MAX = 70_000
LEAVES = [leaf_hash(index.to_bytes(4)) for index in range(SIZE_MAX)]


def tiles_from_scratch(leaves: Sequence[bytes]) -> dict[TileId, bytes]:
    """MTH(D[(n*256+i) * 256**l : (n*256+i+1) * 256**l]) by the definition, the tree hashed row by row."""
    tiles = dict[TileId, bytes]()
    row, level = list(leaves), 0
    while row:
        for start in range(0, len(row), TILE_WIDTH):
            hashes = row[start : start + TILE_WIDTH]
            tiles[TileId(level, start // TILE_WIDTH, len(hashes))] = b"".join(hashes)
        for _ in range(8):
            row = [node_hash(row[place], row[place + 1]) for place in range(0, len(row) - 1, 2)]
        level += 1
    return tiles


class StoredTiles:
    """What a database keeps: the widest tile of each place; a narrower one is its beginning."""

    def __init__(self) -> None:
        self.size = 0
        self.widest = dict[tuple[int, int], bytes]()
        self.reads = list[TileId]()

    def __call__(self, level: int, index: int, width: int) -> bytes:
        self.reads.append(TileId(level, index, width))
        return self.widest[level, index][: width * 32]

    def grow(self, leaves: Sequence[bytes]) -> list[TileId]:
        changed = list(changed_tiles(self.size, leaves, self))
        self.widest.update({(tile.level, tile.index): hashes for tile, hashes in changed})
        self.size += len(leaves)
        return [tile for tile, _ in changed]

    def tiles(self) -> dict[TileId, bytes]:
        return {TileId(*place, len(hashes) // 32): hashes for place, hashes in self.widest.items()}


# Paths.


@pytest.mark.parametrize(
    ("tile", "path"),
    [
        (TileId(0, 0), "tile/0/000"),
        (TileId(0, 999, 1), "tile/0/999.p/1"),
        (TileId(1, 1000, 255), "tile/1/x001/000.p/255"),
        (TileId(3, 1234067), "tile/3/x001/x234/067"),
        (TileId(63, 1234067, 10), "tile/63/x001/x234/067.p/10"),
        (BundleId(0, 8), "tile/entries/000.p/8"),
        (BundleId(1234067), "tile/entries/x001/x234/067"),
        (TileId(0, 2**63 - 1), "tile/0/x009/x223/x372/x036/x854/x775/807"),
    ],
)
def test_a_tile_has_one_path(tile: TileId | BundleId, path: str) -> None:
    assert tile.path == path
    assert parse_path(path) == tile


@pytest.mark.parametrize(
    "path",
    [
        "tile/0/0",
        "tile/0/x000/000",
        "tile/0/x01/000",
        "tile/0/001/000",
        "tile/0/x001",
        "tile/00/000",
        "tile/64/000",
        "tile/-1/000",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/01",
        "tile/0/000.p/",
        "tile/0/000.p/300",
        "tile/0/000\n",
        "tile/0/٠٠٠",
        "tile/entries/0000",
        "tile/8/0/000",
        "/tile/0/000",
        "tile/0/x999/x999/x999/x999/x999/x999/999",
        "tile/0/" + "x001/" * 2000 + "000",
        "checkpoint",
        "",
    ],
)
def test_a_path_in_another_spelling_is_no_tile(path: str) -> None:
    with pytest.raises(InvalidTileError):
        parse_path(path)


@given(st.integers(0, 63), st.integers(0, 2**63 - 1), st.integers(1, 256))
def test_every_path_leads_back_to_its_tile(level: int, index: int, width: int) -> None:
    assert parse_path(TileId(level, index, width).path) == TileId(level, index, width)
    assert parse_path(BundleId(index, width).path) == BundleId(index, width)


@pytest.mark.parametrize("place", [(-1, 0, 1), (64, 0, 1), (0, -1, 1), (0, 2**63, 1), (0, 0, 0), (0, 0, 257)])
def test_a_tile_that_cannot_exist_has_no_id(place: tuple[int, int, int]) -> None:
    with pytest.raises(InvalidTileError):
        TileId(*place)


# Entry bundles.


def test_an_entry_is_written_after_its_length() -> None:
    assert encode_entries([b"", b"abc"]) == b"\x00\x00\x00\x03abc"


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=TILE_WIDTH))
def test_a_bundle_gives_its_entries_back(entries: list[bytes]) -> None:
    assert decode_entries(encode_entries(entries), len(entries)) == entries


def test_an_entry_of_65535_bytes_is_the_largest() -> None:
    largest = b"e" * 65_535
    assert decode_entries(encode_entries([largest]), 1) == [largest]
    with pytest.raises(EntryTooLargeError):
        encode_entries([b"small", largest + b"e"])


@pytest.mark.parametrize("count", [0, 257])
def test_a_bundle_is_of_1_to_256_entries(count: int) -> None:
    with pytest.raises(InvalidTileError):
        encode_entries([b""] * count)
    with pytest.raises(InvalidTileError):
        decode_entries(b"\x00\x00" * count, count)


def test_a_bundle_that_is_cut_or_continued_is_refused() -> None:
    bundle = encode_entries([b"one", b"three"])
    for length in range(len(bundle)):
        with pytest.raises(InvalidTileError, match="short"):
            decode_entries(bundle[:length], 2)
    with pytest.raises(InvalidTileError, match="long"):
        decode_entries(bundle + b"\x00", 2)
    with pytest.raises(InvalidTileError, match="long"):
        decode_entries(bundle, 1)


# Tiles of a tree.


def test_a_tree_of_70000_has_the_tiles_that_the_specification_counts() -> None:
    tiles = list(tiles_of(70_000))
    full = [tile.level for tile in tiles if tile.width == TILE_WIDTH]
    partial = [tile for tile in tiles if tile.width < TILE_WIDTH]
    assert (full.count(0), full.count(1), len(full)) == (273, 1, 274)
    assert partial == [TileId(0, 273, 112), TileId(1, 1, 17), TileId(2, 0, 1)]


def test_a_tree_of_256_has_a_full_tile_and_one_hash_above_it() -> None:
    assert list(tiles_of(256)) == [TileId(0, 0), TileId(1, 0, 1)]
    assert list(bundles_of(256)) == [BundleId(0)]


def test_an_empty_tree_has_no_tiles() -> None:
    assert list(tiles_of(0)) == []
    assert list(bundles_of(0)) == []
    assert list(changed_tiles(0, [], StoredTiles())) == []


@pytest.mark.parametrize("size", [1, 255, 256, 257, 511, 512, 65_535, 65_536, 65_537, 70_000])
def test_the_tiles_listed_are_the_tiles_of_the_definition(size: int) -> None:
    tiles = tiles_from_scratch(LEAVES[:size])
    assert list(tiles_of(size)) == list(tiles)
    assert [BundleId(tile.index, tile.width) for tile in tiles if tile.level == 0] == list(bundles_of(size))
    assert dict(changed_tiles(0, LEAVES[:size], StoredTiles())) == tiles


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(0, 700) | st.sampled_from([1, 255, 256, 257]), max_size=10))
def test_tiles_that_grew_with_the_tree_are_the_tiles_of_the_whole_tree(steps: list[int]) -> None:
    stored = StoredTiles()
    for step in steps:
        stored.grow(LEAVES[stored.size : stored.size + step])
        assert stored.tiles() == tiles_from_scratch(LEAVES[: stored.size])


def test_tiles_that_grew_over_a_third_row_are_the_tiles_of_the_whole_tree() -> None:
    stored = StoredTiles()
    for size in (1, 65_279, 65_535, 65_536, 65_537, 66_000, 70_000):
        stored.grow(LEAVES[stored.size : size])
        assert stored.tiles() == tiles_from_scratch(LEAVES[:size])


def test_growth_reads_and_writes_only_what_changes() -> None:
    stored = StoredTiles()
    stored.grow(LEAVES[:65_535])
    stored.reads.clear()
    changed = stored.grow(LEAVES[65_535:65_537])
    assert stored.reads == [TileId(0, 255, 255), TileId(1, 0, 255)]
    assert changed == [TileId(0, 255), TileId(0, 256, 1), TileId(1, 0), TileId(2, 0, 1)]


def test_a_stored_tile_of_another_length_is_not_built_upon() -> None:
    for stored in (b"", LEAVES[0], b"".join(LEAVES[:4]), b"".join(LEAVES[:3])[:-1]):
        with pytest.raises(InvalidTileError):
            list(changed_tiles(3, LEAVES[3:5], lambda *_, stored=stored: stored))


# Proofs from tiles.


@pytest.mark.parametrize("size", [1, 2, 255, 256, 257, 600, 65_535, 65_536, 65_537, 70_000])
def test_proofs_made_from_tiles_hold(size: int) -> None:
    stored = StoredTiles()
    stored.grow(LEAVES)  # wider tiles than this tree has: the reader is asked for the width of this tree
    read = subtree_reader(size, stored)
    root = root_hash(LEAVES[:size])
    assert read_root(size, read) == root
    for index in {0, size // 3, size // 2, max(size - 2, 0), size - 1}:
        proof = prove_inclusion(index, size, read)
        check_inclusion(proof, index=index, tree_size=size, leaf=LEAVES[index], root=root)
    for old_size in {0, 1, size // 3, size // 2, size - 1, size, min(256, size), min(65_536, size)}:
        check_consistency(
            prove_consistency(old_size, size, read),
            old_size=old_size,
            old_root=Frontier().extend(LEAVES[:old_size]).root(),
            new_size=size,
            new_root=root,
        )
    assert set(stored.reads) <= set(tiles_of(size))


def test_a_proof_reads_each_tile_once() -> None:
    stored = StoredTiles()
    stored.grow(LEAVES)
    prove_inclusion(41_000, SIZE_MAX, subtree_reader(SIZE_MAX, stored))
    assert len(stored.reads) == len(set(stored.reads))
    assert len(stored.reads) <= 2 * 3


@pytest.mark.parametrize(("level", "index"), [(0, 600), (0, -1), (-1, 0), (8, 2), (9, 1), (10, 0), (64, 0)])
def test_a_subtree_that_is_not_complete_in_the_tree_is_refused(level: int, index: int) -> None:
    stored = StoredTiles()
    stored.grow(LEAVES[:600])
    with pytest.raises(OutsideTreeError):
        subtree_reader(600, stored)(level, index)


@pytest.mark.parametrize("size", [-1, 2**63])
def test_a_tree_of_an_impossible_size_has_no_tiles(size: int) -> None:
    for ask in (tiles_of, bundles_of, lambda size: [subtree_reader(size, StoredTiles())]):
        with pytest.raises(OutsideTreeError):
            list(ask(size))
