"""Verification: recompute everything that the log says from the stored bytes, and name the first lie.

Reads one snapshot as the auditor's role, needs no data key, and trusts nothing but the log's public key.
Checked: each event's leaf against its columns and against the digest of the rest; versions of a stream
without a gap; leaf indexes dense and in position order; every hash of every tile; the root and the
signature of every checkpoint, also of those that went out to others; every stored document. A database
that was put back as it was, whole, agrees with itself: that is seen by a checkpoint that somebody kept.

A large log is read in stretches, on all cores. Only if anything in them is not sound, and for a small log,
everything is read in one pass from the beginning: it says what is wrong first.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import psycopg

from ledger import checkpoint, cosignature, merkle, note, stored_rows, tiles
from ledger.cosignature import CosignatureVerifier
from ledger.growing_tree import GrowingTree, stored_tiles
from ledger.log_stretch import Reader, Snapshot
from ledger.stored_rows import Fault, NamesNothingError, Row, Submitted
from projections import verify_stretches
from projections.verification import Finding, FoundError, Verification
from projections.verify_erasures import ErasedBy, verify_erasures
from projections.verify_stretches import Joined

_OPTIONS = "-c role=letopis_auditor -c default_transaction_isolation=repeatable\\ read"


def verify(
    conninfo: str,
    *,
    log: note.Verifier,
    seen: Callable[[int], None] = lambda _: None,
    kept: Sequence[bytes] = (),
    cosigners: Sequence[CosignatureVerifier] = (),
    processes: int | None = None,
) -> Verification:
    """Verify the whole log under the pinned public key; `seen` is told how many events are done. `kept` are
    checkpoints that somebody holds outside the database: the log must go on from each of them. `cosigners` are the
    log's second key, and those of witnesses, by which what was published is looked at. A large log is shared by so
    many processes; None: as many as keep all cores busy."""
    with psycopg.connect(conninfo, options=_OPTIONS) as connection:
        row = connection.execute("SELECT pg_export_snapshot()").fetchone()
        assert row is not None
        reading = _Reading(connection, Snapshot(conninfo, _OPTIONS, row[0]), log, kept, cosigners)
        finding = None
        try:
            reading.read_everything(seen, verify_stretches.at_once() if processes is None else processes)
        except FoundError as found:
            finding = found.finding
    size, root = reading.signed[-1] if reading.signed else (0, merkle.EMPTY_ROOT)
    return Verification(
        reading.events,
        size,
        root,
        len(reading.signed),
        reading.documents,
        finding,
        tuple(reading.erasures),
    )


@dataclass(slots=True)
class _Reading:
    """One verification of the log. In one pass, memory does not grow with the log but for one number a stream."""

    connection: psycopg.Connection[Any]
    snapshot: Snapshot
    log: note.Verifier
    kept: Sequence[bytes]
    cosigners: Sequence[CosignatureVerifier]
    tree: GrowingTree = field(default_factory=GrowingTree)
    versions: dict[str, int] = field(default_factory=dict)
    signed: list[tuple[int, bytes]] = field(default_factory=list)
    held: list[tuple[int, bytes]] = field(default_factory=list)
    expected: list[tuple[int, bytes]] = field(default_factory=list)
    stored: list[tuple[Any, ...]] = field(default_factory=list)
    events: int = 0
    documents: int = 0
    destroyed: int = 0
    gone: frozenset[str] = frozenset()
    erasures: list[ErasedBy] = field(default_factory=list)
    waiting: int | None = None
    numbers: dict[str, int] = field(default_factory=dict)
    destroying: list[int] = field(default_factory=list)
    sealed: dict[str, int] = field(default_factory=dict)

    def read_everything(self, seen: Callable[[int], None], processes: int) -> None:
        origin = self._scalar("SELECT origin FROM ledger.identity")
        if origin != self.log.name:
            raise FoundError("the database is another log than the pinned key's")
        self._read_checkpoints()
        self.gone = stored_rows.gone_keys(self.connection)
        if processes == 1 or not self._is_sound_in_stretches(seen, processes):
            self._read_in_one_pass(seen)
            self._compare_ends()

    def _is_sound_in_stretches(self, seen: Callable[[int], None], processes: int) -> bool:
        reader = Reader(self.snapshot, self.log.name, self.gone)
        joined = verify_stretches.read_in_stretches(
            self.connection, reader, self.expected, processes=processes, seen=seen
        )
        if joined is None:
            return False
        self._take(joined)
        try:
            self._compare_ends()
        except FoundError:
            self._take(Joined())
            return False
        return True

    def _take(self, joined: Joined) -> None:
        self.tree = GrowingTree(joined.frontier)
        self.events, self.documents, self.destroyed = joined.events, joined.documents, joined.destroyed
        self.numbers, self.destroying, self.sealed = joined.numbers, joined.destroying, joined.sealed

    def _read_in_one_pass(self, seen: Callable[[int], None]) -> None:
        with self.snapshot.opened() as stream:
            for rows in stored_rows.chunks(stream):
                hashes: list[bytes] = []
                try:
                    self._read_rows(rows, hashes)
                except FoundError:
                    # A row before may be a lie that agrees with itself: its tile tells.
                    self._compare_stored(self.tree.begun_tiles(hashes), is_whole=False)
                    raise
                self._read_documents(rows)
                self.destroying += stored_rows.destroying(rows)
                self.sealed |= stored_rows.last_sealed(rows, self.gone)
                roots = self.tree.tile_roots(hashes)
                self._compare_stored(self.tree.full_tiles(hashes, roots))
                self._compare_roots(hashes, roots)
                seen(self.events)

    def _read_checkpoints(self) -> None:
        self.stored = self.connection.execute(
            "SELECT tree_size, root_hash, note FROM log.checkpoints ORDER BY tree_size"
        ).fetchall()
        for tree_size, root_hash, signed in self.stored:
            try:
                said = checkpoint.verify(signed, self.log)
            except note.InvalidNoteError as error:
                raise FoundError(f"checkpoint of size {tree_size}: {error}") from None
            if (said.tree_size, said.root_hash) != (tree_size, root_hash):
                raise FoundError(f"checkpoint of size {tree_size} is stored beside another note")
            self.signed.append((tree_size, root_hash))
        self._check_all_published()
        try:
            kept = [checkpoint.verify(one, self.log) for one in self.kept]
        except note.InvalidNoteError as error:
            raise FoundError(f"the kept checkpoint: {error}") from None
        self.held = [(one.tree_size, one.root_hash) for one in kept]
        self.expected = sorted({*self.signed, *self.held})

    def _check_all_published(self) -> None:
        notes = {size: signed for size, _, signed in self.stored}
        with self.connection.cursor("published") as published:
            published.execute("SELECT tree_size, published_at, note FROM log.published ORDER BY 1, 2")
            for tree_size, published_at, content in published:
                try:
                    self._check_published(notes.get(tree_size), published_at, content)
                except note.InvalidNoteError as error:
                    raise FoundError(f"published checkpoint of size {tree_size}: {error}") from None

    def _check_published(self, signed: bytes | None, published_at: datetime, content: bytes) -> None:
        """It begins with the note that was signed, and under it stands the log's second signature, of that time."""
        if signed is None or not content.startswith(signed):
            raise note.InvalidNoteError("it is not what was signed")
        if self.cosigners:
            found = cosignature.verify_all(note.parse(content), self.cosigners)
            if found.get(self.cosigners[0]) != int(published_at.timestamp()):
                raise note.InvalidNoteError("the log's second signature is missing, or of another time")

    def _read_rows(self, rows: Sequence[Row], hashes: list[bytes]) -> None:
        """See that each row's bytes agree with themselves and with the row before it in its stream and in
        the log; the leaf hashes of those that have a leaf index are added."""
        origin, first, sound = self.log.name, self.tree.frontier.size, 0
        if self.waiting is None:
            sound = stored_rows.take_sound(rows, origin, first=first, versions=self.versions, hashes=hashes)
        self.events += sound
        for row in rows[sound:]:
            position, stream_id, version, *_ = row
            fault = stored_rows.fault_of(
                row,
                origin,
                expected=first + len(hashes),
                before=self.versions.get(stream_id, 0),
                is_behind=self.waiting is not None,
            )
            if fault is not None:
                raise _found(fault)
            self.waiting = self.waiting or position
            self.versions[stream_id] = version
            self.events += 1

    def _read_documents(self, rows: Sequence[Row]) -> None:
        """Every submission's document, and every scan, is there and is the one that the event names."""
        try:
            named, submitted = stored_rows.named_documents(rows)
        except NamesNothingError as error:
            raise _found(error.fault) from None
        if not named:
            return
        self.documents += len(named)
        self._read_numbers(submitted)
        stored = stored_rows.stored_documents(self.connection, list(named))
        for document_id, said in named.items():
            if document_id not in stored and said.key_id in self.gone:
                self.destroyed += 1
            elif stored.get(document_id) != (said.key_id, said.sealed_sha256):
                what = "a stored document is missing or was changed"
                raise FoundError(what, leaf_index=said.leaf_index, position=said.position)

    def _read_numbers(self, submitted: Sequence[Submitted]) -> None:
        """Each submission has the number that its place among its laboratory's gives it."""
        stored = stored_rows.stored_numbers(self.connection, [one.stream_id for one in submitted])
        for one in submitted:
            number = self.numbers.get(one.laboratory_id, 0) + 1
            self.numbers[one.laboratory_id] = number
            if stored.get(one.stream_id) != (one.laboratory_id, number):
                what = "a submission's number is not its place among its laboratory's"
                raise FoundError(what, leaf_index=one.leaf_index, position=one.position)

    def _compare_stored(self, made: dict[tuple[int, int], bytes], *, is_whole: bool = True) -> None:
        """The recomputed tiles against the stored ones, or against the beginnings of the stored ones."""
        stored = stored_tiles(self.connection, made)
        for (level, index), content in sorted(made.items()):
            held = stored.get((level, index), b"")
            held = held if is_whole else held[: len(content)]
            if held != content:
                raise FoundError(
                    f"tile {level}/{index} is not what its leaves make",
                    leaf_index=_first_bad(level, index, held, content),
                )

    def _compare_roots(self, hashes: list[bytes], roots: list[bytes]) -> None:
        """The root at each size that was signed within these leaves."""
        done = self.tree.frontier.size
        for tree_size, root_hash in self.expected:
            if done < tree_size <= done + len(hashes):
                self.tree.extend(tree_size, hashes, roots, first=done)
                if self.tree.frontier.root() != root_hash:
                    # The edge, which is not compared yet, may name the very leaf.
                    self._compare_stored(self.tree.edge, is_whole=False)
                    what = f"the signed root of size {tree_size} is not what the events make"
                    raise FoundError(what, leaf_index=self._last_good(tree_size, root_hash))
        self.tree.extend(done + len(hashes), hashes, roots, first=done)

    def _last_good(self, tree_size: int, root_hash: bytes) -> int:
        """The largest size below whose root was right. Where only somebody outside knows better, what is signed
        in here is a thief's, and only what was kept counts."""
        trusted = self.signed if (tree_size, root_hash) in self.signed else self.held
        return max((size for size, _ in trusted if size < tree_size), default=0)

    def _compare_ends(self) -> None:
        size = self.tree.frontier.size
        for tree_size, _ in self.expected:
            if tree_size > size:
                raise FoundError(f"size {tree_size} was signed, {size} events are left", leaf_index=size)
        leaves = self._scalar("SELECT count(*) FROM transparency.leaves")
        if leaves != size:
            raise FoundError(f"{leaves} leaf indexes are given, {size} events have one", leaf_index=size)
        self._compare_stored(self.tree.edge)
        count = self._scalar("SELECT count(*) FROM transparency.tiles")
        if count != sum(1 for _ in tiles.tiles_of(size)):
            raise FoundError("there are tiles that no leaves make")
        stored = self._scalar("SELECT count(*) FROM ledger.documents")
        if stored != self.documents - self.destroyed:
            named = f"{self.documents} are named, {self.destroyed} of them destroyed"
            raise FoundError(f"{stored} documents are stored, {named}")
        self.erasures, fault = verify_erasures(self.connection, self.destroying, self.sealed)
        if fault is not None:
            raise FoundError(fault.what, leaf_index=fault.leaf_index, position=fault.position)
        followed = self._scalar("SELECT position FROM transparency.tracking")
        if followed < self._scalar("SELECT coalesce(max(position), 0) FROM transparency.leaves"):
            raise FoundError("the position that leaf indexes have reached was set back", leaf_index=size)
        stored = self._scalar("SELECT count(*) FROM ledger.numbers")
        if stored != sum(self.numbers.values()):
            raise FoundError(f"{stored} numbers are given, {sum(self.numbers.values())} submissions came")

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


def _found(fault: Fault) -> FoundError:
    return FoundError(fault.what, leaf_index=fault.leaf_index, position=fault.position)


__all__ = ["Finding", "Verification", "verify"]
