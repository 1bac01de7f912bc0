"""Exports over HTTP: an officer's page, and Bulk Data for a program. Who may not have them finds nothing."""

import hashlib
import json
import re
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from time import monotonic, sleep
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from api import bulk_data, opaque_token
from api.clockwork import steps_of
from api.exports import jobs, sweeping
from api.laboratories import OPERATOR
from api.node import Node
from api.staff.door import StaffDoor
from domain.patient import PatientRegistered
from domain.staff import Role
from ledger import export_manifest, staff
from ledger.receipt import signer_of
from projections import PROJECTIONS, audit
from projections.follow import Follower
from tests import examples
from tests.api.cast import Portal, browser
from tests.api.command import letopis
from tests.api.staff_cast import Clock, Member
from tests.examples import ANNA, BORIS, MATCHED, READ, RECEIVED, REPORT, UNMATCHED
from tests.scenario import recorded

ASYNC = {"Prefer": "respond-async"}


@pytest.fixture
def kept(opened: Node) -> Node:
    recorded(opened.ledger, ANNA, PatientRegistered(locale="ru"))
    recorded(opened.ledger, BORIS, PatientRegistered(locale="ru"))
    recorded(opened.ledger, REPORT, RECEIVED, MATCHED)
    recorded(opened.ledger, uuid4(), READ)
    Follower(opened.ledger, PROJECTIONS).catch_up()
    return opened


def by_when(what: Callable[[], Any], seconds: float = 30.0) -> Any:
    end = monotonic() + seconds
    while not (found := what()) and monotonic() < end:
        sleep(0.05)
    return found


@pytest.fixture
def officer(portal: Portal, clock: Clock) -> Member:
    member = Member(portal, clock, handle="olga")
    member.enrolled(Role.COMPLIANCE)
    return member


def test_an_officer_exports_and_takes_the_files(portal: Portal, kept: Node, officer: Member) -> None:
    asked = {
        "records": "audit-trail",
        "form": "csv",
        "patient": str(ANNA),
        "since": "",
        "until": "",
        "bom": "yes",
    }
    assert officer.post("/staff/exports", **asked).status_code == 303
    page = by_when(lambda: (p := officer.get("/staff/exports").text) and 'audit-trail-00001.csv"' in p and p)
    paths = re.findall(r'href="(/staff/exports/[^"]+)"', page)
    names = {path.rpartition("/")[2]: path for path in paths}
    assert set(names) == {"audit-trail-00001.csv", "erased.ndjson", "manifest"}
    manifest = export_manifest.verify(officer.get(names["manifest"]).content, signer_of(kept.ledger).verifier)
    taken = officer.get(names["audit-trail-00001.csv"])
    assert hashlib.sha256(taken.content).digest() == manifest.files[0].digest
    assert "no-store" in taken.headers["Cache-Control"]
    # A download that was cut goes on where it was.
    rest = officer.client.get(names["audit-trail-00001.csv"], headers={"Range": "bytes=100-"})
    assert (rest.status_code, rest.content) == (206, taken.content[100:])
    Follower(kept.ledger, PROJECTIONS).catch_up()
    last = audit.entries(kept.ledger, patient_id=ANNA)[-1]
    assert (last.name, last.actor) == ("RecordsExported", "staff:olga")
    export_id = paths[0].split("/")[3]
    assert officer.post(f"/staff/exports/{export_id}/remove").status_code == 303
    assert officer.get(names["manifest"]).status_code == 404


def test_what_can_not_be_asked_is_said_beside_its_field(kept: Node, officer: Member) -> None:
    wrong = {"records": "results", "form": "fhir-ndjson", "patient": "Иванов", "since": "31.02", "until": "x"}
    answer = officer.post("/staff/exports", **wrong)
    assert answer.status_code == 422
    for name in ("records", "patient", "since", "until"):
        assert f'id="{name}-error"' in answer.text
    assert jobs.jobs(kept.settings.home, "staff:olga") == []


def test_all_about_one_person_leaves_opened_and_is_told_to_them(kept: Node, officer: Member) -> None:
    for nobody in ("Анна", str(REPORT), str(uuid4())):
        assert 'id="person-error"' in officer.post("/staff/exports/person", person=nobody).text
    answer = officer.post("/staff/exports/person", person=str(ANNA))
    names = zipfile.ZipFile(BytesIO(answer.content)).namelist()
    assert {"data/profile.json", "data/consents.json"} <= set(names)
    assert any(name.endswith("rezultat.pdf") for name in names)
    Follower(kept.ledger, PROJECTIONS).catch_up()
    read = {
        (one.name, one.detail["purpose"])
        for one in audit.entries(kept.ledger, patient_id=ANNA)
        if "purpose" in one.detail
    }
    assert {("PersonalDataTaken", "compliance"), ("ReportRead", "compliance")} <= read


def test_exports_are_for_officers_and_each_has_their_own(
    portal: Portal, kept: Node, officer: Member, clock: Clock
) -> None:
    officer.post("/staff/exports", records="events", form="ndjson")
    job = by_when(lambda: [one for one in jobs.jobs(kept.settings.home, "staff:olga") if one.is_whole])[0]
    other = Member(portal, clock, handle="pavel")
    other.enrolled(Role.COMPLIANCE)
    assert other.get(f"/staff/exports/{job.fixed.export_id}/manifest").status_code == 404
    auditor = Member(portal, clock, handle="roman")
    auditor.enrolled(Role.AUDITOR)
    assert auditor.get("/staff/exports").status_code == 404
    assert officer.get(f"/staff/exports/{job.fixed.export_id}/export.json").status_code == 404


@pytest.fixture
def program(portal: Portal, kept: Node) -> Iterator[httpx2.Client]:
    staff.admit(kept.ledger, "robot", [Role.COMPLIANCE], OPERATOR)
    token = bulk_data.token_of(kept.ledger, "robot", now=datetime.now(UTC))
    with browser(kept.settings.public_url) as client:
        client.headers["Authorization"] = f"Bearer {token}"
        yield client


def test_bulk_data_is_asked_waited_for_taken_and_removed(program: httpx2.Client, kept: Node) -> None:
    begun = program.get("/v1/fhir/$export?_type=DiagnosticReport,Observation", headers=ASYNC)
    assert begun.status_code == 202
    place = begun.headers["Content-Location"]
    answer = by_when(lambda: (a := program.get(place)).status_code == 200 and a)
    manifest = answer.json()
    assert {one["type"] for one in manifest["output"]} == {"DiagnosticReport", "Observation"}
    assert manifest["requiresAccessToken"] is True
    for one in manifest["output"]:
        file = program.get(one["url"])
        assert file.headers["Content-Type"] == "application/fhir+ndjson"
        assert hashlib.sha256(file.content).hexdigest() == one["extension"]["sha256"]
        lines = [json.loads(line) for line in file.content.splitlines()]
        assert len(lines) == one["count"]
        assert {line["resourceType"] for line in lines} == {one["type"]}
    assert examples.SUBJECT.family not in file.text
    Follower(kept.ledger, PROJECTIONS).catch_up()
    assert audit.entries(kept.ledger, patient_id=ANNA)[-1].actor == "staff:robot"
    assert program.delete(place).status_code == 202
    assert program.get(place).status_code == 404


def test_each_time_that_a_patient_s_results_leave_is_in_their_trail(
    program: httpx2.Client, kept: Node
) -> None:
    place = program.get(f"/v1/fhir/Patient/{ANNA}/$export", headers=ASYNC).headers["Content-Location"]
    manifest = by_when(lambda: (a := program.get(place)).status_code == 200 and a).json()

    def told() -> int:
        Follower(kept.ledger, PROJECTIONS).catch_up()
        return sum(one.name == "RecordsExported" for one in audit.entries(kept.ledger, patient_id=ANNA))

    assert told() == 1
    for times in (2, 3):
        assert program.get(manifest["output"][0]["url"]).status_code == 200
        assert told() == times


def test_a_result_that_was_taken_back_meanwhile_leaves_no_more_under_the_wrong_patient(
    program: httpx2.Client, kept: Node
) -> None:
    place = program.get("/v1/fhir/$export?_type=DiagnosticReport", headers=ASYNC).headers["Content-Location"]
    manifest = by_when(lambda: (a := program.get(place)).status_code == 200 and a).json()
    (one,) = manifest["output"]
    assert str(REPORT) in program.get(one["url"]).text
    recorded(kept.ledger, REPORT, UNMATCHED)
    Follower(kept.ledger, PROJECTIONS).catch_up()
    assert str(REPORT) not in program.get(one["url"]).text


def test_bulk_data_is_refused_to_who_has_no_right(program: httpx2.Client, kept: Node) -> None:
    assert program.get("/v1/fhir/$export").json()["code"] == "export-request-unfit"
    for query in ("_type=Secret", "_since=yesterday", "_since=2026-01-01T00:00:00", "_outputFormat=csv"):
        assert program.get(f"/v1/fhir/$export?{query}", headers=ASYNC).status_code == 400
    place = program.get(f"/v1/fhir/Patient/{BORIS}/$export", headers=ASYNC).headers["Content-Location"]
    good = program.headers["Authorization"]
    old = bulk_data.token_of(kept.ledger, "robot", now=datetime(2020, 1, 1, tzinfo=UTC))
    nobody = bulk_data.token_of(kept.ledger, "nobody", now=datetime.now(UTC))
    for wrong in (
        "",
        "Bearer",
        "Bearer x",
        f"Bearer {old}",
        f"Bearer {nobody}",
        good.replace("Bearer", "Basic"),
    ):
        program.headers["Authorization"] = wrong
        assert program.get("/v1/fhir/$export", headers=ASYNC).status_code == 401
    staff.admit(kept.ledger, "other", [Role.COMPLIANCE], OPERATOR)
    other = bulk_data.token_of(kept.ledger, "other", now=datetime.now(UTC))
    program.headers["Authorization"] = f"Bearer {other}"
    assert program.get(place).json()["code"] == "export-gone"


def test_a_token_of_a_dismissed_member_or_of_another_role_opens_nothing(
    program: httpx2.Client, kept: Node
) -> None:
    place = program.get("/v1/fhir/$export", headers=ASYNC).headers["Content-Location"]
    staff.dismiss(kept.ledger, staff.member_id_of(kept.ledger, "robot"), OPERATOR)
    staff.admit(kept.ledger, "oleg", [Role.OPERATOR], OPERATOR)
    oleg = bulk_data.token_of(kept.ledger, "oleg", now=datetime.now(UTC))
    for authorization in (program.headers["Authorization"], f"Bearer {oleg}"):
        program.headers["Authorization"] = authorization
        for answer in (program.get("/v1/fhir/$export", headers=ASYNC), program.get(place)):
            assert (answer.status_code, answer.json()["code"]) == (401, "export-client-unknown")


# The command line.


def test_the_command_writes_records_goes_on_and_refuses_what_does_not_fit(kept: Node, tmp_path: Path) -> None:
    into = tmp_path / "journal"
    asked = ("export", "records", "events", "--into", into)
    done = letopis(kept, *asked)
    assert done.returncode == 0, done.stderr
    manifest = export_manifest.verify((into / "manifest").read_bytes(), signer_of(kept.ledger).verifier)
    assert manifest.rows > 0 and str(into / "manifest") in done.stdout
    # What was cut: without its manifest it is gone on with, and comes out the same; as another export it is not taken for.
    before = (into / "manifest").read_bytes()
    (into / "manifest").unlink()
    assert letopis(kept, *asked).returncode == 0
    assert (into / "manifest").read_bytes() == before
    other = letopis(kept, *asked, "--form", "csv")
    assert (other.returncode, "another export" in other.stderr) == (1, True)
    unfit = letopis(kept, "export", "records", "results", "--into", tmp_path / "r")
    assert (unfit.returncode, "no such form" in unfit.stderr) == (1, True)


def test_a_token_from_before_a_dismissal_or_a_reset_opens_nothing_afterwards(
    program: httpx2.Client, kept: Node
) -> None:
    robot, door = staff.member_id_of(kept.ledger, "robot"), StaffDoor(kept.ledger, kept.settings)
    now = datetime.now(UTC)
    # As it was handed out a minute ago.
    program.headers["Authorization"] = (
        f"Bearer {bulk_data.token_of(kept.ledger, 'robot', now=now - timedelta(minutes=1))}"
    )
    assert program.get("/v1/fhir/$export", headers=ASYNC).status_code == 401, "before the robot was admitted"
    for ends in (lambda: staff.dismiss(kept.ledger, robot, OPERATOR), lambda: door.reset("robot", OPERATOR)):
        held = bulk_data.token_of(kept.ledger, "robot", now=datetime.now(UTC))
        program.headers["Authorization"] = f"Bearer {held}"
        assert program.get("/v1/fhir/$export", headers=ASYNC).status_code == 202
        sleep(1.05)
        ends()
        member = staff.load_member(kept.ledger, robot)
        if member is None or not member.is_admitted:
            staff.admit(kept.ledger, "robot", [Role.COMPLIANCE], OPERATOR)
        assert program.get("/v1/fhir/$export", headers=ASYNC).status_code == 401
        anew = bulk_data.token_of(kept.ledger, "robot", now=datetime.now(UTC))
        program.headers["Authorization"] = f"Bearer {anew}"
        assert program.get("/v1/fhir/$export", headers=ASYNC).status_code == 202


def test_exports_of_pages_and_clients_are_gone_after_a_month(
    program: httpx2.Client, officer: Member, kept: Node
) -> None:
    assert program.get("/v1/fhir/$export", headers=ASYNC).status_code == 202
    asked = {"records": "audit-trail", "form": "csv"}
    assert officer.post("/staff/exports", **asked).status_code == 303
    home = kept.settings.home
    places = [*(home / "exports").iterdir(), *(home / "bulk-exports").iterdir()]
    assert len(places) == 2
    by_when(lambda: all((one / "prepared").exists() for one in (home / "bulk-exports").iterdir()))
    by_when(lambda: all(job.is_whole for job in jobs.jobs(home, "staff:olga")))
    step = sweeping.step_of(kept.settings)
    assert step.func in {getattr(one, "func", one) for one in steps_of(kept.settings)}
    assert step(kept.ledger, datetime.now(UTC) + timedelta(days=29)) == 0
    assert step(kept.ledger, datetime.now(UTC) + timedelta(days=31)) == 2
    assert not any(one.exists() for one in places)


def test_the_command_hands_out_a_person_and_a_clients_token(kept: Node, tmp_path: Path) -> None:
    done = letopis(kept, "export", "person", str(ANNA), "--into", tmp_path / "anna.zip")
    assert done.returncode == 0, done.stderr
    assert "data/profile.json" in zipfile.ZipFile(tmp_path / "anna.zip").namelist()
    assert letopis(kept, "export", "client", "nobody").returncode == 1
    staff.admit(kept.ledger, "robot", [Role.COMPLIANCE], OPERATOR)
    token = letopis(kept, "export", "client", "robot").stdout.strip()
    opened = opaque_token.unseal(kept.ledger.custody.message_key, b"bulk-client", token)
    assert opened is not None and opened.endswith(b"|robot")
