"""The address behind a SMART Health Link: the manifest, and files that it names to be fetched once.

Anybody may ask, from any site (CORS): what protects a link is that nobody can guess its address, its passcode with few
tries, and its key, which is never sent here. What is over, taken back or never was is answered alike.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final
from uuid import UUID

import orjson
from fastapi import APIRouter, BackgroundTasks, Depends, Request
from fastapi.responses import JSONResponse, Response

from api import limits, share_access
from api.health_link_codes import FILE_TYPE, PATH, encrypted
from api.limits import Limit
from api.node import Node
from api.portal.whence import whence_of
from api.problems import ProblemError
from api.release import RELEASE
from api.result_sheet import DocumentUnavailableError, ResultSheet, sheet_of
from api.share_access import Answer
from api.share_file import shared_json
from api.share_telling import tell_opened
from domain.reading import Medium, ReadingPurpose, ReportRead
from domain.report_content import ReportStatus
from domain.sharing import (
    OpenedVersion,
    Share,
    ShareNotActiveError,
    ShareRecipientStated,
)
from ledger import sharing
from ledger.codec import Circumstances
from ledger.keys import KeyErasedError
from ledger.rendering import rendering_of
from ledger.store import Ledger
from projections.cabinet_kept import is_kept

router = APIRouter(include_in_schema=False, prefix=PATH)
BODY_BYTES_MAX: Final = 10_000
RECIPIENT_MAX: Final = 200
# A client that polls a link for changes is asked to wait so long (`L`).
POLLING: Final = timedelta(hours=1)
_OF_ONE_LINK: Final = Limit(60, timedelta(hours=1))
_CORS: Final = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "Retry-After",
    "Cache-Control": "no-store",
}
_PREFLIGHT: Final = _CORS | {
    "Access-Control-Allow-Methods": "GET, POST, OPTIONS",
    "Access-Control-Allow-Headers": "content-type",
    "Access-Control-Max-Age": "86400",
}


@dataclass(frozen=True, slots=True)
class Asked:
    """A manifest request as the specification has it; what else stands in it is left alone."""

    recipient: str
    passcode: str | None
    embedded_length_max: int | None


class UnfitRequestError(Exception):
    """The request is none of the specification's."""


async def _body(request: Request) -> bytes:
    """Read only as far as a request may be long: whoever sends it need not be anybody."""
    found = b""
    async for chunk in request.stream():
        found += chunk
        if len(found) > BODY_BYTES_MAX:
            break
    return found


Body = Annotated[bytes, Depends(_body)]


@router.options("/{token}")
@router.options("/{token}/files/{file_token}")
def preflight(token: str, file_token: str = "") -> Response:  # noqa: ARG001 - the same for each
    return Response(status_code=204, headers=_PREFLIGHT)


@router.post("/{token}")
def manifest(request: Request, body: Body, tasks: BackgroundTasks, token: str) -> Response:
    """What the link gives now. Each answer with files is an opening, recorded before it leaves."""
    node: Node = request.app.state.node
    now = datetime.now(UTC)
    try:
        asked = _asked(body)
        limits.take_from_address(request, node.ledger, node.settings, "health-link")
        share_id = sharing.find_link(node.ledger, token)
        if share_id is None:
            return _gone()
        share = sharing.load_share(node.ledger, share_id)
        if not share.is_active(now):
            return _gone()
        limits.take(node.ledger, "health-link", str(share_id), _OF_ONE_LINK)
        refused = _refusal(node.ledger, share_id, share, asked)
        if refused is not None:
            return refused
        given, files = _open(request, node, share_id, asked, now)
    except UnfitRequestError:
        return _answer({"error": "request-malformed"}, 400)
    except ProblemError as error:
        return _answer({"error": error.code}, 429, retry_after=error.retry_after)
    except ShareNotActiveError:
        return _gone()
    if given.is_told:
        tasks.add_task(tell_opened, request.app.state.door, share_id)
    named_files = [_listed(one) | _place(node, share_id, token, one, asked) for one in files]
    retry_after = int(POLLING.total_seconds()) if share.openings_max is None else None
    return _answer({"files": named_files}, 200, retry_after=retry_after)


@router.get("/{token}/files/{file_token}")
def file(request: Request, token: str, file_token: str) -> Response:
    """A file that a manifest named, once, as it stands now: a correction that came since then reaches who fetches it.
    That it was read is recorded before it leaves."""
    node: Node = request.app.state.node
    now = datetime.now(UTC)
    share_id = sharing.find_link(node.ledger, token)
    report_id = share_access.take_file(node.ledger, share_id, file_token, now=now) if share_id else None
    if share_id is None or report_id is None:
        return _gone()
    made: list[MadeFile] = []

    def reading(share: Share, position: int) -> ReportRead:
        made[:] = [file_of(node.ledger, share, report_id, position)]
        return _reading(node, share, made[0])

    try:
        sharing.fetch_file(
            node.ledger,
            share_id,
            report_id,
            _by(share_id),
            now=now,
            reading=reading,
            may_be_given=_may_be_given(node),
        )
    except (ShareNotActiveError, DocumentUnavailableError, KeyErasedError):
        return _gone()
    return Response(made[0].jwe, media_type="application/jose", headers=_CORS)


# The request


def _asked(body: bytes) -> Asked:
    try:
        raw = orjson.loads(body) if len(body) <= BODY_BYTES_MAX else None
    except orjson.JSONDecodeError:
        raise UnfitRequestError from None
    if not isinstance(raw, dict):
        raise UnfitRequestError
    recipient, passcode = raw.get("recipient"), raw.get("passcode")
    length = raw.get("embeddedLengthMax")
    if not isinstance(recipient, str) or len(recipient) > RECIPIENT_MAX:
        raise UnfitRequestError
    # What nobody can see is no name either.
    recipient = "".join(filter(str.isprintable, recipient)).strip()
    if not recipient:
        raise UnfitRequestError
    if not isinstance(passcode, str | None) or not isinstance(length, int | None) or isinstance(length, bool):
        raise UnfitRequestError
    return Asked(recipient, passcode, length)


def _refusal(ledger: Ledger, share_id: UUID, share: Share, asked: Asked) -> Response | None:
    """The answer to a wrong passcode; None if it is right, or none is needed."""
    if not share.needs_passcode:
        return None
    judged = share_access.judge(ledger, share_id, asked.passcode)
    if judged.answer is Answer.RIGHT:
        return None
    if judged.answer is Answer.BUSY:
        return _answer({"error": "tries-too-many"}, 429, retry_after=1)
    if asked.passcode:
        sharing.refuse_passcode(ledger, share_id, tries_left=judged.tries_left, by=_by(share_id))
    return _answer({"remainingAttempts": judged.tries_left}, 401)


# What is given


@dataclass(frozen=True, slots=True)
class MadeFile:
    """A report of the link as the file that its reader gets: plain, for the record of its reading, and encrypted."""

    report_id: UUID
    position: int
    sheet: ResultSheet
    content: bytes
    jwe: str

    def fits(self, asked: Asked) -> bool:
        """Whether it is put into the answer itself."""
        return asked.embedded_length_max is None or len(self.jwe) <= asked.embedded_length_max


def _open(
    request: Request, node: Node, share_id: UUID, asked: Asked, now: datetime
) -> tuple[sharing.Opened, list[MadeFile]]:
    network = whence_of(request, node.settings).network or None
    made: list[MadeFile] = []

    def readings(share: Share, position: int, versions: Sequence[OpenedVersion]) -> Iterable[ReportRead]:
        """Of what leaves with this answer; a file that is only named is read when it is fetched."""
        made[:] = [file_of(node.ledger, share, one.report_id, position) for one in versions]
        return [_reading(node, share, one) for one in made if one.fits(asked)]

    try:
        opened = sharing.open_share(
            node.ledger,
            share_id,
            _by(share_id),
            now=now,
            may_be_given=_may_be_given(node),
            readings=readings,
            recipient=ShareRecipientStated(recipient=asked.recipient, network=network),
        )
    except (DocumentUnavailableError, KeyErasedError):
        # It went while it was looked at: what is left is found by asking again.
        raise ShareNotActiveError from None
    return opened, made


def _may_be_given(node: Node) -> Callable[[Share, UUID], bool]:
    """Whoever holds a link is no doctor to whom the patient talks: what waits for a talk is not given."""
    return lambda share, report_id: not is_kept(node.ledger, share.patient_id, report_id)


def file_of(ledger: Ledger, share: Share, report_id: UUID, position: int) -> MadeFile:
    """The version that stands."""
    sheet = sheet_of(ledger, report_id, share.patient_id, as_of=position)
    raw = shared_json(sheet)
    assert share.description is not None and share.description.key is not None
    return MadeFile(report_id, position, sheet, raw, encrypted(raw, share.description.key))


def _reading(node: Node, share: Share, one: MadeFile) -> ReportRead:
    rendering = rendering_of(
        node.ledger,
        one.report_id,
        one.content,
        position=one.position,
        release=RELEASE,
        locale="ru",
        time_zone=node.settings.time_zone,
    )
    return ReportRead(
        patient_id=share.patient_id,
        report_id=one.report_id,
        report_version=one.sheet.version,
        purpose=ReadingPurpose.SHARED_LINK,
        medium=Medium.FHIR_JSON,
        rendering=rendering,
    )


def _listed(one: MadeFile) -> dict[str, Any]:
    return {
        "contentType": FILE_TYPE,
        "fhirVersion": "4.0.1",
        "lastUpdated": one.sheet.shown.received_at.astimezone(UTC).isoformat(timespec="seconds"),
        "status": "entered-in-error" if one.sheet.status is ReportStatus.ENTERED_IN_ERROR else "can-change",
        # Ours; who does not know it leaves it alone (Extensions).
        "_version": one.sheet.version,
    }


def _place(node: Node, share_id: UUID, token: str, one: MadeFile, asked: Asked) -> dict[str, str]:
    """The file itself, or where it is fetched: once, within the hour."""
    if one.fits(asked):
        return {"embedded": one.jwe}
    secret = share_access.name_file(node.ledger, share_id, one.report_id, now=datetime.now(UTC))
    return {"location": f"{node.settings.public_url}{PATH}/{token}/files/{secret}"}


def _by(share_id: UUID) -> Circumstances:
    """Whoever holds the link: nobody who is known here."""
    return Circumstances(actor=f"share:{share_id}", correlation_id=share_id)


def _gone() -> Response:
    return _answer({"error": "not-found"}, 404)


def _answer(content: dict[str, Any], status: int, *, retry_after: int | None = None) -> Response:
    headers = _CORS | ({"Retry-After": str(retry_after)} if retry_after else {})
    return JSONResponse(content, status, headers=headers)
