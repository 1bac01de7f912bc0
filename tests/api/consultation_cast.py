"""A doctor who receives all day long, so that a consultation is always about to begin; and who books one."""

import re
from datetime import UTC, datetime, timedelta
from uuid import UUID

from api.laboratories import OPERATOR
from domain.doctor import ConsultationFormat, DoctorDescribed, DoctorIntroduced, Language, Speciality
from domain.doctor_hours import DoctorHoursStated, Slot, WeeklyStretch
from domain.staff import Role
from domain.values import OrganisationId, StaffMemberId
from ledger import doctors
from ledger.staff import by_member, member_id_of
from tests.api.cast import Laboratory, Person, Portal, settle
from tests.api.staff_cast import Clock, Member

NAME = "Орлова Вера Павловна"
ROOM = "https://meet.example.org/orlova"


def id_of(member: Member) -> StaffMemberId:
    return member_id_of(member.portal.opened.ledger, member.handle)


def enrolled(portal: Portal, clock: Clock, laboratory: Laboratory, handle: str = "vera") -> Member:
    """A member with the role of a doctor, who said nothing of themselves yet."""
    member = Member(portal, clock, handle)
    organisation_id = OrganisationId(laboratory.laboratory_id)
    link = member.door.admit(handle, [Role.DOCTOR], OPERATOR, organisation_id=organisation_id)
    assert member.open_link(member.path_of(link.address)).status_code == 303
    assert member.enrol().status_code == 303
    return member


def receiving(portal: Portal, clock: Clock, laboratory: Laboratory, handle: str = "vera") -> Member:
    member = enrolled(portal, clock, laboratory, handle)
    said = DoctorIntroduced(
        member_id=id_of(member),
        organisation_id=OrganisationId(laboratory.laboratory_id),
        speciality=Speciality.ENDOCRINOLOGY,
        formats=(ConsultationFormat.VIDEO, ConsultationFormat.PHONE),
        languages=(Language.RUSSIAN,),
    )
    described = DoctorDescribed(name=NAME, phone="+79990001122", meeting_link=ROOM)
    doctors.introduce(portal.opened.ledger, said, described, by_member(handle))
    doctors.state_week(portal.opened.ledger, all_day(id_of(member)), by_member(handle))
    portal.catch_up()
    return member


def all_day(member_id: StaffMemberId) -> DoctorHoursStated:
    """Ten minutes each, one after another: the next one begins in five to ten minutes, so it is near, and does not pass
    while a test is slow. Midnight, where there is a gap, is far away."""
    now = datetime.now(UTC)
    is_late, opens = 20 <= now.hour < 22, "00:00" if now.minute % 10 < 5 else "00:05"
    return DoctorHoursStated(
        member_id=member_id,
        time_zone="Asia/Kamchatka" if is_late else "Europe/Moscow",
        slot_minutes=10,
        break_minutes=0,
        weekly=tuple(WeeklyStretch(weekday=day, opens=opens, closes="23:55") for day in range(7)),
        works_on_holidays=True,
    )


def patient(portal: Portal, laboratory: Laboratory, who: object) -> Person:
    person = portal.person(who).register()  # type: ignore[arg-type]
    settle(portal.opened, person.patient_id, who, laboratory.laboratory_id)  # type: ignore[arg-type]
    portal.catch_up()
    return person


def slot(portal: Portal, member: Member, *, after: timedelta = timedelta()) -> Slot:
    """The first free time that begins so much later."""
    now = datetime.now(UTC)
    free = doctors.free_slots(portal.opened.ledger, id_of(member), now=now, days=4)
    return next(one for one in free if one.starts_at >= now + after)


def book(person: Person, member: Member, at: Slot, **form: str) -> str:
    """The path of the new consultation, or the page that refuses it."""
    plain = {"slot": at.starts_at.isoformat(), "format": "video", "confirmed": "yes"}
    answer = person.post(f"/consultations/new/{id_of(member)}", **plain | form)
    person.portal.catch_up()
    if answer.status_code != 303:
        return answer.text
    return answer.headers["location"].partition("?")[0]


def consultation_id_of(path: str) -> UUID:
    found = re.search(r"/consultations/([0-9a-f-]{36})", path)
    assert found is not None, path
    return UUID(found[1])
