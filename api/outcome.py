"""What one attempt to hand a notification to a channel came to; recorded as it is, so no personal data.

Four answers, because the next step differs: wait for confirmation, give up, try again, or do not simply
repeat. `Unknown` is the honest one: the message may have been accepted, and repeating may show it twice.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HandedOver:
    """The other side took responsibility; `remote_id` is its own number for the message, if it gave one."""

    remote_id: str | None


@dataclass(frozen=True, slots=True)
class RefusedForGood:
    """This message to this recipient will not be accepted later either."""

    code: str


@dataclass(frozen=True, slots=True)
class RefusedForNow:
    """Certainly not accepted, and worth another attempt; `retry_after` is in how many seconds, if it was said."""

    code: str
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class Unknown:
    """Lost at a stage after which it may have been accepted."""

    stage: str


Outcome = HandedOver | RefusedForGood | RefusedForNow | Unknown


def remote_id(text: str) -> str | None:
    """The number if it looks like one: what others send may not become a way to store text with us."""
    is_number = text.isascii() and text.replace("-", "").replace("_", "").replace(".", "").isalnum()
    return text if is_number and len(text) <= 64 else None
