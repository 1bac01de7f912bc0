"""«Образец анализа» goes the way of a result: by the door of laboratories into the cabinet, and a notice comes (S51)."""

import re

import pytest

from api.consent_documents import current
from domain.channel import Channel
from domain.consent import ConsentKind, Scope
from domain.notification import NotificationRequested
from domain.receiving import Periodicity, ReceivingSettings
from domain.report import ReportMatched, ReportUnmatched, UnmatchReason
from domain.sample_report import SENDER, SampleReportArrived, SampleReportRequested
from domain.study_type import StudyType
from domain.submission import SubmissionReceived
from domain.values import PatientId
from ledger.commands import by_patient
from ledger.consents import grant_consent
from ledger.receiving import save_settings
from ledger.redeciding import redecide_all
from ledger.sample_reports import sender_id
from tests.api.cast import ANNA, BORIS, Laboratory, Person, Portal, settle, withdraw
from tests.api.sending_cast import rows_of


@pytest.fixture
def anna(portal: Portal, laboratory: Laboratory) -> Person:
    person = portal.person(ANNA).register()
    settle(portal.opened, person.patient_id, ANNA, laboratory.laboratory_id)
    portal.catch_up()
    return person


def of(laboratory: Laboratory) -> str:
    return f"/services/organisations/{laboratory.laboratory_id}"


def told(person: Person, path: str) -> str:
    """The page that the act leads to."""
    answer = person.post(path)
    return person.get(answer.headers["location"]).text if answer.is_redirect else answer.text


def test_a_sample_comes_by_the_door_of_laboratories_and_a_notice_of_it(
    portal: Portal, laboratory: Laboratory, anna: Person
) -> None:
    assert "Образец отправлен и принят" in told(anna, f"{of(laboratory)}/sample")
    (received,) = portal.events(SubmissionReceived)
    assert received.event.laboratory_id == sender_id(portal.opened.ledger)
    (matched,) = portal.events(ReportMatched)
    assert (matched.event.patient_id, matched.event.matched_by) == (anna.patient_id, "snils")
    assert [one.event.patient_id for one in portal.events(NotificationRequested)] == [anna.patient_id]
    portal.catch_up()
    portal.notify()
    assert len(portal.mail.accepted) == 1, "the notice truly went out"
    listed = anna.get("/reports").text
    assert "Образец: общий анализ крови" in listed and SENDER.name in listed
    report = anna.get(re.findall(r'href="(/reports/[0-9a-f-]{36})"', listed)[0]).text
    assert "Это образец, а не результат анализа" in report and "138" in report


def test_its_notice_waits_for_no_digest(portal: Portal, laboratory: Laboratory, anna: Person) -> None:
    weekly = ReceivingSettings(periodicity=Periodicity.WEEKLY)
    save_settings(portal.opened.ledger, anna.patient_id, weekly, by_patient(anna.patient_id))
    anna.post(f"{of(laboratory)}/sample")
    portal.catch_up()
    portal.notify()
    assert len(portal.mail.accepted) == 1


def test_it_is_removed_and_can_be_asked_for_again(
    portal: Portal, laboratory: Laboratory, anna: Person
) -> None:
    anna.post(f"{of(laboratory)}/sample")
    assert "Образец этой организации уже есть" in told(anna, f"{of(laboratory)}/sample")
    assert "Образец убран" in told(anna, f"{of(laboratory)}/sample/remove")
    (gone,) = portal.events(ReportUnmatched)
    assert gone.event.reason is UnmatchReason.SAMPLE_REMOVED
    assert "Образец: общий анализ крови" not in anna.get("/reports").text
    assert "Образец отправлен и принят" in told(anna, f"{of(laboratory)}/sample")
    first, second = portal.events(SampleReportArrived)
    assert first.event.report_id != second.event.report_id


def test_what_would_keep_a_result_back_is_named_and_nothing_is_sent(
    portal: Portal, laboratory: Laboratory, anna: Person
) -> None:
    withdraw(portal.opened, PatientId(anna.patient_id), ConsentKind.RESULTS_TRANSFER)
    answer = anna.post(f"{of(laboratory)}/sample")
    assert answer.status_code == 409 and "Нет согласия на передачу" in answer.text
    assert portal.events(SampleReportRequested, SubmissionReceived) == []


def test_the_choice_of_study_types_holds_for_it_too(
    portal: Portal, laboratory: Laboratory, anna: Person
) -> None:
    declined = ReceivingSettings(declined_study_types=(StudyType.BLOOD_COUNT,))
    save_settings(portal.opened.ledger, anna.patient_id, declined, by_patient(anna.patient_id))
    assert anna.post(f"{of(laboratory)}/sample").status_code >= 400
    assert portal.events(SampleReportRequested) == []


def test_who_died_after_sending_sends_again_and_there_is_one_report(
    portal: Portal, laboratory: Laboratory, anna: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(*_: object, **__: object) -> None:
        raise ConnectionError

    with monkeypatch.context() as broken:
        broken.setattr("api.sample_reports.record_arrival", dies)
        assert anna.post(f"{of(laboratory)}/sample").status_code >= 500
    assert "Образец отправлен и принят" in told(anna, f"{of(laboratory)}/sample")
    assert len(portal.events(ReportMatched)) == 1
    assert len(portal.events(NotificationRequested)) == 1


def test_nobody_links_the_sender_of_samples_nor_asks_for_one_of_an_organisation_that_is_not_theirs(
    portal: Portal, laboratory: Laboratory, anna: Person
) -> None:
    anna.post(f"{of(laboratory)}/sample")
    assert SENDER.name not in anna.get("/services/organisations").text
    boris = portal.person(BORIS).register()
    assert boris.post(f"{of(laboratory)}/sample").status_code == 404
    assert boris.post(f"{of(laboratory)}/sample/remove").status_code == 404


def test_what_was_decided_of_it_is_decided_again_as_of_the_organisation(
    portal: Portal, laboratory: Laboratory, anna: Person
) -> None:
    """The consent names the organisation that was asked about, not the sender of samples."""
    kind, by = ConsentKind.RESULTS_TRANSFER, by_patient(anna.patient_id)
    withdraw(portal.opened, PatientId(anna.patient_id), kind)
    document, scope = current(kind, "ru").document, Scope(organisations=(laboratory.laboratory_id,))
    grant_consent(
        portal.opened.ledger, anna.patient_id, agreed=document, current=document, by=by, scope=scope
    )
    anna.post(f"{of(laboratory)}/sample")
    assert len(portal.events(ReportMatched)) == 1
    assert all(one.is_same for one in redecide_all(portal.opened.ledger))


def test_of_one_that_was_removed_nothing_is_told_any_more(
    portal: Portal, laboratory: Laboratory, anna: Person
) -> None:
    anna.post(f"{of(laboratory)}/sample")
    anna.post(f"{of(laboratory)}/sample/remove")
    portal.catch_up()
    portal.notify()
    assert not portal.mail.accepted
    (row,) = rows_of(portal, PatientId(anna.patient_id), Channel.EMAIL)
    assert (row.status, row.reason) == ("abandoned", "sample-removed")
