"""Sending in the ledger: what became of an attempt is recorded, and what an operator does with a dead letter."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from domain import dead_letter, dispatch, notification
from domain.notification import Notification, NotificationEvent
from domain.patient import Patient
from domain.push_subscription import PushSubscriptions
from domain.values import PatientId
from ledger.codec import Circumstances
from ledger.commands import decide_again
from ledger.permissions import notices_permitted
from ledger.recorder import StreamConflictError
from ledger.store import Ledger, Write
from ledger.taking import BY, Taken


class NotificationNotFoundError(Exception):
    """There is no such notification."""


# What became of it


@dataclass(frozen=True, slots=True, kw_only=True)
class Conclusion:
    """What an attempt came to; `also` begins what follows from it, such as the password of a document."""

    taken: Taken
    events: tuple[NotificationEvent, ...]
    also: tuple[Write, ...] = ()


def conclude(ledger: Ledger, concluded: Sequence[Conclusion]) -> None:
    """The outcomes, together; where something came between, a receipt say, each by itself on what is true now."""
    if not concluded:
        return
    writes = [
        write
        for one in concluded
        for write in (Write(one.taken.notification_id, one.taken.version, one.events), *one.also)
    ]
    try:
        ledger.append(*writes, circumstances=BY)
    except StreamConflictError:
        if len(concluded) == 1:
            _conclude_again(ledger, concluded[0])
            return
        half = len(concluded) // 2
        conclude(ledger, concluded[:half])
        conclude(ledger, concluded[half:])


def _conclude_again(ledger: Ledger, one: Conclusion) -> None:
    def act() -> None:
        state, version = ledger.load(one.taken.notification_id, notification.evolve)
        assert state is not None
        events = dispatch.settled(state, one.taken.state.attempt, one.events)
        also = [write for write in one.also if ledger.load(write.stream_id, notification.evolve)[0] is None]
        if events:
            ledger.append(Write(one.taken.notification_id, version, events), *also, circumstances=BY)

    decide_again(act)


# What an operator does with a dead letter


def retry(ledger: Ledger, notification_id: UUID, by: Circumstances) -> None:
    """It is tried again, with a life of its own. NotificationNotFinalError if it has not come to a bad end."""
    _decide(ledger, notification_id, dead_letter.retry, by)


def abandon(ledger: Ledger, notification_id: UUID, by: Circumstances, *, reason: str = "by-operator") -> None:
    """Nobody tries it any more. NotificationNotFinalError if it arrived, or is being sent just now."""
    _decide(ledger, notification_id, lambda state: dead_letter.abandon(state, reason=reason), by)


def _decide(
    ledger: Ledger,
    notification_id: UUID,
    decide: Callable[[Notification], NotificationEvent],
    by: Circumstances,
) -> None:
    def act() -> None:
        state, version = ledger.load(notification_id, notification.evolve)
        if state is None:
            raise NotificationNotFoundError
        ledger.append(Write(notification_id, version, (decide(state),)), circumstances=by)

    decide_again(act)


def reach_of(
    ledger: Ledger, patient_id: PatientId, *, at: datetime
) -> tuple[Patient | None, PushSubscriptions | None]:
    """Where a patient can be reached now."""
    grounds, _ = notices_permitted(ledger, patient_id, at=at)
    return grounds.patient, grounds.pushes
