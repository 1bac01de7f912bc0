"""A step of the sender's loop: whoever represents a ward is told of what the ward is told, and they may see."""

from contextlib import suppress
from datetime import datetime

from domain.announcement import About
from ledger.announcing import News
from ledger.guardian_announcing import Guardian, announce_to_guardian
from ledger.recorder import StreamConflictError
from ledger.store import Ledger
from projections import delivery


def tell_guardians(ledger: Ledger, now: datetime) -> int:
    """Decide for each guardian who was not told yet; for how many it was decided. The view forgets them when it
    has seen that, so what is asked for twice in between is decided once."""
    decided = 0
    for row in delivery.untold(ledger):
        news = News(
            patient_id=row.ward_id,
            report_id=row.report_id,
            report_version=row.report_version,
            about=About(row.about) if row.about else None,
        )
        guardian = Guardian(
            guardianship_id=row.guardianship_id, guardian_id=row.guardian_id, was_told=row.was_told
        )
        # Its turn comes again: something moved on too often just now.
        with suppress(StreamConflictError):
            decided += announce_to_guardian(ledger, guardian, news, now=now)
    return decided
