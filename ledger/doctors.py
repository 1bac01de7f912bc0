"""Doctors in the ledger: who receives patients, in which hours, and which of their times are free."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from domain import doctor, doctor_hours, staff
from domain.doctor import Doctor, DoctorDescribed, DoctorIntroduced
from domain.doctor_hours import (
    DoctorDayStated,
    DoctorHours,
    DoctorHoursStated,
    Slot,
    cells,
)
from domain.staff import Role, StaffMember
from domain.values import PatientId, StaffMemberId
from ledger.codec import Circumstances
from ledger.commands import change, decide_again
from ledger.recorder import Guard, Mark
from ledger.store import Ledger, Position, Write

BOOK_DAYS = 28
# In the blind index: five minutes that somebody has. The index has each once, whoever races for it.
DOCTOR_TIME, PATIENT_TIME = "doctor-time", "patient-time"


class NotADoctorError(Exception):
    """The member does not work here as a doctor of an organisation."""


def doctors_stream(ledger: Ledger, member_id: StaffMemberId) -> UUID:
    return ledger.stream_id("doctor", str(member_id))


def hours_stream(ledger: Ledger, member_id: StaffMemberId) -> UUID:
    return ledger.stream_id("doctor-hours", str(member_id))


def load_doctor(ledger: Ledger, member_id: StaffMemberId) -> Doctor | None:
    """What a member said of themselves; also of one who receives no more patients (`is_ended`)."""
    (found,) = ledger.load_unerased((doctors_stream(ledger, member_id), doctor.evolve))
    return found[0] if found else None


def load_hours(ledger: Ledger, member_id: StaffMemberId) -> DoctorHours:
    return ledger.load(hours_stream(ledger, member_id), doctor_hours.evolve)[0] or DoctorHours()


def introduce(
    ledger: Ledger, said: DoctorIntroduced, described: DoctorDescribed, by: Circumstances
) -> Position:
    """NotADoctorError if the member may not: they work as a doctor, and for that organisation."""
    stream_id = doctors_stream(ledger, said.member_id)

    def act() -> Position:
        member, member_version = ledger.load(said.member_id, staff.evolve)
        require_doctor(member)
        if member is None or member.organisation_id != said.organisation_id:
            raise NotADoctorError
        state, version = ledger.load(stream_id, doctor.evolve)
        return ledger.append(
            Write(stream_id, version, doctor.introduce(state, said, described), stream_id),
            circumstances=by,
            # Who is dismissed at this moment is introduced to nobody.
            guards=(Guard(said.member_id, member_version),),
        )

    return decide_again(act)


def end(ledger: Ledger, member_id: StaffMemberId, by: Circumstances) -> Position:
    """They receive no more patients. DoctorUnknownError if they do not."""
    return change(
        ledger,
        doctors_stream(ledger, member_id),
        doctor.evolve,
        lambda state: (doctor.end(state),),
        by,
    )


def require_doctor(member: StaffMember | None) -> None:
    if member is None or not member.may(Role.DOCTOR):
        raise NotADoctorError


# Hours


def state_week(ledger: Ledger, said: DoctorHoursStated, by: Circumstances) -> Position:
    return change(
        ledger,
        hours_stream(ledger, said.member_id),
        doctor_hours.evolve,
        lambda state: doctor_hours.state_week(state, said),
        by,
    )


def state_day(ledger: Ledger, said: DoctorDayStated, by: Circumstances, *, now: datetime) -> Position:
    return change(
        ledger,
        hours_stream(ledger, said.member_id),
        doctor_hours.evolve,
        lambda state: doctor_hours.state_day(state, said, today=_today(state, now)),
        by,
    )


def clear_day(ledger: Ledger, member_id: StaffMemberId, day: date, by: Circumstances) -> Position:
    return change(
        ledger,
        hours_stream(ledger, member_id),
        doctor_hours.evolve,
        lambda state: doctor_hours.clear_day(state, member_id=member_id, day=day),
        by,
    )


def _today(hours: DoctorHours | None, now: datetime) -> date:
    zone = hours.week.time_zone if hours and hours.week else "UTC"
    return now.astimezone(ZoneInfo(zone)).date()


# Times


def free_slots(
    ledger: Ledger, member_id: StaffMemberId, *, now: datetime, days: int = BOOK_DAYS
) -> Sequence[Slot]:
    """The doctor's times that nobody has yet."""
    every = doctor_hours.slots(load_hours(ledger, member_id), now=now, days=days)
    texts = {slot: [_text(member_id, cell) for cell in cells(slot.starts_at, slot.minutes)] for slot in every}
    taken = ledger.find_all([(DOCTOR_TIME, text) for found in texts.values() for text in found])
    return [slot for slot in every if not any((DOCTOR_TIME, text) in taken for text in texts[slot])]


def time_marks(
    ledger: Ledger, consultation_id: UUID, member_id: StaffMemberId, patient_id: PatientId, slot: Slot
) -> tuple[Mark, ...]:
    """What a consultation enters in the blind index: its doctor and its patient are taken for that time."""
    taken = cells(slot.starts_at, slot.minutes)
    return tuple(
        ledger.mark(kind, _text(whose, cell), consultation_id)
        for kind, whose in ((DOCTOR_TIME, member_id), (PATIENT_TIME, patient_id))
        for cell in taken
    )


def _text(whose: UUID, cell: datetime) -> str:
    return f"{whose}|{cell.astimezone(UTC).isoformat()}"
