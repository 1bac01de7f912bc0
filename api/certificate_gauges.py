"""What operators watch of the replay certificates: how old the newest is, and whether it found something."""

from datetime import datetime

from prometheus_client import Metric

from api.metrics import gauge
from domain.replay_certificate import is_clean
from ledger import replay_certificate
from ledger.store import Ledger


def certificate_gauges(ledger: Ledger, *, now: datetime) -> tuple[Metric, ...]:
    """Of the newest one; nothing is said before there is one."""
    given = replay_certificate.latest(ledger)
    ages = [((), (now - given.recorded_at).total_seconds())] if given else []
    clean = [((), float(is_clean(given.replayed)))] if given else []
    return (
        gauge("letopis_certificate_age_seconds", "Since the newest replay certificate", ages),
        gauge("letopis_certificate_clean", "1 if the last replay found nothing: 0 is an alarm", clean),
    )
