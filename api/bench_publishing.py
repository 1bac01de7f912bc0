"""How soon the log is published: from recording an event to the published checkpoint that covers it, under load."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from threading import Event as Signal
from threading import Thread
from typing import Any

from rich.console import Console

from api.bench_append import BY
from api.bench_events import EVENTS_PER_REPORT, Day
from api.bench_ledger import fresh_ledger
from api.serving import signing_beside
from api.settings import Settings
from ledger.store import Ledger
from projections import PROJECTIONS, transparency
from projections.follow import Follower
from projections.publishing import seconds_to_publish, unpublished_since

PROMISED_SECONDS = 1.0
EVENTS_PER_SECOND = 200
_PATIENCE_SECONDS = 60.0


def run(*, quick: bool, out: Console) -> dict[str, Any]:
    """Measure, print, and return the figures."""
    found = measure_publishing(seconds=3 if quick else 30, events_per_second=EVENTS_PER_SECOND)
    out.print(
        f"published: p50 {found['p50_seconds']:.2f} s, p99 {found['p99_seconds']:.2f} s, longest"
        f" {found['max_seconds']:.2f} s after recording, at {found['events_per_second']:.0f} events/s"
        f" (p99 <= {PROMISED_SECONDS:.0f} s: {'met' if found['is_met'] else 'MISSED'})",
        highlight=False,
    )
    return found


def measure_publishing(*, seconds: float, events_per_second: int) -> dict[str, Any]:
    """On a fresh ledger with all its views and the signer as the process that it is: what laboratories send comes in
    at an even pace. Each published checkpoint is measured by the oldest event under it, which waited longest."""
    with fresh_ledger() as (ledger, conninfo), _followed(ledger):
        settings = Settings(home=ledger.custody.folder.parent, origin=ledger.origin)
        with signing_beside(settings.model_copy(update={"database_url": conninfo})):
            # The process takes a second to start, which is no part of the promise.
            _load(ledger, Day(ledger, seed=1), seconds=1.0, events_per_second=10)
            _wait(ledger)
            began = datetime.now(UTC)
            recorded = _load(
                ledger, Day(ledger, seed=2), seconds=seconds, events_per_second=events_per_second
            )
            took = time.perf_counter()
            _wait(ledger)
            rest = time.perf_counter() - took
        waited = sorted(seconds_to_publish(ledger, since=began))
        found = transparency.latest_published(ledger)
        return {
            "events": recorded,
            "events_per_second": round(recorded / seconds, 1),
            "checkpoints": len(waited),
            "p50_seconds": round(_percentile(waited, 50), 3),
            "p99_seconds": round(_percentile(waited, 99), 3),
            "max_seconds": round(waited[-1], 3),
            "last_seconds": round(rest, 3),
            "tree_size": found.tree_size if found else 0,
            "is_met": _percentile(waited, 99) <= PROMISED_SECONDS,
        }


@contextmanager
def _followed(ledger: Ledger) -> Iterator[None]:
    stop = Signal()
    thread = Thread(target=Follower(ledger, PROJECTIONS).run, args=(stop,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(timeout=_PATIENCE_SECONDS)


def _load(ledger: Ledger, day: Day, *, seconds: float, events_per_second: int) -> int:
    """Append at an even pace; how many events it were."""
    began, recorded = time.perf_counter(), 0
    while (elapsed := time.perf_counter() - began) < seconds:
        if recorded >= elapsed * events_per_second:
            time.sleep(0.002)
            continue
        taken = day.taken_in(1)
        ledger.append(*taken.writes, circumstances=BY, documents=taken.documents, keys=taken.keys)
        recorded += EVENTS_PER_REPORT
    return recorded


def _wait(ledger: Ledger) -> None:
    give_up = time.monotonic() + _PATIENCE_SECONDS
    while unpublished_since(ledger) is not None:
        if time.monotonic() > give_up:
            raise TimeoutError("the log is not published")
        time.sleep(0.01)


def _percentile(ordered: list[float], percent: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]
