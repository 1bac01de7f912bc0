"""Remembered states: a stream that was folded lately is read from there on, not from its beginning."""

from collections.abc import Callable
from threading import Lock
from time import monotonic
from typing import Any
from uuid import UUID

from domain import consent, identity, laboratory, linkage, patient, push_subscription, receiving

# As long as an opened data key is remembered: what was erased must not live on in a process's memory.
REMEMBER_SECONDS = 60.0
STATES_MAX = 20_000

Evolve = Callable[[Any, Any], Any]
# What folds small streams that many decisions look at. Reports are large, and looked at once.
REMEMBERED: frozenset[Evolve] = frozenset(
    {
        consent.evolve,
        identity.evolve,
        laboratory.evolve,
        linkage.evolve,
        patient.evolve,
        push_subscription.evolve,
        receiving.evolve,
    }
)
# A stream, and what folds it.
Asked = tuple[UUID, Evolve]
# State and version: None and 0 for a stream that is not.
Folded = tuple[Any, int]


class States:
    """States by stream and by what folds it. They are never wrong, only old: whoever asks reads what came
    since, and a state is a value that nobody changes."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._known: dict[tuple[UUID, Evolve], tuple[float, Folded]] = {}

    def of(self, stream_id: UUID, evolve: Evolve) -> Folded:
        entry = self._known.get((stream_id, evolve))
        return entry[1] if entry is not None and entry[0] > monotonic() else (None, 0)

    def remember(self, stream_id: UUID, evolve: Evolve, folded: Folded) -> None:
        """Not longer than since its beginning was read: then it is read anew."""
        if evolve not in REMEMBERED:
            return
        with self._lock:
            if len(self._known) >= STATES_MAX:
                self._known.clear()
            until, _ = self._known.get((stream_id, evolve), (0.0, None))
            if until <= monotonic():
                until = monotonic() + REMEMBER_SECONDS
            self._known[stream_id, evolve] = (until, folded)

    def forget(self) -> None:
        with self._lock:
            self._known.clear()
