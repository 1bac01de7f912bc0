"""Consultations on a real database: a time is had once however many race for it, moving frees it, reminders are once."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from threading import Barrier, Thread
from typing import Any, cast
from uuid import UUID, uuid4

import pytest

from domain.consultation import CancelReason, ConsultationReminded
from domain.consultation_preparation import ConsultationPrepared
from domain.doctor import ConsultationFormat, DoctorDescribed
from domain.doctor_hours import Slot, WeeklyStretch
from domain.identity import Proof
from domain.patient import ProfileStated
from domain.sharing import ShareEnd
from domain.staff import Role
from domain.values import PatientId, StaffMemberId
from ledger import commands, consultations, doctors, identity, sharing, staff
from ledger.commands import by_patient
from ledger.consultations import IdentityNotConfirmedError, SlotNotFreeError, Wish
from ledger.doctors import DOCTOR_TIME, PATIENT_TIME, NotADoctorError
from ledger.recorder import MarkTakenError
from ledger.staff import by_member
from ledger.store import Ledger
from projections import consultations as view
from projections.consultations import CONSULTATIONS
from projections.follow import Follower
from projections.rebuild import check
from tests.examples import CLINIC, DOCTOR, MATCHED, RECEIVED, WEEK
from tests.scenario import TESTER, recorded, rows

NOTHING = ConsultationPrepared()
VIDEO = ConsultationFormat.VIDEO


def now() -> datetime:
    return datetime.now(UTC)


def doctor(ledger: Ledger, handle: str = "vera") -> StaffMemberId:
    """Receives every day, so that no test depends on the day it runs."""
    member_id = staff.admit(ledger, handle, {Role.DOCTOR}, TESTER, organisation_id=CLINIC)
    said = replace(DOCTOR, member_id=member_id)
    doctors.introduce(ledger, said, DoctorDescribed(name=f"Орлова {handle}", phone="+79990001122"), TESTER)
    every_day = tuple(WeeklyStretch(weekday=day, opens="08:00", closes="20:00") for day in range(7))
    week = replace(WEEK, member_id=member_id, weekly=every_day, break_minutes=0, works_on_holidays=True)
    doctors.state_week(ledger, week, TESTER)
    return member_id


def patient(ledger: Ledger, number: int = 1, *, is_confirmed: bool = True) -> PatientId:
    patient_id = PatientId(uuid4())
    commands.register_patient(ledger, patient_id=patient_id, phone=f"+7900{number:07d}", locale="ru")
    profile = ProfileStated(
        family="Соколова",
        given="Анна",
        patronymic=None,
        birth_date="1984-02-29",
        sex="female",
        snils=f"1122334459{number}",
    )
    commands.state_profile(ledger, patient_id, profile, by_patient(patient_id))
    if is_confirmed:
        identity.confirm(ledger, patient_id, by_member("ivan"), proof=Proof.IN_PERSON)
    return patient_id


def book(ledger: Ledger, patient_id: PatientId, member_id: StaffMemberId, slot: Slot) -> UUID:
    wish = Wish(member_id=member_id, starts_at=slot.starts_at, format=VIDEO)
    return consultations.book(ledger, patient_id, wish, NOTHING, by_patient(patient_id), now=now())


def free(ledger: Ledger, member_id: StaffMemberId) -> Sequence[Slot]:
    """The first of them may begin while a test is under way."""
    return doctors.free_slots(ledger, member_id, now=now())


def test_of_eight_who_race_for_a_time_one_gets_it(ledger: Ledger) -> None:
    member_id = doctor(ledger)
    patients = [patient(ledger, number) for number in range(8)]
    slot = free(ledger, member_id)[3]
    outcomes = raced(*(partial(book, ledger, one, member_id, slot) for one in patients))
    assert outcomes.count(None) == 1 and outcomes.count(DOCTOR_TIME) == 7
    assert slot not in free(ledger, member_id)


def test_a_time_to_which_a_doctor_moves_one_is_had_once(ledger: Ledger) -> None:
    """The doctor moves two consultations to it while two patients book it, and one of these moves their own there."""
    member_id = doctor(ledger)
    patients = [patient(ledger, number) for number in range(5)]
    first, second, third, target = free(ledger, member_id)[40:44]
    moved = [
        book(ledger, one, member_id, at) for one, at in zip(patients, (first, second, third), strict=False)
    ]

    def move(made: UUID, at_least: timedelta | None) -> None:
        consultations.move(
            ledger, made, starts_at=target.starts_at, visit=VIDEO, now=now(), at_least=at_least, by=TESTER
        )

    outcomes = raced(
        partial(move, moved[0], None),
        partial(move, moved[1], None),
        partial(move, moved[2], timedelta(hours=1)),
        partial(book, ledger, patients[3], member_id, target),
        partial(book, ledger, patients[4], member_id, target),
    )
    assert outcomes.count(None) == 1 and outcomes.count(DOCTOR_TIME) == 4
    # Who won left their time to others; everybody else has their own.
    assert len(set(free(ledger, member_id)) & {first, second, third}) == (1 if None in outcomes[:3] else 0)


def test_what_both_move_at_once_has_one_time(ledger: Ledger) -> None:
    member_id, patient_id = doctor(ledger), patient(ledger)
    before, *targets = free(ledger, member_id)[40:43]
    made = book(ledger, patient_id, member_id, before)
    raced(
        *(
            partial(
                consultations.move,
                ledger,
                made,
                starts_at=at.starts_at,
                visit=VIDEO,
                now=now(),
                at_least=at_least,
                by=TESTER,
            )
            for at, at_least in zip(targets, (None, timedelta(hours=1)), strict=True)
        )
    )
    state, _ = consultations.load_consultation(ledger, made)
    assert {before, *targets} - set(free(ledger, member_id)) == {Slot(state.starts_at, state.minutes)}
    marks = rows(ledger, "SELECT count(*) FROM ledger.blind_index WHERE kind = %s", (PATIENT_TIME,))
    assert marks == [(state.minutes // 5,)]


def raced(*acts: Callable[[], object]) -> list[str | None]:
    """All at once: of each, the kind of the mark that another had, or None."""
    together, outcomes = Barrier(len(acts)), cast("list[str | None]", ["died"] * len(acts))

    def run(place: int) -> None:
        together.wait()
        try:
            acts[place]()
            outcomes[place] = None
        except MarkTakenError as error:
            outcomes[place] = error.kind

    threads = [Thread(target=run, args=(place,)) for place in range(len(acts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


def test_a_patient_is_in_one_place_at_a_time(ledger: Ledger) -> None:
    first, second, patient_id = doctor(ledger), doctor(ledger, "oleg"), patient(ledger)
    slot = free(ledger, first)[1]
    book(ledger, patient_id, first, slot)
    with pytest.raises(MarkTakenError) as caught:
        book(ledger, patient_id, second, slot)
    assert caught.value.kind == PATIENT_TIME


def test_what_overlaps_a_booking_of_earlier_hours_is_not_free(ledger: Ledger) -> None:
    member_id, patient_id = doctor(ledger), patient(ledger)
    slot = free(ledger, member_id)[1]
    made = book(ledger, patient_id, member_id, slot)
    week = doctors.load_hours(ledger, member_id).week
    assert week is not None
    doctors.state_week(ledger, replace(week, slot_minutes=20), TESTER)
    ends_at = slot.starts_at + timedelta(minutes=slot.minutes)
    for one in free(ledger, member_id):
        assert one.starts_at >= ends_at or one.starts_at + timedelta(minutes=one.minutes) <= slot.starts_at
    assert consultations.load_consultation(ledger, made)[0].is_booked


def test_moving_and_cancelling_free_the_time(ledger: Ledger) -> None:
    member_id, patient_id = doctor(ledger), patient(ledger)
    first, second = free(ledger, member_id)[40:42]
    made = book(ledger, patient_id, member_id, first)
    change: dict[str, Any] = {"visit": VIDEO, "at_least": timedelta(hours=1), "by": TESTER}
    consultations.move(ledger, made, starts_at=second.starts_at, now=now(), **change)
    assert first in free(ledger, member_id) and second not in free(ledger, member_id)
    odd = second.starts_at + timedelta(minutes=5)
    with pytest.raises(SlotNotFreeError):
        consultations.move(ledger, made, starts_at=odd, now=now(), **change)
    consultations.cancel(ledger, made, reason=CancelReason.PATIENT, now=now(), by=TESTER)
    assert second in free(ledger, member_id)
    assert not rows(ledger, "SELECT 1 FROM ledger.blind_index WHERE kind = %s", (PATIENT_TIME,))


def test_only_who_is_known_books_and_only_with_who_receives(ledger: Ledger) -> None:
    member_id = doctor(ledger)
    stranger = patient(ledger, is_confirmed=False)
    slot = free(ledger, member_id)[1]
    with pytest.raises(IdentityNotConfirmedError):
        book(ledger, stranger, member_id, slot)
    ivan = staff.admit(ledger, "ivan", {Role.OPERATOR}, TESTER)
    with pytest.raises(NotADoctorError):
        doctors.introduce(ledger, replace(DOCTOR, member_id=ivan), DoctorDescribed(name="И"), TESTER)


class DiedError(Exception):
    """The process, right after something was stored."""


def test_who_dies_between_leaves_nothing_shared_for_what_is_not(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Attached, moved and cancelled are each one act with what is shared for it."""
    member_id, patient_id = doctor(ledger), patient(ledger)
    first, second = free(ledger, member_id)[40:42]
    made, report_id = book(ledger, patient_id, member_id, first), uuid4()
    recorded(ledger, report_id, RECEIVED, replace(MATCHED, patient_id=patient_id))

    def then_dies(act: Callable[..., Any], *arguments: Any, **named: Any) -> None:
        with monkeypatch.context() as patched:
            append = Ledger.append

            def once(*of: Any, **what: Any) -> None:
                append(*of, **what)
                raise DiedError

            patched.setattr(Ledger, "append", once)
            with pytest.raises(DiedError):
                act(ledger, made, *arguments, by=TESTER, now=now(), **named)

    then_dies(consultations.attach, [report_id])
    (share_id,) = consultations.load_consultation(ledger, made)[0].preparation.shares
    assert sharing.load_share(ledger, share_id).report_ids == (report_id,)
    then_dies(consultations.move, starts_at=second.starts_at, visit=VIDEO, at_least=timedelta(hours=1))
    state, _ = consultations.load_consultation(ledger, made)
    assert sharing.load_share(ledger, share_id).until == state.shared_until
    then_dies(consultations.cancel, reason=CancelReason.DOCTOR_UNAVAILABLE)
    assert not consultations.load_consultation(ledger, made)[0].is_booked
    assert sharing.load_share(ledger, share_id).end is ShareEnd.REVOKED


def test_reminders_are_found_and_made_once(ledger: Ledger, follower: Follower) -> None:
    member_id, patient_id = doctor(ledger), patient(ledger)
    slot = next(one for one in free(ledger, member_id) if one.starts_at > now() + timedelta(hours=30))
    made = book(ledger, patient_id, member_id, slot)
    follower.catch_up()
    day, hour = slot.starts_at - timedelta(hours=23), slot.starts_at - timedelta(minutes=50)
    assert view.reminders_due(ledger, now=day - timedelta(hours=2)) == []
    assert view.reminders_due(ledger, now=day) == [made]
    told = [consultations.remind(ledger, made, now=at) for at in (day, day, hour, hour, day)]
    assert [one is not None for one in told] == [True, False, True, False, False]
    follower.catch_up()
    assert not view.reminders_due(ledger, now=day) and not view.reminders_due(ledger, now=hour)
    assert len([one for one in ledger.read(made) if isinstance(one.event, ConsultationReminded)]) == 2


def test_the_view_knows_who_receives_and_is_rebuilt_the_same(
    ledger: Ledger, follower: Follower, owner: Ledger
) -> None:
    member_id, patient_id = doctor(ledger), patient(ledger)
    made = book(ledger, patient_id, member_id, free(ledger, member_id)[1])
    follower.catch_up()
    (row,) = view.doctors(ledger, search="орл")
    assert (row.member_id, row.name) == (member_id, "Орлова vera")
    assert not view.doctors(ledger, search="кузн")
    assert [one.consultation_id for one in view.consultations_of(ledger, patient_id)] == [made]
    staff.dismiss(ledger, member_id, TESTER)
    follower.catch_up()
    assert not view.doctors(ledger) and view.left_alone(ledger) == [made]
    assert check(owner, CONSULTATIONS).is_equal
