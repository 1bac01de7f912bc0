"""The hours of a point are divided into times, which are there on its weekdays by its own clock."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from domain import sampling
from domain.sampling import (
    SamplingHoursError,
    SamplingPointClosed,
    SamplingPointUnknownError,
    SlotUnknownError,
    require_slot,
    slots,
)
from tests.examples import CLINIC, SAMPLING_POINT
from tests.scenario import given

# A Monday, 12:00 in Moscow.
NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
POINT = replace(SAMPLING_POINT, opens="08:00", closes="09:00", slot_minutes=20)


def test_a_point_is_stated_changed_and_closed() -> None:
    given().when(sampling.state_point, POINT).then(POINT)
    given(POINT).when(sampling.state_point, POINT).then_nothing()
    longer = replace(POINT, closes="10:00")
    given(POINT).when(sampling.state_point, longer).then(longer)
    closed = SamplingPointClosed(organisation_id=CLINIC, code=POINT.code)
    given(POINT).when(sampling.close_point, POINT.code).then(closed)
    given(POINT, closed).when(sampling.close_point, POINT.code).then_refused(SamplingPointUnknownError)


@pytest.mark.parametrize(
    "wrong",
    [
        {"opens": "09:00"},
        {"closes": "25:00"},
        {"closes": "08:10"},
        {"slot_minutes": 0},
        {"slot_minutes": 300},
        {"weekdays": ()},
        {"weekdays": (7,)},
    ],
    ids=str,
)
def test_hours_that_make_no_time_are_refused(wrong: dict[str, object]) -> None:
    bad = replace(POINT, **wrong)  # type: ignore[arg-type]
    given().when(sampling.state_point, bad).then_refused(SamplingHoursError)


def test_the_hours_are_divided_and_the_last_time_ends_before_it_closes() -> None:
    found = slots(POINT, now=NOW, days=2)
    assert [f"{at:%a %H:%M%z}" for at in found] == ["Tue 08:00+0300", "Tue 08:20+0300", "Tue 08:40+0300"]


def test_what_has_passed_today_is_no_time_any_more() -> None:
    early = NOW.replace(hour=5, minute=10)
    assert [f"{at:%H:%M}" for at in slots(POINT, now=early, days=1)] == ["08:20", "08:40"]


def test_nobody_is_asked_to_come_on_a_day_off() -> None:
    days = {at.weekday() for at in slots(POINT, now=NOW, days=14)}
    assert days == set(POINT.weekdays)


def test_only_a_time_of_the_point_can_be_booked() -> None:
    good = slots(POINT, now=NOW, days=2)[0]
    require_slot(POINT, good, now=NOW, days=2)
    require_slot(POINT, good.astimezone(UTC), now=NOW, days=2)
    for bad in (good + timedelta(minutes=1), good - timedelta(days=1), good + timedelta(days=14)):
        with pytest.raises(SlotUnknownError):
            require_slot(POINT, bad, now=NOW, days=2)
