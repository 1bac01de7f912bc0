"""Doctor's hours: when a doctor can be talked to, by weeks and by single days, and the times that these give (S139)."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import assert_never
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from domain.values import StaffMemberId
from domain.working_days import is_holiday

# Every time begins on a mark of five minutes and takes whole ones: so two that overlap have a mark in common, also when
# the hours changed in between.
CELL_MINUTES = 5
SLOT_MINUTES_MIN, SLOT_MINUTES_MAX, BREAK_MINUTES_MAX = 10, 120, 60
STRETCHES_MAX, DAYS_MAX = 28, 200

# Events: what happened. The stream is of one doctor's hours.


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """From one time to another of the doctor's own clock (HH:MM)."""

    opens: str
    closes: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WeeklyStretch:
    """The same on each such weekday (Monday is 0)."""

    weekday: int
    opens: str
    closes: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DoctorHoursStated:
    """The doctor's week; each time takes so many minutes, with a break behind it. Public holidays are off unless the
    doctor works on them."""

    member_id: StaffMemberId
    time_zone: str
    slot_minutes: int
    break_minutes: int
    weekly: tuple[WeeklyStretch, ...]
    works_on_holidays: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DoctorDayStated:
    """On this day these hours instead of the week's; none: a day off."""

    member_id: StaffMemberId
    day: date
    hours: tuple[Stretch, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DoctorDayCleared:
    """On this day the week's hours again."""

    member_id: StaffMemberId
    day: date


DoctorHoursEvent = DoctorHoursStated | DoctorDayStated | DoctorDayCleared

# State.


@dataclass(frozen=True, slots=True)
class DoctorHours:
    """The week as it was stated last, and the days that differ."""

    week: DoctorHoursStated | None = None
    days: Mapping[date, tuple[Stretch, ...]] = field(default_factory=dict)


def evolve(hours: DoctorHours | None, event: DoctorHoursEvent) -> DoctorHours:
    """Replay one event. Never refuses."""
    known = hours or DoctorHours()
    match event:
        case DoctorHoursStated():
            return replace(known, week=event)
        case DoctorDayStated():
            return replace(known, days={**known.days, event.day: event.hours})
        case DoctorDayCleared():
            return replace(known, days={day: said for day, said in known.days.items() if day != event.day})
        case _:
            assert_never(event)


# Decisions.


class HoursUnfitError(ValueError):
    """The hours make no time: each stretch opens before it closes, stretches of a day do not overlap, all is on marks
    of five minutes, and a time fits in."""


class HoursTimeZoneUnknownError(ValueError):
    """There is no such time zone."""


class DayPassedError(Exception):
    """That day is over."""


class HoursMissingError(Exception):
    """A single day differs from a week: state the week first."""


def state_week(hours: DoctorHours | None, said: DoctorHoursStated) -> tuple[DoctorHoursStated, ...]:
    """State the week or change it; the same again changes nothing. An empty week is a pause."""
    try:
        ZoneInfo(said.time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise HoursTimeZoneUnknownError from None
    lengths = (said.slot_minutes, said.break_minutes)
    if not (
        SLOT_MINUTES_MIN <= said.slot_minutes <= SLOT_MINUTES_MAX
        and 0 <= said.break_minutes <= BREAK_MINUTES_MAX
        and all(minutes % CELL_MINUTES == 0 for minutes in lengths)
        and len(said.weekly) <= STRETCHES_MAX
    ):
        raise HoursUnfitError
    for weekday in {one.weekday for one in said.weekly}:
        if not 0 <= weekday <= 6:
            raise HoursUnfitError
        _require_fit(_of_weekday(said, weekday), said)
    return () if hours is not None and hours.week == said else (said,)


def state_day(
    hours: DoctorHours | None, said: DoctorDayStated, *, today: date
) -> tuple[DoctorDayStated, ...]:
    if hours is None or hours.week is None:
        raise HoursMissingError
    if said.day < today:
        raise DayPassedError
    # Days that are over stay known, and take no place.
    if sum(day >= today for day in {*hours.days, said.day}) > DAYS_MAX:
        raise HoursUnfitError
    _require_fit(said.hours, hours.week)
    return () if hours.days.get(said.day) == said.hours else (said,)


def clear_day(
    hours: DoctorHours | None, *, member_id: StaffMemberId, day: date
) -> tuple[DoctorDayCleared, ...]:
    if hours is None or day not in hours.days:
        return ()
    return (DoctorDayCleared(member_id=member_id, day=day),)


# Which times there are.


@dataclass(frozen=True, slots=True, order=True)
class Slot:
    """A time that can be booked."""

    starts_at: datetime
    minutes: int


def slots(hours: DoctorHours | None, *, now: datetime, days: int) -> tuple[Slot, ...]:
    """Every time from now on, for so many days, in order."""
    if hours is None or hours.week is None:
        return ()
    zone = ZoneInfo(hours.week.time_zone)
    today = now.astimezone(zone).date()
    every = (
        Slot(at, hours.week.slot_minutes)
        for number in range(days)
        for at in _on(hours, today + timedelta(days=number), zone)
    )
    return tuple(sorted({slot for slot in every if slot.starts_at > now}))


def cells(starts_at: datetime, minutes: int) -> tuple[datetime, ...]:
    """The marks that a time takes: whoever has one of them has the doctor then."""
    first = starts_at.astimezone(UTC)
    return tuple(first + timedelta(minutes=passed) for passed in range(0, minutes, CELL_MINUTES))


def is_within(hours: DoctorHours | None, starts_at: datetime, minutes: int, *, now: datetime) -> bool:
    """Whether a time that was booked is one that the hours still give; a change of hours takes no booking away."""
    days = max(1, (starts_at - now).days + 2)
    return Slot(starts_at.astimezone(UTC), minutes) in slots(hours, now=now, days=days)


def _on(hours: DoctorHours, day: date, zone: ZoneInfo) -> Iterator[datetime]:
    week = hours.week
    assert week is not None
    if day in hours.days:
        stretches: tuple[Stretch, ...] = hours.days[day]
    elif is_holiday(day) and not week.works_on_holidays:
        stretches = ()
    else:
        stretches = _of_weekday(week, day.weekday())
    for stretch in stretches:
        for at in _times(stretch, week):
            local = datetime.combine(day, at, tzinfo=zone)
            instant = local.astimezone(UTC)
            # A time that the clock jumps over does not exist.
            if instant.astimezone(zone).replace(tzinfo=None) == local.replace(tzinfo=None):
                yield instant


def _of_weekday(week: DoctorHoursStated, weekday: int) -> tuple[Stretch, ...]:
    return tuple(Stretch(opens=one.opens, closes=one.closes) for one in week.weekly if one.weekday == weekday)


def _require_fit(stretches: Iterable[Stretch], week: DoctorHoursStated) -> None:
    """Each has a time, and none overlaps the next."""
    spans = sorted((_minute(one.opens), _minute(one.closes)) for one in stretches)
    for opens, closes in spans:
        if opens % CELL_MINUTES or closes % CELL_MINUTES or closes - opens < week.slot_minutes:
            raise HoursUnfitError
    if any(before[1] > after[0] for before, after in pairwise(spans)):
        raise HoursUnfitError


def _times(stretch: Stretch, week: DoctorHoursStated) -> list[time]:
    first, last = _minute(stretch.opens), _minute(stretch.closes)
    step = week.slot_minutes + week.break_minutes
    return [time(minute // 60, minute % 60) for minute in range(first, last - week.slot_minutes + 1, step)]


def _minute(text: str) -> int:
    try:
        at = time.fromisoformat(text)
    except ValueError:
        raise HoursUnfitError from None
    if at.tzinfo is not None or at.second or at.microsecond:
        raise HoursUnfitError
    return at.hour * 60 + at.minute
