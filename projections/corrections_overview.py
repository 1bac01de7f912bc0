"""What is asked of corrections: what is to be decided, what a person is owed, and how many are open."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any
from uuid import UUID

from domain.correction import CorrectionStatus, Exposure, PartyKind
from domain.reading import Medium
from domain.values import PatientId
from ledger.staff import ADMITTED_AT
from ledger.store import Ledger


@dataclass(frozen=True, slots=True)
class PendingRow:
    """A party for whom nobody has decided yet what a change owes them; version 0: the report left the cabinet.
    `seen_version` is the latest that they had."""

    report_id: UUID
    report_version: int
    party: str
    kind: str
    patient_id: PatientId
    position: int
    seen_version: int
    exposures: tuple[Exposure, ...] = ()


@dataclass(frozen=True, slots=True)
class DueRow:
    """What became known of a correction."""

    correction_id: UUID
    act: str
    report_version: int | None
    notification_id: UUID | None
    channel: str | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class OwedRow:
    """What one party is owed, and how far it is. `how` it was told, acknowledged, or why it lapsed."""

    correction_id: UUID
    report_id: UUID
    report_version: int
    patient_id: UUID
    party: str
    kind: str
    party_id: UUID
    seen_version: int
    media: list[str]
    changes: list[str]
    position: int
    owed_at: datetime
    status: str
    how: str | None
    changed_at: datetime

    @property
    def is_gone(self) -> bool:
        return self.report_version == 0

    @property
    def is_known(self) -> bool:
        """Whether the party knows of it by an act of their own."""
        return self.status == CorrectionStatus.ACKNOWLEDGED


_SINCE_ADMITTED = f"position > coalesce({ADMITTED_AT.format(member='party_id')}, 0)"
_COLUMNS = ", ".join(one.name for one in fields(OwedRow))
_EXPOSURES = """
SELECT party, report_version, position, medium FROM corrections.exposures
WHERE report_id = %s AND position < %s AND party = ANY(%s) ORDER BY position, medium
"""
# The order in which they leave least unsaid: who opened it knows more than who was told.
_DUE = """
SELECT correction_id, act, report_version, notification_id, channel, reason FROM corrections.due
ORDER BY array_position(ARRAY['opened', 'told', 'lapsed'], act), position, correction_id LIMIT %s
"""


def pending(ledger: Ledger, *, after: int = 0, limit: int = 100) -> list[PendingRow]:
    """Parties of the change behind that position that has waited longest, and what each had before it."""
    with ledger.pool.connection() as connection:
        found = connection.execute(
            "SELECT report_id, report_version, party, kind, patient_id, position, seen_version"
            " FROM corrections.pending WHERE position = (SELECT min(position) FROM corrections.pending WHERE position > %s)"
            " ORDER BY report_id, report_version, party LIMIT %s",
            (after, limit),
        ).fetchall()
        if not found:
            return []
        parties = [row[2] for row in found]
        exposed = connection.execute(_EXPOSURES, (found[0][0], found[0][5], parties)).fetchall()
    had: dict[str, list[Exposure]] = {party: [] for party in parties}
    for party, version, position, medium in exposed:
        given = None if medium == Medium.PAGE else Medium(medium)
        had[party].append(Exposure(report_version=version, position=position, medium=given))
    return [PendingRow(*(*row, tuple(had[row[2]]))) for row in found]


def due(ledger: Ledger, *, limit: int = 100) -> list[DueRow]:
    """What became known and is not recorded of a correction yet."""
    with ledger.pool.connection() as connection:
        return [DueRow(*row) for row in connection.execute(_DUE.encode(), (limit,)).fetchall()]


def corrections_of(ledger: Ledger, patient_id: PatientId, *, limit: int = 500) -> list[OwedRow]:
    """What is owed of the patient's results, to them and to others, and to them of their wards' results; latest
    first."""
    return _of_person(ledger, patient_id, "patient_id = %s OR party_id = %s", (patient_id, patient_id), limit)


def corrections_of_report(ledger: Ledger, patient_id: PatientId, report_id: UUID) -> list[OwedRow]:
    """What is owed of one of the patient's reports."""
    asked = (patient_id, report_id)
    return _of_person(ledger, patient_id, "patient_id = %s AND report_id = %s", asked, 200)


def count_unknown(ledger: Ledger, person_id: PatientId) -> int:
    """How many changes the person has not opened yet, of their own results and of their wards'."""
    with ledger.of_patient(person_id) as connection:
        row = connection.execute(
            "SELECT count(DISTINCT report_id) FROM corrections.owed WHERE party_id = %s"
            " AND status IN ('open', 'told')",
            (person_id,),
        ).fetchone()
    return row[0] if row else 0


def corrections_of_doctor(ledger: Ledger, member_id: UUID, *, limit: int = 500) -> list[OwedRow]:
    """What a doctor is owed since they work here: what they don't know yet first, then the latest."""
    return _rows(
        ledger,
        f"party_id = %s AND kind = %s AND {_SINCE_ADMITTED} ORDER BY status = 'acknowledged', position DESC, correction_id LIMIT %s",
        (member_id, PartyKind.DOCTOR, limit),
    )


def count_of_doctor(ledger: Ledger, member_id: UUID) -> int:
    """How many changes the doctor does not know yet."""
    with ledger.pool.connection() as connection:
        row = connection.execute(
            f"SELECT count(*) FROM corrections.owed WHERE party_id = %s AND kind = %s AND {_SINCE_ADMITTED}"
            " AND status IN ('open', 'told')",
            (member_id, PartyKind.DOCTOR),
        ).fetchone()
    return row[0] if row else 0


def open_corrections(ledger: Ledger, *, limit: int = 200) -> list[OwedRow]:
    """What nobody was told of and nobody has seen, the oldest first."""
    return _rows(ledger, "status = 'open' ORDER BY owed_at, correction_id LIMIT %s", (limit,))


def count_open(ledger: Ledger) -> int:
    return sum(counts_open(ledger).values())


def counts_open(ledger: Ledger) -> dict[str, int]:
    """How many are open, for each kind of party."""
    with ledger.pool.connection() as connection:
        found = connection.execute(
            "SELECT kind, count(*) FROM corrections.owed WHERE status = 'open' GROUP BY kind"
        ).fetchall()
    return {kind.value: 0 for kind in PartyKind} | dict(found)


def oldest_open(ledger: Ledger) -> datetime | None:
    with ledger.pool.connection() as connection:
        row = connection.execute("SELECT min(owed_at) FROM corrections.owed WHERE status = 'open'").fetchone()
    return row[0] if row else None


def correction(ledger: Ledger, correction_id: UUID) -> OwedRow | None:
    found = _rows(ledger, "correction_id = %s", (correction_id,))
    return found[0] if found else None


def _of_person(
    ledger: Ledger, person_id: PatientId, condition: str, parameters: Sequence[Any], limit: int
) -> list[OwedRow]:
    query = (
        f"SELECT {_COLUMNS} FROM corrections.owed WHERE {condition}"
        " ORDER BY position DESC, kind, correction_id LIMIT %s"
    )
    with ledger.of_patient(person_id) as connection:
        found = connection.execute(query.encode(), (*parameters, limit)).fetchall()
    return [OwedRow(*row) for row in found]


def _rows(ledger: Ledger, condition: str, parameters: Sequence[Any]) -> list[OwedRow]:
    query = f"SELECT {_COLUMNS} FROM corrections.owed WHERE {condition}"
    with ledger.pool.connection() as connection:
        return [OwedRow(*row) for row in connection.execute(query.encode(), parameters).fetchall()]
