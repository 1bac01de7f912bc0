"""Pages where a compliance officer sees whose data is to be destroyed and by when, orders it, and holds it back.

By pseudonyms; the numbers of an authority's documents are said, never a name. What one officer orders another confirms, each
with a fresh proof of who they are. Destroying itself is the clockwork's, on the day that is due: a slip can be called off until
then.
"""

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends
from fastapi.responses import Response

from api.portal.web import Form, go, told
from api.problems import ProblemError, explain
from api.staff.web import StaffVisit, acts, reads
from domain.erasure import (
    AlreadyConfirmedError,
    AlreadyErasedError,
    AlreadyOrderedError,
    CallOffReason,
    ErasureGround,
    ErasureNotOrderedError,
    HoldNotFoundError,
    HoldReason,
    SamePersonError,
)
from domain.staff import Role
from domain.values import PatientId
from ledger import erasure
from ledger.commands import PatientNotFoundError
from projections import erasure as view

router = APIRouter(include_in_schema=False, prefix="/staff/erasures")
Officer = Annotated[StaffVisit, Depends(reads(Role.COMPLIANCE))]
OfficerActs = Annotated[StaffVisit, Depends(acts(Role.COMPLIANCE))]
LIST = "/staff/erasures"
# What an officer may say; the others follow from the patient's own acts.
GROUNDS = tuple(one for one in ErasureGround if one.is_officers)
REFERENCE_MAX = 100


@router.get("")
def list_page(visit: Officer) -> Response:
    return _page(visit)


@router.post("/order")
def order(visit: OfficerActs, form: Form) -> Response:
    visit.require_step_up()

    def act() -> None:
        erasure.order(
            visit.ledger,
            _patient(form, "patient"),
            visit.by(),
            ground=_one_of(GROUNDS, form.get("ground"), "ground"),
            due=_day_to_come(form.get("due"), "due"),
            reference=_reference(form),
        )

    return _done(visit, form, act, "erasure-ordered")


@router.post("/{patient_id:uuid}/confirm")
def confirm(visit: OfficerActs, patient_id: UUID, form: Form) -> Response:
    visit.require_step_up()
    return _done(
        visit,
        form,
        lambda: erasure.confirm(visit.ledger, PatientId(patient_id), visit.by()),
        "erasure-confirmed",
    )


@router.post("/{patient_id:uuid}/call-off")
def call_off(visit: OfficerActs, patient_id: UUID, form: Form) -> Response:
    visit.require_step_up()

    def act() -> None:
        reason = _one_of(tuple(CallOffReason), form.get("call_off"), "form")
        erasure.call_off(visit.ledger, PatientId(patient_id), visit.by(), reason=reason)

    return _done(visit, form, act, "erasure-called-off")


@router.post("/hold")
def hold(visit: OfficerActs, form: Form) -> Response:
    def act() -> None:
        erasure.hold(
            visit.ledger,
            _patient(form, "held_patient"),
            visit.by(),
            reason=_one_of(tuple(HoldReason), form.get("reason"), "reason"),
            until=_day(form.get("until"), "until", is_needed=False),
            reference=_reference(form),
        )

    return _done(visit, form, act, "erasure-held")


@router.post("/{patient_id:uuid}/holds/{hold_id:uuid}/release")
def release(visit: OfficerActs, patient_id: UUID, hold_id: UUID) -> Response:
    visit.require_step_up()
    try:
        erasure.release_hold(visit.ledger, PatientId(patient_id), hold_id, visit.by())
    except HoldNotFoundError:
        raise ProblemError("not-found") from None
    visit.follow(view.ERASURE)
    return go(LIST, notice="hold-released")


def _done(visit: StaffVisit, form: dict[str, str], act: Callable[[], object], notice: str) -> Response:
    try:
        act()
    except ProblemError as error:
        return _page(visit, error, form)
    except PatientNotFoundError:
        return _page(visit, ProblemError("erasure-patient-unknown", _patient_field(form)), form)
    except AlreadyOrderedError:
        return _page(visit, ProblemError("erasure-ordered-already", _patient_field(form)), form)
    except AlreadyErasedError:
        return _page(visit, ProblemError("erasure-done", _patient_field(form)), form)
    except ErasureNotOrderedError:
        return _page(visit, ProblemError("erasure-not-ordered", "form"), form)
    except AlreadyConfirmedError:
        return _page(visit, ProblemError("erasure-confirmed-already", "form"), form)
    except SamePersonError:
        return _page(visit, ProblemError("erasure-same-person", "form"), form)
    visit.follow(view.ERASURE)
    return go(LIST, notice=notice)


def _page(
    visit: StaffVisit, error: ProblemError | None = None, values: dict[str, str] | None = None
) -> Response:
    today = datetime.now(UTC).date()
    holds = view.holds(visit.ledger)
    me = visit.signed_in().member.handle
    return visit.page(
        "staff_erasures.html",
        path=LIST,
        status=explain(error.code).status if error else 200,
        ordered=[
            {
                "patient_id": str(row.patient_id),
                "ground": row.ground,
                "due": row.due,
                "reference": row.reference,
                "is_overdue": today > row.due,
                "is_officers": row.is_officers,
                "is_ready": row.is_ready,
                "ordered_by": erasure.person_of(row.ordered_by),
                "confirmed_by": erasure.person_of(row.confirmed_by or ""),
                "is_mine": erasure.person_of(row.ordered_by) == me,
            }
            for row in view.orders(visit.ledger)
        ],
        holds=[
            {
                "id": str(one.hold_id),
                "patient_id": str(one.patient_id),
                "reason": one.reason,
                "until": one.until,
                "reference": one.reference,
                "is_over": one.until is not None and one.until < today,
            }
            for one in holds
        ],
        done=[
            {
                "patient_id": str(row.patient_id),
                "ground": row.ground,
                "status": row.status,
                "erased_at": row.erased_at,
                "reports": row.reports,
                "act_number": row.act_number,
            }
            for row in view.erasures(visit.ledger)
        ],
        call_offs=tuple(CallOffReason),
        grounds=GROUNDS,
        reasons=tuple(HoldReason),
        values=values or {},
        errors=told(error, visit.locale) if error else {},
    )


# What was filled in.


def _patient_field(form: dict[str, str]) -> str:
    return next((name for name in ("patient", "held_patient") if name in form), "form")


def _patient(form: dict[str, str], field: str) -> PatientId:
    try:
        return PatientId(UUID(form.get(field, "").strip()))
    except ValueError:
        raise ProblemError("erasure-patient-unknown", field) from None


def _one_of(known: tuple[Any, ...], typed: str | None, field: str) -> Any:
    if typed not in known:
        raise ProblemError("erasure-choice-missing", field)
    return known[known.index(typed)]


def _day(typed: str | None, field: str, *, is_needed: bool) -> date | None:
    """As a browser sends a date."""
    if not typed and not is_needed:
        return None
    try:
        return date.fromisoformat(typed or "")
    except ValueError:
        raise ProblemError("erasure-day-malformed", field) from None


def _day_to_come(typed: str | None, field: str) -> date:
    """A slip of the year would destroy within a minute what nobody can bring back."""
    day = _day(typed, field, is_needed=True) or date.max
    if day < datetime.now(UTC).date():
        raise ProblemError("erasure-day-past", field)
    return day


def _reference(form: dict[str, str]) -> str | None:
    return form.get("reference", "").strip()[:REFERENCE_MAX] or None
