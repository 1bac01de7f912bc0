"""What comes to one patient: when the last report came, how notices fare, and whether the views keep up."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from domain.values import PatientId
from ledger.store import Ledger
from projections.follow import position_of

# What was due this long ago and is not begun, nobody is sending.
STUCK_AFTER = timedelta(minutes=15)


def last_arrival(ledger: Ledger, patient_id: PatientId) -> datetime | None:
    """When the last report came that is in the cabinet."""
    with ledger.of_patient(patient_id) as connection:
        row = connection.execute(
            "SELECT max(received_at) FROM cabinet.reports WHERE patient_id = %s", (patient_id,)
        ).fetchone()
    return row[0] if row else None


@dataclass(frozen=True, slots=True)
class Notices:
    """How many to the patient failed for good since a day, and whether anybody's wait for a sender."""

    failed: int
    are_stuck: bool


def notices_of(
    ledger: Ledger, patient_id: PatientId, *, now: datetime, since: datetime, channels: Sequence[str]
) -> Notices:
    """Of the channels that are set up: by another one nothing goes, and who chose it is told so where they chose."""
    with ledger.pool.connection() as connection:
        row = connection.execute(
            "SELECT (SELECT count(*) FROM delivery.notifications WHERE patient_id = %s AND recipient_id IS NULL"
            " AND (status IN ('failed', 'returned') OR (status = 'abandoned' AND reason = 'life-over'))"
            " AND requested_at > %s), EXISTS (SELECT FROM delivery.notifications"
            " WHERE channel = ANY(%s) AND digest_id IS NULL AND status IN ('requested', 'waiting', 'attempted')"
            " AND (due_at < %s OR (due_at IS NULL AND lives_since < %s)))",
            (patient_id, since, list(channels), now - STUCK_AFTER, now - STUCK_AFTER),
        ).fetchone()
    assert row is not None
    return Notices(*row)


def behind(ledger: Ledger, *, now: datetime, views: tuple[str, ...] = ("cabinet", "matching")) -> timedelta:
    """For how long the eldest event has waited that one of these views has not taken yet."""
    reached = min(position_of(ledger, view) for view in views)
    later = ledger.read_all(after=reached, limit=1)
    return max(now - later[0].recorded_at, timedelta()) if later else timedelta()
