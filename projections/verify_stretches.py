"""The rows' verification on all cores: stretches of the log, each read by a process of its own, joined in order.

All processes see one snapshot. What comes out is that everything is sound, with what is needed to go on; or that something
is not, and then whoever asked reads the whole log in one pass, which alone says what is wrong first. So a finding never
depends on how many cores there were.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from itertools import pairwise
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import IO, Any

import orjson
import psycopg

import ledger
from ledger import tiles
from ledger.growing_tree import stored_tiles
from ledger.log_stretch import Reader, Sound, Stretch
from ledger.merkle import Frontier
from ledger.stored_rows import HIGHEST, LOWEST

# A stretch is what is under one tile of the second row: 65,536 leaves, most of a second's work.
ROWS = 2
# With fewer whole stretches than that, starting processes costs more than they save.
FEWEST = 3
_HEX = "0123456789abcdef"


@dataclass(slots=True)
class Joined:
    """What the stretches came to: the tree, and what is counted at the end."""

    frontier: Frontier = field(default_factory=Frontier)
    events: int = 0
    documents: int = 0
    destroyed: int = 0
    numbers: dict[str, int] = field(default_factory=dict)
    destroying: list[int] = field(default_factory=list)
    sealed: dict[str, int] = field(default_factory=dict)


def at_once() -> int:
    """How many processes share the work: one more than there are cores, for one of them waits for the disk."""
    return len(os.sched_getaffinity(0)) + 1


def read_in_stretches(
    connection: psycopg.Connection[Any],
    reader: Reader,
    expected: Sequence[tuple[int, bytes]],
    *,
    processes: int,
    seen: Callable[[int], None],
) -> Joined | None:
    """Everything, by so many processes (none: by this one), and whether it makes these roots; None if anything at all is
    not sound, or if there is too little to share."""
    stretches = _stretches(connection, [size for size, _ in expected])
    if len(stretches) <= FEWEST:
        return None
    with ExitStack() as stack:
        versions = stack.enter_context(_Versions.opened())
        if processes:
            found = stack.enter_context(closing(_by_processes(reader, stretches, processes)))
        else:
            found = stack.enter_context(closing(_by_this_one(reader, stretches)))
        joined, roots = Joined(), list[bytes]()
        for stretch, sound in found:
            if sound is None or not _join(joined, stretch, sound, expected):
                return None
            if not stretch.is_last:
                roots += sound.tree.hashes
            versions.add(sound.streams)
            seen(joined.events)
        is_sound = _are_upper_tiles(connection, roots) and versions.are_without_gap()
    return joined if is_sound else None


def _stretches(connection: psycopg.Connection[Any], sizes: Sequence[int]) -> list[Stretch]:
    """All of the log; nothing if the leaf indexes are not in position order where it is cut."""
    width = tiles.TILE_WIDTH**ROWS
    row = connection.execute("SELECT max(leaf_index) FROM transparency.leaves").fetchone()
    count = (row[0] if row and row[0] is not None else -1) + 1
    lasts = [cut - 1 for cut in range(width, count + 1, width)]
    found = connection.execute(
        "SELECT position FROM transparency.leaves WHERE leaf_index = ANY(%s) ORDER BY leaf_index", (lasts,)
    ).fetchall()
    ends = [row[0] for row in found]
    if len(ends) != len(lasts) or any(one >= other for one, other in pairwise(ends)):
        return []
    begins = [LOWEST, *(end + 1 for end in ends)]
    return [
        Stretch(
            first=(first := place * width),
            begin=begin,
            end=end,
            rows=ROWS,
            is_last=place == len(ends),
            sizes=tuple(sorted({size - first for size in sizes if first < size <= first + width})),
        )
        for place, (begin, end) in enumerate(zip(begins, [*ends, HIGHEST], strict=True))
    ]


def _join(joined: Joined, stretch: Stretch, sound: Sound, expected: Sequence[tuple[int, bytes]]) -> bool:
    """Put a stretch behind those before it, and say whether the roots and numbers are right."""
    trees = {
        stretch.first + size: _behind(joined.frontier, tree, stretch) for size, tree in sound.trees.items()
    }
    for size, root_hash in expected:
        if size in trees and trees[size].root() != root_hash:
            return False
    joined.frontier = _behind(joined.frontier, sound.tree, stretch)
    joined.events += sound.events
    joined.documents += sound.documents
    joined.destroyed += sound.destroyed
    joined.destroying += sound.destroying
    joined.sealed |= sound.sealed
    for laboratory_id, (first, count) in sound.numbers.items():
        if first != joined.numbers.get(laboratory_id, 0) + 1:
            return False
        joined.numbers[laboratory_id] = first + count - 1
    return joined.frontier.size == stretch.first + sound.tree.size


def _behind(left: Frontier, tree: Frontier, stretch: Stretch) -> Frontier:
    """The tree so far, which is a multiple of whole stretches, and a stretch or the beginning of one behind it."""
    if tree.size == stretch.leaves:
        return left.extend(tree.hashes, level=tiles.TILE_HEIGHT * stretch.rows)
    return Frontier(left.size + tree.size, (*left.hashes, *tree.hashes))


def _are_upper_tiles(connection: psycopg.Connection[Any], roots: Sequence[bytes]) -> bool:
    """The tiles over the stretches are what their roots make. Each is whole: nothing was before them."""
    made = {
        (tile.level + ROWS, tile.index): content
        for tile, content in tiles.changed_tiles(0, roots, lambda *_: b"")
    }
    return stored_tiles(connection, made) == made


@dataclass(frozen=True, slots=True)
class _Versions:
    """The first and the last version of each stream in each stretch. They are put aside in files, so that memory does not
    grow with the streams: those of one file at a time are looked at in the end."""

    files: dict[str, IO[bytes]]

    @classmethod
    @contextmanager
    def opened(cls) -> Iterator["_Versions"]:
        with ExitStack() as stack:
            yield cls({digit: stack.enter_context(tempfile.TemporaryFile()) for digit in _HEX})

    def add(self, streams: dict[str, bytes]) -> None:
        for digit, said in streams.items():
            self.files[digit].write(said + b"\n")

    def are_without_gap(self) -> bool:
        return all(_are_without_gap(file) for file in self.files.values())


def _are_without_gap(file: IO[bytes]) -> bool:
    """Streams that begin are compared by the thousand: one at a time, this was a twentieth of all the time there is."""
    file.seek(0)
    versions: dict[str, int] = {}
    for line in file:
        begun, going_on = orjson.loads(line)
        if not versions.keys().isdisjoint(begun):
            return False
        versions.update(begun)
        for stream_id, (first, last) in going_on.items():
            if versions.get(stream_id) != first - 1:
                return False
            versions[stream_id] = last
    return True


def _by_this_one(reader: Reader, stretches: Sequence[Stretch]) -> Generator[tuple[Stretch, Sound | None]]:
    with reader.opened() as opened:
        for stretch in stretches:
            yield stretch, opened.read(stretch)


def _by_processes(
    reader: Reader, stretches: Sequence[Stretch], processes: int
) -> Generator[tuple[Stretch, Sound | None]]:
    """In order, whoever is ready takes the next. A process that is lost leaves its stretch without an answer."""
    with ExitStack() as stack:
        free = [stack.enter_context(_started(reader)) for _ in range(min(processes, len(stretches)))]
        left = list(enumerate(stretches))[::-1]
        at_work: dict[Connection, int] = {}
        answers: dict[int, Sound | None] = {}
        for place, stretch in enumerate(stretches):
            while place not in answers:
                while free and left:
                    worker = free.pop()
                    at_work[worker], asked = left.pop()
                    _ask(worker, asked)
                for ready in wait(list(at_work)):
                    assert isinstance(ready, Connection)
                    answers[at_work.pop(ready)] = _answer(ready)
                    free.append(ready)
            yield stretch, answers.pop(place)


def _ask(worker: Connection, asked: object) -> None:
    with suppress(OSError):  # a lost one is seen when its answer does not come
        worker.send(asked)


def _answer(worker: Connection) -> Sound | None:
    try:
        answer = worker.recv()
    except (EOFError, OSError):
        return None
    assert answer is None or isinstance(answer, Sound)
    return answer


@contextmanager
def _started(reader: Reader) -> Iterator[Connection]:
    """A process that reads stretches. It is a bare interpreter: one that `multiprocessing` starts anew would first import
    the program that was called, which takes seconds. Where the database is goes through the connection, and it ends
    when nobody is at the other end."""
    here, there = Pipe()
    root = Path(ledger.__path__[0]).parent
    command = [sys.executable, "-P", "-m", "ledger.log_stretch_process", str(there.fileno())]
    environment = os.environ | {"PYTHONPATH": str(root)}
    with here, subprocess.Popen(command, pass_fds=[there.fileno()], env=environment) as process:
        there.close()
        try:
            _ask(here, reader)
            yield here
        finally:
            process.kill()
