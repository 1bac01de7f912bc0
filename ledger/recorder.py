"""The one way events are written: in position order, many callers sharing one transaction.

Position order is commit order because the database takes the append lock in a trigger (migration 0001)
before the first position is drawn. Readers may therefore follow by position alone.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from threading import Lock
from time import monotonic, sleep
from typing import Any

import psycopg
from eventsourcing.persistence import StoredEvent
from eventsourcing.postgres import ConnectionPool, PostgresApplicationRecorder, PostgresDatastore
from psycopg.rows import dict_row

from ledger.insertion import (
    ERASED,
    GAP,
    TAKE_LOCK,
    Append,
    Document,
    Guard,
    Mark,
    Prepared,
    StreamConflictError,
    apart,
    fitting,
    insert,
    is_copied,
    stored_positions,
)
from ledger.keys import PAST_EPOCH, NewKey

SCHEMA = "ledger"
# A leader takes no more appends than this, and a transaction no more events and bytes, so that nobody
# waits for a huge one.
BATCH_APPENDS = 256
BATCH_EVENTS = 1000
BATCH_BYTES = 8_000_000
# How long a lost connection is tried again before the outcome is called unknown.
RECONNECT_SECONDS = 10.0


class MarkTakenError(Exception):
    """The phone, policy or other number has an owner already; `kind` says which number."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


class OutcomeUnknownError(Exception):
    """The database went away and did not come back in time: the events may or may not be stored.
    Doing the same again with the same ids is safe."""


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
            # Not asked whether it lives before each append: a dead connection fails, and is replaced.
            timeout=5.0,
        )
        super().__init__(datastore, events_table_name="events")
        # Wraps new keys anew when an epoch has begun that this process had not heard of.
        self.rewrap: Callable[[Sequence[NewKey]], Sequence[NewKey]] = lambda keys: keys
        # A batch has one leader, the caller who found nobody leading; the others wait to be woken.
        # The lock guards the three fields below it and is never held while the database is asked.
        self._queue_lock = Lock()
        self._queue: deque[Append] = deque()
        self._is_led = False
        self._served: list[Append] = []
        # Only the leader uses it; None until the first batch, and after an error.
        self._connection: psycopg.Connection[Any] | None = None

    def close(self) -> None:
        """Give all connections back; nothing can be stored afterwards."""
        if self._connection is not None:
            self.datastore.pool.putconn(self._connection)
            self._connection = None
        self.datastore.close()

    def insert_events(self, stored_events: Sequence[StoredEvent], **_: Any) -> Sequence[int]:
        """The library's way in: events that are encoded already."""
        return self.store(Append(lambda: Prepared(stored_events))) if stored_events else ()

    def store(self, request: Append) -> Sequence[int]:
        """Store one caller's append, all or nothing, and return the positions of its events.

        Raises StreamConflictError, MarkTakenError or OutcomeUnknownError, or what `prepare` raises."""
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
        """Store what is queued, then appoint the next leader.

        The leader prepares the events of the whole batch: one thread that works is faster than many
        that hand each other the interpreter. For the same reason those who were served are woken by the
        next leader, when it begins to wait for the database."""
        with self._queue_lock:
            batch = [self._queue.popleft() for _ in range(min(len(self._queue), BATCH_APPENDS))]
            served = self._take_served()
        try:
            transactions = list(_transactions(_prepared(batch)))
            _wake(served)
            served = []
            for transaction in transactions:
                self._store(transaction)
        except BaseException as error:
            for request in batch:
                if not request.is_decided:
                    request.error = OutcomeUnknownError(type(error).__name__)
            raise
        finally:
            self._appoint([*served, *batch[1:]])

    def _appoint(self, served: Sequence[Append] = ()) -> None:
        """Whoever is first in the queue leads next, and wakes those who were served; if nobody is there,
        they are woken now, and the next caller leads."""
        with self._queue_lock:
            self._served += served
            successor = self._queue[0] if self._queue else None
            self._is_led = successor is not None
            waiting = self._take_served() if successor is None else []
            if successor is not None:
                # Under the lock: one who is interrupted finds itself appointed, and passes it on.
                successor.wake.release()
        _wake(waiting)

    def _take_served(self) -> list[Append]:
        served, self._served = self._served, []
        return served

    def _leave(self, request: Append) -> None:
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

    def _store(self, batch: list[Append]) -> None:
        """All in one transaction; if anything is wrong, each alone, so that no neighbour is hurt."""
        try:
            connection = self._connection or self.datastore.pool.getconn()
            # Kept from batch to batch, but not after an error: the pool looks what is left of it.
            self._connection = None
            try:
                if is_copied(batch) and any(one.guards or one.destroys for one in batch):
                    with connection.transaction():
                        batch = fitting(connection, batch)
                        positions = insert(connection, batch) if batch else []
                else:
                    batch = apart(batch)
                    positions = insert(connection, batch) if batch else []
            except BaseException:
                self.datastore.pool.putconn(connection)
                raise
            self._connection = connection
        except psycopg.Error:
            give_up = monotonic() + RECONNECT_SECONDS
            for request in batch:
                self._store_alone(request, give_up)
            return
        given = iter(positions)
        for request in batch:
            request.positions = [next(given) for _ in request.events]

    def _store_alone(self, request: Append, give_up: float) -> None:
        """One caller's events, after something failed. Whatever the failure was, look first whether
        they are stored: a reply may have been lost after the commit (reliability.md, 0.3). All of a
        batch give up at the same time, so that nobody waits for the waits of others."""
        while True:
            patience = max(0.05, give_up - monotonic())
            try:
                with self.datastore.pool.connection(patience) as connection, connection.transaction():
                    connection.execute(TAKE_LOCK)
                    request.positions = stored_positions(connection, request)
                    if request.positions is None and fitting(connection, [request]):
                        request.positions = insert(connection, [request])
            except StreamConflictError as error:
                request.error = error
            except psycopg.errors.UniqueViolation as error:
                request.error = self._refusal(error, request)
            except (psycopg.OperationalError, psycopg.InterfaceError) as error:
                request.positions = None
                if monotonic() < give_up:
                    sleep(0.2)
                    continue
                request.error = OutcomeUnknownError(type(error).__name__)
            except psycopg.Error as error:
                if error.sqlstate == PAST_EPOCH and self._takes_up_epoch(request):
                    continue
                is_conflict = error.sqlstate in (GAP, ERASED)
                request.error = StreamConflictError(request.events[0].topic) if is_conflict else error
            return

    def _takes_up_epoch(self, request: Append) -> bool:
        """Whether the request's new keys could be wrapped by a later epoch than they were."""
        before = {key.epoch for key in request.keys}
        request.keys = self.rewrap(request.keys)
        return before != {key.epoch for key in request.keys}

    def _refusal(self, error: psycopg.errors.UniqueViolation, request: Append) -> Exception:
        """What a caller is told when its places, or its marks, are taken."""
        if error.diag.table_name != "blind_index":
            return StreamConflictError(request.events[0].topic)
        with self.datastore.pool.connection() as connection:
            found = connection.execute(
                "SELECT kind FROM ledger.blind_index"
                " WHERE (kind, mark) IN (SELECT * FROM unnest(%b::text[], %b::bytea[]))",
                ([mark.kind for mark in request.marks], [mark.mark for mark in request.marks]),
            ).fetchone()
        return MarkTakenError(found["kind"] if found else request.marks[0].kind)


class _NoNames(set[str]):
    """The library registers composite types for its own insert statement, which we do not use."""

    def add(self, _name: str) -> None:
        return


def _wake(served: Iterable[Append]) -> None:
    for request in served:
        request.wake.release()


def _prepared(batch: Sequence[Append]) -> Iterator[Append]:
    """Those of the batch whose events could be made; the others are told why not."""
    for request in batch:
        try:
            request.events, request.keys, request.used_keys = request.prepare()
        except Exception as error:  # noqa: BLE001 - it is the caller's own, and is raised to the caller
            request.error = error
        else:
            yield request


def _transactions(requests: Iterable[Append]) -> Iterator[list[Append]]:
    """The requests in their order, as many to a transaction as fit. One that destroys is alone in its own: it must see
    what those before it stored, and those behind it must see that it destroyed."""
    transaction: list[Append] = []
    events = size = 0
    for request in requests:
        more_events, more_size = _weight(request)
        is_full = events + more_events > BATCH_EVENTS or size + more_size > BATCH_BYTES
        is_apart = any(one.destroys for one in (request, *transaction[-1:]))
        if transaction and (is_full or is_apart):
            yield transaction
            transaction, events, size = [], 0, 0
        transaction.append(request)
        events, size = events + more_events, size + more_size
    if transaction:
        yield transaction


def _weight(request: Append) -> tuple[int, int]:
    size = sum(len(event.state) for event in request.events)
    return len(request.events), size + sum(len(document.sealed) for document in request.documents)


__all__ = [
    "Document",
    "Guard",
    "LedgerRecorder",
    "Mark",
    "MarkTakenError",
    "OutcomeUnknownError",
    "StreamConflictError",
]
