"""Erasures: whose data is to be destroyed, by when and by whose word, what holds it back, and what was destroyed. Rows
hold pseudonyms, working names of staff, days, counts, stable words and numbers of documents of authorities."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from uuid import UUID

from domain.erasure import (
    DestructionActDrawn,
    ErasureCalledOff,
    ErasureCompleted,
    ErasureConfirmed,
    ErasureHeld,
    ErasureOrdered,
    HoldReleased,
    PatientErased,
)
from domain.values import PatientId
from ledger.codec import RecordedEvent
from ledger.store import Ledger
from projections.projection import Projection, Rows


@dataclass(frozen=True, slots=True)
class OrderRow:
    """What is to be destroyed. Of a patient there may be two: what their own acts ordered, and what an officer did, which
    waits for another person's word."""

    patient_id: UUID
    is_officers: bool
    ground: str
    due: date
    ordered_at: datetime
    ordered_by: str
    reference: str | None
    confirmed_at: datetime | None
    confirmed_by: str | None

    @property
    def is_ready(self) -> bool:
        return not self.is_officers or self.confirmed_at is not None


@dataclass(frozen=True, slots=True)
class ErasureRow:
    """What was destroyed: `status` is erased (older copies may still open), or completed."""

    patient_id: UUID
    ground: str
    due: date
    ordered_at: datetime
    reference: str | None
    status: str
    erased_at: datetime
    erased_position: int
    completed_at: datetime | None
    keys: int
    documents: int
    marks: int
    reports: int
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
                _ordered(rows, recorded, event)
            case ErasureConfirmed():
                rows.execute(
                    "UPDATE orders SET confirmed_at = %s, confirmed_by = %s WHERE patient_id = %s AND is_officers",
                    (at, recorded.circumstances.actor, event.patient_id),
                )
            case ErasureCalledOff():
                rows.execute(
                    "DELETE FROM orders WHERE patient_id = %s AND is_officers = %s",
                    (event.patient_id, event.reason is not None),
                )
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


def _ordered(rows: Rows, recorded: RecordedEvent, event: ErasureOrdered) -> None:
    rows.execute(
        "INSERT INTO orders (patient_id, is_officers, ground, due, ordered_at, ordered_by, reference)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT (patient_id, is_officers) DO UPDATE SET"
        " ground = excluded.ground, due = excluded.due, ordered_at = excluded.ordered_at,"
        " ordered_by = excluded.ordered_by, reference = excluded.reference, confirmed_at = NULL,"
        " confirmed_by = NULL",
        (
            event.patient_id,
            event.ground.is_officers,
            event.ground,
            event.due,
            recorded.recorded_at,
            recorded.circumstances.actor,
            event.reference,
        ),
    )


def _erased(rows: Rows, recorded: RecordedEvent, event: PatientErased) -> None:
    done = event.destroyed
    rows.execute(
        "INSERT INTO erasures (patient_id, ground, due, ordered_at, reference, status, erased_at, erased_position,"
        " keys, documents, marks, reports)"
        " SELECT patient_id, ground, due, ordered_at, reference, 'erased', %s, %s, %s, %s, %s, %s FROM orders"
        " WHERE patient_id = %s AND is_officers = %s ON CONFLICT (patient_id) DO NOTHING",
        (
            recorded.recorded_at,
            recorded.position,
            done.keys,
            done.documents,
            done.marks,
            done.reports,
            event.patient_id,
            event.ground.is_officers,
        ),
    )
    rows.execute("DELETE FROM orders WHERE patient_id = %s", (event.patient_id,))
    rows.execute("DELETE FROM holds WHERE patient_id = %s", (event.patient_id,))


# Queries.

_OF_ORDERS = ", ".join(one.name for one in fields(OrderRow))
_COLUMNS = ", ".join(one.name for one in fields(ErasureRow))
_OF_HOLDS = ", ".join(one.name for one in fields(HoldRow))


def orders(ledger: Ledger, *, limit: int = 500) -> list[OrderRow]:
    """What is to be done, by its day."""
    with ledger.pool.connection() as connection:
        found = connection.execute(
            f"SELECT {_OF_ORDERS} FROM erasure.orders ORDER BY due, patient_id, is_officers LIMIT %s".encode(),
            (limit,),
        ).fetchall()
    return [OrderRow(*row) for row in found]


def count_unconfirmed(ledger: Ledger) -> int:
    """Orders that wait for another person."""
    with ledger.pool.connection() as connection:
        row = connection.execute(
            "SELECT count(*) FROM erasure.orders WHERE is_officers AND confirmed_at IS NULL"
        ).fetchone()
    return int(row[0]) if row else 0


def erasures(ledger: Ledger, *, limit: int = 500) -> list[ErasureRow]:
    """What was done, the latest first."""
    with ledger.pool.connection() as connection:
        found = connection.execute(
            f"SELECT {_COLUMNS} FROM erasure.erasures ORDER BY erased_at DESC, patient_id LIMIT %s".encode(),
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
            "SELECT o.patient_id FROM erasure.orders o WHERE o.due <= %s"
            " AND (NOT o.is_officers OR o.confirmed_at IS NOT NULL)"
            " AND NOT EXISTS (SELECT FROM erasure.holds h WHERE h.patient_id = o.patient_id"
            " AND (h.until IS NULL OR h.until >= %s)) GROUP BY o.patient_id ORDER BY min(o.due), o.patient_id",
            (today, today),
        ).fetchall()
    return [PatientId(row[0]) for row in found]


ERASURE = Projection(
    name="erasure",
    tables={"erasures": "patient_id", "orders": "patient_id, is_officers", "holds": "hold_id"},
    apply=apply,
    names=frozenset(
        {
            "ErasureOrdered",
            "ErasureConfirmed",
            "ErasureCalledOff",
            "ErasureHeld",
            "HoldReleased",
            "PatientErased",
            "ErasureCompleted",
            "DestructionActDrawn",
        }
    ),
)
