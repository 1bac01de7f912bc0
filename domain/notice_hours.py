"""Notice hours: when a person wants to be told, and what a notice so waits for.

All is counted from what was chosen, the time and the notice itself; nothing is remembered between two looks, so a
server that stood still, or a clock that jumped, changes only when it is looked.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from domain.channel import Channel
from domain.values import PatientId

if TYPE_CHECKING:  # the settings hold the hours
    from domain.receiving import Receiving

# Events: what happened. The stream is that of the settings of automatic receipt.


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeHours:
    """When a person is told, by their own clock: `time_zone` is a name of the IANA, None the place's where they
    live or the service's. Between `quiet_from` and `quiet_until` no telephone rings; equal ones mean never.
    `digest_weekday` is 1 for Monday to 7."""

    time_zone: str | None = None
    quiet_from: time = time(22)
    quiet_until: time = time(8)
    digest_hour: int = 9
    digest_weekday: int = 1
    urgent_at_night: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeHoursChosen:
    """The patient said when they want to be told: it holds from this event on (S80)."""

    patient_id: PatientId
    quiet_from: time
    quiet_until: time
    digest_hour: int
    digest_weekday: int
    time_zone: str | None = None
    urgent_at_night: bool = False


class Wait(StrEnum):
    """Why a notification is not sent yet, though nothing forbids it."""

    DAILY_DIGEST = "daily-digest"
    WEEKLY_DIGEST = "weekly-digest"
    QUIET_HOURS = "quiet-hours"


# What never was chosen.
USUAL = NoticeHours()
# An e-mail lies in its box and wakes nobody.
RINGING = frozenset({Channel.SMS, Channel.PUSH})
# What comes shortly before a digest goes with the next one: else a view that is a moment behind would bring two.
GATHERED_BEFORE = timedelta(minutes=1)
DAY = timedelta(days=1)
# Nothing is put off further: a week's digest, and the quiet hours that it comes in.
AHEAD_MAX = timedelta(days=10)

# Decisions: the rules.


class TimeZoneUnknownError(Exception):
    """No such time zone: the name is one of the IANA's, as Asia/Yekaterinburg."""


class DigestTimeInvalidError(Exception):
    """A digest comes at a full hour, 0 to 23, and on a day of the week, 1 to 7."""


def require_possible(hours: NoticeHours) -> None:
    """Refuse hours that no clock shows."""
    if hours.time_zone is not None and not _is_known(hours.time_zone):
        raise TimeZoneUnknownError
    if hours.digest_hour not in range(24) or hours.digest_weekday not in range(1, 8):
        raise DigestTimeInvalidError


def when(
    receiving: "Receiving",
    *,
    channel: Channel,
    requested_at: datetime | None,
    now: datetime,
    is_urgent: bool,
    default_zone: str,
) -> tuple[datetime, Wait] | None:
    """Until when a notice waits, and for what; None if it is to be sent now. What is urgent waits for no digest,
    and for the end of quiet hours unless its recipient wants to be woken for it. What was tried already, and has no
    time of request here, waits for no digest either."""
    hours = receiving.hours
    zone = zone_of(hours, default_zone)
    at, wait = now, Wait.QUIET_HOURS
    digest = _DIGESTS.get(receiving.settings.periodicity)
    if digest is not None and requested_at is not None and not is_urgent:
        after = requested_at + GATHERED_BEFORE
        sent_at = _first(_digests(hours, zone, after, is_weekly=digest is Wait.WEEKLY_DIGEST), after)
        if sent_at > now:
            at, wait = sent_at, digest
    if channel in RINGING and not (is_urgent and hours.urgent_at_night):
        at = quiet_until(hours, zone, at)
    return None if at <= now else (at, wait)


def has_come(at: datetime | None, now: datetime) -> bool:
    """Whether it is time. What lies further ahead than anything is put off was said by a clock that was wrong."""
    return at is None or at <= now or at > now + AHEAD_MAX


# By the periodicity that a patient chose: receiving.Periodicity.
_DIGESTS = {"daily": Wait.DAILY_DIGEST, "weekly": Wait.WEEKLY_DIGEST}


def zone_of(hours: NoticeHours, default_zone: str) -> ZoneInfo:
    """By whose clock it is counted. A zone that is known no more, on this machine, is as if none was chosen."""
    chosen = hours.time_zone
    return ZoneInfo(chosen if chosen is not None and _is_known(chosen) else default_zone)


def is_quiet(hours: NoticeHours, zone: ZoneInfo, at: datetime) -> bool:
    """Whether no telephone is to ring: by what the clock on the wall shows, whether or not it was put forward."""
    shown = at.astimezone(zone).time()
    if hours.quiet_from <= hours.quiet_until:
        return hours.quiet_from <= shown < hours.quiet_until
    return shown >= hours.quiet_from or shown < hours.quiet_until


def quiet_until(hours: NoticeHours, zone: ZoneInfo, at: datetime) -> datetime:
    """The end of the quiet hours that this time is in; the time itself if it is in none."""
    if not is_quiet(hours, zone, at):
        return at
    ends = (_moment(day, hours.quiet_until, zone) for day in _days(at, zone))
    return next(end for end in ends if end > at and not is_quiet(hours, zone, end))


def _digests(hours: NoticeHours, zone: ZoneInfo, after: datetime, *, is_weekly: bool) -> Iterator[datetime]:
    for day in _days(after, zone):
        if not is_weekly or day.isoweekday() == hours.digest_weekday:
            yield _moment(day, time(hours.digest_hour), zone)


def _first(moments: Iterator[datetime], after: datetime) -> datetime:
    return next(moment for moment in moments if moment > after)


def _days(since: datetime, zone: ZoneInfo) -> Iterator[date]:
    """The days of the calendar there, from that of this moment on. A fortnight: no clock is put by as much."""
    today = since.astimezone(zone).date()
    return (today + number * DAY for number in range(15))


def _moment(day: date, shown: time, zone: ZoneInfo) -> datetime:
    """When the clock shows it, for the first time; if it leaves that out, as much later as it was put forward."""
    return datetime.combine(day, shown, zone).astimezone(UTC)


def _is_known(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True
