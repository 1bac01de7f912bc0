"""Notification: telling one person by one channel of one version of a report; never the content itself.

Several that are due to one person by one channel go in one message, a digest: the first of them carries it, and
what becomes of it becomes of all.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import assert_never
from uuid import UUID

from domain.announcement import About
from domain.channel import Channel
from domain.notice_hours import Wait, has_come
from domain.permission import GUARDIANSHIP, Basis
from domain.receiving import DocumentFormat
from domain.values import PatientId

# Events: what happened.


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationRequested:
    """A version of a report is to be announced, or that the report left the cabinet. `consent_id` is the
    consent that allows it and `consent_version` the place in its stream that was looked at; `basis` is all that was.
    `recipient_id` is the guardian who is told in the patient's place, `carries` the form of the document that goes
    along, if one does; a password `opens` the document of that notification. What is urgent waits for no digest."""

    patient_id: PatientId
    report_id: UUID
    report_version: int
    channel: Channel
    consent_id: UUID
    consent_version: int
    about: About | None = None
    basis: Basis | None = None
    recipient_id: PatientId | None = None
    is_urgent: bool = False
    carries: DocumentFormat | None = None
    opens: UUID | None = None


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
    recipient_id: PatientId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationPostponed:
    """It is to be sent later, by what its recipient chose; looked at again at `until`, or when they choose anew."""

    until: datetime
    waits_for: Wait


@dataclass(frozen=True, slots=True, kw_only=True)
class DigestGathered:
    """This one's message tells of these others too, which are of the same recipient and channel."""

    members: tuple[UUID, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationJoined:
    """It is told in the message of another notification, whose outcome is its own from now on."""

    digest_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationAttempted:
    """A worker took it and is about to send. After `lease_until` without an outcome, the worker is
    dead and the outcome is unknown. Whoever appends this event owns the attempt: two can't. `carries` is the
    document that goes along at this attempt, which may be permitted no more though the notice is."""

    attempt: int
    lease_until: datetime
    consent_version: int
    carries: DocumentFormat | None = None


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


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationDelivered:
    """The provider says that it reached the recipient's device or mailbox. `remote_id` is the provider's number."""

    remote_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationReturned:
    """The provider says, after it took it, that it did not reach the recipient; `reason` is its code."""

    remote_id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationAbandoned:
    """Nobody tries any more: its life is over, or an operator said so. `reason` is a stable code."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationRetried:
    """An operator wants it tried again, with a life of its own from now on."""


NotificationEvent = (
    NotificationRequested
    | NotificationSuppressed
    | NotificationPostponed
    | DigestGathered
    | NotificationJoined
    | NotificationAttempted
    | NotificationHandedOver
    | NotificationFailed
    | NotificationOutcomeUnknown
    | NotificationDelivered
    | NotificationReturned
    | NotificationAbandoned
    | NotificationRetried
)

# State.


class NotificationStatus(StrEnum):
    """A notification has exactly one at any time. Open are the first four; joined has its digest's."""

    REQUESTED = "requested"
    POSTPONED = "postponed"
    WAITING = "waiting"
    ATTEMPTED = "attempted"
    JOINED = "joined"
    SUPPRESSED = "suppressed"
    HANDED_OVER = "handed-over"
    DELIVERED = "delivered"
    RETURNED = "returned"
    FAILED = "failed"
    UNKNOWN = "unknown"
    ABANDONED = "abandoned"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """`due_at` is the earliest time of the next try (None: at once); `unknown` counts the attempts
    whose outcome nobody knows; `members` are the others that its message tells of; `guardianship_id` is by what a
    guardian is told in the patient's place."""

    patient_id: PatientId
    report_id: UUID
    report_version: int
    channel: Channel
    status: NotificationStatus
    about: About | None = None
    consent_id: UUID | None = None
    recipient_id: PatientId | None = None
    is_urgent: bool = False
    carries: DocumentFormat | None = None
    attempt: int = 0
    due_at: datetime | None = None
    waits_for: Wait | None = None
    unknown: int = 0
    members: tuple[UUID, ...] = ()
    digest_id: UUID | None = None
    opens: UUID | None = None
    guardianship_id: UUID | None = None

    @property
    def told(self) -> PatientId:
        """Whose contacts are used."""
        return self.recipient_id or self.patient_id


_ENDS: Mapping[type[NotificationEvent], NotificationStatus] = MappingProxyType(
    {
        NotificationHandedOver: NotificationStatus.HANDED_OVER,
        NotificationDelivered: NotificationStatus.DELIVERED,
        NotificationReturned: NotificationStatus.RETURNED,
        NotificationAbandoned: NotificationStatus.ABANDONED,
    }
)


def evolve(notification: Notification | None, event: NotificationEvent) -> Notification:
    """Replay one event. Never refuses."""
    if isinstance(event, NotificationRequested | NotificationSuppressed):
        return _open(notification, event)
    assert notification is not None
    match event:
        case NotificationPostponed():
            return replace(
                notification,
                status=NotificationStatus.POSTPONED,
                due_at=event.until,
                waits_for=event.waits_for,
            )
        case DigestGathered():
            return replace(notification, members=event.members)
        case NotificationJoined():
            return _ended(notification, NotificationStatus.JOINED, digest_id=event.digest_id)
        case NotificationAttempted():
            return replace(
                notification,
                status=NotificationStatus.ATTEMPTED,
                attempt=event.attempt,
                due_at=event.lease_until,
                waits_for=None,
            )
        case NotificationFailed() | NotificationOutcomeUnknown():
            return _tried(notification, event)
        case NotificationHandedOver() if notification.status is NotificationStatus.DELIVERED:
            return notification  # the receipt was faster than the answer
        case (
            NotificationHandedOver()
            | NotificationDelivered()
            | NotificationReturned()
            | NotificationAbandoned()
        ):
            return _ended(notification, _ENDS[type(event)])
        case NotificationRetried():
            return replace(notification, status=NotificationStatus.REQUESTED, due_at=None, unknown=0)
        case _:
            assert_never(event)


def _open(
    notification: Notification | None, event: NotificationRequested | NotificationSuppressed
) -> Notification:
    requested = isinstance(event, NotificationRequested)
    status = NotificationStatus.REQUESTED if requested else NotificationStatus.SUPPRESSED
    if notification is not None:
        return _ended(notification, status)
    opened = Notification(
        patient_id=event.patient_id,
        report_id=event.report_id,
        report_version=event.report_version,
        channel=event.channel,
        status=status,
        about=event.about,
        consent_id=event.consent_id,
        recipient_id=event.recipient_id,
        guardianship_id=event.basis.of(GUARDIANSHIP) if event.basis else None,
    )
    if isinstance(event, NotificationRequested):
        return replace(opened, is_urgent=event.is_urgent, carries=event.carries, opens=event.opens)
    return opened


def _tried(
    notification: Notification, event: NotificationFailed | NotificationOutcomeUnknown
) -> Notification:
    is_unknown = isinstance(event, NotificationOutcomeUnknown)
    final = NotificationStatus.UNKNOWN if is_unknown else NotificationStatus.FAILED
    return replace(
        notification,
        status=final if event.retry_at is None else NotificationStatus.WAITING,
        due_at=event.retry_at,
        unknown=notification.unknown + is_unknown,
    )


def _ended(
    notification: Notification, status: NotificationStatus, *, digest_id: UUID | None = None
) -> Notification:
    return replace(notification, status=status, due_at=None, waits_for=None, digest_id=digest_id)


# Decisions.


class NotificationNotDueError(Exception):
    """The notification is not to be sent now: it is final, or another worker has it."""


# Nobody has it, and it is to be sent.
FREE = {NotificationStatus.REQUESTED, NotificationStatus.POSTPONED, NotificationStatus.WAITING}
OPEN = {*FREE, NotificationStatus.ATTEMPTED}


def attempt(
    notification: Notification,
    *,
    now: datetime,
    lease_until: datetime,
    consent_version: int,
    carries: DocumentFormat | None = None,
) -> NotificationAttempted:
    """Take the notification for one try. An attempt whose lease is over must be closed first."""
    require_free(notification, now)
    return NotificationAttempted(
        attempt=notification.attempt + 1,
        lease_until=lease_until,
        consent_version=consent_version,
        carries=carries,
    )


def postpone(
    notification: Notification, *, now: datetime, until: datetime, waits_for: Wait
) -> NotificationPostponed:
    """Its recipient wants it later. What was tried once waits for no digest any more, but wakes nobody either."""
    require_free(notification, now)
    if until <= now or (notification.attempt and waits_for is not Wait.QUIET_HOURS):
        raise NotificationNotDueError
    return NotificationPostponed(until=until, waits_for=waits_for)


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
        recipient_id=notification.recipient_id,
    )


def give_up_lease(
    notification: Notification, *, now: datetime, retry_at: datetime
) -> NotificationOutcomeUnknown:
    """The worker that took it died. It may have sent it: see `unknown`."""
    lease_is_over = notification.due_at is not None and has_come(notification.due_at, now)
    if notification.status is not NotificationStatus.ATTEMPTED or not lease_is_over:
        raise NotificationNotDueError
    return unknown(notification, stage="worker-lost", retry_at=retry_at)


def unknown(notification: Notification, *, stage: str, retry_at: datetime) -> NotificationOutcomeUnknown:
    """An attempt ended without an answer (reliability.md, section 10). An e-mail is repeated once, for the same
    Message-ID lets the mailbox fold the two; a push as if it had failed, for its tag replaces the one before; an SMS
    never, for nothing would keep the second one from sight."""
    again = {
        Channel.EMAIL: not notification.unknown,
        Channel.PUSH: True,
        Channel.SMS: False,
    }[notification.channel]
    return NotificationOutcomeUnknown(
        attempt=notification.attempt, stage=stage, retry_at=retry_at if again else None
    )


def require_free(notification: Notification, now: datetime) -> None:
    """Refused unless it is to be sent by now, and nobody has it. One that was put off may be looked at any time:
    what it waits for may have been chosen anew."""
    is_put_off = notification.status is NotificationStatus.POSTPONED
    is_due = is_put_off or has_come(notification.due_at, now)
    if notification.status not in FREE or not is_due:
        raise NotificationNotDueError
