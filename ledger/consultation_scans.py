"""Scans that a patient attaches to a consultation: sealed bytes with a key of their own, which goes when they go (S138)."""

from uuid import UUID, uuid4

from domain import consultation, consultation_preparation
from domain.consultation_preparation import ConsultationScanAttached
from domain.reading import ReadingPurpose, ScanRead
from domain.submission import StoredDocument
from domain.values import Purpose
from ledger.codec import Circumstances
from ledger.commands import decide_again
from ledger.consultations import load_consultation
from ledger.insertion import Erasure
from ledger.keys import MintedKeys
from ledger.store import Ledger, Write


def attach(
    ledger: Ledger, consultation_id: UUID, content: bytes, by: Circumstances, *, media_type: str
) -> UUID:
    """Keep a scan whose content was checked, sealed under a key of its own."""
    scan_id = uuid4()

    def act() -> UUID:
        state, version = load_consultation(ledger, consultation_id)
        keys = MintedKeys(frozenset({scan_id}))
        document = ledger.seal_document(scan_id, content, keys, purpose=Purpose.RESULTS)
        stored = StoredDocument(
            document_id=document.document_id,
            key_id=document.key_id,
            sealed_sha256=document.sha256,
            commitment=document.commitment.hex(),
            size_bytes=document.size_bytes,
        )
        attached = ConsultationScanAttached(scan_id=scan_id, media_type=media_type, document=stored)
        events = consultation.prepare(
            state, lambda so_far: consultation_preparation.attach_scan(so_far, attached)
        )
        ledger.append(
            Write(consultation_id, version, events, consultation_id),
            circumstances=by,
            documents=(document,),
            keys=keys,
        )
        return scan_id

    return decide_again(act)


def remove(ledger: Ledger, consultation_id: UUID, scan_id: UUID, by: Circumstances) -> None:
    """The scan's key is destroyed."""

    def act() -> None:
        state, version = load_consultation(ledger, consultation_id)
        removed = consultation.remove_scan(state, scan_id)
        ledger.append(
            Write(consultation_id, version, (removed,), consultation_id),
            circumstances=by,
            erased=(Erasure(scan_id),),
        )

    decide_again(act)


def show(
    ledger: Ledger, consultation_id: UUID, scan_id: UUID, by: Circumstances, *, purpose: ReadingPurpose
) -> tuple[ConsultationScanAttached, bytes]:
    """A scan and its bytes; that they were shown is recorded before. ConsultationScanUnknownError if there is none."""
    state, _ = load_consultation(ledger, consultation_id)
    scan = state.preparation.scans.get(scan_id)
    if scan is None:
        raise consultation_preparation.ConsultationScanUnknownError
    content = ledger.read_document(scan.document.document_id)
    read = ScanRead(patient_id=state.patient_id, scan_id=scan_id, purpose=purpose)
    ledger.append(Write(uuid4(), 0, (read,)), circumstances=by)
    return scan, content
