"""Delivery: what was announced to whom by which channel, how far it is, and what is due.

Each version of a report has one row for every channel, whether something was sent by it or not and why. A row whose
notification joined a digest follows the digest.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any
from uuid import UUID

from domain.announcement import ChannelsSuppressed
from domain.channel import Channel
from domain.consent import ConsentExpired, ConsentGranted, ConsentWithdrawn
from domain.guardianship import GuardianshipConfirmed, GuardianshipEnded
from domain.notice_hours import AHEAD_MAX, NoticeHoursChosen
from domain.notification import (
    NotificationAbandoned,
    NotificationAttempted,
    NotificationDelivered,
    NotificationFailed,
    NotificationHandedOver,
    NotificationJoined,
    NotificationOutcomeUnknown,
    NotificationPostponed,
    NotificationRequested,
    NotificationRetried,
    NotificationReturned,
    NotificationStatus,
    NotificationSuppressed,
)
from domain.receiving import ReceivingSettingsChanged
from domain.values import PatientId
from ledger.announcing import notification_stream
from ledger.codec import RecordedEvent
from ledger.store import Ledger
from projections.projection import Projection, Rows


@dataclass(frozen=True, slots=True)
class NotificationRow:
    """One notification and its state. `recipient_id` is a guardian who is told in the patient's place;
    `requested_at` is the first time, `lives_since` when an operator wanted it tried anew, if one did;
    `superseded_by` is the notification of a newer version that makes this one, which nobody tried yet, idle."""

    notification_id: UUID
    patient_id: UUID
    report_id: UUID
    report_version: int
    channel: str
    status: str
    attempt: int
    due_at: datetime | None
    reason: str | None
    requested_at: datetime
    changed_at: datetime
    about: str | None
    recipient_id: UUID | None
    is_urgent: bool
    carries: str | None
    remote_id: str | None
    waits_for: str | None
    digest_id: UUID | None
    lives_since: datetime
    superseded_by: UUID | None


@dataclass(frozen=True, slots=True)
class UntoldRow:
    """A guardian for whom it was not decided yet whether they are told of this version of a ward's report, which was
    the ward's news `at` that time; `was_told`: something of the report was sent to them, or is to be."""

    guardianship_id: UUID
    guardian_id: PatientId
    ward_id: PatientId
    report_id: UUID
    report_version: int
    about: str | None
    at: datetime
    was_told: bool


# How events change the rows.

COLUMNS = ", ".join(one.name for one in fields(NotificationRow))
_OPEN = f"""
INSERT INTO notifications ({COLUMNS})
SELECT one.notification_id, %(patient_id)s, %(report_id)s, %(report_version)s, one.channel, %(status)s, 0, NULL,
    one.reason, %(at)s, %(at)s, %(about)s, %(recipient_id)s, %(is_urgent)s, %(carries)s, NULL, NULL, NULL, %(at)s, NULL
FROM unnest(%(ids)s::uuid[], %(channels)s::text[], %(reasons)s::text[]) AS one (notification_id, channel, reason)
ON CONFLICT (notification_id) DO NOTHING
"""
_CHANGE = """
UPDATE notifications SET status = %(status)s, attempt = greatest(attempt, %(attempt)s), due_at = %(due_at)s,
    reason = %(reason)s, waits_for = %(waits_for)s, changed_at = %(at)s,
    remote_id = coalesce(%(remote_id)s, remote_id)
WHERE notification_id = %(id)s OR digest_id = %(id)s
"""
# What goes along is permitted at each attempt anew.
_CARRY = "UPDATE notifications SET carries = %s WHERE notification_id = %s AND carries IS DISTINCT FROM %s"
# The receipt was faster than the answer: only the provider's number is news.
_NUMBER = "UPDATE notifications SET remote_id = %s WHERE notification_id = %s AND status = 'delivered'"
_JOIN = """
UPDATE notifications AS one SET digest_id = digest.notification_id, status = digest.status,
    attempt = digest.attempt, due_at = digest.due_at, reason = digest.reason, waits_for = NULL,
    changed_at = %(at)s, remote_id = digest.remote_id
FROM notifications AS digest
WHERE one.notification_id = %(id)s AND digest.notification_id = %(digest_id)s
"""
_RETRY = """
UPDATE notifications SET status = 'requested', due_at = NULL, reason = NULL, changed_at = %(at)s,
    lives_since = %(at)s
WHERE notification_id = %(id)s OR digest_id = %(id)s
"""
# Nobody has tried it yet, and it says what is no more.
_SUPERSEDE = """
UPDATE notifications SET superseded_by = %(id)s, due_at = NULL
WHERE report_id = %(report_id)s AND channel = %(channel)s AND patient_id = %(patient_id)s
    AND recipient_id IS NOT DISTINCT FROM %(recipient_id)s AND notification_id <> %(id)s
    AND report_version <= %(report_version)s AND status IN ('requested', 'postponed') AND attempt = 0
    AND digest_id IS NULL AND (about IS NULL OR about = 'corrected')
"""
# Who chose anew, or permits less or more, may want it at once.
_WAKE = """
UPDATE notifications SET due_at = NULL
WHERE status = 'postponed' AND (patient_id = %(patient_id)s OR recipient_id = %(patient_id)s)
"""
_UNTOLD = """
INSERT INTO untold SELECT guardianship_id, guardian_id, ward_id, %s, %s, %s, %s, %s FROM guardians WHERE ward_id = %s
ON CONFLICT DO NOTHING
"""
_TOLD = """
DELETE FROM untold WHERE guardian_id = %s AND report_id = %s AND report_version = %s AND about = %s
"""
# What is only its reader's own: it was asked for just then.
_OWN = frozenset({"document", "password"})
_CHOICES = (ReceivingSettingsChanged, NoticeHoursChosen, ConsentGranted, ConsentWithdrawn, ConsentExpired)
_Opening = NotificationRequested | NotificationSuppressed | ChannelsSuppressed


def apply(rows: Rows, events: Sequence[RecordedEvent], ledger: Ledger) -> None:
    wards = _wards(rows, events)
    for recorded in events:
        event = recorded.event
        match event:
            case NotificationSuppressed() if recorded.version > 1:
                _changed(rows, recorded, NotificationStatus.SUPPRESSED, reason=event.reason)
            case NotificationRequested() | NotificationSuppressed() | ChannelsSuppressed():
                _opened(rows, recorded, event, ledger)
                _guardians_told(rows, recorded, event, wards)
            case NotificationJoined():
                joined = {
                    "id": recorded.stream_id,
                    "digest_id": event.digest_id,
                    "at": recorded.recorded_at,
                }
                rows.execute(_JOIN, joined)
            case NotificationRetried():
                rows.execute(_RETRY, {"id": recorded.stream_id, "at": recorded.recorded_at})
            case GuardianshipConfirmed():
                wards.add(event.ward_id)
                rows.execute(
                    "INSERT INTO guardians VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
                    (recorded.stream_id, event.guardian_id, event.ward_id),
                )
            case GuardianshipEnded():
                rows.execute("DELETE FROM guardians WHERE guardianship_id = %s", (recorded.stream_id,))
                rows.execute("DELETE FROM untold WHERE guardianship_id = %s", (recorded.stream_id,))
            case _ if isinstance(event, _CHOICES):
                rows.execute(_WAKE, {"patient_id": event.patient_id})
            case _:
                _moved(rows, recorded)


def _moved(rows: Rows, recorded: RecordedEvent) -> None:
    """What became of a notification that was open."""
    s = NotificationStatus
    match recorded.event:
        case NotificationPostponed() as event:
            _changed(rows, recorded, s.POSTPONED, due_at=event.until, waits_for=event.waits_for)
        case NotificationAttempted() as event:
            _changed(rows, recorded, s.ATTEMPTED, attempt=event.attempt, due_at=event.lease_until)
            rows.execute(_CARRY, (event.carries, recorded.stream_id, event.carries))
        case NotificationHandedOver() as event:
            number = event.remote_id or None
            known = rows.execute(_NUMBER, (number, recorded.stream_id)).rowcount
            if not known:
                _changed(rows, recorded, s.HANDED_OVER, attempt=event.attempt, remote_id=number)
        case NotificationDelivered() as event:
            _changed(rows, recorded, s.DELIVERED, remote_id=event.remote_id or None)
        case NotificationReturned() as event:
            _changed(rows, recorded, s.RETURNED, reason=event.reason, remote_id=event.remote_id or None)
        case NotificationFailed() as event:
            status = s.FAILED if event.retry_at is None else s.WAITING
            _changed(
                rows, recorded, status, attempt=event.attempt, due_at=event.retry_at, reason=event.reason
            )
        case NotificationOutcomeUnknown() as event:
            status = s.UNKNOWN if event.retry_at is None else s.WAITING
            _changed(rows, recorded, status, attempt=event.attempt, due_at=event.retry_at, reason=event.stage)
        case NotificationAbandoned() as event:
            _changed(rows, recorded, s.ABANDONED, reason=event.reason)
        case _:
            pass


def _opened(rows: Rows, recorded: RecordedEvent, event: _Opening, ledger: Ledger) -> None:
    """A row for each channel that the event speaks of."""
    is_requested = isinstance(event, NotificationRequested)
    ids, channels, reasons = zip(*_channels(recorded, event, ledger), strict=True)
    row = {
        "patient_id": event.patient_id,
        "report_id": event.report_id,
        "report_version": event.report_version,
        "status": NotificationStatus.REQUESTED if is_requested else NotificationStatus.SUPPRESSED,
        "at": recorded.recorded_at,
        "about": event.about,
        "recipient_id": event.recipient_id,
        "is_urgent": isinstance(event, NotificationRequested) and event.is_urgent,
        "carries": event.carries if isinstance(event, NotificationRequested) else None,
        "ids": list(ids),
        "channels": list(channels),
        "reasons": list(reasons),
    }
    rows.execute(_OPEN, row)
    is_first = event.report_version == 1 and event.about is None
    if isinstance(event, NotificationRequested) and not is_first and event.about not in _OWN:
        rows.execute(_SUPERSEDE, {**row, "id": recorded.stream_id, "channel": event.channel})


def _channels(
    recorded: RecordedEvent, event: _Opening, ledger: Ledger
) -> Iterable[tuple[UUID, Channel, str | None]]:
    """Each channel with its stream, and why it is silent."""
    match event:
        case ChannelsSuppressed():
            for one in event.channels:
                yield notification_stream(ledger, event, one.channel), one.channel, one.reason
        case NotificationSuppressed():
            yield recorded.stream_id, event.channel, event.reason
        case _:
            yield recorded.stream_id, event.channel, None


def _guardians_told(rows: Rows, recorded: RecordedEvent, event: _Opening, wards: set[UUID]) -> None:
    """Of what a ward is told, or is not, each guardian may be told too: until that is decided it is remembered."""
    if event.about in _OWN:
        return
    version = (event.report_id, event.report_version, event.about or "")
    if event.recipient_id is not None:
        rows.execute(_TOLD, (event.recipient_id, *version))
    elif event.patient_id in wards:
        rows.execute(_UNTOLD, (*version, recorded.position, recorded.recorded_at, event.patient_id))


def _wards(rows: Rows, events: Sequence[RecordedEvent]) -> set[UUID]:
    """Whom of those that these events are about somebody represents."""
    asked = {one.event.patient_id for one in events if isinstance(one.event, _Opening)}
    if not asked:
        return set()
    found = rows.execute("SELECT ward_id FROM guardians WHERE ward_id = ANY(%s)", (list(asked),)).fetchall()
    return {row[0] for row in found}


def _changed(
    rows: Rows,
    recorded: RecordedEvent,
    status: NotificationStatus,
    *,
    attempt: int = 0,
    due_at: datetime | None = None,
    reason: str | None = None,
    waits_for: str | None = None,
    remote_id: str | None = None,
) -> None:
    values: dict[str, Any] = {
        "id": recorded.stream_id,
        "status": status,
        "attempt": attempt,
        "due_at": due_at,
        "reason": reason,
        "waits_for": waits_for,
        "at": recorded.recorded_at,
        "remote_id": remote_id,
    }
    rows.execute(_CHANGE, values)


# Queries.

# Six ranges of two indexes, so that nothing is looked at that waits: urgent or not, due at once or since a time, or
# put off by a clock that was wrong.
_OPEN_NOW = f"""
SELECT {COLUMNS} FROM delivery.notifications WHERE channel = %(channel)s AND digest_id IS NULL
    AND status IN ('requested', 'postponed', 'waiting', 'attempted')
"""
_BY_WRONG_CLOCK = "due_at > %(beyond)s ORDER BY due_at"
_DUE = (
    "SELECT * FROM ("
    + " UNION ALL ".join(
        f"({_OPEN_NOW} AND is_urgent = {is_urgent} AND {since} LIMIT %(limit)s)"
        for is_urgent in ("true", "false")
        for since in (
            "due_at IS NULL ORDER BY requested_at",
            "due_at <= %(now)s ORDER BY due_at",
            _BY_WRONG_CLOCK,
        )
    )
    + ") AS found ORDER BY is_urgent DESC, coalesce(due_at, requested_at), notification_id LIMIT %(limit)s"
)


def due(ledger: Ledger, channel: Channel, *, now: datetime, limit: int = 100) -> list[NotificationRow]:
    """What is to be looked at now by the channel's sender, and attempts whose worker has died: the urgent first,
    then what has waited longest. What joined a digest goes with it."""
    with ledger.pool.connection() as connection:
        found = connection.execute(
            _DUE.encode(), {"channel": channel, "now": now, "beyond": now + AHEAD_MAX, "limit": limit}
        ).fetchall()
    return [NotificationRow(*row) for row in found]


def by_remote_id(ledger: Ledger, channel: Channel, remote_id: str) -> UUID | None:
    """What the provider knows by this number; the last one, should it give a number again."""
    with ledger.pool.connection() as connection:
        row = connection.execute(
            "SELECT notification_id FROM delivery.notifications WHERE channel = %s AND remote_id = %s"
            " AND digest_id IS NULL ORDER BY changed_at DESC LIMIT 1",
            (channel, remote_id),
        ).fetchone()
    return row[0] if row else None


def notifications_of(ledger: Ledger, patient_id: PatientId, *, limit: int = 200) -> list[NotificationRow]:
    """What the patient was told, and what others were told of them, the latest first."""
    with ledger.of_patient(patient_id) as connection:
        found = connection.execute(
            f"SELECT {COLUMNS} FROM delivery.notifications WHERE patient_id = %s"
            " ORDER BY requested_at DESC, notification_id LIMIT %s".encode(),
            (patient_id, limit),
        ).fetchall()
    return [NotificationRow(*row) for row in found]


def untold(ledger: Ledger, *, limit: int = 100) -> list[UntoldRow]:
    """Guardians who may have to be told, in the order of the ledger."""
    with ledger.pool.connection() as connection:
        found = connection.execute(
            "SELECT guardianship_id, guardian_id, ward_id, report_id, report_version, nullif(about, ''), at, EXISTS"
            " (SELECT FROM delivery.notifications AS one WHERE one.report_id = untold.report_id"
            " AND one.recipient_id = guardian_id AND one.status <> 'suppressed') FROM delivery.untold"
            " ORDER BY position, guardianship_id, report_id, report_version, about LIMIT %s",
            (limit,),
        ).fetchall()
    return [UntoldRow(*row) for row in found]


DELIVERY = Projection(
    name="delivery",
    tables={
        "notifications": "notification_id",
        "guardians": "guardianship_id",
        "untold": "guardianship_id, report_id, report_version, about",
    },
    apply=apply,
    names=frozenset(
        {
            "ChannelsSuppressed",
            "ConsentExpired",
            "ConsentGranted",
            "ConsentWithdrawn",
            "GuardianshipConfirmed",
            "GuardianshipEnded",
            "NoticeHoursChosen",
            "NotificationAbandoned",
            "NotificationAttempted",
            "NotificationDelivered",
            "NotificationFailed",
            "NotificationHandedOver",
            "NotificationJoined",
            "NotificationOutcomeUnknown",
            "NotificationPostponed",
            "NotificationRequested",
            "NotificationRetried",
            "NotificationReturned",
            "NotificationSuppressed",
            "ReceivingSettingsChanged",
        }
    ),
)
