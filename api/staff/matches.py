"""Pages where an operator decides whose a report may be: what is proposed and why, both persons, yes or no.

The acts are those of `letopis match`, and go through the same decisions. Both persons are shown only after it is
recorded who saw them; the list and a proposal itself hold pseudonyms.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response

from api.portal.web import Form, go
from api.problems import ProblemError
from api.staff.side_by_side import Compared, compared, said_by_numbers
from api.staff.web import StaffVisit, acts, reads
from domain.proposal import MatchContradictedError, MatchNotProposedError
from domain.staff import Role
from domain.values import PatientId
from ledger import proposals
from ledger.commands import PatientNotFoundError
from ledger.misfiling import ReportNotFoundError
from ledger.recorder import MarkTakenError
from projections import matching
from projections.matching import MATCHING, Proposed

router = APIRouter(include_in_schema=False, prefix="/staff/matches")
Operator = Annotated[StaffVisit, Depends(reads(Role.OPERATOR))]
OperatorActs = Annotated[StaffVisit, Depends(acts(Role.OPERATOR))]
LIST = "/staff/matches"
PAGE_ROWS = 50
_LAST_POSITION = 2**63 - 1
_REFUSALS: dict[type[Exception], str] = {
    MatchNotProposedError: "match-not-proposed",
    MatchContradictedError: "match-contradicted",
    ReportNotFoundError: "report-not-found",
    proposals.ReportNotWaitingError: "report-not-waiting",
    PatientNotFoundError: "patient-not-found",
    MarkTakenError: "laboratory-patient-id-taken",
}


# What the operator is told of a confirmed report that waits on; of the patient's settings they hear no more.
_WAITS: Mapping[str | None, str] = {
    "organisation-not-linked": "confirmed-organisation-not-linked",
    **dict.fromkeys(
        (
            "consent-missing",
            "consent-expired",
            "transfer-consent-missing",
            "transfer-consent-expired",
            "out-of-consent-scope",
        ),
        "confirmed-consent-missing",
    ),
}


@router.get("")
def list_page(visit: Operator, after: Annotated[int, Query(ge=0, le=_LAST_POSITION)] = 0) -> Response:
    rows = matching.proposed(visit.ledger, after=after, limit=PAGE_ROWS)
    # All patients of the last report are on this page, so the next begins with another report.
    is_more = len(rows) >= PAGE_ROWS and bool(
        matching.proposed(visit.ledger, after=rows[-1].position, limit=1)
    )
    names = visit.laboratory_names()
    return visit.page(
        "matches.html",
        total=matching.count(visit.ledger),
        entries=[_entry(row, names) for row in rows],
        is_first=after == 0,
        first=LIST,
        further=f"{LIST}?after={rows[-1].position}" if is_more else None,
    )


@router.get("/{report_id}/{patient_id}")
def proposal_page(visit: Operator, report_id: UUID, patient_id: UUID) -> Response:
    entry = _found(visit, report_id, patient_id)
    return visit.page("match.html", entry=entry, compared=None)


# Acts


@router.post("/{report_id}/{patient_id}/persons")
def show_persons(visit: OperatorActs, report_id: UUID, patient_id: UUID) -> Response:
    """Both side by side; that this member saw them is recorded before they are here."""
    entry = _found(visit, report_id, patient_id)
    with _refusals():
        both = proposals.show(visit.ledger, report_id, PatientId(patient_id), visit.by())
    # The ledger knows better than the list, which follows it.
    entry |= {"is_contradicted": both.is_contradicted}
    return visit.page("match.html", path=entry["href"], entry=entry, compared=_lines(compared(both)))


@router.post("/{report_id}/{patient_id}/confirm")
def confirm(visit: OperatorActs, report_id: UUID, patient_id: UUID, form: Form) -> Response:
    """`link`: from now on the laboratory's own number in the report recognises the patient."""
    with _refusals():
        confirmed = proposals.confirm(
            visit.ledger,
            report_id,
            PatientId(patient_id),
            visit.by(),
            links_number=form.get("link") == "yes",
        )
    visit.follow(MATCHING)
    return go(
        LIST, notice="matched" if confirmed.is_matched else _WAITS.get(confirmed.barrier, "confirmed-waits")
    )


@router.post("/{report_id}/{patient_id}/decline")
def decline(visit: OperatorActs, report_id: UUID, patient_id: UUID) -> Response:
    with _refusals():
        proposals.decline(visit.ledger, report_id, PatientId(patient_id), visit.by())
    visit.follow(MATCHING)
    return go(LIST, notice="declined")


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except tuple(_REFUSALS) as error:
        code = next(code for kind, code in _REFUSALS.items() if isinstance(error, kind))
        raise ProblemError(code) from None


# Words


def _found(visit: StaffVisit, report_id: UUID, patient_id: UUID) -> dict[str, Any]:
    row = matching.proposed_pair(visit.ledger, report_id, patient_id)
    if row is None:
        raise ProblemError("not-found")
    return _entry(row, visit.laboratory_names())


def _entry(row: Proposed, names: Mapping[str, str]) -> dict[str, Any]:
    handle = row.laboratory or ""
    return {
        "report_id": str(row.report_id),
        "patient_id": str(row.patient_id),
        "href": f"{LIST}/{row.report_id}/{row.patient_id}",
        "handle": handle,
        "laboratory": names.get(handle, handle),
        "by": "number" if row.by_number else "name",
        "sex": "same" if row.is_sex_same else None if row.by_number else "unknown",
        "numbers": said_by_numbers(row),
        "is_contradicted": row.is_contradicted,
    }


def _lines(lines: Sequence[Compared]) -> list[dict[str, Any]]:
    return [
        {
            "field": line.field,
            "of_report": line.of_report,
            "of_patient": line.of_patient,
            "is_failed": line.is_failed,
            # The laboratory's own number is not the patient's to have.
            "agreement": None if line.field == "laboratory" else _AGREEMENT[line.is_same],
        }
        for line in lines
    ]


_AGREEMENT: Mapping[bool | None, str] = {True: "same", False: "differs", None: "unknown"}
