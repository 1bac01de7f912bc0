"""Deciding again: what a recorded decision rested on is read as it was then, and the same rule is asked once more.

An auditor who does this for every decision gets the same answers, or the list of those that differ; with
another rule in the place of ours, what that rule would have changed.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any
from uuid import UUID

from domain import announcement, guardianship, linkage, permission, report
from domain.announcement import WARD_CONSENT_MISSING, About, ChannelsSuppressed
from domain.channel import Channel
from domain.decision_policy import DecisionPolicy
from domain.linkage import Linkage
from domain.notification import NotificationRequested, NotificationSuppressed
from domain.permission import GUARDIANSHIP, Basis, Grounds
from domain.report import Report, ReportMatched, ReportVersionsHeld, ReportVersionsReleased
from domain.report_content import ReportContent
from domain.study_type import StudyType, study_types_of
from domain.values import OrganisationId, PatientId
from ledger.codec import NAMES, Erased, RecordedEvent, Unreadable, UnreadableEventError
from ledger.folding import StreamErasedError, fold
from ledger.guardianship import EASTERNMOST
from ledger.linkage import linkage_stream
from ledger.permissions import FOLDS, NOTICES, PATIENT, PUSH, WARD
from ledger.states import Evolve
from ledger.store import Ledger

# So many events are looked through at once, and of so many decisions what they rested on is read by one query: memory
# does not grow with the history.
PAGE = 5000
TOGETHER = 200
# What stands in the place of an answer that can't be had, since an event it rests on can't be read.
UNREADABLE = "unreadable"

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
    of_representation: Callable[..., str | None] = announcement.representation_barrier
    # Whether the rule of notices asks for the linkage too, which those in force don't look at.
    asks_linkage: bool = False

    @classmethod
    def of(cls, policy: DecisionPolicy) -> "Rules":
        return cls(policy.of_reports, policy.of_notices, policy.of_representation, asks_linkage=True)


def redecide_all(
    ledger: Ledger, *, after: int = 0, until: int | None = None, rules: Rules | None = None
) -> Iterator[Redecided]:
    """Every decision that says what it rested on, in the order of the ledger."""
    decisions = _decisions(ledger, after, until)
    while together := list(islice(decisions, TOGETHER)):
        read = _Read(ledger, _streams_of(together))
        for recorded in together:
            yield from _redecide(read, recorded, rules or Rules())


_NAMES = frozenset(NAMES[kind] for kind in Decision.__args__)


def _decisions(ledger: Ledger, after: int, until: int | None) -> Iterator[RecordedEvent]:
    """Only these are opened."""
    while stored := ledger.read_stored(after=after, limit=PAGE):
        after = stored[-1][0]
        wanted = [
            (event, place)
            for place, event in stored
            if event.topic in _NAMES and (until is None or place <= until)
        ]
        for recorded in ledger.mapper.to_readable(wanted):
            if isinstance(recorded.event, Unreadable) or _basis_of(recorded) is not None:
                yield recorded
        if until is not None and after >= until:
            return


def _basis_of(recorded: RecordedEvent) -> Basis | None:
    return recorded.event.basis if isinstance(recorded.event, Decision) else None


def _streams_of(together: Sequence[RecordedEvent]) -> set[UUID]:
    """What the decisions rested on, and the reports that they are about."""
    found = set()
    for recorded in together:
        if (basis := _basis_of(recorded)) is not None:
            found |= {one.stream_id for one in basis.looked_at}
            found.add(recorded.event.report_id if isinstance(recorded.event, Notice) else recorded.stream_id)
    return found


@dataclass(slots=True)
class _Read:
    """The streams that some decisions rested on, and the states that they were folded into."""

    ledger: Ledger
    streams: set[UUID]
    events: Mapping[UUID, Sequence[RecordedEvent]] = field(init=False)
    states: dict[tuple[UUID, Evolve, int | None], Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        try:
            self.events = self.ledger.read_streams([(stream_id, 0) for stream_id in self.streams])
        except UnreadableEventError:
            # Which of them it is, is found when each is asked for by itself.
            self.events = {}

    def of(self, stream_id: UUID) -> Sequence[RecordedEvent]:
        found = self.events.get(stream_id)
        return list(self.ledger.read(stream_id)) if found is None else found

    def state_at(self, stream_id: UUID, evolve: Evolve, version: int) -> Any:
        """The state that a stream had when it was as long as that. StreamErasedError if a part of it was erased since:
        what is left of a patient says that they never had a name or a policy."""
        key = (stream_id, evolve, version)
        if key not in self.states:
            events = [one for one in self.of(stream_id) if one.version <= version]
            if any(isinstance(one.event, Erased) for one in events):
                raise StreamErasedError(stream_id)
            self.states[key] = fold(events, evolve)[0]
        return self.states[key]

    def report(self, report_id: UUID) -> Report:
        """As it is now. StreamErasedError if it was destroyed."""
        key = (report_id, report.evolve, None)
        if key not in self.states:
            self.states[key] = fold(self.of(report_id), report.evolve)[0]
        found = self.states[key]
        assert isinstance(found, Report)
        return found

    def linkage(self, patient_id: PatientId, organisation_id: OrganisationId, as_of: int) -> Linkage | None:
        stream_id = linkage_stream(self.ledger, patient_id, organisation_id)
        return self.ledger.load(stream_id, linkage.evolve, as_of=as_of)[0]


def _redecide(read: _Read, recorded: RecordedEvent, rules: Rules) -> Iterator[Redecided]:
    """The decision, or the one of each channel that the event speaks of."""
    position, basis = recorded.position or 0, _basis_of(recorded)
    if basis is None:
        yield Redecided(position, recorded.event_id, UNREADABLE, None)
        return
    for channel, decided in _decided(recorded.event):
        again, is_lost = None, False
        try:
            again = _again(read, recorded, basis, channel, rules)
        except StreamErasedError:
            is_lost = True
        except UnreadableEventError:
            again = UNREADABLE
        yield Redecided(position, recorded.event_id, decided, again, is_lost, channel)


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
    read: _Read, recorded: RecordedEvent, basis: Basis, channel: Channel | None, rules: Rules
) -> str | None:
    event = recorded.event
    if basis.of(NOTICES) is None or channel is None:
        grounds = _grounds_of(read, basis)
        organisation_id, study_types = _report_of(read, recorded)
        if grounds.linkage is not None:
            organisation_id = grounds.linkage.organisation_id  # of a sample it is not who sent it
        return rules.of_reports(grounds, organisation_id=organisation_id, study_types=study_types)
    assert isinstance(event, Notice)
    barrier = _of_guardian(read, event, basis, rules)
    if barrier is not None:
        return barrier
    grounds = _grounds_of(read, basis)
    if not rules.asks_linkage:
        return rules.of_notices(grounds, channel=channel)

    def linked() -> Linkage | None:
        patient_id = basis.of(WARD + PATIENT) or event.patient_id
        organisation_id = OrganisationId(read.report(event.report_id).laboratory_id)
        return read.linkage(PatientId(patient_id), organisation_id, recorded.position or 0)

    return rules.of_notices(grounds, channel=channel, linkage=linked)


def _of_guardian(read: _Read, event: Notice, basis: Basis, rules: Rules) -> str | None:
    """Why the recipient was told nothing of another: None if they were told of themselves, or were to be told."""
    of_ward = tuple(
        replace(one, what=one.what.removeprefix(WARD)) for one in basis.looked_at if one.what.startswith(WARD)
    )
    if not of_ward:
        return None
    ward = _grounds_of(read, replace(basis, looked_at=of_ward))
    seen = next((one for one in basis.looked_at if one.what == GUARDIANSHIP), None)
    barrier = rules.of_representation(
        read.state_at(seen.stream_id, guardianship.evolve, seen.version) if seen else None,
        _grounds_of(read, basis),
        ward,
        study_types=_types_told(read, event),
        on_date=(basis.at + EASTERNMOST).date(),
    )
    is_silent = permission.notices_consent_barrier(ward) is not None
    return barrier or (WARD_CONSENT_MISSING if is_silent else None)


def _types_told(read: _Read, event: Notice) -> frozenset[StudyType] | None:
    """Of the version that was told of; None if the report left the cabinet."""
    if event.about is About.WITHDRAWN:
        return None
    return study_types_of(read.report(event.report_id).versions[event.report_version - 1])


def _grounds_of(read: _Read, basis: Basis) -> Grounds:
    """What the decision saw of its own person: each stream as far as it went then."""
    states: dict[str, Any] = {}
    for looked_at in basis.looked_at:
        if looked_at.what in FOLDS:
            evolve, name = FOLDS[looked_at.what]
            states[name] = read.state_at(looked_at.stream_id, evolve, looked_at.version)
    grounds = Grounds(at=basis.at, **states)
    # Before there were other channels than e-mail, nobody asked whether an address was confirmed.
    if basis.of(NOTICES) is not None and basis.of(PUSH) is None and grounds.patient is not None:
        grounds = replace(grounds, patient=replace(grounds.patient, is_email_confirmed=True))
    return grounds


def _report_of(read: _Read, recorded: RecordedEvent) -> tuple[OrganisationId, frozenset[StudyType]]:
    """Whose report was decided about, and of which types it is."""
    event = recorded.event
    if isinstance(event, Notice):
        state = read.report(event.report_id)
        return _described(state, state.versions[event.report_version - 1])
    # A hold comes before the version that it holds.
    version = recorded.version + (1 if isinstance(event, ReportVersionsHeld) else 0)
    state = read.state_at(recorded.stream_id, report.evolve, version)
    return _described(state, state.current)


def _described(state: Report, content: ReportContent) -> tuple[OrganisationId, frozenset[StudyType]]:
    return OrganisationId(state.laboratory_id), study_types_of(content)
