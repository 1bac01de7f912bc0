"""History: what an auditor and a compliance officer ask of the audit trail. By pseudonyms, and without any key."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from ledger.store import Ledger
from projections.audit import Entry


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Which lines are wanted: all that fit everything that is given. `before` is a position; the end of the time is
    not in it."""

    patient_id: UUID | None = None
    actor: str | None = None
    name: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    before: int | None = None


@dataclass(frozen=True, slots=True)
class ConsentCount:
    """How many agreed to a version of a document in a stretch of time."""

    kind: str
    document: int
    granted: int


_HISTORY = """
SELECT position, event_id, recorded_at, name, actor, on_behalf_of, patient_id, report_id, detail
FROM audit.entries
WHERE (%(patient_id)s::uuid IS NULL OR patient_id = %(patient_id)s)
  AND (%(actor)s::text IS NULL OR actor = %(actor)s)
  AND (%(name)s::text IS NULL OR name = %(name)s)
  AND (%(since)s::timestamptz IS NULL OR recorded_at >= %(since)s)
  AND (%(until)s::timestamptz IS NULL OR recorded_at < %(until)s)
  AND (%(before)s::bigint IS NULL OR position < %(before)s)
ORDER BY position DESC LIMIT %(limit)s
"""


def history(ledger: Ledger, asked: Asked, *, limit: int) -> list[Entry]:
    """The trail's lines that fit, the latest first."""
    with ledger.pool.connection() as connection:
        found = connection.execute(
            _HISTORY,
            {
                "patient_id": asked.patient_id,
                "actor": asked.actor,
                "name": asked.name,
                "since": asked.since,
                "until": asked.until,
                "before": asked.before,
                "limit": limit,
            },
        ).fetchall()
    return [Entry(*row) for row in found]


def consents_granted(ledger: Ledger, *, since: datetime) -> list[ConsentCount]:
    """By document and version, since then."""
    with ledger.pool.connection() as connection:
        found = connection.execute(
            "SELECT detail->>'consent', (detail->>'document')::int, count(*) FROM audit.entries"
            " WHERE name = 'ConsentGranted' AND recorded_at >= %s GROUP BY 1, 2 ORDER BY 1, 2",
            (since,),
        ).fetchall()
    return [ConsentCount(*row) for row in found]


def consents_withdrawn(ledger: Ledger, *, since: datetime) -> dict[str, int]:
    """How many withdrew each kind of consent since then."""
    with ledger.pool.connection() as connection:
        found = connection.execute(
            "SELECT detail->>'consent', count(*) FROM audit.entries"
            " WHERE name = 'ConsentWithdrawn' AND recorded_at >= %s GROUP BY 1",
            (since,),
        ).fetchall()
    return {row[0]: row[1] for row in found}
