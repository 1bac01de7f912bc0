"""Pages where a compliance officer exports records: chosen, recorded, written behind the page, and taken file by file.

By pseudonyms, and nothing sealed is opened but the one archive of one person, which is made while it is sent and stays nowhere.
Each officer sees their own exports only.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends
from fastapi.responses import FileResponse, Response, StreamingResponse

from api import limits
from api.exports import jobs
from api.exports.jobs import Job
from api.exports.person import PersonUnknownError, person_archive
from api.exports.plan import FORMS, Asked, FormUnfitError, ParquetMissingError, is_there
from api.portal.downloads import file_headers
from api.portal.web import Form, go
from api.problems import ProblemError
from api.staff.web import StaffVisit, acts, reads
from domain.reading import ExportedRecords, ExportForm
from domain.staff import Role
from domain.values import PatientId
from projections.follow import NotFollowedError
from projections.transparency import NotIntegratedError

router = APIRouter(include_in_schema=False, prefix="/staff/exports")
Officer = Annotated[StaffVisit, Depends(reads(Role.COMPLIANCE))]
OfficerActs = Annotated[StaffVisit, Depends(acts(Role.COMPLIANCE))]
LIST = "/staff/exports"
FIELDS = ("records", "form", "patient", "since", "until", "bom")
_MEDIA_TYPES = {".csv": "text/csv; charset=utf-8", ".ndjson": "application/x-ndjson"}


@router.get("")
def exports_page(visit: Officer) -> Response:
    return _page(visit, dict.fromkeys(FIELDS, ""), [])


def _page(visit: StaffVisit, values: dict[str, str], errors: list[str]) -> Response:
    found = jobs.jobs(_home(visit), visit.by().actor)
    return visit.page(
        "staff_exports.html",
        status=422 if errors else 200,
        exports=[_shown(job) for job in found],
        is_running=any(job.is_busy for job in found),
        records=[one.value for one in jobs.RECORDS],
        forms=[one.value for one in ExportForm if is_there(one)],
        values=values,
        errors=errors,
    )


def _shown(job: Job) -> dict[str, Any]:
    fixed = job.fixed
    return {
        "id": str(fixed.export_id),
        "records": fixed.records.value,
        "form": fixed.form.value,
        "patient_id": str(fixed.patient_id) if fixed.patient_id else None,
        "taken": datetime.fromisoformat(fixed.taken),
        "state": "whole" if job.is_whole else "running" if job.is_busy else "cut",
        "passed": job.passed,
        "total": max(fixed.span, 1),
        "files": [{"name": one.name, "kilobytes": -(-one.stat().st_size // 1000)} for one in job.files],
    }


@router.post("")
def begin(visit: OfficerActs, form: Form) -> Response:
    visit.require_step_up()
    stated = {name: form.get(name, "").strip().replace("\0", "") for name in FIELDS}
    asked, errors = _asked(stated)
    if asked is None:
        return _page(visit, stated, errors)
    limits.take(visit.ledger, "export", visit.by().actor)
    try:
        jobs.begin(visit.ledger, _home(visit), asked, visit.by())
    except (FormUnfitError, ParquetMissingError):
        return _page(visit, stated, ["form"])
    except (NotIntegratedError, NotFollowedError):
        raise ProblemError("export-not-ready") from None
    return go(LIST, notice="export-begun")


def _asked(stated: dict[str, str]) -> tuple[Asked | None, list[str]]:
    """What is asked for, or the fields that say nothing that could be."""
    wrong = []
    records = stated["records"] if stated["records"] in jobs.RECORDS else None
    form = stated["form"] if stated["form"] in list(ExportForm) else None
    if records is None:
        wrong.append("records")
    if form is None or (records and ExportForm(form) not in FORMS[ExportedRecords(records)]):
        wrong.append("form")
    patient_id = _uuid(stated["patient"])
    if stated["patient"] and patient_id is None:
        wrong.append("patient")
    since, until = _midnight(stated["since"], 0), _midnight(stated["until"], 1)
    wrong += [name for name, at in (("since", since), ("until", until)) if stated[name] and at is None]
    if since and until and since >= until:
        wrong.append("until")
    if wrong or records is None or form is None:
        return None, wrong
    asked = Asked(
        records=ExportedRecords(records),
        form=ExportForm(form),
        patient_id=patient_id,
        since=since,
        until=until,
        bom=stated["bom"] != "",
    )
    return asked, []


def _uuid(text: str) -> PatientId | None:
    try:
        return PatientId(UUID(text))
    except ValueError:
        return None


def _midnight(text: str, days_more: int) -> datetime | None:
    try:
        return datetime.combine(date.fromisoformat(text), time(), UTC) + timedelta(days=days_more)
    except (ValueError, OverflowError):
        return None


@router.post("/person")
def person(visit: OfficerActs, form: Form) -> Response:
    """All that is kept of one person, for their right of access; the file is made while it is sent."""
    visit.require_step_up()
    patient_id = _uuid(form.get("person", "").strip())
    if patient_id is None:
        return _page(visit, dict.fromkeys(FIELDS, ""), ["person"])
    limits.take(visit.ledger, "export", visit.by().actor)
    try:
        chunks: Iterator[bytes] = person_archive(
            visit.ledger, patient_id, visit.by(), locale=visit.locale, time_zone=visit.door.settings.time_zone
        )
    except PersonUnknownError:
        return _page(visit, dict.fromkeys(FIELDS, ""), ["person"])
    return StreamingResponse(chunks, media_type="application/zip", headers=file_headers("vse-dannye.zip"))


@router.get("/{export_id:uuid}/{name}")
def file(visit: Officer, export_id: UUID, name: str) -> Response:
    """A download that was cut goes on where it was: the server takes `Range`."""
    path = next((one for one in _job(visit, export_id).files if one.name == name), None)
    if path is None:
        raise ProblemError("not-found")
    media_type = _MEDIA_TYPES.get(path.suffix, "application/octet-stream")
    return FileResponse(path, media_type=media_type, headers=file_headers(path.name))


@router.post("/{export_id:uuid}/continue")
def go_on(visit: OfficerActs, export_id: UUID) -> Response:
    visit.require_step_up()
    job = _job(visit, export_id)
    if not job.is_whole:
        jobs.go_on(visit.ledger, job.place)
    return go(LIST, notice="export-begun")


@router.post("/{export_id:uuid}/remove")
def remove(visit: OfficerActs, export_id: UUID) -> Response:
    """Of our disk; that it was taken stays recorded."""
    jobs.remove(_job(visit, export_id))
    return go(LIST, notice="export-removed")


def _job(visit: StaffVisit, export_id: UUID) -> Job:
    job = jobs.job_of(_home(visit), export_id, visit.by().actor)
    if job is None:
        raise ProblemError("not-found")
    return job


def _home(visit: StaffVisit) -> Path:
    return visit.door.settings.home
