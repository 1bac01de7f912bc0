"""A receipt: what a laboratory is given for each submission that is kept, signed, and for ever the same.

    letopis/receipt@v1
    <origin>
    submission <id>
    laboratory <id>
    number <n>
    content sha256:<base64>
    received <time>
    leaf <base64(leaf hash)>

as the text of a signed note (C2SP signed-note) under the name `<origin>/receipts`. `number` counts the
laboratory's submissions from 1 without a gap: a number that the laboratory has no receipt for is an answer
that was lost, or a submission that was not its own. `leaf` is a promise: the log will hold, at the place of
a checkpoint and for ever, the leaf with this hash (RFC 6962, 2.1), which binds what was received.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from uuid import UUID

from ledger import merkle, note
from ledger.leaf import parse
from ledger.note import Signer, encode_base64
from ledger.store import Ledger

FIRST_LINE = "letopis/receipt@v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What the receipt says. `leaf` are the bytes of the leaf of SubmissionReceived."""

    origin: str
    submission_id: UUID
    laboratory_id: UUID
    number: int
    content: bytes
    received_at: datetime
    leaf: bytes


def to_text(receipt: Receipt) -> str:
    digest = encode_base64(hashlib.sha256(receipt.content).digest())
    lines = (
        FIRST_LINE,
        receipt.origin,
        f"submission {receipt.submission_id}",
        f"laboratory {receipt.laboratory_id}",
        f"number {receipt.number}",
        f"content sha256:{digest}",
        f"received {receipt.received_at.isoformat()}",
        f"leaf {encode_base64(merkle.leaf_hash(receipt.leaf))}",
    )
    return "\n".join(lines) + "\n"


def signer_of(ledger: Ledger) -> Signer:
    """Receipts have a key of their own: whoever takes submissions in need not hold the log's."""
    return _signer(f"{ledger.origin}/receipts", ledger.custody.receipt_seed)


@lru_cache(maxsize=8)
def _signer(name: str, seed: bytes) -> Signer:
    return Signer(name, seed)


def issue(ledger: Ledger, *, submission_id: UUID, laboratory_id: UUID, content: bytes, leaf: bytes) -> bytes:
    """The receipt of a stored submission, from the leaf of its SubmissionReceived: the same bytes each time."""
    receipt = Receipt(
        origin=ledger.origin,
        submission_id=submission_id,
        laboratory_id=laboratory_id,
        number=ledger.number_of(submission_id),
        content=content,
        received_at=parse(leaf).recorded_at,
        leaf=leaf,
    )
    return note.sign(to_text(receipt), signer_of(ledger))
