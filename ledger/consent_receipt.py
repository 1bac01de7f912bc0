"""The receipt of a consent: what a patient keeps of it, signed, and for ever the same.

    letopis/consent-receipt@v1
    <origin>
    consent <event id>
    kind <kind>
    document <version> <language> sha256:<hex>
    given <time>
    leaf <base64(leaf hash)>
    content sha256:<base64>

as the text of a signed note (C2SP signed-note) by the key of receipts, which `/v1/receipts/key` publishes. `leaf`
is the leaf of ConsentGranted (RFC 6962, 2.1): the log holds it. `content` is the digest of the receipt's JSON
with its keys sorted and nothing between them (RFC 8259; no numbers but whole ones are in it), so the note binds
every word of it. To check one offline: open the note by the key, digest `receipt` of the file, compare.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from domain.consent import ConsentGranted
from ledger import merkle, note
from ledger.note import encode_base64
from ledger.receipt import signer_of
from ledger.store import Ledger

FIRST_LINE = "letopis/consent-receipt@v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """A consent as it was recorded; `leaf` are the bytes of the event's leaf."""

    event_id: UUID
    event: ConsentGranted
    given_at: datetime
    leaf: bytes

    @property
    def leaf_hash(self) -> str:
        return encode_base64(merkle.leaf_hash(self.leaf))


def given_consent(ledger: Ledger, consent_id: UUID) -> Given | None:
    """The last one that was given in this stream; None if none ever was."""
    found = [one for one in ledger.read(consent_id) if isinstance(one.event, ConsentGranted)]
    if not found:
        return None
    recorded = found[-1]
    assert isinstance(recorded.event, ConsentGranted) and recorded.leaf is not None
    return Given(
        event_id=recorded.event_id,
        event=recorded.event,
        given_at=recorded.recorded_at,
        leaf=recorded.leaf,
    )


def sign(ledger: Ledger, given: Given, content: bytes) -> bytes:
    """The signed note of a receipt with this content: the same bytes each time."""
    document = given.event.document
    lines = (
        FIRST_LINE,
        ledger.origin,
        f"consent {given.event_id}",
        f"kind {document.kind}",
        f"document {document.version} {document.language} sha256:{document.sha256}",
        f"given {given.given_at.isoformat()}",
        f"leaf {given.leaf_hash}",
        f"content sha256:{encode_base64(hashlib.sha256(content).digest())}",
    )
    return note.sign("\n".join(lines) + "\n", signer_of(ledger))
