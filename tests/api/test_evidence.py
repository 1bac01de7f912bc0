"""What a patient takes away to check us by: from their pages, by the command line, and for nobody else."""

import io
import subprocess
import sys
import zipfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from api.command_line.evidence import cosigners_of
from api.evidence_files import COMPLETENESS
from api.node import Node
from domain.reading import Evidence, EvidenceTaken, ReportRead
from ledger import completeness, proof
from ledger.store import Ledger
from projections import audit
from projections.patient_chains import commit_due
from projections.transparency import log_cosigner, log_verifier
from tests.api.cast import ANNA, BORIS, Laboratory, Person, Portal, bundle, code_of, settle, settled
from tests.api.command import letopis
from tests.api.ward_cast import family
from tests.small_log import WITNESS


def commit(portal: Portal) -> None:
    portal.catch_up()
    assert commit_due(portal.opened.ledger, datetime.now(UTC), every=timedelta(0)) == 1
    portal.catch_up()


@pytest.fixture
def anna(portal: Portal, laboratory: Laboratory) -> Person:
    """Anna with two results, signed in."""
    person = portal.person(ANNA).register()
    settle(portal.opened, person.patient_id, ANNA, laboratory.laboratory_id)
    for number in ("1", "2"):
        portal.submit(laboratory.seal(bundle(number)))
    portal.catch_up()
    return person


def inside(answer_content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(answer_content)) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def checked_alone(folder: Path, files: dict[str, bytes], name: str) -> str:
    """What the program of the ZIP says of a file of it, in a folder that has nothing else."""
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    asked = [sys.executable, "letopis_verify.py", "--keys", "keys/keys.txt", "--state", "state.json", name]
    ran = subprocess.run(asked, cwd=folder, capture_output=True, text=True, check=False, timeout=60)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def test_a_patient_takes_the_proof_of_completeness_and_it_is_checked_without_us(
    portal: Portal, laboratory: Laboratory, anna: Person, tmp_path: Path
) -> None:
    assert code_of(anna.get("/evidence/completeness.zip")) == "evidence-not-ready"
    assert "Подтверждения ещё не было" in anna.get("/evidence").text
    commit(portal)
    page = anna.get("/evidence")
    assert page.status_code == 200 and "/evidence/completeness.zip" in page.text
    files = inside(anna.get("/evidence/completeness.zip").content)
    told = checked_alone(tmp_path, files, "completeness.json")
    assert "results: 2" in told
    # A list is of whom they are called by there, and of nobody else.
    assert f"patient: {anna.patient_id}" in told and str(anna.patient_id) in page.text
    assert files["README.txt"].decode("utf-8-sig").startswith("Доказательство из личного кабинета")

    assert files[COMPLETENESS] == inside(anna.post("/my-data").content)[COMPLETENESS]

    # What is kept of it finds the next one to go on from it.
    portal.submit(laboratory.seal(bundle("3")))
    commit(portal)
    later = anna.get("/evidence/completeness.json").content
    assert "results: 3" in checked_alone(tmp_path, {"completeness.json": later}, "completeness.json")
    taken = [one.event for one in portal.events(EvidenceTaken)]
    assert {one.evidence for one in taken} == {Evidence.COMPLETENESS} and len(taken) == 3
    assert {one.patient_id for one in taken} == {anna.patient_id}
    for secret in (ANNA.family, ANNA.snils, "72.50"):
        assert secret.encode() not in later


def test_each_line_of_the_access_log_and_of_the_chain_has_its_proof(
    portal: Portal, anna: Person, tmp_path: Path
) -> None:
    ledger = portal.opened.ledger
    report = portal.events(ReportRead)
    assert report == []
    first = audit_of(anna, ledger)
    anna.get("/access")
    portal.catch_up()
    reading = audit_of(anna, ledger)[0]
    assert len(audit_of(anna, ledger)) == len(first) + 1
    line = anna.get(f"/access/{reading.position}")
    assert f"/evidence/events/{reading.event_id}.zip" in line.text
    files = inside(anna.get(f"/evidence/events/{reading.event_id}.zip").content)
    name = f"{reading.event_id}.tlog-proof"
    proof.verify(files[name], files[f"{reading.event_id}.leaf"], log_verifier(ledger))
    checked_alone(tmp_path, files, name)
    told = files["README.txt"].decode("utf-8-sig")
    assert told.count(f".json {name}\r\n") == 2 and COMPLETENESS not in told, (
        "the command is of what is there"
    )
    links = [one for one in ledger.read_all(limit=10_000) if "ReportMatched" in one.leaf.decode()]
    assert anna.get(f"/evidence/events/{links[0].event_id}.zip").status_code == 200


def audit_of(person: Person, ledger: Ledger) -> list[audit.Entry]:
    return audit.readings_of(ledger, person.patient_id)


def test_nothing_of_another_patient_is_proved(portal: Portal, laboratory: Laboratory, anna: Person) -> None:
    settled(portal.opened, BORIS, laboratory.laboratory_id)
    portal.submit(laboratory.seal(bundle("9", BORIS)))
    portal.catch_up()
    ledger = portal.opened.ledger
    own = {one.event_id for one in ledger.read(anna.patient_id)}
    others = [one for one in ledger.read_all(limit=10_000) if "ReportMatched" in one.leaf.decode()]
    assert anna.get(f"/evidence/events/{others[-1].event_id}.zip").status_code == 404
    assert anna.get(f"/evidence/events/{uuid4()}.zip").status_code == 404
    # What is the patient's and in no list that they are shown is not there either.
    assert anna.get(f"/evidence/events/{next(iter(own))}.zip").status_code == 404
    assert portal.events(EvidenceTaken) == []


def test_a_guardian_is_shown_no_list_of_all_that_a_ward_has(portal: Portal) -> None:
    household = family(portal, portal.person(ANNA))
    household.enter()
    for path in ("/evidence", "/evidence/completeness.json", f"/evidence/events/{uuid4()}.zip"):
        assert household.mother.get(path).status_code in {403, 404}


def test_an_operator_hands_out_every_kind_of_proof(portal: Portal, anna: Person, tmp_path: Path) -> None:
    commit(portal)
    ledger = portal.opened.ledger
    events = ledger.read_all(limit=10_000)
    report = next(one for one in events if "ReportReceived" in one.leaf.decode())
    consent = next(one for one in events if "ConsentGranted" in one.leaf.decode())
    folder = tmp_path / "proofs"
    about = {"completeness": anna.patient_id, "report": report.stream_id, "consent": consent.event_id}
    for kind, subject in about.items():
        ran = letopis(portal.opened, "proof", kind, str(subject), "--out", folder)
        assert ran.returncode == 0, ran.stderr
    written = {path.name: path.read_bytes() for path in folder.iterdir()}
    log = log_verifier(ledger)
    proven = completeness.verify(written[f"{anna.patient_id}.completeness.json"], log=log)
    assert len(proven.reports) == 2
    leaf = written[f"{consent.event_id}.leaf"]
    proof.verify(written[f"{consent.event_id}.tlog-proof"], leaf, log)
    assert written[f"{consent.event_id}.event"].startswith(leaf + b"\n")
    assert {one.event.evidence for one in portal.events(EvidenceTaken)} == {
        Evidence.COMPLETENESS,
        Evidence.REPORT,
        Evidence.CONSENT,
    }
    checked = letopis(portal.opened, "chains", "check")
    assert checked.returncode == 0 and "equal" in checked.stdout, checked.stdout + checked.stderr


def test_an_operator_s_verification_looks_at_the_lines_of_the_witnesses(opened: Node, tmp_path: Path) -> None:
    policy = tmp_path / "policy"
    policy.write_text(f"witness w1 {WITNESS.verifier.vkey}\nquorum w1\n")
    asked = replace(opened, settings=opened.settings.model_copy(update={"witness_policy": policy}))
    log = log_cosigner(opened.ledger)
    assert cosigners_of(opened) == [log]
    assert cosigners_of(asked) == [log, WITNESS.verifier]  # the log's stands first
