"""Tickets: where each is and since when it waits; for its patient, for support, for the operator, for the clock.

By pseudonyms and working names only: what a ticket says is opened from its stream, and that is a reading.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from domain.reading import ReadingPurpose, TicketRead
from domain.ticket import OWED, TicketStatus
from domain.ticket_events import (
    Telling,
    TicketAnswered,
    TicketClosed,
    TicketEscalated,
    TicketHandedOver,
    TicketMessageAdded,
    TicketOpened,
    TicketPatientTold,
    TicketReopened,
    TicketTaken,
    TicketWay,
)
from domain.values import PatientId
from ledger.codec import RecordedEvent
from ledger.store import Ledger
from projections.projection import Projection, Rows


@dataclass(frozen=True, slots=True)
class TicketRow:
    """One ticket. `owed_since` and `answer_due` are of the present question, None once it is answered; `is_unread`:
    support answered and the patient has not looked yet."""

    ticket_id: UUID
    patient_id: UUID
    number: str
    kind: str
    topic: str
    priority: str
    way: str
    status: str
    handle: str | None
    opened_at: datetime
    changed_at: datetime
    owed_since: datetime | None
    answer_due: datetime | None
    first_answered_at: datetime | None
    escalated_at: datetime | None
    is_unread: bool
    untold: str | None
    untold_since: datetime | None

    @property
    def is_owed(self) -> bool:
        return self.status in OWED


# How events change the rows.

_OPENED = """
INSERT INTO tickets VALUES (%s, %s, %s, %s, %s, %s, %s, 'new', NULL, %s, %s, %s, %s, NULL, NULL, false, NULL, NULL)
"""
_ASKED_MORE = """
UPDATE tickets SET status = CASE WHEN handle IS NULL THEN 'new' ELSE 'taken' END, changed_at = %(at)s,
owed_since = %(at)s, answer_due = %(due)s WHERE ticket_id = %(id)s
"""
_REOPENED = """
UPDATE tickets SET status = 'reopened', priority = %(priority)s, changed_at = %(at)s,
owed_since = coalesce(owed_since, %(at)s), answer_due = %(due)s, escalated_at = NULL WHERE ticket_id = %(id)s
"""
# Who writes has seen what was answered.
_SEEN = """
UPDATE tickets SET is_unread = false, untold = nullif(untold, 'answered'),
untold_since = CASE WHEN untold = 'answered' THEN NULL ELSE untold_since END WHERE ticket_id = %(id)s
"""
_HELD = """
UPDATE tickets SET handle = %(handle)s, changed_at = %(at)s, status = CASE
WHEN status NOT IN ('new', 'taken') THEN status WHEN %(handle)s::text IS NULL THEN 'new' ELSE 'taken' END
WHERE ticket_id = %(id)s
"""
_ANSWERED = """
UPDATE tickets SET status = %(status)s, changed_at = %(at)s, owed_since = NULL, answer_due = NULL,
first_answered_at = coalesce(first_answered_at, %(at)s), escalated_at = NULL, is_unread = true,
untold_since = CASE WHEN untold = 'answered' THEN untold_since ELSE %(at)s END, untold = 'answered'
WHERE ticket_id = %(id)s
"""
_CLOSED = """
UPDATE tickets SET status = 'closed', changed_at = %(at)s, owed_since = NULL, answer_due = NULL, escalated_at = NULL
WHERE ticket_id = %(id)s
"""
_ESCALATED = """
UPDATE tickets SET escalated_at = %(at)s, changed_at = %(at)s, untold = 'escalated', untold_since = %(at)s
WHERE ticket_id = %(id)s
"""
_TOLD = "UPDATE tickets SET untold = NULL, untold_since = NULL WHERE ticket_id = %(id)s"


def apply(rows: Rows, events: Sequence[RecordedEvent], ledger: Ledger) -> None:  # noqa: ARG001 - one shape
    for recorded in events:
        for statement, values in _changes(recorded):
            rows.execute(statement, values)


def _changes(recorded: RecordedEvent) -> list[tuple[str, Any]]:
    event, at = recorded.event, recorded.recorded_at
    about = {"id": recorded.stream_id, "at": at}
    match event:
        case TicketOpened():
            what = (event.kind, event.topic, event.priority, event.way)
            whose = (recorded.stream_id, event.patient_id, event.number)
            return [(_OPENED, (*whose, *what, at, at, at, event.answer_due))]
        case TicketMessageAdded():
            more = [(_ASKED_MORE, about | {"due": event.answer_due})] if event.answer_due else []
            return [*more, (_SEEN, about)]
        case TicketReopened():
            again = about | {"priority": event.priority, "due": event.answer_due}
            return [(_REOPENED, again), (_SEEN, about)]
        case TicketTaken() | TicketHandedOver():
            return [(_HELD, about | {"handle": event.handle})]
        case TicketAnswered():
            status = TicketStatus.ASKED if event.asks else TicketStatus.ANSWERED
            return [(_ANSWERED, about | {"status": status})]
        case TicketClosed():
            return [(_CLOSED, about)]
        case TicketEscalated():
            return [(_ESCALATED, about)]
        case TicketPatientTold():
            return [(_TOLD, about)]
        case TicketRead(purpose=ReadingPurpose.OWN_CABINET):
            return [(_SEEN, {"id": event.ticket_id})]
        case _:
            return []


# Queries.


class Queue(StrEnum):
    """What support works through."""

    NEW = "new"
    MINE = "mine"
    WAITING = "waiting"
    ESCALATED = "escalated"
    CLOSED = "closed"


_COLUMNS = (
    "ticket_id, patient_id, number, kind, topic, priority, way, status, handle, opened_at, changed_at, owed_since,"
    " answer_due, first_answered_at, escalated_at, is_unread, untold, untold_since"
)
_IN_QUEUE = {
    Queue.NEW: "status IN ('new', 'reopened') AND handle IS NULL",
    Queue.MINE: "handle = %(handle)s AND owed_since IS NOT NULL",
    Queue.WAITING: "status IN ('asked', 'answered')",
    # What is escalated is owed: said too, for the index of what is.
    Queue.ESCALATED: "owed_since IS NOT NULL AND escalated_at IS NOT NULL",
    Queue.CLOSED: "status = 'closed'",
}
# High priority first, then who has waited longest.
_FIRST = "owed_since IS NULL, priority = 'high' DESC, owed_since, changed_at DESC, ticket_id"
# Who chats reads the answer as it comes; only who has left is told of it by mail.
CHAT_PATIENCE = timedelta(minutes=5)


def tickets_of(ledger: Ledger, patient_id: PatientId, *, limit: int = 200) -> list[TicketRow]:
    """The patient's tickets, latest first."""
    with ledger.of_patient(patient_id) as connection:
        found = connection.execute(
            f"SELECT {_COLUMNS} FROM tickets.tickets WHERE patient_id = %s"
            " ORDER BY opened_at DESC, ticket_id LIMIT %s",
            (patient_id, limit),
        ).fetchall()
    return [TicketRow(*row) for row in found]


def open_chat(ledger: Ledger, patient_id: PatientId) -> TicketRow | None:
    """The chat that the patient is in, if it isn't closed."""
    rows = tickets_of(ledger, patient_id)
    chats = (row for row in rows if row.way == TicketWay.CHAT and row.status != TicketStatus.CLOSED)
    return next(chats, None)


def in_queue(ledger: Ledger, queue: Queue, handle: str, *, limit: int = 100) -> list[TicketRow]:
    order = "changed_at DESC, ticket_id" if queue in (Queue.CLOSED, Queue.WAITING) else _FIRST
    return _rows(
        ledger, f"{_IN_QUEUE[queue]} ORDER BY {order} LIMIT %(limit)s", {"handle": handle, "limit": limit}
    )


def queue_sizes(ledger: Ledger, handle: str) -> dict[Queue, int]:
    counts = ", ".join(
        f"count(*) FILTER (WHERE {where})" for queue, where in _IN_QUEUE.items() if queue is not Queue.CLOSED
    )
    with ledger.pool.connection() as connection:
        row = connection.execute(
            # By the states themselves: nearly all tickets are closed.
            f"SELECT {counts} FROM tickets.tickets WHERE status = ANY(%(open)s)".encode(),
            {"handle": handle, "open": [one for one in TicketStatus if one is not TicketStatus.CLOSED]},
        ).fetchone()
    assert row is not None
    return dict(zip((queue for queue in Queue if queue is not Queue.CLOSED), row, strict=True))


def ticket_row(ledger: Ledger, ticket_id: UUID) -> TicketRow | None:
    found = _rows(ledger, "ticket_id = %(id)s", {"id": ticket_id})
    return found[0] if found else None


def due(ledger: Ledger, *, now: datetime, limit: int = 500) -> list[UUID]:
    """Which tickets the time has overtaken, and nobody has said so yet."""
    where = (
        "owed_since IS NOT NULL AND answer_due <= %(now)s AND escalated_at IS NULL"
        " ORDER BY answer_due, ticket_id LIMIT %(limit)s"
    )
    return [row.ticket_id for row in _rows(ledger, where, {"now": now, "limit": limit})]


def untold(ledger: Ledger, *, now: datetime, limit: int = 50) -> list[tuple[UUID, PatientId, Telling]]:
    """Whose patient is to be told of what, the longest waiting first."""
    where = (
        "untold IS NOT NULL AND untold_since <= CASE WHEN way = 'chat' AND untold = 'answered'"
        " THEN %(left)s ELSE %(now)s END ORDER BY untold_since, ticket_id LIMIT %(limit)s"
    )
    rows = _rows(ledger, where, {"now": now, "left": now - CHAT_PATIENCE, "limit": limit})
    return [(row.ticket_id, PatientId(row.patient_id), Telling(row.untold)) for row in rows if row.untold]


def count_new(ledger: Ledger) -> int:
    """What nobody of support works on yet."""
    return _count(ledger, _IN_QUEUE[Queue.NEW])


def count_escalated(ledger: Ledger) -> int:
    return _count(ledger, _IN_QUEUE[Queue.ESCALATED])


def count_by_age(ledger: Ledger, *, now: datetime) -> dict[str, int]:
    """How many wait for an answer, by how long they have."""
    with ledger.pool.connection() as connection:
        row = connection.execute(
            "SELECT count(*) FILTER (WHERE age < '4h'), count(*) FILTER (WHERE age >= '4h' AND age < '24h'),"
            " count(*) FILTER (WHERE age >= '24h' AND age < '48h'), count(*) FILTER (WHERE age >= '48h')"
            " FROM (SELECT %s::timestamptz - owed_since AS age FROM tickets.tickets"
            " WHERE owed_since IS NOT NULL) waiting",
            (now,),
        ).fetchone()
    assert row is not None
    return dict(zip(("under 4 h", "4 to 24 h", "24 to 48 h", "over 48 h"), row, strict=True))


def _rows(ledger: Ledger, where: str, values: dict[str, object]) -> list[TicketRow]:
    with ledger.pool.connection() as connection:
        found = connection.execute(
            f"SELECT {_COLUMNS} FROM tickets.tickets WHERE {where}".encode(), values
        ).fetchall()
    return [TicketRow(*row) for row in found]


def _count(ledger: Ledger, where: str) -> int:
    with ledger.pool.connection() as connection:
        row = connection.execute(f"SELECT count(*) FROM tickets.tickets WHERE {where}".encode()).fetchone()
    return row[0] if row else 0


TICKETS = Projection(
    name="tickets",
    tables={"tickets": "ticket_id"},
    apply=apply,
    names=frozenset(
        {
            "TicketOpened",
            "TicketMessageAdded",
            "TicketReopened",
            "TicketTaken",
            "TicketHandedOver",
            "TicketAnswered",
            "TicketClosed",
            "TicketEscalated",
            "TicketPatientTold",
            "TicketRead",
        }
    ),
)
