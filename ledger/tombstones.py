"""Tombstones: whose data keys were destroyed, remembered outside of the database.

A copy of the database that is older than an erasure still has the wrapped keys, and opens them until their epoch is
destroyed. Restored without the WAL that holds the erasure, it would bring back what people were told is gone. So each
erasure is written down beside the secrets first, and whoever restores destroys those keys again (`burial.bury`).

The file `erased` in the folder of secrets, one line of text each:

    letopis/erased@v1
    begin <n> <digest> <digest> …     before COMMIT: these subjects' keys are about to be destroyed
    done <n>                          after COMMIT
    void <n>                          nothing was destroyed: the append was refused

Each line is on the disk before the next step is taken. A `begin` without an end is of a process that died in between.
The database tells what became of it (`burial.settle`); where there is no database any more it counts as done: what was
about to be destroyed had been ordered to be. A digest is HMAC-SHA-256 of the subject's id by a key that follows from
the stream key: the file tells nobody who was erased.
"""

import fcntl
import hmac
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import BinaryIO
from uuid import UUID

from ledger.custody import Custody
from ledger.durable import make_durable
from ledger.insertion import StreamConflictError
from ledger.recorder import MarkTakenError

FIRST_LINE = "letopis/erased@v1"


@dataclass(slots=True)
class Tombstones:
    """What the file says: digests by the number of their erasure. `open` are those whose end is not known."""

    buried: dict[int, tuple[str, ...]] = field(default_factory=dict)
    open: set[int] = field(default_factory=set)
    begun: int = 0

    @property
    def digests(self) -> frozenset[str]:
        return frozenset(digest for digests in self.buried.values() for digest in digests)


class TombstonesUnreadableError(Exception):
    """The file `erased` in the folder of secrets is damaged: restore it from the folder's backup."""


@contextmanager
def written(custody: Custody, subjects: Sequence[UUID]) -> Iterator[None]:
    """While the block stores the erasure of these subjects' keys: before it, that it begins; then, how it ended.
    One erasure at a time, so an unfinished one is never of somebody who is still at it."""
    if not subjects:
        yield
        return
    with locked(custody) as file:
        number = _parse(_path(custody), file).begun + 1
        _add(file, " ".join(("begin", str(number), *(digest_of(custody, one) for one in subjects))))
        try:
            yield
        except (StreamConflictError, MarkTakenError):
            _add(file, f"void {number}")
            raise
        _add(file, f"done {number}")


def read(custody: Custody) -> Tombstones:
    try:
        with _path(custody).open("rb") as file:
            return _parse(_path(custody), file)
    except FileNotFoundError:
        return Tombstones()


def digest_of(custody: Custody, subject: UUID) -> str:
    key = hmac.digest(custody.stream_key, b"letopis/erased-key@v1", "sha256")
    return hmac.digest(key, subject.bytes, "sha256").hex()


@contextmanager
def locked(custody: Custody) -> Iterator[BinaryIO]:
    """The file, for this process and thread alone."""
    path = _path(custody)
    is_new = not path.exists()
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        if is_new:
            make_durable(path.parent)
        yield file


def settle(file: BinaryIO, number: int, *, is_done: bool) -> None:
    """The end of an erasure whose process died, once it is known."""
    _add(file, f"{'done' if is_done else 'void'} {number}")


def _add(file: BinaryIO, line: str) -> None:
    """In one write, and on the disk. A torn line of a power cut is ended first, and means nothing."""
    size = file.seek(0, os.SEEK_END)
    head = "" if size else FIRST_LINE + "\n"
    if size:
        file.seek(size - 1)
        head = "" if file.read(1) == b"\n" else "\n"
    file.write(f"{head}{line}\n".encode())
    file.flush()
    os.fsync(file.fileno())


@dataclass(slots=True)
class _Read:
    """What was read of one file, up to `size`: it only grows, and `last` is the line that ends there."""

    size: int = 0
    last: bytes = b""
    found: Tombstones = field(default_factory=Tombstones)


# Everybody who was ever erased is in the file, so it is read once, and then what came since.
_read: dict[Path, _Read] = {}
_reading = Lock()


def _parse(path: Path, file: BinaryIO) -> Tombstones:
    with _reading:
        known = _read.get(path, _Read())
        file.seek(known.size - len(known.last))
        if file.read(len(known.last)) != known.last:
            # Another file took its place, such as one from a backup of the secrets.
            known = _Read()
            file.seek(0)
        _take_in(known, file.read())
        _read[path] = known
        found = known.found
        return Tombstones(dict(found.buried), set(found.open), found.begun)


def _take_in(known: _Read, content: bytes) -> None:
    # What stands behind the last line feed was never written whole.
    *lines, _ = content.split(b"\n")
    if content and known.size == 0 and lines[:1] != [FIRST_LINE.encode()]:
        raise TombstonesUnreadableError
    for line in lines:
        _take_in_line(known.found, line.decode("ascii", "replace"))
    if lines:
        known.size += sum(map(len, lines)) + len(lines)
        known.last = lines[-1] + b"\n"


def _take_in_line(found: Tombstones, line: str) -> None:
    word, *rest = line.split(" ")
    if word == "begin" and len(rest) > 1 and rest[0].isdigit() and len(rest[-1]) == 64:
        found.begun = int(rest[0])
        found.buried[found.begun] = tuple(rest[1:])
        found.open.add(found.begun)
    elif word in ("done", "void") and len(rest) == 1 and rest[0].isdigit():
        found.open.discard(int(rest[0]))
        if word == "void":
            found.buried.pop(int(rest[0]), None)


def _path(custody: Custody) -> Path:
    return custody.folder / "erased"
