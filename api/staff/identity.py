"""Pages where an operator decides who somebody is: the queue, the profile beside the registry and the scans, yes or
no with a reason; and where a service is suspended and restored (S116, S118-S124).

The profile is shown only after it is recorded who saw it; the list and the page before it hold pseudonyms.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response

from api.citizenships import citizenships
from api.person_registry import FIELDS, Finding, LocalRegistry
from api.portal.identity import state_of
from api.portal.web import Form, go
from api.problems import ProblemError
from api.regions import REGIONS
from api.scan_response import scan_response
from api.staff.web import StaffVisit, acts, reads
from domain.identity import (
    Cause,
    IdentityNotWaitingError,
    IdentityShortfallError,
    ProfileNotSuspendedError,
    Proof,
    ScanUnknownError,
    SuspensionReason,
)
from domain.identity_document import valid_until
from domain.reading import ReadingPurpose
from domain.staff import Role
from domain.values import CheckDigitError, PatientId, snils
from ledger import identity as identities
from ledger import scans
from ledger.commands import PatientNotFoundError
from ledger.identity import Known
from projections import identity
from projections.identity import IDENTITY

router = APIRouter(include_in_schema=False, prefix="/staff/identity")
Operator = Annotated[StaffVisit, Depends(reads(Role.OPERATOR))]
OperatorActs = Annotated[StaffVisit, Depends(acts(Role.OPERATOR))]
LIST = "/staff/identity"
PAGE_ROWS = 50
_LAST_POSITION = 2**63 - 1
# What an operator may find; what is missing, the patient is told without one.
REASONS = (
    Cause.DATA_DIFFER,
    Cause.DOCUMENT_EXPIRED,
    Cause.DOCUMENT_INVALID,
    Cause.SCAN_UNREADABLE,
    Cause.PROOF_FAILED,
)
REASON_FIELDS = (*FIELDS, "snils", "citizenship", "region", "identity-document")


@router.get("")
def list_page(visit: Operator, after: Annotated[int, Query(ge=0, le=_LAST_POSITION)] = 0) -> Response:
    return _list(visit, after=after)


@router.post("/find")
def find(visit: OperatorActs, form: Form) -> Response:
    """The page of a patient by their СНИЛС or phone, whole and right: nobody can look around here."""
    found = _owner_of(visit, form.get("number", "").strip())
    if found is None:
        raise ProblemError("patient-not-found")
    return go(f"{LIST}/{found}")


@router.get("/{patient_id}")
def patient_page(visit: Operator, patient_id: UUID) -> Response:
    with _refusals():
        known = identities.look(visit.ledger, PatientId(patient_id))
    return _page(visit, known)


@router.post("/{patient_id}/profile")
def show_profile(visit: OperatorActs, patient_id: UUID) -> Response:
    """The profile beside the registry; that this member saw it is recorded before it is here."""
    with _refusals():
        known = identities.show(visit.ledger, PatientId(patient_id), visit.by())
    return _page(visit, known, is_shown=True)


@router.get("/{patient_id}/scans/{scan_id}")
def show_scan(visit: Operator, patient_id: UUID, scan_id: UUID) -> Response:
    with _refusals():
        scan, content = scans.show(
            visit.ledger, PatientId(patient_id), scan_id, visit.by(), purpose=ReadingPurpose.OPERATION
        )
    return scan_response(scan, content)


# Acts


@router.post("/{patient_id}/confirm")
def confirm(visit: OperatorActs, patient_id: UUID, form: Form) -> Response:
    with _refusals():
        identities.confirm(
            visit.ledger,
            PatientId(patient_id),
            visit.by(),
            proof=Proof.OPERATOR,
            profile_number=_profile_number(form),
        )
    return _done(visit, "identity-confirmed")


@router.post("/{patient_id}/refuse")
def refuse(visit: OperatorActs, patient_id: UUID, form: Form) -> Response:
    reason, field = form.get("reason", ""), form.get("field") or None
    # That data differ helps nobody who is not told which.
    if reason not in REASONS or (field is None and reason == Cause.DATA_DIFFER):
        raise ProblemError("identity-reason-missing", "reason")
    if field is not None and field not in REASON_FIELDS:
        raise ProblemError("identity-reason-missing", "field")
    with _refusals():
        identities.refuse(
            visit.ledger,
            PatientId(patient_id),
            visit.by(),
            reason=Cause(reason),
            field=field,
            profile_number=_profile_number(form),
        )
    return _done(visit, "identity-refused")


@router.post("/{patient_id}/suspend")
def suspend(visit: OperatorActs, patient_id: UUID, form: Form) -> Response:
    if form.get("reason") not in set(SuspensionReason):
        raise ProblemError("identity-reason-missing", "reason")
    with _refusals():
        identities.suspend(
            visit.ledger, PatientId(patient_id), visit.by(), reason=SuspensionReason(form["reason"])
        )
    return _done(visit, "service-suspended")


@router.post("/{patient_id}/restore")
def restore(visit: OperatorActs, patient_id: UUID) -> Response:
    with _refusals():
        identities.restore(visit.ledger, PatientId(patient_id), visit.by())
    return _done(visit, "service-restored")


def _done(visit: StaffVisit, notice: str) -> Response:
    visit.follow(IDENTITY)
    return go(LIST, notice=notice)


def _profile_number(form: dict[str, str]) -> int:
    """Of the profile that the operator looked at: what was changed since is not what they decide on."""
    text = form.get("profile_number", "")
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise ProblemError("request-malformed", "profile_number")
    return int(text)


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except (PatientNotFoundError, ScanUnknownError):
        raise ProblemError("not-found") from None
    except IdentityNotWaitingError:
        raise ProblemError("identity-not-waiting") from None
    except IdentityShortfallError as error:
        raise ProblemError(f"identity-{error.shortfalls[0].cause}") from None
    except ProfileNotSuspendedError:
        raise ProblemError("service-not-suspended") from None


def _owner_of(visit: StaffVisit, number: str) -> UUID | None:
    try:
        found = visit.ledger.find("snils", snils(number))
    except CheckDigitError:
        found = None
    return found or visit.ledger.find("phone", number)


# Words


def _list(visit: StaffVisit, *, after: int) -> Response:
    rows = identity.waiting(visit.ledger, after=after, limit=PAGE_ROWS + 1)
    shown, is_more = rows[:PAGE_ROWS], len(rows) > PAGE_ROWS
    return visit.page(
        "identities.html",
        total=identity.count_waiting(visit.ledger),
        waiting=[
            {"id": str(row.patient_id), "href": f"{LIST}/{row.patient_id}", "at": row.requested_at}
            for row in shown
        ],
        suspended=[
            {
                "id": str(row.patient_id),
                "href": f"{LIST}/{row.patient_id}",
                "reason": row.suspended,
                "at": row.changed_at,
            }
            for row in identity.suspended(visit.ledger)
        ],
        is_first=after == 0,
        first=LIST,
        further=f"{LIST}?after={shown[-1].position}" if is_more else None,
    )


def _page(visit: StaffVisit, known: Known, *, is_shown: bool = False) -> Response:
    href = f"{LIST}/{known.patient_id}"
    profile = known.patient.profile
    finding = None
    if is_shown and profile is not None:
        finding = LocalRegistry(visit.ledger).compare(profile, known.patient.policy)
    return visit.page(
        "identity_check.html",
        path=href,
        href=href,
        patient_id=str(known.patient_id),
        state=state_of(known, ()),
        is_waiting=known.so_far.is_waiting_for(known.patient),
        suspended=known.so_far.suspended,
        has_profile=profile is not None,
        lines=_lines(visit, known, finding) if finding else None,
        is_in_registry=finding is not None and finding.is_known,
        profile_number=known.patient.profile_number,
        scans=[
            {
                "href": f"{href}/scans/{scan.scan_id}",
                "kind": scan.kind,
                "is_picture": scan.media_type.startswith("image/"),
            }
            for scan in known.so_far.scans
        ],
        reasons=REASONS,
        fields=REASON_FIELDS,
        suspensions=tuple(SuspensionReason),
    )


def _lines(visit: StaffVisit, known: Known, finding: Finding) -> list[dict[str, Any]]:
    """The profile field by field, each with what the registry says of it."""
    profile = known.patient.profile
    assert profile is not None
    document, born = profile.document, datetime.fromisoformat(profile.birth_date).date()
    until = valid_until(document, born) if document else None
    said: dict[str, str | None] = {
        "family": profile.family,
        "given": profile.given,
        "patronymic": profile.patronymic,
        "birth_date": f"{born:%d.%m.%Y}",
        "sex": profile.sex,
        "citizenship": dict(citizenships(visit.locale)).get(profile.citizenship or ""),
        "document": f"{document.series or ''} {document.number}".strip() if document else None,
        "document-kind": document.kind if document else None,
        "document-issued": f"{document.issued_on:%d.%m.%Y}" if document else None,
        "document-ends": f"{until:%d.%m.%Y}" if until else None,
        "snils": profile.snils,
        "inn": profile.inn,
        "policy": known.patient.policy,
        "region": REGIONS.get(profile.region or ""),
    }
    return [
        {
            "field": field,
            "text": text,
            "agreement": finding.fields.get(field),
            "is_over": field == "document-ends" and until is not None and until < datetime.now(UTC).date(),
        }
        for field, text in said.items()
    ]
