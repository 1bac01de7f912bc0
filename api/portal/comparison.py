"""Two results side by side, value by value."""

from typing import Annotated, Any
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query
from fastapi.responses import Response

from api.pages import decimal_text
from api.portal.measured_words import unit_text
from api.portal.seen_measurements import laboratory_names, patient_of, record_reports_shown
from api.portal.seen_reports import seen_report
from api.portal.trend_view import TrendWords, measurement_row, unbroken
from api.portal.web import Person, Visit
from api.problems import ProblemError
from domain.code_map import CodeMap
from domain.comparison import Compared, Direction, Turn, compare
from domain.reading import Medium
from domain.trend import moment_of
from ledger import code_maps
from projections.measurements import Opened, opened_reports
from projections.summary import studied_at, summarise

router = APIRouter(include_in_schema=False)


@router.get("/reports/compare")
def comparison_page(
    person: Person,
    a: UUID | None = None,
    b: UUID | None = None,
    report: Annotated[list[UUID] | None, Query()] = None,
) -> Response:
    """By two names, or by two boxes of the list that were ticked; the earlier result stands on the left."""
    person.signed_in()
    asked = list(dict.fromkeys(one for one in (a, b, *(report or ())) if one is not None))
    if len(asked) != 2:
        raise ProblemError("comparison-needs-two")
    if any(seen_report(person, one) is None for one in asked):
        raise ProblemError("not-found")
    opened = opened_reports(person.ledger, person.patient_id, asked)
    if len(opened) != 2:
        raise ProblemError("not-found")
    earlier, later = sorted(opened, key=lambda one: _moment(person, one))
    issuers = {one.report.laboratory_id for one in opened}
    maps: dict[UUID, CodeMap] = {one: code_maps.load(person.ledger, one) for one in issuers}
    found = compare(earlier.measured, later.measured, maps)
    record_reports_shown(person, {one.report_id: one.version for one in opened}, Medium.COMPARISON)
    words = TrendWords(
        locale=person.locale,
        time_zone=person.settings.time_zone,
        laboratories=laboratory_names(person.ledger, issuers),
    )
    rows = [_row(one, words) for one in found]
    return person.page(
        "comparison.html",
        patient=patient_of(person),
        sides=[_side(one, words) for one in (earlier, later)],
        both=[row for row in rows if row["earlier"] and row["later"]],
        alone=[row for row in rows if not (row["earlier"] and row["later"])],
        turned=[row for row in rows if row["turn"] == Turn.NEWLY_FLAGGED],
    )


def _moment(person: Visit, one: Opened) -> tuple[float, int]:
    at = moment_of(studied_at(one.content), ZoneInfo(person.settings.time_zone))
    return (at.timestamp() if at else 0.0, one.version)


def _side(one: Opened, words: TrendWords) -> dict[str, Any]:
    summary = summarise(one.content)
    return {
        "id": str(one.report_id),
        "title": summary.title or "—",
        "laboratory": words.laboratories[one.report.laboratory_id],
        "at": studied_at(one.content),
        "status": one.report.status.value,
    }


def _row(one: Compared, words: TrendWords) -> dict[str, Any]:
    earlier, later = (measurement_row(side, words) if side else None for side in (one.earlier, one.later))
    if earlier and one.earlier_in_unit and one.earlier_in_unit.value and one.later:
        value = decimal_text(one.earlier_in_unit.value, locale=words.locale)
        unit = unit_text(one.later.value, words.locale)
        earlier["converted"] = unbroken(" ".join(part for part in (value, unit) if part))
    return {
        "name": one.name or "—",
        "earlier": earlier,
        "later": later,
        "direction": one.direction,
        "difference": _difference(one, words),
        "unit": unit_text(one.later.value, words.locale) if one.later else None,
        "turn": one.turn,
    }


def _difference(one: Compared, words: TrendWords) -> str | None:
    if one.difference is None or one.direction is Direction.SAME:
        return None
    # Its direction is said by a word.
    return decimal_text(f"{abs(one.difference):f}", locale=words.locale)
