"""Exports: what leaves is what the log has, a cut export ends in the same bytes, and the manifest says all of it."""

import csv
import hashlib
import json
from base64 import b64encode
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from fhir.resources.R4B.auditevent import AuditEvent
from fhir.resources.R4B.diagnosticreport import DiagnosticReport
from fhir.resources.R4B.observation import Observation
from pyarrow import parquet

from api.exports import folder, plan
from api.exports.forms import digest_of
from api.exports.plan import Asked, FormUnfitError
from domain.consent import ConsentGranted, ConsentKind, ConsentWithdrawn
from domain.patient import PatientRegistered
from domain.reading import ExportedRecords, ExportForm
from domain.report import DestructionReason, ReportDestroyed
from ledger import export_manifest, log_range, merkle
from ledger.codec import Circumstances
from ledger.export_manifest import InvalidManifestError, Manifest
from ledger.merkle import InvalidProofError
from ledger.note import InvalidNoteError
from ledger.receipt import signer_of
from ledger.store import Ledger, Write
from projections import PROJECTIONS, audit, transparency
from projections.follow import Follower
from projections.transparency import LeafMissingError
from tests import examples
from tests.examples import ANNA, BORIS, MATCHED, OTHER_REPORT, READ, RECEIVED, REPORT, REVISED
from tests.forgery import change_history
from tests.scenario import TESTER, recorded

OFFICER = Circumstances(actor="staff:officer")
EVENTS, TRAIL, RESULTS = ExportedRecords.EVENTS, ExportedRecords.AUDIT_TRAIL, ExportedRecords.RESULTS
NDJSON, CSV, PARQUET, FHIR = (
    ExportForm.NDJSON,
    ExportForm.CSV,
    ExportForm.PARQUET,
    ExportForm.FHIR_NDJSON,
)
SMALL_PART = 7


@pytest.fixture
def kept(ledger: Ledger) -> Ledger:
    """A patient with a result of two versions that was read, consents, an obligation; and another patient."""
    recorded(ledger, ANNA, PatientRegistered(locale="ru"))
    recorded(ledger, BORIS, PatientRegistered(locale="ru"))
    consent_id = uuid4()
    recorded(ledger, consent_id, ConsentGranted(patient_id=ANNA, document=examples.DOCUMENT))
    recorded(ledger, consent_id, ConsentWithdrawn(patient_id=ANNA, kind=ConsentKind.NOTIFICATIONS))
    recorded(ledger, uuid4(), examples.OBLIGATION)
    recorded(ledger, REPORT, RECEIVED, MATCHED, REVISED)
    recorded(ledger, OTHER_REPORT, RECEIVED, replace(MATCHED, patient_id=BORIS))
    recorded(ledger, uuid4(), examples.REQUESTED)
    recorded(ledger, uuid4(), examples.SUPPRESSED)
    ledger.append(*[Write(uuid4(), 0, (READ, READ)) for _ in range(20)], circumstances=TESTER)
    follow(ledger)
    return ledger


def follow(ledger: Ledger) -> None:
    Follower(ledger, PROJECTIONS).catch_up()


def exported(ledger: Ledger, into: Path, *, part_events: int = SMALL_PART, **asked: object) -> Manifest:
    fixed = plan.begin(ledger, Asked(**{"records": EVENTS, "form": NDJSON} | asked), OFFICER)  # type: ignore[arg-type]
    folder.start(into, fixed)
    return manifest_of(ledger, folder.run(ledger, into, part_events=part_events))


def manifest_of(ledger: Ledger, path: Path) -> Manifest:
    return export_manifest.verify(path.read_bytes(), signer_of(ledger).verifier)


def lines_of(into: Path, manifest: Manifest) -> list[bytes]:
    return [
        line for one in manifest.files for line in (into / one.name).read_bytes().splitlines(keepends=True)
    ]


def objects_of(into: Path, manifest: Manifest) -> list[dict[str, object]]:
    return [json.loads(line) for line in lines_of(into, manifest)]


def leaf_of(row: dict[str, object], origin: str) -> bytes:
    """As docs/evidence/exports.md says."""
    return (
        f"letopis/leaf@v1\n{origin}\n{row['event_id']}\n{row['stream_id']}\n{row['version']}\n"
        f"{row['name']}@{row['schema_version']}\n{row['recorded_at']}\n{row['key_id'] or '-'}\n"
        f"{row['digest']}\n{row['commitment'] or '-'}\n"
    ).encode()


def parts_of_line(line: bytes) -> tuple[bytes, bytes]:
    """Circumstances and data, byte for byte."""
    head, _, data = line.removesuffix(b"}\n").partition(b',"data":')
    return head.partition(b',"circumstances":')[2], data


def proved(ledger: Ledger, into: Path, rows: list[dict[str, object]]) -> None:
    leaves = [merkle.leaf_hash(leaf_of(row, ledger.origin)) for row in rows]
    proof = (into / "proof.tlog-range").read_bytes()
    log_range.verify(proof, leaves, transparency.log_verifier(ledger))


def test_all_events_leave_and_are_proved(kept: Ledger, tmp_path: Path) -> None:
    size = transparency.latest(kept).tree_size
    manifest = exported(kept, tmp_path)
    assert manifest.leaves == (0, size)
    assert manifest.rows == size
    assert [one.name for one in manifest.files][:2] == ["events-00001.ndjson", "events-00002.ndjson"]
    for one in (*manifest.files, *manifest.beside):
        assert (digest_of(tmp_path / one.name), (tmp_path / one.name).stat().st_size) == (
            one.digest,
            one.size_bytes,
        )
    proved(kept, tmp_path, objects_of(tmp_path, manifest))
    for line in lines_of(tmp_path, manifest):
        row = json.loads(line)
        assert (row["key_id"] is None) == (row["data"] is not None)
        if row["data"] is not None:
            circumstances, data = parts_of_line(line)
            rest = b"\n".join([row["salt"].encode(), circumstances, data])
            assert b64encode(hashlib.sha256(rest).digest()).decode() == row["digest"]
    assert b"Sokolova" not in b"".join(lines_of(tmp_path, manifest))


@pytest.mark.parametrize("spoil", ["drop", "swap", "change"])
def test_a_row_that_was_dropped_moved_or_changed_is_found(kept: Ledger, tmp_path: Path, spoil: str) -> None:
    rows = objects_of(tmp_path, exported(kept, tmp_path))
    match spoil:
        case "drop":
            del rows[3]
        case "swap":
            rows[3], rows[4] = rows[4], rows[3]
        case _:
            rows[3]["name"] = "ReportDestroyed"
    with pytest.raises(InvalidProofError):
        proved(kept, tmp_path, rows)


def test_what_leaves_is_recorded_before(kept: Ledger, tmp_path: Path) -> None:
    fixed = plan.begin(kept, Asked(records=TRAIL, form=CSV, patient_id=ANNA), OFFICER)
    follow(kept)
    last = audit.entries(kept, patient_id=ANNA)[-1]
    assert (last.name, last.actor, last.event_id) == ("RecordsExported", "staff:officer", fixed.export_id)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("records", "form"), [(EVENTS, NDJSON), (EVENTS, CSV), (EVENTS, PARQUET), (RESULTS, FHIR)]
)
def test_a_cut_export_ends_in_the_same_bytes(
    kept: Ledger, tmp_path: Path, records: ExportedRecords, form: ExportForm
) -> None:
    fixed = plan.begin(kept, Asked(records=records, form=form, bom=True), OFFICER)
    small = SMALL_PART if records is EVENTS else 1
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    for one in (whole, cut):
        folder.start(one, fixed)
    folder.run(kept, whole, part_events=small)
    for crash in (2, 1, 2):
        with pytest.raises(KeyboardInterrupt):
            folder.run(kept, cut, seen=Death(crash), part_events=small)
        # What a power cut leaves of the line that was being written.
        with (cut / "parts.ndjson").open("ab") as journal:
            journal.write(b'{"last":')
        assert not folder.is_whole(cut)
    folder.run(kept, cut, part_events=small)
    assert contents(cut) == contents(whole)


@dataclass(slots=True)
class Death:
    """The process dies when it has told of so many batches."""

    left: int

    def __call__(self, _: int) -> None:
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt


def contents(into: Path) -> dict[str, bytes]:
    return {one.name: one.read_bytes() for one in into.iterdir()}


def test_a_spreadsheet_runs_nothing_and_no_value_is_altered(kept: Ledger, tmp_path: Path) -> None:
    told = replace(READ, patient_id=None)
    for actor in ("=1+1", "+7", "-2", "@x", "'quoted", 'a,"b"'):
        recorded(kept, uuid4(), told, by=Circumstances(actor=actor))
    follow(kept)
    plain = objects_of(tmp_path / "n", exported(kept, tmp_path / "n", records=TRAIL))
    manifest = exported(kept, tmp_path / "c", records=TRAIL, form=CSV, part_events=1000, bom=True)
    content = (tmp_path / "c" / manifest.files[0].name).read_bytes()
    assert content.startswith(b"\xef\xbb\xbf")
    cells = list(csv.DictReader(content.decode("utf-8-sig").splitlines(keepends=True)))
    assert not any(
        value.startswith(("=", "+", "-", "@", "\t", "\r")) for row in cells for value in row.values()
    )
    assert [row["actor"].removeprefix("'") for row in cells][: len(plain)] == [row["actor"] for row in plain]


def test_tables_say_the_same_in_every_form(kept: Ledger, tmp_path: Path) -> None:
    rows = objects_of(tmp_path / "n", exported(kept, tmp_path / "n"))
    manifest = exported(kept, tmp_path / "p", form=PARQUET)
    table = [
        row for one in manifest.files for row in parquet.read_table(tmp_path / "p" / one.name).to_pylist()
    ]
    for row in table:
        row["circumstances"] = json.loads(row["circumstances"])
        row["data"] = json.loads(row["data"]) if row["data"] else None
    assert table[: len(rows)] == rows


def test_the_trail_is_audit_events_by_balp(kept: Ledger, tmp_path: Path) -> None:
    manifest = exported(kept, tmp_path, records=TRAIL, form=FHIR)
    found = objects_of(tmp_path, manifest)
    for one in found:
        AuditEvent.model_validate(one)
    by_name = {one["subtype"][-1]["code"]: one for one in found}  # type: ignore[index]
    read = by_name["ReportRead"]
    assert read["meta"]["profile"][0].endswith("IHE.BasicAudit.PatientRead")
    assert {entity["type"]["code"] for entity in read["entity"]} == {"1", "2"}
    allowed, forbidden = by_name["NotificationRequested"], by_name["NotificationSuppressed"]
    assert [(one["type"]["code"], one["subtype"][0]["code"]) for one in (allowed, forbidden)] == [
        ("110113", "AuthZ-Consent")
    ] * 2
    assert (allowed["outcome"], forbidden["outcome"]) == ("0", "8")
    again = exported(kept, tmp_path / "again", records=TRAIL, form=FHIR, patient_id=ANNA)
    assert again.rows < manifest.rows
    follow(kept)
    taken = objects_of(tmp_path / "third", exported(kept, tmp_path / "third", records=TRAIL, form=FHIR))[-1]
    assert taken["type"]["code"] == "110106"


def test_the_journal_of_changes_says_what_was_placed_changed_and_deleted(
    kept: Ledger, tmp_path: Path
) -> None:
    recorded(kept, uuid4(), RECEIVED, ReportDestroyed(reason=DestructionReason.RETENTION_ENDED))
    follow(kept)
    rows = objects_of(tmp_path, exported(kept, tmp_path, records=TRAIL))
    said = {row["name"]: (row["operation"], row["changed"]) for row in rows}
    assert said["ReportReceived"] == ("place", None)
    assert said["ReportRevised"] == ("change", None)
    assert said["ReportDestroyed"] == ("delete", ["reason"])
    assert said["ReportRead"][0] == "read"
    mine = objects_of(tmp_path / "anna", exported(kept, tmp_path / "anna", records=TRAIL, patient_id=ANNA))
    assert [row["changed"] for row in mine if row["name"] == "ReportRevised"] == [["status"]]
    assert {row["patient_id"] for row in mine} == {None, str(ANNA)}
    assert str(OTHER_REPORT) not in {row["stream_id"] for row in mine}
    assert str(REPORT) in {
        row["stream_id"]
        for row in objects_of(tmp_path / "e", exported(kept, tmp_path / "e", patient_id=ANNA))
    }
    erased = (tmp_path / "erased.ndjson").read_bytes().splitlines()
    assert [json.loads(line)["name"] for line in erased] == ["ReportDestroyed"]


def test_results_are_resources_of_pseudonyms_and_each_patient_is_told(kept: Ledger, tmp_path: Path) -> None:
    manifest = exported(kept, tmp_path, records=RESULTS, form=FHIR)
    found = objects_of(tmp_path, manifest)
    kinds = {"DiagnosticReport": DiagnosticReport, "Observation": Observation}
    for one in found:
        if one["resourceType"] in kinds:
            kinds[one["resourceType"]].model_validate(one)
    reports = {one["id"]: one for one in found if one["resourceType"] == "DiagnosticReport"}
    assert set(reports) == {str(REPORT), str(OTHER_REPORT)}
    assert reports[str(REPORT)]["meta"]["versionId"] == "2"
    assert reports[str(REPORT)]["subject"] == {"reference": f"Patient/{ANNA}"}
    assert examples.SUBJECT.family.encode() not in b"".join(lines_of(tmp_path, manifest))
    follow(kept)
    for patient_id in (ANNA, BORIS):
        assert audit.entries(kept, patient_id=patient_id)[-1].name == "RecordsExported"
    alone = objects_of(
        tmp_path / "one", exported(kept, tmp_path / "one", records=RESULTS, form=FHIR, patient_id=BORIS)
    )
    assert {one["subject"]["reference"] for one in alone if "subject" in one} == {f"Patient/{BORIS}"}


def test_consents_are_a_journal_with_their_obligations(kept: Ledger, tmp_path: Path) -> None:
    rows = objects_of(tmp_path, exported(kept, tmp_path, records=ExportedRecords.CONSENTS, patient_id=ANNA))
    assert [row["act"] for row in rows] == ["given", "withdrawn", "obligation-arose"]
    assert rows[2]["due"] == examples.OBLIGATION.due.isoformat()
    with pytest.raises(FormUnfitError):
        plan.begin(kept, Asked(records=ExportedRecords.CONSENTS, form=FHIR), OFFICER)


@pytest.mark.parametrize("what", ["leaf", "rest"])
def test_what_was_changed_in_the_database_is_not_exported(
    kept: Ledger, sql: psycopg.Connection, tmp_path: Path, what: str
) -> None:
    position, state = sql.execute(
        "SELECT notification_id, state FROM ledger.events WHERE topic = 'ReportRead' ORDER BY 1 LIMIT 1"
    ).fetchone()
    changed = (
        state.replace(b"ReportRead@1", b"ReportRead@2")
        if what == "leaf"
        else state.replace(b'"report_version":', b'"report_versiom":')
    )
    change_history(
        sql, ("UPDATE ledger.events SET state = %s WHERE notification_id = %s", (changed, position))
    )
    with pytest.raises(LeafMissingError):
        exported(kept, tmp_path)


def test_one_spelling_of_a_manifest(kept: Ledger, tmp_path: Path) -> None:
    content = (tmp_path / "manifest").read_bytes() if exported(kept, tmp_path) else b""
    text = content.decode().partition("\n\n")[0] + "\n"
    assert export_manifest.to_text(export_manifest.parse(text)) == text
    for old, new in (
        ("rows ", "rows 0"),
        ("after 0", "after 00"),
        ("range 0", "range 1"),
        ("beside ", "besides "),
        ("\nform", "\r\nform"),
    ):
        with pytest.raises(InvalidManifestError):
            export_manifest.parse(text.replace(old, new))
    with pytest.raises(InvalidNoteError):
        export_manifest.verify(content.replace(b"rows", b"rowz"), signer_of(kept).verifier)


def test_nobody_writes_into_a_folder_of_something_else(kept: Ledger, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(folder.ExportFolderTakenError):
        exported(kept, tmp_path)
    with pytest.raises(folder.ExportFolderTakenError):
        folder.plan_of(tmp_path)
