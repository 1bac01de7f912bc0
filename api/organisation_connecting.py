"""Organisations that are awaited are linked as soon as they are connected: a step of the clockwork (S75)."""

from datetime import datetime

from ledger.linkage import connect_organisation
from ledger.store import Ledger
from projections import organisations


def connect_awaited(ledger: Ledger, now: datetime) -> int:
    """Link every awaited organisation that is a registered laboratory by now; how many were linked. What it finds
    is decided again on the streams, so a view that is behind only means a later round."""
    del now
    linked = 0
    rows = organisations.connectable(ledger)
    while rows:
        for row in rows:
            linked += connect_organisation(ledger, row.patient_id, row.organisation_id, row.laboratory_id)
        rows = organisations.connectable(ledger, after=(rows[-1].patient_id, rows[-1].organisation_id))
    return linked
