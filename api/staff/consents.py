"""The page where a compliance officer sees how consents go: which texts are in force, who agreed and who withdrew, in
numbers. Whose each one is stands in the history, and what follows from a withdrawal in the obligations."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.responses import Response

from api.consent_documents import current
from api.staff.web import StaffVisit, reads
from domain.consent import ConsentKind
from domain.staff import Role
from projections import history, obligations

router = APIRouter(include_in_schema=False, prefix="/staff/consents")
Officer = Annotated[StaffVisit, Depends(reads(Role.COMPLIANCE))]
# The stretches of time that are told apart, in days.
PERIODS = (1, 30, 365)


@router.get("")
def consents_page(visit: Officer) -> Response:
    now = datetime.now(UTC)
    granted = {
        days: history.consents_granted(visit.ledger, since=now - timedelta(days=days)) for days in PERIODS
    }
    withdrawn = {
        days: history.consents_withdrawn(visit.ledger, since=now - timedelta(days=days)) for days in PERIODS
    }
    texts = {kind: current(kind, visit.locale) for kind in ConsentKind}
    return visit.page(
        "staff_consents.html",
        periods=PERIODS,
        consents=[
            {
                "title": texts[kind].title,
                "document": texts[kind].document.version,
                "granted": [
                    sum(one.granted for one in granted[days] if one.kind == kind) for days in PERIODS
                ],
                "withdrawn": [withdrawn[days].get(kind, 0) for days in PERIODS],
                "earlier": sum(
                    one.granted
                    for one in granted[PERIODS[-1]]
                    if one.kind == kind and one.document < texts[kind].document.version
                ),
            }
            for kind in ConsentKind
        ],
        open_obligations=obligations.count_open(visit.ledger),
        overdue=obligations.count_overdue(visit.ledger, today=now.date()),
    )
