"""A step of the clockwork: appeals without an answer become reminders, and then the operator's (S99)."""

from datetime import datetime

from ledger.appeals import pass_time
from ledger.store import Ledger
from projections import appeals


def remind(ledger: Ledger, now: datetime) -> int:
    """How many were reminded of or escalated. The view only says where to look: the appeal itself decides, so
    a view that lags behind leads to no second reminder."""
    return sum(pass_time(ledger, appeal_id, now=now) for appeal_id in appeals.due(ledger, now=now))
