"""«Медицинские услуги» → «Консультация врача»: choose a doctor and a time, attach results, confirm (S138-S140, S143).

It is the patient's own act and what is said is theirs: a guardian who looks into a ward's cabinet does not book there.
"""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from itertools import groupby
from typing import Annotated, Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query
from fastapi.responses import Response

from api import limits
from api.pages import Locale, date_text, datetime_text, phrase
from api.portal.seen_reports import seen_reports
from api.portal.web import Actor, Form, Person, Visit, go, told
from api.problems import ProblemError, explain
from api.region_time_zones import time_zone_of
from api.settings import Settings
from domain import consultation, consultation_preparation, doctor
from domain.consultation_outcome import ReferralTakenError, ReferralUnknownError
from domain.consultation_preparation import ConsultationPrepared
from domain.doctor import ConsultationFormat, Doctor, Speciality
from domain.doctor_hours import Slot
from domain.study_type import StudyType
from domain.values import StaffMemberId
from ledger import commands, consultations, onboarding
from ledger.consultations import Wish
from ledger.doctors import PATIENT_TIME, free_slots, load_doctor, load_hours
from ledger.identity import look
from ledger.recorder import MarkTakenError
from ledger.sharing import NotSharedError
from projections.cabinet import ReportRow
from projections.consultations import CONSULTATIONS, doctors, is_receiving
from projections.sharing import SHARING

router = APIRouter(include_in_schema=False)
LIST: Final = "/consultations"
_OFFERED_MAX: Final = 50
# A page that can be read: who looks further ahead looks again later.
_SLOTS_MAX: Final = 300
_REFUSED: dict[type[Exception], tuple[str, str]] = {
    doctor.DoctorUnknownError: ("consultation-doctor-gone", "form"),
    consultations.FormatNotOfferedError: ("consultation-format-missing", "format"),
    consultations.SlotNotFreeError: ("consultation-slot-unknown", "slot"),
    consultations.IdentityNotConfirmedError: ("consultation-identity-needed", "form"),
    consultation.TooLateToMoveError: ("consultation-too-late", "form"),
    consultation.ConsultationOverError: ("consultation-over", "form"),
    consultation_preparation.QuestionsUnfitError: ("consultation-questions-unfit", "questions"),
    consultation_preparation.TooManyAttachedError: ("consultation-too-many-attached", "reports"),
    ReferralTakenError: ("consultation-referral-taken", "form"),
    ReferralUnknownError: ("consultation-referral-unknown", "form"),
}
REFUSALS: Final[tuple[type[Exception], ...]] = (*_REFUSED, MarkTakenError)


def refusal(error: Exception) -> ProblemError:
    if isinstance(error, MarkTakenError):
        is_own = error.kind == PATIENT_TIME
        return ProblemError("consultation-own-overlap" if is_own else "consultation-slot-taken", "slot")
    return ProblemError(*_REFUSED[type(error)])


def own_cabinet(person: Visit) -> None:
    person.signed_in()
    if person.acting is not None:
        raise ProblemError("not-for-a-ward")


@router.get(LIST + "/new")
def doctors_page(
    person: Person,
    q: str = "",
    speciality: str = "",
    report: Annotated[list[UUID] | None, Query(max_length=100)] = None,
) -> Response:
    """Who can be talked to; what was ticked in the list of results goes along."""
    own_cabinet(person)
    found = doctors(person.ledger, search=q[:100])
    offered = list(dict.fromkeys(one.speciality for one in found))
    chosen = [one for one in found if speciality not in tuple(Speciality) or one.speciality == speciality]
    names = onboarding_names(person, [one.organisation_id for one in chosen])
    return person.page(
        "consultation_doctors.html",
        q=q[:100],
        speciality=speciality,
        specialities=[one.value for one in Speciality if one in offered],
        reports=[str(one) for one in report or ()],
        doctors=[
            {
                "id": str(one.member_id),
                "name": one.name,
                "speciality": one.speciality.value,
                "organisation": names[one.organisation_id],
                "formats": [form.value for form in one.formats],
                "languages": [language.value for language in one.languages],
            }
            for one in chosen
        ],
    )


def onboarding_names(person: Visit, organisation_ids: Sequence[UUID]) -> dict[UUID, str]:
    return {one: onboarding.laboratory_of_id(person.ledger, one).name for one in set(organisation_ids)}


@router.get(LIST + "/new/{member_id:uuid}")
def booking_page(
    person: Person, member_id: UUID, report: Annotated[list[UUID] | None, Query(max_length=100)] = None
) -> Response:
    values = {f"report-{one}": "yes" for one in report or ()}
    return _booking_page(person, StaffMemberId(member_id), values)


@router.post(LIST + "/new/{member_id:uuid}")
def book(person: Actor, form: Form, member_id: UUID) -> Response:
    """First what is about to be booked is shown; with `confirmed` it is booked."""
    own_cabinet(person)
    doctor_id = StaffMemberId(member_id)
    try:
        wish, prepared, report_ids = _wish(doctor_id, form), _prepared(form), chosen_reports(person, form)
        if form.get("confirmed") != "yes":
            return _check_page(person, wish, prepared, report_ids, form)
        limits.take(person.ledger, "consultation", str(person.patient_id))
        now = datetime.now(UTC)
        made = consultations.book(person.ledger, person.patient_id, wish, prepared, person.by(), now=now)
        if report_ids:
            consultations.attach(person.ledger, made, report_ids, person.by(), now=now)
    except NotSharedError:
        raise ProblemError("not-found") from None
    except ProblemError as error:
        return _booking_page(person, doctor_id, form, error)
    except REFUSALS as error:
        return _booking_page(person, doctor_id, form, refusal(error))
    person.follow(CONSULTATIONS, SHARING)
    return go(f"{LIST}/{made}", notice="consultation-booked")


def _wish(member_id: StaffMemberId, form: dict[str, str]) -> Wish:
    visit = chosen_format(form)
    return Wish(member_id=member_id, starts_at=chosen_time(form), format=visit)


def chosen_format(form: dict[str, str]) -> ConsultationFormat:
    if form.get("format") not in tuple(ConsultationFormat):
        raise ProblemError("consultation-format-missing", "format")
    return ConsultationFormat(form["format"])


def chosen_time(form: dict[str, str]) -> datetime:
    try:
        at = datetime.fromisoformat(form.get("slot", ""))
    except ValueError:
        raise ProblemError("consultation-slot-missing", "slot") from None
    if at.tzinfo is None:
        raise ProblemError("consultation-slot-missing", "slot")
    return at


def _prepared(form: dict[str, str]) -> ConsultationPrepared:
    said = form.get("study", "")
    study = StudyType(said) if said in tuple(StudyType) else None
    (prepared,) = consultation_preparation.prepare(
        consultation_preparation.NOTHING, study_type=study, questions=form.get("questions", "").splitlines()
    ) or (ConsultationPrepared(),)
    return prepared


def chosen_reports(person: Visit, form: dict[str, str]) -> list[UUID]:
    """What was ticked, of what is in the cabinet."""
    ticked = [name.removeprefix("report-") for name, value in form.items() if value == "yes"]
    return [UUID(one["id"]) for one in attached_reports(person, _ids(ticked))]


def offered_reports(person: Visit, ticked: Sequence[UUID] = ()) -> list[dict[str, Any]]:
    """What can be attached: the latest ones, and before them what is ticked already, however long ago it came."""
    latest = _named(seen_reports(person, limit=_OFFERED_MAX, even_kept=True))
    earlier = [one for one in attached_reports(person, ticked) if one not in latest]
    return earlier + latest


def attached_reports(person: Visit, report_ids: Sequence[UUID]) -> list[dict[str, Any]]:
    """Those of them that are in the cabinet."""
    return _named(seen_reports(person, limit=len(report_ids), even_kept=True, only=report_ids))


def _ids(texts: Iterable[str]) -> list[UUID]:
    found = []
    for text in texts:
        with suppress(ValueError):
            found.append(UUID(text))
    return found


def _named(rows: Sequence[ReportRow]) -> list[dict[str, Any]]:
    """By the day of sampling, as the list of results has it; what waits for a talk says no name and no such day."""
    found: list[dict[str, Any]] = []
    for row in rows:
        said = row.summary
        at = (said.collected_at or said.issued_at if said else None) or row.received_at
        found.append({"id": str(row.report_id), "title": said.title if said else None, "at": at})
    return found


def formats_of(settings: Settings, who: Doctor) -> list[str]:
    """Video needs a place to meet."""
    has_room = bool(who.meeting_link or settings.meeting_url)
    return [one.value for one in who.formats if has_room or one is not ConsultationFormat.VIDEO]


def zones(person: Visit, doctor_zone: str) -> tuple[str, str | None]:
    """The patient's zone, and the doctor's if the clock there shows another time."""
    patient = commands.load_patient(person.ledger, person.patient_id)
    own = time_zone_of(patient, person.settings.time_zone)
    now = datetime.now(UTC)
    differs = now.astimezone(ZoneInfo(own)).utcoffset() != now.astimezone(ZoneInfo(doctor_zone)).utcoffset()
    return own, doctor_zone if differs else None


def when_text(person: Visit, at: datetime, doctor_zone: str) -> str:
    """The time by the patient's clock, and by the doctor's if it shows another one."""
    own, other = zones(person, doctor_zone)
    text = datetime_text(at, locale=person.locale, time_zone=own)
    if other is None:
        return text
    there = datetime_text(at, locale=person.locale, time_zone=other)
    return phrase("consultation.said.when-both", locale=person.locale, here=text, there=there)


def days_of(slots: Sequence[Slot], zone: str, locale: Locale) -> list[dict[str, Any]]:
    """Free times by day of the clock of who chooses."""
    found = []
    for day, group in groupby(
        slots[:_SLOTS_MAX], key=lambda slot: slot.starts_at.astimezone(ZoneInfo(zone)).date()
    ):
        times = [
            {
                "value": slot.starts_at.isoformat(),
                "text": f"{slot.starts_at.astimezone(ZoneInfo(zone)):%H:%M}",
            }
            for slot in group
        ]
        found.append({"day": date_text(day, locale=locale), "weekday": str(day.isoweekday()), "times": times})
    return found


def receiving(person: Visit, member_id: StaffMemberId) -> Doctor:
    found = load_doctor(person.ledger, member_id)
    if found is None or found.name is None or not is_receiving(person.ledger, member_id):
        raise ProblemError("not-found")
    return found


def doctor_shown(person: Visit, who: Doctor) -> dict[str, Any]:
    return {
        "id": str(who.member_id),
        "name": who.name or "—",
        "speciality": who.speciality.value,
        "organisation": onboarding.laboratory_of_id(person.ledger, who.organisation_id).name,
        "languages": [one.value for one in who.languages],
    }


def _booking_page(
    person: Visit, member_id: StaffMemberId, values: dict[str, str], error: ProblemError | None = None
) -> Response:
    own_cabinet(person)
    who = receiving(person, member_id)
    week = load_hours(person.ledger, member_id).week
    zone, other = zones(person, week.time_zone if week else person.settings.time_zone)
    return person.page(
        "consultation_booking.html",
        path=f"{LIST}/new/{member_id}",
        status=explain(error.code).status if error else 200,
        errors=told(error, person.locale) if error else {},
        values=values,
        doctor=doctor_shown(person, who),
        formats=formats_of(person.settings, who),
        days=days_of(free_slots(person.ledger, member_id, now=datetime.now(UTC)), zone, person.locale),
        zone=zone,
        other_zone=other,
        minutes=week.slot_minutes if week else 0,
        studies=[one.value for one in StudyType],
        reports=offered_reports(person, _ids(name.removeprefix("report-") for name in values)),
    )


def _check_page(
    person: Visit,
    wish: Wish,
    prepared: ConsultationPrepared,
    report_ids: Sequence[UUID],
    form: dict[str, str],
) -> Response:
    """«Проверьте данные»: the time, the passport data as in the profile, and what the doctor will see."""
    known = look(person.ledger, person.patient_id)
    if not known.so_far.is_confirmed_for(known.patient):
        raise ProblemError("consultation-identity-needed", "form")
    profile = known.patient.profile
    assert profile is not None
    week = load_hours(person.ledger, wish.member_id).week
    return person.page(
        "consultation_check.html",
        path=f"{LIST}/new/{wish.member_id}",
        doctor=doctor_shown(person, receiving(person, wish.member_id)),
        when=when_text(person, wish.starts_at, week.time_zone if week else person.settings.time_zone),
        format=wish.format.value,
        study=prepared.study_type.value if prepared.study_type else None,
        questions=prepared.questions,
        reports=attached_reports(person, report_ids),
        person={
            "name": profile.full_name,
            "birth_date": profile.birth_date,
            "document": profile.document.number[-4:] if profile.document else None,
        },
        values=form,
    )
