"""Exposure: how far a report went that was a patient's by mistake. Asked of the audit trail and delivery."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from ledger.store import Ledger


@dataclass(frozen=True, slots=True)
class Looked:
    """Somebody read the report: who, on whose behalf, why, and when."""

    at: datetime
    actor: str
    purpose: str


@dataclass(frozen=True, slots=True)
class Told:
    """A notice about the report: to whom (a pseudonym), by which channel, and how far it came."""

    at: datetime
    patient_id: UUID
    channel: str
    status: str


@dataclass(frozen=True, slots=True)
class Exposure:
    """Everything that is known to have left the ledger of one report."""

    readings: tuple[Looked, ...]
    notices: tuple[Told, ...]


def exposure_of(ledger: Ledger, report_id: UUID) -> Exposure:
    with ledger.pool.connection() as connection:
        readings = connection.execute(
            "SELECT recorded_at, actor, detail->>'purpose' FROM audit.entries"
            " WHERE report_id = %s AND name = 'ReportRead' ORDER BY position",
            (report_id,),
        ).fetchall()
        notices = connection.execute(
            "SELECT requested_at, patient_id, channel, status FROM delivery.notifications"
            " WHERE report_id = %s ORDER BY requested_at, notification_id",
            (report_id,),
        ).fetchall()
    return Exposure(tuple(Looked(*row) for row in readings), tuple(Told(*row) for row in notices))


def places_of_readings(
    ledger: Ledger, report_id: UUID, *, patient_id: UUID | None = None, after: int = 0, limit: int = 100
) -> list[int]:
    """At which positions readings of the report are recorded, as this patient's if one is named; the first ones
    behind that position."""
    with ledger.pool.connection() as connection:
        found = connection.execute(
            "SELECT position FROM audit.entries WHERE report_id = %s AND name = 'ReportRead' AND position > %s"
            " AND (%s::uuid IS NULL OR patient_id = %s) ORDER BY position LIMIT %s",
            (report_id, after, patient_id, patient_id, limit),
        ).fetchall()
    return [row[0] for row in found]
