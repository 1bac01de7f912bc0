"""Verification: recompute everything that the log says from the stored bytes, and name the first lie.

Reads one snapshot as the auditor's role, needs no data key, and trusts nothing but the log's public key.
Checked: each event's leaf against its columns and against the digest of the rest; versions of a stream
without a gap; leaf indexes dense and in position order; every hash of every tile; the root and the
signature of every checkpoint; every stored document.
"""

import base64
import hashlib
import re
from binascii import b2a_base64
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import Any

import orjson
import psycopg
from psycopg.sql import SQL

from ledger import checkpoint, leaf, merkle, note, tiles

CHUNK = 4096
PORTION = 64
_EVENTS = """
SELECT e.notification_id, e.originator_id::text, e.originator_version, e.topic, e.state, l.leaf_index,
       l.event_id::text
FROM ledger.events e LEFT JOIN transparency.leaves l ON l.position = e.notification_id
ORDER BY e.notification_id
"""
Row = tuple[int, str, int, str, bytes, int | None, str | None]
# The id of an event that waits for its leaf index is compared with nothing: its form is looked at.
_STRICT = leaf.pattern()
# The events that name a stored document, and what each is called in a finding.
_WITH_DOCUMENT = {"SubmissionReceived": "a submission", "ScanAdded": "a scan"}


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong. `leaf_index` is the first bad one, `position` its place, where they are known."""

    what: str
    leaf_index: int | None = None
    position: int | None = None


class _FoundError(Exception):
    def __init__(self, what: str, *, leaf_index: int | None = None, position: int | None = None) -> None:
        super().__init__(what)
        self.finding = Finding(what, leaf_index, position)


@dataclass(frozen=True, slots=True)
class Verification:
    """What was verified: `events` are all that is stored, `tree_size` those under the last checkpoint."""

    events: int
    tree_size: int
    root_hash: bytes
    checkpoints: int
    documents: int
    finding: Finding | None

    @property
    def sentence(self) -> str:
        """The verdict, in one line for people."""
        if self.finding is None:
            root = base64.b64encode(self.root_hash).decode()
            return f"verify: OK, tree size {self.tree_size}, root {root}"
        index, position = self.finding.leaf_index, self.finding.position
        return f"verify: FAILED, {self.finding.what}; first bad index {index}, position {position}"


def verify(
    conninfo: str, *, log: note.Verifier, seen: Callable[[int], None] = lambda _: None
) -> Verification:
    """Verify the whole log under the pinned public key; `seen` is told how many events are done."""
    options = "-c role=letopis_auditor -c default_transaction_isolation=repeatable\\ read"
    with (
        psycopg.connect(conninfo, options=options) as connection,
        psycopg.connect(conninfo, options=options) as stream,
    ):
        _share_snapshot(connection, stream)
        reading = _Reading(connection, stream, log)
        finding = None
        try:
            reading.read_everything(seen)
        except _FoundError as found:
            finding = found.finding
    size, root = reading.signed[-1] if reading.signed else (0, merkle.EMPTY_ROOT)
    return Verification(reading.events, size, root, len(reading.signed), reading.documents, finding)


def _share_snapshot(one: psycopg.Connection[Any], other: psycopg.Connection[Any]) -> None:
    """Both see the database at one moment."""
    row = one.execute("SELECT pg_export_snapshot()").fetchone()
    assert row is not None
    other.execute(SQL("SET TRANSACTION SNAPSHOT {}").format(row[0]))


@dataclass(slots=True)
class _Reading:
    """One pass over the log: events come through `stream`, everything else is asked by `connection`.
    `frontier` and `edge` (the partial tile of each row) are what was recomputed so far; memory does not
    grow with the log but for one number a stream."""

    connection: psycopg.Connection[Any]
    stream: psycopg.Connection[Any]
    log: note.Verifier
    frontier: merkle.Frontier = field(default_factory=merkle.Frontier)
    edge: dict[tuple[int, int], bytes] = field(default_factory=dict)
    versions: dict[str, int] = field(default_factory=dict)
    signed: list[tuple[int, bytes]] = field(default_factory=list)
    events: int = 0
    documents: int = 0
    waiting: int | None = None
    numbers: dict[str, int] = field(default_factory=dict)

    def read_everything(self, seen: Callable[[int], None]) -> None:
        origin = self._scalar("SELECT origin FROM ledger.identity")
        if origin != self.log.name:
            raise _FoundError("the database is another log than the pinned key's")
        self._read_checkpoints()
        # Ids are compared with the columns, so their form needs no look: that is a tenth of the time.
        leaves = leaf.pattern(origin, ids="[^\n]{36}")
        for rows in self._chunks():
            hashes: list[bytes] = []
            self._read_rows(rows, leaves, hashes)
            self._read_documents(rows)
            roots = self._tile_roots(hashes)
            self._compare_tiles(hashes, roots)
            self._compare_roots(hashes, roots)
            seen(self.events)
        self._compare_ends()

    def _read_checkpoints(self) -> None:
        found = self.connection.execute(
            "SELECT tree_size, root_hash, note FROM log.checkpoints ORDER BY tree_size"
        )
        for tree_size, root_hash, signed in found.fetchall():
            try:
                said = checkpoint.verify(signed, self.log)
            except note.InvalidNoteError as error:
                raise _FoundError(f"checkpoint of size {tree_size}: {error}") from None
            if (said.tree_size, said.root_hash) != (tree_size, root_hash):
                raise _FoundError(f"checkpoint of size {tree_size} is stored beside another note")
            self.signed.append((tree_size, root_hash))

    def _chunks(self) -> Iterator[Sequence[Row]]:
        """All events, some thousands at a time. They come in small portions, so that the database goes on
        while these are worked on."""
        with self.stream.cursor(binary=True) as cursor:
            rows = cursor.stream(_EVENTS, size=PORTION)
            while chunk := list(islice(rows, CHUNK)):
                yield chunk

    def _read_rows(self, rows: Sequence[Row], pattern: re.Pattern[bytes], hashes: list[bytes]) -> None:
        """See that each row's bytes agree with themselves and with the row before it in its stream and in
        the log; the leaf hashes of those that have a leaf index are added. This is the loop that costs."""
        first, versions, sha256 = self.frontier.size, self.versions, hashlib.sha256
        for row in rows:
            position, stream_id, version, name, state, leaf_index, event_id = row
            match = pattern.match(state)
            is_sound = (
                leaf_index == first + len(hashes)
                and match is not None
                and match.group(2, 3, 4, 5)
                == (str(event_id).encode(), stream_id.encode(), b"%d" % version, name.encode())
                and state[(end := match.end()) : end + 1] == b"\n"
                and match[9] == b2a_base64(sha256(state[end + 1 :]).digest(), newline=False)
                and version == versions.get(stream_id, 0) + 1
                and self.waiting is None
            )
            if is_sound:
                hashes.append(sha256(b"\x00" + state[:end]).digest())
            else:
                self._find_fault(row, match, expected=first + len(hashes))
                self.waiting = self.waiting or position
            versions[stream_id] = version
            self.events += 1

    def _find_fault(self, row: Row, match: re.Match[bytes] | None, *, expected: int) -> None:
        """Say what is wrong with a row; nothing is, if it only waits for its leaf index."""
        position, stream_id, version, name, state, leaf_index, _ = row
        fault = partial(_FoundError, leaf_index=leaf_index, position=position)
        if leaf_index is not None and (leaf_index != expected or self.waiting is not None):
            raise _FoundError("an event is missing or was put in", leaf_index=expected, position=position)
        is_strict = leaf_index is not None or _STRICT.match(state) is not None
        places = (stream_id.encode(), b"%d" % version, name.encode())
        if match is None or not is_strict or match.group(3, 4, 5) != places:
            raise fault("the leaf does not agree with its row")
        rest = state[match.end() :]
        digest = b2a_base64(hashlib.sha256(rest[1:]).digest(), newline=False)
        if not rest.startswith(b"\n") or digest != match[9]:
            raise fault("the stored bytes do not agree with their leaf")
        if version != self.versions.get(stream_id, 0) + 1:
            raise fault("a version of the stream is missing")
        if leaf_index is not None:
            raise fault("the leaf index belongs to another event")

    def _read_documents(self, rows: Sequence[Row]) -> None:
        """Every submission's document, and every scan, is there and is the one that the event names."""
        named: dict[str, tuple[tuple[str, str], int, int | None]] = {}
        submitted: list[tuple[str, str, int, int | None]] = []
        for position, stream_id, _, name, state, leaf_index, _ in rows:
            if name in _WITH_DOCUMENT:
                try:
                    event = orjson.loads(state.rpartition(b"\n")[2])
                    document = event["document"]
                    said = (document["key_id"], document["sealed_sha256"])
                    named[document["document_id"]] = (said, position, leaf_index)
                    if name == "SubmissionReceived":
                        submitted.append((stream_id, event["laboratory_id"], position, leaf_index))
                except (ValueError, KeyError, TypeError):
                    what = f"{_WITH_DOCUMENT[name]} names no document"
                    raise _FoundError(what, leaf_index=leaf_index, position=position) from None
        if not named:
            return
        self.documents += len(named)
        self._read_numbers(submitted)
        found = self.connection.execute(
            "SELECT document_id::text, key_id::text, sealed FROM ledger.documents"
            " WHERE document_id = ANY(%s::uuid[])",
            (list(named),),
            binary=True,
        )
        stored = {row[0]: (row[1], hashlib.sha256(row[2]).hexdigest()) for row in found}
        for document_id, (said, position, leaf_index) in named.items():
            if stored.get(document_id) != said:
                what = "a stored document is missing or was changed"
                raise _FoundError(what, leaf_index=leaf_index, position=position)

    def _read_numbers(self, submitted: list[tuple[str, str, int, int | None]]) -> None:
        """Each submission has the number that its place among its laboratory's gives it."""
        found = self.connection.execute(
            "SELECT subject::text, counter::text, number FROM ledger.numbers WHERE subject = ANY(%s::uuid[])",
            ([stream_id for stream_id, *_ in submitted],),
        )
        stored = {row[0]: (row[1], row[2]) for row in found}
        for stream_id, laboratory_id, position, leaf_index in submitted:
            self.numbers[laboratory_id] = self.numbers.get(laboratory_id, 0) + 1
            if stored.get(stream_id) != (laboratory_id, self.numbers[laboratory_id]):
                what = "a submission's number is not its place among its laboratory's"
                raise _FoundError(what, leaf_index=leaf_index, position=position)

    def _tile_roots(self, hashes: list[bytes]) -> list[bytes]:
        """The roots of the full tiles that these leaves make: most of the tree's hashes, computed once for
        the row above and for the frontier."""
        if self.frontier.size % tiles.TILE_WIDTH:
            return []
        starts = range(0, len(hashes) - tiles.TILE_WIDTH + 1, tiles.TILE_WIDTH)
        return [merkle.root_hash(hashes[start : start + tiles.TILE_WIDTH]) for start in starts]

    def _compare_tiles(self, hashes: list[bytes], roots: list[bytes]) -> None:
        """The tiles that these leaves make or widen, as recomputed, against the stored ones: a full tile
        must be equal; a partial one is compared at the end."""
        changed = tiles.changed_tiles(
            self.frontier.size, hashes, lambda level, index, _: self.edge[level, index], roots=roots
        )
        made = [(tile, content) for tile, content in changed]
        full = {(tile.level, tile.index): content for tile, content in made if tile.width == tiles.TILE_WIDTH}
        for tile, content in made:
            if tile.width == tiles.TILE_WIDTH:
                self.edge.pop((tile.level, tile.index), None)
            else:
                self.edge[tile.level, tile.index] = content
        self._compare_stored(full)

    def _compare_stored(self, made: dict[tuple[int, int], bytes], *, is_whole: bool = True) -> None:
        """The recomputed tiles against the stored ones, or against the beginnings of the stored ones."""
        if not made:
            return
        found = self.connection.execute(
            "SELECT level, tile_index, hashes FROM transparency.tiles WHERE (level, tile_index)"
            " IN (SELECT * FROM unnest(%s::int[], %s::bigint[]))",
            ([level for level, _ in made], [index for _, index in made]),
            binary=True,
        )
        stored = {(row[0], row[1]): row[2] for row in found}
        for (level, index), content in sorted(made.items()):
            held = stored.get((level, index), b"")
            held = held if is_whole else held[: len(content)]
            if held != content:
                raise _FoundError(
                    f"tile {level}/{index} is not what its leaves make",
                    leaf_index=_first_bad(level, index, held, content),
                )

    def _compare_roots(self, hashes: list[bytes], roots: list[bytes]) -> None:
        """The root at each size that was signed within these leaves."""
        done = self.frontier.size
        last_good = max((size for size, _ in self.signed if size <= done), default=0)
        for tree_size, root_hash in self.signed:
            if done < tree_size <= done + len(hashes):
                self._extend(tree_size, hashes, roots, first=done)
                if self.frontier.root() != root_hash:
                    # The edge, which is not compared yet, may name the very leaf.
                    self._compare_stored(self.edge, is_whole=False)
                    what = f"the signed root of size {tree_size} is not what the events make"
                    raise _FoundError(what, leaf_index=last_good)
                last_good = tree_size
        self._extend(done + len(hashes), hashes, roots, first=done)

    def _extend(self, size: int, hashes: list[bytes], roots: list[bytes], *, first: int) -> None:
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

    def _compare_ends(self) -> None:
        size = self.frontier.size
        for tree_size, _ in self.signed:
            if tree_size > size:
                raise _FoundError(f"size {tree_size} was signed, {size} events are left", leaf_index=size)
        leaves = self._scalar("SELECT count(*) FROM transparency.leaves")
        if leaves != size:
            raise _FoundError(f"{leaves} leaf indexes are given, {size} events have one", leaf_index=size)
        self._compare_stored(self.edge)
        count = self._scalar("SELECT count(*) FROM transparency.tiles")
        if count != sum(1 for _ in tiles.tiles_of(size)):
            raise _FoundError("there are tiles that no leaves make")
        stored = self._scalar("SELECT count(*) FROM ledger.documents")
        if stored != self.documents:
            raise _FoundError(f"{stored} documents are stored, {self.documents} are named")
        stored = self._scalar("SELECT count(*) FROM ledger.numbers")
        if stored != sum(self.numbers.values()):
            raise _FoundError(f"{stored} numbers are given, {sum(self.numbers.values())} submissions came")

    def _scalar(self, query: str) -> Any:
        row = self.connection.execute(query.encode()).fetchone()
        return row[0] if row else None


def _first_bad(level: int, index: int, held: bytes, content: bytes) -> int:
    """The first leaf under the first hash that differs."""
    size = merkle.HASH_SIZE_BYTES
    same = 0
    while held[: (same + 1) * size] == content[: (same + 1) * size] and (same + 1) * size <= len(content):
        same += 1
    return int((index * tiles.TILE_WIDTH + same) * tiles.TILE_WIDTH**level)
