"""Sampling: where and when an organisation takes samples, and into which times its hours are divided (S63, S66)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import assert_never
from zoneinfo import ZoneInfo

from domain.study_type import StudyType
from domain.values import OrganisationId

SLOT_MINUTES_MIN, SLOT_MINUTES_MAX = 5, 240

# Events: what happened. The stream is of one organisation's points.


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplingPointStated:
    """Samples are taken here on these weekdays (Monday is 0), between these times of the point's own clock (HH:MM),
    one patient in each stretch of minutes. No study types named means all that the organisation may send."""

    organisation_id: OrganisationId
    code: str
    name: str
    address: str
    time_zone: str
    weekdays: tuple[int, ...]
    opens: str
    closes: str
    slot_minutes: int
    study_types: tuple[StudyType, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplingPointClosed:
    """No more samples are taken there; who has a time there is told by the organisation."""

    organisation_id: OrganisationId
    code: str


SamplingEvent = SamplingPointStated | SamplingPointClosed

# State.


@dataclass(frozen=True, slots=True)
class Sampling:
    """The points that are open, by code."""

    points: Mapping[str, SamplingPointStated] = field(default_factory=dict)


def evolve(sampling: Sampling | None, event: SamplingEvent) -> Sampling:
    """Replay one event. Never refuses."""
    points = dict(sampling.points) if sampling else {}
    match event:
        case SamplingPointStated():
            points[event.code] = event
        case SamplingPointClosed():
            points.pop(event.code, None)
        case _:
            assert_never(event)
    return Sampling(points)


# Decisions.


class SamplingHoursError(ValueError):
    """The hours make no time: it must open before it closes, and a stretch must fit in."""


class SamplingPointUnknownError(Exception):
    """There is no such point."""


class SlotUnknownError(Exception):
    """There is no such time at the point: it is not within its hours, or it has passed."""


def state_point(sampling: Sampling | None, point: SamplingPointStated) -> tuple[SamplingPointStated, ...]:
    """State a point or change it; the same again changes nothing."""
    is_length_good = SLOT_MINUTES_MIN <= point.slot_minutes <= SLOT_MINUTES_MAX
    if not (is_length_good and point.weekdays and all(0 <= day <= 6 for day in point.weekdays)):
        raise SamplingHoursError
    if not _times(point):
        raise SamplingHoursError
    if sampling is not None and sampling.points.get(point.code) == point:
        return ()
    return (point,)


def close_point(sampling: Sampling | None, code: str) -> SamplingPointClosed:
    if sampling is None or code not in sampling.points:
        raise SamplingPointUnknownError
    return SamplingPointClosed(organisation_id=sampling.points[code].organisation_id, code=code)


def slots(point: SamplingPointStated, *, now: datetime, days: int) -> tuple[datetime, ...]:
    """Every time of the point from now on, for so many days."""
    zone = ZoneInfo(point.time_zone)
    today = now.astimezone(zone).date()
    return tuple(
        at
        for day in (today + timedelta(days=number) for number in range(days))
        if day.weekday() in point.weekdays
        for at in _on(point, day, zone)
        if at > now
    )


def require_slot(point: SamplingPointStated, starts_at: datetime, *, now: datetime, days: int) -> None:
    if starts_at not in slots(point, now=now, days=days):
        raise SlotUnknownError


def _on(point: SamplingPointStated, day: date, zone: ZoneInfo) -> list[datetime]:
    return [datetime.combine(day, at, tzinfo=zone) for at in _times(point)]


def _times(point: SamplingPointStated) -> list[time]:
    """The beginnings of the stretches that end before it closes."""
    try:
        opens, closes = time.fromisoformat(point.opens), time.fromisoformat(point.closes)
    except ValueError:
        raise SamplingHoursError from None
    start, last = (at.hour * 60 + at.minute for at in (opens, closes))
    return [
        time(minute // 60, minute % 60)
        for minute in range(start, last - point.slot_minutes + 1, point.slot_minutes)
    ]
