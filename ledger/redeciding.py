"""Deciding again: what a recorded decision rested on is read as it was then, and the same rule is asked once more.

An auditor who does this for every decision gets the same answers, or the list of those that differ; with
another rule in the place of ours, what that rule would have changed.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from domain import permission, report
from domain.notification import NotificationRequested, NotificationSuppressed
from domain.permission import Basis, Grounds
from domain.report import Report, ReportMatched, ReportVersionsHeld, ReportVersionsReleased
from domain.report_content import ReportContent
from domain.study_type import StudyType, study_types_of
from domain.values import OrganisationId
from ledger.codec import Erased, RecordedEvent
from ledger.permissions import FOLDS, NOTICES
from ledger.states import Evolve
from ledger.store import Ledger, StreamErasedError

PAGE = 500

Decision = (
    ReportMatched
    | ReportVersionsHeld
    | ReportVersionsReleased
    | NotificationRequested
    | NotificationSuppressed
)


@dataclass(frozen=True, slots=True)
class Redecided:
    """What was decided and what is decided from the same grounds: a reason against it, or None. `is_lost` when
    what the decision looked at was erased."""

    position: int
    event_id: UUID
    decided: str | None
    again: str | None
    is_lost: bool = False

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
                yield redecide(ledger, recorded, recorded.event.basis, rules or Rules())
        after = found[-1].position or 0


def redecide(ledger: Ledger, recorded: RecordedEvent, basis: Basis, rules: Rules) -> Redecided:
    decided = getattr(recorded.event, "reason", None)
    try:
        again = _again(ledger, recorded, basis, rules)
    except StreamErasedError:
        return Redecided(recorded.position or 0, recorded.event_id, decided, None, is_lost=True)
    return Redecided(recorded.position or 0, recorded.event_id, decided, again)


def _again(ledger: Ledger, recorded: RecordedEvent, basis: Basis, rules: Rules) -> str | None:
    grounds = grounds_of(ledger, basis)
    event = recorded.event
    if any(looked_at.what == NOTICES for looked_at in basis.looked_at):
        assert isinstance(event, NotificationRequested | NotificationSuppressed)
        return rules.of_notices(grounds, channel=event.channel)
    organisation_id, study_types = _report_of(ledger, recorded)
    return rules.of_reports(grounds, organisation_id=organisation_id, study_types=study_types)


def grounds_of(ledger: Ledger, basis: Basis) -> Grounds:
    """What the decision saw: each stream as far as it went then."""
    states: dict[str, Any] = {}
    for looked_at in basis.looked_at:
        evolve, name = FOLDS[looked_at.what]
        states[name] = _state_at(ledger, looked_at.stream_id, evolve, looked_at.version)
    return Grounds(at=basis.at, **states)


def _report_of(ledger: Ledger, recorded: RecordedEvent) -> tuple[OrganisationId, frozenset[StudyType]]:
    """Whose report was decided about, and of which types it is."""
    event = recorded.event
    if isinstance(event, NotificationRequested | NotificationSuppressed):
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
