"""Intake: what each laboratory submitted, what became of it, and what lies in quarantine."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from domain.submission import (
    SubmissionAccepted,
    SubmissionDestroyed,
    SubmissionQuarantined,
    SubmissionReceived,
    SubmissionReleased,
)
from ledger.codec import RecordedEvent
from ledger.store import Ledger
from projections.packed_rows import packed
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


@dataclass(frozen=True, slots=True)
class Submitted:
    """A submission by its number among its laboratory's, and what became of it."""

    number: int
    submission_id: UUID
    received_at: datetime
    content_type: str
    status: str
    reports: int
    code: str | None


# How events change the rows.

_INSERT = "INSERT INTO submissions SELECT * FROM json_populate_recordset(NULL::submissions, %s)"
_CHANGE = """
UPDATE submissions SET status = %s, changed_at = %s, reports = %s, code = coalesce(%s, code),
field = CASE WHEN %s::text IS NULL THEN field ELSE %s END WHERE submission_id = %s
"""


@dataclass(slots=True)
class _Row:
    """A submission's row, while it is not in the table yet."""

    submission_id: UUID
    laboratory_id: UUID
    content_type: str
    size_bytes: int
    received_at: datetime
    position: int | None
    status: str
    changed_at: datetime
    reports: int = 0
    code: str | None = None
    field: str | None = None


def apply(rows: Rows, events: Sequence[RecordedEvent], ledger: Ledger) -> None:  # noqa: ARG001 - one shape
    """What became of a submission is mostly in the batch that received it."""
    received: dict[UUID, _Row] = {}
    for recorded in events:
        event = recorded.event
        if isinstance(event, SubmissionReceived):
            received[recorded.stream_id] = _received(recorded, event)
        elif (change := _change(event)) is not None:
            status, reports, code, field = change
            row = received.get(recorded.stream_id)
            if row is None:
                known = (status, recorded.recorded_at, reports, code, code, field, recorded.stream_id)
                rows.execute(_CHANGE, known)
                continue
            row.status, row.changed_at, row.reports = status, recorded.recorded_at, reports
            if code is not None:
                row.code, row.field = code, field
    if received:
        rows.execute(_INSERT, (packed(list(received.values())),))


def _received(recorded: RecordedEvent, event: SubmissionReceived) -> _Row:
    return _Row(
        submission_id=recorded.stream_id,
        laboratory_id=event.laboratory_id,
        content_type=event.content_type,
        size_bytes=event.document.size_bytes,
        received_at=recorded.recorded_at,
        position=recorded.position,
        status="received",
        changed_at=recorded.recorded_at,
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
        case SubmissionDestroyed():
            return "destroyed", 0, None, None
        case _:
            return None


# Queries.


_QUARANTINED = """
SELECT s.position, s.submission_id, l.handle, s.content_type, s.size_bytes, s.received_at, s.code, s.field
FROM intake.submissions s JOIN cabinet.laboratories l ON l.laboratory_id = s.laboratory_id
WHERE s.status = 'quarantined'
"""


def quarantine(
    ledger: Ledger,
    *,
    laboratory_id: UUID | None = None,
    code: str | None = None,
    after: int = 0,
    limit: int = 100,
) -> list[Quarantined]:
    """What lies in quarantine, in order of arrival; of one laboratory or of all, for one reason or for any."""
    with ledger.pool.connection() as connection:
        found = connection.execute(
            _QUARANTINED + " AND s.position > %s AND (%s::uuid IS NULL OR s.laboratory_id = %s)"
            " AND (%s::text IS NULL OR s.code = %s) ORDER BY s.position LIMIT %s",
            (after, laboratory_id, laboratory_id, code, code, limit),
        ).fetchall()
    return [Quarantined(*row) for row in found]


def quarantined(ledger: Ledger, submission_id: UUID) -> Quarantined | None:
    """One submission, if it lies in quarantine."""
    with ledger.pool.connection() as connection:
        row = connection.execute(_QUARANTINED + " AND s.submission_id = %s", (submission_id,)).fetchone()
    return Quarantined(*row) if row else None


def unused(ledger: Ledger, *, before: datetime, after: int = 0, limit: int = 500) -> list[tuple[int, UUID]]:
    """What arrived before then and brought nothing, whether it still lies in quarantine or not: position and id."""
    with ledger.pool.connection() as connection:
        return connection.execute(
            "SELECT position, submission_id FROM intake.submissions WHERE status IN ('quarantined', 'released')"
            " AND received_at < %s AND position > %s ORDER BY position LIMIT %s",
            (before, after, limit),
        ).fetchall()


def submissions_of(ledger: Ledger, laboratory_id: UUID, *, after: int, limit: int = 500) -> list[Submitted]:
    """A laboratory's submissions in order of their numbers."""
    with ledger.pool.connection() as connection:
        found = connection.execute(
            "SELECT n.number, s.submission_id, s.received_at, s.content_type, s.status, s.reports, s.code"
            " FROM ledger.numbers n JOIN intake.submissions s ON s.submission_id = n.subject"
            " WHERE n.counter = %s AND n.number > %s ORDER BY n.number LIMIT %s",
            (laboratory_id, after, limit),
        ).fetchall()
    return [Submitted(*row) for row in found]


def latest_submissions(
    ledger: Ledger,
    laboratory_id: UUID,
    *,
    status: str | None = None,
    before: int | None = None,
    limit: int = 50,
) -> list[Submitted]:
    """A laboratory's submissions, those with the highest numbers first; all, or those in one state."""
    with ledger.pool.connection() as connection:
        found = connection.execute(
            "SELECT n.number, s.submission_id, s.received_at, s.content_type, s.status, s.reports, s.code"
            " FROM ledger.numbers n JOIN intake.submissions s ON s.submission_id = n.subject"
            " WHERE n.counter = %s AND (%s::bigint IS NULL OR n.number < %s)"
            " AND (%s::text IS NULL OR s.status = %s) ORDER BY n.number DESC LIMIT %s",
            (laboratory_id, before, before, status, status, limit),
        ).fetchall()
    return [Submitted(*row) for row in found]


def states_of(ledger: Ledger, laboratory_id: UUID) -> dict[str, int]:
    """How many of a laboratory's submissions are in each state."""
    with ledger.pool.connection() as connection:
        found = connection.execute(
            "SELECT status, count(*) FROM intake.submissions WHERE laboratory_id = %s GROUP BY status",
            (laboratory_id,),
        ).fetchall()
    return {row[0]: row[1] for row in found}


def count_quarantined_of(ledger: Ledger, laboratory_id: UUID) -> int:
    """What of a laboratory's own lies in quarantine."""
    return states_of(ledger, laboratory_id).get("quarantined", 0)


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
        {
            "SubmissionReceived",
            "SubmissionAccepted",
            "SubmissionQuarantined",
            "SubmissionReleased",
            "SubmissionDestroyed",
        }
    ),
)
