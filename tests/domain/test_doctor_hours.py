"""Which times a doctor's hours give: by weeks, single days, holidays and clocks that jump."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given as drawn
from hypothesis import settings
from hypothesis import strategies as st

from domain import doctor_hours
from domain.doctor_hours import (
    DAYS_MAX,
    DayPassedError,
    DoctorDayCleared,
    DoctorDayStated,
    DoctorHours,
    HoursMissingError,
    HoursTimeZoneUnknownError,
    HoursUnfitError,
    Slot,
    Stretch,
    WeeklyStretch,
    cells,
    clear_day,
    evolve,
    is_within,
    slots,
    state_day,
    state_week,
)
from tests.examples import IVAN, WEEK
from tests.scenario import given

# A Monday at noon UTC, the fair time of Moscow being three hours ahead.
MONDAY = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)
OFF = DoctorDayStated(member_id=IVAN, day=date(2026, 11, 30))


def hours(*events: doctor_hours.DoctorHoursEvent) -> DoctorHours:
    state = None
    for event in events:
        state = evolve(state, event)
    assert state is not None
    return state


def texts(found: tuple[Slot, ...]) -> list[str]:
    return [f"{slot.starts_at:%d %H:%M}" for slot in found]


def test_a_week_gives_times_with_breaks_between_them() -> None:
    given().when(state_week, WEEK).then(WEEK)
    # 9:00 to 13:00 in Moscow, half an hour each and ten minutes between.
    found = slots(hours(WEEK), now=MONDAY, days=1)
    assert texts(found) == ["23 06:00", "23 06:40", "23 07:20", "23 08:00", "23 08:40", "23 09:20"]


def test_what_has_begun_is_not_offered_and_the_next_week_is() -> None:
    found = slots(hours(WEEK), now=MONDAY.replace(hour=9, minute=20), days=8)
    assert texts(found)[0] == "30 06:00"


def test_a_day_may_differ_and_be_cleared_again() -> None:
    given(WEEK).when(state_day, OFF, today=date(2026, 11, 23)).then(OFF)
    assert not slots(hours(WEEK, OFF), now=MONDAY + timedelta(days=1), days=7)
    other = replace(OFF, hours=(Stretch(opens="20:00", closes="20:30"),))
    assert texts(slots(hours(WEEK, OFF, other), now=MONDAY + timedelta(days=1), days=7)) == ["30 17:00"]
    cleared = DoctorDayCleared(member_id=IVAN, day=OFF.day)
    given(WEEK, OFF).when(clear_day, member_id=IVAN, day=OFF.day).then(cleared)
    assert hours(WEEK, OFF, cleared) == hours(WEEK)
    given(WEEK).when(clear_day, member_id=IVAN, day=OFF.day).then_nothing()


def test_the_same_again_changes_nothing() -> None:
    given(WEEK).when(state_week, WEEK).then_nothing()
    given(WEEK, OFF).when(state_day, OFF, today=OFF.day).then_nothing()


@pytest.mark.parametrize(
    "changed",
    [
        {"slot_minutes": 7},
        {"slot_minutes": 5},
        {"slot_minutes": 125},
        {"break_minutes": -5},
        {"break_minutes": 65},
        {"weekly": (WeeklyStretch(weekday=7, opens="09:00", closes="10:00"),)},
        {"weekly": (WeeklyStretch(weekday=0, opens="09:02", closes="10:00"),)},
        {"weekly": (WeeklyStretch(weekday=0, opens="10:00", closes="09:00"),)},
        {"weekly": (WeeklyStretch(weekday=0, opens="09:00", closes="09:20"),)},
        {"weekly": (WeeklyStretch(weekday=0, opens="nine", closes="10:00"),)},
        {"weekly": (WeeklyStretch(weekday=0, opens="09:00+03:00", closes="10:00"),)},
        {
            "weekly": (
                WeeklyStretch(weekday=0, opens="09:00", closes="11:00"),
                WeeklyStretch(weekday=0, opens="10:00", closes="12:00"),
            )
        },
    ],
)
def test_hours_that_make_no_sense_are_refused(changed: dict[str, object]) -> None:
    given().when(state_week, replace(WEEK, **changed)).then_refused(HoursUnfitError)  # type: ignore[arg-type]


def test_a_zone_is_one_that_is_known() -> None:
    for zone in ("Mars/Base", "", "../etc/passwd"):
        given().when(state_week, replace(WEEK, time_zone=zone)).then_refused(HoursTimeZoneUnknownError)


def test_a_single_day_needs_a_week_and_is_to_come() -> None:
    given().when(state_day, OFF, today=OFF.day).then_refused(HoursMissingError)
    given(WEEK).when(state_day, OFF, today=date(2026, 12, 1)).then_refused(DayPassedError)
    bad = replace(OFF, hours=(Stretch(opens="09:00", closes="09:05"),))
    given(WEEK).when(state_day, bad, today=OFF.day).then_refused(HoursUnfitError)


def test_public_holidays_are_off_unless_the_doctor_works_on_them() -> None:
    # 4 January 2027 is a Monday and a holiday.
    before = datetime(2027, 1, 3, 12, 0, tzinfo=UTC)
    assert not slots(hours(WEEK), now=before, days=3)
    assert slots(hours(replace(WEEK, works_on_holidays=True)), now=before, days=3)
    there = DoctorDayStated(
        member_id=IVAN, day=date(2027, 1, 4), hours=(Stretch(opens="09:00", closes="10:00"),)
    )
    assert len(slots(hours(WEEK, there), now=before, days=3)) == 1


def test_a_time_that_the_clock_jumps_over_is_not_offered() -> None:
    # Berlin, 29 March 2026: 02:00 to 03:00 does not exist.
    night = replace(
        WEEK,
        time_zone="Europe/Berlin",
        break_minutes=0,
        weekly=(WeeklyStretch(weekday=6, opens="01:00", closes="04:00"),),
    )
    found = slots(hours(night), now=datetime(2026, 3, 28, 12, 0, tzinfo=UTC), days=2)
    assert texts(found) == ["29 00:00", "29 00:30", "29 01:00", "29 01:30"]


def test_a_booking_outside_of_new_hours_is_seen() -> None:
    slot = slots(hours(WEEK), now=MONDAY, days=1)[0]
    assert is_within(hours(WEEK), slot.starts_at, slot.minutes, now=MONDAY)
    assert not is_within(hours(replace(WEEK, weekly=())), slot.starts_at, slot.minutes, now=MONDAY)
    assert not is_within(hours(replace(WEEK, slot_minutes=20)), slot.starts_at, slot.minutes, now=MONDAY)


_LENGTHS = st.sampled_from(range(10, 121, 5))


@settings(max_examples=100)
@drawn(first=_LENGTHS, second=_LENGTHS, apart=st.integers(min_value=-30, max_value=30))
def test_two_times_have_a_mark_in_common_exactly_if_they_overlap(first: int, second: int, apart: int) -> None:
    """Also of two that were made by different hours."""
    begins, other = MONDAY, MONDAY + timedelta(minutes=5 * apart)
    overlap = begins < other + timedelta(minutes=second) and other < begins + timedelta(minutes=first)
    assert bool(set(cells(begins, first)) & set(cells(other, second))) is overlap


@settings(max_examples=100)
@drawn(
    slot=_LENGTHS,
    pause=st.sampled_from(range(0, 61, 5)),
    opens=st.integers(0, 100),
    length=st.integers(24, 100),
)
def test_the_times_of_a_week_never_overlap_and_end_in_time(
    slot: int, pause: int, opens: int, length: int
) -> None:
    first, last = opens * 5, min(opens * 5 + length * 5, 23 * 60 + 55)
    week = replace(
        WEEK,
        slot_minutes=slot,
        break_minutes=pause,
        weekly=(
            WeeklyStretch(
                weekday=0,
                opens=f"{first // 60:02}:{first % 60:02}",
                closes=f"{last // 60:02}:{last % 60:02}",
            ),
        ),
    )
    found = slots(hours(*state_week(None, week)), now=MONDAY - timedelta(days=1), days=2)
    taken = [cell for one in found for cell in cells(one.starts_at, one.minutes)]
    assert len(taken) == len(set(taken))
    assert found


def test_days_that_are_over_take_no_place() -> None:
    passed = [replace(OFF, day=OFF.day - timedelta(days=number)) for number in range(1, DAYS_MAX + 1)]
    given(WEEK, *passed).when(state_day, OFF, today=OFF.day).then(OFF)
    to_come = [replace(OFF, day=OFF.day + timedelta(days=number)) for number in range(1, DAYS_MAX + 1)]
    given(WEEK, *to_come).when(state_day, OFF, today=OFF.day).then_refused(HoursUnfitError)
    opened = replace(to_come[0], hours=(Stretch(opens="09:00", closes="12:00"),))
    given(WEEK, *to_come).when(state_day, opened, today=OFF.day).then(opened)
