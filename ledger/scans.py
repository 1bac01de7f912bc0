"""Scans of documents in the ledger: sealed bytes with a key of their own, which goes when they go (S20)."""

from uuid import UUID, uuid4

from domain import identity
from domain.identity import UNKNOWN, ScanAdded, ScanKind
from domain.reading import ReadingPurpose, ScanRead
from domain.submission import StoredDocument
from domain.values import PatientId, Purpose
from ledger.codec import Circumstances
from ledger.commands import decide_again
from ledger.identity import identity_stream
from ledger.insertion import Erasure
from ledger.keys import MintedKeys
from ledger.recorder import Document
from ledger.store import Ledger, Write


def add(
    ledger: Ledger,
    patient_id: PatientId,
    content: bytes,
    by: Circumstances,
    *,
    kind: ScanKind,
    media_type: str,
) -> UUID:
    """Keep a scan whose content was checked. TooManyScansError if there are enough."""
    scan_id = uuid4()

    def act() -> UUID:
        stream_id = identity_stream(ledger, patient_id)
        state, version = ledger.load(stream_id, identity.evolve)
        keys = MintedKeys(frozenset({scan_id}))
        document = ledger.seal_document(scan_id, content, keys, purpose=Purpose.IDENTITY)
        added = ScanAdded(
            patient_id=patient_id,
            scan_id=scan_id,
            kind=kind,
            media_type=media_type,
            document=_stored(document),
        )
        ledger.append(
            Write(stream_id, version, identity.add_scan(state, added)),
            circumstances=by,
            documents=(document,),
            keys=keys,
        )
        return scan_id

    return decide_again(act)


def remove(ledger: Ledger, patient_id: PatientId, scan_id: UUID, by: Circumstances) -> None:
    """Take a scan away, and destroy its key. ScanUnknownError if it is not this patient's."""

    def act() -> None:
        stream_id = identity_stream(ledger, patient_id)
        state, version = ledger.load(stream_id, identity.evolve)
        removed = identity.remove_scan(state, patient_id=patient_id, scan_id=scan_id)
        ledger.append(Write(stream_id, version, (removed,)), circumstances=by, erased=(Erasure(scan_id),))

    decide_again(act)


def show(
    ledger: Ledger, patient_id: PatientId, scan_id: UUID, by: Circumstances, *, purpose: ReadingPurpose
) -> tuple[ScanAdded, bytes]:
    """The scan and its bytes; that they were shown is recorded before. ScanUnknownError if there is none."""
    state, _ = ledger.load(identity_stream(ledger, patient_id), identity.evolve)
    scan = (state or UNKNOWN).scan(scan_id)
    content = ledger.read_document(scan.document.document_id)
    shown = ScanRead(patient_id=patient_id, scan_id=scan_id, purpose=purpose)
    ledger.append(Write(uuid4(), 0, (shown,)), circumstances=by)
    return scan, content


def _stored(document: Document) -> StoredDocument:
    return StoredDocument(
        document_id=document.document_id,
        key_id=document.key_id,
        sealed_sha256=document.sha256,
        commitment=document.commitment.hex(),
        size_bytes=document.size_bytes,
    )
