"""«Мои консультации»: what is booked, preparing for it, moving and cancelling it, and what came of it (S140-S143)."""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import Response

from api import limits
from api.calendar_file import MEDIA_TYPE, Appointment, calendar_file
from api.consultation_record import outcome_shown, time_before_doctor
from api.pages import phrase
from api.portal import consultation_booking as booking
from api.portal.consultation_booking import LIST, REFUSALS, own_cabinet, refusal
from api.portal.consultation_meeting import meeting_link
from api.portal.uploads import Uploaded
from api.portal.web import Actor, Form, Person, Visit, go, told
from api.problems import ProblemError, explain
from api.scan_response import file_response
from api.scans import checked_scan
from domain import consultation_preparation
from domain.consultation import CancelReason, Consultation, ConsultationStatus, ConsultationUnknownError
from domain.consultation_preparation import ConsultationScanUnknownError
from domain.reading import ReadingPurpose
from domain.study_type import StudyType
from ledger import consultation_scans as scans
from ledger import consultations, doctors
from ledger.identity import look
from ledger.sharing import NotSharedError
from projections import cabinet
from projections import consultations as view
from projections.consultations import CONSULTATIONS
from projections.sharing import SHARING

router = APIRouter(include_in_schema=False)


@router.get(LIST)
def list_page(person: Person) -> Response:
    own_cabinet(person)
    now = datetime.now(UTC)
    rows = view.consultations_of(person.ledger, person.patient_id)
    names = {one: doctors.load_doctor(person.ledger, one) for one in {row.member_id for row in rows}}
    entries = [
        {
            "href": f"{LIST}/{row.consultation_id}",
            "doctor": booking.doctor_shown(person, who) if (who := names[row.member_id]) else None,
            "when": booking.when_text(person, row.starts_at, _zone(person, row.member_id)),
            "format": row.format.value,
            "status": row.status.value,
            "is_coming": row.is_booked and row.starts_at + timedelta(minutes=row.minutes) > now,
        }
        for row in rows
    ]
    return person.page(
        "consultations.html",
        coming=[one for one in entries if one["is_coming"]][::-1],
        past=[one for one in entries if not one["is_coming"]],
    )


@router.get(LIST + "/{consultation_id:uuid}")
def consultation_page(person: Person, consultation_id: UUID) -> Response:
    return _page(person, consultation_id)


@router.post(LIST + "/{consultation_id:uuid}/questions")
def prepare(person: Actor, form: Form, consultation_id: UUID) -> Response:
    _own(person, consultation_id)
    study = form.get("study", "")
    try:
        consultations.prepare(
            person.ledger,
            consultation_id,
            lambda so_far: consultation_preparation.prepare(
                so_far,
                study_type=StudyType(study) if study in tuple(StudyType) else None,
                questions=form.get("questions", "").splitlines(),
            ),
            person.by(),
        )
    except REFUSALS as error:
        return _page(person, consultation_id, refusal(error), form)
    return go(f"{LIST}/{consultation_id}", notice="consultation-prepared")


@router.post(LIST + "/{consultation_id:uuid}/results")
def attach(person: Actor, form: Form, consultation_id: UUID) -> Response:
    _own(person, consultation_id)
    try:
        chosen = booking.chosen_reports(person, form)
        consultations.attach(person.ledger, consultation_id, chosen, person.by(), now=datetime.now(UTC))
    except NotSharedError:
        raise ProblemError("not-found") from None
    except REFUSALS as error:
        return _page(person, consultation_id, refusal(error), form)
    person.follow(SHARING)
    return go(f"{LIST}/{consultation_id}", notice="consultation-prepared")


@router.post(LIST + "/{consultation_id:uuid}/scans")
def attach_scan(upload: Uploaded, consultation_id: UUID) -> Response:
    person = upload.person
    _own(person, consultation_id)
    try:
        limits.take(person.ledger, "scan", str(person.patient_id))
        media_type = checked_scan(upload.content, person.settings)
        scans.attach(person.ledger, consultation_id, upload.content, person.by(), media_type=media_type)
    except ProblemError as error:
        return _page(person, consultation_id, error)
    except REFUSALS as error:
        return _page(person, consultation_id, ProblemError(refusal(error).code, "scan"))
    return go(f"{LIST}/{consultation_id}", notice="consultation-prepared")


@router.get(LIST + "/{consultation_id:uuid}/scans/{scan_id:uuid}")
def show_scan(person: Person, consultation_id: UUID, scan_id: UUID) -> Response:
    _own(person, consultation_id)
    try:
        scan, content = scans.show(
            person.ledger, consultation_id, scan_id, person.by(), purpose=ReadingPurpose.OWN_CABINET
        )
    except ConsultationScanUnknownError:
        raise ProblemError("not-found") from None
    return file_response("scan", scan.media_type, content)


@router.post(LIST + "/{consultation_id:uuid}/scans/{scan_id:uuid}/remove")
def remove_scan(person: Actor, consultation_id: UUID, scan_id: UUID) -> Response:
    _own(person, consultation_id)
    try:
        scans.remove(person.ledger, consultation_id, scan_id, person.by())
    except ConsultationScanUnknownError:
        raise ProblemError("not-found") from None
    return go(f"{LIST}/{consultation_id}", notice="consultation-prepared")


@router.get(LIST + "/{consultation_id:uuid}/move")
def move_page(person: Person, consultation_id: UUID) -> Response:
    return _move_page(person, consultation_id, {})


@router.post(LIST + "/{consultation_id:uuid}/move")
def move(person: Actor, form: Form, consultation_id: UUID) -> Response:
    _own(person, consultation_id)
    try:
        visit = booking.chosen_format(form)
        consultations.move(
            person.ledger,
            consultation_id,
            starts_at=booking.chosen_time(form),
            visit=visit,
            now=datetime.now(UTC),
            at_least=_at_least(person),
            by=person.by(),
        )
    except ProblemError as error:
        return _move_page(person, consultation_id, form, error)
    except REFUSALS as error:
        return _move_page(person, consultation_id, form, refusal(error))
    person.follow(CONSULTATIONS)
    return go(f"{LIST}/{consultation_id}", notice="consultation-moved")


@router.post(LIST + "/{consultation_id:uuid}/cancel")
def cancel(person: Actor, consultation_id: UUID) -> Response:
    _own(person, consultation_id)
    now = datetime.now(UTC)
    try:
        consultations.cancel(
            person.ledger, consultation_id, reason=CancelReason.PATIENT, now=now, by=person.by()
        )
    except REFUSALS as error:
        return _page(person, consultation_id, refusal(error))
    person.follow(CONSULTATIONS, SHARING)
    return go(LIST, notice="consultation-cancelled")


@router.get(LIST + "/{consultation_id:uuid}/calendar.ics")
def calendar(person: Person, consultation_id: UUID) -> Response:
    """For the calendar of a phone, which others may see: nothing of health is in it."""
    state = _own(person, consultation_id)
    host = urlsplit(person.settings.public_url).hostname or "letopis"
    content = calendar_file(
        Appointment(
            uid=consultation_id,
            host=host,
            starts_at=state.starts_at,
            ends_at=state.ends_at,
            summary=phrase("consultation.said.calendar-title", locale=person.locale),
            description=phrase("consultation.said.calendar-text", locale=person.locale),
            url=f"{person.settings.public_url}{LIST}/{consultation_id}",
            stamped_at=state.chosen_at,
            sequence=state.moves + (not state.is_booked),
            is_cancelled=state.status is ConsultationStatus.CANCELLED,
        )
    )
    headers = {"Content-Disposition": 'attachment; filename="letopis.ics"', "Cache-Control": "no-store"}
    return Response(content, media_type=MEDIA_TYPE, headers=headers)


# What the pages say


def _own(person: Visit, consultation_id: UUID) -> Consultation:
    """Another's consultation answers as one that is not there."""
    own_cabinet(person)
    try:
        return consultations.consultation_of_patient(person.ledger, person.patient_id, consultation_id)
    except ConsultationUnknownError:
        raise ProblemError("not-found") from None


def _zone(person: Visit, member_id: Any) -> str:
    week = doctors.load_hours(person.ledger, member_id).week
    return week.time_zone if week else person.settings.time_zone


def _at_least(person: Visit) -> timedelta:
    return timedelta(minutes=person.settings.consultation_change_minutes)


def _page(
    person: Visit,
    consultation_id: UUID,
    error: ProblemError | None = None,
    values: dict[str, str] | None = None,
) -> Response:
    state, now = _own(person, consultation_id), datetime.now(UTC)
    who = doctors.load_doctor(person.ledger, state.member_id)
    prepared = state.preparation
    attached = {str(one) for one in prepared.reports}
    offered = booking.offered_reports(person)
    return person.page(
        "consultation.html",
        path=f"{LIST}/{consultation_id}",
        status=explain(error.code).status if error else 200,
        errors=told(error, person.locale) if error else {},
        values=values or {"questions": "\n".join(prepared.questions), "study": prepared.study_type or ""},
        visit={
            "id": str(consultation_id),
            "when": booking.when_text(person, state.starts_at, _zone(person, state.member_id)),
            "minutes": state.minutes,
            "format": state.format.value,
            "status": "now" if state.is_near(now) else state.status.value,
            "reason": state.reason.value if state.reason else None,
            "is_booked": state.is_booked,
            "can_move": state.is_booked and now <= state.starts_at - _at_least(person),
            "can_cancel": state.is_booked and now < state.starts_at,
            "link": meeting_link(person.ledger, person.settings, consultation_id, state)
            if state.is_near(now)
            else None,
            "until": state.shared_until,
            "before": _before(person, consultation_id, state),
        },
        doctor=booking.doctor_shown(person, who) if who else None,
        checks=_checks(person, state),
        attached=booking.attached_reports(person, list(prepared.reports)),
        offered=[one for one in offered if one["id"] not in attached],
        scans=[
            {"id": str(one.scan_id), "media_type": one.media_type, "size_bytes": one.document.size_bytes}
            for one in prepared.scans.values()
        ],
        studies=[one.value for one in StudyType],
        outcome=outcome_shown(person.ledger, consultation_id, state, locale=person.locale),
        organisations=_organisations(person) if state.outcome.referrals else [],
    )


def _organisations(person: Visit) -> list[dict[str, str]]:
    """Where the patient can ask for a study."""
    linked = cabinet.linked_laboratories(person.ledger, person.patient_id)
    return [{"id": str(row.laboratory_id), "name": row.name} for row, _ in linked]


def _before(person: Visit, consultation_id: UUID, state: Consultation) -> dict[str, str] | None:
    """What was agreed on before the doctor moved it: the patient is to notice it."""
    before = time_before_doctor(person.ledger, consultation_id)
    if before is None:
        return None
    when = booking.when_text(person, before.starts_at, _zone(person, state.member_id))
    return {"when": when, "format": before.format.value}


def _checks(person: Visit, state: Consultation) -> list[dict[str, Any]]:
    """«Подготовьтесь»: what is done, and what is not."""
    known = look(person.ledger, person.patient_id)
    prepared = state.preparation
    return [
        {"name": "identity", "done": known.so_far.is_confirmed_for(known.patient)},
        {"name": "results", "done": bool(prepared.reports or prepared.scans)},
        {"name": "questions", "done": bool(prepared.questions)},
        {"name": "device", "done": None},
    ]


def _move_page(
    person: Visit, consultation_id: UUID, values: dict[str, str], error: ProblemError | None = None
) -> Response:
    state, now = _own(person, consultation_id), datetime.now(UTC)
    if error is None and (not state.is_booked or now > state.starts_at - _at_least(person)):
        raise ProblemError("consultation-too-late" if state.is_booked else "consultation-over")
    who = booking.receiving(person, state.member_id)
    zone, other = booking.zones(person, _zone(person, state.member_id))
    return person.page(
        "consultation_move.html",
        path=f"{LIST}/{consultation_id}/move",
        status=explain(error.code).status if error else 200,
        errors=told(error, person.locale) if error else {},
        values={"format": state.format.value} | values,
        visit={
            "id": str(consultation_id),
            "when": booking.when_text(person, state.starts_at, _zone(person, state.member_id)),
        },
        doctor=booking.doctor_shown(person, who),
        formats=booking.formats_of(person.settings, who),
        days=booking.days_of(
            doctors.free_slots(person.ledger, state.member_id, now=now), zone, person.locale
        ),
        zone=zone,
        other_zone=other,
    )
