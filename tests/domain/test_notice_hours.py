"""Whatever the hours, the zone and the moment: no telephone rings in quiet hours, and a day has one digest."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from domain import receiving
from domain.channel import Channel
from domain.notice_hours import (
    USUAL,
    DigestTimeInvalidError,
    NoticeHours,
    TimeZoneUnknownError,
    Wait,
    is_quiet,
    when,
    zone_of,
)
from domain.receiving import EVERYTHING_WANTED, Periodicity, Receiving, ReceivingSettings
from tests.examples import ANNA
from tests.scenario import given

MOSCOW = "Europe/Moscow"
# Where clocks are put forward and back, also by half an hour and over midnight; where they no longer are.
ZONES = (MOSCOW, "Europe/Berlin", "Australia/Lord_Howe", "America/Havana", "Asia/Kamchatka", "Africa/Cairo")
HOURS = st.builds(
    NoticeHours,
    time_zone=st.sampled_from((None, *ZONES)),
    quiet_from=st.times().map(lambda shown: shown.replace(second=0, microsecond=0)),
    quiet_until=st.times().map(lambda shown: shown.replace(second=0, microsecond=0)),
    digest_hour=st.integers(0, 23),
    digest_weekday=st.integers(1, 7),
    urgent_at_night=st.booleans(),
)
MOMENTS = st.datetimes(
    datetime.fromisoformat("2026-01-01"), datetime.fromisoformat("2027-12-31"), timezones=st.just(UTC)
)


def chosen(hours: NoticeHours = USUAL, periodicity: Periodicity = Periodicity.AS_READY) -> Receiving:
    return replace(EVERYTHING_WANTED, hours=hours, settings=ReceivingSettings(periodicity=periodicity))


SETTINGS = st.builds(chosen, HOURS, st.sampled_from(Periodicity))


def at(text: str, zone: str = MOSCOW) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def waits(
    settings: Receiving,
    requested_at: datetime,
    now: datetime | None = None,
    *,
    channel: Channel = Channel.SMS,
    is_urgent: bool = False,
) -> tuple[datetime, Wait] | None:
    return when(
        settings,
        channel=channel,
        requested_at=requested_at,
        now=now or requested_at,
        is_urgent=is_urgent,
        default_zone=MOSCOW,
    )


# Laws.


@for_all(SETTINGS, MOMENTS, st.sampled_from(Channel), st.booleans())
def test_what_waits_waits_for_a_later_moment_at_which_it_goes(
    settings: Receiving, now: datetime, channel: Channel, is_urgent: bool
) -> None:
    found = waits(settings, now, channel=channel, is_urgent=is_urgent)
    if found is None:
        return
    assert now < found[0] < now + timedelta(days=10)
    assert waits(settings, now, found[0], channel=channel, is_urgent=is_urgent) is None


@for_all(SETTINGS, MOMENTS, st.timedeltas(timedelta(0), timedelta(days=10)), st.booleans())
def test_no_telephone_rings_in_quiet_hours(
    settings: Receiving, requested_at: datetime, later: timedelta, is_urgent: bool
) -> None:
    now = requested_at + later
    found = waits(settings, requested_at, now, is_urgent=is_urgent)
    goes_at = now if found is None else found[0]
    wants_to_be_woken = is_urgent and settings.hours.urgent_at_night
    assert wants_to_be_woken or not is_quiet(settings.hours, zone_of(settings.hours, MOSCOW), goes_at)


@for_all(HOURS, st.lists(MOMENTS, min_size=2, max_size=20))
def test_a_day_has_one_digest(hours: NoticeHours, requested: list[datetime]) -> None:
    settings = chosen(hours, Periodicity.DAILY)
    zone = zone_of(hours, MOSCOW)
    days: dict[object, set[datetime]] = {}
    for moment in requested:
        found = waits(settings, moment, channel=Channel.EMAIL)
        assert found is not None
        days.setdefault(found[0].astimezone(zone).date(), set()).add(found[0])
    assert all(len(digests) == 1 for digests in days.values())


@for_all(SETTINGS, MOMENTS, st.lists(st.timedeltas(timedelta(days=-400), timedelta(days=400)), max_size=5))
def test_a_clock_that_jumps_about_changes_nothing_but_when_it_is_looked(
    settings: Receiving, requested_at: datetime, jumps: list[timedelta]
) -> None:
    before = waits(settings, requested_at)
    for jump in jumps:
        waits(settings, requested_at, requested_at + jump)
    assert waits(settings, requested_at) == before


@for_all(SETTINGS, MOMENTS)
def test_what_is_urgent_waits_for_no_digest(settings: Receiving, now: datetime) -> None:
    found = waits(settings, now, is_urgent=True)
    assert found is None or found[1] is Wait.QUIET_HOURS
    awake = replace(settings, hours=replace(settings.hours, urgent_at_night=True))
    assert waits(awake, now, is_urgent=True) is None


@for_all(SETTINGS, MOMENTS)
def test_what_was_tried_waits_for_no_digest_any_more(settings: Receiving, now: datetime) -> None:
    found = when(
        settings, channel=Channel.SMS, requested_at=None, now=now, is_urgent=False, default_zone=MOSCOW
    )
    assert found is None or found[1] is Wait.QUIET_HOURS


# Examples.


def test_by_night_a_telephone_is_left_alone_and_an_email_is_not() -> None:
    night = at("2026-11-26 23:10")
    assert waits(chosen(), night) == (at("2026-11-27 08:00"), Wait.QUIET_HOURS)
    assert waits(chosen(), night, channel=Channel.PUSH) == (at("2026-11-27 08:00"), Wait.QUIET_HOURS)
    assert waits(chosen(), night, channel=Channel.EMAIL) is None
    assert waits(chosen(), at("2026-11-27 08:00")) is None


def test_equal_hours_are_no_quiet_hours() -> None:
    hours = NoticeHours(quiet_from=time(0), quiet_until=time(0))
    assert waits(chosen(hours), at("2026-11-26 03:00")) is None


def test_a_daily_digest_is_at_its_hour_and_a_weekly_one_on_its_day() -> None:
    thursday = at("2026-11-26 12:00")
    daily, weekly = chosen(periodicity=Periodicity.DAILY), chosen(periodicity=Periodicity.WEEKLY)
    assert waits(daily, thursday) == (at("2026-11-27 09:00"), Wait.DAILY_DIGEST)
    assert waits(weekly, thursday) == (at("2026-11-30 09:00"), Wait.WEEKLY_DIGEST)


def test_what_comes_just_before_a_digest_goes_with_the_next() -> None:
    daily = chosen(periodicity=Periodicity.DAILY)
    assert waits(daily, at("2026-11-26 08:58:59")) == (at("2026-11-26 09:00"), Wait.DAILY_DIGEST)
    assert waits(daily, at("2026-11-26 08:59:30")) == (at("2026-11-27 09:00"), Wait.DAILY_DIGEST)


def test_a_digest_in_quiet_hours_comes_when_they_end() -> None:
    early = chosen(NoticeHours(digest_hour=6), Periodicity.DAILY)
    assert waits(early, at("2026-11-26 12:00")) == (at("2026-11-27 08:00"), Wait.DAILY_DIGEST)


def test_a_server_that_stood_still_sends_the_digest_late_and_not_a_day_later() -> None:
    daily = chosen(periodicity=Periodicity.DAILY)
    assert waits(daily, at("2026-11-26 12:00"), at("2026-11-27 15:00")) is None


def test_hours_are_by_the_clock_of_their_person() -> None:
    hours = NoticeHours(time_zone="Asia/Kamchatka")
    assert waits(chosen(hours), at("2026-11-26 15:00")) == (at("2026-11-26 23:00"), Wait.QUIET_HOURS)


def test_a_clock_that_is_put_forward_over_the_end_of_quiet_hours() -> None:
    hours = NoticeHours(time_zone="Europe/Berlin", quiet_from=time(22), quiet_until=time(2, 30))
    found = waits(chosen(hours), at("2026-03-29 01:00", "Europe/Berlin"))
    # 02:30 is not shown that night.
    assert found == (at("2026-03-29 03:30", "Europe/Berlin"), Wait.QUIET_HOURS)


def test_a_zone_that_is_known_no_more_is_as_if_none_was_chosen() -> None:
    gone = chosen(NoticeHours(time_zone="Mars/Olympus"))
    assert waits(gone, at("2026-11-26 23:10")) == (at("2026-11-27 08:00"), Wait.QUIET_HOURS)


# Choosing.


def test_hours_are_recorded_once() -> None:
    hours = NoticeHours(time_zone="Asia/Omsk", quiet_from=time(21), urgent_at_night=True)
    (event,) = receiving.choose_hours(None, patient_id=ANNA, hours=hours)
    assert receiving.evolve(None, event).hours == hours
    given(event).when(receiving.choose_hours, patient_id=ANNA, hours=hours).then_nothing()
    assert receiving.choose_hours(None, patient_id=ANNA, hours=USUAL) == ()


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "../etc/passwd", "Europe/Moscow\0"])
def test_a_zone_that_is_none_is_refused(zone: str) -> None:
    with pytest.raises(TimeZoneUnknownError):
        receiving.choose_hours(None, patient_id=ANNA, hours=NoticeHours(time_zone=zone))


@pytest.mark.parametrize("wrong", [{"digest_hour": 24}, {"digest_hour": -1}, {"digest_weekday": 0}])
def test_a_time_that_no_clock_shows_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(DigestTimeInvalidError):
        receiving.choose_hours(None, patient_id=ANNA, hours=replace(USUAL, **wrong))
