"""How events change the rows of delivery: a batch of them in memory, then all that they say in two statements.

A notification is asked for, attempted and handed over within a second, so that one batch mostly holds all that will ever
be said of its row. Guardians are few: what is said of them is written event by event.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import TypeGuard
from uuid import UUID

from domain.announcement import About, ChannelsSuppressed
from domain.channel import Channel
from domain.consent import ConsentExpired, ConsentGranted, ConsentWithdrawn
from domain.guardianship import GuardianshipConfirmed, GuardianshipEnded
from domain.notice_hours import NoticeHoursChosen
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
from ledger.announcing import notification_stream
from ledger.codec import RecordedEvent
from ledger.store import Ledger
from projections.packed_rows import packed
from projections.projection import Rows


@dataclass(slots=True)
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


COLUMNS = ", ".join(one.name for one in fields(NotificationRow))
_CHANGING = (
    *("status", "attempt", "due_at", "reason", "waits_for", "changed_at"),
    *("carries", "remote_id", "digest_id", "lives_since", "superseded_by"),
)

# Whatever the events of a batch may change: themselves and what joined their digests; what waits for those who choose;
# what a newer version makes idle.
_NAMED = f"SELECT {COLUMNS} FROM notifications WHERE notification_id = ANY(%(ids)s)"
_JOINED = f"SELECT {COLUMNS} FROM notifications WHERE digest_id IS NOT NULL AND digest_id = ANY(%(moved)s)"
_POSTPONED = f"""
SELECT {COLUMNS} FROM notifications WHERE status = 'postponed' AND patient_id = ANY(%(people)s)
UNION ALL SELECT {COLUMNS} FROM notifications WHERE status = 'postponed' AND recipient_id = ANY(%(people)s)
"""
_OF_REPORTS = f"SELECT {COLUMNS} FROM notifications WHERE report_id = ANY(%(reports)s)"
_INSERT = f"""
INSERT INTO notifications ({COLUMNS}) SELECT {COLUMNS} FROM json_populate_recordset(NULL::notifications, %s)
"""
_UPDATE = f"""
UPDATE notifications AS one SET {", ".join(f"{name} = changed.{name}" for name in _CHANGING)}
FROM json_populate_recordset(NULL::notifications, %s) AS changed
WHERE one.notification_id = changed.notification_id
"""
_UNTOLD = """
INSERT INTO untold SELECT guardianship_id, guardian_id, ward_id, %s, %s, %s, %s, %s FROM guardians WHERE ward_id = %s
ON CONFLICT DO NOTHING
"""
_TOLD = """
DELETE FROM untold WHERE guardian_id = %s AND report_id = %s AND report_version = %s AND about = %s
"""
# What is only its reader's own: it was asked for just then.
_OWN = frozenset({About.DOCUMENT, About.PASSWORD})
_UNTRIED = (NotificationStatus.REQUESTED, NotificationStatus.POSTPONED)
_Choice = ReceivingSettingsChanged | NoticeHoursChosen | ConsentGranted | ConsentWithdrawn | ConsentExpired
_Opening = NotificationRequested | NotificationSuppressed | ChannelsSuppressed
# Each channel that an event speaks of: its stream, and why it is silent.
_Opened = Sequence[tuple[UUID, Channel, str | None]]


@dataclass(slots=True)
class _Notifications:
    """The rows that a batch may change, found by what events name; `new` are not in the table yet."""

    by_id: dict[UUID, NotificationRow] = field(default_factory=dict)
    of_digest: defaultdict[UUID, list[NotificationRow]] = field(default_factory=lambda: defaultdict(list))
    of_report: defaultdict[UUID, list[NotificationRow]] = field(default_factory=lambda: defaultdict(list))
    of_person: defaultdict[UUID, list[NotificationRow]] = field(default_factory=lambda: defaultdict(list))
    new: dict[UUID, NotificationRow] = field(default_factory=dict)
    changed: dict[UUID, NotificationRow] = field(default_factory=dict)

    def know(self, row: NotificationRow) -> None:
        if row.notification_id in self.by_id:
            return
        self.by_id[row.notification_id] = row
        self.of_report[row.report_id].append(row)
        self.of_person[row.patient_id].append(row)
        if row.recipient_id is not None:
            self.of_person[row.recipient_id].append(row)
        if row.digest_id is not None:
            self.of_digest[row.digest_id].append(row)

    def open(self, row: NotificationRow) -> None:
        """As long as there is none of it."""
        if row.notification_id not in self.by_id:
            self.know(row)
            self.new[row.notification_id] = row

    def moved_with(self, notification_id: UUID) -> Iterable[NotificationRow]:
        """The notification and what joined it as its digest, from now on changed."""
        row = self.by_id.get(notification_id)
        if row is not None:
            yield self.change(row)
        for joined in self.of_digest.get(notification_id, ()):
            if joined.digest_id == notification_id and joined is not row:
                yield self.change(joined)

    def change(self, row: NotificationRow) -> NotificationRow:
        if row.notification_id not in self.new:
            self.changed[row.notification_id] = row
        return row


# What looks for rows is not prepared: a plan that was made when a view began anew would read the whole table for ever.


def apply(rows: Rows, events: Sequence[RecordedEvent], ledger: Ledger) -> None:
    opened = [_channels(recorded, ledger) for recorded in events]
    known = _found(rows, events, opened)
    wards = _wards(rows, events)
    for recorded, channels in zip(events, opened, strict=True):
        event = recorded.event
        match event:
            case NotificationRequested() | NotificationSuppressed() | ChannelsSuppressed() if channels:
                _open(known, recorded, event, channels)
                _guardians_told(rows, recorded, event, wards)
            case GuardianshipConfirmed():
                wards.add(event.ward_id)
                rows.execute(
                    "INSERT INTO guardians VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
                    (recorded.stream_id, event.guardian_id, event.ward_id),
                )
            case GuardianshipEnded():
                rows.execute("DELETE FROM guardians WHERE guardianship_id = %s", (recorded.stream_id,))
                rows.execute("DELETE FROM untold WHERE guardianship_id = %s", (recorded.stream_id,))
            case _ if isinstance(event, _Choice):
                _wake(known, event.patient_id)
            case _:
                _move(known, recorded)
    if known.new:
        rows.execute(_INSERT.encode(), (packed(list(known.new.values())),))
    if known.changed:
        rows.execute(_UPDATE.encode(), (packed(list(known.changed.values())),), prepare=False)


def _channels(recorded: RecordedEvent, ledger: Ledger) -> _Opened:
    """What an event opens, if it opens anything: a notification that is suppressed later was open before."""
    match recorded.event:
        case ChannelsSuppressed() as event:
            return [
                (notification_stream(ledger, event, one.channel), one.channel, one.reason)
                for one in event.channels
            ]
        case NotificationSuppressed() as event if recorded.version == 1:
            return [(recorded.stream_id, event.channel, event.reason)]
        case NotificationRequested() as event:
            return [(recorded.stream_id, event.channel, None)]
        case _:
            return ()


def _found(rows: Rows, events: Sequence[RecordedEvent], opened: Sequence[_Opened]) -> _Notifications:
    moved = {recorded.stream_id for recorded, channels in zip(events, opened, strict=True) if not channels}
    ids = moved | {one.event.digest_id for one in events if isinstance(one.event, NotificationJoined)}
    ids |= {notification_id for channels in opened for notification_id, _, _ in channels}
    people = {one.event.patient_id for one in events if isinstance(one.event, _Choice)}
    reports = {one.event.report_id for one in events if _supersedes(one.event)}
    asked = {"ids": list(ids), "moved": list(moved), "people": list(people), "reports": list(reports)}
    known = _Notifications()
    queries = ((_NAMED, ids), (_JOINED, moved), (_POSTPONED, people), (_OF_REPORTS, reports))
    for query, is_asked in queries:
        for row in rows.execute(query.encode(), asked, prepare=False).fetchall() if is_asked else ():
            known.know(NotificationRow(*row))
    return known


def _open(known: _Notifications, recorded: RecordedEvent, event: _Opening, channels: _Opened) -> None:
    """A row for each channel that the event speaks of."""
    s, at = NotificationStatus, recorded.recorded_at
    is_requested = isinstance(event, NotificationRequested)
    for notification_id, channel, reason in channels:
        row = NotificationRow(
            notification_id=notification_id,
            patient_id=event.patient_id,
            report_id=event.report_id,
            report_version=event.report_version,
            channel=channel,
            status=s.REQUESTED if is_requested else s.SUPPRESSED,
            attempt=0,
            due_at=None,
            reason=reason,
            requested_at=at,
            changed_at=at,
            about=event.about,
            recipient_id=event.recipient_id,
            is_urgent=isinstance(event, NotificationRequested) and event.is_urgent,
            carries=event.carries if isinstance(event, NotificationRequested) else None,
            remote_id=None,
            waits_for=None,
            digest_id=None,
            lives_since=at,
            superseded_by=None,
        )
        known.open(row)
    if _supersedes(event):
        _supersede(known, recorded.stream_id, event)


def _supersedes(event: object) -> TypeGuard[NotificationRequested]:
    if not isinstance(event, NotificationRequested) or event.about in _OWN:
        return False
    return event.report_version > 1 or event.about is not None


def _supersede(known: _Notifications, notification_id: UUID, event: NotificationRequested) -> None:
    """Nobody has tried the older one yet, and it says what is no more."""
    told = (event.channel, event.patient_id, event.recipient_id)
    for row in known.of_report[event.report_id]:
        is_older = row.notification_id != notification_id and row.report_version <= event.report_version
        is_untried = row.status in _UNTRIED and row.attempt == 0 and row.digest_id is None
        is_news = row.about in (None, About.CORRECTED)
        is_of_same = (row.channel, row.patient_id, row.recipient_id) == told
        if is_of_same and is_older and is_untried and is_news:
            known.change(row).superseded_by = notification_id
            row.due_at = None


def _wake(known: _Notifications, patient_id: UUID) -> None:
    """Who chose anew, or permits less or more, may want it at once."""
    for row in known.of_person.get(patient_id, ()):
        if row.status == NotificationStatus.POSTPONED:
            known.change(row).due_at = None


def _move(known: _Notifications, recorded: RecordedEvent) -> None:
    """What became of a notification that was open."""
    notification_id, at, s = recorded.stream_id, recorded.recorded_at, NotificationStatus
    match recorded.event:
        case NotificationJoined() as event:
            _join(known, notification_id, event.digest_id, at)
        case NotificationRetried():
            for row in known.moved_with(notification_id):
                row.status, row.due_at, row.reason = s.REQUESTED, None, None
                row.changed_at = row.lives_since = at
        case NotificationSuppressed() as event:
            _change(known, recorded, s.SUPPRESSED, reason=event.reason)
        case NotificationPostponed() as event:
            _change(known, recorded, s.POSTPONED, due_at=event.until, waits_for=event.waits_for)
        case NotificationDelivered() as event:
            _change(known, recorded, s.DELIVERED, remote_id=event.remote_id)
        case NotificationReturned() as event:
            _change(known, recorded, s.RETURNED, reason=event.reason, remote_id=event.remote_id)
        case NotificationAbandoned() as event:
            _change(known, recorded, s.ABANDONED, reason=event.reason)
        case _:
            _try(known, recorded)


def _try(known: _Notifications, recorded: RecordedEvent) -> None:
    """An attempt, and what its sender said of it."""
    s = NotificationStatus
    match recorded.event:
        case NotificationAttempted() as event:
            _change(known, recorded, s.ATTEMPTED, attempt=event.attempt, due_at=event.lease_until)
            # What goes along is permitted at each attempt anew.
            if (own := known.by_id.get(recorded.stream_id)) is not None:
                own.carries = event.carries
        case NotificationHandedOver() as event:
            _hand_over(known, recorded, event)
        case NotificationFailed() as event:
            status = s.FAILED if event.retry_at is None else s.WAITING
            _change(
                known, recorded, status, attempt=event.attempt, due_at=event.retry_at, reason=event.reason
            )
        case NotificationOutcomeUnknown() as event:
            status = s.UNKNOWN if event.retry_at is None else s.WAITING
            _change(known, recorded, status, attempt=event.attempt, due_at=event.retry_at, reason=event.stage)
        case _:
            pass


def _hand_over(known: _Notifications, recorded: RecordedEvent, event: NotificationHandedOver) -> None:
    own = known.by_id.get(recorded.stream_id)
    if own is not None and own.status == NotificationStatus.DELIVERED:
        # The receipt was faster than the answer: only the provider's number is news.
        known.change(own).remote_id = event.remote_id or None
        return
    _change(known, recorded, NotificationStatus.HANDED_OVER, attempt=event.attempt, remote_id=event.remote_id)


def _join(known: _Notifications, notification_id: UUID, digest_id: UUID, at: datetime) -> None:
    row, digest = known.by_id.get(notification_id), known.by_id.get(digest_id)
    if row is None or digest is None:
        return
    known.change(row).digest_id = digest_id
    known.of_digest[digest_id].append(row)
    row.status, row.attempt, row.due_at = digest.status, digest.attempt, digest.due_at
    row.reason, row.waits_for, row.remote_id = digest.reason, None, digest.remote_id
    row.changed_at = at


def _change(
    known: _Notifications,
    recorded: RecordedEvent,
    status: NotificationStatus,
    *,
    attempt: int = 0,
    due_at: datetime | None = None,
    reason: str | None = None,
    waits_for: str | None = None,
    remote_id: str | None = None,
) -> None:
    for row in known.moved_with(recorded.stream_id):
        row.status, row.due_at, row.reason, row.waits_for = status, due_at, reason, waits_for
        row.attempt = max(row.attempt, attempt)
        row.remote_id = remote_id or row.remote_id
        row.changed_at = recorded.recorded_at


# Guardians.


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
