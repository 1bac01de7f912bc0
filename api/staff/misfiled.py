"""Pages where an operator takes a report from the wrong patient: how far it went, taking it back, where it is.

The acts are those of `letopis misfiled`. Whose a report is and who was told of it are shown by pseudonym;
nothing of what the report says is.
"""

from dataclasses import asdict
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends
from fastapi.responses import Response

from api.portal.web import Form, go, told
from api.problems import ProblemError, explain
from api.staff.web import StaffVisit, acts, reads
from domain.report import ReportHasNoPatientError, ReportUnmatched
from domain.staff import Role
from ledger import misfiling
from ledger.misfiling import ReportMovedError, ReportNotFoundError, load_report
from ledger.onboarding import laboratory_of_id
from ledger.proposals import still_recognised
from ledger.store import Ledger
from projections.audit import AUDIT
from projections.delivery import DELIVERY
from projections.exposure import exposure_of

router = APIRouter(include_in_schema=False, prefix="/staff/misfiled")
Operator = Annotated[StaffVisit, Depends(reads(Role.OPERATOR))]
OperatorActs = Annotated[StaffVisit, Depends(acts(Role.OPERATOR))]
SECTION = "/staff/misfiled"
ACTORS = ("patient", "laboratory", "staff", "operator", "auditor", "system")


@router.get("")
def ask_page(visit: Operator, report: str | None = None) -> Response:
    """`report`: the number that was typed in, as people copy it."""
    if report is None:
        return visit.page("misfiled.html", errors={}, values={})
    try:
        report_id = UUID(report.strip())
    except ValueError:
        return _ask_again(visit, report, "report-id-malformed")
    return go(f"{SECTION}/{report_id}")


@router.get("/{report_id}")
def report_page(visit: Operator, report_id: UUID) -> Response:
    return _report_page(visit, report_id)


@router.post("/{report_id}/undo")
def undo(visit: OperatorActs, report_id: UUID, form: Form) -> Response:
    """`sure`: the member has made sure that the report is another person's."""
    if form.get("sure") != "yes":
        return _report_page(visit, report_id, ProblemError("undo-not-confirmed", "sure"))
    try:
        misfiling.undo(visit.ledger, report_id, visit.by())
    except ReportMovedError:
        return go(f"{SECTION}/{report_id}", notice="taken-before")
    except ReportNotFoundError:
        raise ProblemError("report-not-found") from None
    except ReportHasNoPatientError:
        raise ProblemError("report-has-no-patient") from None
    visit.follow(AUDIT, DELIVERY)
    return go(f"{SECTION}/{report_id}", notice="taken")


def _ask_again(visit: StaffVisit, typed: str, code: str) -> Response:
    return visit.page(
        "misfiled.html",
        status=explain(code).status,
        path=SECTION,
        errors=told(ProblemError(code, "report"), visit.locale),
        values={"report": typed},
    )


def _report_page(visit: StaffVisit, report_id: UUID, error: ProblemError | None = None) -> Response:
    try:
        report = _report(visit.ledger, report_id)
    except ReportNotFoundError:
        return _ask_again(visit, str(report_id), "report-not-found")
    exposure = exposure_of(visit.ledger, report_id)
    return visit.page(
        "misfiled_report.html",
        path=f"{SECTION}/{report_id}",
        status=explain(error.code).status if error else 200,
        report=report,
        readings=[{"at": one.at, **_actor(one.actor), "purpose": one.purpose} for one in exposure.readings],
        notices=[asdict(one) for one in exposure.notices],
        errors=told(error, visit.locale) if error else {},
    )


# Where a report is


def _report(ledger: Ledger, report_id: UUID) -> dict[str, Any]:
    """Whose it is, or where it goes on. ReportNotFoundError if it is not there."""
    try:
        state, _ = load_report(ledger, report_id)
    except ReportMovedError as moved:
        return _moved(ledger, report_id, moved.successor_id)
    laboratory = laboratory_of_id(ledger, state.laboratory_id)
    return {
        "id": str(report_id),
        "href": f"{SECTION}/{report_id}",
        "laboratory": laboratory.name,
        "handle": laboratory.handle,
        "versions": len(state.versions),
        "patient_id": state.patient_id,
        "taken_from": sorted(map(str, state.not_of)),
        "still_recognised": still_recognised(ledger, report_id),
        "successor": None,
    }


def _moved(ledger: Ledger, report_id: UUID, successor_id: UUID) -> dict[str, Any]:
    """What is left to say under the old number: the rest of it stands under the new one."""
    taken = [
        str(recorded.event.patient_id)
        for recorded in ledger.read(report_id)
        if isinstance(recorded.event, ReportUnmatched) and recorded.event.patient_id is not None
    ]
    try:
        now = _report(ledger, successor_id)
    except ReportNotFoundError:
        # Nobody came for it in time, and it was destroyed.
        now = {"laboratory": "", "handle": "", "patient_id": None, "successor": None, "still_recognised": []}
    return {
        "id": str(report_id),
        "href": f"{SECTION}/{report_id}",
        "laboratory": now["laboratory"],
        "handle": now["handle"],
        "patient_id": None,
        "taken_from": taken,
        "still_recognised": now["still_recognised"],
        "successor": {
            "id": str(successor_id),
            "href": f"{SECTION}/{successor_id}",
            "patient_id": now["patient_id"],
            "is_there": "id" in now,
            "is_moved": now["successor"] is not None,
        },
    }


def _actor(actor: str) -> dict[str, str]:
    kind, _, name = actor.partition(":")
    return {"actor_kind": kind if kind in ACTORS else "", "actor": name or actor}
