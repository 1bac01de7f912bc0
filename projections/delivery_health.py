"""How delivery goes, for operators: what is open and since when, what went through, and what came to a dead end.

No row here says whose it is but by pseudonym. A digest counts once here: its members have its outcome.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from ledger.store import Ledger

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Rate:
    """What one channel did within a stretch of time."""

    channel: str
    taken: int
    failed: int


@dataclass(frozen=True, slots=True)
class DeadCount:
    """How many dead letters of one channel have one state and one reason."""

    channel: str
    status: str
    reason: str
    count: int


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A notification that reached nobody, or of which nobody knows whether it did. `members` go with it."""

    notification_id: UUID
    patient_id: UUID
    recipient_id: UUID | None
    report_id: UUID
    report_version: int
    channel: str
    status: str
    reason: str
    about: str | None
    attempt: int
    requested_at: datetime
    changed_at: datetime


# As literals, so that the partial indexes are used.
_OPEN = "digest_id IS NULL AND status IN ('requested', 'postponed', 'waiting', 'attempted')"
# What was tried for three days to no end is shown for a month: nobody need answer for it any more.
_DEAD = (
    "digest_id IS NULL AND (status IN ('failed', 'unknown', 'returned')"
    " OR (status = 'abandoned' AND reason = 'life-over' AND changed_at > now() - interval '30 days'))"
)
_COLUMNS = (
    "notification_id, patient_id, recipient_id, report_id, report_version, channel, status,"
    " coalesce(reason, ''), about, attempt, requested_at, changed_at"
)


def open_counts(ledger: Ledger) -> list[tuple[str, str, int]]:
    """Channel, state and number of what is not at its end."""
    return _asked(
        ledger,
        f"SELECT channel, status, count(*) FROM delivery.notifications WHERE {_OPEN}"
        " GROUP BY channel, status ORDER BY channel, status",
    )


def oldest_due(ledger: Ledger, *, now: datetime) -> dict[str, datetime]:
    """Since when each channel owes what it should have sent first."""
    found = _asked(
        ledger,
        "SELECT channel, min(coalesce(due_at, requested_at)) FROM delivery.notifications"
        f" WHERE {_OPEN} AND coalesce(due_at, requested_at) <= %s GROUP BY channel",
        (now,),
    )
    return dict(found)


def rates(ledger: Ledger, *, since: datetime) -> list[Rate]:
    """What each channel's providers took, and what failed, since then."""
    found = _asked(
        ledger,
        "SELECT channel, count(*) FILTER (WHERE status IN ('handed-over', 'delivered')),"
        " count(*) FILTER (WHERE status IN ('failed', 'unknown', 'returned', 'abandoned'))"
        " FROM delivery.notifications WHERE changed_at > %s GROUP BY channel ORDER BY channel",
        (since,),
    )
    return [Rate(*row) for row in found]


def dead_counts(ledger: Ledger) -> list[DeadCount]:
    """The dead letters by channel, state and reason."""
    found = _asked(
        ledger,
        "SELECT channel, status, coalesce(reason, ''), count(*) FROM delivery.notifications"
        f" WHERE {_DEAD} GROUP BY 1, 2, 3 ORDER BY 4 DESC, 1, 2, 3",
    )
    return [DeadCount(*row) for row in found]


def count_dead(ledger: Ledger) -> int:
    return int(_asked(ledger, f"SELECT count(*) FROM delivery.notifications WHERE {_DEAD}")[0][0])


def dead_letters(
    ledger: Ledger,
    *,
    channel: str | None = None,
    reason: str | None = None,
    after: UUID | None = None,
    limit: int = 50,
) -> list[DeadLetter]:
    """The latest first; `after` is the one with which the page before ended, whatever became of it since."""
    found = _asked(
        ledger,
        f"SELECT {_COLUMNS} FROM delivery.notifications WHERE {_DEAD}"
        " AND (%s::text IS NULL OR channel = %s) AND (%s::text IS NULL OR coalesce(reason, '') = %s)"
        " AND (%s::uuid IS NULL OR (changed_at, notification_id) <"
        " (SELECT changed_at, notification_id FROM delivery.notifications WHERE notification_id = %s))"
        " ORDER BY changed_at DESC, notification_id DESC LIMIT %s",
        (channel, channel, reason, reason, after, after, limit),
    )
    return [DeadLetter(*row) for row in found]


def dead_letter(ledger: Ledger, notification_id: UUID) -> DeadLetter | None:
    """None if it is none, or none any more."""
    found = _asked(
        ledger,
        f"SELECT {_COLUMNS} FROM delivery.notifications WHERE notification_id = %s AND {_DEAD}",
        (notification_id,),
    )
    return DeadLetter(*found[0]) if found else None


def _asked(ledger: Ledger, query: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
    with ledger.pool.connection() as connection:
        return connection.execute(query.encode(), parameters).fetchall()
