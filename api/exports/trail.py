"""The audit trail as records: who did what to whose data, when, in which capacity, and by what right; and what each act
changed, for the journal of order 947н (clause 19): exact time and fact of placing, changing, deleting, and content of
the change. Of what is sealed only its kind is told: whoever may read it takes it from the person's own data.
"""

import re
from collections.abc import Iterator
from datetime import UTC
from itertools import islice
from typing import Any
from uuid import UUID

import orjson

from api.exports.changes import changed_fields
from api.exports.plan import Plan
from api.exports.rows import Batch, Row
from ledger.event_types import EVENT_TYPES
from ledger.store import Ledger
from projections import records
from projections.audit import READINGS
from projections.records import BATCH

# Of these the data stays in the database, sealed.
_SEALED = [name for name, stored in EVENT_TYPES.items() if stored.purpose is not None]
# Times and ids are written by the database, which works beside us. Where it begins and ends is said of each table: a merge
# join begins at the first row of one that has no bound of its own, and a hash join reads it to its end.
_TRAIL = """
SELECT l.leaf_index, a.position, a.event_id::text,
       to_char(a.recorded_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), a.name, a.actor, a.on_behalf_of,
       a.patient_id::text, a.report_id::text, a.stream_id::text, a.version, a.detail::text, {state}
FROM audit.entries a JOIN transparency.leaves l ON l.position = a.position {events}
WHERE a.position > %(after)s AND a.position <= %(until)s AND l.position > %(after)s AND l.position <= %(until)s
"""
_WITH_CHANGES = _TRAIL.format(
    state="CASE WHEN a.name = ANY(%(sealed)s) THEN NULL ELSE e.state END",
    events="JOIN ledger.events e ON e.notification_id = a.position"
    " AND e.notification_id > %(after)s AND e.notification_id <= %(until)s",
)
_WITHOUT_CHANGES = _TRAIL.format(state="NULL::bytea", events="")
_IN_ORDER = "ORDER BY a.position LIMIT %(limit)s"
# By the last word of a stored name: these placed something new, and these made that something is no more. What is neither
# changes what was.
_PLACES = re.compile(
    "(Registered|Received|Added|Granted|Opened|Requested|Submitted|Booked|Linked|Imported|Introduced|Proposed|Arose"
    "|Subscribed|Attached|Admitted|Described|Stated|Shared)$"
)
_DELETES = re.compile(
    "(Destroyed|Erased|Rekeyed|Removed|Unlinked|Revoked|Unmatched|Unmapped|Withdrawn|Discarded)$"
)


def operation_of(name: str) -> str:
    """`read`, `place`, `delete` or `change`: what the act of this stored name does to data."""
    if name in READINGS or name in ("SubmissionRead", "DecisionsTried"):
        return "read"
    if _DELETES.search(name):
        return "delete"
    return "place" if _PLACES.search(name) else "change"


def read(ledger: Ledger, plan: Plan, *, after: int, limit: int) -> Iterator[Batch]:
    for batch in read_text(ledger, plan, after=after, limit=limit):
        for _, row in batch.rows:
            row["detail"] = orjson.Fragment(row["detail"])
        yield batch


def read_text(
    ledger: Ledger, plan: Plan, *, after: int, limit: int, tells_changes: bool = True
) -> Iterator[Batch]:
    """As `read`, with `detail` as the text of its JSON. Who does not tell what changed saves reading the events."""
    asked = {
        "after": after,
        "until": plan.until,
        "limit": limit,
        "sealed": _SEALED,
        "patient": plan.patient_id,
    }
    whose = f"AND a.position IN ({records.OF_PATIENT})\n" if plan.patient_id else ""
    query = _WITH_CHANGES if tells_changes else _WITHOUT_CHANGES
    with records.streamed(ledger, query + whose + _IN_ORDER, asked) as rows:
        while batch := list(islice(rows, BATCH)):
            found = [_row(*one) for one in batch]
            if plan.patient_id is not None and tells_changes:
                _open_changes(ledger, found)
            yield Batch(batch[-1][1], found)


def _open_changes(ledger: Ledger, rows: list[Row]) -> None:
    """In an export of one patient: which fields of a result another version changed, though not to what."""
    for position, row in rows:
        if row["name"] == "ReportRevised":
            row["changed"] = changed_fields(ledger, UUID(row["stream_id"]), position)


def _row(index: int, position: int, event_id: str, recorded_at: str, name: str, *rest: Any) -> Row:
    actor, on_behalf_of, patient_id, report_id, stream_id, version, detail, state = rest
    return position, {
        "leaf_index": index,
        "position": position,
        "event_id": event_id,
        "recorded_at": recorded_at,
        "name": name,
        "operation": operation_of(name),
        "actor": actor,
        "on_behalf_of": on_behalf_of,
        "patient_id": patient_id,
        "report_id": report_id,
        "stream_id": stream_id,
        "version": version,
        "changed": _changed(state),
        "detail": detail,
    }


def _changed(state: bytes | None) -> list[str] | None:
    """The names of the fields that the act states; None where they are sealed."""
    return None if state is None else sorted(orjson.loads(state.split(b"\n", 13)[13]))


def time_text(at: Any) -> str:
    """As a leaf has it: UTC, microseconds."""
    return str(at.astimezone(UTC).isoformat(timespec="microseconds")[:26]) + "Z"
