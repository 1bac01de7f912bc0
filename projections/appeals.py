"""Appeals: where each is and until when it waits; for its patient, its organisation, the operator, the clock.

By pseudonyms only: what an appeal says is opened from its stream, and for the organisation that is a reading.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from domain.appeal import (
    ESCALATION_TIME,
    AppealAnswered,
    AppealEscalated,
    AppealReminded,
    AppealRepeated,
    AppealStatus,
    AppealStatusRequested,
    AppealSubmitted,
    AppealTaken,
    AppealWithdrawn,
)
from domain.values import OrganisationId, PatientId
from ledger.codec import RecordedEvent
from ledger.store import Ledger
from projections.projection import Projection, Rows


@dataclass(frozen=True, slots=True)
class AppealRow:
    """One appeal. What was reminded or asked concerns the present round, not one before a repeat."""

    appeal_id: UUID
    patient_id: UUID
    organisation_id: UUID
    number: str
    status: str
    submitted_at: datetime
    answer_due: datetime
    changed_at: datetime
    reminded_at: datetime | None
    escalated_at: datetime | None
    status_asked_at: datetime | None
    reason: str | None
    field: str | None

    @property
    def is_open(self) -> bool:
        return self.status in (AppealStatus.SUBMITTED, AppealStatus.TAKEN)


# How events change the rows.

_SUBMITTED = """
INSERT INTO appeals VALUES (%s, %s, %s, %s, 'submitted', %s, %s, %s, NULL, NULL, NULL, NULL, NULL)
"""
_REPEATED = """
UPDATE appeals SET status = 'submitted', submitted_at = %s, answer_due = %s, changed_at = %s, reminded_at = NULL,
escalated_at = NULL, status_asked_at = NULL, reason = NULL, field = NULL WHERE appeal_id = %s
"""
_MOVED = "UPDATE appeals SET status = %s, reason = %s, field = %s, changed_at = %s WHERE appeal_id = %s"
_NOTED = {
    AppealReminded: "UPDATE appeals SET reminded_at = %s WHERE appeal_id = %s",
    AppealEscalated: "UPDATE appeals SET escalated_at = %s WHERE appeal_id = %s",
    AppealStatusRequested: "UPDATE appeals SET status_asked_at = %s WHERE appeal_id = %s",
}


def apply(rows: Rows, events: Sequence[RecordedEvent], ledger: Ledger) -> None:  # noqa: ARG001 - one shape
    for recorded in events:
        event, at, appeal_id = recorded.event, recorded.recorded_at, recorded.stream_id
        match event:
            case AppealSubmitted():
                whose = (event.patient_id, event.organisation_id, event.number)
                rows.execute(_SUBMITTED, (appeal_id, *whose, at, event.answer_due, at))
            case AppealRepeated():
                rows.execute(_REPEATED, (at, event.answer_due, at, appeal_id))
            case AppealTaken():
                rows.execute(_MOVED, (AppealStatus.TAKEN, None, None, at, appeal_id))
            case AppealAnswered():
                rows.execute(_MOVED, (event.outcome, event.reason, event.field, at, appeal_id))
            case AppealWithdrawn():
                rows.execute(_MOVED, (AppealStatus.WITHDRAWN, None, None, at, appeal_id))
            case AppealReminded() | AppealEscalated() | AppealStatusRequested():
                rows.execute(_NOTED[type(event)], (at, appeal_id))
            case _:
                continue


# Queries.

_COLUMNS = (
    "appeal_id, patient_id, organisation_id, number, status, submitted_at, answer_due, changed_at, reminded_at,"
    " escalated_at, status_asked_at, reason, field"
)
_OPEN = "status IN ('submitted', 'taken')"


def appeals_of(ledger: Ledger, patient_id: PatientId, *, limit: int = 200) -> list[AppealRow]:
    """The patient's appeals, latest first."""
    with ledger.of_patient(patient_id) as connection:
        found = connection.execute(
            f"SELECT {_COLUMNS} FROM appeals.appeals WHERE patient_id = %s"
            " ORDER BY submitted_at DESC, appeal_id LIMIT %s",
            (patient_id, limit),
        ).fetchall()
    return [AppealRow(*row) for row in found]


def waiting_at(ledger: Ledger, organisation_id: OrganisationId, *, limit: int = 200) -> list[AppealRow]:
    """What an organisation owes an answer to, longest due first."""
    return _rows(
        ledger,
        f"organisation_id = %s AND {_OPEN} ORDER BY answer_due, appeal_id LIMIT %s",
        organisation_id,
        limit,
    )


def answered_at(ledger: Ledger, organisation_id: OrganisationId, *, limit: int = 50) -> list[AppealRow]:
    """What an organisation answered last, and what was taken back."""
    return _rows(
        ledger,
        f"organisation_id = %s AND NOT {_OPEN} ORDER BY changed_at DESC, appeal_id LIMIT %s",
        organisation_id,
        limit,
    )


def appeal_at(ledger: Ledger, organisation_id: OrganisationId, appeal_id: UUID) -> AppealRow | None:
    """The appeal, if it is addressed to this organisation."""
    found = _rows(ledger, "organisation_id = %s AND appeal_id = %s", organisation_id, appeal_id)
    return found[0] if found else None


def escalated(ledger: Ledger, *, limit: int = 200) -> list[AppealRow]:
    """What the operator takes care of: no answer in spite of the reminder, the longest first."""
    where = f"escalated_at IS NOT NULL AND {_OPEN} ORDER BY answer_due, appeal_id LIMIT %s"
    return _rows(ledger, where, limit)


def due(ledger: Ledger, *, now: datetime, limit: int = 500) -> list[UUID]:
    """Which appeals the time has overtaken, and nobody has said so yet."""
    where = (
        f"{_OPEN} AND answer_due <= %s AND (reminded_at IS NULL OR escalated_at IS NULL AND answer_due <= %s)"
        " ORDER BY answer_due, appeal_id LIMIT %s"
    )
    return [row.appeal_id for row in _rows(ledger, where, now, now - ESCALATION_TIME, limit)]


def count_waiting_at(ledger: Ledger, organisation_id: OrganisationId) -> int:
    return _count(ledger, f"organisation_id = %s AND {_OPEN}", organisation_id)


def count_escalated(ledger: Ledger) -> int:
    return _count(ledger, f"escalated_at IS NOT NULL AND {_OPEN}")


def _rows(ledger: Ledger, where: str, *parameters: object) -> list[AppealRow]:
    with ledger.pool.connection() as connection:
        found = connection.execute(
            f"SELECT {_COLUMNS} FROM appeals.appeals WHERE {where}".encode(), parameters
        ).fetchall()
    return [AppealRow(*row) for row in found]


def _count(ledger: Ledger, where: str, *parameters: object) -> int:
    with ledger.pool.connection() as connection:
        row = connection.execute(
            f"SELECT count(*) FROM appeals.appeals WHERE {where}".encode(), parameters
        ).fetchone()
    return row[0] if row else 0


APPEALS = Projection(
    name="appeals",
    tables={"appeals": "appeal_id"},
    apply=apply,
    names=frozenset(
        {
            "AppealSubmitted",
            "AppealRepeated",
            "AppealTaken",
            "AppealAnswered",
            "AppealWithdrawn",
            "AppealReminded",
            "AppealEscalated",
            "AppealStatusRequested",
        }
    ),
)
