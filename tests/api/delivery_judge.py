"""The judge of delivery: it joins what providers wrote down as taken with what the ledger says, and believes no view.

It folds the events by itself, so that a mistake of the domain's own fold does not hide itself.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise, product
from pathlib import Path
from typing import Self
from uuid import UUID

from api.channels.push import topic_of
from api.letter import keyed_name
from domain.announcement import ChannelsSuppressed
from domain.channel import Channel
from domain.notification import (
    DigestGathered,
    NotificationAbandoned,
    NotificationAttempted,
    NotificationDelivered,
    NotificationEvent,
    NotificationFailed,
    NotificationHandedOver,
    NotificationJoined,
    NotificationOutcomeUnknown,
    NotificationPostponed,
    NotificationRequested,
    NotificationRetried,
    NotificationReturned,
    NotificationSuppressed,
)
from domain.report import ReportReceived, ReportRevised
from domain.values import PatientId
from ledger.codec import RecordedEvent
from ledger.store import Ledger
from projections.cabinet import reports_of
from tests.api.push_peer import PushBrowser

OPEN = frozenset({"requested", "postponed", "attempted", "waiting"})
# What a notification can be when a provider has it; "unknown" is the honest one.
MAY_BE_THERE = frozenset({"handed-over", "delivered", "unknown"})
_STATUS: Mapping[type[NotificationEvent], str] = {
    NotificationRequested: "requested",
    NotificationRetried: "requested",
    NotificationSuppressed: "suppressed",
    NotificationPostponed: "postponed",
    NotificationJoined: "joined",
    NotificationAttempted: "attempted",
    NotificationHandedOver: "handed-over",
    NotificationDelivered: "delivered",
    NotificationReturned: "returned",
    NotificationFailed: "failed",
    NotificationOutcomeUnknown: "unknown",
    NotificationAbandoned: "abandoned",
}


@dataclass(frozen=True, slots=True)
class Accepted:
    """One line of a provider's journal: written before it answered."""

    channel: str
    number: str
    at: datetime
    name: str
    to: str
    content: str

    @classmethod
    def of(cls, folder: Path) -> list[Self]:
        """All that the providers of this folder took, in order."""
        lines = [json.loads(line) for path in folder.glob("*.jsonl") for line in path.open()]
        taken = [cls(**line | {"at": datetime.fromtimestamp(line["at"], UTC)}) for line in lines]
        return sorted(taken, key=lambda one: one.at)


@dataclass(frozen=True, slots=True)
class Resident:
    """A patient of the campaign, and where each channel reaches them."""

    patient_id: PatientId
    email: str
    phone: str
    browser: PushBrowser

    def at(self, channel: Channel) -> str:
        return {Channel.EMAIL: self.email, Channel.SMS: self.phone, Channel.PUSH: self.browser.token}[channel]


@dataclass(slots=True)
class Story:
    """One notification, from its events."""

    opened: NotificationRequested | NotificationSuppressed
    status: str = "requested"
    reason: str = ""
    attempted: list[datetime] = field(default_factory=list)
    unknown: list[datetime] = field(default_factory=list)
    members: tuple[UUID, ...] = ()
    digest_id: UUID | None = None

    def go_on(self, recorded: RecordedEvent, event: NotificationEvent) -> None:
        self.status = _status_after(self.status, event)
        self.reason = getattr(event, "reason", getattr(event, "stage", self.reason))
        match event:
            case DigestGathered():
                self.members = event.members
            case NotificationJoined():
                self.digest_id = event.digest_id
            case NotificationAttempted():
                self.attempted.append(recorded.recorded_at)
            case NotificationOutcomeUnknown():
                self.unknown.append(recorded.recorded_at)


def _status_after(status: str, event: NotificationEvent) -> str:
    match event:
        case DigestGathered():
            return status
        case NotificationHandedOver() if status == "delivered":
            return status
        case NotificationFailed() | NotificationOutcomeUnknown() if event.retry_at is not None:
            return "waiting"
        case _:
            return _STATUS[type(event)]


@dataclass(slots=True)
class Told:
    """What the ledger says: how many versions each report has, and how each channel was accounted for."""

    versions: Counter[UUID] = field(default_factory=Counter)
    accounted: Counter[tuple[UUID, int, Channel]] = field(default_factory=Counter)
    stories: dict[UUID, Story] = field(default_factory=dict)

    @classmethod
    def by(cls, ledger: Ledger) -> Self:
        told, position = cls(), 0
        while page := ledger.read_all(after=position, limit=5000):
            position = page[-1].position or 0
            for recorded in page:
                told._hear(recorded)
        return told

    def _hear(self, recorded: RecordedEvent) -> None:
        event = recorded.event
        match event:
            case ReportReceived() | ReportRevised():
                self.versions[recorded.stream_id] += 1
            case ChannelsSuppressed():
                for one in event.channels:
                    self.accounted[event.report_id, event.report_version, one.channel] += 1
            case _ if isinstance(event, NotificationEvent):
                self._hear_of_one(recorded, event)

    def _hear_of_one(self, recorded: RecordedEvent, event: NotificationEvent) -> None:
        is_opening = isinstance(event, NotificationRequested | NotificationSuppressed)
        if is_opening and recorded.stream_id not in self.stories:
            self.stories[recorded.stream_id] = Story(event)
            self.accounted[event.report_id, event.report_version, event.channel] += 1
        self.stories[recorded.stream_id].go_on(recorded, event)


@dataclass(slots=True)
class Verdict:
    """`faults` is empty if all is well; `counts` is what there was."""

    faults: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)


def judge(
    ledger: Ledger,
    accepted: Sequence[Accepted],
    *,
    residents: Sequence[Resident],
    acknowledged: Iterable[UUID],
    at_rest: bool = True,
) -> Verdict:
    """`acknowledged` are the reports that their laboratory was told to be stored. Before the end, without `at_rest`,
    what is open may still be."""
    told, verdict = Told.by(ledger), Verdict()
    _all_accounted_for(told, set(acknowledged), verdict)
    names = _names(ledger, told.stories)
    copies: dict[UUID, list[Accepted]] = defaultdict(list)
    for one in accepted:
        notification_id = names.get((one.channel, one.name))
        if notification_id is None:
            verdict.faults.append(f"{one.channel} {one.number}: nobody asked for it")
        else:
            copies[notification_id].append(one)
    of_patient = {resident.patient_id: resident for resident in residents}
    for notification_id, story in told.stories.items():
        resident = of_patient[story.opened.patient_id]
        found = list(_faults(story, copies[notification_id], resident, told.stories, at_rest=at_rest))
        verdict.faults += [f"{story.opened.channel} {notification_id}: {fault}" for fault in found]
        _count(story, copies[notification_id], verdict.counts)
    if at_rest:
        _seen_once_in_the_cabinet(ledger, residents, set(acknowledged), verdict)
    return verdict


def _all_accounted_for(told: Told, acknowledged: set[UUID], verdict: Verdict) -> None:
    lost = acknowledged - told.versions.keys()
    verdict.faults += [f"report {one}: acknowledged, and lost" for one in lost]
    for report_id, versions in told.versions.items():
        for version, channel in product(range(1, versions + 1), Channel):
            times = told.accounted[report_id, version, channel]
            if times != 1:
                verdict.faults.append(f"report {report_id}, {version}: {times} notices by {channel}")
    verdict.counts["versions of reports"] = told.versions.total()
    verdict.counts["notices"] = len(told.stories)


def _names(ledger: Ledger, stories: Mapping[UUID, Story]) -> dict[tuple[str, str], UUID]:
    """By which name each channel's provider knows a notification."""
    key, found = ledger.custody.message_key, {}
    for notification_id, story in stories.items():
        name = {
            Channel.EMAIL: f"<{keyed_name(key, str(notification_id))}@letopis.example>",
            Channel.SMS: str(notification_id),
            Channel.PUSH: topic_of(notification_id, key),
        }[story.opened.channel]
        found[str(story.opened.channel), name] = notification_id
    return found


def _faults(
    story: Story,
    copies: Sequence[Accepted],
    resident: Resident,
    stories: Mapping[UUID, Story],
    *,
    at_rest: bool,
) -> Iterable[str]:
    channel = story.opened.channel
    if at_rest and story.status in OPEN:
        yield f"open for ever, {story.status}"
    if story.status in MAY_BE_THERE - {"unknown"} and not copies:
        yield f"lost: recorded as {story.status}, and its provider never took it"
    if at_rest and copies and story.status not in MAY_BE_THERE:
        yield f"its provider took it, and it is recorded as {story.status} ({story.reason})"
    if story.status in {"failed", "abandoned", "suppressed"} and not story.reason:
        yield f"{story.status} without a reason"
    if story.status == "joined":
        digest = stories.get(story.digest_id) if story.digest_id is not None else None
        if digest is None or not digest.members or digest.status == "joined":
            yield "joined what is no digest"
    if any(one.to != resident.at(channel) for one in copies):
        yield "taken to another address"
    yield from _doubles(story, copies, resident)


def _doubles(story: Story, copies: Sequence[Accepted], resident: Resident) -> Iterable[str]:
    """Each copy has an attempt of its own, recorded before; another one only where the outcome of the one before
    was recorded as unknown, and where its reader sees one."""
    channel = story.opened.channel
    for number, copy in enumerate(copies):
        if sum(at <= copy.at for at in story.attempted) <= number:
            yield "taken without an attempt that was recorded before"
    if channel is Channel.SMS and len(copies) > 1:
        yield f"a visible double: {len(copies)} SMS"
    if channel is not Channel.SMS:
        for one, next_one in pairwise(copies):
            if not any(one.at <= at <= next_one.at for at in story.unknown):
                yield "sent again, though nothing was unknown"
    if channel is Channel.EMAIL and len({copy.content for copy in copies}) > 1:
        yield "copies that differ"
    if channel is Channel.PUSH:
        tags = {json.loads(resident.browser.open(bytes.fromhex(copy.content)))["tag"] for copy in copies}
        if len(tags) > 1 or any(copy.name not in tags for copy in copies):
            yield "a visible double: its tag is not its topic"


def _count(story: Story, copies: Sequence[Accepted], counts: Counter[str]) -> None:
    channel = story.opened.channel
    counts[f"{channel}, {story.status}" + (f" ({story.reason})" if story.status == "abandoned" else "")] += 1
    counts[f"{channel}: taken by the provider"] += len(copies)
    counts[f"{channel}: copies that fold"] += max(len(copies) - 1, 0)
    counts[f"{channel}: outcomes recorded as unknown"] += len(story.unknown)
    counts[f"{channel}: tries"] += len(story.attempted)
    counts["digests"] += bool(story.members)
    if story.status == "unknown":
        where = "there" if copies else "not there"
        counts[f"{channel}: unknown to the end, and {where}"] += 1


def _seen_once_in_the_cabinet(
    ledger: Ledger, residents: Sequence[Resident], acknowledged: set[UUID], verdict: Verdict
) -> None:
    """What people see is a view; that each thing is in it once is asked of it."""
    seen: Counter[UUID] = Counter()
    for resident in residents:
        seen.update(row.report_id for row in reports_of(ledger, resident.patient_id, limit=1_000_000))
    for report_id in acknowledged | seen.keys():
        if seen[report_id] != 1:
            verdict.faults.append(f"report {report_id}: {seen[report_id]} times in the cabinet")
    verdict.counts["reports in the cabinet"] = len(seen)
