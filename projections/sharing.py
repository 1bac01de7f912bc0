"""Shares: what a patient gave to whom and until when; for the patient, for the doctor, for the clock.

By pseudonyms only: what the patient called a share, wrote with it, and who opened it stays sealed in its stream.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from domain.sharing import (
    ReportsShared,
    ShareClosed,
    ShareEnd,
    ShareExtended,
    ShareOpened,
    SharePasscodeRefused,
    ShareRevoked,
)
from domain.values import PatientId, StaffMemberId
from ledger.codec import RecordedEvent
from ledger.staff import BEGUN_SINCE_ADMITTED
from ledger.store import Ledger
from projections.projection import Projection, Rows


@dataclass(frozen=True, slots=True)
class ShareRow:
    share_id: UUID
    patient_id: UUID
    kind: str
    member_id: UUID | None
    report_ids: tuple[UUID, ...]
    shared_at: datetime
    until: datetime
    openings: int
    openings_max: int | None
    last_opened_at: datetime | None
    refused: int
    ended_at: datetime | None
    end_reason: str | None

    def end_at(self, now: datetime) -> str | None:
        """Why it is over; its term ends it also before anybody has said so."""
        return self.end_reason or (ShareEnd.EXPIRED if now >= self.until else None)


# How events change the rows.

_SHARED = """
INSERT INTO shares (share_id, patient_id, kind, member_id, report_ids, shared_at, until, openings_max)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
"""
_OPENED = "UPDATE shares SET openings = openings + 1, last_opened_at = %s WHERE share_id = %s"
_ENDED = "UPDATE shares SET ended_at = %s, end_reason = %s WHERE share_id = %s"


def apply(rows: Rows, events: Sequence[RecordedEvent], ledger: Ledger) -> None:  # noqa: ARG001 - one shape
    for recorded in events:
        event, at, share_id = recorded.event, recorded.recorded_at, recorded.stream_id
        match event:
            case ReportsShared():
                to = (event.patient_id, event.kind, event.member_id, list(event.report_ids))
                rows.execute(_SHARED, (share_id, *to, at, event.until, event.openings_max))
            case ShareOpened():
                rows.execute(_OPENED, (event.opened_at, share_id))
            case SharePasscodeRefused():
                rows.execute("UPDATE shares SET refused = refused + 1 WHERE share_id = %s", (share_id,))
            case ShareExtended():
                rows.execute("UPDATE shares SET until = %s WHERE share_id = %s", (event.until, share_id))
            case ShareRevoked():
                rows.execute(_ENDED, (at, ShareEnd.REVOKED, share_id))
            case ShareClosed():
                rows.execute(_ENDED, (at, event.reason, share_id))
            case _:
                continue


# Queries.

_COLUMNS = (
    "share_id, patient_id, kind, member_id, report_ids, shared_at, until, openings, openings_max,"
    " last_opened_at, refused, ended_at, end_reason"
)


def shares_of(ledger: Ledger, patient_id: PatientId, *, limit: int = 200) -> list[ShareRow]:
    """What the patient shared, the latest first."""
    with ledger.of_patient(patient_id) as connection:
        found = connection.execute(
            f"SELECT {_COLUMNS} FROM sharing.shares WHERE patient_id = %s"
            " ORDER BY shared_at DESC, share_id LIMIT %s",
            (patient_id, limit),
        ).fetchall()
    return [_row(row) for row in found]


_SINCE_ADMITTED = BEGUN_SINCE_ADMITTED.format(stream="s.share_id", member="s.member_id")
_IS_OPEN = "(s.end_reason IS NULL AND s.until > %(now)s)"


def shared_with(
    ledger: Ledger, member_id: StaffMemberId, *, now: datetime, limit: int, offset: int = 0
) -> list[ShareRow]:
    """What a doctor was given since they work here: what is open first, then what is over and opens nothing, each the
    latest first."""
    asked = {"member": member_id, "now": now, "limit": limit, "offset": offset}
    order = f"{_IS_OPEN} DESC, shared_at DESC, share_id LIMIT %(limit)s OFFSET %(offset)s"
    return _with_member(ledger, "true", asked, order=order)


def open_with(
    ledger: Ledger, member_id: StaffMemberId, report_ids: Sequence[UUID], *, now: datetime
) -> list[ShareRow]:
    """By which shares a doctor may open some of these reports."""
    asked = {"member": member_id, "now": now, "reports": list(report_ids)}
    return _with_member(ledger, f"{_IS_OPEN} AND report_ids && %(reports)s::uuid[]", asked)


def open_of_patient(
    ledger: Ledger, member_id: StaffMemberId, patient_id: PatientId, *, now: datetime
) -> list[ShareRow]:
    """What a doctor may open of one patient, the latest first."""
    asked = {"member": member_id, "patient": patient_id, "now": now}
    return _with_member(ledger, f"{_IS_OPEN} AND patient_id = %(patient)s", asked)


def _with_member(
    ledger: Ledger, which: str, asked: Mapping[str, Any], *, order: str = "shared_at DESC, share_id"
) -> list[ShareRow]:
    """Of what `member` was given since they work here."""
    with ledger.pool.connection() as connection:
        found = connection.execute(
            f"SELECT {_COLUMNS} FROM sharing.shares s WHERE member_id = %(member)s AND {_SINCE_ADMITTED}"
            f" AND {which} ORDER BY {order}".encode(),
            asked,
        ).fetchall()
    return [_row(row) for row in found]


def opened_untold(ledger: Ledger, *, since: datetime, limit: int = 500) -> list[UUID]:
    """Which shares were opened since then, and perhaps nobody told their patients: each share itself knows."""
    with ledger.pool.connection() as connection:
        found = connection.execute(
            "SELECT s.share_id FROM sharing.shares s WHERE s.last_opened_at > %s"
            " AND (SELECT max(originator_version) FILTER (WHERE topic = 'ShareOpened')"
            " > coalesce(max(originator_version) FILTER (WHERE topic = 'ShareOpeningTold'), 0)"
            " FROM ledger.events WHERE originator_id = s.share_id) ORDER BY s.last_opened_at, s.share_id LIMIT %s",
            (since, limit),
        ).fetchall()
    return [row[0] for row in found]


def overdue(ledger: Ledger, *, now: datetime, limit: int = 500) -> list[UUID]:
    """Which shares the time has ended, and nobody has said so yet."""
    with ledger.pool.connection() as connection:
        found = connection.execute(
            "SELECT share_id FROM sharing.shares WHERE end_reason IS NULL AND until <= %s"
            " ORDER BY until, share_id LIMIT %s",
            (now, limit),
        ).fetchall()
    return [row[0] for row in found]


def left_alone(ledger: Ledger, *, limit: int = 500) -> list[UUID]:
    """Which shares are open with doctors who work here no more, or do so again."""
    with ledger.pool.connection() as connection:
        found = connection.execute(
            "SELECT s.share_id FROM sharing.shares s JOIN consultations.doctors d USING (member_id)"
            f" WHERE s.end_reason IS NULL AND (NOT d.is_admitted OR NOT {_SINCE_ADMITTED})"
            " ORDER BY s.share_id LIMIT %s",
            (limit,),
        ).fetchall()
    return [row[0] for row in found]


def _row(row: Sequence[object]) -> ShareRow:
    share_id, patient_id, kind, member_id, report_ids, *rest = row
    return ShareRow(share_id, patient_id, kind, member_id, tuple(report_ids), *rest)  # type: ignore[arg-type]  # as selected


SHARING = Projection(
    name="sharing",
    tables={"shares": "share_id"},
    apply=apply,
    names=frozenset(
        {
            "ReportsShared",
            "ShareOpened",
            "SharePasscodeRefused",
            "ShareExtended",
            "ShareRevoked",
            "ShareClosed",
        }
    ),
)
