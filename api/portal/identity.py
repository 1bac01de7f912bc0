"""Confirming who somebody is: what is missing, the scans, sending it to be checked, and what came of it
(S18, S20, S29, S89-S91, S116, S118-S124)."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import Response

from api import limits
from api.person_registry import LocalRegistry
from api.portal.uploads import Uploaded
from api.portal.web import Actor, Person, Visit, go, told
from api.problems import ProblemError, explain
from api.scan_response import scan_response
from api.scans import checked_scan
from domain.identity import (
    IdentityCheckRequested,
    IdentityConfirmed,
    IdentityExpired,
    IdentityRefused,
    IdentityShortfallError,
    ProfileRestored,
    ProfileSuspended,
    ScanAdded,
    ScanKind,
    ScanUnknownError,
    Shortfall,
    TooManyScansError,
    shortfalls,
)
from domain.reading import ReadingPurpose
from ledger import identity, scans
from ledger.codec import RecordedEvent
from ledger.identity import Known, TooManyChecksError

router = APIRouter(include_in_schema=False)
PAGE = "/services/identity"
# Where each thing that is missing is mended; a field of the profile if it is not here.
_PLACES = {
    "phone": "/account/phone",
    "policy": "/services/policy",
    "document": "/services/profile#document_kind",
    ScanKind.IDENTITY_DOCUMENT: "#scan",
    ScanKind.SNILS: "#scan",
}
_HISTORY = {
    IdentityCheckRequested: "requested",
    IdentityConfirmed: "confirmed",
    IdentityRefused: "refused",
    IdentityExpired: "expired",
    ProfileSuspended: "suspended",
    ProfileRestored: "restored",
}


@router.get(PAGE)
def identity_page(person: Person) -> Response:
    return _page(person)


@router.post(PAGE)
def send_to_check(person: Actor) -> Response:
    """Sent again after a correction it is checked again (S91)."""
    registry, now = LocalRegistry(person.ledger), datetime.now(UTC)
    try:
        found = identity.request_check(
            person.ledger,
            person.patient_id,
            person.by(),
            compare=lambda patient: registry.first_difference(patient, now.date()),
            regions=person.settings.regions,
            now=now,
        )
    except IdentityShortfallError as error:
        first = error.shortfalls[0]
        return _page(person, error=ProblemError(f"identity-{first.cause}"))
    except TooManyChecksError:
        return _page(person, error=ProblemError("identity-too-many-checks"))
    if found.refused is not None:
        return go(PAGE, notice="identity-refused")
    return go(PAGE, notice="identity-sent")


@router.post(f"{PAGE}/scans")
def upload_scan(upload: Uploaded) -> Response:
    person = upload.person
    try:
        _count(person)
        kind = _kind(upload.form.get("kind", ""))
        media_type = checked_scan(upload.content, person.settings)
        scans.add(
            person.ledger,
            person.patient_id,
            upload.content,
            person.by(),
            kind=kind,
            media_type=media_type,
        )
    except ProblemError as error:
        return _page(person, error=error, kind=upload.form.get("kind", ""))
    except TooManyScansError:
        return _page(person, error=ProblemError("scan-too-many", "scan"))
    return go(PAGE, notice="scan-added")


@router.get(f"{PAGE}/scans/{{scan_id}}")
def show_scan(person: Person, scan_id: UUID) -> Response:
    """The patient's own scan. A passport is worth stealing: only who was proved a moment ago sees it."""
    patient_id = person.patient_id
    person.require_step_up()
    try:
        scan, content = scans.show(
            person.ledger, patient_id, scan_id, person.by(), purpose=ReadingPurpose.OWN_CABINET
        )
    except ScanUnknownError:
        raise ProblemError("not-found") from None
    return scan_response(scan, content)


@router.post(f"{PAGE}/scans/{{scan_id}}/remove")
def remove_scan(person: Actor, scan_id: UUID) -> Response:
    try:
        scans.remove(person.ledger, person.patient_id, scan_id, person.by())
    except ScanUnknownError:
        raise ProblemError("not-found") from None
    return go(PAGE, notice="scan-removed")


def _count(person: Visit) -> None:
    try:
        limits.take(person.ledger, "scan", str(person.patient_id))
    except ProblemError as error:
        raise ProblemError(error.code, "scan", retry_after=error.retry_after) from None


def _kind(text: str) -> ScanKind:
    try:
        return ScanKind(text)
    except ValueError:
        raise ProblemError("scan-kind-missing", "kind") from None


# Words


def state_of(known: Known, missing: tuple[Shortfall, ...]) -> str:
    """The one word for where it stands."""
    found = known.so_far
    if found.suspended is not None:
        return "suspended"
    if found.is_confirmed_for(known.patient):
        return "confirmed"
    if found.is_waiting_for(known.patient):
        return "waiting"
    return "missing" if missing else "ready"


def _page(person: Visit, *, error: ProblemError | None = None, kind: str = "") -> Response:
    patient_id = person.patient_id
    known = identity.look(person.ledger, patient_id)
    missing = shortfalls(
        known.so_far, known.patient, today=datetime.now(UTC).date(), regions=person.settings.regions
    )
    refused = known.so_far.refused
    happened = identity.history(person.ledger, patient_id)
    added = {
        recorded.event.scan_id: recorded.recorded_at
        for recorded in happened
        if isinstance(recorded.event, ScanAdded)
    }
    return person.page(
        "identity.html",
        path=PAGE,
        status=200 if error is None else explain(error.code).status,
        state=state_of(known, missing),
        suspended=known.so_far.suspended,
        refused=_said(person, refused.reason, refused.field) if refused else None,
        missing=[_said(person, one.cause, one.field) for one in missing],
        scans=[
            {
                "id": str(scan.scan_id),
                "kind": scan.kind,
                "media_type": scan.media_type,
                "size_bytes": scan.document.size_bytes,
                "added_at": added[scan.scan_id],
            }
            for scan in known.so_far.scans
        ],
        kinds=tuple(ScanKind),
        kind=kind,
        history=[_line(person, recorded) for recorded in happened if type(recorded.event) in _HISTORY],
        errors={} if error is None else told(error, person.locale),
    )


def _said(person: Visit, cause: str, field: str | None) -> dict[str, Any]:
    """A cause in words: its code, the field, and where it is mended."""
    (words,) = told(ProblemError(f"identity-{cause}"), person.locale).values()
    href = None
    if field is not None:
        href = _PLACES.get(field, f"/services/profile#{field}")
    return words | {"field": field, "href": href}


def _line(person: Visit, recorded: RecordedEvent) -> dict[str, Any]:
    event = recorded.event
    line: dict[str, Any] = {"at": recorded.recorded_at, "what": _HISTORY[type(event)], "why": None}
    if isinstance(event, IdentityRefused):
        line["why"] = _said(person, event.reason, event.field)
    return line
