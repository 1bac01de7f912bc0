"""The worker that ends what waited for a patient longer than it may be kept; and `letopis retention`."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Event as Signal

import structlog
import typer

from api.node import node
from api.settings import Settings
from ledger.codec import Circumstances
from ledger.retention import destroy_waiting
from ledger.store import Ledger
from projections import PROJECTIONS, cabinet
from projections.follow import Follower

POLL_SECONDS = 600.0
BY = Circumstances(actor="system:retention")

log = structlog.get_logger()


@dataclass(slots=True)
class Retention:
    """`kept_for` is how long a report may wait since its last version."""

    ledger: Ledger
    kept_for: timedelta

    def run(self, stop: Signal) -> None:
        while not stop.is_set():
            try:
                self.step(datetime.now(UTC))
            except Exception as error:  # noqa: BLE001 - the worker's edge: the next round tries again
                log.error("retention.failed", error=type(error).__name__)
            stop.wait(POLL_SECONDS)

    def step(self, now: datetime) -> int:
        """Destroy everything whose time is over; how many reports that were."""
        destroyed, after = 0, None
        while found := cabinet.waiting(self.ledger, before=now - self.kept_for, after=after):
            for row in found:
                destroyed += destroy_waiting(
                    self.ledger, row.report_id, now=now, kept_for=self.kept_for, by=BY
                )
            after = (found[-1].received_at, found[-1].report_id)
        return destroyed


def retention() -> None:
    """Destroy now what has waited for its patient longer than LETOPIS_WAITING_DAYS. A server does it itself."""
    settings = Settings()
    with node(settings) as opened:
        follower = Follower(opened.ledger, PROJECTIONS)
        follower.catch_up()
        kept_for = timedelta(days=settings.waiting_days)
        destroyed = Retention(opened.ledger, kept_for).step(datetime.now(UTC))
        follower.catch_up()
    typer.echo(f"destroyed: {destroyed}")
