"""A short message, and the port through which a provider of SMS takes it: a gateway by HTTP, or a centre by SMPP."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final, Protocol

from api.outcome import Outcome

# The code of a refusal that is about the number and not about us: there is no such phone.
NUMBER_UNKNOWN: Final = "number-unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class ShortMessage:
    """`reference` is our number of it, the same at every try: a notification's id, or that of a code. Of a code
    nobody waits for a receipt."""

    phone: str = field(repr=False)
    text: str = field(repr=False)
    reference: str
    wants_receipt: bool = True


class Provider(Protocol):
    """Takes short messages. `submit` never raises for what the other side does: that is an outcome."""

    width: int

    async def submit(self, message: ShortMessage) -> Outcome: ...

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What a provider says later of a message, by its own number of it: that it is on the phone, or never will be.
    `is_as_answered` if the number is surely written as it was when the message was taken."""

    remote_id: str
    is_delivered: bool
    reason: str = ""
    is_as_answered: bool = True

    def numbered(self, remote_id: str) -> "Receipt":
        """The same, with the number as it was when the message was taken."""
        return replace(self, remote_id=remote_id, is_as_answered=True)


class ReceiptAnswer(StrEnum):
    """What was done with a receipt. The number may not be known yet: a receipt can overtake the answer's record."""

    RECORDED = "recorded"
    UNKNOWN = "unknown"
    LATER = "later"


# Blocks; whoever gives it knows the ledger.
TakeReceipt = Callable[[Receipt], ReceiptAnswer]
