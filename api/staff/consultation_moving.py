"""A doctor moves a consultation to another of their own free times. The patient is told at once, and sees what it was
before; nothing of the patient is on this page."""

from datetime import UTC, datetime
from uuid import UUID

from fastapi import APIRouter, BackgroundTasks
from fastapi.responses import Response

from api.portal.consultation_booking import chosen_format, chosen_time, days_of, formats_of
from api.portal.web import Form, go, told
from api.problems import ProblemError, explain
from api.staff.consultations import LIST, Doctor, DoctorActs, own_consultation, refusals, tell, zone_of
from api.staff.doctor import member_of
from api.staff.web import StaffVisit
from ledger import consultations, doctors
from projections.consultations import CONSULTATIONS
from projections.sharing import SHARING

router = APIRouter(include_in_schema=False, prefix="/staff")


@router.get("/consultations/{consultation_id:uuid}/move")
def move_page(visit: Doctor, consultation_id: UUID) -> Response:
    return _page(visit, consultation_id, {})


@router.post("/consultations/{consultation_id:uuid}/move")
def move(visit: DoctorActs, tasks: BackgroundTasks, consultation_id: UUID, form: Form) -> Response:
    before = own_consultation(visit, consultation_id)
    try:
        with refusals():
            visit_form = chosen_format(form)
            consultations.move(
                visit.ledger,
                consultation_id,
                starts_at=chosen_time(form),
                visit=visit_form,
                now=datetime.now(UTC),
                at_least=None,
                by=visit.by(),
            )
    except ProblemError as error:
        if error.field is None:
            raise
        return _page(visit, consultation_id, form, error)
    after = own_consultation(visit, consultation_id)
    if after.moves > before.moves:
        tell(visit, tasks, consultation_id, after, "moved")
    visit.follow(CONSULTATIONS, SHARING)
    return go(f"{LIST}/{consultation_id}", notice="consultation-moved")


def _page(
    visit: StaffVisit, consultation_id: UUID, values: dict[str, str], error: ProblemError | None = None
) -> Response:
    state, zone = own_consultation(visit, consultation_id), zone_of(visit, member_of(visit)).key
    if error is None and not state.is_booked:
        raise ProblemError("consultation-over")
    who = doctors.load_doctor(visit.ledger, state.member_id)
    receives = who is not None and not who.is_ended
    free = doctors.free_slots(visit.ledger, state.member_id, now=datetime.now(UTC)) if receives else ()
    return visit.page(
        "staff_consultation_move.html",
        path=f"{LIST}/{consultation_id}/move",
        status=explain(error.code).status if error else 200,
        errors=told(error, visit.locale) if error else {},
        values={"format": state.format.value} | values,
        visit={"id": str(consultation_id), "at": state.starts_at, "format": state.format.value},
        formats=formats_of(visit.door.settings, who) if who else [],
        days=days_of(free, zone, visit.locale),
        zone=zone,
    )
