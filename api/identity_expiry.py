"""Documents that end: what they stood for ends with them, by an event of the clock."""

from datetime import datetime, timedelta

from ledger import identity
from ledger.codec import Circumstances
from ledger.store import Ledger
from projections.identity import confirmed_by_documents_of

BY = Circumstances(actor="system:clock")
# So many days are looked back on, for a server that stood still.
DAYS = 400


def expire_documents(ledger: Ledger, now: datetime) -> int:
    """End each confirmed identity whose document was valid for the last time yesterday or before; how many."""
    days = [now.date() - timedelta(days=back) for back in range(1, DAYS + 1)]
    found = confirmed_by_documents_of(ledger, days)
    return sum(identity.expire(ledger, patient_id, BY, now=now) for patient_id in found)
