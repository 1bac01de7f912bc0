"""Pages where an operator or a compliance officer sees what withdrawn consents oblige to: what is overdue first, and says what was done.

Whose consent it was is shown by pseudonym; to whom a message is due, by the organisation's name.
"""

from datetime import UTC, date, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends
from fastapi.responses import Response

from api.portal.web import Form, go
from api.problems import ProblemError
from api.staff.web import StaffVisit, acts, reads
from domain.obligation import Duty, NotExtendableError, ObligationClosedError, Proof, ProofNotFittingError
from domain.staff import Role
from ledger import obligations as commands
from projections import cabinet, obligations
from projections.obligations import OBLIGATIONS, ObligationRow

router = APIRouter(include_in_schema=False, prefix="/staff/obligations")
Operator = Annotated[StaffVisit, Depends(reads(Role.OPERATOR, Role.COMPLIANCE))]
OperatorActs = Annotated[StaffVisit, Depends(acts(Role.OPERATOR, Role.COMPLIANCE))]
LIST = "/staff/obligations"
# How an organisation is told.
MESSAGES = (Proof.LETTER, Proof.ELECTRONIC_MESSAGE)


@router.get("")
def obligations_page(visit: Operator) -> Response:
    today = datetime.now(UTC).date()
    names = {row.laboratory_id: row.name for row in cabinet.laboratories(visit.ledger, limit=1000)}
    return visit.page(
        "staff_obligations.html",
        obligations=[_shown(row, names, today) for row in obligations.open_obligations(visit.ledger)],
        overdue=obligations.count_overdue(visit.ledger, today=today),
        proofs=[one.value for one in MESSAGES],
    )


def _shown(row: ObligationRow, names: dict[UUID, str], today: date) -> dict[str, Any]:
    return {
        "id": str(row.obligation_id),
        "patient_id": str(row.patient_id),
        "duty": row.duty,
        "ground": row.ground,
        "organisation": names.get(row.organisation_id) if row.organisation_id else None,
        "due": row.due,
        "is_overdue": row.due < today,
        "is_extended": row.is_extended,
        "can_be_met": row.duty == Duty.TELL_ORGANISATION,
    }


@router.post("/{obligation_id}/meet")
def meet(visit: OperatorActs, obligation_id: UUID, form: Form) -> Response:
    """The organisation was told; `proof` is by what."""
    try:
        proof = Proof(form.get("proof", ""))
        commands.meet(visit.ledger, obligation_id, visit.by(), proof=proof)
    except ObligationClosedError:
        raise ProblemError("obligation-closed") from None
    except (ValueError, ProofNotFittingError, commands.ObligationNotFoundError):
        raise ProblemError("not-found") from None
    visit.follow(OBLIGATIONS)
    return go(LIST, notice="obligation-met")


@router.post("/{obligation_id}/extend")
def extend(visit: OperatorActs, obligation_id: UUID) -> Response:
    """To the later day that the law allows, once."""
    try:
        commands.extend(visit.ledger, obligation_id, visit.by())
    except (ObligationClosedError, NotExtendableError):
        raise ProblemError("obligation-closed") from None
    except commands.ObligationNotFoundError:
        raise ProblemError("not-found") from None
    visit.follow(OBLIGATIONS)
    return go(LIST, notice="obligation-extended")
