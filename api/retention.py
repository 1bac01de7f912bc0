"""Ending what waited for a patient longer than it may be kept: a step of the clockwork, and `letopis retention`."""

from datetime import UTC, datetime, timedelta

import typer

from api.node import node
from api.settings import Settings
from ledger.codec import Circumstances
from ledger.retention import destroy_waiting
from ledger.store import Ledger
from projections import PROJECTIONS, cabinet
from projections.follow import Follower

BY = Circumstances(actor="system:retention")


def end_waiting(ledger: Ledger, now: datetime, *, kept_for: timedelta) -> int:
    """Destroy everything that has waited so long since its last version; how many reports that were."""
    destroyed, after = 0, None
    while found := cabinet.waiting(ledger, before=now - kept_for, after=after):
        for row in found:
            destroyed += destroy_waiting(ledger, row.report_id, now=now, kept_for=kept_for, by=BY)
        after = (found[-1].received_at, found[-1].report_id)
    return destroyed


def retention() -> None:
    """Destroy now what has waited for its patient longer than LETOPIS_WAITING_DAYS. A server does it itself."""
    settings = Settings()
    with node(settings) as opened:
        follower = Follower(opened.ledger, PROJECTIONS)
        follower.catch_up()
        kept_for = timedelta(days=settings.waiting_days)
        destroyed = end_waiting(opened.ledger, datetime.now(UTC), kept_for=kept_for)
        follower.catch_up()
    typer.echo(f"destroyed: {destroyed}")
