"""Shares whose term is over, or whose doctor has left, are said to be over: a step of the clockwork."""

from datetime import datetime

from ledger import sharing
from ledger.store import Ledger
from projections.sharing import left_alone, overdue


def end_shares(ledger: Ledger, now: datetime) -> int:
    """How many ended. They open nothing since their moment; this is what the history says of it."""
    left = sum(sharing.leave(ledger, share_id) for share_id in left_alone(ledger))
    return left + sum(sharing.expire(ledger, share_id, now=now) for share_id in overdue(ledger, now=now))
