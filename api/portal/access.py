"""Who looked at a patient's data, and when: each reading, by name, folded by day. That it was shown is a reading too."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import date
from functools import partial
from itertools import islice
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import Response, StreamingResponse

from api.access_export import csv_of, json_of
from api.access_words import ACTIONS, STAFF_ACTS
from api.pages import datetime_text, phrase
from api.portal.access_names import Names
from api.portal.seen_reports import purpose_of, seen_reports, sees_everything, titles_of
from api.portal.web import Person, Visit
from api.problems import ProblemError
from domain.reading import AccessLogForm, AccessLogRead
from ledger import commands
from projections import access_log, transparency
from projections.access_log import LINES_OF_PAGE, ROLES, Asked, Exported, Line
from projections.audit import AUDIT, Entry
from projections.follow import NotFollowedError, wait_for

router = APIRouter(include_in_schema=False)
_FIELDS = ("from", "to", "role", "report", "page")
PAGE_MAX = 10_000
# So that the file holds its own making too; without it, it is no less true.
EXPORT_WAIT_SECONDS = 2.0
_MEDIA_TYPES = {AccessLogForm.CSV: "text/csv; charset=utf-8", AccessLogForm.JSON: "application/json"}


@router.get("/access")
def access_page(person: Person) -> Response:
    given = _given(person)
    asked = asked_of(person, given)
    record(person)
    page = _page_of(given)
    log = access_log.log_of(person.ledger, asked, page=page)
    several = [place for line in log.lines for place in line.positions]
    readings = access_log.raw(person.ledger, asked, several) if several else {}
    shown = _Shown(person, log.lines, readings.values())
    return person.page(
        "access.html",
        lines=[shown.line(line, readings) for line in log.lines],
        counts={"lines": log.total, "readings": log.readings, "hidden": log.hidden},
        asked=given,
        report=shown.title(asked.report_id) if asked.report_id else None,
        is_filtered=any(given[name] for name in _FIELDS if name != "page"),
        roles=ROLES,
        exports=[(form.value, f"/access/log.{form}?{_query(given)}".rstrip("?")) for form in AccessLogForm],
        **_pages("/access", given, page, log.total),
    )


@router.get("/access/log.{form}")
def export(person: Person, form: AccessLogForm) -> Response:
    """The log as a file, with the filters of the page. It ends with itself."""
    asked = asked_of(person, _given(person))
    recorded = record(person, form)
    ledger = person.ledger
    with suppress(NotFollowedError):
        wait_for(ledger, recorded, [AUDIT], seconds=EXPORT_WAIT_SECONDS)
    rows = _rows(person, access_log.every_reading(ledger, asked, until_position=recorded))
    if form is AccessLogForm.CSV:
        content = csv_of(rows, person.locale, partial(_in_words, person))
    else:
        about = {"log": ledger.origin, "patient": str(person.patient_id), "until_position": recorded}
        content = json_of(rows, about)
    return StreamingResponse(
        content,
        media_type=_MEDIA_TYPES[form],
        headers={
            "Content-Disposition": f'attachment; filename="letopis-access-log.{form}"',
            "Cache-Control": "no-store",
        },
    )


@router.get("/access/{position}")
def line_page(person: Person, position: int) -> Response:
    """Every reading of the line that this one stands in."""
    given = _given(person)
    asked, page = asked_of(person, {}), _page_of(given)
    found, total = access_log.readings_of_line(person.ledger, asked, position, page=page)
    if not found:
        raise ProblemError("not-found")
    record(person)
    shown = _Shown(person, (), found)
    return person.page(
        "access_line.html",
        first=shown.reading(found[0]),
        readings=[shown.reading(entry) for entry in found],
        total=total,
        **_pages(f"/access/{position}", {}, page, total),
    )


def _rows(person: Visit, found: Iterable[Exported]) -> Iterator[dict[str, Any] | None]:
    """Readings with the names of their readers, a chunk at a time: titles are asked for once a chunk."""
    while chunk := list(islice(found, access_log.CHUNK)):
        shown = _Shown(person, (), [one.entry for one in chunk if one.entry])
        for one in chunk:
            yield None if one.entry is None else _exported(shown.reading(one.entry), one.entry)


def _exported(reading: dict[str, Any], entry: Entry) -> dict[str, Any]:
    return {
        "at": entry.recorded_at,
        "who": reading["who"],
        "role": reading["role"],
        "action": reading["action"],
        "report_id": reading["report_id"],
        "title": reading["title"],
        "medium": reading["medium"],
        "purpose": reading["purpose"],
        "event_id": reading["event_id"],
        "position": entry.position,
        "leaf_index": reading["leaf"],
    }


def _in_words(person: Visit, row: dict[str, Any]) -> dict[str, str]:
    def word(family: str, name: str | None) -> str:
        return phrase(f"{family}.{name}", locale=person.locale) if name else ""

    zone = person.settings.time_zone
    return {
        "at": datetime_text(row["at"], locale=person.locale, time_zone=zone),
        "who": row["who"],
        "role": word("access.role", row["role"]),
        "action": word("access.action", row["action"]),
        "what": row["title"] or "",
        "form": word("access.medium", row["medium"]),
        "purpose": word("access.purpose", row["purpose"]),
        "right": word("access.right", row["purpose"]),
        "entry": row["event_id"],
    }


def record(person: Visit, form: AccessLogForm | None = None) -> int:
    """That the log was looked at stands in the log, at this position."""
    reading = AccessLogRead(patient_id=person.patient_id, purpose=purpose_of(person), form=form)
    return commands.record_reading(person.ledger, reading, person.by()).last


def _given(person: Visit) -> dict[str, str]:
    return {name: person.request.query_params.get(name, "").strip() for name in _FIELDS}


def asked_of(person: Visit, given: dict[str, str]) -> Asked:
    """What is asked for; what is no day, role or report is not asked for. To whom not everything of the cabinet is
    shown, what they may not see is counted together with what the patient looked at alone: so the number says nothing
    of whether there is a result that is kept from them."""
    seen = None
    if not sees_everything(person):
        seen = frozenset(row.report_id for row in seen_reports(person, limit=10_000))
    return Asked(
        patient_id=person.patient_id,
        time_zone=person.settings.time_zone,
        since=_day(given.get("from", "")),
        until=_day(given.get("to", "")),
        role=given["role"] if given.get("role") in ROLES else None,
        report_id=_id(given.get("report", "")),
        seen=seen,
    )


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _page_of(given: dict[str, str]) -> int:
    text = given.get("page", "")
    is_number = text.isascii() and text.isdecimal() and len(text) < 10
    return min(max(int(text), 1), PAGE_MAX) if is_number else 1


def _query(given: dict[str, str], **changed: str) -> str:
    """The filters as they stand in an address, with some changed."""
    asked = {name: text for name, text in given.items() if text and name != "page"} | changed
    return urlencode(asked)


def _pages(path: str, given: dict[str, str], page: int, total: int) -> dict[str, Any]:
    is_more = page * LINES_OF_PAGE < total
    return {
        "page": page,
        "pages": max(1, -(-total // LINES_OF_PAGE)),
        "newer": f"{path}?{_query(given, page=str(page - 1))}" if page > 1 else None,
        "older": f"{path}?{_query(given, page=str(page + 1))}" if is_more else None,
    }


class _Shown:
    """Lines and readings in words: names, titles and places in the log are asked for once."""

    def __init__(self, person: Visit, lines: Iterable[Line], readings: Iterable[Entry]) -> None:
        entries = list(readings)
        self.person, self.names = person, Names(person)
        asked = [*(line.report_id for line in lines), *(entry.report_id for entry in entries)]
        self.titles = titles(person, {report_id for report_id in asked if report_id})
        ledger = person.ledger
        self.leaves = transparency.leaf_indexes(ledger, [entry.event_id for entry in entries])
        signed = transparency.latest(ledger)
        self.tree_size = signed.tree_size if signed else 0

    def title(self, report_id: UUID | None) -> str | None:
        return self.titles.get(report_id) if report_id else None

    def line(self, line: Line, readings: dict[int, Entry]) -> dict[str, Any]:
        own = [self.reading(readings[place]) for place in line.positions if place in readings]
        return {
            **self._said(line.actor, line.role, line.name, line.purpose, line.report_id),
            "first_at": line.first_at,
            "at": line.last_at,
            "count": line.count,
            "media": list(line.media.items()),
            "readings": own,
            "rest": line.count - len(own),
            "position": line.last,
        }

    def reading(self, entry: Entry) -> dict[str, Any]:
        purpose = entry.detail.get("purpose", "operation")
        index = self.leaves.get(entry.event_id)
        is_proven = index is not None and index < self.tree_size
        as_of = entry.detail.get("as_of")
        is_seen = entry.report_id in self.titles
        return {
            **self._said(entry.actor, self._role(entry), entry.name, purpose, entry.report_id),
            "at": entry.recorded_at,
            "medium": entry.detail.get("medium"),
            "leaf": index if is_proven else None,
            "event_id": str(entry.event_id),
            "position": entry.position,
            "has_proof": is_proven and self.person.may_open("/evidence"),
            "as_of": f"/reports/{entry.report_id}/as-of/{as_of}?reading={entry.position}"
            if as_of and is_seen
            else None,
        }

    def _role(self, entry: Entry) -> str:
        kind = entry.actor.partition(":")[0]
        if kind == "patient":
            return "patient" if entry.actor == f"patient:{self.person.patient_id}" else "guardian"
        if entry.detail.get("purpose") == "treatment":
            return "doctor"
        return {"share": "link"}.get(kind, kind if kind in ROLES else "system")

    def _said(self, actor: str, role: str, name: str, purpose: str, report_id: UUID | None) -> dict[str, Any]:
        return {
            "who": self.names.of(actor, role),
            "role": self.names.role_of(actor, role),
            "action": ACTIONS.get(name, name if name in STAFF_ACTS else "other"),
            "is_act": name not in ACTIONS,
            "purpose": purpose,
            "report_id": str(report_id) if report_id else None,
            "title": self.title(report_id),
        }


def titles(person: Visit, report_ids: set[UUID]) -> dict[UUID, str | None]:
    """What those of the reports are called that the person may see."""
    if not report_ids:
        return {}
    if person.acting is None:
        return titles_of(person, list(report_ids))
    rows = seen_reports(person, limit=10_000)
    return {row.report_id: row.summary.title for row in rows if row.summary and row.report_id in report_ids}
