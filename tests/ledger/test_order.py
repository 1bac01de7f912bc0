"""Position order is commit order: a reader that follows by position passes nothing by.

Without the lock that a trigger takes, the same race loses events: see the second test.
"""

import random
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event as Signal
from uuid import UUID, uuid4

import psycopg
import pytest

from domain.reading import AccessLogRead, ReadingPurpose
from ledger import leaf
from ledger.insertion import COPY_FROM
from ledger.store import Ledger, Position, Write
from tests.examples import ANNA
from tests.scenario import TESTER, rows

WRITERS = 8
APPENDS = 25
RAW_TRANSACTIONS = 120
SMALL = AccessLogRead(patient_id=ANNA, purpose=ReadingPurpose.AUDIT)

# A program that is not ours writes by plain SQL, and holds its transaction open for up to 3 ms.
RAW_WRITER = """
import random, sys, time, uuid
from concurrent.futures import ThreadPoolExecutor
import psycopg

def write(number):
    chance = random.Random(number)
    with psycopg.connect(sys.argv[1]) as connection:
        for _ in range(int(sys.argv[2])):
            stream, count = uuid.UUID(int=chance.getrandbits(128)), chance.choice((1, 2, 10))
            connection.execute(
                "INSERT INTO ledger.events (originator_id, originator_version, topic, state)"
                " SELECT %s, n, 'Raw', '' FROM generate_series(1, %s) n", (stream, count))
            time.sleep(chance.uniform(0, 0.003))
            connection.commit()

with ThreadPoolExecutor(2) as threads:
    list(threads.map(write, range(2)))
"""


def follow(ledger: Ledger, stop: Signal) -> list[int]:
    """Every position that a tailing reader meets, in the order in which it meets them."""
    met = [0]
    while True:
        is_last = stop.is_set()
        page = [position for position, _ in ledger.read_stored(after=met[-1], limit=500)]
        met += page
        if is_last and not page:
            return met[1:]


def append_many(ledger: Ledger, seed: int) -> list[Position]:
    chance = random.Random(seed)
    done = []
    for _ in range(APPENDS):
        sizes = [chance.choice((1, 1, 2, 20))] if chance.random() < 0.9 else [3, COPY_FROM + 5]
        writes = [Write(uuid4(), 0, [SMALL] * size) for size in sizes]
        done.append(ledger.append(*writes, circumstances=TESTER))
    return done


def race(database: str, open_ledger: Callable[..., Ledger]) -> tuple[list[int], list[Position]]:
    """Two processes' worth of ledgers, one foreign writer, one reader; what was met and what was said."""
    ledgers = [open_ledger(), open_ledger()]
    reader, stop = open_ledger(), Signal()
    with (
        ThreadPoolExecutor(WRITERS + 1) as threads,
        subprocess.Popen([sys.executable, "-c", RAW_WRITER, database, str(RAW_TRANSACTIONS)]) as raw,
    ):
        following = threads.submit(follow, reader, stop)
        try:
            writing = [threads.submit(append_many, ledgers[n % 2], n) for n in range(WRITERS)]
            appended = [position for future in writing for position in future.result()]
            assert raw.wait(timeout=60) == 0
        finally:
            stop.set()
        return following.result(), appended


def all_positions(ledger: Ledger) -> list[int]:
    found = rows(ledger, "SELECT notification_id FROM ledger.events ORDER BY notification_id")
    return [position for (position,) in found]


def test_a_reader_that_follows_by_position_loses_nothing(
    database: str, ledger: Ledger, open_ledger: Callable[..., Ledger]
) -> None:
    met, appended = race(database, open_ledger)
    assert met == sorted(set(met))
    assert met == all_positions(ledger)
    # What each caller was told is true, to the event.
    states = dict(rows(ledger, "SELECT notification_id, state FROM ledger.events WHERE topic <> 'Raw'"))
    ids = {position: leaf.parse(leaf.split(state)[0]).event_id for position, state in states.items()}
    assert len(ids) == sum(len(position.event_ids) for position in appended)
    for position in appended:
        first = position.last - len(position.event_ids) + 1
        assert tuple(ids[place] for place in range(first, position.last + 1)) == position.event_ids


def test_without_the_lock_the_same_race_loses_events(
    database: str, ledger: Ledger, sql: psycopg.Connection, open_ledger: Callable[..., Ledger]
) -> None:
    """The negative control: the test above could fail."""
    sql.execute("DROP TRIGGER events_in_order ON ledger.events")
    met, _ = race(database, open_ledger)
    assert set(all_positions(ledger)) - set(met)


def test_whoever_inserts_holds_the_append_lock_until_the_end(sql: psycopg.Connection, database: str) -> None:
    insert = "INSERT INTO ledger.events (originator_id, originator_version, topic, state) VALUES (%s, 1, 'Raw', '')"
    with psycopg.connect(database) as other:
        other.execute(insert, (UUID(int=1),))
        sql.execute("SET lock_timeout = '50ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            sql.execute(insert, (UUID(int=2),))
        other.commit()
    sql.execute(insert, (UUID(int=2),))
