"""Pages of corrections for staff: a doctor says that they know of those of results they were shown, an operator sees
what is open, by age. The operator sees pseudonyms and no result; the doctor is led to the result they were given."""

from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends
from fastapi.responses import Response

from api.portal.web import go
from api.problems import ProblemError
from api.staff.doctor import member_of
from api.staff.web import Member, StaffVisit, acts
from domain.correction import Acknowledgement, CorrectionNotOwedError
from domain.staff import Role
from ledger import corrections as commands
from projections import corrections_overview as corrections
from projections import sharing as shares
from projections.corrections import CORRECTIONS
from projections.corrections_overview import OwedRow

router = APIRouter(include_in_schema=False, prefix="/staff/corrections")
DoctorActs = Annotated[StaffVisit, Depends(acts(Role.DOCTOR))]
LIST = "/staff/corrections"


@router.get("")
def corrections_page(visit: Member) -> Response:
    member = visit.signed_in().member
    is_doctor, is_operator = member.may(Role.DOCTOR), member.may(Role.OPERATOR)
    if not is_doctor and not is_operator:
        raise ProblemError("not-found")
    return visit.page(
        "staff_corrections.html",
        is_doctor=is_doctor,
        is_operator=is_operator,
        own=_own(visit) if is_doctor else [],
        waiting=[_waiting(row) for row in corrections.open_corrections(visit.ledger)] if is_operator else [],
        counts=corrections.counts_open(visit.ledger) if is_operator else {},
    )


def _own(visit: StaffVisit) -> list[dict[str, Any]]:
    """What the doctor is owed, with the way to the result while it is still given to them."""
    member_id = member_of(visit)
    owed = corrections.corrections_of_doctor(visit.ledger, member_id)
    open_now = shares.open_with(
        visit.ledger, member_id, [row.report_id for row in owed], now=datetime.now(UTC)
    )
    given = {
        (row.patient_id, report_id): f"/staff/shared/{row.share_id}/reports/{report_id}"
        for row in open_now
        for report_id in row.report_ids
    }
    return [
        {
            **_shown(row),
            "href": None if row.is_gone else given.get((row.patient_id, row.report_id)),
            "is_known": row.is_known,
        }
        for row in owed
    ]


def _shown(row: OwedRow) -> dict[str, Any]:
    return {
        "id": str(row.correction_id),
        "report_id": str(row.report_id),
        "patient_id": str(row.patient_id),
        "is_gone": row.is_gone,
        "version": row.report_version,
        "seen_version": row.seen_version,
        "changes": row.changes,
        "media": row.media,
        "at": row.owed_at,
        "status": row.status,
        "how": row.how,
        "changed_at": row.changed_at,
    }


def _waiting(row: OwedRow) -> dict[str, Any]:
    age = datetime.now(UTC) - row.owed_at
    return {**_shown(row), "kind": row.kind, "days": age.days}


@router.post("/{correction_id:uuid}")
def acknowledge(visit: DoctorActs, correction_id: UUID) -> Response:
    """«Ознакомлен»."""
    found = corrections.correction(visit.ledger, correction_id)
    if found is None or found.party_id != member_of(visit):
        raise ProblemError("not-found")
    try:
        commands.acknowledge(visit.ledger, correction_id, how=Acknowledgement.DECLARED, by=visit.by())
    except CorrectionNotOwedError:
        raise ProblemError("not-found") from None
    visit.follow(CORRECTIONS)
    return go(LIST, notice="correction-acknowledged")
