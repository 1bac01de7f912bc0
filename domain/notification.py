"""Notification: telling a patient by one channel that something is ready; never the content itself."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import assert_never
from uuid import UUID

from domain.permission import Basis
from domain.values import PatientId

# Events: what happened.


class Channel(StrEnum):
    EMAIL = "email"


class About(StrEnum):
    """What is told of a report, if not that a version of it is there."""

    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationRequested:
    """A version of a report is to be announced, or that the report left the cabinet. `consent_id` is the
    consent that allows it and `consent_version` the place in its stream that was looked at; `basis` is all that was."""

    patient_id: PatientId
    report_id: UUID
    report_version: int
    channel: Channel
    consent_id: UUID
    consent_version: int
    about: About | None = None
    basis: Basis | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationSuppressed:
    """It is not announced by this channel; `reason` is a stable code."""

    patient_id: PatientId
    report_id: UUID
    report_version: int
    channel: Channel
    reason: str
    consent_id: UUID | None = None
    consent_version: int | None = None
    about: About | None = None
    basis: Basis | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationAttempted:
    """A worker took it and is about to send. After `lease_until` without an outcome, the worker is
    dead and the outcome is unknown. Whoever appends this event owns the attempt: two can't."""

    attempt: int
    lease_until: datetime
    consent_version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationHandedOver:
    """The provider took responsibility for it."""

    attempt: int
    remote_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationFailed:
    """The attempt failed, and certainly nothing was sent. `retry_at` is None when it failed for good."""

    attempt: int
    reason: str
    retry_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationOutcomeUnknown:
    """Nobody can tell whether the provider has it. `retry_at` is None when it won't be sent again."""

    attempt: int
    stage: str
    retry_at: datetime | None = None


NotificationEvent = (
    NotificationRequested
    | NotificationSuppressed
    | NotificationAttempted
    | NotificationHandedOver
    | NotificationFailed
    | NotificationOutcomeUnknown
)

# State.


class NotificationStatus(StrEnum):
    REQUESTED = "requested"
    SUPPRESSED = "suppressed"
    ATTEMPTED = "attempted"
    HANDED_OVER = "handed-over"
    WAITING = "waiting"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """`due_at` is the earliest time of the next try (None: at once); `unknown` counts the attempts
    whose outcome nobody knows."""

    patient_id: PatientId
    report_id: UUID
    report_version: int
    channel: Channel
    status: NotificationStatus
    about: About | None = None
    consent_id: UUID | None = None
    attempt: int = 0
    due_at: datetime | None = None
    unknown: int = 0


def evolve(notification: Notification | None, event: NotificationEvent) -> Notification:
    """Replay one event. Never refuses."""
    if isinstance(event, NotificationRequested | NotificationSuppressed):
        return _open(notification, event)
    assert notification is not None
    match event:
        case NotificationAttempted():
            return replace(
                notification,
                status=NotificationStatus.ATTEMPTED,
                attempt=event.attempt,
                due_at=event.lease_until,
            )
        case NotificationHandedOver():
            return replace(notification, status=NotificationStatus.HANDED_OVER, due_at=None)
        case NotificationFailed():
            status = NotificationStatus.FAILED if event.retry_at is None else NotificationStatus.WAITING
            return replace(notification, status=status, due_at=event.retry_at)
        case NotificationOutcomeUnknown():
            status = NotificationStatus.UNKNOWN if event.retry_at is None else NotificationStatus.WAITING
            return replace(
                notification, status=status, due_at=event.retry_at, unknown=notification.unknown + 1
            )
        case _:
            assert_never(event)


def _open(
    notification: Notification | None, event: NotificationRequested | NotificationSuppressed
) -> Notification:
    requested = isinstance(event, NotificationRequested)
    status = NotificationStatus.REQUESTED if requested else NotificationStatus.SUPPRESSED
    if notification is not None:
        return replace(notification, status=status, due_at=None)
    return Notification(
        patient_id=event.patient_id,
        report_id=event.report_id,
        report_version=event.report_version,
        channel=event.channel,
        status=status,
        about=event.about,
        consent_id=event.consent_id,
    )


# Decisions.


class NotificationNotDueError(Exception):
    """The notification is not to be sent now: it is final, or another worker has it."""


OPEN = {NotificationStatus.REQUESTED, NotificationStatus.WAITING, NotificationStatus.ATTEMPTED}


def attempt(
    notification: Notification, *, now: datetime, lease_until: datetime, consent_version: int
) -> NotificationAttempted:
    """Take the notification for one try. An attempt whose lease is over must be closed first."""
    is_open = notification.status in (NotificationStatus.REQUESTED, NotificationStatus.WAITING)
    if not is_open or (notification.due_at is not None and notification.due_at > now):
        raise NotificationNotDueError
    return NotificationAttempted(
        attempt=notification.attempt + 1, lease_until=lease_until, consent_version=consent_version
    )


def suppress(
    notification: Notification, *, reason: str, consent_version: int | None, basis: Basis | None = None
) -> NotificationSuppressed:
    """What allowed the notification is gone before it was sent."""
    if notification.status not in OPEN:
        raise NotificationNotDueError
    return NotificationSuppressed(
        patient_id=notification.patient_id,
        report_id=notification.report_id,
        report_version=notification.report_version,
        channel=notification.channel,
        reason=reason,
        consent_id=notification.consent_id,
        consent_version=consent_version,
        about=notification.about,
        basis=basis,
    )


def give_up_lease(
    notification: Notification, *, now: datetime, retry_at: datetime
) -> NotificationOutcomeUnknown:
    """The worker that took it died. It may have sent it: try once more, and only once, for the
    same Message-ID lets the mailbox fold the two (reliability.md, section 10)."""
    lease_is_over = notification.due_at is not None and notification.due_at <= now
    if notification.status is not NotificationStatus.ATTEMPTED or not lease_is_over:
        raise NotificationNotDueError
    return unknown(notification, stage="worker-lost", retry_at=retry_at)


def unknown(notification: Notification, *, stage: str, retry_at: datetime) -> NotificationOutcomeUnknown:
    """An attempt ended without an answer; only the first such attempt is repeated."""
    return NotificationOutcomeUnknown(
        attempt=notification.attempt, stage=stage, retry_at=None if notification.unknown else retry_at
    )
