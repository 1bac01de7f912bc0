"""Dispatch: what is to become of a notification that a worker looks at, and of one whose attempt has ended."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from domain import notification
from domain.announcement import About, guardian_notice_barrier
from domain.dead_letter import abandon
from domain.digest import may_be_gathered
from domain.notice_hours import DAY, when
from domain.notification import (
    Notification,
    NotificationAbandoned,
    NotificationEvent,
    NotificationFailed,
    NotificationHandedOver,
    NotificationOutcomeUnknown,
    NotificationStatus,
)
from domain.permission import Grounds, document_notice_barrier, notice_barrier
from domain.receiving import EVERYTHING_WANTED
from domain.superseding import SUPERSEDED

# How long it is tried, and how long nobody touches what may have arrived (RFC 5321 4.5.3.2.6).
LIFE = timedelta(hours=72)
UNKNOWN_WAIT = timedelta(minutes=10)
LIFE_OVER = "life-over"
# What goes by the consent to documents, and is told alone: asked for just then, or the password of what went.
ASKED_FOR = frozenset({About.DOCUMENT, About.PASSWORD})


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """A notification as it is found: `requested_at` is the first time, `lives_since` when an operator wanted it
    tried anew, if one did. `is_superseded`: a newer version of its report is told instead."""

    notification_id: UUID
    version: int
    state: Notification
    requested_at: datetime
    lives_since: datetime
    is_superseded: bool = False


def barrier_of(told: Notification, grounds: Grounds, of_patient: Grounds) -> str | None:
    """Why it must not be sent now; `grounds` are those of whom it tells, `of_patient` of whom it speaks. A document
    goes by a consent of its own, and so does its password."""
    if told.about in ASKED_FOR:
        return document_notice_barrier(grounds, channel=told.channel)
    if told.recipient_id is not None:
        return guardian_notice_barrier(grounds, of_patient, channel=told.channel)
    return notice_barrier(grounds, channel=told.channel)


def put_aside(
    looked: Looked, grounds: Grounds, *, now: datetime, default_zone: str
) -> NotificationEvent | None:
    """Why a notification that nothing forbids is not sent now all the same; None if it is to be."""
    state = looked.state
    if looked.is_superseded and not state.attempt:
        return abandon(state, reason=SUPERSEDED)
    if state.about in ASKED_FOR and (state.about is About.DOCUMENT or state.is_urgent):
        return None  # its reader waits for it
    waits = when(
        grounds.receiving or EVERYTHING_WANTED,
        channel=state.channel,
        requested_at=_gathered_since(looked, now),
        now=now,
        is_urgent=state.is_urgent,
        default_zone=default_zone,
    )
    if waits is None:
        return None
    return notification.postpone(state, now=now, until=waits[0], waits_for=waits[1])


def _gathered_since(looked: Looked, now: datetime) -> datetime | None:
    """From when on it may wait for a digest; None if it goes in none, or went in one, or by a clock that was wrong
    is of a day to come: then it would wait until that day."""
    is_to_come = looked.requested_at > now + DAY
    goes_alone = looked.state.attempt or looked.state.about in ASKED_FOR
    return None if goes_alone or is_to_come else looked.requested_at


def life_until(looked: Looked, grounds: Grounds, *, default_zone: str) -> datetime:
    """How long it is tried: counted from when it could be sent first, which may be a digest's day."""
    waits = when(
        grounds.receiving or EVERYTHING_WANTED,
        channel=looked.state.channel,
        requested_at=None if looked.state.about in ASKED_FOR else looked.requested_at,
        now=looked.requested_at,
        is_urgent=looked.state.is_urgent,
        default_zone=default_zone,
    )
    ready_at = waits[0] if waits is not None else looked.requested_at
    return max(ready_at, looked.lives_since) + LIFE


def gathered(ready: Sequence[Looked]) -> list[list[Looked]]:
    """What one message tells of each: the first of several to one person, about one patient, carries the others."""
    groups: dict[object, list[Looked]] = {}
    for looked in ready:
        state = looked.state
        alone = not may_be_gathered(state)
        key = looked.notification_id if alone else (state.told, state.patient_id, state.channel)
        groups.setdefault(key, []).append(looked)
    return list(groups.values())


def failed(
    attempt: int, *, reason: str, retry_at: datetime, life_until: datetime
) -> tuple[NotificationEvent, ...]:
    """A refusal that may be over later. One that would be tried beyond its life is given up, so that it is seen."""
    if retry_at <= life_until:
        return (NotificationFailed(attempt=attempt, reason=reason, retry_at=retry_at),)
    return (
        NotificationFailed(attempt=attempt, reason=reason),
        NotificationAbandoned(reason=LIFE_OVER),
    )


def within_life(unknown: NotificationOutcomeUnknown, life_until: datetime) -> NotificationOutcomeUnknown:
    """An attempt without an answer is repeated no later than its notification lives: then it is left unknown, and is
    seen."""
    is_beyond = unknown.retry_at is not None and unknown.retry_at > life_until
    return replace(unknown, retry_at=None) if is_beyond else unknown


def settled(
    state: Notification, attempt: int, events: tuple[NotificationEvent, ...]
) -> tuple[NotificationEvent, ...]:
    """What of an attempt's outcome is still news. Its worker may have been thought dead, or the provider's receipt
    was faster: that it was handed over then still counts, also where it is to be tried again, that it failed does
    not. Of an attempt that another one followed, nothing does."""
    if state.attempt != attempt:
        return ()
    if state.status is NotificationStatus.ATTEMPTED:
        return events
    s = NotificationStatus
    is_late = state.status in (s.WAITING, s.UNKNOWN, s.DELIVERED, s.POSTPONED, s.REQUESTED)
    is_handed_over = any(isinstance(event, NotificationHandedOver) for event in events)
    return events if is_late and is_handed_over else ()
