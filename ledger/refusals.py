"""What is refused faster than an event each is worth: one event counts the rest."""

from uuid import uuid4

from domain.submission import RefusalsSummarised
from ledger.codec import Circumstances
from ledger.store import Ledger, Write


def summarise(ledger: Ledger, *, count: int, size_bytes: int) -> None:
    summarised = RefusalsSummarised(count=count, size_bytes=size_bytes)
    ledger.append(Write(uuid4(), 0, (summarised,)), circumstances=Circumstances(actor="system:intake"))
