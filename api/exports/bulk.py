"""Results by FHIR Bulk Data Access: what a client asked for, and its files, which are made anew each time they are taken.

Nothing that is opened lies on a disk of ours: preparing reads everything once and keeps only names, counts and digests, and
a file is made from the ledger while it is sent. It is the same bytes until something in it is erased: then it is gone, and
the manifest says so by its digest.
"""

import hashlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from threading import Lock, Thread
from typing import Any
from uuid import UUID

import orjson
import structlog

from api.exports import folder, plan, results
from api.exports.plan import Asked, Plan
from api.node import DATABASE_AWAY
from domain.reading import ExportedRecords, ExportForm
from domain.values import PatientId
from ledger.codec import Circumstances
from ledger.store import Ledger

# Under LETOPIS_HOME.
FOLDER = "bulk-exports"

log = structlog.get_logger()
# Events of reports in one file.
FILE_EVENTS = 1000
_FILES, _DONE = "files.ndjson", "prepared"
# One is prepared at a time; those that wait for it in this process are not begun again.
_TURN = Lock()
_waiting: set[Path] = set()


@dataclass(frozen=True, slots=True)
class BulkFile:
    """One file: resources of one type, of the events behind `after`."""

    name: str
    kind: str
    after: int
    count: int
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class BulkExport:
    """What a client asked for; prepared when all of its files are known."""

    place: Path
    fixed: Plan

    @property
    def is_prepared(self) -> bool:
        return (self.place / _DONE).exists()

    @property
    def percent(self) -> int:
        passed = max((portion["last"] for portion in _portions(self.place)), default=self.fixed.after)
        return 100 * (passed - self.fixed.after) // max(self.fixed.span, 1)

    @property
    def files(self) -> list[BulkFile]:
        return [BulkFile(**one) for portion in _portions(self.place) for one in portion["files"]]


def begin(
    ledger: Ledger,
    home: Path,
    by: Circumstances,
    *,
    patient_id: PatientId | None,
    since: datetime | None,
    types: tuple[str, ...],
) -> BulkExport:
    """Fix and record it, and have it prepared."""
    asked = Asked(
        records=ExportedRecords.RESULTS,
        form=ExportForm.FHIR_NDJSON,
        patient_id=patient_id,
        since=since,
        types=types,
    )
    fixed = plan.begin(ledger, asked, by)
    place = _place(home, fixed.export_id)
    folder.start(place, fixed)
    found = BulkExport(place, fixed)
    have_prepared(ledger, found)
    return found


def export_of(home: Path, export_id: UUID, actor: str) -> BulkExport | None:
    """None if there is none, or if it is another client's."""
    try:
        fixed = folder.plan_of(_place(home, export_id))
    except folder.ExportFolderTakenError:
        return None
    if fixed is None or fixed.actor != actor:
        return None
    return BulkExport(_place(home, export_id), fixed)


def have_prepared(ledger: Ledger, export: BulkExport) -> None:
    """Go on where it was cut; who asks while it is being prepared changes nothing."""
    if not export.is_prepared and export.place not in _waiting:
        _waiting.add(export.place)
        Thread(target=_prepare, args=(ledger, export), name="bulk-export", daemon=True).start()


def remove(export: BulkExport) -> None:
    shutil.rmtree(export.place, ignore_errors=True)


def content_of(ledger: Ledger, export: BulkExport, file: BulkFile) -> Iterator[bytes]:
    """The lines of the file; each patient's trail has it before theirs leave, each time that they do."""
    if export.fixed.patient_id is not None:
        results.record_taken(ledger, export.fixed, [export.fixed.patient_id])
    for batch in results.read(ledger, export.fixed, after=file.after, limit=FILE_EVENTS):
        lines = [_line(one) for _, one in batch.rows if one["resourceType"] == file.kind]
        if lines:
            yield b"".join(lines)


# Preparing.


def _prepare(ledger: Ledger, export: BulkExport) -> None:
    try:
        with _TURN, folder.held(export.place):
            if export.is_prepared:
                return
            portions = _portions(export.place)
            _rewrite(export.place / _FILES, portions)
            last = portions[-1]["last"] if portions else export.fixed.after
            while (portion := _portion(ledger, export.fixed, len(portions) + 1, last)) is not None:
                portions.append(portion)
                last = portion["last"]
                with (export.place / _FILES).open("ab") as journal:
                    journal.write(_line(portion))
            (export.place / _DONE).touch()
    except folder.ExportBusyError:
        return
    except (*DATABASE_AWAY, OSError) as error:
        log.warning("bulk-export.cut", export=export.place.name, error=type(error).__name__)
    finally:
        _waiting.discard(export.place)


def _portion(ledger: Ledger, fixed: Plan, number: int, after: int) -> dict[str, Any] | None:
    sums: dict[str, _Sum] = {}
    last = None
    for batch in results.read_unrecorded(ledger, fixed, after=after, limit=FILE_EVENTS):
        last = batch.last
        for _, one in batch.rows:
            sums.setdefault(one["resourceType"], _Sum()).add(_line(one))
    if last is None:
        return None
    files = [
        {
            "name": f"{kind}-{number:05d}.ndjson",
            "kind": kind,
            "after": after,
            "count": found.count,
            "size_bytes": found.size_bytes,
            "sha256": found.digest.hexdigest(),
        }
        for kind, found in sorted(sums.items())
    ]
    return {"last": last, "files": files}


class _Sum:
    """What is kept of a file: how many lines, how many bytes, their digest."""

    def __init__(self) -> None:
        self.digest = hashlib.sha256()
        self.count = self.size_bytes = 0

    def add(self, line: bytes) -> None:
        self.digest.update(line)
        self.count += 1
        self.size_bytes += len(line)


def _line(one: dict[str, Any]) -> bytes:
    return orjson.dumps(one, option=orjson.OPT_APPEND_NEWLINE)


def _portions(place: Path) -> list[dict[str, Any]]:
    """Without a last line that was cut."""
    try:
        lines = (place / _FILES).read_bytes().split(b"\n")[:-1]
    except FileNotFoundError:
        return []
    return [orjson.loads(line) for line in lines]


def _rewrite(path: Path, portions: list[dict[str, Any]]) -> None:
    draft = path.with_suffix(".draft")
    draft.write_bytes(b"".join(map(_line, portions)))
    draft.replace(path)


def _place(home: Path, export_id: UUID) -> Path:
    return home / FOLDER / str(export_id)
