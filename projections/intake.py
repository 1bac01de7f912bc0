"""Intake: what each laboratory submitted, what became of it, and what lies in quarantine."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from domain.submission import (
    SubmissionAccepted,
    SubmissionQuarantined,
    SubmissionReceived,
    SubmissionReleased,
)
from ledger.codec import RecordedEvent
from ledger.store import Ledger
from projections.projection import Projection, Rows


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A submission that could not be used: why (`code`), where (`field`), whose, since when."""

    position: int
    submission_id: UUID
    handle: str
    content_type: str
    size_bytes: int
    received_at: datetime
    code: str
    field: str | None


# How events change the rows.

_CHANGE = """
UPDATE submissions SET status = %s, changed_at = %s, reports = %s, code = coalesce(%s, code),
field = CASE WHEN %s::text IS NULL THEN field ELSE %s END WHERE submission_id = %s
"""


def apply(rows: Rows, events: Sequence[RecordedEvent], ledger: Ledger) -> None:  # noqa: ARG001 - one shape
    for recorded in events:
        event = recorded.event
        if isinstance(event, SubmissionReceived):
            rows.execute(
                "INSERT INTO submissions VALUES (%s, %s, %s, %s, %s, %s, 'received', %s)",
                (
                    recorded.stream_id,
                    event.laboratory_id,
                    event.content_type,
                    event.document.size_bytes,
                    recorded.recorded_at,
                    recorded.position,
                    recorded.recorded_at,
                ),
            )
        elif (change := _change(event)) is not None:
            status, reports, code, field = change
            rows.execute(
                _CHANGE, (status, recorded.recorded_at, reports, code, code, field, recorded.stream_id)
            )


def _change(event: object) -> tuple[str, int, str | None, str | None] | None:
    """Status, number of reports, and the problem if there is a new one."""
    match event:
        case SubmissionAccepted():
            return "accepted", len(event.reports), None, None
        case SubmissionQuarantined():
            return "quarantined", 0, event.code, event.field
        case SubmissionReleased():
            return "released", 0, None, None
        case _:
            return None


# Queries.


def quarantine(
    ledger: Ledger, *, laboratory_id: UUID | None = None, after: int = 0, limit: int = 100
) -> list[Quarantined]:
    """What lies in quarantine, in order of arrival; of one laboratory, or of all."""
    with ledger.pool.connection() as connection:
        found = connection.execute(
            "SELECT s.position, s.submission_id, l.handle, s.content_type, s.size_bytes, s.received_at, s.code,"
            " s.field FROM intake.submissions s"
            " JOIN cabinet.laboratories l ON l.laboratory_id = s.laboratory_id"
            " WHERE s.status = 'quarantined' AND s.position > %s"
            " AND (%s::uuid IS NULL OR s.laboratory_id = %s) ORDER BY s.position LIMIT %s",
            (after, laboratory_id, laboratory_id, limit),
        ).fetchall()
    return [Quarantined(*row) for row in found]


def counts(ledger: Ledger) -> dict[tuple[str, str], int]:
    """How many submissions lie in quarantine, by laboratory's handle and reason."""
    with ledger.pool.connection() as connection:
        found = connection.execute(
            "SELECT l.handle, s.code, count(*) FROM intake.submissions s"
            " JOIN cabinet.laboratories l ON l.laboratory_id = s.laboratory_id"
            " WHERE s.status = 'quarantined' GROUP BY l.handle, s.code"
        ).fetchall()
    return {(row[0], row[1]): row[2] for row in found}


INTAKE = Projection(
    name="intake",
    tables={"submissions": "submission_id"},
    apply=apply,
    names=frozenset(
        {"SubmissionReceived", "SubmissionAccepted", "SubmissionQuarantined", "SubmissionReleased"}
    ),
)
