"""Telling guardians: of what a ward is told, each guardian who may see it is told too, or it is said why not.

At intake nobody asks who represents whom; this is decided after it, guarded by the guardianship's own stream.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from domain import announcement, guardianship, identity, report
from domain.announcement import About, ChannelsSuppressed
from domain.channel import Channel
from domain.permission import GUARDIANSHIP
from domain.report import Report
from domain.study_type import StudyType, study_types_of
from domain.superseding import SUPERSEDED
from domain.values import PatientId
from ledger.announcing import News, notification_stream, silence_stream, told
from ledger.codec import Circumstances
from ledger.commands import decide_again
from ledger.guardianship import EASTERNMOST
from ledger.identity import identity_stream
from ledger.permissions import (
    IDENTITY,
    NOTICES,
    basis_of,
    looked_at_for_notices,
    notices_permitted_of_all,
    of_ward,
)
from ledger.recorder import Guard
from ledger.store import Ledger, StreamErasedError, Write

BY = Circumstances(actor="system:sender")


@dataclass(frozen=True, slots=True, kw_only=True)
class Guardian:
    """Who may have to be told. `was_told`: something of the report was sent to them, so that it left the cabinet
    is news for them. `news_at`: since when it is the ward's."""

    guardianship_id: UUID
    guardian_id: PatientId
    was_told: bool = False
    news_at: datetime | None = None


def announce_to_guardian(ledger: Ledger, guardian: Guardian, news: News, *, now: datetime) -> bool:
    """Decide how the guardian is told of what the ward was told, `news`; whether it was not decided before."""
    to_guardian = replace(news, recipient_id=guardian.guardian_id)

    def act() -> bool:
        if any(version for _, version in _streams(ledger, to_guardian)):
            return False
        state = _report(ledger, news.report_id)
        to_tell = replace(to_guardian, is_urgent=_is_urgent(state, news))
        try:
            writes, guards = _decided(ledger, guardian, to_tell, state, now)
        except StreamErasedError:
            # One of the two is nobody any more.
            over = announcement.announce_nothing(announcement.GUARDIANSHIP_OVER)
            writes, guards = told(ledger, to_tell, over, consent=None, basis=None), ()
        begun = {write.stream_id for write in writes}
        silent = [Guard(stream_id, 0) for stream_id, _ in _streams(ledger, to_guardian)]
        ledger.append(
            *writes,
            circumstances=replace(BY, correlation_id=news.report_id),
            # Nobody else may decide by the channels that this decision leaves alone.
            guards=(*guards, *(one for one in silent if one.stream_id not in begun)),
        )
        return True

    return decide_again(act)


def _decided(
    ledger: Ledger, guardian: Guardian, news: News, state: Report | None, now: datetime
) -> tuple[tuple[Write, ...], Sequence[Guard]]:
    guardian_id, ward_id = guardian.guardian_id, news.patient_id
    identity_id = identity_stream(ledger, guardian_id)
    permitted = notices_permitted_of_all(ledger, [guardian_id, ward_id], at=now)
    (own, own_guards), (ward, ward_guards) = permitted[guardian_id], permitted[ward_id]
    represented, version = ledger.load(guardian.guardianship_id, guardianship.evolve)
    known, known_version = ledger.load(identity_id, identity.evolve)
    own = replace(own, identity=known)
    barrier = announcement.representation_barrier(
        represented, own, ward, study_types=_study_types(state, news), on_date=(now + EASTERNMOST).date()
    )
    guards = {
        **own_guards,
        IDENTITY: Guard(identity_id, known_version),
        **of_ward(ward_guards),
        GUARDIANSHIP: Guard(guardian.guardianship_id, version),
    }
    also = tuple(what for what in guards if what not in own_guards)
    basis = basis_of(guards, (*looked_at_for_notices(own), *also), at=now)
    untold = None if barrier else _untold(ledger, guardian, news, state, now)
    decided = announcement.announce_to_guardian(own, ward, barrier=barrier or untold)
    # What is not announced to the ward either rests on no permission.
    writes = told(ledger, news, decided, consent=own_guards[NOTICES], basis=None if untold else basis)
    return writes, tuple(guards.values())


def _untold(
    ledger: Ledger, guardian: Guardian, news: News, state: Report | None, now: datetime
) -> str | None:
    """Why a version is no news for anybody: the ward does not have it, or has another by now, or had it long ago."""
    is_old = guardian.news_at is not None and now > guardian.news_at + announcement.NEWS_LIFE
    if news.about is About.WITHDRAWN and not guardian.was_told:
        return announcement.NOT_IN_SIGHT
    if is_old:
        return announcement.NEWS_OLD
    if news.about is About.WITHDRAWN:
        return None
    if state is None or state.patient_id != news.patient_id:
        return SUPERSEDED
    for recorded in ledger.read(silence_stream(ledger, replace(news, recipient_id=None))):
        event = recorded.event
        rests_on = event.basis.of(NOTICES) if isinstance(event, ChannelsSuppressed) and event.basis else None
        if isinstance(event, ChannelsSuppressed) and rests_on is None:
            return event.channels[0].reason
    return None


def _study_types(state: Report | None, news: News) -> frozenset[StudyType] | None:
    """Of the version that is told of; None if the report left the cabinet."""
    if state is None or news.about is About.WITHDRAWN:
        return None
    return study_types_of(state.versions[news.report_version - 1])


def _is_urgent(state: Report | None, news: News) -> bool:
    is_here = state is not None and news.about is not About.WITHDRAWN
    return is_here and state is not None and announcement.is_urgent(state.versions[news.report_version - 1])


def _report(ledger: Ledger, report_id: UUID) -> Report | None:
    """None if its content was destroyed."""
    (folded,) = ledger.load_unerased((report_id, report.evolve))
    return folded[0] if folded else None


def _streams(ledger: Ledger, news: News) -> list[tuple[UUID, int]]:
    """Where it is recorded what the guardian is told by each channel, and by none, and how far each went."""
    found = [notification_stream(ledger, news, channel) for channel in Channel]
    found.append(silence_stream(ledger, news))
    return [(stream_id, sum(1 for _ in ledger.read(stream_id))) for stream_id in found]
