"""FHIR Bulk Data Access (`$export`) for compliance clients: ask, wait, take the files, say that they are not needed any more.

A client is a member of staff with the role compliance that is a program: `letopis export client` gives its bearer token. System
and patient level; patients are pseudonyms (api/exports/results.py).
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse

from api import limits, opaque_token
from api.exports import bulk, results
from api.exports.bulk import BulkExport, BulkFile
from api.node import Node
from api.problems import ProblemError
from domain.staff import Role, StaffMemberAdmitted, StaffMemberReset
from domain.values import PatientId, StaffMemberId
from ledger.codec import Circumstances
from ledger.staff import by_member, load_member, member_id_of
from ledger.store import Ledger
from projections.transparency import NotIntegratedError

router = APIRouter(prefix="/v1/fhir", tags=["bulk data"])
TOKEN_DAYS = 365
_USE = b"bulk-client"
_OUTPUT_FORMATS = ("", "application/fhir+ndjson", "application/ndjson", "ndjson")


# Who asks.


def token_of(ledger: Ledger, handle: str, *, now: datetime) -> str:
    """A year's bearer token of a member. It is nowhere kept: it opens for us alone."""
    until = int((now + timedelta(days=TOKEN_DAYS)).timestamp())
    return opaque_token.seal(ledger.custody.message_key, _USE, f"{until}|{handle}".encode())


def client(request: Request) -> Circumstances:
    """The member whose token it is, if they still have the role, and had it without a break: a token of who was dismissed,
    or must set up their factors anew, opens nothing when they are back."""
    ledger = _node(request).ledger
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    opened = opaque_token.unseal(ledger.custody.message_key, _USE, token.strip())
    if scheme.lower() != "bearer" or opened is None:
        raise ProblemError("export-client-unknown")
    until, _, handle = opened.decode().partition("|")
    member_id, ends = member_id_of(ledger, handle), datetime.fromtimestamp(int(until), UTC)
    member = load_member(ledger, member_id)
    if ends < datetime.now(UTC) or member is None or not member.may(Role.COMPLIANCE):
        raise ProblemError("export-client-unknown")
    if ends - timedelta(days=TOKEN_DAYS) < _here_since(ledger, member_id):
        raise ProblemError("export-client-unknown")
    return by_member(handle)


def _here_since(ledger: Ledger, member_id: StaffMemberId) -> datetime:
    """When what the member had was given to them last, in whole seconds as tokens have it."""
    given = max(
        one.recorded_at
        for one in ledger.read(member_id)
        if isinstance(one.event, StaffMemberAdmitted | StaffMemberReset)
    )
    return given.replace(microsecond=0)


Client = Annotated[Circumstances, Depends(client)]


def _node(request: Request) -> Node:
    found: Node = request.app.state.node
    return found


# Asking.


@router.get("/$export", status_code=202)
@router.post("/$export", status_code=202)
def export_system(request: Request, by: Client) -> Response:
    return _begin(request, by, None)


@router.get("/Patient/$export", status_code=202)
@router.post("/Patient/$export", status_code=202)
def export_patients(request: Request, by: Client) -> Response:
    """The same: everything here is of patients."""
    return _begin(request, by, None)


@router.get("/Patient/{patient_id}/$export", status_code=202)
@router.post("/Patient/{patient_id}/$export", status_code=202)
def export_patient(request: Request, by: Client, patient_id: UUID) -> Response:
    return _begin(request, by, PatientId(patient_id))


def _begin(request: Request, by: Circumstances, patient_id: PatientId | None) -> Response:
    asked = request.query_params
    prefer = {one.strip() for one in request.headers.get("Prefer", "").split(",")}
    types = tuple(one for one in asked.get("_type", "").split(",") if one)
    is_fit = "respond-async" in prefer and set(types) <= set(results.TYPES)
    if not is_fit or asked.get("_outputFormat", "") not in _OUTPUT_FORMATS:
        raise ProblemError("export-request-unfit")
    since = _since(asked["_since"]) if "_since" in asked else None
    opened = _node(request)
    limits.take(opened.ledger, "export", by.actor)
    try:
        export = bulk.begin(
            opened.ledger, opened.settings.home, by, patient_id=patient_id, since=since, types=types
        )
    except NotIntegratedError:
        raise ProblemError("export-not-ready") from None
    address = f"{opened.settings.public_url}/v1/fhir/exports/{export.fixed.export_id}"
    return Response(status_code=202, headers={"Content-Location": address})


def _since(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text.replace(" ", "+"))
    except ValueError:
        raise ProblemError("export-request-unfit", "_since") from None
    if at.tzinfo is None:
        raise ProblemError("export-request-unfit", "_since")
    return at


# Waiting, taking, and the end.


@router.get("/exports/{export_id}")
def status(request: Request, by: Client, export_id: UUID) -> Response:
    opened, export = _export(request, by, export_id)
    if not export.is_prepared:
        # What a process that was killed began is gone on with by whoever asks for it.
        bulk.have_prepared(opened.ledger, export)
        return Response(status_code=202, headers={"X-Progress": f"{export.percent} %", "Retry-After": "1"})
    address = f"{opened.settings.public_url}/v1/fhir/exports/{export_id}"
    files = export.files
    manifest = {
        "transactionTime": export.fixed.taken,
        "request": f"{opened.settings.public_url}/v1/fhir/"
        + (f"Patient/{export.fixed.patient_id}/" if export.fixed.patient_id else "")
        + "$export",
        "requiresAccessToken": True,
        "output": [
            {
                "type": one.kind,
                "url": f"{address}/{one.name}",
                "count": one.count,
                "extension": {"size": one.size_bytes, "sha256": one.sha256},
            }
            for one in files
        ],
        "error": [],
        "extension": {"export": str(export_id), "leaf": export.fixed.leaf_hash},
    }
    return JSONResponse(manifest)


@router.get("/exports/{export_id}/{name}")
def file(request: Request, by: Client, export_id: UUID, name: str) -> Response:
    opened, export = _export(request, by, export_id)
    found = next((one for one in export.files if one.name == name), None)
    if found is None or not export.is_prepared:
        raise ProblemError("export-gone")
    return StreamingResponse(
        _sent(opened.ledger, export, found),
        media_type="application/fhir+ndjson",
        headers={"Cache-Control": "no-store"},
    )


def _sent(ledger: Ledger, export: BulkExport, found: BulkFile) -> Iterator[bytes]:
    yield from bulk.content_of(ledger, export, found)


@router.delete("/exports/{export_id}", status_code=202)
def remove(request: Request, by: Client, export_id: UUID) -> Response:
    _, export = _export(request, by, export_id)
    bulk.remove(export)
    return Response(status_code=202)


def _export(request: Request, by: Circumstances, export_id: UUID) -> tuple[Node, BulkExport]:
    opened = _node(request)
    export = bulk.export_of(opened.settings.home, export_id, by.actor)
    if export is None:
        raise ProblemError("export-gone")
    return opened, export
