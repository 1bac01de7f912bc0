"""«Скачать»: one result as a PDF, for programs or as its laboratory sent it, and several as an archive.

Whatever leaves is recorded before, with the digest by which the same bytes can be known again.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any
from uuid import UUID, uuid4

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response, StreamingResponse

from api import limits
from api.archives import REPORTS_MAX, Asked, Part, archive_of, asked_now
from api.portal.own_proof import proof_beside
from api.portal.seen_reports import purpose_of, seen_report, seen_reports
from api.portal.web import Actor, Person, Visit
from api.problems import ProblemError
from api.result_documents import ResultDocument, document_of, is_sent_alone, original_of, release_of_form
from api.result_sheet import DocumentUnavailableError, ResultSheet, is_covered, sheet_of
from domain.reading import Medium, ReportRead
from domain.receiving import DocumentFormat
from ledger.keys import KeyErasedError
from ledger.receiving import load_receiving
from ledger.rendering import rendering_of
from ledger.store import Write

router = APIRouter(include_in_schema=False)
# A chunk waits for what its archive's files are made by; none of the threads that answer pages does.
_HANDS = ThreadPoolExecutor(max_workers=4, thread_name_prefix="archive-sending")


@router.get("/reports/{report_id:uuid}/pdf")
def pdf(person: Person, report_id: UUID, version: int | None = None) -> Response:
    return _download(person, report_id, Medium.PDF, version)


@router.get("/reports/{report_id:uuid}/xml")
def xml(person: Person, report_id: UUID, version: int | None = None) -> Response:
    return _download(person, report_id, Medium.XML, version)


@router.get("/reports/{report_id:uuid}/fhir")
def fhir(person: Person, report_id: UUID, version: int | None = None) -> Response:
    return _download(person, report_id, Medium.FHIR_JSON, version)


@router.get("/reports/{report_id:uuid}/original/{place}")
def original(person: Person, report_id: UUID, place: int) -> Response:
    """The laboratory's attached file in this place; 0 is all that it sent, if it is this result alone."""
    _check_seen(person, report_id, None)
    make = partial(original_of, number=place, time_zone=person.settings.time_zone)
    return _left(person, report_id, Medium.ORIGINAL, make)


def _download(person: Visit, report_id: UUID, medium: Medium, version: int | None) -> Response:
    _check_seen(person, report_id, version)
    make = partial(
        document_of,
        form=medium,
        locale=person.locale,
        time_zone=person.settings.time_zone,
        version=version,
    )
    return _left(person, report_id, medium, make)


def _check_seen(person: Visit, report_id: UUID, version: int | None) -> None:
    """An earlier version may have been filed in another section than the one that stands: both must be open."""
    if seen_report(person, report_id) is None:
        raise ProblemError("not-found")
    if person.acting is not None:
        try:
            sheet = sheet_of(person.ledger, report_id, person.patient_id, version=version)
        except DocumentUnavailableError:
            raise ProblemError("not-found") from None
        if not is_covered(sheet, person.acting.sight):
            raise ProblemError("not-found")


def _left(person: Visit, report_id: UUID, medium: Medium, make: Callable[..., ResultDocument]) -> Response:
    """The file, whose reading is recorded by now."""
    try:
        document = make(person.ledger, report_id, person.patient_id)
        readings = _Readings(person, medium, document.position, document.tree_size)
        readings.record([(report_id, document.version, document.content)])
    except (DocumentUnavailableError, KeyErasedError):
        raise ProblemError("not-found") from None
    return Response(
        document.content, media_type=document.media_type, headers=file_headers(document.file_name)
    )


@dataclass(frozen=True, slots=True)
class _Readings:
    """What is recorded of files that are about to leave, all of one making."""

    person: Visit
    medium: Medium
    position: int
    tree_size: int | None

    def record(self, leaving: Sequence[tuple[UUID, int, bytes]]) -> None:
        """One append for all of them."""
        writes = [Write(uuid4(), 0, (self._reading(*one),)) for one in leaving]
        if writes:
            self.person.ledger.append(*writes, circumstances=self.person.by())

    def _reading(self, report_id: UUID, version: int, content: bytes) -> ReportRead:
        rendering = rendering_of(
            self.person.ledger,
            report_id,
            content,
            position=self.position,
            release=release_of_form(self.person.ledger, self.medium),
            locale=self.person.locale,
            time_zone=self.person.settings.time_zone,
            tree_size=self.tree_size,
        )
        return ReportRead(
            patient_id=self.person.patient_id,
            report_id=report_id,
            report_version=version,
            purpose=purpose_of(self.person),
            medium=self.medium,
            rendering=rendering,
        )


def file_headers(file_name: str) -> dict[str, str]:
    """A file for one's own computer, kept by no cache on the way; its name says nothing of anybody."""
    return {
        "Content-Disposition": f'attachment; filename="{file_name}"',
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
    }


# Several at once.


async def picked(request: Request, _: Actor) -> list[UUID]:
    """The ticked results of the list; who acts is known by now, and the form read."""
    form = await request.form()
    try:
        return list(dict.fromkeys(UUID(str(one)) for one in form.getlist("report")))
    except ValueError:
        raise ProblemError("not-found") from None


@router.post("/reports/archive")
def archive(person: Actor, report_ids: Annotated[list[UUID], Depends(picked)]) -> Response:
    if not report_ids:
        raise ProblemError("archive-empty")
    if len(report_ids) > REPORTS_MAX:
        raise ProblemError("archive-too-large")
    seen = {row.report_id for row in seen_reports(person, only=report_ids, limit=len(report_ids))}
    if seen != set(report_ids):
        raise ProblemError("not-found")
    limits.take(person.ledger, "archive", str(person.signed_in().patient_id))
    asked = asked_of(person, report_ids)
    made = archive_of(asked, record=recording(person, asked), beside=proof_beside(person))
    return streamed(made, "rezultaty.zip", len(report_ids))


def asked_of(
    person: Visit, report_ids: Sequence[UUID], *, all_versions: bool = False, kept: int = 0
) -> Asked:
    return asked_now(
        person.ledger,
        person.patient_id,
        report_ids,
        locale=person.locale,
        time_zone=person.settings.time_zone,
        # To a guardian nothing of a version that is filed where they may not look.
        sight=person.acting.sight if person.acting else None,
        all_versions=all_versions,
        kept=kept,
    )


def recording(person: Visit, asked: Asked) -> Callable[[Sequence[Part]], None]:
    """Each batch of an archive is recorded before it leaves."""
    readings = _Readings(person, Medium.ARCHIVE, asked.position, asked.tree_size)
    return lambda parts: readings.record([(one.report_id, one.version, one.content) for one in parts])


def streamed(chunks: Iterator[bytes], file_name: str, count: int) -> Response:
    """Made while it is sent; the page's script counts results by what the header says."""
    headers = file_headers(file_name) | {"X-Results": str(count)}
    return StreamingResponse(_in_turn(chunks), media_type="application/zip", headers=headers)


async def _in_turn(chunks: Iterator[bytes]) -> AsyncIterator[bytes]:
    """Each chunk when a thread of archives has time for it: however many are asked for, pages have their threads."""
    loop = asyncio.get_running_loop()
    while (chunk := await loop.run_in_executor(_HANDS, next, chunks, None)) is not None:
        yield chunk


# What stands beside a result.


def take_away(person: Visit, sheet: ResultSheet) -> dict[str, Any]:
    """For report_take_away.html: the patient's usual form first, and the laboratory's own files."""
    chosen = DocumentFormat.PDF
    if person.acting is None:
        chosen = load_receiving(person.ledger, person.patient_id).settings.document_format
    attachments = sheet.content.attachments
    return {
        "take_away": {
            "chosen": chosen.value,
            "version": None if sheet.is_current else sheet.version,
            "is_document": not sheet.content.observations,
            "is_sent_alone": is_sent_alone(person.ledger, sheet),
            "originals": [
                {"number": number, "title": one.title}
                for number, one in enumerate(attachments, 1)
                if one.source is not None and sheet.is_current
            ],
        }
    }
