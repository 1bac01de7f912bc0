"""The list of results: new ones on top, then by month; narrowed by an address, searched by a form.

What was searched for is never in an address and never logged: a search is a form that is posted, and the page after
it carries the words in its fields alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any
from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import Response

from api.list_words import STATUS_GROUPS
from api.portal.list_filter import ListFilter, cursor_of, cursor_text, filter_of, wanted_of
from api.portal.seen_reports import covers, purpose_of
from api.portal.web import Actor, Form, Person, Visit, go, told
from api.problems import ProblemError
from domain import laboratory, talk_first
from domain.admission import section_of
from domain.guardianship import ALL_SECTIONS
from domain.laboratory import Laboratory
from domain.reading import ReportsListed
from domain.study_request import OPEN
from domain.study_type import StudyType
from domain.talk_first import NOTHING_KEPT, TalkFirst
from ledger import commands
from ledger.talk_first import talk_first_stream
from projections.cabinet_kept import sections_of
from projections.cabinet_list import Limits, ListedRow, Page, Wanted, issuers_of, page_of
from projections.study_requests import requests_of

router = APIRouter(include_in_schema=False)
_EVERYTHING = Wanted()
# What can be done with several results: the route, and whether it is one that changes or records something.
_ACTS = (
    ("archive", "/reports/archive", "post"),
    ("compare", "/reports/compare", "get"),
    ("send", "/shares/new", "get"),
)


@router.get("/reports")
def reports_page(person: Person) -> Response:
    given = dict(person.request.query_params)
    given.pop("q", None)
    return _list_page(person, filter_of(given), after=given.get("after", ""))


@router.post("/reports/search")
def search_page(person: Actor, form: Form) -> Response:
    narrowed = filter_of(form)
    if not narrowed.search:
        return go(narrowed.path())
    return _list_page(person, narrowed, after=form.get("after", ""))


@router.get("/reports/search")
def searched_page(person: Person) -> Response:
    """The page after a search is of a form; who reloads it by its address comes back to the list."""
    person.signed_in()
    return go("/reports")


@dataclass(frozen=True, slots=True)
class Known:
    """What the list is read with: who issues the patient's reports, and what the patient keeps for a talk."""

    issuers: list[tuple[UUID, str]]
    laboratories: Mapping[UUID, Laboratory]
    wish: TalkFirst


def _list_page(person: Visit, narrowed: ListFilter, *, after: str) -> Response:
    person.signed_in()
    known = _known(person)
    errors: Mapping[str, Any] = {}
    try:
        wanted = wanted_of(narrowed, known.issuers)
    except ProblemError as error:
        wanted, errors = _EVERYTHING, told(error, person.locale)
    page = page_of(person.ledger, person.patient_id, wanted, _limits(person, known), after=cursor_of(after))
    rows = [row for row in page.rows if _may_be_shown(person, known, row)]
    reading = ReportsListed(patient_id=person.patient_id, count=len(rows), purpose=purpose_of(person))
    commands.record_reading(person.ledger, reading, person.by())
    return person.page(
        "reports.html",
        status=422 if errors else 200,
        errors=errors,
        **grouped(known, rows),
        **_around(person, narrowed, page, after, errors),
        laboratories=[{"id": str(one), "name": name} for one, name in known.issuers],
        expected_count=_expected_count(person),
    )


def _known(person: Visit) -> Known:
    issuers = issuers_of(person.ledger, person.patient_id)
    stream_id = talk_first_stream(person.ledger, person.patient_id)
    (wish, _), *found = person.ledger.load_all(
        (stream_id, talk_first.evolve), *((one, laboratory.evolve) for one, _ in issuers)
    )
    if person.acting is not None and person.acting.sight.may_act:
        wish = None
    laboratories = {
        one: state for (one, _), (state, _) in zip(issuers, found, strict=True) if state is not None
    }
    return Known(issuers, laboratories, wish or NOTHING_KEPT)


def _limits(person: Visit, known: Known) -> Limits:
    sections = person.acting.sight.sections if person.acting is not None else ALL_SECTIONS
    return Limits(
        sections=None if sections == ALL_SECTIONS else sections,
        wish=known.wish,
        departments=known.laboratories,
    )


def _may_be_shown(person: Visit, known: Known, row: ListedRow) -> bool:
    """The last wall, whatever was asked of the view: a key that is erased, a section that is closed."""
    if row.report.summary is None:
        return False
    return person.acting is None or covers(
        person.acting.sight, known.laboratories.get(row.report.laboratory_id), row.report
    )


def grouped(known: Known, rows: list[ListedRow]) -> dict[str, Any]:
    """New ones, then the others month by month; within a month by the day of the sample."""
    new = [_listed(known, row) for row in rows if row.report.is_new]
    others = [row for row in rows if not row.report.is_new]
    months = [
        {
            "month": month.isoformat()[:7],
            "reports": sorted((_listed(known, row) for row in found), key=_day_of, reverse=True),
        }
        for month, found in groupby(others, key=lambda row: row.month)
    ]
    return {"new": new, "months": months}


def _day_of(shown: dict[str, Any]) -> str:
    return str(shown["collected_at"] or shown["issued_at"] or shown["received_at"].date())[:10]


def _listed(known: Known, row: ListedRow) -> dict[str, Any]:
    report, summary = row.report, row.report.summary
    assert summary is not None
    issuer = known.laboratories.get(report.laboratory_id)
    shown: dict[str, Any] = {
        "id": str(report.report_id),
        "laboratory": row.laboratory or summary.laboratory or "—",
        "received_at": report.received_at,
        "is_new": report.is_new,
        "is_kept": known.wish.keeps(report.report_id, sections_of(issuer, report), is_read=report.was_read),
        "collected_at": summary.collected_at,
        "issued_at": summary.issued_at,
    }
    if shown["is_kept"]:
        return shown
    return shown | {
        "title": summary.title or "—",
        "section": section_of(issuer, summary.filing) if issuer else None,
        "status": report.status,
        "flagged": summary.flagged,
        "critical": summary.critical,
        "observations": summary.observations,
    }


def _around(
    person: Visit, narrowed: ListFilter, page: Page, after: str, errors: Mapping[str, Any]
) -> dict[str, Any]:
    """The form as it was filled in but for what no field can hold, what narrows the list and how to undo it, and where
    to go on."""
    fields = {name: value for name, value in narrowed.fields.items() if name not in errors}
    following = cursor_text(page.following) if page.following else None
    return {
        "values": {"q": narrowed.search, **fields},
        "chips": [
            {"name": name, "value": value, "href": narrowed.path(without=name)}
            for name, value in narrowed.fields.items()
        ],
        "is_narrowed": not narrowed.is_empty,
        "search": narrowed.search,
        "new_count": page.new_count,
        "is_later_page": bool(after),
        "following": following,
        "following_href": narrowed.path(after=following) if following else None,
        "first_href": narrowed.path(),
        "study_types": [one.value for one in StudyType],
        "statuses": list(STATUS_GROUPS),
        "acts": [
            {"name": name, "path": path, "method": method}
            for name, path, method in _ACTS
            if person.may_open(path)
        ],
        "may_choose_talk": person.may_open("/reports/talk-first"),
        "next_step_href": "/services",
    }


def _expected_count(person: Visit) -> int:
    """How many results are on their way; nothing is said of them to whom their page is closed."""
    if not person.may_open("/services/expected"):
        return 0
    return sum(row.status in OPEN for row in requests_of(person.ledger, person.patient_id))
