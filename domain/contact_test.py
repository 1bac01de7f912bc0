"""Contact test: a patient has a message sent to see whether notices arrive, and what the provider said (S94)."""

from dataclasses import dataclass
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


# State: nothing is decided from what was tested.


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactTests:
    """That there were tests."""


def evolve(tests: ContactTests | None, event: ContactTested) -> ContactTests:  # noqa: ARG001 - one shape
    """Replay one event. Never refuses: the event has already happened."""
    return ContactTests()
