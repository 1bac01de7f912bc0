"""Folding a stream into a state: what was erased is left out, and a stream whose beginning was has none."""

from collections.abc import Iterable

from domain.report import ReportDestroyed, ReportRekeyed
from ledger.codec import Erased, RecordedEvent, Unreadable
from ledger.states import Evolve, Folded


class StreamErasedError(Exception):
    """The stream can't be replayed into a state: its personal data was erased."""


def fold(events: Iterable[RecordedEvent], evolve: Evolve, before: Folded = (None, 0)) -> Folded:
    state, version = before
    for recorded in events:
        version = recorded.version
        if isinstance(recorded.event, ReportRekeyed | ReportDestroyed):
            # Its key is destroyed; that this process may still remember it changes nothing.
            raise StreamErasedError(recorded.stream_id)
        if isinstance(recorded.event, Erased):
            if state is None:
                raise StreamErasedError(recorded.stream_id)
            continue
        assert not isinstance(recorded.event, Unreadable)
        state = evolve(state, recorded.event)
    return state, version
