"""«Обо мне и часы приёма»: what a doctor tells patients of themselves, and when they can be talked to (S139).

An operator sees who receives patients, and can end it.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends
from fastapi.responses import Response

from api.portal.web import Form, go, told
from api.problems import ProblemError, explain
from api.russian_time_zones import TIME_ZONES
from api.staff.web import StaffVisit, acts, reads
from domain import doctor, doctor_hours
from domain.doctor import ConsultationFormat, DoctorDescribed, DoctorIntroduced, Language, Speciality
from domain.doctor_hours import (
    DoctorDayStated,
    DoctorHours,
    DoctorHoursStated,
    Stretch,
    WeeklyStretch,
    is_within,
)
from domain.staff import Role
from domain.values import StaffMemberId
from ledger import doctors, onboarding
from ledger.staff import member_id_of
from projections import consultations as view
from projections.consultations import CONSULTATIONS

router = APIRouter(include_in_schema=False, prefix="/staff")
Doctor = Annotated[StaffVisit, Depends(reads(Role.DOCTOR))]
DoctorActs = Annotated[StaffVisit, Depends(acts(Role.DOCTOR))]
Operator = Annotated[StaffVisit, Depends(reads(Role.OPERATOR))]
OperatorActs = Annotated[StaffVisit, Depends(acts(Role.OPERATOR))]
PAGE: Final = "/staff/doctor"
SLOT_MINUTES: Final = (10, 15, 20, 30, 40, 45, 60)
BREAK_MINUTES: Final = (0, 5, 10, 15)
_PROBLEMS: dict[type[Exception], tuple[str, str]] = {
    doctor.DoctorNameMissingError: ("doctor-name-missing", "name"),
    doctor.DoctorFormatMissingError: ("doctor-format-missing", "formats"),
    doctor.DoctorLanguageMissingError: ("doctor-language-missing", "languages"),
    doctor.DoctorPhoneMissingError: ("doctor-phone-missing", "phone"),
    doctor.MeetingLinkUnfitError: ("doctor-link-unfit", "link"),
    doctor_hours.HoursUnfitError: ("doctor-hours-unfit", "hours"),
    doctor_hours.HoursTimeZoneUnknownError: ("doctor-zone-unknown", "time_zone"),
    doctor_hours.DayPassedError: ("doctor-day-passed", "day"),
    doctor_hours.HoursMissingError: ("doctor-hours-missing", "form"),
}
_STRETCH = re.compile(r"\s*(\d{1,2}):(\d\d)\s*[-–—]\s*(\d{1,2}):(\d\d)\s*")


def member_of(visit: StaffVisit) -> StaffMemberId:
    return member_id_of(visit.ledger, visit.signed_in().member.handle)


@router.get("/doctor")
def doctor_page(visit: Doctor) -> Response:
    return _page(visit)


@router.post("/doctor")
def introduce(visit: DoctorActs, form: Form) -> Response:
    try:
        if form.get("speciality") not in tuple(Speciality):
            raise ProblemError("doctor-speciality-missing", "speciality")
        said = DoctorIntroduced(
            member_id=member_of(visit),
            organisation_id=visit.organisation_id,
            speciality=Speciality(form["speciality"]),
            formats=doctor.ordered(_ticked(form, "format", ConsultationFormat), ConsultationFormat),
            languages=doctor.ordered(_ticked(form, "language", Language), Language),
        )
        described = DoctorDescribed(
            name=" ".join(form.get("name", "").split()),
            phone=re.sub(r"[\s()-]", "", form.get("phone", "")) or None,
            meeting_link=form.get("link", "").strip() or None,
        )
        has_room = bool(described.meeting_link or visit.door.settings.meeting_url)
        if ConsultationFormat.VIDEO in said.formats and not has_room:
            raise ProblemError("doctor-format-missing", "formats")
        with _refusals():
            doctors.introduce(visit.ledger, said, described, visit.by())
    except ProblemError as error:
        return _page(visit, error, form)
    visit.follow(CONSULTATIONS)
    return go(PAGE, notice="doctor-saved")


@router.post("/doctor/hours")
def state_week(visit: DoctorActs, form: Form) -> Response:
    try:
        with _refusals():
            doctors.state_week(visit.ledger, _week(visit, form), visit.by())
    except ProblemError as error:
        return _page(visit, error, form)
    return go(f"{PAGE}", notice="doctor-hours-saved")


@router.post("/doctor/days")
def state_day(visit: DoctorActs, form: Form) -> Response:
    """On one day other hours, a day off, or the week's again."""
    member_id = member_of(visit)
    try:
        try:
            day = date.fromisoformat(form.get("day", ""))
        except ValueError:
            raise ProblemError("doctor-day-passed", "day") from None
        if form.get("act") == "clear":
            doctors.clear_day(visit.ledger, member_id, day, visit.by())
        else:
            with _refusals(hours="day_hours"):
                said = DoctorDayStated(
                    member_id=member_id, day=day, hours=tuple(_stretches(form.get("day_hours", "")))
                )
                doctors.state_day(visit.ledger, said, visit.by(), now=datetime.now(UTC))
    except ProblemError as error:
        return _page(visit, error, form)
    return go(PAGE, notice="doctor-hours-saved")


@router.get("/doctors")
def doctors_page(visit: Operator) -> Response:
    return visit.page(
        "staff_doctors.html",
        doctors=[
            {
                "id": str(row.member_id),
                "name": row.name,
                "speciality": row.speciality.value,
                "organisation": onboarding.laboratory_of_id(visit.ledger, row.organisation_id).name,
                "open": len(view.open_with(visit.ledger, row.member_id)),
            }
            for row in view.doctors(visit.ledger)
        ],
    )


@router.post("/doctors/{member_id:uuid}/end")
def end(visit: OperatorActs, member_id: UUID) -> Response:
    """What is booked with the doctor is cancelled by the clockwork, which tells the patients."""
    try:
        doctors.end(visit.ledger, StaffMemberId(member_id), visit.by())
    except doctor.DoctorUnknownError:
        raise ProblemError("not-found") from None
    visit.follow(CONSULTATIONS)
    return go("/staff/doctors", notice="doctor-ended")


@contextmanager
def _refusals(*, hours: str = "hours") -> Iterator[None]:
    try:
        yield
    except doctors.NotADoctorError:
        raise ProblemError("not-found") from None
    except tuple(_PROBLEMS) as error:
        code, field = _PROBLEMS[type(error)]
        raise ProblemError(code, hours if field == "hours" else field) from None


def _ticked(form: dict[str, str], name: str, every: Any) -> list[Any]:
    return [one for one in every if form.get(f"{name}-{one}") == "yes"]


def _week(visit: StaffVisit, form: dict[str, str]) -> DoctorHoursStated:
    if form.get("time_zone") not in TIME_ZONES:
        raise ProblemError("doctor-zone-unknown", "time_zone")
    lengths = [form.get(name, "") for name in ("slot", "break")]
    if not all(one.isdecimal() and len(one) < 4 for one in lengths):
        raise doctor_hours.HoursUnfitError
    weekly = tuple(
        WeeklyStretch(weekday=weekday, opens=one.opens, closes=one.closes)
        for weekday in range(7)
        for one in _stretches(form.get(f"weekday-{weekday + 1}", ""))
    )
    return DoctorHoursStated(
        member_id=member_of(visit),
        time_zone=form["time_zone"],
        slot_minutes=int(lengths[0]),
        break_minutes=int(lengths[1]),
        weekly=weekly,
        works_on_holidays=form.get("holidays") == "yes",
    )


def _stretches(text: str) -> Iterator[Stretch]:
    """As people write them: 9:00–13:00, 14:00-17:00."""
    for part in filter(None, (one.strip() for one in re.split(r"[,;]", text))):
        found = _STRETCH.fullmatch(part)
        if found is None:
            raise doctor_hours.HoursUnfitError
        opens_hour, opens, closes_hour, closes = found.groups()
        yield Stretch(opens=f"{int(opens_hour):02}:{opens}", closes=f"{int(closes_hour):02}:{closes}")


def _page(
    visit: StaffVisit, error: ProblemError | None = None, values: dict[str, str] | None = None
) -> Response:
    member_id, now = member_of(visit), datetime.now(UTC)
    known, hours = doctors.load_doctor(visit.ledger, member_id), doctors.load_hours(visit.ledger, member_id)
    zone = hours.week.time_zone if hours.week else visit.door.settings.time_zone
    return visit.page(
        "staff_doctor.html",
        path=PAGE,
        status=explain(error.code).status if error else 200,
        errors=told(error, visit.locale) if error else {},
        values=_values(known, hours, zone) | (values or {}),
        is_introduced=known is not None and not known.is_ended,
        has_room=bool(visit.door.settings.meeting_url),
        specialities=[one.value for one in Speciality],
        formats=[one.value for one in ConsultationFormat],
        languages=[one.value for one in Language],
        zones=TIME_ZONES,
        # A length that was stated otherwise stays a choice, or saving would change it unasked.
        slots=sorted({*SLOT_MINUTES, *([hours.week.slot_minutes] if hours.week else [])}),
        breaks=BREAK_MINUTES,
        days=[
            {"day": day, "hours": _hours_text(said)}
            for day, said in sorted(hours.days.items())
            if day >= now.astimezone(ZoneInfo(zone)).date()
        ],
        affected=_affected(visit, member_id, hours, now),
    )


def _affected(
    visit: StaffVisit, member_id: StaffMemberId, hours: DoctorHours, now: datetime
) -> list[dict[str, Any]]:
    """What is booked outside of the hours: it stays booked, and the doctor decides."""
    rows = view.booked_with(visit.ledger, member_id, since=now, until=now + timedelta(days=400))
    return [
        {"href": f"/staff/consultations/{row.consultation_id}", "at": row.starts_at}
        for row in rows
        if row.is_booked and not is_within(hours, row.starts_at, row.minutes, now=now)
    ]


def _values(known: doctor.Doctor | None, hours: DoctorHours, zone: str) -> dict[str, str]:
    values = {"time_zone": zone, "slot": "30", "break": "0"}
    if known is not None:
        values |= {
            "name": known.name or "",
            "phone": known.phone or "",
            "link": known.meeting_link or "",
            "speciality": known.speciality.value,
        }
        values |= {f"format-{one}": "yes" for one in known.formats}
        values |= {f"language-{one}": "yes" for one in known.languages}
    week = hours.week
    if week is not None:
        values |= {"slot": str(week.slot_minutes), "break": str(week.break_minutes)}
        values |= {"holidays": "yes"} if week.works_on_holidays else {}
        for weekday in range(7):
            said = tuple(
                Stretch(opens=one.opens, closes=one.closes) for one in week.weekly if one.weekday == weekday
            )
            values[f"weekday-{weekday + 1}"] = _hours_text(said)
    return values


def _hours_text(stretches: tuple[Stretch, ...]) -> str:
    return ", ".join(f"{one.opens}–{one.closes}" for one in stretches)
