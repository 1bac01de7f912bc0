"""Pages where an operator decides who represents whom, and hands cabinets over to wards who have grown up.

The queue holds pseudonyms. What a guardian wrote of a ward is shown only after it is recorded who saw it; the
ward's own cabinet is not shown at all: whether it agrees, the decision says.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any, TypeVar
from uuid import UUID

from fastapi import APIRouter, Depends
from fastapi.responses import Response

from api.portal.guardians import chosen_sections
from api.portal.web import Form, go
from api.problems import ProblemError
from api.staff.web import StaffVisit, acts, reads
from domain.guardianship import (
    GuardianNotKnownError,
    GuardianshipEnd,
    GuardianshipNotConfirmedError,
    GuardianshipNotWaitingError,
    GuardianshipRefusal,
    OwnWardError,
    WardDetailsDifferError,
    WardOfAgeError,
)
from domain.identity import ScanKind
from domain.reading import IdentityRead, ReadingPurpose
from domain.staff import Role
from domain.study_type import StudyType
from domain.values import PatientId
from ledger import commands, guardianship, identity
from ledger.recorder import MarkTakenError
from projections import guardianship as guardianships
from projections.guardianship import GUARDIANSHIP

router = APIRouter(include_in_schema=False, prefix="/staff/guardianships")
Operator = Annotated[StaffVisit, Depends(reads(Role.OPERATOR))]
OperatorActs = Annotated[StaffVisit, Depends(acts(Role.OPERATOR))]
LIST = "/staff/guardianships"
Chosen = TypeVar("Chosen", GuardianshipRefusal, GuardianshipEnd)
# Why an operator ends one: the rest is the calendar's or the people's own.
ENDS = (GuardianshipEnd.REVOKED_BY_COURT, GuardianshipEnd.REVOKED_BY_OPERATOR)
_REFUSALS: Mapping[type[Exception], str] = {
    GuardianshipNotWaitingError: "guardianship-not-waiting",
    GuardianshipNotConfirmedError: "guardianship-not-confirmed",
    GuardianNotKnownError: "guardian-not-known",
    WardDetailsDifferError: "ward-details-differ",
    WardOfAgeError: "ward-of-age",
    OwnWardError: "ward-own",
    MarkTakenError: "policy-taken",
}


@router.get("")
def list_page(visit: Operator) -> Response:
    return visit.page(
        "guardianships.html",
        waiting=[_row(row) for row in guardianships.relations(visit.ledger, "requested")],
        confirmed=[_row(row) for row in guardianships.relations(visit.ledger, "confirmed")],
        claims=[
            {"id": str(row.claim_id), "at": row.changed_at}
            for row in guardianships.waiting_claims(visit.ledger)
        ],
    )


def _row(row: guardianships.RelationRow) -> dict[str, Any]:
    return {"id": str(row.guardianship_id), "guardian": str(row.guardian_id), "at": row.changed_at}


@router.get("/{guardianship_id}")
def guardianship_page(visit: Operator, guardianship_id: UUID) -> Response:
    return _page(visit, guardianship_id)


@router.post("/{guardianship_id}/persons")
def show_persons(visit: OperatorActs, guardianship_id: UUID) -> Response:
    """Who the guardian is, and what they wrote of the ward; that this member saw it is recorded before."""
    row = _found(visit, guardianship_id)
    reading = IdentityRead(patient_id=row.guardian_id, purpose=ReadingPurpose.OPERATION)
    commands.record_reading(visit.ledger, reading, visit.by())
    asked = guardianship.look(visit.ledger, guardianship_id)
    guardian = commands.load_patient(visit.ledger, row.guardian_id).profile
    persons = {
        "guardian": guardian,
        "ward": asked.state.ward,
        "scans": _scans(visit, row.guardian_id),
        "version": asked.version,
    }
    return _page(visit, guardianship_id, persons=persons)


def _scans(visit: StaffVisit, guardian_id: PatientId) -> list[str]:
    """Where the scans of documents of kinship or appointment are; each look at one is recorded."""
    found = identity.look(visit.ledger, guardian_id).so_far.scans
    return [
        f"/staff/identity/{guardian_id}/scans/{scan.scan_id}"
        for scan in found
        if scan.kind is ScanKind.GUARDIANSHIP
    ]


@router.post("/{guardianship_id}/confirm")
def confirm(visit: OperatorActs, guardianship_id: UUID, form: Form) -> Response:
    """Only the request that was shown, as it was shown."""
    _found(visit, guardianship_id)
    seen = form.get("version", "")
    if not (seen.isascii() and seen.isdecimal() and len(seen) < 10):
        raise ProblemError("request-malformed", "version")
    with _refusals():
        guardianship.confirm(visit.ledger, guardianship_id, visit.by(), seen=int(seen))
    visit.follow(GUARDIANSHIP)
    return go(LIST, notice="guardianship-confirmed")


@router.post("/{guardianship_id}/refuse")
def refuse(visit: OperatorActs, guardianship_id: UUID, form: Form) -> Response:
    _found(visit, guardianship_id)
    reason = _chosen(GuardianshipRefusal, form)
    with _refusals():
        guardianship.refuse(visit.ledger, guardianship_id, reason, visit.by())
    visit.follow(GUARDIANSHIP)
    return go(LIST, notice="guardianship-refused")


@router.post("/{guardianship_id}/end")
def end(visit: OperatorActs, guardianship_id: UUID, form: Form) -> Response:
    _found(visit, guardianship_id)
    reason = _chosen(GuardianshipEnd, form)
    if reason not in ENDS:
        raise ProblemError("choice-missing", "reason")
    with _refusals():
        guardianship.end(visit.ledger, guardianship_id, reason, visit.by())
    visit.follow(GUARDIANSHIP)
    return go(LIST, notice="guardianship-ended")


@router.post("/{guardianship_id}/sections")
def close(visit: OperatorActs, guardianship_id: UUID, form: Form) -> Response:
    """The guardian never sees exactly the sections that are ticked."""
    _found(visit, guardianship_id)
    with _refusals():
        guardianship.close(visit.ledger, guardianship_id, chosen_sections(form), visit.by())
    return go(f"{LIST}/{guardianship_id}", notice="sections-closed")


def _found(visit: StaffVisit, guardianship_id: UUID) -> guardianships.RelationRow:
    row = guardianships.relation(visit.ledger, guardianship_id)
    if row is None:
        raise ProblemError("not-found")
    return row


def _chosen(kind: type[Chosen], form: Mapping[str, str]) -> Chosen:
    try:
        return kind(form.get("reason", ""))
    except ValueError:
        raise ProblemError("choice-missing", "reason") from None


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except tuple(_REFUSALS) as error:
        raise ProblemError(
            next(code for kind, code in _REFUSALS.items() if isinstance(error, kind))
        ) from None


def _page(visit: StaffVisit, guardianship_id: UUID, *, persons: dict[str, Any] | None = None) -> Response:
    row = _found(visit, guardianship_id)
    state = guardianship.look(visit.ledger, guardianship_id).state
    return visit.page(
        "guardianship.html",
        path=f"{LIST}/{guardianship_id}",
        relation={
            "href": f"{LIST}/{guardianship_id}",
            "guardian_id": str(row.guardian_id),
            "ward_id": str(state.ward_id) if state.ward_id else None,
            "kind": state.kind,
            "status": state.status,
            "end": state.end,
            "refusal": state.refusal,
            "sections": [{"name": one, "is_closed": one in state.closed} for one in StudyType],
        },
        persons=persons,
        refusals=list(GuardianshipRefusal),
        ends=list(ENDS),
    )
