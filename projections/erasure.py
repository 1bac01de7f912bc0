"""Erasures: whose data is to be destroyed and by when, what holds it back, and what was destroyed. Rows hold pseudonyms,
days, counts, stable words and numbers of documents of authorities."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from uuid import UUID

from domain.erasure import (
    DestructionActDrawn,
    ErasureCalledOff,
    ErasureCompleted,
    ErasureHeld,
    ErasureOrdered,
    HoldReleased,
    PatientErased,
)
from domain.values import PatientId
from ledger.codec import RecordedEvent
from ledger.store import Ledger
from projections.projection import Projection, Rows

ORDERED, ERASED, COMPLETED = "ordered", "erased", "completed"


@dataclass(frozen=True, slots=True)
class ErasureRow:
    """`status` is ordered, erased (older copies may still open), or completed; then the counts are set."""

    patient_id: UUID
    ground: str
    due: date
    ordered_at: datetime
    reference: str | None
    status: str
    erased_at: datetime | None
    erased_position: int | None
    completed_at: datetime | None
    keys: int | None
    documents: int | None
    marks: int | None
    reports: int | None
    act_number: str | None


@dataclass(frozen=True, slots=True)
class HoldRow:
    hold_id: UUID
    patient_id: UUID
    reason: str
    until: date | None
    reference: str | None
    held_at: datetime


# How events change the rows.


def apply(rows: Rows, events: Sequence[RecordedEvent], _: Ledger) -> None:
    for recorded in events:
        event, at = recorded.event, recorded.recorded_at
        match event:
            case ErasureOrdered():
                rows.execute(
                    "INSERT INTO erasures (patient_id, ground, due, ordered_at, reference, status)"
                    " VALUES (%s, %s, %s, %s, %s, 'ordered') ON CONFLICT (patient_id) DO UPDATE SET"
                    " ground = excluded.ground, due = excluded.due, ordered_at = excluded.ordered_at,"
                    " reference = excluded.reference",
                    (event.patient_id, event.ground, event.due, at, event.reference),
                )
            case ErasureCalledOff():
                rows.execute("DELETE FROM erasures WHERE patient_id = %s", (event.patient_id,))
            case ErasureHeld():
                rows.execute(
                    "INSERT INTO holds VALUES (%s, %s, %s, %s, %s, %s)",
                    (event.hold_id, event.patient_id, event.reason, event.until, event.reference, at),
                )
            case HoldReleased():
                rows.execute("DELETE FROM holds WHERE hold_id = %s", (event.hold_id,))
            case PatientErased():
                _erased(rows, recorded, event)
            case ErasureCompleted():
                rows.execute(
                    "UPDATE erasures SET status = 'completed', completed_at = %s WHERE patient_id = %s",
                    (at, event.patient_id),
                )
            case DestructionActDrawn():
                rows.execute(
                    "UPDATE erasures SET act_number = %s WHERE patient_id = %s",
                    (event.number, event.patient_id),
                )
            case _:
                continue


def _erased(rows: Rows, recorded: RecordedEvent, event: PatientErased) -> None:
    done = event.destroyed
    rows.execute(
        "UPDATE erasures SET status = 'erased', erased_at = %s, erased_position = %s, keys = %s, documents = %s,"
        " marks = %s, reports = %s WHERE patient_id = %s",
        (
            recorded.recorded_at,
            recorded.position,
            done.keys,
            done.documents,
            done.marks,
            done.reports,
            event.patient_id,
        ),
    )
    rows.execute("DELETE FROM holds WHERE patient_id = %s", (event.patient_id,))


# Queries.

_COLUMNS = ", ".join(one.name for one in fields(ErasureRow))
_OF_HOLDS = ", ".join(one.name for one in fields(HoldRow))


def erasures(ledger: Ledger, *, limit: int = 500) -> list[ErasureRow]:
    """What is to be done first, by its day, then what was done, the latest first."""
    with ledger.pool.connection() as connection:
        found = connection.execute(
            f"SELECT {_COLUMNS} FROM erasure.erasures ORDER BY status <> 'ordered',"
            " CASE WHEN status = 'ordered' THEN due END, erased_at DESC NULLS LAST, patient_id LIMIT %s".encode(),
            (limit,),
        ).fetchall()
    return [ErasureRow(*row) for row in found]


def holds(ledger: Ledger) -> list[HoldRow]:
    with ledger.pool.connection() as connection:
        found = connection.execute(
            f"SELECT {_OF_HOLDS} FROM erasure.holds ORDER BY held_at, hold_id".encode()
        ).fetchall()
    return [HoldRow(*row) for row in found]


def due(ledger: Ledger, *, today: date) -> list[PatientId]:
    """Whose data is to be destroyed by now; the decision looks at holds again."""
    with ledger.pool.connection() as connection:
        found = connection.execute(
            "SELECT e.patient_id FROM erasure.erasures e WHERE e.status = 'ordered' AND e.due <= %s"
            " AND NOT EXISTS (SELECT FROM erasure.holds h WHERE h.patient_id = e.patient_id"
            " AND (h.until IS NULL OR h.until >= %s)) ORDER BY e.due, e.patient_id",
            (today, today),
        ).fetchall()
    return [PatientId(row[0]) for row in found]


ERASURE = Projection(
    name="erasure",
    tables={"erasures": "patient_id", "holds": "hold_id"},
    apply=apply,
    names=frozenset(
        {
            "ErasureOrdered",
            "ErasureCalledOff",
            "ErasureHeld",
            "HoldReleased",
            "PatientErased",
            "ErasureCompleted",
            "DestructionActDrawn",
        }
    ),
)
