"""Commitments to patients' chains in the ledger: one stream, one after the other, whoever tries at the same time."""

import hmac
from uuid import UUID

from domain import patient_chain
from domain.patient_chain import Committed
from ledger.codec import Circumstances
from ledger.recorder import StreamConflictError
from ledger.store import Ledger, Position, Write

COMMITTER = Circumstances(actor="system:patient-chains")


def commitments_stream(ledger: Ledger) -> UUID:
    return ledger.stream_id("patient-chains")


def nonce_key(ledger: Ledger) -> bytes:
    """From which the nonces in the map of chains follow: they hide each patient's place from all others."""
    return hmac.digest(ledger.custody.stream_key, b"letopis/patient-chain-nonce@v1", "sha256")


def commit(
    ledger: Ledger, committed: Committed | None, *, number: int, position: int, root: bytes, patients: int
) -> Position | None:
    """Record the commitment of this number. None if somebody else has made one of this number, or nothing changed."""
    events = patient_chain.commit(committed, position=position, root=root.hex(), patients=patients)
    if not events:
        return None
    try:
        return ledger.append(Write(commitments_stream(ledger), number - 1, events), circumstances=COMMITTER)
    except StreamConflictError:
        return None
