"""Delivery: what was announced to whom, how far it is, and what is due."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from domain.notification import (
    NotificationAttempted,
    NotificationFailed,
    NotificationHandedOver,
    NotificationOutcomeUnknown,
    NotificationRequested,
    NotificationStatus,
    NotificationSuppressed,
)
from domain.values import PatientId
from ledger.codec import RecordedEvent
from ledger.store import Ledger
from projections.projection import Projection, Rows


@dataclass(frozen=True, slots=True)
class NotificationRow:
    """One notification and its state."""

    notification_id: UUID
    patient_id: UUID
    report_id: UUID
    report_version: int
    channel: str
    status: str
    attempt: int
    due_at: datetime | None
    reason: str | None
    requested_at: datetime
    changed_at: datetime
    about: str | None = None


# How events change the rows.

_OPEN = """
INSERT INTO notifications VALUES (%s, %s, %s, %s, %s, %s, 0, NULL, %s, %s, %s, %s)
ON CONFLICT (notification_id) DO UPDATE
SET status = excluded.status, due_at = NULL, reason = excluded.reason, changed_at = excluded.changed_at
"""
_CHANGE = """
UPDATE notifications SET status = %s, attempt = greatest(attempt, %s), due_at = %s, reason = %s,
changed_at = %s WHERE notification_id = %s
"""


def apply(rows: Rows, events: Sequence[RecordedEvent], ledger: Ledger) -> None:  # noqa: ARG001 - one shape
    for recorded in events:
        event = recorded.event
        if isinstance(event, NotificationRequested | NotificationSuppressed):
            suppressed = isinstance(event, NotificationSuppressed)
            rows.execute(
                _OPEN,
                (
                    recorded.stream_id,
                    event.patient_id,
                    event.report_id,
                    event.report_version,
                    event.channel,
                    NotificationStatus.SUPPRESSED if suppressed else NotificationStatus.REQUESTED,
                    event.reason if isinstance(event, NotificationSuppressed) else None,
                    recorded.recorded_at,
                    recorded.recorded_at,
                    event.about,
                ),
            )
        elif (change := _change(event)) is not None:
            rows.execute(_CHANGE, (*change, recorded.recorded_at, recorded.stream_id))


def _change(event: object) -> tuple[NotificationStatus, int, datetime | None, str | None] | None:
    """Status, attempt, when it is due, and why, after an event of a notification that is open."""
    match event:
        case NotificationAttempted():
            return NotificationStatus.ATTEMPTED, event.attempt, event.lease_until, None
        case NotificationHandedOver():
            return NotificationStatus.HANDED_OVER, event.attempt, None, None
        case NotificationFailed():
            again = event.retry_at is not None
            status = NotificationStatus.WAITING if again else NotificationStatus.FAILED
            return status, event.attempt, event.retry_at, event.reason
        case NotificationOutcomeUnknown():
            again = event.retry_at is not None
            status = NotificationStatus.WAITING if again else NotificationStatus.UNKNOWN
            return status, event.attempt, event.retry_at, event.stage
        case _:
            return None


# Queries.

_COLUMNS = (
    "notification_id, patient_id, report_id, report_version, channel, status, attempt, due_at, reason,"
    " requested_at, changed_at, about"
)


def due(ledger: Ledger, *, now: datetime, limit: int = 100) -> list[NotificationRow]:
    """What is to be sent now, and attempts whose worker has died; the longest waiting first."""
    with ledger.pool.connection() as connection:
        found = connection.execute(
            f"SELECT {_COLUMNS} FROM delivery.notifications"
            " WHERE status IN ('requested', 'waiting', 'attempted') AND (due_at IS NULL OR due_at <= %s)"
            " ORDER BY due_at NULLS FIRST, requested_at LIMIT %s",
            (now, limit),
        ).fetchall()
    return [NotificationRow(*row) for row in found]


def notifications_of(ledger: Ledger, patient_id: PatientId, *, limit: int = 200) -> list[NotificationRow]:
    with ledger.of_patient(patient_id) as connection:
        found = connection.execute(
            f"SELECT {_COLUMNS} FROM delivery.notifications WHERE patient_id = %s"
            " ORDER BY requested_at DESC LIMIT %s",
            (patient_id, limit),
        ).fetchall()
    return [NotificationRow(*row) for row in found]


DELIVERY = Projection(
    name="delivery",
    tables={"notifications": "notification_id"},
    apply=apply,
    names=frozenset(
        {
            "NotificationRequested",
            "NotificationSuppressed",
            "NotificationAttempted",
            "NotificationHandedOver",
            "NotificationFailed",
            "NotificationOutcomeUnknown",
        }
    ),
)
