"""A stretch of the log, verified by itself: the events whose leaves are under one hash of the tree, or the rest behind them.

What a stretch can't know (what came before in its streams, how many submissions, the root to its left) it gives to be
joined. It says only that it is sound, or that it is not: what is wrong first, and in which words, is said by whoever
reads the whole log.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

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
    """What a sound stretch gives to be joined. `streams` has a line for each of its streams: its id, and the first and the
    last version here; by the first digit of the id. `numbers` has the first number of each laboratory here, and how many there are."""

    events: int
    tree: Frontier
    trees: dict[int, Frontier]
    streams: dict[str, str]
    documents: int
    destroyed: int
    numbers: dict[str, tuple[int, int]]


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
    pattern: re.Pattern[bytes]
    tree: GrowingTree = field(default_factory=GrowingTree)
    trees: dict[int, Frontier] = field(default_factory=dict)
    versions: dict[str, int] = field(default_factory=dict)
    begun: dict[str, int] = field(default_factory=dict)
    events: int = 0
    waiting: int = 0
    documents: int = 0
    destroyed: int = 0
    numbers: dict[str, tuple[int, int]] = field(default_factory=dict)

    def read(self, stream: psycopg.Connection[Any]) -> Sound:
        for rows in stored_rows.chunks(stream, (self.stretch.begin, self.stretch.end)):
            hashes = self._hashes(rows)
            self._read_documents(rows)
            roots = self.tree.tile_roots(hashes)
            done = self.tree.frontier.size
            self._compare_tiles(self.tree.full_tiles(hashes, roots))
            for size in (*self.stretch.sizes, done + len(hashes)):
                if done < size <= done + len(hashes):
                    self.tree.extend(size, hashes, roots, first=done)
                    self.trees[size] = self.tree.frontier
        self._compare_tiles(self.tree.edge)
        self._require(self.stretch.is_last or self.tree.frontier.size == self.events == self.stretch.leaves)
        streams: dict[str, list[str]] = {}
        for one, version in self.begun.items():
            streams.setdefault(one[0], []).append(f"{one} {version} {self.versions[one]}\n")
        trees = {size: self.trees[size] for size in self.stretch.sizes if size in self.trees}
        return Sound(
            self.events,
            self.tree.frontier,
            trees,
            {digit: "".join(lines) for digit, lines in streams.items()},
            self.documents,
            self.destroyed,
            self.numbers,
        )

    def _hashes(self, rows: Sequence[Row]) -> list[bytes]:
        first = self.stretch.first + self.tree.frontier.size
        hashes: list[bytes] = []
        sound = 0
        if not self.waiting:
            sound = stored_rows.take_sound(
                rows, self.pattern, first=first, versions=self.versions, hashes=hashes, begun=self.begun
            )
        for row in rows[sound:]:
            _, stream_id, version, *_ = row
            if stream_id not in self.versions:
                self.begun[stream_id] = version
            fault = stored_rows.fault_of(
                row,
                self.pattern,
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
        self._require(not gone or self._destroyed(gone) == gone)
        for document_id, said in named.items():
            if document_id in stored:
                self._require(stored[document_id] == (said.key_id, said.sealed_sha256))
            else:
                self.destroyed += 1

    def _destroyed(self, key_ids: set[str]) -> set[str]:
        found = self.connection.execute(
            "SELECT key_id::text FROM ledger.data_keys WHERE erased_at IS NOT NULL AND key_id = ANY(%s::uuid[])",
            (list(key_ids),),
        )
        return {row[0] for row in found}

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
    """Reads stretches of the log of this origin, as it was at one moment."""

    snapshot: Snapshot
    origin: str

    @contextmanager
    def opened(self) -> Iterator["OpenReader"]:
        with self.snapshot.opened() as connection, self.snapshot.opened() as stream:
            yield OpenReader(connection, stream, stored_rows.pattern_of(self.origin))


@dataclass(frozen=True, slots=True)
class OpenReader:
    """Events come through `stream`, everything else is asked by `connection`."""

    connection: psycopg.Connection[Any]
    stream: psycopg.Connection[Any]
    pattern: re.Pattern[bytes]

    def read(self, stretch: Stretch) -> Sound | None:
        try:
            return _Reading(stretch, self.connection, self.pattern).read(self.stream)
        except (_NotSoundError, NamesNothingError):
            return None
