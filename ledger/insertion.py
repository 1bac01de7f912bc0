"""Statements that put appends into the ledger, whole or not at all: events, and what is stored beside.

Everything here runs on a connection that somebody else holds; nothing here waits or tries again.
"""

import hashlib
import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, NamedTuple
from uuid import UUID

import psycopg
from eventsourcing.persistence import StoredEvent
from psycopg.rows import tuple_row
from psycopg.types.numeric import Int8

from domain.submission import SubmissionReceived
from ledger.arrays import BIGINTS, BYTES, INTEGERS, TEXTS, UUIDS, Column, Element, column
from ledger.keys import NewKey
from ledger.wiping import Wipe, is_overtaken, wipe_out

# A caller's events go in one statement up to this many; more are copied.
COPY_FROM = 200
COPY_BLOCK_BYTES = 500_000
# A document that is longer is stored by a statement of its own, where there are several anyway.
LARGE_BYTES = 100_000
_INSERT_EVENTS = (
    "INSERT INTO ledger.events (originator_id, originator_version, topic, state)"
    " SELECT * FROM unnest(%b::uuid[], %b::bigint[], %b::text[], %b::bytea[]) RETURNING notification_id"
)
# The guards are looked at first: nothing is inserted unless all of them hold.
_INSERT_GUARDED = _INSERT_EVENTS.replace(
    " RETURNING", " WHERE (SELECT ledger.require_guards(%b::uuid[], %b::bigint[])) RETURNING"
)
# Nothing is inserted under a destroyed key, or for an erased patient.
_UNERASED = "(SELECT ledger.require_unerased(%b::uuid[], %b::uuid[]))"
# What may be stored beside the events, in the same transaction: field of an append, statement, and its
# columns by the items' attribute and type.
_BESIDE: tuple[tuple[str, str, tuple[tuple[str, Element], ...]], ...] = (
    (
        "marks",
        (
            "INSERT INTO ledger.blind_index (kind, mark, subject)"
            " SELECT * FROM unnest(%b::text[], %b::bytea[], %b::uuid[])"
        ),
        (("kind", TEXTS), ("mark", BYTES), ("subject", UUIDS)),
    ),
    (
        "released",
        (
            "DELETE FROM ledger.blind_index b USING unnest(%b::text[], %b::bytea[], %b::uuid[])"
            " AS r (kind, mark, subject) WHERE (b.kind, b.mark, b.subject) = (r.kind, r.mark, r.subject)"
        ),
        (("kind", TEXTS), ("mark", BYTES), ("subject", UUIDS)),
    ),
    (
        "moved",
        (
            "UPDATE ledger.blind_index b SET subject = m.new_subject FROM unnest(%b::text[], %b::bytea[],"
            " %b::uuid[], %b::uuid[]) AS m (kind, mark, subject, new_subject)"
            " WHERE (b.kind, b.mark, b.subject) = (m.kind, m.mark, m.subject)"
        ),
        (("kind", TEXTS), ("mark", BYTES), ("subject", UUIDS), ("new_subject", UUIDS)),
    ),
    (
        "documents",
        (
            "INSERT INTO ledger.documents (document_id, key_id, sealed)"
            " SELECT * FROM unnest(%b::uuid[], %b::uuid[], %b::bytea[])"
        ),
        (("document_id", UUIDS), ("key_id", UUIDS), ("sealed", BYTES)),
    ),
    (
        "keys",
        (
            "INSERT INTO ledger.data_keys (key_id, subject, purpose, epoch, wrapped)"
            " SELECT * FROM unnest(%b::uuid[], %b::uuid[], %b::text[], %b::int[], %b::bytea[])"
        ),
        (
            ("key_id", UUIDS),
            ("subject", UUIDS),
            ("purpose", TEXTS),
            ("epoch", INTEGERS),
            ("wrapped", BYTES),
        ),
    ),
    (
        "numbered",
        ("INSERT INTO ledger.numbers (counter, subject) SELECT * FROM unnest(%b::uuid[], %b::uuid[])"),
        (("counter", UUIDS), ("subject", UUIDS)),
    ),
    (
        "erased",
        (
            "UPDATE ledger.data_keys SET wrapped = NULL, erased_at = clock_timestamp()"
            " WHERE subject = ANY(%b::uuid[]) AND wrapped IS NOT NULL"
        ),
        (("subject", UUIDS),),
    ),
)
# What the database says to an event that does not follow the one before it (migration 0001).
GAP = "LE001"
# What it says to what would be stored under a destroyed key, or for an erased patient (migration 0034).
ERASED = "LE003"
# The lock that the trigger takes (migration 0001): taken before looking, what is seen then stays true.
TAKE_LOCK = "SELECT pg_advisory_xact_lock(7597119)"
# By itself: as one of many, in an array, it would be copied three times more.
_INSERT_DOCUMENT = "INSERT INTO ledger.documents (document_id, key_id, sealed) VALUES (%b, %b, %b)"
_COPY_EVENTS = (
    "COPY ledger.events (originator_id, originator_version, topic, state) FROM STDIN (FORMAT binary)"
)


class StreamConflictError(Exception):
    """Somebody else appended to the stream first: load it again and decide again."""


@dataclass(frozen=True, slots=True)
class Mark:
    """An entry of the blind index: this keyed mark belongs to this subject."""

    kind: str
    mark: bytes
    subject: UUID


@dataclass(frozen=True, slots=True)
class MovedMark:
    """An entry of the blind index that goes over to another subject, so that nobody else can take it between."""

    kind: str
    mark: bytes
    subject: UUID
    new_subject: UUID


@dataclass(frozen=True, slots=True)
class Document:
    """Sealed bytes that are stored together with the events that name them. `commitment` is a keyed
    digest of the `size_bytes` bytes that were sealed."""

    document_id: UUID
    key_id: UUID
    sealed: bytes
    commitment: bytes
    size_bytes: int

    @property
    def sha256(self) -> str:
        """The digest (hex) by which an event names these bytes."""
        return hashlib.sha256(self.sealed).hexdigest()


@dataclass(frozen=True, slots=True)
class Guard:
    """A decision looked at this stream at this version: if it has moved on, the append is a conflict.
    So what is recorded obeys the state at its own position, not at the time of some earlier look."""

    stream_id: UUID
    version: int


@dataclass(frozen=True, slots=True)
class Numbered:
    """The subject gets the next number of this counter: from 1, and without a gap."""

    counter: UUID
    subject: UUID


def numbered(events: Iterable[tuple[UUID, object]]) -> list[Numbered]:
    """Whoever records, in a stream, that a submission was received: it is counted, so that none can go missing."""
    return [
        Numbered(event.laboratory_id, stream_id)
        for stream_id, event in events
        if isinstance(event, SubmissionReceived)
    ]


@dataclass(frozen=True, slots=True)
class Erasure:
    """The data keys of this subject are destroyed: nothing that they sealed can be opened any more."""

    subject: UUID


class Prepared(NamedTuple):
    """What is to be stored, and what seals it: keys that are new, and those that were there before."""

    events: Sequence[StoredEvent]
    keys: Sequence[NewKey] = ()
    used_keys: Sequence[UUID] = ()


@dataclass(slots=True)
class Append:
    """What one caller asks for: all of it is stored, or nothing. `prepare` makes what is stored; it is called once, by
    whoever stores the batch. It must not hold the append: such circles stay, with all events in them, until the
    interpreter looks for them. `wake` is held until the caller's fate is known."""

    prepare: Callable[[], Prepared]
    marks: Sequence[Mark] = ()
    released: Sequence[Mark] = ()
    moved: Sequence[MovedMark] = ()
    documents: Sequence[Document] = ()
    guards: Sequence[Guard] = ()
    numbered: Sequence[Numbered] = ()
    erased: Sequence[Erasure] = ()
    wiped: Wipe | None = None
    # Streams of erasures of the patients whom the events bring personal data of.
    erasures: Sequence[UUID] = ()
    events: Sequence[StoredEvent] = ()
    keys: Sequence[NewKey] = ()
    used_keys: Sequence[UUID] = ()
    positions: Sequence[int] | None = None
    error: Exception | None = None
    wake: Any = field(default_factory=Lock)

    @property
    def destroys(self) -> bool:
        return bool(self.erased) or self.wiped is not None

    @property
    def is_decided(self) -> bool:
        return self.positions is not None or self.error is not None


def fitting(connection: psycopg.Connection[Any], batch: Sequence[Append]) -> list[Append]:
    """Those of the batch whose guards hold, under the append lock; the others are told of the conflict."""
    connection.execute(TAKE_LOCK)
    for request in batch:
        if request.wiped is not None and is_overtaken(connection, request.wiped):
            request.error = StreamConflictError(request.events[0].topic)
    batch = [request for request in batch if request.error is None]
    guards = {(guard.stream_id, guard.version + 1) for request in batch for guard in request.guards}
    if not guards:
        return list(batch)
    cursor = connection.cursor(row_factory=tuple_row)
    cursor.execute(
        "SELECT originator_id, originator_version FROM ledger.events"
        " WHERE (originator_id, originator_version) IN (SELECT * FROM unnest(%b::uuid[], %b::bigint[]))",
        ([stream_id for stream_id, _ in guards], [Int8(version) for _, version in guards]),
    )
    return apart(batch, cursor.fetchall())


def apart(batch: Sequence[Append], stored: Iterable[tuple[object, int]] = ()) -> list[Append]:
    """Those of the batch whose guards neither what is stored nor an earlier one of the batch moves on; the
    others are told of the conflict."""
    moved = set(stored)
    fitting = []
    for request in batch:
        if any((guard.stream_id, guard.version + 1) in moved for guard in request.guards):
            request.error = StreamConflictError(request.events[0].topic)
            continue
        fitting.append(request)
        # Those behind in the same batch are recorded after it, so they must see what it changes.
        moved.update((event.originator_id, event.originator_version) for event in request.events)
    return fitting


def is_copied(batch: Sequence[Append]) -> bool:
    """Whether the batch is so large that it takes a COPY, and so a transaction of several statements. One that
    destroys is stored so, too: what it destroys is looked for when it has the append lock, and not before."""
    return sum(len(request.events) for request in batch) > COPY_FROM or any(one.destroys for one in batch)


def insert(connection: psycopg.Connection[Any], batch: Sequence[Append]) -> list[int]:
    """The positions of the batch's events, in their order. One statement, so one round trip and,
    outside a transaction block, one transaction. With a guard that does not hold all of it fails; of a
    batch that is copied the guards must have been looked at (`fitting`)."""
    events = [event for request in batch for event in request.events]
    copied = is_copied(batch)
    large = [one for request in batch for one in request.documents if copied and _is_large(one)]
    beside = list(_beside(batch, large))
    unerased = _unerased(batch)
    cursor = connection.cursor(row_factory=tuple_row)
    if copied:
        with connection.transaction():
            if unerased:
                cursor.execute("SELECT " + _UNERASED, unerased)
            for _, statement, columns in beside:
                cursor.execute(statement, columns, prepare=True)
            for document in large:
                cursor.execute(_INSERT_DOCUMENT, (document.document_id, document.key_id, document.sealed))
            positions = _copy(cursor, events)
            for wipe in (request.wiped for request in batch if request.wiped is not None):
                wipe_out(cursor, wipe)
            return positions
    columns = [
        column(UUIDS, [event.originator_id for event in events]),
        column(BIGINTS, [event.originator_version for event in events]),
        column(TEXTS, [event.topic for event in events]),
        column(BYTES, [event.state for event in events]),
    ]
    statement = _INSERT_EVENTS
    guards = {(guard.stream_id, guard.version + 1) for request in batch for guard in request.guards}
    if guards:
        statement = _INSERT_GUARDED
        columns += [column(UUIDS, [stream for stream, _ in guards]), column(BIGINTS, [v for _, v in guards])]
    if unerased:
        word = "AND" if guards else "WHERE"
        statement = statement.replace(" RETURNING", f" {word} {_UNERASED} RETURNING")
        columns += unerased
    more = [column for _, _, part in beside for column in part]
    if beside:
        first = ", ".join(f"{field} AS ({statement})" for field, statement, _ in beside)
        statement = f"WITH {first} {statement}"
    cursor.execute(statement, more + columns, prepare=True)
    return [row[0] for row in cursor.fetchall()]


def _unerased(batch: Sequence[Append]) -> list[Column]:
    """What must not be erased: keys that seal, and patients, by the streams of their erasures."""
    keys = {key_id for request in batch for key_id in request.used_keys}
    erasures = {stream_id for request in batch for stream_id in request.erasures}
    return [column(UUIDS, list(keys)), column(UUIDS, list(erasures))] if keys or erasures else []


def _is_large(document: Document) -> bool:
    return len(document.sealed) > LARGE_BYTES


def _beside(
    batch: Sequence[Append], large: Sequence[Document] = ()
) -> Iterator[tuple[str, str, list[Column]]]:
    """What is to be stored beside the events, but for large documents: field, statement, and its columns."""
    for field_name, statement, columns in _BESIDE:
        items = [item for request in batch for item in getattr(request, field_name)]
        if large and field_name == "documents":
            items = [item for item in items if not _is_large(item)]
        if items:
            yield (
                field_name,
                statement,
                [column(element, [getattr(item, name) for item in items]) for name, element in columns],
            )


def _copy(cursor: psycopg.Cursor[Any], events: Sequence[StoredEvent]) -> list[int]:
    """As `_insert`, for many: the rows in the binary form of COPY. The append lock makes the
    positions one unbroken run that ends at the sequence's last value."""
    pack_head = struct.Struct(">hi16siqi").pack
    pack_length = struct.Struct(">i").pack
    with cursor.copy(_COPY_EVENTS) as copy:
        parts = [b"PGCOPY\n\xff\r\n\x00" + bytes(8)]
        pending = 0
        for event in events:
            topic = event.topic.encode()
            assert isinstance(event.originator_id, UUID)
            parts += (
                pack_head(4, 16, event.originator_id.bytes, 8, event.originator_version, len(topic)),
                topic,
                pack_length(len(event.state)),
                event.state,
            )
            pending += len(event.state)
            if pending > COPY_BLOCK_BYTES:
                copy.write(b"".join(parts))
                parts, pending = [], 0
        copy.write(b"".join(parts) + b"\xff\xff")
    row = cursor.execute("SELECT currval('ledger.events_notification_id_seq')").fetchone()
    assert row is not None
    return list(range(row[0] - len(events) + 1, row[0] + 1))


def stored_positions(connection: psycopg.Connection[Any], request: Append) -> list[int] | None:
    """The positions of the caller's events if they are stored byte for byte, None if their places are
    free. Places that hold somebody else's events are a conflict."""
    cursor = connection.cursor(row_factory=tuple_row)
    positions = []
    for event in request.events:
        row = cursor.execute(
            "SELECT notification_id, state FROM ledger.events"
            " WHERE originator_id = %s AND originator_version = %s",
            (event.originator_id, event.originator_version),
        ).fetchone()
        if row is not None and row[1] != event.state:
            raise StreamConflictError(event.topic)
        if row is not None:
            positions.append(row[0])
    return positions if len(positions) == len(request.events) else None
