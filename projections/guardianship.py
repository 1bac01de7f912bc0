"""Guardianship: who asks to represent whom, who does, and which cabinets are claimed. Pseudonyms and states only."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from domain.guardianship import (
    GuardianshipConfirmed,
    GuardianshipEnded,
    GuardianshipRefused,
    GuardianshipRequested,
)
from domain.takeover import CabinetClaimed, CabinetClaimRefused, CabinetHandedOver
from domain.values import PatientId
from ledger.codec import RecordedEvent
from ledger.store import Ledger
from projections.projection import Projection, Rows


@dataclass(frozen=True, slots=True)
class RelationRow:
    """One guardianship and its state; `ward_id` is known once it was confirmed."""

    guardianship_id: UUID
    guardian_id: PatientId
    ward_id: PatientId | None
    status: str
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class ClaimRow:
    """A cabinet that is claimed, and its state."""

    claim_id: UUID
    claimant_id: PatientId
    status: str
    changed_at: datetime


# How events change the rows.

_RELATION = """
INSERT INTO relations VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT (guardianship_id) DO UPDATE
SET ward_id = excluded.ward_id, status = excluded.status, changed_at = excluded.changed_at,
    position = excluded.position
"""
_CLAIM = """
INSERT INTO claims VALUES (%s, %s, %s, %s, %s) ON CONFLICT (claim_id) DO UPDATE
SET status = excluded.status, changed_at = excluded.changed_at, position = excluded.position
"""
_RELATION_STATUS = {
    GuardianshipRequested: "requested",
    GuardianshipRefused: "refused",
    GuardianshipConfirmed: "confirmed",
    GuardianshipEnded: "ended",
}
_CLAIM_STATUS = {CabinetClaimed: "claimed", CabinetHandedOver: "handed-over", CabinetClaimRefused: "refused"}


def apply(rows: Rows, events: Sequence[RecordedEvent], ledger: Ledger) -> None:  # noqa: ARG001 - one shape
    for recorded in events:
        event = recorded.event
        match event:
            case GuardianshipRequested() | GuardianshipRefused():
                _relation_changed(rows, recorded, event.guardian_id, None, _RELATION_STATUS[type(event)])
            case GuardianshipConfirmed() | GuardianshipEnded():
                status = _RELATION_STATUS[type(event)]
                _relation_changed(rows, recorded, event.guardian_id, event.ward_id, status)
            case CabinetClaimed() | CabinetHandedOver() | CabinetClaimRefused():
                values = (
                    recorded.stream_id,
                    event.claimant_id,
                    _CLAIM_STATUS[type(event)],
                    recorded.recorded_at,
                    recorded.position,
                )
                rows.execute(_CLAIM, values)
            case _:
                pass


def _relation_changed(
    rows: Rows, recorded: RecordedEvent, guardian_id: PatientId, ward_id: PatientId | None, status: str
) -> None:
    values = (
        recorded.stream_id,
        guardian_id,
        ward_id,
        status,
        recorded.recorded_at,
        recorded.position,
    )
    rows.execute(_RELATION, values)


# Queries.

_ROW = "SELECT guardianship_id, guardian_id, ward_id, status, changed_at FROM guardianship.relations"


def relations_of_guardian(ledger: Ledger, guardian_id: PatientId) -> list[RelationRow]:
    """All that a person asked for, the oldest first."""
    with ledger.of_patient(guardian_id) as connection:
        found = connection.execute(
            f"{_ROW} WHERE guardian_id = %s ORDER BY position LIMIT 100".encode(), (guardian_id,)
        ).fetchall()
    return [RelationRow(*row) for row in found]


def relations_of_ward(ledger: Ledger, ward_id: PatientId) -> list[RelationRow]:
    """Who represents a person, or did."""
    with ledger.of_patient(ward_id) as connection:
        found = connection.execute(
            f"{_ROW} WHERE ward_id = %s ORDER BY position LIMIT 100".encode(), (ward_id,)
        ).fetchall()
    return [RelationRow(*row) for row in found]


def relation(ledger: Ledger, guardianship_id: UUID) -> RelationRow | None:
    with ledger.pool.connection() as connection:
        row = connection.execute(f"{_ROW} WHERE guardianship_id = %s".encode(), (guardianship_id,)).fetchone()
    return RelationRow(*row) if row else None


def relations(ledger: Ledger, status: str, *, limit: int = 200) -> list[RelationRow]:
    """Those in this state, the longest in it first."""
    with ledger.pool.connection() as connection:
        found = connection.execute(
            f"{_ROW} WHERE status = %s ORDER BY position LIMIT %s".encode(), (status, limit)
        ).fetchall()
    return [RelationRow(*row) for row in found]


def claim(ledger: Ledger, claim_id: UUID) -> ClaimRow | None:
    with ledger.pool.connection() as connection:
        row = connection.execute(
            "SELECT claim_id, claimant_id, status, changed_at FROM guardianship.claims WHERE claim_id = %s",
            (claim_id,),
        ).fetchone()
    return ClaimRow(*row) if row else None


def waiting_claims(ledger: Ledger, *, limit: int = 200) -> list[ClaimRow]:
    """The claims that an operator is to decide, the oldest first."""
    with ledger.pool.connection() as connection:
        found = connection.execute(
            "SELECT claim_id, claimant_id, status, changed_at FROM guardianship.claims"
            " WHERE status = 'claimed' ORDER BY position LIMIT %s",
            (limit,),
        ).fetchall()
    return [ClaimRow(*row) for row in found]


def waiting(ledger: Ledger) -> int:
    """How much an operator is to decide."""
    with ledger.pool.connection() as connection:
        row = connection.execute(
            "SELECT (SELECT count(*) FROM guardianship.relations WHERE status = 'requested')"
            " + (SELECT count(*) FROM guardianship.claims WHERE status = 'claimed')"
        ).fetchone()
    return int(row[0]) if row else 0


GUARDIANSHIP = Projection(
    name="guardianship",
    tables={"relations": "guardianship_id", "claims": "claim_id"},
    apply=apply,
    names=frozenset(
        {
            "GuardianshipRequested",
            "GuardianshipRefused",
            "GuardianshipConfirmed",
            "GuardianshipEnded",
            "CabinetClaimed",
            "CabinetHandedOver",
            "CabinetClaimRefused",
        }
    ),
)
