"""The manifest of an export: which files left, of which records, and what they are checked with. Signed.

The text of a signed note by the key of receipts; its lines are in docs/evidence/exports.md.
"""

import hashlib
import re
from dataclasses import dataclass
from uuid import UUID

from domain.reading import ExportedRecords, ExportForm
from domain.values import PatientId
from ledger import note
from ledger.checkpoint import parse_decimal
from ledger.note import Signer, Verifier, decode_base64, encode_base64

FIRST_LINE = "letopis/export@v1"
_NAME = re.compile(r"[A-Za-z](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.(?:ndjson|csv|parquet|tlog-range)")
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z")
_HEAD = ("export", "records", "form", "patient", "after", "until", "rows", "taken", "leaf", "tree", "range")


class InvalidManifestError(Exception):
    """The text is not a manifest, or it contradicts itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportFile:
    """A file of records; `first` and `last` are positions, None for a file without rows."""

    name: str
    size_bytes: int
    rows: int
    first: int | None
    last: int | None
    digest: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class BesideFile:
    """A file that is no record: what was erased, and the proof."""

    name: str
    size_bytes: int
    digest: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """`export_id` and `leaf_hash` are of RecordsExported. `leaves` are the range that is proved, if one is."""

    origin: str
    export_id: UUID
    records: ExportedRecords
    form: ExportForm
    patient_id: PatientId | None
    after: int
    until: int
    taken: str
    leaf_hash: bytes
    tree_size: int
    root_hash: bytes
    leaves: tuple[int, int] | None
    files: tuple[ExportFile, ...]
    beside: tuple[BesideFile, ...]

    @property
    def rows(self) -> int:
        return sum(one.rows for one in self.files)


def to_text(manifest: Manifest) -> str:
    leaves = f"{manifest.leaves[0]} {manifest.leaves[1]}" if manifest.leaves else "-"
    lines = [
        FIRST_LINE,
        manifest.origin,
        f"export {manifest.export_id}",
        f"records {manifest.records}",
        f"form {manifest.form}",
        f"patient {manifest.patient_id or '-'}",
        f"after {manifest.after}",
        f"until {manifest.until}",
        f"rows {manifest.rows}",
        f"taken {manifest.taken}",
        f"leaf {encode_base64(manifest.leaf_hash)}",
        f"tree {manifest.tree_size} {encode_base64(manifest.root_hash)}",
        f"range {leaves}",
    ]
    lines += [
        f"file {one.name} {one.size_bytes} {one.rows} {_place(one.first)} {_place(one.last)} {_digest(one.digest)}"
        for one in manifest.files
    ]
    lines += [f"beside {one.name} {one.size_bytes} {_digest(one.digest)}" for one in manifest.beside]
    return "\n".join([*lines, ""])


def sign(manifest: Manifest, signer: Signer) -> bytes:
    """The same bytes each time."""
    return note.sign(to_text(manifest), signer)


def verify(content: bytes, key: Verifier) -> Manifest:
    """The manifest, if this key signed it and nobody else did. InvalidNoteError or InvalidManifestError."""
    opened = note.open(content, [key])
    if len(note.parse(content).signatures) != 1:
        raise InvalidManifestError("the manifest has not exactly one signature")
    return parse(opened.text)


def parse(text: str) -> Manifest:
    """Strict: what it was parsed from is what it would be written as."""
    try:
        found = _parse(text.split("\n"))
    except ValueError as error:
        raise InvalidManifestError("a line of the manifest is not in canonical form") from error
    if to_text(found) != text:
        raise InvalidManifestError("the manifest contradicts itself, or a line is not in canonical form")
    return found


def _parse(lines: list[str]) -> Manifest:
    if lines[0] != FIRST_LINE or len(lines) < len(_HEAD) + 3 or lines[-1] != "":
        raise InvalidManifestError("this is not a manifest of version 1")
    said = {}
    for word, line in zip(_HEAD, lines[2:], strict=False):
        if not line.startswith(f"{word} "):
            raise InvalidManifestError(f"the manifest has no {word}")
        said[word] = line.removeprefix(f"{word} ")
    rest = [line.split(" ") for line in lines[len(_HEAD) + 2 : -1]]
    files = tuple(_file(words) for words in rest if words[0] == "file")
    beside = tuple(_beside(words) for words in rest if words[0] != "file")
    names = [*(one.name for one in files), *(one.name for one in beside)]
    if len(set(names)) != len(names) or not all(map(_NAME.fullmatch, names)):
        raise InvalidManifestError("a name of a file is impossible, or stands twice")
    size, root = said["tree"].split(" ")
    if _TIME.fullmatch(said["taken"]) is None:
        raise InvalidManifestError("the time is not in canonical form")
    found = Manifest(
        origin=lines[1],
        export_id=UUID(said["export"]),
        records=ExportedRecords(said["records"]),
        form=ExportForm(said["form"]),
        patient_id=None if said["patient"] == "-" else PatientId(UUID(said["patient"])),
        after=parse_decimal(said["after"]),
        until=parse_decimal(said["until"]),
        taken=said["taken"],
        leaf_hash=_hash(said["leaf"]),
        tree_size=parse_decimal(size),
        root_hash=_hash(root),
        leaves=_range(said["range"]),
        files=files,
        beside=beside,
    )
    if found.leaves and not 0 <= found.leaves[0] < found.leaves[1] <= found.tree_size:
        raise InvalidManifestError("the range is outside the tree")
    if found.leaves and found.leaves[1] - found.leaves[0] != found.rows:
        raise InvalidManifestError("there are not as many rows as leaves")
    return found


def _range(text: str) -> tuple[int, int] | None:
    if text == "-":
        return None
    first, end = map(parse_decimal, text.split(" "))
    return first, end


def _file(words: list[str]) -> ExportFile:
    _, name, size, rows, first, last, digest = words
    return ExportFile(
        name=name,
        size_bytes=parse_decimal(size),
        rows=parse_decimal(rows),
        first=None if first == "-" else parse_decimal(first),
        last=None if last == "-" else parse_decimal(last),
        digest=_sha256(digest),
    )


def _beside(words: list[str]) -> BesideFile:
    word, name, size, digest = words
    if word != "beside":
        raise InvalidManifestError("the manifest has a line that it does not know")
    return BesideFile(name=name, size_bytes=parse_decimal(size), digest=_sha256(digest))


def _place(position: int | None) -> str:
    return "-" if position is None else str(position)


def _digest(digest: bytes) -> str:
    return f"sha256:{encode_base64(digest)}"


def _sha256(text: str) -> bytes:
    if not text.startswith("sha256:"):
        raise InvalidManifestError("a digest is not one of SHA-256")
    return _hash(text.removeprefix("sha256:"))


def _hash(text: str) -> bytes:
    found = decode_base64(text)
    if len(found) != hashlib.sha256().digest_size:
        raise InvalidManifestError("a digest has not 32 bytes")
    return found
