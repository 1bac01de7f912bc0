"""The one way events are written: in position order, many callers sharing one transaction.

Position order is commit order because the database takes the append lock in a trigger (migration 0001)
before the first position is drawn. Readers may therefore follow by position alone.
"""

import hashlib
import struct
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Lock
from time import monotonic, sleep
from typing import Any
from uuid import UUID

import psycopg
from eventsourcing.persistence import StoredEvent
from eventsourcing.postgres import ConnectionPool, PostgresApplicationRecorder, PostgresDatastore
from psycopg.rows import dict_row, tuple_row
from psycopg.types.numeric import Int8

from ledger.keys import NewKey

SCHEMA = "ledger"
# A caller's events go in one statement up to this many; more are copied.
COPY_FROM = 200
# A transaction takes no more than this, so that a late caller does not wait for a huge one.
BATCH_EVENTS = 1000
BATCH_BYTES = 8_000_000
# How long a lost connection is tried again before the outcome is called unknown.
RECONNECT_SECONDS = 10.0

_INSERT_EVENTS = (
    "INSERT INTO ledger.events (originator_id, originator_version, topic, state)"
    " SELECT * FROM unnest(%b::uuid[], %b::bigint[], %b::text[], %b::bytea[]) RETURNING notification_id"
)
_INSERT_ALL = (
    "WITH marked AS (INSERT INTO ledger.blind_index (kind, mark, subject)"
    " SELECT * FROM unnest(%b::text[], %b::bytea[], %b::uuid[])),"
    " released AS (DELETE FROM ledger.blind_index b"
    " USING unnest(%b::text[], %b::bytea[], %b::uuid[]) AS r (kind, mark, subject)"
    " WHERE (b.kind, b.mark, b.subject) = (r.kind, r.mark, r.subject)),"
    " stored AS (INSERT INTO ledger.documents (document_id, key_id, sealed)"
    " SELECT * FROM unnest(%b::uuid[], %b::uuid[], %b::bytea[])),"
    " keyed AS (INSERT INTO ledger.data_keys (key_id, subject, purpose, epoch, wrapped)"
    " SELECT * FROM unnest(%b::uuid[], %b::uuid[], %b::text[], %b::int[], %b::bytea[])) " + _INSERT_EVENTS
)
# The lock that the trigger takes (migration 0001): taken before looking, what is seen then stays true.
_TAKE_LOCK = "SELECT pg_advisory_xact_lock(7597119)"
_COPY_EVENTS = (
    "COPY ledger.events (originator_id, originator_version, topic, state) FROM STDIN (FORMAT binary)"
)


class StreamConflictError(Exception):
    """Somebody else appended to the stream first: load it again and decide again."""


class MarkTakenError(Exception):
    """The phone, policy or other number has an owner already; `kind` says which number."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


class OutcomeUnknownError(Exception):
    """The database went away and did not come back in time: the events may or may not be stored.
    Doing the same again with the same ids is safe."""


@dataclass(frozen=True, slots=True)
class Mark:
    """An entry of the blind index: this keyed mark belongs to this subject."""

    kind: str
    mark: bytes
    subject: UUID


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


@dataclass(slots=True)
class _Append:
    """One caller's events: all stored, or none. `wake` is held until its fate is known."""

    events: Sequence[StoredEvent]
    marks: Sequence[Mark] = ()
    released: Sequence[Mark] = ()
    keys: Sequence[NewKey] = ()
    documents: Sequence[Document] = ()
    guards: Sequence[Guard] = ()
    positions: Sequence[int] | None = None
    error: Exception | None = None
    wake: Any = field(default_factory=Lock)

    @property
    def is_decided(self) -> bool:
        return self.positions is not None or self.error is not None

    @property
    def has_more_than_events(self) -> bool:
        return bool(self.marks or self.released or self.keys or self.documents)


class LedgerRecorder(PostgresApplicationRecorder):
    """The library's recorder over ledger.events; reading is the library's, writing is ours."""

    def __init__(self, conninfo: str, *, pool_size: int = 4, options: str = "") -> None:
        # The library builds its pool from five separate words; ours takes any conninfo.
        datastore = PostgresDatastore("", "", "", "", "", schema=SCHEMA)
        datastore.db_type_names = _NoNames()
        datastore.pool = ConnectionPool(
            conninfo,
            connection_class=psycopg.Connection[Any],
            kwargs={"row_factory": dict_row, "autocommit": True, "options": options},
            min_size=1,
            max_size=pool_size,
            open=True,
            check=ConnectionPool.check_connection,
            timeout=5.0,
        )
        super().__init__(datastore, events_table_name="events")
        # A batch has one leader, the caller who found nobody leading; the others wait to be woken.
        # The lock guards the two fields below it and is never held while the database is asked.
        self._queue_lock = Lock()
        self._queue: deque[_Append] = deque()
        self._is_led = False

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int]:
        """Store one caller's events, all or none, and return their positions.

        Raises StreamConflictError, MarkTakenError or OutcomeUnknownError."""
        request = _Append(stored_events, **kwargs)
        if not stored_events:
            return ()
        with self._queue_lock:
            self._queue.append(request)
            leads, self._is_led = not self._is_led, True
            if not leads:
                request.wake.acquire()
        if not leads:
            try:
                request.wake.acquire()
            except BaseException:
                self._leave(request)
                raise
            leads = not request.is_decided
        if leads:
            self._lead()
        if request.error is not None:
            raise request.error
        assert request.positions is not None
        return request.positions

    def _lead(self) -> None:
        """Store what is queued, appoint the next leader, wake those who are served."""
        with self._queue_lock:
            batch = self._take()
        try:
            self._store(batch)
        except BaseException as error:
            for request in batch:
                if not request.is_decided:
                    request.error = OutcomeUnknownError(type(error).__name__)
            raise
        finally:
            self._appoint()
            for request in batch[1:]:
                request.wake.release()

    def _appoint(self) -> None:
        """Whoever is first in the queue leads next; if nobody is there, the next caller."""
        with self._queue_lock:
            successor = self._queue[0] if self._queue else None
            self._is_led = successor is not None
        if successor is not None:
            successor.wake.release()

    def _leave(self, request: _Append) -> None:
        """A caller was interrupted while it waited: it must not be appointed, or nobody would lead."""
        with self._queue_lock:
            is_queued = request in self._queue
            was_first = is_queued and self._queue[0] is request
            if is_queued:
                self._queue.remove(request)
        if was_first and not request.wake.acquire(blocking=False):
            return
        if was_first:
            self._appoint()

    def _take(self) -> list[_Append]:
        """The head of the queue, and those after it that fit in one transaction with it."""
        batch = [self._queue.popleft()]
        events, size = _weight(batch[0])
        while self._queue:
            more_events, more_size = _weight(self._queue[0])
            events, size = events + more_events, size + more_size
            if events > BATCH_EVENTS or size > BATCH_BYTES:
                break
            batch.append(self._queue.popleft())
        return batch

    def _store(self, batch: list[_Append]) -> None:
        """All in one transaction; if anything is wrong, each alone, so that no neighbour is hurt."""
        try:
            with self.datastore.pool.connection() as connection:
                if any(request.guards for request in batch):
                    with connection.transaction():
                        batch = _fitting(connection, batch)
                        positions = _insert(connection, batch) if batch else []
                else:
                    positions = _insert(connection, batch)
        except psycopg.Error:
            give_up = monotonic() + RECONNECT_SECONDS
            for request in batch:
                self._store_alone(request, give_up)
            return
        given = iter(positions)
        for request in batch:
            request.positions = [next(given) for _ in request.events]

    def _store_alone(self, request: _Append, give_up: float) -> None:
        """One caller's events, after something failed. Whatever the failure was, look first whether
        they are stored: a reply may have been lost after the commit (reliability.md, 0.3). All of a
        batch give up at the same time, so that nobody waits for the waits of others."""
        while True:
            patience = max(0.05, give_up - monotonic())
            try:
                with self.datastore.pool.connection(patience) as connection, connection.transaction():
                    connection.execute(_TAKE_LOCK)
                    request.positions = _stored_positions(connection, request)
                    if request.positions is None and _fitting(connection, [request]):
                        request.positions = _insert(connection, [request])
            except (StreamConflictError, psycopg.errors.UniqueViolation) as error:
                request.error = _refusal(error, request)
            except (psycopg.OperationalError, psycopg.InterfaceError) as error:
                request.positions = None
                if monotonic() < give_up:
                    sleep(0.2)
                    continue
                request.error = OutcomeUnknownError(type(error).__name__)
            except psycopg.Error as error:
                request.error = error
            return


class _NoNames(set[str]):
    """The library registers composite types for its own insert statement, which we do not use."""

    def add(self, _name: str) -> None:
        return


def _weight(request: _Append) -> tuple[int, int]:
    events = sum(len(event.state) for event in request.events)
    return len(request.events), events + sum(len(document.sealed) for document in request.documents)


def _fitting(connection: psycopg.Connection[Any], batch: Sequence[_Append]) -> list[_Append]:
    """Those of the batch whose guards hold, under the append lock; the others are told of the conflict."""
    connection.execute(_TAKE_LOCK)
    guards = [guard for request in batch for guard in request.guards]
    if not guards:
        return list(batch)
    cursor = connection.cursor(row_factory=tuple_row)
    cursor.execute(
        "SELECT originator_id FROM ledger.events WHERE (originator_id, originator_version)"
        " IN (SELECT * FROM unnest(%b::uuid[], %b::bigint[]))",
        ([guard.stream_id for guard in guards], [Int8(guard.version + 1) for guard in guards]),
    )
    moved = {row[0] for row in cursor.fetchall()}
    fitting = []
    for request in batch:
        if any(guard.stream_id in moved for guard in request.guards):
            request.error = StreamConflictError(request.events[0].topic)
            continue
        fitting.append(request)
        # Those behind in the same batch are recorded after it, so they must see what it changes.
        moved.update(UUID(str(event.originator_id)) for event in request.events)
    return fitting


def _insert(connection: psycopg.Connection[Any], batch: Sequence[_Append]) -> list[int]:
    """The positions of the batch's events, in their order. One statement, so one round trip and,
    outside a transaction block, one transaction."""
    events = [event for request in batch for event in request.events]
    has_more = any(request.has_more_than_events for request in batch)
    if len(events) > COPY_FROM and not has_more:
        return _copy(connection, events)
    columns = (
        [event.originator_id for event in events],
        [Int8(event.originator_version) for event in events],
        [event.topic for event in events],
        [event.state for event in events],
    )
    cursor = connection.cursor(row_factory=tuple_row)
    if has_more:
        cursor.execute(_INSERT_ALL, (*_more_columns(batch), *columns), prepare=True)
    else:
        cursor.execute(_INSERT_EVENTS, columns, prepare=True)
    return [row[0] for row in cursor.fetchall()]


def _more_columns(batch: Sequence[_Append]) -> tuple[list[Any], ...]:
    """Marks, released marks, documents and keys of the batch, a list a column."""
    marks = [mark for request in batch for mark in request.marks]
    released = [mark for request in batch for mark in request.released]
    documents = [document for request in batch for document in request.documents]
    keys = [key for request in batch for key in request.keys]
    return (
        [mark.kind for mark in marks],
        [mark.mark for mark in marks],
        [mark.subject for mark in marks],
        [mark.kind for mark in released],
        [mark.mark for mark in released],
        [mark.subject for mark in released],
        [document.document_id for document in documents],
        [document.key_id for document in documents],
        [document.sealed for document in documents],
        [key.key_id for key in keys],
        [key.subject for key in keys],
        [key.purpose for key in keys],
        [key.epoch for key in keys],
        [key.wrapped for key in keys],
    )


def _copy(connection: psycopg.Connection[Any], events: Sequence[StoredEvent]) -> list[int]:
    """As `_insert`, for many: the rows in the binary form of COPY. The append lock makes the
    positions one unbroken run that ends at the sequence's last value."""
    pack_head = struct.Struct(">hi16siqi").pack
    pack_length = struct.Struct(">i").pack
    with connection.transaction(), connection.cursor(row_factory=tuple_row) as cursor:
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
                if pending > 500_000:
                    copy.write(b"".join(parts))
                    parts, pending = [], 0
            copy.write(b"".join(parts) + b"\xff\xff")
        row = cursor.execute("SELECT currval('ledger.events_notification_id_seq')").fetchone()
        assert row is not None
    return list(range(row[0] - len(events) + 1, row[0] + 1))


def _stored_positions(connection: psycopg.Connection[Any], request: _Append) -> list[int] | None:
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


def _refusal(error: Exception, request: _Append) -> Exception:
    """What a caller is told when its events do not fit with what is stored."""
    if isinstance(error, psycopg.errors.UniqueViolation) and error.diag.table_name == "blind_index":
        return MarkTakenError(request.marks[0].kind if request.marks else "")
    if isinstance(error, StreamConflictError):
        return error
    return StreamConflictError(request.events[0].topic)
