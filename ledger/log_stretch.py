"""A stretch of the log, verified by itself: the events whose leaves are under one hash of the tree, or the rest behind them.

What a stretch can't know (what came before in its streams, how many submissions, the root to its left) it gives to be
joined. It says only that it is sound, or that it is not: what is wrong first, and in which words, is said by whoever
reads the whole log.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson
import psycopg
from psycopg.sql import SQL

from ledger import stored_rows, tiles
from ledger.growing_tree import GrowingTree, stored_tiles
from ledger.merkle import Frontier
from ledger.stored_rows import NamesNothingError, Row


@dataclass(frozen=True, slots=True)
class Stretch:
    """The events of positions from `begin` to `end`, whose leaves begin at index `first`. `sizes` are those of the tree
    whose roots are asked for, counted from `first`. `rows` is how many rows of tiles are the stretch's own, and a whole
    stretch has 256**rows leaves; the last one may have less, and events that wait for their leaf index."""

    first: int
    begin: int
    end: int
    rows: int
    is_last: bool
    sizes: tuple[int, ...] = ()

    @property
    def leaves(self) -> int:
        return int(tiles.TILE_WIDTH**self.rows)


@dataclass(frozen=True, slots=True)
class Sound:
    """What a sound stretch gives to be joined. `streams` has by the first digit of their ids, as JSON, the last version of each
    stream that begins here, and the first and the last one here of each that goes on. `numbers` has the first number of each
    laboratory here, and how many there are; `destroying` are the positions of events that destroyed keys, and `sealed` is where
    the last event stands that each of those keys seals."""

    events: int
    tree: Frontier
    trees: dict[int, Frontier]
    streams: dict[str, bytes]
    documents: int
    destroyed: int
    numbers: dict[str, tuple[int, int]]
    destroying: list[int]
    sealed: dict[str, int]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """How to see the database as somebody else sees it."""

    conninfo: str
    options: str
    name: str

    @contextmanager
    def opened(self) -> Iterator[psycopg.Connection[Any]]:
        with psycopg.connect(self.conninfo, options=self.options) as connection:
            connection.execute(SQL("SET TRANSACTION SNAPSHOT {}").format(self.name))
            yield connection


class _NotSoundError(Exception):
    """Something is wrong in the stretch."""


@dataclass(slots=True)
class _Reading:
    stretch: Stretch
    connection: psycopg.Connection[Any]
    origin: str
    gone: frozenset[str]
    tree: GrowingTree = field(default_factory=GrowingTree)
    trees: dict[int, Frontier] = field(default_factory=dict)
    versions: dict[str, int] = field(default_factory=dict)
    begun: dict[str, int] = field(default_factory=dict)
    events: int = 0
    waiting: int = 0
    documents: int = 0
    destroyed: int = 0
    numbers: dict[str, tuple[int, int]] = field(default_factory=dict)
    destroying: list[int] = field(default_factory=list)
    sealed: dict[str, int] = field(default_factory=dict)

    def read(self, stream: psycopg.Connection[Any]) -> Sound:
        for rows in stored_rows.chunks(stream, (self.stretch.begin, self.stretch.end)):
            hashes = self._hashes(rows)
            self._read_documents(rows)
            self.destroying += stored_rows.destroying(rows)
            self.sealed |= stored_rows.last_sealed(rows, self.gone)
            roots = self.tree.tile_roots(hashes)
            done = self.tree.frontier.size
            self._compare_tiles(self.tree.full_tiles(hashes, roots))
            for size in (*self.stretch.sizes, done + len(hashes)):
                if done < size <= done + len(hashes):
                    self.tree.extend(size, hashes, roots, first=done)
                    self.trees[size] = self.tree.frontier
        self._compare_tiles(self.tree.edge)
        self._require(self.stretch.is_last or self.tree.frontier.size == self.events == self.stretch.leaves)
        trees = {size: self.trees[size] for size in self.stretch.sizes if size in self.trees}
        return Sound(
            self.events,
            self.tree.frontier,
            trees,
            self._streams(),
            self.documents,
            self.destroyed,
            self.numbers,
            self.destroying,
            self.sealed,
        )

    def _streams(self) -> dict[str, bytes]:
        """Most streams begin here: what is said of them is only where they got to."""
        begun = defaultdict[str, dict[str, int]](dict)
        going_on = defaultdict[str, dict[str, tuple[int, int]]](dict)
        for one, first in self.begun.items():
            if first == 1:
                begun[one[0]][one] = self.versions[one]
            else:
                going_on[one[0]][one] = first, self.versions[one]
        return {one: orjson.dumps((begun[one], going_on[one])) for one in {*begun, *going_on}}

    def _hashes(self, rows: Sequence[Row]) -> list[bytes]:
        first = self.stretch.first + self.tree.frontier.size
        hashes: list[bytes] = []
        sound = 0
        if not self.waiting:
            sound = stored_rows.take_sound(
                rows, self.origin, first=first, versions=self.versions, hashes=hashes, begun=self.begun
            )
        for row in rows[sound:]:
            _, stream_id, version, *_ = row
            if stream_id not in self.versions:
                self.begun[stream_id] = version
            fault = stored_rows.fault_of(
                row,
                self.origin,
                expected=first + len(hashes),
                before=self.versions.get(stream_id, version - 1),
                is_behind=self.waiting > 0,
            )
            self._require(fault is None)
            self.versions[stream_id] = version
            self.waiting += 1
        self.events += len(rows)
        return hashes

    def _read_documents(self, rows: Sequence[Row]) -> None:
        named, submitted = stored_rows.named_documents(rows)
        if not named:
            return
        self.documents += len(named)
        numbered = stored_rows.stored_numbers(self.connection, [one.stream_id for one in submitted])
        for one in submitted:
            number = numbered.get(one.stream_id, ("", 0))[1]
            first, count = self.numbers.get(one.laboratory_id, (number, 0))
            self._require(numbered.get(one.stream_id) == (one.laboratory_id, first + count))
            self.numbers[one.laboratory_id] = first, count + 1
        stored = stored_rows.stored_documents(self.connection, list(named))
        gone = {said.key_id for document_id, said in named.items() if document_id not in stored}
        self._require(gone <= self.gone)
        for document_id, said in named.items():
            if document_id in stored:
                self._require(stored[document_id] == (said.key_id, said.sealed_sha256))
            else:
                self.destroyed += 1

    def _compare_tiles(self, made: dict[tuple[int, int], bytes]) -> None:
        """Of the rows that are the stretch's own. Here they are counted from its first leaf, there from the log's."""
        places = {
            (level, index + self.stretch.first // tiles.TILE_WIDTH ** (level + 1)): content
            for (level, index), content in made.items()
            if level < self.stretch.rows
        }
        self._require(stored_tiles(self.connection, places) == places)

    def _require(self, is_so: bool) -> None:
        if not is_so:
            raise _NotSoundError


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads stretches of the log of this origin, as it was at one moment, when these data keys were gone."""

    snapshot: Snapshot
    origin: str
    gone: frozenset[str]

    @contextmanager
    def opened(self) -> Iterator["OpenReader"]:
        with self.snapshot.opened() as connection, self.snapshot.opened() as stream:
            yield OpenReader(connection, stream, self.origin, self.gone)


@dataclass(frozen=True, slots=True)
class OpenReader:
    """Events come through `stream`, everything else is asked by `connection`."""

    connection: psycopg.Connection[Any]
    stream: psycopg.Connection[Any]
    origin: str
    gone: frozenset[str]

    def read(self, stretch: Stretch) -> Sound | None:
        try:
            return _Reading(stretch, self.connection, self.origin, self.gone).read(self.stream)
        except (_NotSoundError, NamesNothingError):
            return None
