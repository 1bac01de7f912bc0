"""A process of workers for measuring: the follower of all views and one channel's sender, until nothing is due.

It is what the workers' process of `letopis serve` does, with a clock that may be ahead: a digest comes on a Monday.
"""

import multiprocessing
import os
import resource
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Event as Signal
from threading import Thread

from api.node import Node, node
from api.process import prepare
from api.sending.worker import ChannelWorker
from api.settings import Settings
from domain.channel import Channel
from projections import PROJECTIONS
from projections.follow import Follower

_PROCESSES = multiprocessing.get_context("forkserver")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_LOOK_SECONDS = 0.05
# What is open and due, and whether the view is at the end of the ledger.
_IS_OPEN = """
SELECT EXISTS (
    SELECT FROM delivery.notifications WHERE channel = %(channel)s AND digest_id IS NULL
        AND (status IN ('requested', 'attempted') OR (status IN ('postponed', 'waiting') AND due_at <= %(now)s))
) OR (SELECT max(notification_id) FROM ledger.events) > (SELECT position FROM delivery.tracking)
"""


@dataclass(frozen=True, slots=True)
class Drained:
    """By the clock and by the processor of the workers; memory of their process before, and at its highest."""

    seconds: float
    processor_seconds: float
    memory_before: int
    memory_peak: int


def drain(settings: Settings, channel: Channel, *, ahead: timedelta = timedelta(0)) -> Drained:
    """All that is due by then is taken, sent and recorded, in a process of its own."""
    ours, theirs = _PROCESSES.Pipe()
    process = _PROCESSES.Process(target=_work, args=(settings, channel, ahead, theirs))
    process.start()
    theirs.close()
    try:
        drained = ours.recv()
    except EOFError:
        message = "the workers' process ended before its work"
        raise ChildProcessError(message) from None
    finally:
        process.join()
    assert isinstance(drained, Drained)
    return drained


def follow(node: Node) -> None:
    """The views at the end of the ledger, as they are before the clock starts."""
    while not Follower(node.ledger, PROJECTIONS).catch_up():
        time.sleep(_LOOK_SECONDS)


def _work(settings: Settings, channel: Channel, ahead: timedelta, told: Connection) -> None:
    prepare()
    with node(settings) as opened:
        sender = ChannelWorker(opened, channel, clock=lambda: datetime.now(UTC) + ahead)
        follower, stop = Follower(opened.ledger, PROJECTIONS), Signal()
        threads = [Thread(target=run, args=(stop,)) for run in (follower.run, sender.run)]
        memory_before = _memory()
        wall, processor = time.perf_counter(), time.process_time()
        for thread in threads:
            thread.start()
        while _is_open(opened, channel, ahead):
            time.sleep(_LOOK_SECONDS)
        seconds, processor = time.perf_counter() - wall, time.process_time() - processor
        stop.set()
        for thread in threads:
            thread.join()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        told.send(Drained(seconds, processor, memory_before, peak))


def _memory() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE_BYTES


def _is_open(opened: Node, channel: Channel, ahead: timedelta) -> bool:
    asked = {"channel": channel, "now": datetime.now(UTC) + ahead}
    with opened.ledger.pool.connection() as connection:
        row: Sequence[bool] | None = connection.execute(_IS_OPEN, asked).fetchone()
    return row is None or bool(row[0])
