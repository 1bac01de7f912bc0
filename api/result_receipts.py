"""The receipt of a result, made from the report's stream and the log: what goes into its PDF and beside it.

It speaks of the log as of one checkpoint: every version that is under it is in the chain, also one that came after the
position that the sheet is of. So an old version that is taken out anew says that it is old.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from time import monotonic, sleep
from uuid import UUID

from api.result_sheet import DocumentUnavailableError
from domain import report as reports
from domain.report import Report, ReportReceived, ReportRevised
from ledger import merkle, note, result_receipt
from ledger.codec import Erased, RecordedEvent
from ledger.keys import KeyErasedError
from ledger.leaf import parse
from ledger.receipt import signer_of
from ledger.result_receipt import HELD, Entry, Opened, Receipt
from ledger.store import Ledger
from projections import transparency
from projections.transparency import Signed

# A checkpoint is signed twice a second. What is older than this and has none waits for an operator, not for us.
COVER_SECONDS = 2.0
_FRESH = timedelta(seconds=15)
_PAUSE_SECONDS = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptLine:
    """A version as the receipt lists it."""

    number: int
    status: str
    recorded_at: datetime
    event_id: UUID
    index: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultReceipt:
    """The file, its short form, and what a page says of it. `tree_size` 0: a promise, without a checkpoint."""

    content: bytes
    statement: str
    checkpoint: str
    tree_size: int
    shown: int
    current: int
    lines: tuple[ReceiptLine, ...]
    leaf_hash: str
    hashes: tuple[str, ...]
    vkeys: tuple[str, str]

    @property
    def is_promise(self) -> bool:
        return self.tree_size == 0


def receipt_of(
    ledger: Ledger, report_id: UUID, shown: int, *, as_of: int, tree_size: int | None = None
) -> ResultReceipt:
    """The receipt of this version. Of `tree_size`, 0 is a promise, and None the earliest checkpoint that all versions
    up to the position are under, or a promise if there is none."""
    events = [one for one in ledger.read(report_id) if not isinstance(one.event, Erased)]
    known = [one for one in _versions(events) if (one.position or 0) <= as_of]
    if not known:
        raise DocumentUnavailableError("document-gone")
    indexes = transparency.leaf_indexes(ledger, [one.event_id for one in events])
    signed = _tree(ledger, [indexes.get(one.event_id) for one in known], tree_size)
    seen = _seen(events, indexes, as_of=as_of, signed=signed)
    report = _folded(seen)
    opened = _opened(ledger, _versions(seen)[shown - 1], shown)
    entries = _entries(ledger, report, _versions(seen), indexes, signed)
    receipt = Receipt(
        report_id=report_id,
        current=report.held_at or report.current_version,
        entries=entries,
        opened=opened,
        checkpoint=signed.note if signed else b"",
    )
    statement = result_receipt.statement_of(receipt, signer_of(ledger), origin=ledger.origin)
    entry = receipt.entries[shown - 1]
    return ResultReceipt(
        content=result_receipt.to_bytes(receipt, statement),
        statement=statement.decode(),
        checkpoint=receipt.checkpoint.decode(),
        tree_size=signed.tree_size if signed else 0,
        shown=shown,
        current=receipt.current,
        lines=tuple(_line(number, one) for number, one in enumerate(receipt.entries, 1)),
        leaf_hash=note.encode_base64(merkle.leaf_hash(entry.leaf)),
        hashes=tuple(map(note.encode_base64, entry.hashes)),
        vkeys=(transparency.log_verifier(ledger).vkey, signer_of(ledger).verifier.vkey),
    )


def latest_tree(ledger: Ledger, report_id: UUID, *, waits: bool = True) -> int:
    """The size of the latest checkpoint, if all versions of the report are under it; waited for, if the last of them
    came a moment ago. 0 if there is none yet."""
    versions = _versions(list(ledger.read(report_id)))
    is_fresh = bool(versions) and versions[-1].recorded_at > datetime.now(UTC) - _FRESH
    give_up = monotonic() + (COVER_SECONDS if waits and is_fresh else 0.0)
    while True:
        size = _covering(ledger, [one.event_id for one in versions])
        if size or monotonic() >= give_up:
            return size
        sleep(_PAUSE_SECONDS)


def _covering(ledger: Ledger, event_ids: Sequence[UUID]) -> int:
    signed = transparency.latest(ledger)
    indexes = transparency.leaf_indexes(ledger, event_ids)
    is_whole = len(indexes) == len(event_ids)
    is_covered = signed is not None and is_whole and all(one < signed.tree_size for one in indexes.values())
    return signed.tree_size if signed is not None and is_covered else 0


def _tree(ledger: Ledger, places: Sequence[int | None], tree_size: int | None) -> Signed | None:
    known = [one for one in places if one is not None]
    if tree_size == 0 or len(known) < len(places):
        return None
    if tree_size is None:
        return transparency.first_covering(ledger, max(known))
    signed = transparency.signed_at(ledger, tree_size)
    return signed if signed is not None and max(known) < tree_size else None


def _seen(
    events: Sequence[RecordedEvent], indexes: dict[UUID, int], *, as_of: int, signed: Signed | None
) -> list[RecordedEvent]:
    """What the receipt speaks of: all that is under the checkpoint; without one, all up to the position."""
    if signed is None:
        return [one for one in events if (one.position or 0) <= as_of]
    return [one for one in events if indexes.get(one.event_id, signed.tree_size) < signed.tree_size]


def _versions(events: Sequence[RecordedEvent]) -> list[RecordedEvent]:
    return [one for one in events if isinstance(one.event, ReportReceived | ReportRevised)]


def _folded(events: Sequence[RecordedEvent]) -> Report:
    report: Report | None = None
    for recorded in events:
        report = reports.evolve(report, recorded.event)  # type: ignore[arg-type]  # none of them is erased
    assert report is not None
    return report


def _opened(ledger: Ledger, version: RecordedEvent, number: int) -> Opened:
    try:
        return result_receipt.open_version(ledger, version.stream_id, version.version, number=number)
    except KeyErasedError:
        raise DocumentUnavailableError("document-gone") from None


def _entries(
    ledger: Ledger,
    report: Report,
    versions: Sequence[RecordedEvent],
    indexes: dict[UUID, int],
    signed: Signed | None,
) -> tuple[Entry, ...]:
    hashes: Sequence[tuple[bytes, ...]] = [()] * len(versions)
    if signed is not None:
        places = [indexes[one.event_id] for one in versions]
        hashes = transparency.inclusion(ledger, places, signed.tree_size)
    # Of what is held not even the status is the patient's to see.
    last_seen = report.held_at or len(versions)
    return tuple(
        Entry(
            leaf=one.leaf,
            status=report.versions[number - 1].status.value if number <= last_seen else HELD,
            index=indexes[one.event_id] if signed is not None else None,
            hashes=proof,
        )
        for number, (one, proof) in enumerate(zip(versions, hashes, strict=True), 1)
    )


def _line(number: int, entry: Entry) -> ReceiptLine:
    found = parse(entry.leaf)
    return ReceiptLine(
        number=number,
        status=entry.status,
        recorded_at=found.recorded_at,
        event_id=found.event_id,
        index=entry.index,
    )
