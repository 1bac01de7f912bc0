"""What has ended stays ended, for every process; and nothing else ends with it."""

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from api.retention import BY
from domain.numbers import LaboratoryNumber
from domain.reading import ReadingPurpose, ReportRead
from domain.report import ReportMatched, withdraw
from ledger import commands, proposals
from ledger.commands import by_patient
from ledger.matching import match_held
from ledger.misfiling import load_report, undo
from ledger.retention import destroy_waiting
from ledger.store import Ledger, Write
from projections import cabinet
from tests.api.cast import ANNA, BORIS, Laboratory, Portal, bundle, settled, who
from tests.api.command import letopis
from tests.api.test_misfiled import misfiled
from tests.api.test_retention import YEAR, sent, step

OWN = "urn:lab:patient"


def numberless(name: str, **changed: Any) -> bytes:
    return bundle("1", id=name, identifier=[], **changed)


def test_another_process_records_nothing_in_a_stream_whose_key_it_still_remembers(
    portal: Portal, laboratory: Laboratory
) -> None:
    _, _, report_id = misfiled(portal, laboratory)
    run = letopis(portal.opened, "misfiled", "undo", str(report_id), "--json")
    corrected = bundle("1", value="73.0", status="corrected", issued="2026-11-23T14:00:00+03:00")
    (answer,) = portal.submit(laboratory.seal(corrected)).json()["reports"]
    assert (answer["id"], answer["version"]) == (json.loads(run.stdout)["successor"], 2)


def test_another_process_matches_nothing_that_was_destroyed(portal: Portal, laboratory: Laboratory) -> None:
    ledger = portal.opened.ledger
    _, report_id = sent(portal, laboratory, bundle("1"))
    portal.catch_up()
    anna = settled(portal.opened, ANNA, laboratory.laboratory_id)
    load_report(ledger, report_id)
    assert portal.opened.settings.database_url is not None
    with Ledger(portal.opened.settings.database_url, ledger.custody) as other:
        assert destroy_waiting(other, report_id, now=datetime.now(UTC) + 2 * YEAR, kept_for=YEAR, by=BY)
    assert not match_held(ledger, report_id, anna, matched_by="enp")


def test_the_document_stays_while_one_of_its_reports_goes_on_elsewhere(
    portal: Portal, laboratory: Laboratory
) -> None:
    ledger = portal.opened.ledger
    anna = settled(portal.opened, ANNA, laboratory.laboratory_id)
    body = portal.submit(laboratory.seal(two(bundle("1", BORIS), bundle("2", who(7))))).json()
    first = UUID(body["reports"][0]["id"])
    mistake = ReportMatched(patient_id=anna, matched_by="person")
    ledger.append(Write(first, 1, (mistake,)), circumstances=BY)
    boris = settled(portal.opened, BORIS, laboratory.laboratory_id)
    assert load_report(ledger, undo(ledger, first, BY))[0].patient_id == boris
    assert step(portal, days=366) == 1
    received = next(iter(ledger.read(UUID(body["submission_id"])))).event
    assert ledger.read_document(received.document.document_id)  # type: ignore[union-attr]


def two(one: bytes, other: bytes) -> bytes:
    """Both in one bundle; the second's resources have names of their own."""
    first, second = json.loads(one), json.loads(other)
    for entry in second["entry"]:
        resource = entry["resource"]
        resource["id"] += "-b"
        entry["fullUrl"] = f"urn:lab/{resource['resourceType']}/{resource['id']}"
        if "subject" in resource:
            resource["subject"]["reference"] += "-b"
        for result in resource.get("result", ()):
            result["reference"] += "-b"
    return json.dumps(first | {"entry": first["entry"] + second["entry"]}).encode()


def test_a_report_without_a_number_may_come_again_after_its_end(
    portal: Portal, laboratory: Laboratory
) -> None:
    sent(portal, laboratory, numberless("a"))
    assert step(portal, days=366) == 1
    assert portal.submit(laboratory.seal(numberless("b"))).status_code == 201


def test_two_equal_reports_without_a_number_may_come_together(portal: Portal, laboratory: Laboratory) -> None:
    content = json.loads(numberless("a", conclusion="Без патологии"))
    content["entry"] = [one for one in content["entry"] if one["resource"]["resourceType"] != "Observation"]
    report = content["entry"][0]
    del report["resource"]["result"]
    again = json.loads(json.dumps(report))
    again["resource"]["id"], again["fullUrl"] = "b", "urn:lab/DiagnosticReport/b"
    content["entry"].append(again)
    answer = portal.submit(laboratory.seal(json.dumps(content).encode()))
    assert answer.status_code == 201 and len(answer.json()["reports"]) == 2


def test_what_nobody_can_compare_any_more_gets_no_receipt(portal: Portal, laboratory: Laboratory) -> None:
    name = str(uuid4())
    assert "receipt" in portal.submit(laboratory.seal(bundle("1"), envelope_id=name)).json()
    assert step(portal, days=366) == 1
    assert "receipt" not in portal.submit(laboratory.seal(bundle("9"), envelope_id=name)).json()


def test_a_version_with_another_number_of_the_laboratorys_own_is_not_filed(
    portal: Portal, laboratory: Laboratory
) -> None:
    ledger = portal.opened.ledger
    anna = settled(portal.opened, ANNA, laboratory.laboratory_id)
    proposals.link_number(ledger, laboratory.laboratory_id, anna, LaboratoryNumber(OWN, "17"), BY)
    portal.submit(laboratory.seal(bundle("1", identifiers=((OWN, "17"),))))
    sibling = who(9, family=ANNA.family, given="Пётр", birth_date="2011-01-01")
    other = bundle("1", sibling, identifiers=((OWN, "42"),), value="99.0", status="corrected")
    assert portal.submit(laboratory.seal(other)).json()["code"] == "subject-differs"
    portal.catch_up()
    assert [row.version for row in cabinet.reports_of(ledger, anna)] == [1]


def test_what_was_read_and_then_withdrawn_rebuilds_to_the_same_bytes(
    portal: Portal, laboratory: Laboratory
) -> None:
    ledger = portal.opened.ledger
    anna = settled(portal.opened, ANNA, laboratory.laboratory_id)
    report_id = UUID(portal.submit(laboratory.seal(bundle("1"))).json()["reports"][0]["id"])
    portal.catch_up()
    reading = ReportRead(
        patient_id=anna, report_id=report_id, report_version=1, purpose=ReadingPurpose.OWN_CABINET
    )
    commands.record_reading(ledger, reading, by_patient(anna))
    portal.catch_up()
    state, version = load_report(ledger, report_id)
    ledger.append(Write(report_id, version, withdraw(state)), circumstances=BY)
    portal.catch_up()
    assert letopis(portal.opened, "rebuild", "--check").returncode == 0


def test_a_report_taken_from_two_goes_back_to_neither(portal: Portal, laboratory: Laboratory) -> None:
    ledger = portal.opened.ledger
    anna = settled(portal.opened, ANNA, laboratory.laboratory_id)
    boris = settled(portal.opened, BORIS, laboratory.laboratory_id)
    first = undo(ledger, UUID(portal.submit(laboratory.seal(bundle("1"))).json()["reports"][0]["id"]), BY)
    state, version = load_report(ledger, first)
    assert state.patient_id is None
    mistake = ReportMatched(patient_id=boris, matched_by="person")
    ledger.append(Write(first, version, (mistake,)), circumstances=BY)
    state, _ = load_report(ledger, undo(ledger, first, BY))
    assert (state.patient_id, state.not_of) == (None, {anna, boris})
