"""History: what an auditor and a compliance officer ask of the audit trail. By pseudonyms, and without any key."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg

from ledger import leaf
from ledger.leaf import LeafMalformedError
from ledger.store import Ledger
from projections.audit import Entry


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Which lines are wanted: all that fit everything that is given. `before` and `after` are positions from which on a
    page goes back or forth, `first` and `last` the range that is asked for; the end of the time is not in it."""

    patient_id: UUID | None = None
    actor: str | None = None
    name: str | None = None
    report_id: UUID | None = None
    stream_id: UUID | None = None
    since: datetime | None = None
    until: datetime | None = None
    first: int | None = None
    last: int | None = None
    before: int | None = None
    after: int | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the trail with what an auditor goes on with: its stream, the place of its leaf in the log, and whether
    its personal data is sealed, or was erased."""

    entry: Entry
    stream_id: UUID
    version: int
    leaf_index: int | None
    is_sealed: bool
    is_erased: bool


@dataclass(frozen=True, slots=True)
class ConsentCount:
    """How often a kind of consent was given or withdrawn since a moment, which is named by its place among those that
    were asked about; given to which version of its document."""

    place: int
    kind: str
    document: int | None
    is_granted: bool
    count: int


# Only what is given is asked: each has an index of its own, newest first.
_CONDITIONS = {
    "patient_id": "patient_id = %(patient_id)s",
    "actor": "actor = %(actor)s",
    "name": "name = %(name)s",
    "report_id": "report_id = %(report_id)s",
    "stream_id": "stream_id = %(stream_id)s",
    "since": "recorded_at >= %(since)s",
    "until": "recorded_at < %(until)s",
    "first": "position >= %(first)s",
    "last": "position <= %(last)s",
    "before": "position < %(before)s",
    "after": "position > %(after)s",
}
_LINES = """
SELECT e.position, e.event_id, e.recorded_at, e.name, e.actor, e.on_behalf_of, e.patient_id, e.report_id, e.detail,
    e.stream_id, e.version, l.leaf_index, s.state
FROM (SELECT * FROM audit.entries WHERE {conditions} ORDER BY position {order} LIMIT %(limit)s) e
LEFT JOIN transparency.leaves l ON l.event_id = e.event_id
LEFT JOIN ledger.events s ON s.notification_id = e.position
ORDER BY e.position DESC
"""


def history(ledger: Ledger, asked: Asked, *, limit: int) -> list[Entry]:
    """The trail's lines that fit, the latest first."""
    with ledger.pool.connection() as connection, connection.transaction():
        connection.execute("SET TRANSACTION READ ONLY")
        return [line.entry for line in lines(connection, asked, limit=limit)]


def lines(connection: psycopg.Connection[Any], asked: Asked, *, limit: int) -> list[Line]:
    """As `history`, with their places, over a connection that needs no right but to read."""
    found = connection.execute(statement(asked).encode(), parameters(asked, limit)).fetchall()
    keys = [_key_of(row[12]) for row in found]
    living = {
        row[0]
        for row in connection.execute(
            "SELECT key_id FROM ledger.data_keys WHERE key_id = ANY(%s) AND erased_at IS NULL",
            ([key for key in keys if key is not None],),
        )
    }
    return [
        Line(
            Entry(*row[:9]),
            row[9],
            row[10],
            row[11],
            is_sealed=key is not None,
            is_erased=key is not None and key not in living,
        )
        for row, key in zip(found, keys, strict=True)
    ]


def statement(asked: Asked) -> str:
    """The question of the database. A page that goes forth is read from its far end, and shown as all are."""
    given = [text for name, text in _CONDITIONS.items() if getattr(asked, name) is not None]
    order = "ASC" if asked.after is not None and asked.before is None else "DESC"
    return _LINES.format(conditions=" AND ".join(given) or "true", order=order)


def parameters(asked: Asked, limit: int) -> dict[str, Any]:
    return {name: getattr(asked, name) for name in _CONDITIONS} | {"limit": limit}


def _key_of(state: bytes | None) -> UUID | None:
    """Under which data key a stored event lies; None for one that is in the clear, or can't be read."""
    try:
        return leaf.parse(leaf.split(bytes(state or b""))[0]).key_id
    except LeafMalformedError:
        return None


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
