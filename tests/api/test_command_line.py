"""Each command of `letopis` as an operator runs it: a process of its own, its output and its exit code."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from api import laboratories
from api.migrate import migrations
from api.settings import Settings
from domain.reading import ReadingPurpose, ReportRead
from domain.report import ReportReceived
from domain.submission import SubmissionRefused
from ledger import checkpoint, merkle, note, proof, tiles
from projections import PROJECTIONS, cabinet, rebuild, transparency
from tests.api.cast import ANNA, Laboratory, Portal, bundle, settled
from tests.api.command import letopis
from tests.conftest import Server
from tests.forgery import change_history


@pytest.fixture
def empty_database(server: Server) -> Iterator[str]:
    """A database without anything."""
    name = f"empty_{uuid4().hex}"
    server.connection.execute(SQL("CREATE DATABASE {}").format(Identifier(name)))
    yield server.conninfo_of(name)
    server.drop(name)


def written(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def words(text: str) -> str:
    """The words without the lines that they were broken into."""
    return re.sub(r"[\s│]+", " ", text)


def lines_of(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


# A new ledger, from nothing to a laboratory that has sent.


def test_migrate_then_register_a_laboratory_then_ingest(empty_database: str, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home").model_copy(update={"database_url": empty_database})
    first = letopis(settings, "migrate", installed=True)
    assert first.returncode == 0, first.stderr
    assert first.stdout.split() == [migration.name for migration in migrations()]

    new = ("lab", "add", "invitro", "--name", "Лаборатория Инвитро", "--ogrn", "1027700132195")
    added = letopis(settings, *new, "--inn", "7707083893")
    assert added.returncode == 0 and added.stdout.startswith("invitro: "), added.stderr
    key = laboratories.load(settings.home, "invitro").key
    assert added.stdout.strip().endswith(f"key {key.thumbprint()}")
    assert (settings.home / "laboratories" / "invitro.jwk").stat().st_mode & 0o777 == 0o600
    wrong = letopis(settings, *new, "--inn", "7707083894")
    assert wrong.returncode == 2 and "check digit" in words(wrong.stderr)
    again = letopis(settings, *new, "--inn", "7707083893")
    assert again.returncode == 1 and "Traceback" not in again.stderr

    path = written(tmp_path, "one.json", bundle("1"))
    sent = letopis(settings, "ingest", path, "--lab", "invitro", "--json")
    assert sent.returncode == 0, sent.stderr
    (line,) = lines_of(sent.stdout)
    assert line["outcome"] == "recorded" and len(line["reports"]) == 1


# ingest


def test_ingest_prints_one_line_of_the_agreed_shape_for_each_file(
    portal: Portal, laboratory: Laboratory, tmp_path: Path
) -> None:
    settled(portal.opened, ANNA, laboratory.laboratory_id)
    files = [
        written(tmp_path, "known.json", bundle("1")),
        written(tmp_path, "again.json", bundle("1")),
        written(tmp_path, "unknown patient.json", bundle("2", identifiers=[])),
        written(tmp_path, "no report.json", b'{"resourceType": "Patient"}'),
        written(tmp_path, "no json.json", b"creatinine 72.50"),
    ]
    run = letopis(portal.opened, "ingest", *files, "--lab", laboratory.sender.handle, "--json")
    assert run.returncode == 0, run.stderr
    known, again, unknown, no_report, no_json = lines_of(run.stdout)
    for line, path in zip((known, again, unknown, no_report, no_json), files, strict=True):
        assert list(line) == ["file", "outcome", "reports", "problem"] and line["file"] == str(path)
    assert (known["outcome"], known["problem"]) == ("recorded", None)
    assert [str(UUID(report)) for report in known["reports"]] == known["reports"] and len(
        known["reports"]
    ) == 1
    assert (again["outcome"], again["reports"], again["problem"]) == ("duplicate", known["reports"], None)
    assert (unknown["outcome"], len(unknown["reports"])) == ("recorded", 1)
    problems = [unknown["problem"], no_report["problem"], no_json["problem"]]
    assert all(list(problem) == ["code", "detail", "field"] for problem in problems)
    assert all(isinstance(problem["detail"], str) and problem["detail"] for problem in problems)
    codes = ["patient-unknown", "no-report-in-content", "content-not-json"]
    assert [problem["code"] for problem in problems] == codes
    assert (no_report["outcome"], no_report["reports"]) == ("quarantined", [])
    assert no_report["problem"]["field"] == "resourceType"


def test_ingest_of_a_laboratory_that_nobody_registered_is_rejected_and_recorded(
    portal: Portal, tmp_path: Path
) -> None:
    path = written(tmp_path, "one.json", bundle("1"))
    run = letopis(portal.opened, "ingest", path, "--lab", "nobody", "--json")
    (line,) = lines_of(run.stdout)
    assert (line["outcome"], line["reports"]) == ("rejected", [])
    assert (line["problem"]["code"], line["problem"]["field"]) == ("laboratory-unknown", "jws.iss")
    assert len(portal.events(SubmissionRefused)) == 1


# report


def test_report_prints_what_was_recorded_and_records_the_reading(
    portal: Portal, laboratory: Laboratory
) -> None:
    anna = settled(portal.opened, ANNA, laboratory.laboratory_id)
    report_id = portal.submit(laboratory.seal(bundle("1"))).json()["reports"][0]["id"]
    run = letopis(portal.opened, "report", report_id, "--json")
    assert run.returncode == 0, run.stderr
    shown = json.loads(run.stdout)
    assert list(shown) == ["id", "status", "patient", "issued_at", "versions", "observations"]
    assert (shown["id"], shown["status"], shown["versions"]) == (report_id, "final", 1)
    assert shown["patient"] == {
        "family": ANNA.family,
        "given": [ANNA.given],
        "birth_date": ANNA.birth_date,
    }
    (observation,) = shown["observations"]
    assert observation["code"] == "14682-9" and observation["system"] == "http://loinc.org"
    assert (observation["value"], observation["unit"]) == ("72.50", "мкмоль/л")
    (reading,) = portal.events(ReportRead)
    assert reading.event.purpose is ReadingPurpose.OPERATION and reading.event.patient_id == anna
    missing = letopis(portal.opened, "report", str(uuid4()))
    assert missing.returncode == 1 and "There is no such report" in words(missing.stderr)


# verify, export, proof


def test_verify_is_content_until_one_byte_of_history_is_changed(
    portal: Portal, laboratory: Laboratory, sql: psycopg.Connection
) -> None:
    portal.submit(laboratory.seal(bundle("1")))
    portal.catch_up()
    size = len(portal.opened.ledger.read_all())
    good = letopis(portal.opened, "verify")
    assert good.returncode == 0, good.stderr
    assert good.stdout.startswith(f"verify: OK, tree size {size}, root ")

    (received,) = portal.events(ReportReceived)
    leaf_index = transparency.leaf_index_of(portal.opened.ledger, received.event_id)
    flip = (
        "UPDATE ledger.events SET state = set_byte(state, length(state) - 1,"
        " get_byte(state, length(state) - 1) # 1) WHERE notification_id = %s"
    )
    change_history(sql, (flip, (received.position,)))
    bad = letopis(portal.opened, "verify", "--json")
    assert bad.returncode == 1
    said = json.loads(bad.stdout)
    fields = ["ok", "events", "tree_size", "root", "checkpoints", "documents", "erasures", "finding"]
    assert list(said) == fields
    assert not said["ok"] and said["finding"]["what"]
    assert said["finding"]["position"] == received.position
    assert said["finding"]["leaf_index"] == leaf_index


def test_what_is_exported_and_proven_can_be_verified_without_us(
    portal: Portal, laboratory: Laboratory, tmp_path: Path
) -> None:
    for number in range(3):
        portal.submit(laboratory.seal(bundle(f"{number}")))
    log, proofs = tmp_path / "log", tmp_path / "proofs"
    exported = letopis(portal.opened, "export", "--log", log)
    assert exported.returncode == 0, exported.stderr
    key = note.Verifier.from_vkey(exported.stdout.split("key ")[1].strip())
    signed = checkpoint.verify((log / "checkpoint").read_bytes(), key)
    assert signed.tree_size == len(portal.opened.ledger.read_all())
    entries = [
        entry
        for wanted in tiles.bundles_of(signed.tree_size)
        for entry in tiles.decode_entries((log / wanted.path).read_bytes(), wanted.width)
    ]
    assert merkle.root_hash([merkle.leaf_hash(entry) for entry in entries]) == signed.root_hash
    for tile in tiles.tiles_of(signed.tree_size):
        assert (log / tile.path).stat().st_size == tile.width * merkle.HASH_SIZE_BYTES

    event_id = portal.events(ReportReceived)[-1].event_id
    proven = letopis(portal.opened, "proof", str(event_id), "--out", proofs)
    assert proven.returncode == 0, proven.stderr
    leaf = (proofs / f"{event_id}.leaf").read_bytes()
    said = proof.verify((proofs / f"{event_id}.tlog-proof").read_bytes(), leaf, key)
    assert said.root_hash == signed.root_hash and leaf in entries


# rebuild


def test_rebuild_check_tells_a_view_that_differs_and_rebuild_mends_it(
    portal: Portal, laboratory: Laboratory, sql: psycopg.Connection
) -> None:
    portal.submit(laboratory.seal(bundle("1")))
    portal.catch_up()
    equal = letopis(portal.opened, "rebuild", "--check")
    assert equal.returncode == 0, equal.stderr
    assert equal.stdout.count(": equal at position") == len(PROJECTIONS)
    sql.execute("UPDATE cabinet.reports SET status = 'preliminary'")
    differs = letopis(portal.opened, "rebuild", "cabinet", "--check")
    assert differs.returncode == 1 and "cabinet: DIFFERS" in differs.stdout
    assert letopis(portal.opened, "rebuild", "cabinet").returncode == 0
    with portal.opened.as_owner() as owner:
        assert rebuild.check(owner, cabinet.CABINET).is_equal


# What must not go on.


def test_secrets_of_another_ledger_are_refused(settings: Settings, tmp_path: Path) -> None:
    stranger = settings.model_copy(update={"home": tmp_path / "elsewhere"})
    run = letopis(stranger, "verify")
    assert run.returncode == 2 and "The secrets belong to another ledger" in words(run.stderr)
    assert "Traceback" not in run.stderr


def test_a_lost_secret_is_refused_and_not_made_anew(settings: Settings) -> None:
    lost = settings.home / "secrets" / "stream.key"
    lost.unlink()
    run = letopis(settings, "verify")
    assert run.returncode == 2 and "stream.key" in words(run.stderr)
    assert not lost.exists()


def test_another_name_of_the_log_is_refused(settings: Settings) -> None:
    run = letopis(settings.model_copy(update={"origin": "other.example/log"}), "migrate")
    assert run.returncode == 2 and settings.origin in words(run.stderr)


def test_an_edited_migration_is_refused(settings: Settings, sql: psycopg.Connection) -> None:
    sql.execute("UPDATE schema_migrations SET sha256 = 'of another text' WHERE version = '0002'")
    run = letopis(settings, "migrate")
    assert run.returncode == 2 and "0002_projections" in words(run.stderr)
    assert "Traceback" not in run.stderr
