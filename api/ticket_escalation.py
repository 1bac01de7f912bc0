"""A step of the clockwork: requests for help that nobody answered in 48 hours are escalated, once (S111)."""

from datetime import datetime

from ledger.store import Ledger
from ledger.tickets import pass_time
from projections import tickets


def escalate(ledger: Ledger, now: datetime) -> int:
    """How many were escalated. The view only says where to look: the ticket itself decides, so a view that lags
    behind leads to no second escalation."""
    return sum(pass_time(ledger, ticket_id, now=now) for ticket_id in tickets.due(ledger, now=now))
