"""Deciding again: what a recorded decision rested on is read as it was then, and the same rule is asked once more.

An auditor who does this for every decision gets the same answers, or the list of those that differ; with
another rule in the place of ours, what that rule would have changed.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from domain import announcement, guardianship, permission, report
from domain.announcement import WARD_CONSENT_MISSING, About, ChannelsSuppressed
from domain.channel import Channel
from domain.notification import NotificationRequested, NotificationSuppressed
from domain.permission import GUARDIANSHIP, Basis, Grounds
from domain.report import Report, ReportMatched, ReportVersionsHeld, ReportVersionsReleased
from domain.report_content import ReportContent
from domain.study_type import StudyType, study_types_of
from domain.values import OrganisationId
from ledger.codec import Erased, RecordedEvent
from ledger.guardianship import EASTERNMOST
from ledger.permissions import FOLDS, NOTICES, PUSH, WARD
from ledger.states import Evolve
from ledger.store import Ledger, StreamErasedError

PAGE = 500

Decision = (
    ReportMatched
    | ReportVersionsHeld
    | ReportVersionsReleased
    | NotificationRequested
    | NotificationSuppressed
    | ChannelsSuppressed
)
Notice = NotificationRequested | NotificationSuppressed | ChannelsSuppressed


@dataclass(frozen=True, slots=True)
class Redecided:
    """What was decided and what is decided from the same grounds: a reason against it, or None. `channel` is whose
    notice was decided; `is_lost` when what the decision looked at was erased."""

    position: int
    event_id: UUID
    decided: str | None
    again: str | None
    is_lost: bool = False
    channel: Channel | None = None

    @property
    def is_same(self) -> bool:
        return not self.is_lost and self.decided == self.again


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules that decide. An auditor may put others in their place, to see what they would change."""

    of_reports: Callable[..., str | None] = permission.barrier
    of_notices: Callable[..., str | None] = permission.notice_barrier


def redecide_all(ledger: Ledger, *, after: int = 0, rules: Rules | None = None) -> Iterator[Redecided]:
    """Every decision that says what it rested on, in the order of the ledger."""
    while found := ledger.read_all(after=after, limit=PAGE):
        for recorded in found:
            if isinstance(recorded.event, Decision) and recorded.event.basis is not None:
                yield from redecide(ledger, recorded, recorded.event.basis, rules or Rules())
        after = found[-1].position or 0


def redecide(ledger: Ledger, recorded: RecordedEvent, basis: Basis, rules: Rules) -> Iterator[Redecided]:
    """The decision, or the one of each channel that the event speaks of."""
    for channel, decided in _decided(recorded.event):
        try:
            again = _again(ledger, recorded, basis, channel, rules)
        except StreamErasedError:
            again, is_lost = None, True
        else:
            is_lost = False
        yield Redecided(recorded.position or 0, recorded.event_id, decided, again, is_lost, channel)


def _decided(event: object) -> list[tuple[Channel | None, str | None]]:
    match event:
        case ChannelsSuppressed():
            return [(one.channel, one.reason) for one in event.channels]
        case NotificationRequested():
            return [(event.channel, None)]
        case NotificationSuppressed():
            return [(event.channel, event.reason)]
        case _:
            return [(None, getattr(event, "reason", None))]


def _again(
    ledger: Ledger, recorded: RecordedEvent, basis: Basis, channel: Channel | None, rules: Rules
) -> str | None:
    event = recorded.event
    if basis.of(NOTICES) is None or channel is None:
        grounds = grounds_of(ledger, basis)
        organisation_id, study_types = _report_of(ledger, recorded)
        if grounds.linkage is not None:
            organisation_id = grounds.linkage.organisation_id  # of a sample it is not who sent it
        return rules.of_reports(grounds, organisation_id=organisation_id, study_types=study_types)
    assert isinstance(event, Notice)
    return _of_guardian(ledger, event, basis) or rules.of_notices(grounds_of(ledger, basis), channel=channel)


def _of_guardian(ledger: Ledger, event: Notice, basis: Basis) -> str | None:
    """Why the recipient was told nothing of another: None if they were told of themselves, or were to be told."""
    of_ward = tuple(
        replace(one, what=one.what.removeprefix(WARD)) for one in basis.looked_at if one.what.startswith(WARD)
    )
    if not of_ward:
        return None
    ward = grounds_of(ledger, replace(basis, looked_at=of_ward))
    seen = next((one for one in basis.looked_at if one.what == GUARDIANSHIP), None)
    barrier = announcement.representation_barrier(
        _state_at(ledger, seen.stream_id, guardianship.evolve, seen.version) if seen else None,
        grounds_of(ledger, basis),
        ward,
        study_types=_types_told(ledger, event),
        on_date=(basis.at + EASTERNMOST).date(),
    )
    is_silent = permission.notices_consent_barrier(ward) is not None
    return barrier or (WARD_CONSENT_MISSING if is_silent else None)


def _types_told(ledger: Ledger, event: Notice) -> frozenset[StudyType] | None:
    """Of the version that was told of; None if the report left the cabinet."""
    if event.about is About.WITHDRAWN:
        return None
    state = ledger.load(event.report_id, report.evolve)[0]
    assert state is not None
    return study_types_of(state.versions[event.report_version - 1])


def grounds_of(ledger: Ledger, basis: Basis) -> Grounds:
    """What the decision saw of its own person: each stream as far as it went then."""
    states: dict[str, Any] = {}
    for looked_at in basis.looked_at:
        if looked_at.what in FOLDS:
            evolve, name = FOLDS[looked_at.what]
            states[name] = _state_at(ledger, looked_at.stream_id, evolve, looked_at.version)
    grounds = Grounds(at=basis.at, **states)
    # Before there were other channels than e-mail, nobody asked whether an address was confirmed.
    if basis.of(NOTICES) is not None and basis.of(PUSH) is None and grounds.patient is not None:
        grounds = replace(grounds, patient=replace(grounds.patient, is_email_confirmed=True))
    return grounds


def _report_of(ledger: Ledger, recorded: RecordedEvent) -> tuple[OrganisationId, frozenset[StudyType]]:
    """Whose report was decided about, and of which types it is."""
    event = recorded.event
    if isinstance(event, Notice):
        state = ledger.load(event.report_id, report.evolve)[0]
        assert state is not None
        return _described(state, state.versions[event.report_version - 1])
    # A hold comes before the version that it holds.
    version = recorded.version + (1 if isinstance(event, ReportVersionsHeld) else 0)
    state = _state_at(ledger, recorded.stream_id, report.evolve, version)
    return _described(state, state.current)


def _described(state: Report, content: ReportContent) -> tuple[OrganisationId, frozenset[StudyType]]:
    return OrganisationId(state.laboratory_id), study_types_of(content)


def _state_at(ledger: Ledger, stream_id: UUID, evolve: Evolve, version: int) -> Any:
    """The state that a stream had when it was as long as that. StreamErasedError if a part of it was erased since:
    what is left of a patient says that they never had a name or a policy."""
    events = [one for one in ledger.read(stream_id) if one.version <= version]
    if any(isinstance(one.event, Erased) for one in events):
        raise StreamErasedError(stream_id)
    return ledger.load(stream_id, evolve, until=version)[0]
