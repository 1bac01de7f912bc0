"""Identity: who waits to be believed, who was, whose service is suspended, and whose document ends on a day.

Rows hold pseudonyms and keyed digests.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from domain.erasure import PatientErased
from domain.identity import (
    Cause,
    IdentityCheckRequested,
    IdentityConfirmed,
    IdentityExpired,
    IdentityRefused,
    ProfileRestored,
    ProfileSuspended,
)
from domain.identity_document import valid_until
from domain.patient import ProfileStated
from domain.values import PatientId
from ledger import sealing
from ledger.codec import RecordedEvent, name_of
from ledger.store import Ledger
from projections.projection import Projection, Rows

_LAST_DAY = "identity-document-last-day"


@dataclass(frozen=True, slots=True)
class Check:
    """One patient's identity: how far it is, and why the service is suspended, if it is."""

    patient_id: PatientId
    status: str
    suspended: str | None
    requested_at: datetime | None
    position: int
    changed_at: datetime


# How events change the rows.

_INSERT = """
INSERT INTO checks VALUES (%(patient)s, %(status)s, %(suspended)s, %(requested)s, %(position)s, %(at)s)
ON CONFLICT (patient_id) DO UPDATE SET position = excluded.position, changed_at = excluded.changed_at
"""
_STATUS = f"{_INSERT}, status = excluded.status"
# A technical fault takes nobody out of the queue.
_FAULT = f"{_STATUS} WHERE checks.status <> 'waiting'"
_REQUESTED = f"{_STATUS}, requested_at = excluded.requested_at"
_SUSPENDED = f"{_INSERT}, suspended = excluded.suspended"
# What waited or was believed is of another profile now.
_CHANGED = """
UPDATE checks SET status = 'changed', position = %(position)s, changed_at = %(at)s
WHERE patient_id = %(patient)s AND status IN ('waiting', 'confirmed', 'refused', 'expired')
"""


def apply(rows: Rows, events: Sequence[RecordedEvent], ledger: Ledger) -> None:
    for recorded in events:
        if name_of(recorded.event) == "ProfileStated":
            rows.execute(_CHANGED, _given(recorded, recorded.stream_id))
        if isinstance(recorded.event, ProfileStated):
            _document_stated(rows, recorded.stream_id, recorded.event, ledger)
        elif isinstance(recorded.event, PatientErased):
            _erased(rows, recorded.event.patient_id)
        else:
            _decided(rows, recorded)


def _erased(rows: Rows, patient_id: UUID) -> None:
    rows.execute("DELETE FROM checks WHERE patient_id = %s", (patient_id,))
    rows.execute("DELETE FROM documents WHERE patient_id = %s", (patient_id,))


def _decided(rows: Rows, recorded: RecordedEvent) -> None:
    event, at = recorded.event, recorded.recorded_at
    match event:
        case IdentityCheckRequested():
            rows.execute(_REQUESTED, _given(recorded, event.patient_id, status="waiting", requested=at))
        case IdentityConfirmed():
            rows.execute(_STATUS, _given(recorded, event.patient_id, status="confirmed"))
        case IdentityRefused():
            statement = _FAULT if event.reason is Cause.PROOF_FAILED else _STATUS
            rows.execute(statement, _given(recorded, event.patient_id, status="refused"))
        case IdentityExpired():
            rows.execute(_STATUS, _given(recorded, event.patient_id, status="expired"))
        case ProfileSuspended():
            rows.execute(_SUSPENDED, _given(recorded, event.patient_id, suspended=event.reason))
        case ProfileRestored():
            rows.execute(_SUSPENDED, _given(recorded, event.patient_id))
        case _:
            return


def _given(
    recorded: RecordedEvent,
    patient_id: UUID,
    *,
    status: str = "none",
    suspended: str | None = None,
    requested: datetime | None = None,
) -> dict[str, object]:
    return {
        "patient": patient_id,
        "status": status,
        "suspended": suspended,
        "requested": requested,
        "position": recorded.position,
        "at": recorded.recorded_at,
    }


def _document_stated(rows: Rows, patient_id: UUID, profile: ProfileStated, ledger: Ledger) -> None:
    rows.execute("DELETE FROM documents WHERE patient_id = %s", (patient_id,))
    if profile.document is None:
        return
    last = valid_until(profile.document, date.fromisoformat(profile.birth_date))
    if last is not None:
        rows.execute("INSERT INTO documents VALUES (%s, %s)", (patient_id, _mark(ledger, last)))


def _mark(ledger: Ledger, day: date) -> bytes:
    return sealing.mark(ledger.custody.index_key, _LAST_DAY, day.isoformat())


# Queries.

_COLUMNS = "SELECT patient_id, status, suspended, requested_at, position, changed_at FROM identity.checks"


def waiting(ledger: Ledger, *, after: int = 0, limit: int = 50) -> list[Check]:
    """Who waits to be checked, who came first first."""
    return _checks(
        ledger, " WHERE status = 'waiting' AND position > %s ORDER BY position LIMIT %s", after, limit
    )


def count_waiting(ledger: Ledger) -> int:
    with ledger.pool.connection() as connection:
        row = connection.execute("SELECT count(*) FROM identity.checks WHERE status = 'waiting'").fetchone()
    return row[0] if row else 0


def suspended(ledger: Ledger, *, limit: int = 200) -> list[Check]:
    """Whose service is suspended, the latest first."""
    return _checks(ledger, " WHERE suspended IS NOT NULL ORDER BY position DESC LIMIT %s", limit)


def _checks(ledger: Ledger, condition: str, *parameters: object) -> list[Check]:
    with ledger.pool.connection() as connection:
        found = connection.execute((_COLUMNS + condition).encode(), parameters).fetchall()
    return [Check(*row) for row in found]


def confirmed_by_documents_of(ledger: Ledger, days: Sequence[date]) -> list[PatientId]:
    """Confirmed patients whose document was valid for the last time on one of these days."""
    with ledger.pool.connection() as connection:
        found = connection.execute(
            "SELECT patient_id FROM identity.documents JOIN identity.checks USING (patient_id)"
            " WHERE last_day = ANY(%s) AND status = 'confirmed' ORDER BY patient_id",
            ([_mark(ledger, day) for day in days],),
        ).fetchall()
    return [PatientId(row[0]) for row in found]


IDENTITY = Projection(
    name="identity",
    tables={"checks": "patient_id", "documents": "patient_id"},
    apply=apply,
    names=frozenset(
        {
            "ProfileStated",
            "IdentityCheckRequested",
            "IdentityConfirmed",
            "IdentityRefused",
            "IdentityExpired",
            "ProfileSuspended",
            "ProfileRestored",
            "PatientErased",
        }
    ),
)
