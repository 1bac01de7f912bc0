"""History: what an auditor and a compliance officer ask of the audit trail. By pseudonyms, and without any key."""

from collections.abc import Sequence
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
    """How often a kind of consent was given or withdrawn since a moment, which is named by its place among those that
    were asked about; given to which version of its document."""

    place: int
    kind: str
    document: int | None
    is_granted: bool
    count: int


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


_CONSENTS = """
SELECT since.place - 1, detail->>'consent', (detail->>'document')::int, name = 'ConsentGranted', count(*)
FROM audit.entries JOIN unnest(%s::timestamptz[]) WITH ORDINALITY AS since (moment, place)
    ON recorded_at >= since.moment
WHERE name IN ('ConsentGranted', 'ConsentWithdrawn') GROUP BY 1, 2, 3, 4
"""


def consents_since(ledger: Ledger, moments: Sequence[datetime]) -> list[ConsentCount]:
    """Since each of the moments, by one way through the trail."""
    with ledger.pool.connection() as connection:
        found = connection.execute(_CONSENTS, (list(moments),)).fetchall()
    return [ConsentCount(*row) for row in found]
