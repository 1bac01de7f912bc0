"""Pages of one result: as it stands, in another version, and as it stood at a position of the ledger. Each reading
is recorded before the page leaves, with the digest of its article, by which the same bytes can be made again."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import Response
from markupsafe import Markup

from api.pages import Locale
from api.portal.changes_view import shown_changes
from api.portal.corrections import beside_result
from api.portal.downloads import take_away
from api.portal.report_view import Words
from api.portal.seen_reports import purpose_of, seen_report
from api.portal.trends import trend_links
from api.portal.web import Person, Visit
from api.problems import ProblemError
from api.release import RELEASE
from api.report_as_of import Verdict, locale_in, reading_at, readings_as_of, verdict_of
from api.result_article import result_article, title_of_result
from api.result_documents import release_of_form
from api.result_sheet import (
    DocumentUnavailableError,
    ResultErasedError,
    ResultSheet,
    is_covered,
    sheet_of,
)
from domain.reading import Medium, ReportRead
from domain.version_changes import changes_between
from ledger import commands
from ledger.codec import RecordedEvent
from ledger.keys import KeyErasedError
from ledger.rendering import rendering_of
from projections import transparency
from projections.exposure import places_of_readings

router = APIRouter(include_in_schema=False)
# What other sections show beside a result: each adds its function here, and its template reads `report.extra`.
EXTRAS: tuple[Callable[[Visit, ResultSheet], dict[str, Any]], ...] = (take_away, beside_result, trend_links)


@router.get("/reports/{report_id:uuid}")
def report_page(person: Person, report_id: UUID) -> Response:
    position = person.ledger.last_position()
    sheet = _seen_sheet(person, report_id, position)
    article = _read(person, sheet, position)
    return person.page("report.html", differences=None, **_shown(person, sheet, article))


@router.get("/reports/{report_id:uuid}/versions/{version}")
def version_page(person: Person, report_id: UUID, version: int, against: int | None = None) -> Response:
    """One version; with `against` what differs from another one, which is read by that as well."""
    position = person.ledger.last_position()
    sheet = _seen_sheet(person, report_id, position, version=version)
    other = None
    if against is not None and against != version:
        other = _seen_sheet(person, report_id, position, version=against)
        _record(person, ReportRead(**_about(person, other), medium=Medium.COMPARISON))
    article = _read(person, sheet, position)
    differences = _differences(person, sheet, other) if other else None
    return person.page("report.html", differences=differences, **_shown(person, sheet, article))


@router.get("/reports/{report_id:uuid}/as-of/{position}")
def as_of_page(person: Person, report_id: UUID, position: int, reading: int | None = None) -> Response:
    """What was shown by a reading that was made at that position; without any, what would have been shown."""
    person.signed_in()
    if not 0 < position <= person.ledger.last_position():
        # What is yet to come would change what was shown "then".
        raise ProblemError("not-found")
    known = _known_reading(person, report_id, position, reading)
    version = known.event.report_version if known and isinstance(known.event, ReportRead) else None
    sheet = _seen_sheet(person, report_id, position, version=version)
    locale, time_zone = person.locale, person.settings.time_zone
    verdict, release, today = None, None, RELEASE
    if known is not None and isinstance(known.event, ReportRead):
        verdict = verdict_of(person.ledger, known.event)
        today = release_of_form(person.ledger, known.event.medium or Medium.PAGE)
        if known.event.rendering is not None:
            rendering = known.event.rendering
            locale, time_zone, release = locale_in(rendering), rendering.time_zone, rendering.release
    article = _read(person, sheet, position, locale=locale, time_zone=time_zone)
    return person.page(
        "report_as_of.html",
        report={"id": str(report_id), "title": title_of_result(sheet.content)},
        position=position,
        article=Markup(article),  # noqa: S704 - a template made it, which escapes
        verdict=verdict,
        shown_at=known.recorded_at if known else None,
        releases=(release, today) if verdict is Verdict.OTHER_RELEASE else None,
    )


def _seen_sheet(person: Visit, report_id: UUID, position: int, *, version: int | None = None) -> ResultSheet:
    """What the person may see of the report, now and as it stood then."""
    try:
        sheet = sheet_of(person.ledger, report_id, person.patient_id, as_of=position, version=version)
    except ResultErasedError:
        raise ProblemError("result-erased" if _has_read(person, report_id) else "not-found") from None
    except DocumentUnavailableError:
        raise ProblemError("not-found") from None
    if seen_report(person, report_id) is None:
        raise ProblemError("not-found")
    if person.acting is not None and not is_covered(sheet, person.acting.sight):
        raise ProblemError("not-found")
    return sheet


def _has_read(person: Visit, report_id: UUID) -> bool:
    """Whether they know of the report: to anybody else one that was erased is not there, and never was."""
    if person.acting is not None:
        return False
    return bool(places_of_readings(person.ledger, report_id, patient_id=person.patient_id, limit=1))


def _known_reading(
    person: Visit, report_id: UUID, position: int, reading: int | None
) -> RecordedEvent | None:
    """The reading that was asked for, or the first one at that position: of this cabinet only."""
    if reading is not None:
        named = reading_at(person.ledger, reading, report_id=report_id)
        found = [named] if named is not None else []
    else:
        found = readings_as_of(person.ledger, position, report_id=report_id)
    for one in found:
        event = one.event
        if isinstance(event, ReportRead) and event.patient_id == person.patient_id:
            is_then = event.rendering is None or event.rendering.position == position
            return one if is_then else None
    return None


def _read(
    person: Visit,
    sheet: ResultSheet,
    position: int,
    *,
    locale: Locale | None = None,
    time_zone: str | None = None,
) -> str:
    """The article, whose reading is recorded by now."""
    locale, time_zone = locale or person.locale, time_zone or person.settings.time_zone
    article = result_article(sheet, locale, time_zone)
    try:
        rendering = rendering_of(
            person.ledger,
            sheet.report_id,
            article.encode(),
            position=position,
            release=RELEASE,
            locale=locale,
            time_zone=time_zone,
        )
    except KeyErasedError:
        raise ProblemError("not-found") from None
    _record(person, ReportRead(**_about(person, sheet), medium=Medium.PAGE, rendering=rendering))
    return article


def _about(person: Visit, sheet: ResultSheet) -> dict[str, Any]:
    return {
        "patient_id": person.patient_id,
        "report_id": sheet.report_id,
        "report_version": sheet.version,
        "purpose": purpose_of(person),
    }


def _record(person: Visit, reading: ReportRead) -> None:
    commands.record_reading(person.ledger, reading, person.by())


def _shown(person: Visit, sheet: ResultSheet, article: str) -> dict[str, Any]:
    """What stands around the article: none of it is a part of the result."""
    extra: dict[str, Any] = {}
    for of_section in EXTRAS:
        extra |= of_section(person, sheet)
    return {
        "article": Markup(article),  # noqa: S704 - a template made it, which escapes
        "leaf": _leaf(person, sheet),
        "report": {
            "id": str(sheet.report_id),
            "title": title_of_result(sheet.content),
            "version": sheet.version,
            "is_current": sheet.is_current,
            "versions": [one.number for one in sheet.versions],
            "can_send": person.acting is None,
            "extra": extra,
        },
    }


def _differences(person: Visit, sheet: ResultSheet, other: ResultSheet) -> dict[str, Any]:
    """From the earlier version to the later one, whichever of them is looked at."""
    before, after = sorted((other, sheet), key=lambda one: one.version)
    changes = changes_between(before.content, after.content)
    words = Words(person.locale, sheet.code_map)
    return {"before": before.version, "after": after.version, "changes": shown_changes(changes, words)}


def _leaf(person: Visit, sheet: ResultSheet) -> dict[str, Any] | None:
    """Where the version stands in the log that is signed by now."""
    if sheet.event_id is None:
        return None
    signed = transparency.latest(person.ledger)
    index = transparency.leaf_index_of(person.ledger, sheet.event_id)
    if signed is None or index is None or index >= signed.tree_size:
        return None
    return {"index": index, "tree_size": signed.tree_size, "event_id": str(sheet.event_id)}
