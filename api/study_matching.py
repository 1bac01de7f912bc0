"""A step of the clockwork: which report is the one that a study request waits for."""

from datetime import datetime
from uuid import UUID

from domain import report
from domain.report import Report
from domain.study_request import BY_NUMBER, StudyRequest, answered_by
from ledger.codec import Circumstances
from ledger.store import Ledger, StreamErasedError
from ledger.study_request import fulfil, load_request
from projections.study_requests import RequestRow, open_requests, open_requests_of, reports_to_look_at

MATCHER = Circumstances(actor="system:matcher")
_NIL = UUID(int=0)


def fulfil_requests(ledger: Ledger, now: datetime) -> int:  # noqa: ARG001 - one shape for all steps
    """Each open request whose report is in the cabinet by now; one that two requests could claim by its code is
    given to neither."""
    found, after = 0, _NIL
    while rows := open_requests(ledger, after=after):
        after = rows[-1].request_id
        found += sum(_fulfil(ledger, row) for row in rows)
    return found


def _fulfil(ledger: Ledger, row: RequestRow) -> bool:
    request = _load(ledger, row)
    if request is None:
        return False
    for report_id in reports_to_look_at(ledger, row):
        content = _report(ledger, report_id)
        how = answered_by(request, content.shown) if content else None
        if how is None or (how != BY_NUMBER and _is_claimed_twice(ledger, row, request)):
            continue
        return fulfil(ledger, row.request_id, report_id=report_id, by=MATCHER)
    return False


def _is_claimed_twice(ledger: Ledger, row: RequestRow, request: StudyRequest) -> bool:
    """Whether the patient waits for the same study of the same organisation by another request too."""
    return any(
        other is not None and other.code == request.code
        for other in (
            _load(ledger, one)
            for one in open_requests_of(ledger, row.patient_id, row.organisation_id)
            if one.request_id != row.request_id
        )
    )


def _load(ledger: Ledger, row: RequestRow) -> StudyRequest | None:
    try:
        return load_request(ledger, row.request_id)[0]
    except StreamErasedError:
        return None


def _report(ledger: Ledger, report_id: UUID) -> Report | None:
    try:
        return ledger.load(report_id, report.evolve)[0]
    except StreamErasedError:
        return None
