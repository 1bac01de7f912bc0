"""«Мне отправили»: what patients gave to a doctor, for as long as they give it. Nothing else of them is here.

Whose it is, and each result, is shown only after it is recorded who sees it. What is over opens nothing: that there was
something, and until when, is all that stays.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Final
from uuid import UUID, uuid4

from fastapi import APIRouter, BackgroundTasks, Depends, Query
from fastapi.responses import Response
from markupsafe import Markup

from api.problems import ProblemError
from api.release import RELEASE
from api.result_article import result_article, title_of_result
from api.result_sheet import DocumentUnavailableError, ResultSheet, sheet_of
from api.share_telling import tell_opened
from api.staff.doctor import member_of
from api.staff.web import StaffVisit, reads
from domain import patient as patients
from domain.reading import IdentityRead, Medium, ReadingPurpose, ReportRead, ReportsListed
from domain.sharing import OpenedVersion, Share, ShareNotActiveError
from domain.staff import Role
from domain.values import PatientId
from ledger import sharing
from ledger.keys import KeyErasedError
from ledger.rendering import rendering_of
from ledger.store import Write
from projections import sharing as view
from projections.sharing import SHARING, ShareRow

router = APIRouter(include_in_schema=False, prefix="/staff")
Doctor = Annotated[StaffVisit, Depends(reads(Role.DOCTOR))]
LIST = "/staff/shared"
PAGE_ROWS: Final = 50
_PAGES_MAX: Final = 10_000
_TREATMENT = ReadingPurpose.TREATMENT


@router.get("/shared")
def list_page(visit: Doctor, page: Annotated[int, Query(ge=1, le=_PAGES_MAX)] = 1) -> Response:
    """By whom, as their profile says: that the names were shown is recorded before. What is open comes first."""
    now = datetime.now(UTC)
    found = view.shared_with(
        visit.ledger, member_of(visit), now=now, limit=PAGE_ROWS + 1, offset=(page - 1) * PAGE_ROWS
    )
    rows = found[:PAGE_ROWS]
    active = [row for row in rows if row.end_at(now) is None]
    whose = list(dict.fromkeys(PatientId(row.patient_id) for row in active))
    record(visit, [IdentityRead(patient_id=one, purpose=_TREATMENT) for one in whose])
    names = {one: _name(visit, one) for one in whose}
    return visit.page(
        "staff_shared.html",
        active=[_entry(row) | {"name": names[PatientId(row.patient_id)]} for row in active],
        over=[_entry(row) | {"end": row.end_at(now)} for row in rows if row.end_at(now) is not None],
        first=LIST if page > 1 else None,
        further=f"{LIST}?page={page + 1}" if len(found) > PAGE_ROWS else None,
    )


@router.get("/shared/{share_id:uuid}")
def share_page(visit: Doctor, share_id: UUID) -> Response:
    share = open_share_of(visit, share_id)
    sheets = [sheet for one in share.report_ids if (sheet := _sheet(visit, share, one)) is not None]
    record(
        visit,
        [
            IdentityRead(patient_id=share.patient_id, purpose=_TREATMENT),
            ReportsListed(patient_id=share.patient_id, count=len(sheets), purpose=_TREATMENT),
        ],
    )
    return visit.page(
        "staff_share.html",
        share=head_of(visit, share_id, share),
        message=share.description.message if share.description else None,
        reports=[
            {
                "href": f"{LIST}/{share_id}/reports/{sheet.report_id}",
                "title": title_of_result(sheet.content),
                "laboratory": sheet.laboratory,
                "at": sheet.content.effective_at or sheet.content.issued_at or sheet.shown.received_at,
                "status": sheet.status.value,
                "versions": len(sheet.versions),
            }
            for sheet in sheets
        ],
    )


@router.get("/shared/{share_id:uuid}/reports/{report_id:uuid}")
def report_page(visit: Doctor, tasks: BackgroundTasks, share_id: UUID, report_id: UUID) -> Response:
    return _report_page(visit, tasks, share_id, report_id, None)


@router.get("/shared/{share_id:uuid}/reports/{report_id:uuid}/versions/{version}")
def version_page(
    visit: Doctor, tasks: BackgroundTasks, share_id: UUID, report_id: UUID, version: int
) -> Response:
    return _report_page(visit, tasks, share_id, report_id, version)


def _report_page(
    visit: StaffVisit, tasks: BackgroundTasks, share_id: UUID, report_id: UUID, version: int | None
) -> Response:
    """Who opens it, which version, and in what form it leaves, is recorded in one append before it does."""
    open_share_of(visit, share_id)
    settings = visit.door.settings
    made: list[tuple[ResultSheet, str]] = []

    def readings(share: Share, position: int, given: Sequence[OpenedVersion]) -> Iterable[ReportRead]:
        made.clear()
        for one in given:
            sheet = sheet_of(
                visit.ledger, one.report_id, share.patient_id, as_of=position, version=one.version
            )
            article = result_article(sheet, visit.locale, settings.time_zone)
            made.append((sheet, article))
            rendering = rendering_of(
                visit.ledger,
                one.report_id,
                article.encode(),
                position=position,
                release=RELEASE,
                locale=visit.locale,
                time_zone=settings.time_zone,
            )
            yield ReportRead(
                patient_id=share.patient_id,
                report_id=one.report_id,
                report_version=sheet.version,
                purpose=_TREATMENT,
                medium=Medium.PAGE,
                rendering=rendering,
            )

    try:
        opened = sharing.open_share(
            visit.ledger,
            share_id,
            visit.by(),
            now=datetime.now(UTC),
            readings=readings,
            member_id=member_of(visit),
            only=(report_id,),
            at_version=version,
        )
    except (ShareNotActiveError, DocumentUnavailableError, KeyErasedError):
        raise ProblemError("not-found") from None
    if opened.is_told:
        tasks.add_task(tell_opened, visit.request.app.state.door, share_id)
    visit.follow(SHARING)
    ((sheet, article),) = made
    page = visit.page(
        "staff_shared_report.html",
        share=head_of(visit, share_id, opened.share),
        title=title_of_result(sheet.content),
        article=Markup(_linked(article, share_id, report_id)),  # noqa: S704 - a template made it, which escapes
        version=sheet.version,
        versions=[
            {"number": one.number, "href": f"{LIST}/{share_id}/reports/{report_id}/versions/{one.number}"}
            for one in sheet.versions
        ],
    )
    page.background = tasks
    return page


def _linked(article: str, share_id: UUID, report_id: UUID) -> str:
    """The article as it is logged, but for where its links to other versions lead: here, and not to the patient's
    pages. Turned back, it is the same bytes."""
    return article.replace(f'href="/reports/{report_id}', f'href="{LIST}/{share_id}/reports/{report_id}')


def open_share_of(visit: StaffVisit, share_id: UUID) -> Share:
    """The share, if it was given to this doctor and lasts: what is over is not there, and says so on the list."""
    try:
        return sharing.share_of_doctor(visit.ledger, member_of(visit), share_id, now=datetime.now(UTC))
    except ShareNotActiveError:
        raise ProblemError("not-found") from None


def _sheet(visit: StaffVisit, share: Share, report_id: UUID) -> ResultSheet | None:
    """None of what has left the patient's cabinet. What the patient wants to see after a talk, the doctor sees
    before it: who else should talk about it?"""
    try:
        return sheet_of(visit.ledger, report_id, share.patient_id)
    except DocumentUnavailableError:
        return None


def record(visit: StaffVisit, seen: Sequence[IdentityRead | ReportsListed]) -> None:
    if seen:
        visit.ledger.append(*(Write(uuid4(), 0, (one,)) for one in seen), circumstances=visit.by())


def _name(visit: StaffVisit, patient_id: PatientId) -> str:
    known, _ = visit.ledger.load(patient_id, patients.evolve)
    profile = known.profile if known else None
    return profile.full_name if profile else "—"


def head_of(visit: StaffVisit, share_id: UUID, share: Share) -> dict[str, Any]:
    return {
        "href": f"{LIST}/{share_id}",
        "name": _name(visit, share.patient_id),
        "until": share.until,
    }


def _entry(row: ShareRow) -> dict[str, Any]:
    return {
        "href": f"{LIST}/{row.share_id}",
        "reports": len(row.report_ids),
        "shared_at": row.shared_at,
        "until": row.until,
        "ended_at": row.ended_at or row.until,
        "is_new": row.openings == 0,
    }
