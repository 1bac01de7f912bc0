"""The term of a consent is over: a step of the clockwork says so. That it ended needs nobody's word: every
decision compares the time."""

from datetime import datetime

from ledger.consents import expire_consent
from ledger.store import Ledger
from projections import obligations


def end_consents(ledger: Ledger, now: datetime) -> int:
    """Say of each consent whose term is over that it is; of how many that was new."""
    return sum(
        expire_consent(ledger, consent_id, now=now)
        for consent_id in obligations.consents_over(ledger, now=now)
    )
