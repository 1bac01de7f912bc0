"""Pages where an operator hands a cabinet, that a guardian kept, over to the ward who has grown up."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends
from fastapi.responses import Response

from api.portal.web import Form, go
from api.problems import ProblemError
from api.staff.web import StaffVisit, acts, reads
from domain.legal_age import is_of_age
from domain.reading import IdentityRead, ReadingPurpose
from domain.staff import Role
from domain.takeover import (
    ClaimantHasProfileError,
    ClaimDetailsDifferError,
    ClaimNotWaitingError,
    ClaimRefusal,
)
from domain.values import PatientId
from ledger import commands, guardianship, takeover
from ledger.store import Ledger
from projections import guardianship as guardianships
from projections.guardianship import GUARDIANSHIP, ClaimRow

router = APIRouter(include_in_schema=False, prefix="/staff/takeovers")
Operator = Annotated[StaffVisit, Depends(reads(Role.OPERATOR))]
OperatorActs = Annotated[StaffVisit, Depends(acts(Role.OPERATOR))]
LIST = "/staff/guardianships"


@router.get("/{claim_id}")
def claim_page(visit: Operator, claim_id: UUID) -> Response:
    return _page(visit, _found(visit, claim_id))


@router.post("/{claim_id}/persons")
def show_claimant(visit: OperatorActs, claim_id: UUID) -> Response:
    """What the claimant wrote; that this member saw it is recorded before."""
    row = _found(visit, claim_id)
    reading = IdentityRead(patient_id=row.claimant_id, purpose=ReadingPurpose.OPERATION)
    commands.record_reading(visit.ledger, reading, visit.by())
    state, version = takeover.look(visit.ledger, claim_id)
    return _page(visit, row, claimant=state.claimant if state else None, version=version)


@router.post("/{claim_id}/hand-over")
def hand_over(visit: OperatorActs, claim_id: UUID, form: Form) -> Response:
    """By the claim that was shown: one that was corrected since is looked at again."""
    _found(visit, claim_id)
    seen = form.get("version", "")
    if not (seen.isascii() and seen.isdecimal() and len(seen) < 10):
        raise ProblemError("request-malformed", "version")
    try:
        claimant_id, ward_id = takeover.hand_over(visit.ledger, claim_id, visit.by(), seen=int(seen))
    except ClaimNotWaitingError:
        raise ProblemError("claim-not-waiting") from None
    except ClaimDetailsDifferError:
        raise ProblemError("claim-details-differ") from None
    except ClaimantHasProfileError:
        raise ProblemError("claimant-has-profile") from None
    move_way_in(visit.ledger, claimant_id, ward_id)
    visit.follow(GUARDIANSHIP)
    _end_of_those_of_age(visit, ward_id)
    return go(LIST, notice="cabinet-handed-over")


@router.post("/{claim_id}/refuse")
def refuse(visit: OperatorActs, claim_id: UUID, form: Form) -> Response:
    _found(visit, claim_id)
    try:
        takeover.refuse(visit.ledger, claim_id, ClaimRefusal(form.get("reason", "")), visit.by())
    except ValueError:
        raise ProblemError("choice-missing", "reason") from None
    except ClaimNotWaitingError:
        raise ProblemError("claim-not-waiting") from None
    visit.follow(GUARDIANSHIP)
    return go(LIST, notice="claim-refused")


def move_way_in(ledger: Ledger, claimant_id: PatientId, ward_id: PatientId) -> None:
    """The claimant's password opens the ward's cabinet; their sessions end, and further factors, which belong to
    the cabinet that is left, are set up anew. If it can't be done after the phone went over, a forgotten password
    is what the phone is for."""
    with ledger.pool.connection() as connection, connection.transaction():
        connection.execute("DELETE FROM access.credentials WHERE patient_id = %s", (ward_id,))
        connection.execute(
            "UPDATE access.credentials SET patient_id = %s WHERE patient_id = %s", (ward_id, claimant_id)
        )
        for table in ("sessions", "half_sign_ins", "passkeys", "totp", "recovery_codes"):
            connection.execute(f"DELETE FROM access.{table} WHERE patient_id = %s".encode(), (claimant_id,))


def _end_of_those_of_age(visit: StaffVisit, ward_id: PatientId) -> None:
    """Who is of age and has their own way in is represented by nobody; who is younger, permits."""
    profile = commands.load_patient(visit.ledger, ward_id).profile
    if profile is None or not is_of_age(profile.birth_date, guardianship.today()):
        return
    for row in guardianships.relations_of_ward(visit.ledger, ward_id):
        guardianship.end_by_own_account(visit.ledger, row.guardianship_id, visit.by())


def _found(visit: StaffVisit, claim_id: UUID) -> ClaimRow:
    row = guardianships.claim(visit.ledger, claim_id)
    if row is None:
        raise ProblemError("not-found")
    return row


def _page(visit: StaffVisit, row: ClaimRow, *, claimant: Any = None, version: int = 0) -> Response:
    return visit.page(
        "takeover.html",
        path=f"/staff/takeovers/{row.claim_id}",
        claim={
            "href": f"/staff/takeovers/{row.claim_id}",
            "claimant_id": str(row.claimant_id),
            "is_waiting": row.status == "claimed",
        },
        claimant=claimant,
        version=version,
        refusals=list(ClaimRefusal),
    )
