"""The page where a laboratory's member sees what became of what it submitted, by the numbers of its receipts, and as
what the laboratory is known here. No content is shown: it knows what it sent."""

from datetime import UTC, datetime
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response

from api.problems import explain
from api.staff.web import StaffVisit, reads
from domain.laboratory import Laboratory
from domain.staff import Role
from ledger import onboarding
from projections import intake
from projections.intake import Submitted

router = APIRouter(include_in_schema=False, prefix="/staff/submissions")
Member = Annotated[StaffVisit, Depends(reads(Role.LABORATORY))]
LIST = "/staff/submissions"
PAGE_ROWS = 50
STATES = ("accepted", "quarantined", "received", "released", "destroyed")
_NUMBER_MAX = 2**63 - 1


@router.get("")
def submissions_page(
    visit: Member, state: str = "", before: Annotated[int | None, Query(ge=1, le=_NUMBER_MAX)] = None
) -> Response:
    laboratory_id = visit.organisation_id
    chosen = state if state in STATES else ""
    found = intake.latest_submissions(
        visit.ledger, laboratory_id, status=chosen or None, before=before, limit=PAGE_ROWS + 1
    )
    rows = found[:PAGE_ROWS]
    counted = intake.states_of(visit.ledger, laboratory_id)
    further = {"state": chosen, "before": str(rows[-1].number)} if len(found) > PAGE_ROWS else None
    return visit.page(
        "staff_submissions.html",
        laboratory=_laboratory(onboarding.laboratory_of_id(visit.ledger, laboratory_id)),
        total=sum(counted.values()),
        states=[(one, counted.get(one, 0)) for one in STATES],
        chosen=chosen,
        submissions=[_submitted(visit, row) for row in rows],
        is_first=before is None,
        first=f"{LIST}?{urlencode({'state': chosen})}" if chosen else LIST,
        further=f"{LIST}?{urlencode(further)}" if further else None,
    )


def _laboratory(state: Laboratory) -> dict[str, Any]:
    until = state.accreditation.valid_until if state.accreditation else None
    return {
        "name": state.name,
        "handle": state.handle,
        "oid": state.oid,
        "is_accredited": state.accreditation is not None,
        "accredited_until": until,
        "is_over": until is not None and until < datetime.now(UTC).date(),
        "formats": [one.value for one in state.formats],
        "keys": [key_id for key_id, _ in state.keys],
        "senders": [f"{one.application} · {one.facility}" for one in state.senders],
    }


def _submitted(visit: StaffVisit, row: Submitted) -> dict[str, Any]:
    reason = advice = None
    if row.code is not None:
        explained, language = explain(row.code), 0 if visit.locale == "ru" else 1
        reason, advice = explained.title[language], explained.advice[language]
    return {
        "number": row.number,
        "id": str(row.submission_id),
        "received_at": row.received_at,
        "content_type": row.content_type,
        "state": row.status,
        "reports": row.reports,
        "code": row.code,
        "reason": reason,
        "advice": advice,
    }
