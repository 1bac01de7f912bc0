"""The page where a compliance officer sees how consents go: which texts are in force, who agreed and who withdrew, in
numbers. Whose each one is stands in the history, and what follows from a withdrawal in the obligations."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from fastapi.responses import Response

from api.consent_documents import ConsentText, current
from api.staff.web import StaffVisit, reads
from domain.consent import ConsentKind
from domain.staff import Role
from projections import history, obligations
from projections.history import ConsentCount

router = APIRouter(include_in_schema=False, prefix="/staff/consents")
Officer = Annotated[StaffVisit, Depends(reads(Role.COMPLIANCE))]
# The stretches of time that are told apart, in days.
PERIODS = (1, 30, 365)


@router.get("")
def consents_page(visit: Officer) -> Response:
    now = datetime.now(UTC)
    counted = history.consents_since(visit.ledger, [now - timedelta(days=days) for days in PERIODS])
    return visit.page(
        "staff_consents.html",
        periods=PERIODS,
        consents=[_shown(current(kind, visit.locale), counted) for kind in ConsentKind],
        open_obligations=obligations.count_open(visit.ledger),
        overdue=obligations.count_overdue(visit.ledger, today=now.date()),
    )


def _shown(text: ConsentText, counted: Sequence[ConsentCount]) -> dict[str, Any]:
    own = [one for one in counted if one.kind == text.document.kind]
    granted = [one for one in own if one.is_granted]
    withdrawn = [one for one in own if not one.is_granted]
    return {
        "title": text.title,
        "document": text.document.version,
        "granted": _sums(granted),
        "withdrawn": _sums(withdrawn),
        "earlier": _sums([one for one in granted if (one.document or 0) < text.document.version])[-1],
    }


def _sums(counted: Sequence[ConsentCount]) -> list[int]:
    """In each of the periods."""
    return [sum(one.count for one in counted if one.place == place) for place in range(len(PERIODS))]
