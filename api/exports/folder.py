"""An export as a folder: parts that are whole or not there, what was erased, the proof, and the signed manifest last.

Whoever is killed in between leaves whole parts behind; to go on is to read on behind the last of them. The plan fixes
everything, so the folder ends in the same bytes.
"""

import fcntl
import os
import time
from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from api.exports import audit_event, events, journals, plan, results, trail
from api.exports.columns import COLUMNS, Column
from api.exports.forms import Writing, digest_of, written
from api.exports.plan import Plan
from api.exports.rows import Batch, Reader
from domain.reading import ExportedRecords, ExportForm
from ledger import export_manifest
from ledger.export_manifest import BesideFile, ExportFile, Manifest
from ledger.receipt import signer_of
from ledger.store import Ledger
from projections import records

PART_EVENTS = 100_000
MANIFEST, PLAN, ERASED, PROOF = "manifest", "export.json", "erased.ndjson", "proof.tlog-range"
_PARTS, _LOCK = "parts.ndjson", ".lock"
# How often and how long a lock is waited for that somebody only looks at.
_LOOKS, _LOOK_SECONDS = 10, 0.05
Seen = Callable[[int], None]
_READERS: dict[ExportedRecords, Reader] = {
    ExportedRecords.EVENTS: events.read,
    ExportedRecords.AUDIT_TRAIL: trail.read,
    ExportedRecords.RESULTS: results.read,
    ExportedRecords.CONSENTS: journals.read_consents,
    ExportedRecords.ERASURES: journals.read_erasures,
}
_ENDINGS = {ExportForm.FHIR_NDJSON: "ndjson"}


class ExportFolderTakenError(Exception):
    """The folder holds something else: name an empty one, or one that an export was cut in."""


class ExportBusyError(Exception):
    """Another process is writing this export."""


def start(folder: Path, fixed: Plan) -> None:
    """Write the plan into a new folder."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise ExportFolderTakenError
    _write(folder / PLAN, plan.to_json(fixed))


def plan_of(folder: Path) -> Plan | None:
    """The plan of what is in the folder; None if the folder is empty or not there."""
    try:
        return plan.from_json((folder / PLAN).read_bytes())
    except FileNotFoundError:
        if folder.is_dir() and any(folder.iterdir()):
            raise ExportFolderTakenError from None
        return None


def is_whole(folder: Path) -> bool:
    return (folder / MANIFEST).is_file()


def is_busy(folder: Path) -> bool:
    """Whether a process writes it now."""
    if not (folder / _LOCK).exists():
        return False
    with (folder / _LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def passed(folder: Path) -> int:
    """How far its whole parts go: the last position in them."""
    return max((part.last for part in _parts(folder)), default=0)


def run(ledger: Ledger, folder: Path, *, seen: Seen = lambda _: None, part_events: int = PART_EVENTS) -> Path:
    """Write what is missing; the manifest. `seen` is told how many positions are passed."""
    fixed = plan_of(folder)
    if fixed is None:
        raise FileNotFoundError(folder / PLAN)
    if is_whole(folder):
        return folder / MANIFEST
    with held(folder):
        if is_whole(folder):
            return _ended(folder)
        parts = _parts(folder)
        # Without the line that a power cut left half written.
        _write(folder / _PARTS, b"".join(map(_line, parts)))
        last = parts[-1].last if parts else fixed.after
        while part := _part(ledger, folder, fixed, len(parts) + 1, after=last, limit=part_events, seen=seen):
            with (folder / _PARTS).open("ab") as journal:
                journal.write(_line(part))
                journal.flush()
                os.fsync(journal.fileno())
            parts.append(part)
            last = part.last
        manifest = _manifest(ledger, folder, fixed, [one for part in parts for one in part.files])
        _write(folder / MANIFEST, export_manifest.sign(manifest, signer_of(ledger)))
        seen(fixed.span)
        return _ended(folder)


def _ended(folder: Path) -> Path:
    """Only what a reader needs is left. Nobody writes any more, so the lock may go."""
    (folder / _PARTS).unlink(missing_ok=True)
    (folder / _LOCK).unlink(missing_ok=True)
    return folder / MANIFEST


# Parts.


@dataclass(frozen=True, slots=True)
class _Part:
    last: int
    files: tuple[ExportFile, ...]


@dataclass(slots=True)
class _Growing:
    """A file of a part in the making."""

    name: str
    writing: Writing
    rows: int = 0
    first: int | None = None
    last: int | None = None


def _part(
    ledger: Ledger, folder: Path, fixed: Plan, number: int, *, after: int, limit: int, seen: Seen
) -> _Part | None:
    """The next part, on the disk under its name; None if there is nothing more."""
    growing: dict[str, _Growing] = {}
    last = None
    for batch in _reader(fixed)(ledger, fixed, after=after, limit=limit):
        _add(folder, fixed, number, batch, growing)
        last = batch.last
        seen(last - fixed.after)
    if last is None:
        return None
    return _Part(last, tuple(_finished(folder, growing[name]) for name in sorted(growing)))


def _reader(fixed: Plan) -> Reader:
    is_fhir = fixed.form is ExportForm.FHIR_NDJSON
    if is_fhir and fixed.records is ExportedRecords.AUDIT_TRAIL:
        return audit_event.read
    return _READERS[fixed.records]


def _add(folder: Path, fixed: Plan, number: int, batch: Batch, growing: dict[str, _Growing]) -> None:
    by_stem: dict[str, list[tuple[int, dict[str, Any]]]] = {}
    if fixed.form is ExportForm.FHIR_NDJSON and batch.resource is None:
        for row in batch.rows:
            by_stem.setdefault(row[1]["resourceType"], []).append(row)
    elif batch.rows:
        by_stem[batch.resource or fixed.records] = batch.rows
    for stem, rows in by_stem.items():
        name = f"{stem}-{number:05d}.{_ENDINGS.get(fixed.form, fixed.form)}"
        file = growing.get(name)
        if file is None:
            writing = written(fixed.form, _draft(folder / name), columns_of(fixed), bom=fixed.bom)
            file = growing[name] = _Growing(name, writing, first=rows[0][0])
        file.writing.write(rows)
        file.rows += len(rows)
        file.last = rows[-1][0]


def columns_of(fixed: Plan) -> tuple[Column, ...]:
    return COLUMNS.get(fixed.records, ())


def _finished(folder: Path, file: _Growing) -> ExportFile:
    file.writing.close()
    path = folder / file.name
    _made_durable(_draft(path), path)
    return ExportFile(
        name=file.name,
        size_bytes=path.stat().st_size,
        rows=file.rows,
        first=file.first,
        last=file.last,
        digest=digest_of(path),
    )


def _parts(folder: Path) -> list[_Part]:
    """Those that were finished, by the journal; a last line that was cut counts for nothing."""
    try:
        lines = (folder / _PARTS).read_bytes().split(b"\n")[:-1]
    except FileNotFoundError:
        return []
    return [_from_json(orjson.loads(line)) for line in lines]


def _line(part: _Part) -> bytes:
    files = [
        [one.name, one.size_bytes, one.rows, one.first, one.last, one.digest.hex()] for one in part.files
    ]
    return orjson.dumps({"last": part.last, "files": files}, option=orjson.OPT_APPEND_NEWLINE)


def _from_json(said: dict[str, Any]) -> _Part:
    files = tuple(
        ExportFile(
            name=name, size_bytes=size, rows=rows, first=first, last=last, digest=bytes.fromhex(digest)
        )
        for name, size, rows, first, last, digest in said["files"]
    )
    return _Part(said["last"], files)


# What stands beside the records, and the manifest.


def _manifest(ledger: Ledger, folder: Path, fixed: Plan, files: list[ExportFile]) -> Manifest:
    with _draft(folder / ERASED).open("wb") as file:
        for row in records.erasers(ledger, until=fixed.until, patient_id=fixed.patient_id):
            file.write(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))
    _made_durable(_draft(folder / ERASED), folder / ERASED)
    beside = [ERASED]
    if fixed.is_proved:
        first, end = fixed.leaves
        note = fixed.note.encode()
        proof = records.prove_leaves(ledger, fixed.tree_size, note, first=first, end=end)
        _write(folder / PROOF, proof)
        beside.append(PROOF)
    return Manifest(
        origin=ledger.origin,
        export_id=fixed.export_id,
        records=fixed.records,
        form=fixed.form,
        patient_id=fixed.patient_id,
        after=fixed.after,
        until=fixed.until,
        taken=fixed.taken,
        leaf_hash=b64decode(fixed.leaf_hash),
        tree_size=fixed.tree_size,
        root_hash=b64decode(fixed.root_hash),
        leaves=fixed.leaves if fixed.is_proved else None,
        files=tuple(files),
        beside=tuple(
            BesideFile(name=name, size_bytes=(folder / name).stat().st_size, digest=digest_of(folder / name))
            for name in beside
        ),
    )


# Files that are whole or not there.


def _draft(path: Path) -> Path:
    return path.with_name(f"{path.name}.draft")


def _write(path: Path, content: bytes) -> None:
    _draft(path).write_bytes(content)
    _made_durable(_draft(path), path)


def _made_durable(draft: Path, path: Path) -> None:
    with draft.open("rb") as file:
        os.fsync(file.fileno())
    draft.replace(path)


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """One process at a time; the system lets go when it dies. Who only looks holds it for a moment: that is waited for."""
    with (folder / _LOCK).open("w") as lock:
        for patience in range(_LOOKS, -1, -1):
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if not patience:
                    raise ExportBusyError from None
                time.sleep(_LOOK_SECONDS)
        yield
