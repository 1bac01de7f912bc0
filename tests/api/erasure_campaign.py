"""The erasure campaign's eyes: what can still be read of a person, in every byte that lies anywhere.

Three ways to look. Plain: planted values as bytes, in the spellings that programs write. By key: whatever looks like a
wrapped data key, in any file, tried against every key-encryption key that is left. By program: a database opened with the
secrets that are left, and each event and document of it asked for.
"""

import gzip
from base64 import b64encode
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from uuid import UUID

import psycopg

from ledger.codec import Erased, Unreadable, to_data
from ledger.custody import Custody, KeyNotUnwrappedError, SecretMissingError
from ledger.keys import KeyErasedError, KeyLostError, about_row
from ledger.store import Ledger

# In a row of the key table: the high bytes of the epoch, then the length byte of 60 bytes: nonce, key and tag.
_WRAPPED_AFTER = b"\0\0\0\x7b"
_WRAPPED_BYTES = 60


@dataclass(frozen=True, slots=True)
class KeyRow:
    """Which row a wrapped key would have to be in."""

    key_id: UUID
    subject: UUID
    purpose: str


def spellings(value: str | bytes) -> frozenset[bytes]:
    """UTF-8, UTF-16, hex, and base64 at each of its three offsets."""
    raws = (
        {value}
        if isinstance(value, bytes)
        else {value.encode(), value.encode("utf-16-le"), value.encode("utf-16-be")}
    )
    found = set(raws)
    for raw in raws:
        found |= {raw.hex().encode(), raw.hex().upper().encode()}
        for offset in range(3):
            # What stands before changes the first characters, what stands behind the last.
            coded = b64encode(bytes(offset) + raw)
            found.add(coded[(0, 2, 3)[offset] + 2 * bool(offset) : -4])
    return frozenset(one for one in found if len(one) >= 6)


def contents(folders: Iterable[Path]) -> Iterator[tuple[bytes, list[Path]]]:
    """Each content once, unpacked if it is packed, with the files that have it. The zeros that a segment of WAL ends in
    are left out."""
    found: dict[bytes, tuple[bytes, list[Path]]] = {}
    for folder in folders:
        for path in folder.rglob("*"):
            if path.is_file() and not path.is_symlink():
                content = path.read_bytes()
                if path.suffix == ".gz":
                    content = gzip.decompress(content)
                content = content.rstrip(b"\0")
                found.setdefault(sha256(content).digest(), (content, []))[1].append(path)
    yield from found.values()


def plain_hits(folders: Iterable[Path], values: Sequence[str | bytes]) -> list[Path]:
    """The files in which a value stands."""
    wanted = [one for value in values for one in sorted(spellings(value))]
    return [
        path
        for content, paths in contents(folders)
        if any(one in content for one in wanted)
        for path in paths
    ]


def keys_that_open(
    folders: Iterable[Path], custody: Custody, rows: Sequence[KeyRow]
) -> set[tuple[Path, UUID]]:
    """Each wrapped key of these rows that opens, wherever it lies."""
    found = set()
    tried: dict[bytes, UUID | None] = {}
    for content, paths in contents(folders):
        for epoch, wrapped in _wrapped_in(content):
            if wrapped not in tried:
                tried[wrapped] = next(
                    (row.key_id for row in rows if _opens(custody, row, epoch, wrapped)), None
                )
            key_id = tried[wrapped]
            if key_id is not None:
                found |= {(path, key_id) for path in paths}
    return found


def _wrapped_in(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Whatever could be a wrapped key, with its epoch."""
    place = content.find(_WRAPPED_AFTER, 1)
    while place > 0:
        begin = place + len(_WRAPPED_AFTER)
        yield content[place - 1], content[begin : begin + _WRAPPED_BYTES]
        place = content.find(_WRAPPED_AFTER, place + 1)


def _opens(custody: Custody, row: KeyRow, epoch: int, wrapped: bytes) -> bool:
    try:
        custody.unwrap(wrapped, epoch=epoch, about=about_row(row.key_id, row.subject, row.purpose, epoch))
    except (KeyNotUnwrappedError, SecretMissingError):
        return False
    return True


def read_through(ledger: Ledger, values: Sequence[str | bytes]) -> int:
    """How many events and documents of this database say one of the values, to whoever has its secrets."""
    raws = [value.encode() if isinstance(value, str) else value for value in values]
    hits = 0
    for position, stored in ledger.read_stored(limit=100_000):
        try:
            (recorded,) = ledger.mapper.to_readable([(stored, position)])
        except SecretMissingError:
            continue
        if not isinstance(recorded.event, Erased | Unreadable):
            hits += any(raw in to_data(recorded.event) for raw in raws)
    with ledger.pool.connection() as connection:
        ids = connection.execute("SELECT document_id FROM ledger.documents").fetchall()
    for (document_id,) in ids:
        try:
            hits += any(raw in ledger.read_document(document_id) for raw in raws)
        except (KeyErasedError, KeyLostError, SecretMissingError):
            continue
    return hits


def key_rows(conninfo: str, subjects: Iterable[UUID]) -> list[KeyRow]:
    with psycopg.connect(conninfo) as connection:
        rows = connection.execute(
            "SELECT key_id, subject, purpose FROM ledger.data_keys WHERE subject = ANY(%s)", (list(subjects),)
        ).fetchall()
    return [KeyRow(*row) for row in rows]
