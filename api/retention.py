"""Ending what waited for a patient, or lay in quarantine, longer than it may be kept: steps of the clockwork, and
`letopis retention`."""

from datetime import UTC, datetime, timedelta
from functools import partial

import typer

from api.node import node
from api.settings import Settings
from ledger.codec import Circumstances
from ledger.retention import destroy_unused, destroy_waiting
from ledger.store import Ledger
from projections import PROJECTIONS, cabinet, intake
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


def end_unused(ledger: Ledger, now: datetime, *, kept_for: timedelta) -> int:
    """Destroy every submission that arrived so long ago and brought nothing; how many those were."""
    destroyed, after = 0, 0
    while found := intake.unused(ledger, before=now - kept_for, after=after):
        for position, submission_id in found:
            destroyed += destroy_unused(ledger, submission_id, now=now, kept_for=kept_for, by=BY)
            after = position
    return destroyed


def steps_of(settings: Settings) -> tuple[partial[int], ...]:
    return (
        partial(end_waiting, kept_for=timedelta(days=settings.waiting_days)),
        partial(end_unused, kept_for=timedelta(days=settings.quarantine_days)),
    )


def retention() -> None:
    """Destroy now what has waited for its patient longer than LETOPIS_WAITING_DAYS, and what has lain in quarantine longer
    than LETOPIS_QUARANTINE_DAYS. A server does it itself."""
    settings = Settings()
    with node(settings) as opened:
        follower = Follower(opened.ledger, PROJECTIONS)
        follower.catch_up()
        destroyed = sum(step(opened.ledger, datetime.now(UTC)) for step in steps_of(settings))
        follower.catch_up()
    typer.echo(f"destroyed: {destroyed}")
