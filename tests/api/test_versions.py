"""Versions of a report as laboratories send them: each is kept, the right one is shown, to the right person."""

from email import message_from_bytes, policy
from uuid import UUID

import pytest

from domain.announcement import ChannelsSuppressed
from domain.channel import Channel
from domain.notification import NotificationRequested
from domain.report import ReportReceived, ReportRevised, ReportUnmatched
from projections import cabinet
from tests.api.cast import ANNA, BORIS, Laboratory, Portal, Who, bundle, settle, settled
from tests.api.command import letopis


def shown(portal: Portal, patient_id: object) -> list[tuple[int, str]]:
    """What is in the cabinet: number and status of the current version of each report."""
    portal.catch_up()
    rows = cabinet.reports_of(portal.opened.ledger, patient_id)  # type: ignore[arg-type]
    return [(row.version, row.status) for row in rows]


def hl7(
    person: Who, *observations: str, status: str = "F", at: str = "20261125100000+0300", control: str = "1"
) -> bytes:
    born = person.birth_date.replace("-", "")
    segments = (
        rf"MSH|^~\&|LIS|LAB|CABINET|PORTAL|{at}||ORU^R01^ORU_R01|{control}|P|2.5.1",
        f"PID|1||{person.enp}^^^&1.2.643.2.69.1.1.1.6.228&ISO||{person.family}^{person.given}||{born}|F",
        f"OBR|1|P1^LIS|F1^LAB|14749-6^Глюкоза^LN|||20261125080000+0300|||||||||||||||{at}|||{status}",
        *observations,
    )
    return "\r".join([*segments, ""]).encode()


def glucose(value: str, status: str) -> str:
    return f"OBX|1|NM|14749-6^Глюкоза^LN||{value}|ммоль/л^^|4.1-6.1||||{status}"


def sent(portal: Portal, laboratory: Laboratory, content: bytes) -> dict[str, object]:
    answer = portal.submit(laboratory.seal(content, content_type="application/hl7-v2"))
    return dict(answer.json())


def test_an_old_copy_that_was_late_does_not_win_and_is_not_announced(
    portal: Portal, laboratory: Laboratory
) -> None:
    anna = settled(portal.opened, ANNA, laboratory.laboratory_id)
    portal.submit(laboratory.seal(bundle("1", value="5.2", issued="2026-11-22T15:00:00+03:00")))
    late = bundle("1", value="5.1", status="preliminary", issued="2026-11-22T14:00:00+03:00")
    (answer,) = portal.submit(laboratory.seal(late)).json()["reports"]
    assert (answer["version"], answer["outcome"]) == (2, "recorded")
    assert shown(portal, anna) == [(1, "final")]
    assert len(portal.events(NotificationRequested)) == 1
    silent = portal.events(ChannelsSuppressed)[-1].event
    assert {(one.channel, one.reason) for one in silent.channels} == {
        (channel, "version-late") for channel in Channel
    }
    versions = cabinet.versions_of(portal.opened.ledger, anna, UUID(answer["id"]))
    assert [version.version for version in versions] == [1, 2]
    assert letopis(portal.opened, "rebuild", "--check").returncode == 0


def test_the_same_report_as_another_document_is_a_duplicate(portal: Portal, laboratory: Laboratory) -> None:
    anna = settled(portal.opened, ANNA, laboratory.laboratory_id)
    nameless = {"identifier": []}
    first = portal.submit(laboratory.seal(bundle("1", id="document-1", **nameless)))
    again = portal.submit(laboratory.seal(bundle("1", id="document-2", **nameless)))
    other = portal.submit(laboratory.seal(bundle("1", id="document-3", value="73.0", **nameless)))
    outcomes = [answer.json()["reports"][0]["outcome"] for answer in (first, again, other)]
    assert outcomes == ["recorded", "duplicate", "recorded"]
    assert first.json()["reports"][0]["id"] == again.json()["reports"][0]["id"]
    assert len(shown(portal, anna)) == 2


def test_equal_findings_without_a_time_are_not_taken_for_one(portal: Portal, laboratory: Laboratory) -> None:
    anna = settled(portal.opened, ANNA, laboratory.laboratory_id)
    for name in ("document-1", "document-2"):
        portal.submit(laboratory.seal(bundle("1", id=name, identifier=[], issued=None)))
    assert len(shown(portal, anna)) == 2


def test_a_value_that_is_final_without_being_sent_again_keeps_its_value(
    portal: Portal, laboratory: Laboratory
) -> None:
    anna = settled(portal.opened, ANNA, laboratory.laboratory_id)
    sent(portal, laboratory, hl7(ANNA, glucose("5.0", "P"), status="P"))
    final = hl7(ANNA, glucose("", "U"), at="20261125120000+0300", control="2")
    sent(portal, laboratory, final)
    assert shown(portal, anna) == [(2, "final")]
    (revised,) = portal.events(ReportRevised)
    (observation,) = revised.event.content.observations
    assert observation.value.quantity.value == "5.0" and observation.status == "final"


# W: the original was another patient's.


def test_a_report_that_its_laboratory_takes_back_leaves_the_cabinet_and_the_patient_is_told(
    portal: Portal, laboratory: Laboratory
) -> None:
    anna = settled(portal.opened, ANNA, laboratory.laboratory_id)
    boris = settled(portal.opened, BORIS, laboratory.laboratory_id)
    sent(portal, laboratory, hl7(ANNA, glucose("5.0", "F")))
    assert shown(portal, anna) == [(1, "final")]
    sent(portal, laboratory, hl7(ANNA, glucose("5.0", "W"), at="20261125110000+0300", control="2"))
    assert shown(portal, anna) == []
    (unmatched,) = portal.events(ReportUnmatched)
    assert (unmatched.event.patient_id, unmatched.event.reason) == (anna, "withdrawn-by-laboratory")
    # The right person's report has the same numbers, and is a report of its own.
    sent(portal, laboratory, hl7(BORIS, glucose("5.0", "F"), at="20261125110001+0300", control="3"))
    assert (shown(portal, anna), shown(portal, boris)) == ([], [(1, "final")])
    portal.notify()
    assert shown(portal, anna) == []
    letters = [
        message_from_bytes(mail.path.read_bytes(), policy=policy.default) for mail in portal.mail.accepted
    ]
    assert "Документ убран из личного кабинета" in [letter["Subject"] for letter in letters]
    assert letopis(portal.opened, "rebuild", "--check").returncode == 0


def test_the_patient_reads_that_a_document_was_removed_and_not_what_it_was(
    portal: Portal, laboratory: Laboratory
) -> None:
    person = portal.person().register()
    settle(portal.opened, person.patient_id, ANNA, laboratory.laboratory_id)
    sent(portal, laboratory, hl7(ANNA, glucose("5.0", "F")))
    sent(portal, laboratory, hl7(ANNA, glucose("5.0", "W"), at="20261125110000+0300", control="2"))
    portal.catch_up()
    page = person.get("/notifications").text
    assert "Документ убран из кабинета" in page and "Глюкоза" not in page


def test_a_report_of_the_wrong_person_that_was_waiting_is_given_to_nobody(
    portal: Portal, laboratory: Laboratory
) -> None:
    sent(portal, laboratory, hl7(ANNA, glucose("5.0", "F")))
    sent(portal, laboratory, hl7(ANNA, glucose("5.0", "W"), at="20261125110000+0300", control="2"))
    anna = settled(portal.opened, ANNA, laboratory.laboratory_id)
    portal.notify()
    assert shown(portal, anna) == []


def test_a_report_that_was_moved_without_a_word_waits_for_an_operator(
    portal: Portal, laboratory: Laboratory
) -> None:
    anna = settled(portal.opened, ANNA, laboratory.laboratory_id)
    boris = settled(portal.opened, BORIS, laboratory.laboratory_id)
    sent(portal, laboratory, hl7(ANNA, glucose("5.0", "F")))
    moved = sent(portal, laboratory, hl7(BORIS, glucose("5.0", "F"), at="20261125110000+0300", control="2"))
    assert moved["code"] == "subject-differs"
    assert (shown(portal, anna), shown(portal, boris)) == ([(1, "final")], [])
    run = letopis(portal.opened, "quarantine", "retry", "--moved", str(moved["submission_id"]))
    assert run.returncode == 0 and "recorded" in run.stdout, run.stderr
    assert (shown(portal, anna), shown(portal, boris)) == ([], [(1, "final")])
    assert len(portal.events(ReportReceived)) == 2


@pytest.mark.parametrize("status", ["F", "C"])
def test_one_wrong_value_among_others_takes_back_itself_only(
    portal: Portal, laboratory: Laboratory, status: str
) -> None:
    anna = settled(portal.opened, ANNA, laboratory.laboratory_id)
    other = f"OBX|2|NM|2951-2^Натрий^LN||140|ммоль/л^^|||||{status}"
    sent(portal, laboratory, hl7(ANNA, glucose("5.0", "W"), other))
    assert len(shown(portal, anna)) == 1
