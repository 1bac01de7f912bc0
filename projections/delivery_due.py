"""What is due together: of those to whom something is due, all that is, so that one message tells of it."""

from collections.abc import Sequence
from datetime import datetime

from domain.channel import Channel
from ledger.store import Ledger
from projections.delivery import COLUMNS, NotificationRow

_FRESH = (
    f"SELECT {COLUMNS} FROM delivery.notifications WHERE channel = %(channel)s AND digest_id IS NULL"
    " AND status IN ('requested', 'postponed') AND attempt = 0 AND coalesce(due_at, requested_at) <= %(now)s"
)
# Two queries of one index each: who is told of themselves, and guardians.
_WITH = (
    f"({_FRESH} AND recipient_id IS NULL AND patient_id = ANY(%(patients)s))"
    f" UNION ALL ({_FRESH} AND recipient_id = ANY(%(guardians)s)) ORDER BY requested_at"
)


def due_with(
    ledger: Ledger, channel: Channel, rows: Sequence[NotificationRow], *, now: datetime
) -> list[NotificationRow]:
    """What else is due to the people of these rows, and never was tried."""
    patients = {row.patient_id for row in rows if row.recipient_id is None}
    guardians = {row.recipient_id for row in rows if row.recipient_id is not None}
    known = {row.notification_id for row in rows}
    with ledger.pool.connection() as connection:
        found = connection.execute(
            _WITH,
            {"channel": channel, "now": now, "patients": list(patients), "guardians": list(guardians)},
        ).fetchall()
    return [row for row in (NotificationRow(*one) for one in found) if row.notification_id not in known]
