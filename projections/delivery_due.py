"""What is due together: of those to whom something is due, all that is, so that one message tells of it."""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from domain.channel import Channel
from ledger.arrays import UUIDS, column
from ledger.store import Ledger
from projections.delivery import COLUMNS, NotificationRow

_FRESH = (
    f"SELECT {COLUMNS} FROM delivery.notifications WHERE channel = %(channel)s AND digest_id IS NULL"
    " AND status IN ('requested', 'postponed') AND attempt = 0 AND coalesce(due_at, requested_at) <= %(now)s"
    " AND notification_id NOT IN (SELECT unnest(%(known)b::uuid[]))"
)
# Two queries of one index each: who is told of themselves, and guardians.
_WITH = (
    f"({_FRESH} AND recipient_id IS NULL AND patient_id = ANY(%(patients)b::uuid[]))"
    f" UNION ALL ({_FRESH} AND recipient_id = ANY(%(guardians)b::uuid[])) ORDER BY requested_at"
)


def due_with(
    ledger: Ledger,
    channel: Channel,
    rows: Sequence[NotificationRow],
    *,
    now: datetime,
    hidden: Collection[UUID] = (),
) -> list[NotificationRow]:
    """What else is due to the people of these rows, and never was tried; the `hidden` are passed over."""
    asked = {
        "channel": channel,
        "now": now,
        "patients": column(UUIDS, {row.patient_id for row in rows if row.recipient_id is None}),
        "guardians": column(UUIDS, {row.recipient_id for row in rows if row.recipient_id is not None}),
        "known": column(UUIDS, {row.notification_id for row in rows}.union(hidden)),
    }
    with ledger.pool.connection() as connection:
        found = connection.execute(_WITH, asked).fetchall()
    return [NotificationRow(*one) for one in found]
