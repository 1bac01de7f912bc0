"""A report given to the wrong patient is taken back: they lose it, the right one gets it, both are told."""

import json
from email import message_from_bytes, policy
from uuid import UUID

import psycopg
import pytest

from domain.numbers import laboratory_numbers
from domain.reading import ReadingPurpose, ReportRead
from domain.report import ReportMatched, ReportReceived, ReportRekeyed, ReportUnmatched
from domain.values import Identifier, PatientId
from ledger import commands
from ledger.codec import Circumstances, Erased
from ledger.commands import by_patient
from ledger.misfiling import ReportNotFoundError, load_report, undo
from ledger.proposals import link_number, still_recognised
from ledger.store import Write
from projections import cabinet, signing, transparency
from tests.api.cast import ANNA, BORIS, Laboratory, Portal, bundle, settled
from tests.api.command import letopis

BY = Circumstances(actor="operator:test")


def misfiled(portal: Portal, laboratory: Laboratory) -> tuple[PatientId, PatientId, UUID]:
    """Anna's report stands in the cabinet of Boris, who has read it."""
    ledger = portal.opened.ledger
    boris = settled(portal.opened, BORIS, laboratory.laboratory_id)
    answer = portal.submit(laboratory.seal(bundle("1"))).json()
    report_id = UUID(answer["reports"][0]["id"])
    mistake = ReportMatched(patient_id=boris, matched_by="person")
    ledger.append(Write(report_id, 1, (mistake,)), circumstances=BY)
    reading = ReportRead(
        patient_id=boris, report_id=report_id, report_version=1, purpose=ReadingPurpose.OWN_CABINET
    )
    commands.record_reading(ledger, reading, by_patient(boris))
    anna = settled(portal.opened, ANNA, laboratory.laboratory_id)
    return anna, boris, report_id


def shown(portal: Portal, patient_id: PatientId) -> list[UUID]:
    portal.catch_up()
    return [row.report_id for row in cabinet.reports_of(portal.opened.ledger, patient_id)]


def test_the_report_goes_to_the_right_patient_under_another_key_and_both_are_told(
    portal: Portal, laboratory: Laboratory, sql: psycopg.Connection
) -> None:
    anna, boris, report_id = misfiled(portal, laboratory)
    assert (shown(portal, anna), shown(portal, boris)) == ([], [report_id])
    (before,) = portal.events(ReportReceived)
    proof_before = before.event_id
    run = letopis(portal.opened, "misfiled", "undo", str(report_id), "--json")
    assert run.returncode == 0, run.stderr
    told = json.loads(run.stdout)
    successor = UUID(told["successor"])
    assert (told["taken_from"], told["given_to"]) == (str(boris), str(anna))
    assert [reading["actor"] for reading in told["readings"]] == [f"patient:{boris}"]
    portal.opened.ledger.keys.forget()
    assert (shown(portal, anna), shown(portal, boris)) == ([successor], [])
    # Nothing opens the old bytes any more; what was proven of them stays proven.
    (erased,) = sql.execute(
        "SELECT count(*) FROM ledger.data_keys WHERE key_id = %s AND wrapped IS NULL", (before.key_id,)
    ).fetchone() or (0,)
    assert erased == 1
    old = [recorded.event for recorded in portal.opened.ledger.read(report_id)]
    assert isinstance(old[0], Erased) and isinstance(old[-1], ReportRekeyed)
    signing.sign_at_hand(portal.opened.ledger)
    assert transparency.prove(portal.opened.ledger, proof_before)
    assert letopis(portal.opened, "verify").returncode == 0
    assert letopis(portal.opened, "rebuild", "--check").returncode == 0
    moved = letopis(portal.opened, "report", str(report_id), "--json")
    assert moved.returncode == 1 and str(successor) in moved.stderr
    portal.notify()
    letters = {}
    for mail in portal.mail.accepted:
        letters[mail.recipients[0]] = message_from_bytes(mail.path.read_bytes(), policy=policy.default)[
            "Subject"
        ]
    assert letters[BORIS.email] == "Документ убран из личного кабинета"
    assert letters[ANNA.email] == "Новый документ в личном кабинете"


def test_the_next_version_follows_the_report(portal: Portal, laboratory: Laboratory) -> None:
    anna, boris, report_id = misfiled(portal, laboratory)
    successor = undo(portal.opened.ledger, report_id, BY)
    corrected = bundle("1", value="73.0", status="corrected", issued="2026-11-23T14:00:00+03:00")
    (answer,) = portal.submit(laboratory.seal(corrected)).json()["reports"]
    assert (answer["id"], answer["version"]) == (str(successor), 2)
    assert (shown(portal, anna), shown(portal, boris)) == ([successor], [])
    again = portal.submit(laboratory.seal(bundle("1"))).json()["reports"][0]
    assert (again["id"], again["outcome"]) == (str(successor), "duplicate")


def test_without_another_patient_it_waits_and_never_goes_back(portal: Portal, laboratory: Laboratory) -> None:
    ledger = portal.opened.ledger
    anna = settled(portal.opened, ANNA, laboratory.laboratory_id)
    report_id = UUID(portal.submit(laboratory.seal(bundle("1"))).json()["reports"][0]["id"])
    successor = undo(ledger, report_id, BY)
    portal.notify()
    portal.notify()
    state, _ = load_report(ledger, successor)
    assert state.patient_id is None and shown(portal, anna) == []
    assert [e.event.patient_id for e in portal.events(ReportUnmatched)] == [anna, anna]
    assert len(portal.events(ReportMatched)) == 1


def test_a_number_that_would_bring_the_next_report_is_pointed_out(
    portal: Portal, laboratory: Laboratory
) -> None:
    """The number that a mistaken confirmation linked stays linked: it is another decision."""
    ledger = portal.opened.ledger
    anna = settled(portal.opened, ANNA, laboratory.laboratory_id)
    own = Identifier(system="urn:invitro:patients", value="P-17")
    linked = bundle("1", BORIS, identifiers=((own.system, own.value),))
    (number,) = laboratory_numbers((own,))
    answer = portal.submit(laboratory.seal(linked)).json()
    report_id = UUID(answer["reports"][0]["id"])
    ledger.append(
        Write(report_id, 1, (ReportMatched(patient_id=anna, matched_by="person"),)), circumstances=BY
    )
    link_number(ledger, laboratory.laboratory_id, anna, number, BY)
    run = letopis(portal.opened, "misfiled", "undo", str(report_id), "--json")
    successor = UUID(json.loads(run.stdout)["successor"])
    assert f"still leads to {anna}" in run.stderr and "unlink-id" in run.stderr
    assert still_recognised(ledger, successor) == [anna]
    # As it is said to be done, without the number being shown to anybody.
    command = run.stderr.strip().split(": letopis ")[1].split()
    assert letopis(portal.opened, *command).returncode == 0
    assert still_recognised(ledger, successor) == []
    again = letopis(portal.opened, *command)
    assert again.returncode == 1 and "laboratory-patient-id-unknown" in again.stderr
    assert letopis(portal.opened, *command[:-2]).returncode == 2


def test_a_report_that_is_nobodys_or_is_not_there_is_refused(portal: Portal, laboratory: Laboratory) -> None:
    waiting = portal.submit(laboratory.seal(bundle("1"))).json()["reports"][0]["id"]
    for report_id, words in (
        (waiting, "nobody's"),
        ("00000000-0000-4000-8000-000000000000", "no such report"),
    ):
        run = letopis(portal.opened, "misfiled", "undo", report_id)
        assert run.returncode == 1 and words in run.stderr
    run = letopis(portal.opened, "misfiled", "show", "00000000-0000-4000-8000-000000000000")
    assert run.returncode == 1 and "no such report" in run.stderr
    run = letopis(portal.opened, "misfiled", "show", waiting, "--json")
    assert json.loads(run.stdout)["patient"] is None
    with pytest.raises(ReportNotFoundError):
        undo(portal.opened.ledger, UUID(int=4), BY)


def test_what_has_no_number_is_still_known_again_by_what_it_says(
    portal: Portal, laboratory: Laboratory
) -> None:
    settled(portal.opened, ANNA, laboratory.laboratory_id)
    first = portal.submit(laboratory.seal(bundle("1", id="document-1", identifier=[]))).json()["reports"][0]
    successor = undo(portal.opened.ledger, UUID(first["id"]), BY)
    again = portal.submit(laboratory.seal(bundle("1", id="document-2", identifier=[]))).json()["reports"][0]
    assert (again["id"], again["outcome"]) == (str(successor), "duplicate")
