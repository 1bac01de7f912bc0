"""Journals: consents and what their withdrawal obliged to, with terms and how they were met (152-ФЗ, articles 9 and
21), and what was destroyed (order 179 of Roskomnadzor). Everything in them is in clear, by pseudonyms.
"""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any
from uuid import UUID

import orjson

from api.exports.plan import Plan
from api.exports.rows import Batch, Row
from api.exports.trail import time_text
from ledger.store import Ledger
from projections import records
from projections.records import BATCH

Data = dict[str, Any]
Columns = Callable[[str, UUID, UUID | None, Data], dict[str, Any]]
_ACTS = {
    "ConsentGranted": "given",
    "ConsentWithdrawn": "withdrawn",
    "ConsentExpired": "expired",
    "ObligationArose": "obligation-arose",
    "ObligationExtended": "obligation-extended",
    "ObligationMet": "obligation-met",
    "ObligationLifted": "obligation-lifted",
}
_DESTRUCTION = (
    "ErasureOrdered",
    "ErasureConfirmed",
    "ErasureCalledOff",
    "ErasureHeld",
    "HoldReleased",
    "PatientErased",
    "ErasureCompleted",
    "DestructionActDrawn",
    "ReportDestroyed",
    "SubmissionDestroyed",
    "ReportRekeyed",
    "KeyEpochBegun",
    "KeyEpochDestroyed",
)
# A stream of these is one patient's, and the events in it that do not say whose it is are theirs too.
# Where it begins is said of each table, as in `trail`.
_JOURNAL = """
SELECT l.leaf_index, a.position, a.event_id, a.recorded_at, a.name, a.stream_id, a.patient_id, a.actor, a.on_behalf_of,
       e.state
FROM audit.entries a JOIN transparency.leaves l ON l.position = a.position
JOIN ledger.events e ON e.notification_id = a.position
WHERE a.name = ANY(%(names)s) AND a.position <= %(until)s
  AND a.position > %(after)s AND l.position > %(after)s AND e.notification_id > %(after)s
  AND (%(patient)s::uuid IS NULL OR a.patient_id = %(patient)s OR a.patient_id IS NULL AND EXISTS (
      SELECT FROM audit.entries own WHERE own.patient_id = %(patient)s AND own.stream_id = a.stream_id
        AND own.name IN ('ObligationArose', 'ErasureOrdered')))
ORDER BY a.position LIMIT %(limit)s
"""


def read_consents(ledger: Ledger, plan: Plan, *, after: int, limit: int) -> Iterator[Batch]:
    return _read(ledger, plan, tuple(_ACTS), _consent_columns, after=after, limit=limit)


def read_erasures(ledger: Ledger, plan: Plan, *, after: int, limit: int) -> Iterator[Batch]:
    return _read(ledger, plan, _DESTRUCTION, _erasure_columns, after=after, limit=limit)


def _read(
    ledger: Ledger, plan: Plan, names: tuple[str, ...], columns: Columns, *, after: int, limit: int
) -> Iterator[Batch]:
    asked = {
        "names": list(names),
        "after": after,
        "until": plan.until,
        "patient": plan.patient_id,
        "limit": limit,
    }
    with records.streamed(ledger, _JOURNAL, asked) as rows:
        while batch := list(islice(rows, BATCH)):
            yield Batch(batch[-1][1], [_row(columns, *one) for one in batch])


def _row(columns: Columns, index: int, position: int, event_id: UUID, recorded_at: Any, *rest: Any) -> Row:
    name, stream_id, patient_id, actor, on_behalf_of, state = rest
    body = state.split(b"\n", 13)[13]
    return position, {
        "leaf_index": index,
        "position": position,
        "event_id": str(event_id),
        "recorded_at": time_text(recorded_at),
        **columns(name, stream_id, patient_id, orjson.loads(body)),
        "actor": actor,
        "on_behalf_of": on_behalf_of,
        "data": orjson.Fragment(body),
    }


def _consent_columns(name: str, stream_id: UUID, patient_id: UUID | None, data: Data) -> dict[str, Any]:
    is_obligation = name.startswith("Obligation")
    document = data.get("document", {})
    return {
        "act": _ACTS[name],
        "patient_id": str(patient_id) if patient_id else None,
        "consent_id": data.get("consent_id") if is_obligation else str(stream_id),
        "kind": document.get("kind") or data.get("kind"),
        "document_version": document.get("version"),
        "document_language": document.get("language"),
        "document_sha256": document.get("sha256"),
        "organisation_id": data.get("organisation_id"),
        "until": data.get("until"),
        "factors": data.get("factors"),
        "obligation_id": str(stream_id) if is_obligation else None,
        "duty": data.get("duty"),
        "ground": data.get("ground"),
        "due": data.get("due"),
        "met_by": data.get("proof"),
    }


def _erasure_columns(name: str, stream_id: UUID, patient_id: UUID | None, data: Data) -> dict[str, Any]:
    destroyed = data.get("destroyed", {})
    return {
        "name": name,
        "patient_id": str(patient_id) if patient_id else None,
        "stream_id": str(stream_id),
        "ground": data.get("ground") or data.get("reason"),
        "keys": destroyed.get("keys"),
        "documents": destroyed.get("documents"),
        "marks": destroyed.get("marks"),
        "reports": destroyed.get("reports"),
        "epochs": data.get("epochs"),
        "act_number": data.get("number"),
        "act_sha256": data.get("act_sha256"),
        "extract_sha256": data.get("extract_sha256"),
        "keep_until": data.get("keep_until"),
    }
