"""Pages where an auditor reads the history: who did what to whose data, when, and in which capacity.

By pseudonyms, and nothing can be changed here. Each look is recorded before the page leaves; who is looked at sees
it in their access log.
"""

from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Depends
from fastapi.responses import Response

from api.staff.web import StaffVisit, reads
from domain.reading import HistoryRead, ReadingPurpose
from domain.staff import Role
from domain.values import PatientId
from ledger.codec import NAMES
from ledger.commands import record_reading
from projections import transparency
from projections.audit import Entry
from projections.history import Asked, history

router = APIRouter(include_in_schema=False, prefix="/staff/history")
Auditor = Annotated[StaffVisit, Depends(reads(Role.AUDITOR))]
LIST = "/staff/history"
PAGE_ROWS = 100
# Every event by its stored name.
KINDS = sorted(NAMES.values())
FIELDS = ("patient", "actor", "kind", "since", "until")
_POSITION_MAX = 2**63 - 1


@router.get("")
def history_page(visit: Auditor) -> Response:
    """Filters that nothing can fit are said to be wrong beside their field, and nothing is looked for."""
    given = visit.request.query_params
    stated = {name: given.get(name, "").strip().replace("\0", "") for name in FIELDS}
    before = given.get("before", "")
    asked, errors = _asked(stated, before)
    found: list[Entry] = []
    if not errors:
        patient_id = PatientId(asked.patient_id) if asked.patient_id else None
        reading = HistoryRead(patient_id=patient_id, purpose=ReadingPurpose.AUDIT)
        record_reading(visit.ledger, reading, visit.by())
        found = history(visit.ledger, asked, limit=PAGE_ROWS + 1)
    rows = found[:PAGE_ROWS]
    signed = transparency.latest(visit.ledger)
    chosen = {name: value for name, value in stated.items() if value}
    further = chosen | {"before": str(rows[-1].position)} if len(found) > PAGE_ROWS else None
    return visit.page(
        "staff_history.html",
        entries=[_line(row) for row in rows],
        values=stated,
        errors=errors,
        kinds=KINDS,
        tree_size=signed.tree_size if signed else None,
        is_first=not before,
        first=f"{LIST}?{urlencode(chosen)}" if chosen else LIST,
        further=f"{LIST}?{urlencode(further)}" if further else None,
    )


def _asked(stated: dict[str, str], before: str) -> tuple[Asked, list[str]]:
    """What is asked for, and the fields that say nothing that could be."""
    wrong = []
    patient_id = since = until = None
    if stated["patient"]:
        try:
            patient_id = UUID(stated["patient"])
        except ValueError:
            wrong.append("patient")
    if stated["kind"] and stated["kind"] not in KINDS:
        wrong.append("kind")
    for field in ("since", "until"):
        if stated[field]:
            try:
                day = date.fromisoformat(stated[field])
                midnight = datetime.combine(day, time(), UTC) + timedelta(days=field == "until")
            except (ValueError, OverflowError):
                wrong.append(field)
                continue
            since, until = (midnight, until) if field == "since" else (since, midnight)
    is_position = before.isascii() and before.isdecimal() and int(before[:20]) <= _POSITION_MAX
    asked = Asked(
        patient_id=patient_id,
        actor=stated["actor"] or None,
        name=stated["kind"] or None,
        since=since,
        until=until,
        before=int(before) if is_position else None,
    )
    return asked, wrong


def _line(entry: Entry) -> dict[str, Any]:
    return {
        "position": entry.position,
        "at": entry.recorded_at,
        "kind": entry.name,
        "actor": entry.actor,
        "on_behalf_of": entry.on_behalf_of,
        "patient_id": str(entry.patient_id) if entry.patient_id else None,
        "report_id": str(entry.report_id) if entry.report_id else None,
        "detail": [(name, _shown(value)) for name, value in entry.detail.items() if value is not None],
    }


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name}: {part}" for name, part in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
