"""Trends: what was measured of the patient, each with its values in time."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Annotated, Any
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query
from fastapi.responses import Response

from api.portal.seen_measurements import laboratory_names, patient_of, record_shown, seen_analytes, sighted
from api.portal.seen_reports import seen_report
from api.portal.trend_view import TrendWords, list_shown, plain, trend_shown
from api.portal.web import Actor, Form, Person, Visit, told
from api.problems import ProblemError
from api.result_sheet import ResultSheet
from domain.reading import Medium
from domain.trend import Measurement, Trend, moment_of, trend_of
from projections import analytes
from projections.analytes import ListedAnalyte, Sighted
from projections.measurements import by_digest, opened_reports

router = APIRouter(include_in_schema=False)
# So many of each are on the list, and so many are drawn.
ON_LIST, DRAWN_MAX = 8, 500
SEARCH_LENGTH_MAX = 100


@router.get("/trends")
def trends_page(person: Person, report: UUID | None = None) -> Response:
    """All of them; or those of one report, for who comes from there."""
    return _list(person, report_id=report)


@router.post("/trends")
def search_trends(person: Actor, form: Form) -> Response:
    """What somebody looks for says what they are ill with: it stands in no address."""
    return _list(person, search=" ".join(form.get("q", "").split())[:SEARCH_LENGTH_MAX])


def _list(person: Visit, *, report_id: UUID | None = None, search: str = "") -> Response:
    of = sighted(person)
    known = seen_analytes(person, of)
    title, found = None, [one for one in known if _is_meant(one, search)]
    if report_id is not None:
        row = seen_report(person, report_id)
        if row is None:
            raise ProblemError("not-found")
        title = (row[0].summary.title if row[0].summary else None) or "—"
        in_report = analytes.digests_in(person.ledger, person.patient_id, report_id)
        found = [one for one in found if in_report & set(one.digests)]
    return person.page(
        "trends.html",
        **_listed(person, of, found),
        total=len(known),
        search=search,
        report={"id": str(report_id), "title": title} if report_id else None,
    )


def _is_meant(one: ListedAnalyte, search: str) -> bool:
    words = plain(search).split()
    return any(all(word in plain(name) for word in words) for name in one.names)


def _listed(person: Visit, of: Sighted, found: Sequence[ListedAnalyte]) -> dict[str, Any]:
    """What the list says of them; the readings are recorded by now."""
    digests = [digest for one in found for digest in one.digests]
    reports = analytes.latest_reports(person.ledger, person.patient_id, digests, each=ON_LIST, sighted=of)
    values = by_digest(
        person.ledger, person.patient_id, opened_reports(person.ledger, person.patient_id, reports)
    )
    trends = [(one, _trend(person, one, _of(one, values))) for one in found]
    shown = [measurement for _, trend in trends for measurement in trend.measurements]
    record_shown(person, shown, Medium.TREND)
    return list_shown(trends, _words(person, shown), path="/trends")


def _of(one: ListedAnalyte, values: Mapping[UUID, Sequence[Measurement]]) -> list[Measurement]:
    return [measurement for digest in one.digests for measurement in values.get(digest, ())]


def _trend(person: Visit, one: ListedAnalyte, measurements: Sequence[Measurement]) -> Trend:
    return trend_of(measurements, analyte=one.analyte.loinc, zone=ZoneInfo(person.settings.time_zone))


def _words(person: Visit, shown: Sequence[Measurement]) -> TrendWords:
    return TrendWords(
        locale=person.locale,
        time_zone=person.settings.time_zone,
        laboratories=laboratory_names(person.ledger, [one.laboratory_id for one in shown]),
    )


@router.get("/trends/{key}")
def trend_page(
    person: Person,
    key: str,
    since: Annotated[str, Query(alias="from")] = "",
    until: Annotated[str, Query(alias="to")] = "",
) -> Response:
    of = sighted(person)
    one = next((one for one in seen_analytes(person, of) if one.key == key), None)
    if one is None:
        raise ProblemError("not-found")
    errors: dict[str, dict[str, str]] = {}
    period: tuple[date | None, date | None] = (None, None)
    try:
        period = _period(since, until)
    except ProblemError as error:
        errors = told(error, person.locale)
    measurements = _measurements(person, one, of)
    whole = _trend(person, one, _within(measurements, period, ZoneInfo(person.settings.time_zone)))
    shown = whole.measurements
    record_shown(person, shown, Medium.TREND)
    return person.page(
        "trend.html",
        status=422 if errors else 200,
        errors=errors,
        values={"from": since, "to": until},
        presets=_presets(person, since, until),
        key=key,
        patient=patient_of(person),
        total=len(measurements),
        is_limited=one.reports > DRAWN_MAX,
        **trend_shown(one, whole, _words(person, shown)),
    )


def _measurements(person: Visit, one: ListedAnalyte, of: Sighted) -> list[Measurement]:
    reports = analytes.latest_reports(
        person.ledger, person.patient_id, one.digests, each=DRAWN_MAX, sighted=of
    )
    opened = opened_reports(person.ledger, person.patient_id, reports)
    return _of(one, by_digest(person.ledger, person.patient_id, opened))


# The period.


def _period(since: str, until: str) -> tuple[date | None, date | None]:
    first, last = _day("from", since), _day("to", until)
    if first and last and first > last:
        raise ProblemError("filter-invalid", "from")
    return first, last


def _day(field: str, text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise ProblemError("filter-invalid", field) from None


def _within(
    measurements: Sequence[Measurement], period: tuple[date | None, date | None], zone: ZoneInfo
) -> list[Measurement]:
    """Those of the period; what has no date is in none, and shown when none is asked for."""
    first, last = period
    if first is None and last is None:
        return list(measurements)
    days = ((one, moment_of(one.measured_at, zone)) for one in measurements)
    return [
        one
        for one, at in days
        if at is not None and (first or date.min) <= at.astimezone(zone).date() <= (last or date.max)
    ]


def _presets(person: Visit, since: str, until: str) -> list[dict[str, Any]]:
    today = datetime.now(ZoneInfo(person.settings.time_zone)).date()
    starts = {name: (today - timedelta(days=days)).isoformat() for name, days in (("1", 365), ("3", 1096))}
    return [
        {"name": "all", "query": "", "is_current": not since and not until},
        *(
            {"name": name, "query": f"?from={start}", "is_current": (since, until) == (start, "")}
            for name, start in starts.items()
        ),
    ]


# Beside a result.


def trend_links(person: Visit, sheet: ResultSheet) -> dict[str, Any]:
    """Which report before this one has most of the same: to compare with."""
    if not sheet.is_current:
        return {"compare_with": None}
    ledger, patient_id, of = person.ledger, person.patient_id, sighted(person)
    own = analytes.digests_in(ledger, patient_id, sheet.report_id)
    found = analytes.alike_before(ledger, patient_id, sheet.report_id, own, of)
    if found is None and own:
        # Not of the same laboratory in the same words: then by what the codes mean.
        alike = [one.digests for one in seen_analytes(person, of) if own & set(one.digests)]
        digests = [digest for group in alike for digest in group]
        found = analytes.alike_before(ledger, patient_id, sheet.report_id, digests, of)
    return {"compare_with": str(found) if found else None}
