"""Obligations: what withdrawn consents oblige to and until when, and which consents have a term. Rows hold
pseudonyms, days and stable words."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from domain.consent import ConsentExpired, ConsentGranted, ConsentWithdrawn
from domain.obligation import ObligationArose, ObligationExtended, ObligationLifted, ObligationMet
from domain.values import PatientId
from ledger.codec import RecordedEvent
from ledger.store import Ledger
from projections.projection import Projection, Rows


@dataclass(frozen=True, slots=True)
class ObligationRow:
    """`outcome` is None while it is to be done, else `met` or `lifted`."""

    obligation_id: UUID
    patient_id: UUID
    duty: str
    ground: str
    organisation_id: UUID | None
    arose_at: datetime
    due: date
    is_extended: bool
    outcome: str | None
    closed_at: datetime | None


# How events change the rows.


def apply(rows: Rows, events: Sequence[RecordedEvent], _: Ledger) -> None:
    for recorded in events:
        event, stream_id = recorded.event, recorded.stream_id
        match event:
            case ConsentGranted():
                _term(rows, stream_id, event)
            case ConsentWithdrawn() | ConsentExpired():
                rows.execute("DELETE FROM terms WHERE consent_id = %s", (stream_id,))
            case ObligationArose():
                rows.execute(
                    "INSERT INTO obligations VALUES (%s, %s, %s, %s, %s, %s, %s)",
                    (
                        stream_id,
                        event.patient_id,
                        event.duty,
                        event.ground,
                        event.organisation_id,
                        recorded.recorded_at,
                        event.due,
                    ),
                )
            case ObligationExtended():
                rows.execute(
                    "UPDATE obligations SET due = %s, ground = %s, is_extended = true"
                    " WHERE obligation_id = %s",
                    (event.due, event.ground, stream_id),
                )
            case ObligationMet() | ObligationLifted():
                outcome = "met" if isinstance(event, ObligationMet) else "lifted"
                rows.execute(
                    "UPDATE obligations SET outcome = %s, closed_at = %s WHERE obligation_id = %s",
                    (outcome, recorded.recorded_at, stream_id),
                )
            case _:
                continue


def _term(rows: Rows, consent_id: UUID, event: ConsentGranted) -> None:
    rows.execute("DELETE FROM terms WHERE consent_id = %s", (consent_id,))
    if event.until is not None:
        rows.execute("INSERT INTO terms VALUES (%s, %s)", (consent_id, event.until))


# Queries.

_COLUMNS = (
    "obligation_id, patient_id, duty, ground, organisation_id, arose_at, due, is_extended, outcome, closed_at"
)


def obligations_of(ledger: Ledger, patient_id: PatientId, *, limit: int = 100) -> list[ObligationRow]:
    """The patient's, what is to be done first, then the latest."""
    with ledger.of_patient(patient_id) as connection:
        found = connection.execute(
            f"SELECT {_COLUMNS} FROM obligations.obligations WHERE patient_id = %s"
            " ORDER BY outcome IS NULL DESC, arose_at DESC, obligation_id LIMIT %s",
            (patient_id, limit),
        ).fetchall()
    return [ObligationRow(*row) for row in found]


def open_obligations(ledger: Ledger, *, limit: int = 200) -> list[ObligationRow]:
    """What is to be done, in the order of the days: what is overdue comes first."""
    return _rows(ledger, "WHERE outcome IS NULL ORDER BY due, obligation_id LIMIT %s", (limit,))


def count_open(ledger: Ledger) -> int:
    with ledger.pool.connection() as connection:
        row = connection.execute(
            "SELECT count(*) FROM obligations.obligations WHERE outcome IS NULL"
        ).fetchone()
    return row[0] if row else 0


def count_overdue(ledger: Ledger, *, today: date) -> int:
    """How many should have been met before today."""
    with ledger.pool.connection() as connection:
        row = connection.execute(
            "SELECT count(*) FROM obligations.obligations WHERE outcome IS NULL AND due < %s", (today,)
        ).fetchone()
    return row[0] if row else 0


def consents_over(ledger: Ledger, *, now: datetime, limit: int = 500) -> list[UUID]:
    """The consents whose term is over and of which nobody has said so."""
    with ledger.pool.connection() as connection:
        found = connection.execute(
            "SELECT consent_id FROM obligations.terms WHERE until <= %s ORDER BY until, consent_id LIMIT %s",
            (now, limit),
        ).fetchall()
    return [row[0] for row in found]


def _rows(ledger: Ledger, condition: str, parameters: tuple[Any, ...]) -> list[ObligationRow]:
    query = f"SELECT {_COLUMNS} FROM obligations.obligations {condition}"
    with ledger.pool.connection() as connection:
        return [ObligationRow(*row) for row in connection.execute(query.encode(), parameters).fetchall()]


OBLIGATIONS = Projection(
    name="obligations",
    tables={"obligations": "obligation_id", "terms": "consent_id"},
    apply=apply,
    names=frozenset(
        {
            "ConsentGranted",
            "ConsentWithdrawn",
            "ConsentExpired",
            "ObligationArose",
            "ObligationExtended",
            "ObligationMet",
            "ObligationLifted",
        }
    ),
)
