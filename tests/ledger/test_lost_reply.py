"""A connection that is cut at any moment of an append: the events are stored exactly once, or it is said
that nobody knows; a caller never meets its own events as somebody else's."""

import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from time import monotonic, sleep
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from domain.reading import AccessLogRead, ReadingPurpose
from ledger import recorder
from ledger.insertion import COPY_FROM
from ledger.leaf import FIRST_LINE
from ledger.recorder import Guard, MarkTakenError, OutcomeUnknownError, StreamConflictError
from ledger.store import Ledger, Position, Write
from tests.examples import ANNA, BORIS
from tests.scenario import TESTER

SMALL = AccessLogRead(patient_id=ANNA, purpose=ReadingPurpose.AUDIT)
# ReadyForQuery, idle: what was sent is committed (PostgreSQL protocol, message formats).
READY = b"Z\x00\x00\x00\x05I"


class Cut(StrEnum):
    """When the connection is cut, once, after `arm`."""

    BEFORE_THE_STATEMENT = "before the statement reaches the server"
    BEFORE_THE_REPLY = "after the commit, before the reply reaches the client"
    WHILE_IT_WAITS = "after the statement reached the server, before it was done"


@dataclass(slots=True)
class Proxy:
    """A wire between a ledger and its server. It knows an append by the leaf in it."""

    server: Callable[[], socket.socket]
    armed: Cut | None = None
    cuts: int = 0
    stays_down: bool = False
    is_down: bool = False
    # Guards the fields above, which two pumps of each of several connections share.
    lock: threading.Lock = field(default_factory=threading.Lock)

    def arm(self, cut: Cut) -> None:
        with self.lock:
            self.armed = cut

    def serve(self, client: socket.socket) -> None:
        if self.is_down:
            return
        with self.server() as server:
            appending, unheard = threading.Event(), threading.Event()
            back = threading.Thread(target=self._pump_replies, args=(server, client, appending, unheard))
            back.start()
            self._pump_statements(client, server, appending, unheard)
            back.join()

    def _pump_statements(
        self,
        client: socket.socket,
        server: socket.socket,
        appending: threading.Event,
        unheard: threading.Event,
    ) -> None:
        while data := _received(client):
            is_append = FIRST_LINE.encode() in data
            if self.is_down or (is_append and self._cuts(Cut.BEFORE_THE_STATEMENT)):
                break
            if is_append and self.armed is Cut.BEFORE_THE_REPLY:
                appending.set()
            if is_append and self._cuts(Cut.WHILE_IT_WAITS):
                # A quick server may answer before the wire is cut: nobody hears it.
                unheard.set()
            server.sendall(data)
            if unheard.is_set():
                break
        _end(client, server)

    def _pump_replies(
        self,
        server: socket.socket,
        client: socket.socket,
        appending: threading.Event,
        unheard: threading.Event,
    ) -> None:
        while (data := _received(server)) and not unheard.is_set():
            if appending.is_set() and READY in data and self._cuts(Cut.BEFORE_THE_REPLY):
                break
            if not _sent(client, data):
                break
        _end(client, server)

    def _cuts(self, cut: Cut) -> bool:
        with self.lock:
            if self.armed is not cut:
                return False
            self.armed = None
            self.cuts += 1
            self.is_down = self.stays_down
            return True


def _received(source: socket.socket) -> bytes:
    try:
        return source.recv(1 << 20)
    except OSError:
        return b""


def _sent(target: socket.socket, data: bytes) -> bool:
    try:
        target.sendall(data)
    except OSError:
        return False
    return True


def _end(*ends: socket.socket) -> None:
    for end in ends:
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            continue


def _server_of(conninfo: str) -> Callable[[], socket.socket]:
    """How to reach the server that a conninfo names: by its socket file, or by TCP."""
    with psycopg.connect(conninfo) as connection:
        host, port = connection.info.host, connection.info.port

    def connect() -> socket.socket:
        if host.startswith("/"):
            found = socket.socket(socket.AF_UNIX)
            found.connect(f"{host}/.s.PGSQL.{port}")
            return found
        return socket.create_connection((host, port))

    return connect


@contextmanager
def _listening(proxy: Proxy) -> Iterator[int]:
    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            proxy.serve(self.request)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as listener:
        thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield listener.server_address[1]
        listener.shutdown()
        thread.join()


@pytest.fixture
def wire(database: str) -> Iterator[tuple[Proxy, str]]:
    proxy = Proxy(_server_of(database))
    with _listening(proxy) as port:
        plain = {"sslmode": "disable", "gssencmode": "disable", "hostaddr": None}
        known = {name: value for name, value in conninfo_to_dict(database).items() if name not in plain}
        yield proxy, make_conninfo(**{**known, "host": "127.0.0.1", "port": port, "sslmode": "disable"})


@pytest.fixture
def proxy(wire: tuple[Proxy, str]) -> Proxy:
    return wire[0]


@pytest.fixture
def far(wire: tuple[Proxy, str], open_ledger: Callable[..., Ledger]) -> Ledger:
    """A ledger at the other end of the wire, whose statements are prepared already."""
    found = open_ledger(conninfo=wire[1])
    append(found, uuid4())
    return found


def append(ledger: Ledger, stream_id: UUID, version: int = 0, **rest: object) -> Position:
    return ledger.append(Write(stream_id, version, (SMALL, SMALL)), circumstances=TESTER, **rest)  # type: ignore[arg-type]


def versions(ledger: Ledger, stream_id: UUID) -> list[int]:
    return [found.version for found in ledger.read(stream_id)]


@pytest.mark.parametrize("cut", Cut)
@pytest.mark.parametrize("kind", ["plain", "guarded", "with a mark, a document and a key", "copied"])
def test_an_append_is_stored_exactly_once(
    far: Ledger, ledger: Ledger, proxy: Proxy, cut: Cut, kind: str
) -> None:
    stream_id = uuid4()
    events = [SMALL] * (COPY_FROM + 1 if kind == "copied" else 2)
    extra: dict[str, object] = {}
    if kind == "guarded":
        extra = {"guards": [Guard(uuid4(), 0)]}
    elif kind == "with a mark, a document and a key":
        keys = far.new_keys(Write(stream_id, 0, (), stream_id))
        document = far.seal_document(stream_id, b"bytes", keys)
        extra = {"marks": [far.mark("phone", "1", ANNA)], "documents": [document], "keys": keys}
    proxy.arm(cut)
    position = far.append(Write(stream_id, 0, events), circumstances=TESTER, **extra)  # type: ignore[arg-type]
    assert proxy.cuts == 1
    found = [one for one in ledger.read_all(limit=1000) if one.stream_id == stream_id]
    assert tuple(one.event_id for one in found) == position.event_ids
    assert found[-1].position == position.last
    assert len(found) == len(events)
    if kind == "with a mark, a document and a key":
        assert ledger.find("phone", "1") == ANNA
        assert ledger.read_document(document.document_id) == b"bytes"


def test_a_naive_retry_meets_its_own_events_as_a_conflict(wire: tuple[Proxy, str], ledger: Ledger) -> None:
    """The negative control: the connection is really cut after the commit."""
    proxy, conninfo = wire
    insert = "INSERT INTO ledger.events (originator_id, originator_version, topic, state) VALUES (%s, 1, 'Raw', %s)"
    row = (uuid4(), FIRST_LINE.encode())
    proxy.arm(Cut.BEFORE_THE_REPLY)
    with psycopg.connect(conninfo, autocommit=True) as connection, pytest.raises(psycopg.OperationalError):
        connection.execute(insert, row)
    with (
        psycopg.connect(conninfo, autocommit=True) as connection,
        pytest.raises(psycopg.errors.UniqueViolation),
    ):
        connection.execute(insert, row)
    assert (proxy.cuts, ledger.last_position()) == (1, 1)


def wait_until(condition: Callable[[], bool]) -> None:
    give_up = monotonic() + 60
    while not condition():
        assert monotonic() < give_up
        sleep(0.005)


@pytest.mark.parametrize("cut", Cut)
def test_every_caller_of_a_batch_is_stored_exactly_once(
    far: Ledger, ledger: Ledger, proxy: Proxy, sql: psycopg.Connection, cut: Cut
) -> None:
    """Four callers wait behind one, so they share a transaction; its connection is cut."""
    append(ledger, taken := uuid4())
    streams = [uuid4() for _ in range(3)]
    futures: list[Future[Position]] = []
    with ThreadPoolExecutor(5) as threads:
        with sql.transaction():
            sql.execute("SELECT pg_advisory_xact_lock(7597119)")
            futures.append(threads.submit(append, far, uuid4()))
            wait_until(lambda: waiting(sql) == 1)
            futures += [threads.submit(append, far, stream_id) for stream_id in (*streams, taken)]
            wait_until(lambda: len(far.recorder._queue) == 4)
            proxy.arm(cut)
        positions = [future.result() for future in futures[:4]]
        with pytest.raises(StreamConflictError):
            futures[4].result()
    assert proxy.cuts == 1
    assert [versions(ledger, stream_id) for stream_id in (*streams, taken)] == [[1, 2]] * 4
    found = {one.position: one.event_id for one in ledger.read_all()}
    assert all(found[position.last] == position.event_ids[-1] for position in positions)


def waiting(sql: psycopg.Connection) -> int:
    row = sql.execute(
        "SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database"
        " WHERE locktype = 'advisory' AND NOT granted AND d.datname = current_database()"
    ).fetchone()
    assert row is not None
    return int(row[0])


def test_an_append_that_the_server_still_holds_is_not_stored_twice(
    far: Ledger, ledger: Ledger, proxy: Proxy, sql: psycopg.Connection
) -> None:
    """The client is gone, its statement still waits for the lock in the server, and is done later."""
    stream_id = uuid4()
    with ThreadPoolExecutor(1) as threads:
        with sql.transaction():
            sql.execute("SELECT pg_advisory_xact_lock(7597119)")
            proxy.arm(Cut.WHILE_IT_WAITS)
            future = threads.submit(append, far, stream_id)
            # The lost statement, and the look whether it is stored.
            wait_until(lambda: waiting(sql) == 2)
        position = future.result()
    assert versions(ledger, stream_id) == [1, 2]
    assert ledger.read_all()[-1].position == position.last


@pytest.mark.parametrize("cut", [Cut.BEFORE_THE_STATEMENT, Cut.BEFORE_THE_REPLY])
def test_a_true_conflict_is_still_one_after_a_cut(
    far: Ledger, ledger: Ledger, proxy: Proxy, cut: Cut
) -> None:
    stream_id = uuid4()
    append(ledger, stream_id)
    proxy.arm(cut)
    with pytest.raises(StreamConflictError):
        append(far, stream_id)
    assert versions(ledger, stream_id) == [1, 2]


def test_a_mark_that_is_taken_is_still_taken_after_a_cut(far: Ledger, ledger: Ledger, proxy: Proxy) -> None:
    append(ledger, uuid4(), marks=[ledger.mark("phone", "1", ANNA)])
    proxy.arm(Cut.BEFORE_THE_STATEMENT)
    with pytest.raises(MarkTakenError):
        append(far, uuid4(), marks=[far.mark("phone", "1", BORIS)])
    assert proxy.cuts == 1


def test_a_guard_that_broke_is_still_broken_after_a_cut(far: Ledger, ledger: Ledger, proxy: Proxy) -> None:
    append(ledger, looked_at := uuid4())
    proxy.arm(Cut.BEFORE_THE_STATEMENT)
    with pytest.raises(StreamConflictError):
        append(far, uuid4(), guards=[Guard(looked_at, 0)])


def test_a_server_that_stays_away_leaves_the_outcome_unknown(
    far: Ledger, ledger: Ledger, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "RECONNECT_SECONDS", 0.5)
    far.recorder.datastore.pool.timeout = 0.3
    proxy.stays_down = True
    proxy.arm(Cut.BEFORE_THE_REPLY)
    stream_id = uuid4()
    with pytest.raises(OutcomeUnknownError):
        append(far, stream_id)
    # It was stored, and the caller was not told that it was not.
    assert versions(ledger, stream_id) == [1, 2]
    # When the server is back, the same ledger goes on.
    proxy.is_down = False
    wait_until(lambda: far.recorder.datastore.pool.get_stats()["pool_available"] > 0)
    append(far, stream_id, 2)
