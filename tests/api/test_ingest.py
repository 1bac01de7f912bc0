"""Bulk ingest: folders and files of many, several in flight, in order where order matters, and gone on with
after an interruption."""

import json
from pathlib import Path
from time import monotonic, sleep
from typing import Any
from uuid import UUID

import psycopg
import pytest

from api.bulk import Sendable, Submitter, contents_of, files_in
from domain import report
from domain.report import ReportReceived, ReportRevised
from domain.submission import SubmissionReceived
from tests.api.cast import ANNA, Laboratory, Portal, bundle, settled, who
from tests.api.command import letopis, started

MANY = 60


def lines_of(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def files_of(folder: Path, number: int) -> Path:
    folder.mkdir()
    for order in range(number):
        (folder / f"{order:04}.json").write_bytes(bundle(str(order), who(order)))
    return folder


def test_a_folder_is_walked_in_order_and_what_is_hidden_left_out(tmp_path: Path) -> None:
    for name in ("b/2.json", "b/1.json", "a.json", ".git/x.json", "b/.DS_Store"):
        path = tmp_path / "sent" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"{}")
    alone = tmp_path / ".alone.json"
    alone.write_bytes(b"{}")
    found = files_in([alone, tmp_path / "sent"])
    assert [str(one.relative_to(tmp_path)) for one in found] == [
        ".alone.json",
        "sent/a.json",
        "sent/b/1.json",
        "sent/b/2.json",
    ]


def test_each_line_of_an_ndjson_file_is_a_submission(tmp_path: Path) -> None:
    path = tmp_path / "day.ndjson"
    path.write_bytes(bundle("1") + b"\n\n" + bundle("2") + b"\n")
    assert [(one.name, one.content) for one in contents_of(path)] == [
        (f"{path}:1", bundle("1")),
        (f"{path}:3", bundle("2")),
    ]


@pytest.mark.parametrize("jobs", [1, 8])
def test_versions_of_one_report_keep_their_order(portal: Portal, laboratory: Laboratory, jobs: int) -> None:
    reports, versions = 3, 8
    contents = [
        Sendable(f"{version}-{number}", bundle(f"N{number}", value=f"{version}.{number}"))
        for version in range(versions)
        for number in range(reports)
    ]
    answers = list(Submitter(portal.opened, laboratory.sender, jobs).submit_all(contents))
    assert [sent for sent, _ in answers] == contents
    for number in range(reports):
        streams = {answer.reports for sent, answer in answers if sent.name.endswith(f"-{number}")}
        ((stream,),) = streams
        state, _ = portal.opened.ledger.load(UUID(stream), report.evolve)
        assert state is not None
        assert values_of(portal, stream) == [f"{version}.{number}" for version in range(versions)]


def values_of(portal: Portal, stream: str) -> list[str | None]:
    events = [recorded.event for recorded in portal.opened.ledger.read(UUID(stream))]
    contents = [one.content for one in events if isinstance(one, ReportReceived | ReportRevised)]
    values = [content.observations[0].value for content in contents]
    return [value.quantity.value for value in values if value and value.quantity]


def test_the_same_command_again_records_nothing_and_answers_the_same_reports(
    portal: Portal, laboratory: Laboratory, tmp_path: Path
) -> None:
    settled(portal.opened, ANNA, laboratory.laboratory_id)
    folder = files_of(tmp_path / "sent", 5)
    (folder / "no report.json").write_bytes(b'{"resourceType": "Patient"}')
    command = ("ingest", folder, "--lab", laboratory.sender.handle, "--json")
    first = letopis(portal.opened, *command)
    last = portal.opened.ledger.last_position()
    second = letopis(portal.opened, *command)
    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    assert portal.opened.ledger.last_position() == last
    before, after = lines_of(first.stdout), lines_of(second.stdout)
    assert [line["outcome"] for line in before] == ["recorded"] * 5 + ["quarantined"]
    assert [line["outcome"] for line in after] == ["duplicate"] * 5 + ["quarantined"]
    for one, other in zip(before, after, strict=True):
        assert one | {"outcome": None} == other | {"outcome": None}
    assert "5 duplicate, 1 quarantined" in second.stderr


# Whoever appends waits at its first events for the test, so that it is not done before it is interrupted.
HALFWAY = """
CREATE FUNCTION public.halfway() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF (SELECT count(*) FROM ledger.events WHERE topic = 'SubmissionReceived') > 0 THEN
        PERFORM pg_advisory_xact_lock_shared(1);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER halfway BEFORE INSERT ON ledger.events FOR EACH STATEMENT EXECUTE FUNCTION public.halfway();
SELECT pg_advisory_lock(1);
"""


def test_after_an_interruption_each_file_is_recorded_once(
    portal: Portal, laboratory: Laboratory, tmp_path: Path, sql: psycopg.Connection
) -> None:
    folder = files_of(tmp_path / "sent", MANY)
    command = ["ingest", str(folder), "--lab", laboratory.sender.handle, "--json"]
    sql.execute(HALFWAY)
    run = started(portal.opened.settings, command, output=tmp_path / "run")
    give_up = monotonic() + 60
    while not portal.events(SubmissionReceived):
        assert monotonic() < give_up
        sleep(0.01)
    run.terminate()
    sql.execute("SELECT pg_advisory_unlock(1)")
    run.join(timeout=60)
    assert run.exitcode == 143
    assert 0 < len(portal.events(SubmissionReceived)) < MANY, "it was interrupted"
    again = letopis(portal.opened, *command)
    assert again.returncode == 0, again.stderr
    assert len(lines_of(again.stdout)) == MANY
    assert len(portal.events(SubmissionReceived)) == MANY
    assert len(portal.events(ReportReceived)) == MANY


def test_what_is_not_kept_makes_the_exit_code_1_and_the_others_go_on(portal: Portal, tmp_path: Path) -> None:
    path = tmp_path / "one.json"
    path.write_bytes(bundle("1"))
    run = letopis(portal.opened, "ingest", path, "--lab", "nobody", "--json")
    assert run.returncode == 1
    assert [line["outcome"] for line in lines_of(run.stdout)] == ["rejected"]
    assert "1 rejected" in run.stderr


def test_the_summary_says_which_troubles_there_were(
    portal: Portal, laboratory: Laboratory, tmp_path: Path
) -> None:
    folder = files_of(tmp_path / "sent", 0)
    for name, content in (("1", b"{}"), ("2", b"[]"), ("3", b"\xff"), ("4", bundle("1"))):
        (folder / f"{name}.json").write_bytes(content)
    run = letopis(portal.opened, "ingest", folder, "--lab", laboratory.sender.handle, "--json")
    assert run.returncode == 0, run.stderr
    counts, *troubles = run.stderr.splitlines()
    assert counts.startswith("3 quarantined, 1 recorded;")
    assert troubles == [
        "  quarantined: 2 content-not-fhir, 1 content-not-json",
        "  recorded: 1 patient-unknown",
    ]
