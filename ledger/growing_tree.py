"""The tree as a verifier makes it anew from leaf hashes, and the stored tiles that it is compared with."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg

from ledger import merkle, tiles

# Level and index.
Place = tuple[int, int]


@dataclass(slots=True)
class GrowingTree:
    """`frontier` and `edge` (the partial tile of each row) are all that is remembered of what was recomputed."""

    frontier: merkle.Frontier = field(default_factory=merkle.Frontier)
    edge: dict[Place, bytes] = field(default_factory=dict)

    def tile_roots(self, hashes: Sequence[bytes]) -> list[bytes]:
        """The roots of the full tiles that these leaves make: most of the tree's hashes, computed once for
        the row above and for the frontier."""
        if self.frontier.size % tiles.TILE_WIDTH:
            return []
        starts = range(0, len(hashes) - tiles.TILE_WIDTH + 1, tiles.TILE_WIDTH)
        return [merkle.root_hash(hashes[start : start + tiles.TILE_WIDTH]) for start in starts]

    def begun_tiles(self, hashes: Sequence[bytes]) -> dict[Place, bytes]:
        """The tiles that these leaves make or widen, as far as they go. Nothing is remembered."""
        made = tiles.changed_tiles(self.frontier.size, hashes, lambda *tile: self.edge[tile[:2]])
        return {(tile.level, tile.index): content for tile, content in made}

    def full_tiles(self, hashes: Sequence[bytes], roots: Sequence[bytes]) -> dict[Place, bytes]:
        """The tiles that these leaves fill; what they only widen is the edge now."""
        changed = tiles.changed_tiles(
            self.frontier.size, hashes, lambda level, index, _: self.edge[level, index], roots=roots
        )
        full: dict[Place, bytes] = {}
        for tile, content in list(changed):
            if tile.width == tiles.TILE_WIDTH:
                self.edge.pop((tile.level, tile.index), None)
                full[tile.level, tile.index] = content
            else:
                self.edge[tile.level, tile.index] = content
        return full

    def extend(self, size: int, hashes: Sequence[bytes], roots: Sequence[bytes], *, first: int) -> None:
        """The frontier up to this size, by the roots of whole tiles where it can be. `first` is the leaf
        index of the first hash, and where the first of the tiles begins."""
        width = tiles.TILE_WIDTH
        while self.frontier.size < size:
            start = self.frontier.size - first
            whole = min((size - first) // width, len(roots)) - start // width
            if start % width == 0 and whole > 0:
                taken = roots[start // width : start // width + whole]
                self.frontier = self.frontier.extend(taken, level=tiles.TILE_HEIGHT)
            else:
                end = min(size - first, start - start % width + width)
                self.frontier = self.frontier.extend(hashes[start:end])


def stored_tiles(connection: psycopg.Connection[Any], places: Iterable[Place]) -> dict[Place, bytes]:
    """Those of the tiles that are there."""
    asked = list(places)
    if not asked:
        return {}
    found = connection.execute(
        "SELECT level, tile_index, hashes FROM transparency.tiles WHERE (level, tile_index)"
        " IN (SELECT * FROM unnest(%s::int[], %s::bigint[]))",
        ([level for level, _ in asked], [index for _, index in asked]),
        binary=True,
    )
    return {(row[0], row[1]): row[2] for row in found}
