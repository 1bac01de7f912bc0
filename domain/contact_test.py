"""Contact test: a patient has a message sent to see whether notices arrive, and what the provider said (S94)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from domain.channel import Channel
from domain.values import PatientId

# Events: what happened.


class ProviderAnswer(StrEnum):
    """What the provider said. Of what is unknown, the message may have arrived."""

    HANDED_OVER = "handed-over"
    REFUSED = "refused"
    REFUSED_FOR_NOW = "refused-for-now"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactTested:
    """A test message was sent at the patient's wish; `code` is the provider's, or our own word."""

    patient_id: PatientId
    channel: Channel
    outcome: ProviderAnswer
    code: str | None = None


# State: the latest of each channel.


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactTests:
    """What is known from tests."""

    latest: Mapping[Channel, ContactTested] = field(default_factory=dict)


def evolve(tests: ContactTests | None, event: ContactTested) -> ContactTests:
    """Replay one event. Never refuses: the event has already happened."""
    known = tests.latest if tests else {}
    return ContactTests(latest={**known, event.channel: event})
