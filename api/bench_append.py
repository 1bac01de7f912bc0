"""Append, twice: our recorder alone, called as the library's recorder and a bare COPY are, with rows that
are ready; and the whole append, which makes those rows: JSON, data key, seal, commitment, hash.

One event a call by 1, 4 and 16 callers is set against the library's recorder, calls of many against COPY.
"""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from threading import Barrier, Thread
from typing import Any
from uuid import uuid4

import psycopg
from eventsourcing.persistence import StoredEvent
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore
from psycopg.conninfo import conninfo_to_dict
from psycopg.types.numeric import Int8

from api.bench_events import Day
from api.bench_machine import Spread, spread
from ledger.codec import Circumstances, RecordedEvent
from ledger.insertion import Append, Prepared
from ledger.store import Ledger, Write

CALLERS = (1, 4, 16)
CALL_EVENTS = 1000
BY = Circumstances(actor="laboratory:bench")
Row = tuple[object, Int8, str, bytes]
# The same columns, settings and indexes, without triggers: what PostgreSQL can do at best with these rows.
_BARE_TABLE = """
DROP TABLE IF EXISTS public.bare;
CREATE TABLE public.bare (LIKE ledger.events INCLUDING ALL)
WITH (toast_tuple_target = 8160, autovacuum_vacuum_insert_threshold = 100000);
"""
_BARE_COPY = "COPY public.bare (originator_id, originator_version, topic, state) FROM STDIN (FORMAT binary)"


def rounds_of(rounds: int, *measures: Callable[[], float]) -> list[Spread]:
    """All of them, in turn: what disturbs the machine for a while disturbs each. The first round makes
    connections, prepared statements and data keys, and does not count."""
    found = [[measure() for measure in measures] for _ in range(rounds + 1)]
    return [spread(figures) for figures in zip(*found[1:], strict=True)]


def one_event_a_call(
    ledger: Ledger, conninfo: str, *, calls: int, rounds: int, seen: Callable[[], None]
) -> dict[str, dict[str, Any]]:
    """For each number of callers: events/s of the whole append, of our recorder and of the library's."""
    day = Day(ledger, seed=2)
    size = _stored_size(ledger, day)
    figures = {}
    for callers in CALLERS:
        share = max(calls * (1 if callers == 1 else 2) // callers, 4)
        with _stock(conninfo, callers) as stock:

            def whole(share: int = share, callers: int = callers) -> float:
                return append_rate(ledger, day, callers=callers, calls=share)

            def recorder(share: int = share, callers: int = callers) -> float:
                work = [[_ready(ledger, [day.report_only()]) for _ in range(share)] for _ in range(callers)]
                return _rate(ledger.recorder.store, work)

            def baseline(
                stock: PostgresApplicationRecorder = stock, share: int = share, callers: int = callers
            ) -> float:
                work = [_opaque(share, size) for _ in range(callers)]
                return _rate(lambda event: stock.insert_events([event]), work)

            figures[str(callers)] = _compared(*rounds_of(rounds, whole, recorder, baseline))
        seen()
    return figures


def _compared(whole: Spread, recorder: Spread, baseline: Spread) -> dict[str, Any]:
    return {
        "ours": whole.figures(),
        "recorder": recorder.figures(),
        "baseline": baseline.figures(),
        "ratio": whole.median / baseline.median,
        "recorder_ratio": recorder.median / baseline.median,
    }


def append_rate(ledger: Ledger, day: Day, *, callers: int, calls: int) -> float:
    """Events a second when so many callers append one report each, again and again."""
    work = [[day.report_only() for _ in range(calls)] for _ in range(callers)]
    return _rate(lambda write: ledger.append(write, circumstances=BY), work)


def many_events_a_call(
    ledger: Ledger, conninfo: str, *, events: int, rounds: int, seen: Callable[[], None]
) -> dict[str, Any]:
    """Events/s in calls of 1000: the whole append, our recorder, and a bare COPY of equal rows."""
    day = Day(ledger, seed=3)
    size = _stored_size(ledger, day)
    count = max(events // CALL_EVENTS, 1)

    def writes() -> list[list[Write]]:
        return [[day.report_only() for _ in range(CALL_EVENTS)] for _ in range(count)]

    def whole() -> float:
        return CALL_EVENTS * _rate(lambda call: ledger.append(*call, circumstances=BY), [writes()])

    def recorder() -> float:
        return CALL_EVENTS * _rate(ledger.recorder.store, [[_ready(ledger, call) for call in writes()]])

    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute(_BARE_TABLE)

        def baseline() -> float:
            calls = [_rows(CALL_EVENTS, size) for _ in range(count)]
            return CALL_EVENTS * _rate(lambda rows: _bare_copy(connection, rows), [calls])

        figures = _compared(*rounds_of(rounds, whole, recorder, baseline))
    seen()
    return figures | {"stored_bytes": size}


def _ready(ledger: Ledger, writes: Sequence[Write]) -> Append:
    """What the whole append hands to the recorder, made before the clock starts."""
    keys = ledger.new_keys(*writes)
    now = datetime.now(UTC)
    events = [
        ledger.mapper.to_stored_event(
            RecordedEvent(
                event=event,
                event_id=uuid4(),
                stream_id=write.stream_id,
                version=write.expected_version + 1,
                recorded_at=now,
                circumstances=BY,
                subject=write.subject,
            ),
            keys,
        )
        for write in writes
        for event in write.events
    ]
    return Append(lambda: Prepared(events, keys.rows))


def _bare_copy(connection: psycopg.Connection[Any], rows: Sequence[Row]) -> None:
    with connection.cursor().copy(_BARE_COPY) as copy:
        copy.set_types(["uuid", "int8", "text", "bytea"])
        for row in rows:
            copy.write_row(row)


def _stored_size(ledger: Ledger, day: Day) -> int:
    """How many bytes one report takes in `state`."""
    write = day.report_only()
    position = ledger.append(write, circumstances=BY).last
    return len(ledger.read_stored(after=position - 1, limit=1)[0][1].state)


def _opaque(count: int, size: int) -> list[StoredEvent]:
    """Rows of the size of ours that need no work: made before the clock starts."""
    return [StoredEvent(uuid4(), 1, "ReportReceived", os.urandom(size)) for _ in range(count)]


def _rows(count: int, size: int) -> list[Row]:
    return [
        (event.originator_id, Int8(event.originator_version), event.topic, event.state)
        for event in _opaque(count, size)
    ]


@contextmanager
def _stock(conninfo: str, callers: int) -> Iterator[PostgresApplicationRecorder]:
    """The library's recorder as it comes, on a table of its own, with a connection for each caller."""
    words = conninfo_to_dict(conninfo)
    datastore = PostgresDatastore(
        str(words["dbname"]),
        str(words["host"]),
        str(words["port"]),
        str(words["user"]),
        "",
        pool_size=callers,
    )
    recorder = PostgresApplicationRecorder(datastore, events_table_name="stock_events")
    try:
        recorder.create_table()
        yield recorder
    finally:
        datastore.close()


def _rate(store: Callable[[Any], object], work: Sequence[Sequence[object]]) -> float:
    """Calls a second of one thread for each list of work, from a common start to the last one's end."""
    ready = Barrier(len(work) + 1)
    errors: list[BaseException] = []

    def call(items: Sequence[object]) -> None:
        ready.wait()
        try:
            for item in items:
                store(item)
        except BaseException as error:
            errors.append(error)  # raised again in the caller's thread

    threads = [Thread(target=call, args=(items,)) for items in work]
    for thread in threads:
        thread.start()
    ready.wait()
    start = time.perf_counter()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - start
    if errors:
        raise errors[0]
    return sum(map(len, work)) / seconds
