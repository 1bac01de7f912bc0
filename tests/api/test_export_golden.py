"""A whole export by fixed keys, as others read it: written once, and every byte of it is looked at by its manifest."""

import csv
import hashlib
import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid5

import orjson
import pytest

from api.exports.columns import COLUMNS, Column, Kind
from api.exports.events import event_cells, event_line, event_row
from api.exports.forms import json_cell, written
from domain.reading import ExportedRecords, ExportForm
from ledger import checkpoint, export_manifest, leaf, log_range, merkle
from ledger.checkpoint import Checkpoint
from ledger.export_manifest import BesideFile, ExportFile, InvalidManifestError, Manifest
from ledger.log_range import RangeProof
from ledger.merkle import InvalidProofError
from ledger.note import InvalidNoteError, Signer, encode_base64

GOLDEN = Path(__file__).parent.parent / "golden" / "evidence" / "export"
ORIGIN = "ledger.example/analyses"
LOG = Signer(ORIGIN, bytes(range(32)))
RECEIPTS = Signer(f"{ORIGIN}/receipts", bytes(range(32, 64)))
SPACE = UUID("00000000-0000-4000-8000-000000000000")
NOON = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)
# What is exported of a tree of eleven, in two parts.
SIZE, FIRST, END, CUT = 11, 2, 9, 6
POSITIONS = [3 * place + 5 for place in range(SIZE)]


def stored(place: int) -> tuple[bytes, bytes]:
    """A leaf and the rest, as the codec writes them; every third event is sealed."""
    is_sealed = place % 3 == 2
    head = leaf.header(
        origin=ORIGIN,
        event_id=uuid5(SPACE, f"event-{place}"),
        stream_id=uuid5(SPACE, f"stream-{place}"),
        version=1,
        name="ReportReceived" if is_sealed else "HistoryRead",
        schema_version=1,
        recorded_at=NOON + timedelta(seconds=place, microseconds=place),
        key_id=uuid5(SPACE, "key") if is_sealed else None,
    )
    salt = encode_base64(hashlib.sha256(b"salt-%d" % place).digest()[:16]).encode()
    circumstances = orjson.dumps(
        {"actor": 'staff:a"b', "on_behalf_of": None, "causation_id": None, "correlation_id": None}
    )
    clear = b'{"patient_id":null,"purpose":"audit"}' if place else b'{"patient_id":null,"purpose":"\xd0\xb0"}'
    rest = b"\n".join([salt, circumstances, bytes(40) if is_sealed else clear])
    commitment = hashlib.sha256(b"commitment").digest() if is_sealed else None
    return leaf.complete(head, rest=rest, commitment=commitment), rest


def made(into: Path) -> None:
    """The export, as `api.exports.folder` writes one."""
    leaves = [stored(place) for place in range(SIZE)]
    hashes = [merkle.leaf_hash(one) for one, _ in leaves]

    def subtree(level: int, index: int) -> bytes:
        return merkle.root_hash(hashes[index << level : (index + 1) << level])

    files = []
    for number, (start, stop) in enumerate(((FIRST, CUT), (CUT, END)), 1):
        name = f"events-{number:05d}.ndjson"
        writing = written(ExportForm.NDJSON, into / name, COLUMNS[ExportedRecords.EVENTS], bom=False)
        writing.write(
            [
                (
                    POSITIONS[place],
                    event_row(
                        place, POSITIONS[place], leaves[place][0].removesuffix(b"\n"), leaves[place][1]
                    ),
                )
                for place in range(start, stop)
            ]
        )
        writing.close()
        content = (into / name).read_bytes()
        files.append(
            ExportFile(
                name=name,
                size_bytes=len(content),
                rows=stop - start,
                first=POSITIONS[start],
                last=POSITIONS[stop - 1],
                digest=hashlib.sha256(content).digest(),
            )
        )
    signed = checkpoint.sign(Checkpoint(ORIGIN, SIZE, merkle.root_hash(hashes)), LOG)
    proof = RangeProof(FIRST, END, tuple(log_range.prove_range(FIRST, END, SIZE, subtree)), signed)
    beside = {"erased.ndjson": b"", "proof.tlog-range": log_range.to_bytes(proof)}
    for name, content in beside.items():
        (into / name).write_bytes(content)
    manifest = Manifest(
        origin=ORIGIN,
        export_id=uuid5(SPACE, "export"),
        records=ExportedRecords.EVENTS,
        form=ExportForm.NDJSON,
        patient_id=None,
        after=POSITIONS[FIRST - 1],
        until=POSITIONS[END - 1],
        taken="2026-11-23T13:00:00.000000Z",
        leaf_hash=hashlib.sha256(b"exported").digest(),
        tree_size=SIZE,
        root_hash=merkle.root_hash(hashes),
        leaves=(FIRST, END),
        files=tuple(files),
        beside=tuple(
            BesideFile(name=name, size_bytes=len(content), digest=hashlib.sha256(content).digest())
            for name, content in beside.items()
        ),
    )
    (into / "manifest").write_bytes(export_manifest.sign(manifest, RECEIPTS))
    (into / "keys.txt").write_text(f"{LOG.verifier.vkey}\n{RECEIPTS.verifier.vkey}\n")


def contents(folder: Path) -> dict[str, bytes]:
    return {one.name: one.read_bytes() for one in sorted(folder.iterdir())}


def test_the_format_stays_what_it_is(tmp_path: Path) -> None:
    made(tmp_path)
    if os.environ.get("LETOPIS_WRITE_GOLDEN") and not GOLDEN.exists():
        GOLDEN.mkdir(parents=True)
        for name, content in contents(tmp_path).items():
            (GOLDEN / name).write_bytes(content)
    assert contents(tmp_path) == contents(GOLDEN)


@pytest.mark.parametrize("place", range(SIZE))
def test_a_line_is_the_row_as_json(place: int) -> None:
    entry, rest = stored(place)
    told = (place, POSITIONS[place], entry.removesuffix(b"\n"), rest)
    assert event_line(*told) == orjson.dumps(event_row(*told), option=orjson.OPT_APPEND_NEWLINE)


def test_a_line_of_a_table_is_the_row_as_csv(tmp_path: Path) -> None:
    """So many that digests and salts begin with every character of base64."""
    events = [
        (place, 7 * place, entry.removesuffix(b"\n"), rest)
        for place in range(600)
        for entry, rest in [stored(place)]
    ]
    columns = COLUMNS[ExportedRecords.EVENTS]
    for name, made in (("rows", event_row), ("lines", event_cells)):
        writing = written(ExportForm.CSV, tmp_path / name, columns, bom=True)
        writing.write([(one[1], made(*one)) for one in events[:1]])
        writing.write([(one[1], made(*one)) for one in events[1:]])
        writing.close()
    content = (tmp_path / "lines").read_bytes()
    assert content == (tmp_path / "rows").read_bytes()
    rows = list(csv.DictReader(content.decode("utf-8-sig").splitlines(keepends=True)))
    for column in ("digest", "salt"):
        assert any(row[column].startswith("'+") for row in rows)


@pytest.mark.parametrize("value", [b"{}", b'{"a":[1,2]}', b"[1,2]", b"7", b'{"a":"\\"\xd0\xb0"}'])
def test_a_cell_of_json_is_as_the_writer_of_tables_has_it(value: bytes, tmp_path: Path) -> None:
    writing = written(ExportForm.CSV, tmp_path / "c", [Column("data", Kind.JSON)], bom=False)
    writing.write([(1, {"data": orjson.Fragment(value)})])
    writing.close()
    assert (tmp_path / "c").read_bytes() == b"data\r\n" + json_cell(value) + b"\r\n"


def leaves_in(folder: Path, manifest: Manifest) -> list[bytes]:
    rows = [orjson.loads(line) for one in manifest.files for line in (folder / one.name).open("rb")]
    return [
        merkle.leaf_hash(
            (
                f"letopis/leaf@v1\n{manifest.origin}\n{row['event_id']}\n{row['stream_id']}\n{row['version']}\n"
                f"{row['name']}@{row['schema_version']}\n{row['recorded_at']}\n{row['key_id'] or '-'}\n"
                f"{row['digest']}\n{row['commitment'] or '-'}\n"
            ).encode()
        )
        for row in rows
    ]


def test_the_golden_export_is_proved() -> None:
    manifest = export_manifest.verify((GOLDEN / "manifest").read_bytes(), RECEIPTS.verifier)
    proof = (GOLDEN / "proof.tlog-range").read_bytes()
    signed = log_range.verify(proof, leaves_in(GOLDEN, manifest), LOG.verifier)
    assert (signed.tree_size, signed.root_hash) == (manifest.tree_size, manifest.root_hash)


def test_no_byte_of_manifest_and_proof_can_be_another() -> None:
    """Each byte flipped, each line dropped: nothing is accepted."""
    manifest = (GOLDEN / "manifest").read_bytes()
    leaves = leaves_in(GOLDEN, export_manifest.verify(manifest, RECEIPTS.verifier))
    proof = (GOLDEN / "proof.tlog-range").read_bytes()
    for place in range(len(manifest)):
        changed = manifest[:place] + bytes([manifest[place] ^ 1]) + manifest[place + 1 :]
        with pytest.raises((InvalidNoteError, InvalidManifestError)):
            export_manifest.verify(changed, RECEIPTS.verifier)
    for place in range(len(proof)):
        changed = proof[:place] + bytes([proof[place] ^ 1]) + proof[place + 1 :]
        with pytest.raises((InvalidNoteError, InvalidProofError)):
            log_range.verify(changed, leaves, LOG.verifier)
    for wrong in (leaves[1:], leaves[:-1], [*leaves, leaves[0]], leaves[::-1]):
        with pytest.raises(InvalidProofError):
            log_range.verify(proof, wrong, LOG.verifier)


def test_a_manifest_with_fewer_rows_than_leaves_is_refused() -> None:
    """Signed by the right key: rows that were dropped before signing are missed by who only counts."""
    manifest = export_manifest.verify((GOLDEN / "manifest").read_bytes(), RECEIPTS.verifier)
    for leaves in ((FIRST, END + 1), (FIRST - 1, END), (FIRST, END - 1)):
        with pytest.raises(InvalidManifestError):
            export_manifest.verify(
                export_manifest.sign(replace(manifest, leaves=leaves), RECEIPTS), RECEIPTS.verifier
            )
