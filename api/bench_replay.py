"""Reading history: a view rebuilt and the log verified, at growing sizes, and where the time goes."""

import hashlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import psycopg

from api.bench_append import BY, CALL_EVENTS
from api.bench_events import EVENTS_PER_REPORT, Day, sample_report
from api.bench_machine import Clock, Shares, spread
from ledger import sealing
from ledger.codec import to_data
from ledger.custody import Custody
from ledger.store import Ledger
from projections import rebuild, verify
from projections.cabinet import CABINET
from projections.follow import Follower
from projections.transparency import TRANSPARENCY, log_verifier

# How often one cryptographic operation is repeated to learn what it takes.
CALIBRATION = 1000
SUMMARY_BYTES = 215
HEADER_BYTES = 400
Seen = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class History:
    """One database with events to read back. `owner` may make and rename tables."""

    conninfo: str
    custody: Custody
    is_mixed: bool

    def ledger(self) -> Ledger:
        return Ledger(self.conninfo, self.custody)

    def owner(self) -> Ledger:
        return Ledger(self.conninfo, self.custody, role="postgres")


def fill(history: History, events: int, *, seen: Seen) -> None:
    """Append until there are so many events, and give every one its leaf."""
    with history.ledger() as ledger:
        present = _count(history, "SELECT count(*) FROM ledger.events")
        day = Day(ledger, seed=1000 + present)
        while present < events:
            count = min(CALL_EVENTS, events - present)
            present += (
                _append_mixed(ledger, day, count) if history.is_mixed else _append_reports(ledger, day, count)
            )
            seen(present)
        Follower(ledger, (TRANSPARENCY,)).catch_up()
    with psycopg.connect(history.conninfo, autocommit=True) as connection:
        # What the server does by itself after a while: it must not fall into a measurement.
        connection.execute("VACUUM ANALYZE")
        connection.execute("CHECKPOINT")


def _append_mixed(ledger: Ledger, day: Day, count: int) -> int:
    taken = day.taken_in(max(count // EVENTS_PER_REPORT, 1))
    ledger.append(*taken.writes, circumstances=BY, documents=taken.documents, keys=taken.keys)
    return sum(len(write.events) for write in taken.writes)


def _append_reports(ledger: Ledger, day: Day, count: int) -> int:
    ledger.append(*(day.report_only() for _ in range(count)), circumstances=BY)
    return count


def measure_rebuild(history: History, *, rounds: int, seen: Seen) -> dict[str, Any]:
    """The cabinet made anew from the first event, every data key looked up and opened again."""
    sealed = _count(history, "SELECT count(*) FROM ledger.events WHERE topic = 'ReportReceived'")
    found = []
    for _ in range(rounds):
        with history.owner() as owner:
            clock = Clock(history.conninfo)
            rebuild.rebuild(owner, CABINET, seen=seen)
            found.append(clock.read())
    events = _count(history, "SELECT count(*) FROM ledger.events")
    return _figures(found, events, sealed * _seconds_a_report())


def measure_verify(history: History, *, rounds: int, seen: Seen) -> dict[str, Any]:
    """Everything the log says, recomputed from the stored bytes."""
    with history.ledger() as ledger:
        log = log_verifier(ledger)
    found = []
    events = 0
    for _ in range(rounds):
        clock, children = Clock(history.conninfo), _seconds_of_children()
        verified = verify.verify(history.conninfo, log=log, seen=seen)
        shares = clock.read()
        found.append(replace(shares, python=shares.python + _seconds_of_children() - children))
        events = verified.events
        if verified.finding is not None or verified.tree_size != events:
            raise NotVerifiedError(str(verified.finding))
    hashed = _count(
        history,
        "SELECT (SELECT sum(length(state)) FROM ledger.events)"
        " + coalesce((SELECT sum(length(sealed)) FROM ledger.documents), 0)",
    )
    return _figures(found, events, _seconds_of_hashing(events, hashed))


def _seconds_of_children() -> float:
    """Of the processes that were started from here and have ended: a large log is verified by several."""
    times = os.times()
    return times.children_user + times.children_system


class NotVerifiedError(Exception):
    """The benchmark's own log does not verify: its figures would mean nothing."""


def _figures(found: list[Shares], events: int, crypto: float) -> dict[str, Any]:
    """Rates by the clock; processor time of all rounds. What is cryptography is reckoned, not measured."""
    wall = sum(shares.wall for shares in found)
    python = sum(shares.python for shares in found)
    crypto = min(crypto * len(found), python)
    rate = spread([events / shares.wall for shares in found])
    return {
        "events": events,
        "events_per_second": rate.figures(),
        "microseconds_per_event": 1e6 / rate.median,
        "share_of_wall": {
            "python": (python - crypto) / wall,
            "cryptography": crypto / wall,
            "postgresql": sum(shares.postgresql for shares in found) / wall,
            "python_waits": max(1 - python / wall, 0),
        },
    }


def _seconds_a_report() -> float:
    """What a rebuild does with one report's bytes: open, check commitment and digest, seal the row."""
    plaintext = to_data(sample_report())
    secret, about, header, summary = bytes(32), UUID(int=0), bytes(HEADER_BYTES), bytes(SUMMARY_BYTES)
    body, _ = sealing.seal(secret, about=about, header=header, plaintext=plaintext)

    def once() -> None:
        sealing.unseal(secret, about=about, header=header, body=body)
        sealing.commit(secret, about=about, plaintext=plaintext)
        hashlib.sha256(body).digest()
        sealing.seal_row(secret, about=about.bytes, plaintext=summary)

    return _seconds(once)


def _seconds_of_hashing(events: int, stored_bytes: int) -> float:
    """SHA-256 over the leaf and over the rest of each event, and once more in the tree."""
    leaf, rest = bytes(HEADER_BYTES), bytes(max(stored_bytes // max(events, 1) - HEADER_BYTES, 0))

    def once() -> None:
        hashlib.sha256(leaf).digest()
        hashlib.sha256(rest).digest()
        hashlib.sha256(leaf[:65]).digest()

    return events * _seconds(once)


def _seconds(once: Callable[[], None]) -> float:
    start = time.process_time()
    for _ in range(CALIBRATION):
        once()
    return (time.process_time() - start) / CALIBRATION


def _count(history: History, query: str) -> int:
    with psycopg.connect(history.conninfo) as connection:
        row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return int(row[0])
