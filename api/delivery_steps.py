"""What became of a notification, step by step, as its reader is shown it: each event with its word, time and why."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Final
from uuid import UUID

from api.delivery_words import reason_word
from domain.notification import (
    DigestGathered,
    NotificationAbandoned,
    NotificationAttempted,
    NotificationDelivered,
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
from ledger.codec import RecordedEvent
from ledger.store import Ledger

_WORDS: Final[Mapping[type, str]] = MappingProxyType(
    {
        NotificationRequested: "requested",
        NotificationSuppressed: "suppressed",
        NotificationPostponed: "postponed",
        DigestGathered: "gathered",
        NotificationJoined: "joined",
        NotificationAttempted: "attempted",
        NotificationHandedOver: "handed-over",
        NotificationDelivered: "delivered",
        NotificationReturned: "returned",
        NotificationAbandoned: "abandoned",
        NotificationRetried: "retried",
    }
)


@dataclass(frozen=True, slots=True)
class Step:
    """`code` is the reason as it was recorded, `reason` the word for it; `until` when it is looked at again."""

    channel: str
    at: datetime
    event: str
    attempt: int | None = None
    until: datetime | None = None
    code: str | None = None
    actor: str | None = None

    @property
    def reason(self) -> str | None:
        return reason_word(self.code, self.channel, is_unknown=self.event.startswith("unknown"))


def history_of(ledger: Ledger, notification_id: UUID, digest_id: UUID | None) -> list[RecordedEvent]:
    """Its events; from when it was told in another's message, that one's. Empty where nothing was to be sent."""
    own = list(ledger.read(notification_id))
    if digest_id is None:
        return own
    theirs = list(ledger.read(digest_id))
    gathered = (at for at, one in enumerate(theirs) if _gathers(one, notification_id))
    return own + theirs[next(gathered, len(theirs)) + 1 :]


def _gathers(recorded: RecordedEvent, notification_id: UUID) -> bool:
    return isinstance(recorded.event, DigestGathered) and notification_id in recorded.event.members


def steps_of(history: Sequence[RecordedEvent], channel: str) -> Iterator[Step]:
    for recorded in history:
        event, until = recorded.event, None
        word = _WORDS.get(type(event))
        if isinstance(event, NotificationPostponed):
            until = event.until
        elif isinstance(event, NotificationFailed):
            word, until = "will-retry" if event.retry_at else "failed", event.retry_at
        elif isinstance(event, NotificationOutcomeUnknown):
            word, until = "unknown-will-retry" if event.retry_at else "unknown", event.retry_at
        if word is not None:
            yield Step(
                channel,
                recorded.recorded_at,
                word,
                attempt=getattr(event, "attempt", None),
                until=until,
                code=getattr(event, "reason", None) or getattr(event, "stage", None),
                actor=recorded.circumstances.actor,
            )
