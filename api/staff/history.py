"""Pages where an auditor reads the history: who did what to whose data, when, and in which capacity.

By pseudonyms, and nothing can be changed here. Each look is recorded before the page leaves; who is looked at sees
it in their access log.
"""

from dataclasses import replace
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
from projections.history import Asked, Line, lines

router = APIRouter(include_in_schema=False, prefix="/staff/history")
Auditor = Annotated[StaffVisit, Depends(reads(Role.AUDITOR))]
LIST = "/staff/history"
PAGE_ROWS = 100
# Every event by its stored name.
KINDS = sorted(NAMES.values())
FIELDS = ("patient", "actor", "kind", "since", "until", "report", "stream", "first", "last")
_IDS = ("patient", "report", "stream")
_POSITION_MAX = 2**63 - 1


@router.get("")
def history_page(visit: Auditor) -> Response:
    """Filters that nothing can fit are said to be wrong beside their field, and nothing is looked for."""
    given = visit.request.query_params
    stated = {name: given.get(name, "").strip().replace("\0", "") for name in FIELDS}
    before, after = _position(given.get("before", "")), _position(given.get("after", ""))
    asked, errors = _asked(stated)
    asked = replace(asked, before=before, after=after if before is None else None)
    found: list[Line] = []
    if not errors:
        patient_id = PatientId(asked.patient_id) if asked.patient_id else None
        reading = HistoryRead(patient_id=patient_id, purpose=ReadingPurpose.AUDIT)
        record_reading(visit.ledger, reading, visit.by())
        with visit.ledger.pool.connection() as connection, connection.transaction():
            connection.execute("SET TRANSACTION READ ONLY")
            found = lines(connection, asked, limit=PAGE_ROWS + 1)
    is_forth = asked.after is not None
    is_more = len(found) > PAGE_ROWS
    # One more was asked for than is shown, at the end that lies further on.
    rows = found[1:] if is_more and is_forth else found[:PAGE_ROWS]
    signed = transparency.latest(visit.ledger)
    chosen = {name: value for name, value in stated.items() if value}
    goes_back = bool(rows) and (is_more or is_forth)
    goes_forth = bool(rows) and (is_more if is_forth else before is not None)
    return visit.page(
        "staff_history.html",
        entries=[_line(row) for row in rows],
        values=stated,
        errors=errors,
        kinds=KINDS,
        tree_size=signed.tree_size if signed else None,
        is_first=before is None and after is None,
        first=f"{LIST}?{urlencode(chosen)}" if chosen else LIST,
        further=_to(chosen, before=rows[-1].entry.position) if goes_back else None,
        newer=_to(chosen, after=rows[0].entry.position) if goes_forth else None,
    )


def _to(chosen: dict[str, str], **place: int) -> str:
    return f"{LIST}?{urlencode(chosen | {name: str(value) for name, value in place.items()})}"


def _position(given: str) -> int | None:
    is_position = given.isascii() and given.isdecimal() and len(given) < 20 and int(given) <= _POSITION_MAX
    return int(given) if is_position else None


def _asked(stated: dict[str, str]) -> tuple[Asked, list[str]]:
    """What is asked for, and the fields that say nothing that could be."""
    wrong = []
    ids: dict[str, UUID] = {}
    for field in _IDS:
        if stated[field]:
            try:
                ids[field] = UUID(stated[field])
            except ValueError:
                wrong.append(field)
    if stated["kind"] and stated["kind"] not in KINDS:
        wrong.append("kind")
    since = until = None
    for field in ("since", "until"):
        if stated[field]:
            try:
                day = date.fromisoformat(stated[field])
                midnight = datetime.combine(day, time(), UTC) + timedelta(days=field == "until")
            except (ValueError, OverflowError):
                wrong.append(field)
                continue
            since, until = (midnight, until) if field == "since" else (since, midnight)
    wrong += [field for field in ("first", "last") if stated[field] and _position(stated[field]) is None]
    asked = Asked(
        patient_id=ids.get("patient"),
        report_id=ids.get("report"),
        stream_id=ids.get("stream"),
        actor=stated["actor"] or None,
        name=stated["kind"] or None,
        since=since,
        until=until,
        first=_position(stated["first"]),
        last=_position(stated["last"]),
    )
    return asked, wrong


def _line(line: Line) -> dict[str, Any]:
    entry = line.entry
    return {
        "leaf_index": line.leaf_index,
        "stream_id": str(line.stream_id),
        "is_sealed": line.is_sealed,
        "is_erased": line.is_erased,
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
