"""A step of the sender's loop: whoever represents a ward is told of what the ward is told, and they may see."""

from datetime import datetime, timedelta

import structlog

from api.node import DATABASE_AWAY
from domain.announcement import About
from ledger.announcing import News
from ledger.guardian_announcing import Guardian, announce_to_guardian
from ledger.recorder import StreamConflictError
from ledger.store import Ledger
from projections import delivery
from projections.delivery import UntoldRow

ROUND_MAX = 100
# One that can't even be decided must not keep the others.
ASIDE = timedelta(minutes=1)

log = structlog.get_logger()


def tell_guardians(ledger: Ledger, now: datetime, aside: dict[UntoldRow, datetime] | None = None) -> int:
    """Decide for each guardian who was not told yet; for how many it was decided. The view forgets them when it
    has seen that, so what is asked for twice in between is decided once. `aside` is kept between two rounds: what
    could not be decided, and until when it is left alone."""
    left_alone = {} if aside is None else aside
    for row in [row for row, until in left_alone.items() if until <= now]:
        del left_alone[row]
    decided = 0
    for row in delivery.untold(ledger, limit=ROUND_MAX + len(left_alone)):
        if row in left_alone:
            continue
        try:
            decided += _told(ledger, row, now)
        except StreamConflictError:
            continue  # its turn comes again: something moved on too often just now
        except DATABASE_AWAY:
            raise
        except Exception as error:  # noqa: BLE001 - one that can't be decided must not keep the others
            log.error("guardians.set-aside", report=str(row.report_id), error=type(error).__name__)
            left_alone[row] = now + ASIDE
    return decided


def _told(ledger: Ledger, row: UntoldRow, now: datetime) -> bool:
    news = News(
        patient_id=row.ward_id,
        report_id=row.report_id,
        report_version=row.report_version,
        about=About(row.about) if row.about else None,
    )
    guardian = Guardian(
        guardianship_id=row.guardianship_id,
        guardian_id=row.guardian_id,
        was_told=row.was_told,
        news_at=row.at,
    )
    return announce_to_guardian(ledger, guardian, news, now=now)
