"""A doctor's consultations: the day, one of them, and what the doctor records of it (S141, S142).

What a patient wrote, and each result, is shown only after it is recorded who sees it.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import APIRouter, BackgroundTasks, Depends
from fastapi.responses import Response

from api import consultation_notices
from api.consultation_record import outcome_shown
from api.consultation_words import DOCTORS_REASONS
from api.portal.consultation_meeting import meeting_link
from api.portal.web import Form, go, told
from api.problems import ProblemError, explain
from api.scan_response import file_response
from api.staff.attached_results import attached_results
from api.staff.doctor import member_of
from api.staff.web import StaffVisit, acts, reads
from domain import consultation, consultation_outcome, consultation_preparation, doctor
from domain.consultation import CancelReason, Consultation, ConsultationStatus, ConsultationUnknownError
from domain.consultation_outcome import Outcome, OutcomeEvent
from domain.doctor import ConsultationFormat
from domain.reading import ReadingPurpose
from domain.staff import Role
from domain.study_catalogue import STUDIES
from domain.values import StaffMemberId
from ledger import commands, consultations, doctors, talk_first
from ledger import consultation_scans as scans
from ledger.recorder import MarkTakenError
from projections import consultations as view
from projections.consultations import CONSULTATIONS, BookingRow
from projections.sharing import SHARING

router = APIRouter(include_in_schema=False, prefix="/staff")
Doctor = Annotated[StaffVisit, Depends(reads(Role.DOCTOR))]
DoctorActs = Annotated[StaffVisit, Depends(acts(Role.DOCTOR))]
LIST: Final = "/staff/consultations"
_AHEAD, _BEHIND = timedelta(days=60), timedelta(days=30)
_SLOTS_MAX: Final = 60
_PROBLEMS: dict[type[Exception], tuple[str, str | None]] = {
    consultation.ConsultationOverError: ("consultation-over", "form"),
    consultation.ConsultationTooEarlyError: ("consultation-too-early", "form"),
    consultation.ConsultationDocumentedError: ("consultation-documented", "form"),
    consultation_outcome.TextMissingError: ("consultation-text-missing", "text"),
    consultation_outcome.PrescriptionIncompleteError: ("consultation-prescription-incomplete", "drug"),
    consultation_outcome.PrescriptionUnknownError: ("not-found", None),
    consultation_outcome.ReferralUnknownError: ("consultation-referral-unknown", "code"),
    consultation_outcome.TooManyPartsError: ("consultation-too-many-attached", "form"),
    consultations.SlotNotFreeError: ("consultation-slot-unknown", "slot"),
    consultations.FormatNotOfferedError: ("consultation-format-missing", "slot"),
    doctor.DoctorUnknownError: ("doctor-not-introduced", "form"),
    MarkTakenError: ("consultation-slot-taken", "slot"),
}
# What a form of the page may ask to be recorded, by the name of its button's act.
Decide = Callable[[Outcome], Iterable[OutcomeEvent]]


@router.get("/consultations")
def list_page(visit: Doctor, day: str = "") -> Response:
    """A day of the doctor's clock, and what is next. Nothing of the patients is here."""
    member_id, now = member_of(visit), datetime.now(UTC)
    zone = zone_of(visit, member_id)
    chosen = _day(day) or now.astimezone(zone).date()
    begins = datetime.combine(chosen, datetime.min.time(), tzinfo=zone)
    rows = view.booked_with(visit.ledger, member_id, since=now - _BEHIND, until=now + _AHEAD, limit=1000)
    until = begins + timedelta(days=1)
    today = [row for row in rows if begins <= row.starts_at < until]
    if not begins - _AHEAD < now < begins + _AHEAD:
        today = list(view.booked_with(visit.ledger, member_id, since=begins, until=until))
    coming = [row for row in rows if row.is_booked and _ends_at(row) > now]
    late = [row for row in rows if row.is_booked and _ends_at(row) <= now]
    return visit.page(
        "staff_consultations.html",
        is_introduced=view.is_receiving(visit.ledger, member_id),
        day=chosen,
        before=(chosen - timedelta(days=1)).isoformat(),
        after=(chosen + timedelta(days=1)).isoformat(),
        today=[_entry(row, now) for row in today],
        coming=[_entry(row, now) for row in coming],
        late=[_entry(row, now) for row in late],
    )


@router.get("/consultations/{consultation_id:uuid}")
def consultation_page(visit: Doctor, consultation_id: UUID) -> Response:
    return _page(visit, consultation_id)


@router.get("/consultations/{consultation_id:uuid}/scans/{scan_id:uuid}")
def show_scan(visit: Doctor, consultation_id: UUID, scan_id: UUID) -> Response:
    state = own_consultation(visit, consultation_id)
    if not state.is_shared(datetime.now(UTC)):
        raise ProblemError("not-found")
    try:
        scan, content = scans.show(
            visit.ledger, consultation_id, scan_id, visit.by(), purpose=ReadingPurpose.TREATMENT
        )
    except consultation_preparation.ConsultationScanUnknownError:
        raise ProblemError("not-found") from None
    return file_response("scan", scan.media_type, content)


@router.post("/consultations/{consultation_id:uuid}/held")
def hold(visit: DoctorActs, consultation_id: UUID) -> Response:
    return _act(
        visit,
        consultation_id,
        lambda now: consultations.hold(visit.ledger, consultation_id, visit.by(), now=now),
    )


@router.post("/consultations/{consultation_id:uuid}/missed")
def miss(visit: DoctorActs, consultation_id: UUID) -> Response:
    return _act(
        visit,
        consultation_id,
        lambda now: consultations.miss(visit.ledger, consultation_id, visit.by(), now=now),
    )


@router.post("/consultations/{consultation_id:uuid}/cancel")
def cancel(visit: DoctorActs, tasks: BackgroundTasks, consultation_id: UUID, form: Form) -> Response:
    """The patient is told at once, and sees why."""
    state = own_consultation(visit, consultation_id)
    if form.get("reason") not in DOCTORS_REASONS:
        return _page(visit, consultation_id, ProblemError("consultation-reason-missing", "reason"), form)
    reason = CancelReason(form["reason"])
    answer = _act(
        visit,
        consultation_id,
        lambda now: consultations.cancel(
            visit.ledger, consultation_id, reason=reason, now=now, by=visit.by()
        ),
    )
    if answer.status_code == 303:
        tell(visit, tasks, consultation_id, state, "cancelled")
    return answer


@router.post("/consultations/{consultation_id:uuid}/record")
def record(visit: DoctorActs, consultation_id: UUID, form: Form) -> Response:
    """One part of the record: which one is the `act` of the form."""
    decide = _decision(form)
    if decide is None:
        raise ProblemError("not-found")
    return _act(
        visit,
        consultation_id,
        lambda now: consultations.document(visit.ledger, consultation_id, decide, visit.by(), now=now),
        form,
    )


@router.post("/consultations/{consultation_id:uuid}/next")
def book_next(visit: DoctorActs, tasks: BackgroundTasks, consultation_id: UUID, form: Form) -> Response:
    """The doctor books the patient's next time."""
    made: list[UUID] = []

    def act(now: datetime) -> None:
        form_of, _, at = form.get("slot", "").partition("|")
        try:
            starts_at, visit_form = datetime.fromisoformat(at), ConsultationFormat(form_of)
        except ValueError:
            raise ProblemError("consultation-slot-missing", "slot") from None
        made.append(
            consultations.book_next(
                visit.ledger,
                consultation_id,
                starts_at=starts_at,
                visit=visit_form,
                by=visit.by(),
                now=now,
            )
        )

    answer = _act(visit, consultation_id, act, form)
    if made:
        booked, _ = consultations.load_consultation(visit.ledger, made[0])
        tell(visit, tasks, made[0], booked, "booked")
    return answer


@router.post("/consultations/{consultation_id:uuid}/discussed/{report_id:uuid}")
def discussed(visit: DoctorActs, consultation_id: UUID, report_id: UUID) -> Response:
    """«Обсудили результат»: what the patient wished to see after a talk is shown to them now."""
    state = own_consultation(visit, consultation_id)
    if report_id not in state.seen_reports(datetime.now(UTC)):
        raise ProblemError("not-found")
    return _act(
        visit,
        consultation_id,
        lambda _: talk_first.release(visit.ledger, state.patient_id, report_id, visit.by()),
    )


def _decision(form: dict[str, str]) -> Decide | None:
    text, number = form.get("text", ""), form.get("number", "")
    of = int(number) if number.isdecimal() and len(number) < 4 else None
    match form.get("act"):
        case "history":
            return lambda so_far: consultation_outcome.take_history(so_far, text)
        case "conclusion":
            return lambda so_far: consultation_outcome.conclude(so_far, text)
        case "prescription":
            said = {name: form.get(name, "") for name in ("drug", "dose", "course")}
            return lambda so_far: consultation_outcome.prescribe(so_far, number=of, **said)
        case "stop" if of is not None:
            return lambda so_far: (consultation_outcome.stop_prescription(so_far, of),)
        case "referral":
            note = form.get("note")
            return lambda so_far: consultation_outcome.refer(so_far, code=form.get("code", ""), note=note)
        case "next" if form.get("format") in tuple(ConsultationFormat):
            visit_form, note = ConsultationFormat(form["format"]), form.get("note")
            return lambda so_far: consultation_outcome.suggest_next(so_far, visit=visit_form, note=note)
        case _:
            return None


def _act(
    visit: StaffVisit,
    consultation_id: UUID,
    act: Callable[[datetime], object],
    form: dict[str, str] | None = None,
) -> Response:
    """Do it to a consultation of the doctor's own, or say on its page what was wrong."""
    own_consultation(visit, consultation_id)
    try:
        with refusals():
            act(datetime.now(UTC))
    except ProblemError as error:
        if error.field is None:
            raise
        return _page(visit, consultation_id, error, form)
    visit.follow(CONSULTATIONS, SHARING)
    return go(f"{LIST}/{consultation_id}", notice="consultation-saved")


@contextmanager
def refusals() -> Iterator[None]:
    try:
        yield
    except tuple(_PROBLEMS) as error:
        raise ProblemError(*_PROBLEMS[type(error)]) from None


def tell(
    visit: StaffVisit, tasks: BackgroundTasks, consultation_id: UUID, state: Consultation, what: str
) -> None:
    """The patient, after the answer."""
    tasks.add_task(
        consultation_notices.tell,
        visit.ledger,
        visit.door.settings,
        consultation_id,
        state,
        what,
        at=state.starts_at,
    )


# What the pages say


def own_consultation(visit: StaffVisit, consultation_id: UUID) -> Consultation:
    """Another doctor's consultation answers as one that is not there."""
    try:
        return consultations.consultation_of_doctor(visit.ledger, member_of(visit), consultation_id)
    except ConsultationUnknownError:
        raise ProblemError("not-found") from None


def zone_of(visit: StaffVisit, member_id: StaffMemberId) -> ZoneInfo:
    week = doctors.load_hours(visit.ledger, member_id).week
    return ZoneInfo(week.time_zone if week else visit.door.settings.time_zone)


def _day(text: str) -> date | None:
    """A day that is asked for; nobody asks for one at the ends of the calendar, beyond which there is none."""
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    return found if date.min.year < found.year < date.max.year else None


def _ends_at(row: BookingRow) -> datetime:
    return row.starts_at + timedelta(minutes=row.minutes)


def _entry(row: BookingRow, now: datetime) -> dict[str, Any]:
    is_now = row.is_booked and row.starts_at - consultation.OPENS_BEFORE <= now < _ends_at(row)
    return {
        "href": f"{LIST}/{row.consultation_id}",
        "at": row.starts_at,
        "format": row.format.value,
        "status": "now" if is_now else row.status.value,
    }


def _page(
    visit: StaffVisit,
    consultation_id: UUID,
    error: ProblemError | None = None,
    values: dict[str, str] | None = None,
) -> Response:
    own_consultation(visit, consultation_id)
    state, now = consultations.show(visit.ledger, consultation_id, visit.by()), datetime.now(UTC)
    outcome, is_cancelled = state.outcome, state.status is ConsultationStatus.CANCELLED
    return visit.page(
        "staff_consultation.html",
        path=f"{LIST}/{consultation_id}",
        status=explain(error.code).status if error else 200,
        errors=told(error, visit.locale) if error else {},
        values=values or {},
        visit={
            "id": str(consultation_id),
            "at": state.starts_at,
            "minutes": state.minutes,
            "format": state.format.value,
            "status": "now" if state.is_near(now) else state.status.value,
            "reason": state.reason.value if state.reason else None,
            "is_booked": state.is_booked,
            "can_write": state.can_write(now),
            "can_miss": state.is_booked and now >= state.starts_at and not outcome.is_given,
            "link": meeting_link(visit.ledger, visit.door.settings, consultation_id, state)
            if state.is_near(now)
            else None,
            "study": study.value if (study := state.preparation.study_type) and not is_cancelled else None,
            # Who takes back the consultation takes back what they wrote for it.
            "questions": () if is_cancelled else state.preparation.questions,
            "follows": str(state.follows) if state.follows else None,
        },
        patient=_patient(visit, state, now),
        attached=attached_results(visit, state, now),
        scans=[str(one) for one in state.preparation.scans] if state.is_shared(now) else [],
        outcome=outcome_shown(visit.ledger, consultation_id, state, locale=visit.locale),
        reasons=[one.value for one in DOCTORS_REASONS],
        formats=[one.value for one in ConsultationFormat],
        studies=_studies(0 if visit.locale == "ru" else 1),
        slots=_slots(visit, state, now) if state.can_write(now) else [],
    )


def _patient(visit: StaffVisit, state: Consultation, now: datetime) -> dict[str, Any]:
    known = commands.load_patient(visit.ledger, state.patient_id)
    profile = known.profile
    if profile is None:
        return {"name": "—", "age": None, "sex": None, "phone": None}
    born = date.fromisoformat(profile.birth_date)
    today = now.astimezone(zone_of(visit, state.member_id)).date()
    is_call = state.format is ConsultationFormat.PHONE and state.is_near(now)
    return {
        "name": profile.full_name,
        "age": today.year - born.year - ((today.month, today.day) < (born.month, born.day)),
        "sex": profile.sex,
        # Whom to call, when it is time to.
        "phone": known.phone if is_call else None,
    }


def _studies(language: int) -> list[dict[str, str]]:
    named = [{"code": one.code, "name": one.names[language]} for one in STUDIES.values()]
    return sorted(named, key=lambda one: one["name"].casefold())


def _slots(visit: StaffVisit, state: Consultation, now: datetime) -> list[dict[str, Any]]:
    known = doctors.load_doctor(visit.ledger, state.member_id)
    if known is None or known.is_ended:
        return []
    free = doctors.free_slots(visit.ledger, state.member_id, now=now)[:_SLOTS_MAX]
    return [
        {"value": f"{form.value}|{slot.starts_at.isoformat()}", "at": slot.starts_at, "format": form.value}
        for form in known.formats
        for slot in free
    ]
