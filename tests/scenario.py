"""given, when, then: for rules (what has happened, what is decided), and for what is recorded and seen."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import reduce
from typing import Any
from uuid import UUID

import pytest

from domain import Event
from domain.erasure import ErasureGround
from domain.values import PatientId
from ledger import erasure_orders
from ledger.codec import Circumstances
from ledger.store import Ledger, Position, Write

TESTER = Circumstances(actor="system:test")
OTHER = Circumstances(actor="staff:pavel")


@dataclass(frozen=True, slots=True)
class When:
    """A decision on a state; nothing is decided before `then`."""

    evolve: Callable[[Any, Any], Any]
    state: object
    decide: Callable[[], object]

    def then(self, *expected: Event) -> None:
        """The decision is these events, and they can be replayed."""
        decided = self.decide()
        assert (decided if isinstance(decided, tuple) else (decided,)) == expected
        reduce(self.evolve, expected, self.state)

    def then_nothing(self) -> None:
        self.then()

    def then_answered(self, expected: object) -> None:
        assert self.decide() == expected

    def then_refused(self, error: type[Exception]) -> None:
        with pytest.raises(error):
            self.decide()


@dataclass(frozen=True, slots=True)
class Given:
    """A history of one aggregate: its state is folded by the module of the decision."""

    events: tuple[Event, ...]

    def when(self, decide: Callable[..., object], *arguments: object, **named: object) -> When:
        evolve = sys.modules[decide.__module__].evolve
        state = reduce(evolve, self.events, None)
        return When(evolve, state, lambda: decide(state, *arguments, **named))


def given(*events: Event) -> Given:
    return Given(events)


def recorded(
    ledger: Ledger, stream_id: UUID, *events: Event, subject: UUID | None = None, by: Circumstances = TESTER
) -> Position:
    """Append to whatever the stream holds; personal events are sealed under the stream's own subject."""
    version = sum(1 for _ in ledger.recorder.select_events(stream_id))
    return ledger.append(Write(stream_id, version, events, subject or stream_id), circumstances=by)


def erasure_ordered(ledger: Ledger, patient_id: PatientId, due: date) -> None:
    """By one person, and confirmed by another."""
    erasure_orders.order(ledger, patient_id, TESTER, ground=ErasureGround.ORDER, due=due, reference="12/3")
    erasure_orders.confirm(ledger, patient_id, OTHER)


def rows(ledger: Ledger, query: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
    with ledger.pool.connection() as connection:
        return connection.execute(query.encode(), parameters).fetchall()
