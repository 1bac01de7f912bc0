"""Announcing: of a report's version each channel is asked for, or silent for a reason.

Either way all channels are accounted for, in the append that records the version: a notification for each that is
asked for, and one event for those that are not.
"""

from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from domain import announcement, notification
from domain.announcement import VERSION_LATE, About, Announcement, ChannelsSuppressed
from domain.channel import Channel
from domain.dead_letter import abandon
from domain.notification import FREE, NotificationRequested
from domain.permission import Basis
from domain.report import Report
from domain.sample_report import SENDER
from domain.values import PatientId
from ledger.onboarding import laboratory_id
from ledger.permissions import NOTICES, Permissions
from ledger.recorder import Guard
from ledger.store import Ledger, Write


class Told(Protocol):
    """What is told to whom: what a stream is named by."""

    @property
    def report_id(self) -> UUID: ...
    @property
    def report_version(self) -> int: ...
    @property
    def about(self) -> About | None: ...
    @property
    def recipient_id(self) -> PatientId | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """A version of a report that somebody is to be told of. `recipient_id` is a guardian of the patient."""

    patient_id: PatientId
    report_id: UUID
    report_version: int
    about: About | None = None
    recipient_id: PatientId | None = None
    is_urgent: bool = False


def announcement_of(
    ledger: Ledger, permitted: Permissions, report_id: UUID, state: Report, *, is_known: bool = False
) -> tuple[Write, ...]:
    """The notices of a report's current version, by the channels that its patient permits and can be reached by.
    `is_known`: they had the report before, so it may be a correction. It rests on `permitted.notice_guards`."""
    news = News(
        patient_id=permitted.patient_id,
        report_id=report_id,
        report_version=state.current_version,
        about=announcement.about_of_version(state.current_version, state.status) if is_known else None,
        # Who asks for a sample waits for it.
        is_urgent=announcement.is_urgent(state.current)
        or state.laboratory_id == laboratory_id(ledger, SENDER.handle),
    )
    decided = announcement.announce(permitted.grounds)
    return told(ledger, news, decided, consent=permitted.guards[NOTICES], basis=permitted.notice_basis)


def withdrawal_notices(
    ledger: Ledger, permitted: Permissions, report_id: UUID, report_version: int
) -> tuple[Write, ...]:
    """The notices that a report left the cabinet, because it was another person's."""
    news = News(
        patient_id=permitted.patient_id,
        report_id=report_id,
        report_version=report_version,
        about=About.WITHDRAWN,
    )
    decided = announcement.announce(permitted.grounds, is_new=False)
    return told(ledger, news, decided, consent=permitted.guards[NOTICES], basis=permitted.notice_basis)


def not_announced(
    ledger: Ledger,
    patient_id: PatientId,
    report_id: UUID,
    report_version: int,
    *,
    reason: str = VERSION_LATE,
    basis: Basis | None = None,
) -> tuple[Write, ...]:
    """That nothing is sent of a version is accounted for: it is older than the one that stands, which is no
    news, or it is not permitted to reach the patient."""
    news = News(patient_id=patient_id, report_id=report_id, report_version=report_version)
    return told(ledger, news, announcement.announce_nothing(reason), consent=None, basis=basis)


def called_off(ledger: Ledger, news: News, *, reason: str) -> tuple[Write, ...]:
    """That the patient is told no more of what nobody has tried to tell yet."""
    streams = [notification_stream(ledger, news, channel) for channel in Channel]
    folded = ledger.load_all(*((stream_id, notification.evolve) for stream_id in streams))
    return tuple(
        Write(stream_id, version, (abandon(state, reason=reason),))
        for stream_id, (state, version) in zip(streams, folded, strict=True)
        if state is not None and state.status in FREE and not state.attempt
    )


def told(
    ledger: Ledger, news: News, decided: Announcement, *, consent: Guard | None, basis: Basis | None
) -> tuple[Write, ...]:
    """What a decision is recorded as. `consent` is the recipient's to notices."""
    writes = []
    for channel in decided.requested:
        assert consent is not None
        requested = NotificationRequested(
            patient_id=news.patient_id,
            report_id=news.report_id,
            report_version=news.report_version,
            channel=channel,
            consent_id=consent.stream_id,
            consent_version=consent.version,
            about=news.about,
            basis=basis,
            recipient_id=news.recipient_id,
            is_urgent=news.is_urgent,
            carries=decided.carries if channel is Channel.EMAIL else None,
        )
        writes.append(Write(notification_stream(ledger, news, channel), 0, (requested,)))
    if decided.suppressed:
        suppressed = ChannelsSuppressed(
            patient_id=news.patient_id,
            report_id=news.report_id,
            report_version=news.report_version,
            channels=decided.suppressed,
            about=news.about,
            basis=basis,
            recipient_id=news.recipient_id,
        )
        writes.append(Write(silence_stream(ledger, news), 0, (suppressed,)))
    return tuple(writes)


def notification_stream(ledger: Ledger, told: Told, channel: Channel) -> UUID:
    """The stream of what is told by one channel; the name of a channel's row even where nothing is told by it."""
    return ledger.stream_id(
        "notification", str(told.report_id), str(told.report_version), channel, *_rest(told)
    )


def silence_stream(ledger: Ledger, told: Told) -> UUID:
    """The stream of the channels by which nothing is told."""
    return ledger.stream_id("no-notification", str(told.report_id), str(told.report_version), *_rest(told))


def _rest(told: Told) -> tuple[str, ...]:
    recipient = (str(told.recipient_id),) if told.recipient_id else ()
    return (*((str(told.about),) if told.about else ()), *recipient)
