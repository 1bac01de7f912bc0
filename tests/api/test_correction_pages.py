"""Corrections as people meet them: at the head of the result, on a page of their own, and on the staff's."""

import re
from uuid import UUID

import pytest

from api.corrections import settle
from api.laboratories import OPERATOR
from domain.correction import CorrectionAcknowledged
from domain.reading import ReadingPurpose, ReportRead
from domain.staff import Role
from domain.values import OrganisationId, PatientId
from ledger import misfiling
from ledger.codec import Circumstances
from ledger.commands import record_reading
from ledger.staff import by_member
from tests.api.cast import ANNA, BORIS, Laboratory, Person, Portal, bundle
from tests.api.cast import settle as settled_in
from tests.api.staff_cast import Clock, Member

LINK = Circumstances(actor=f"share:{UUID(int=71)}")


def worked(portal: Portal) -> None:
    """The worker of corrections until there is nothing to do."""
    portal.catch_up()
    while settle(portal.opened.ledger):
        portal.catch_up()


def corrected(portal: Portal, laboratory: Laboratory) -> None:
    portal.submit(
        laboratory.seal(bundle("1", value="91.0", status="corrected", issued="2026-11-22T18:00:00+03:00"))
    )
    worked(portal)


@pytest.fixture
def anna(portal: Portal, laboratory: Laboratory) -> Person:
    person = portal.person(ANNA).register()
    settled_in(portal.opened, person.patient_id, ANNA, laboratory.laboratory_id)
    return person


@pytest.fixture
def report_id(portal: Portal, laboratory: Laboratory, anna: Person) -> UUID:
    """A result that she has looked at."""
    found = UUID(portal.submit(laboratory.seal(bundle("1"))).json()["reports"][0]["id"])
    portal.catch_up()
    assert anna.get(f"/reports/{found}").status_code == 200
    return found


def read_by(portal: Portal, patient_id: PatientId, report_id: UUID, by: Circumstances) -> None:
    purpose = ReadingPurpose.TREATMENT if by.actor.startswith("staff") else ReadingPurpose.SHARED_LINK
    reading = ReportRead(patient_id=patient_id, report_id=report_id, report_version=1, purpose=purpose)
    record_reading(portal.opened.ledger, reading, by)


def doctor(portal: Portal, clock: Clock, laboratory: Laboratory) -> Member:
    member = Member(portal, clock, "irina")
    organisation_id = OrganisationId(laboratory.laboratory_id)
    link = member.door.admit("irina", [Role.DOCTOR], OPERATOR, organisation_id=organisation_id)
    member.open_link(member.path_of(link.address))
    assert member.enrol().status_code == 303
    return member


def correction_of(page: str) -> str:
    found = re.search(r'action="(/(?:staff/)?corrections/[0-9a-f-]+)"', page)
    assert found is not None, page
    return found[1]


def test_who_had_the_old_value_learns_of_it_and_that_is_known(
    portal: Portal, laboratory: Laboratory, anna: Person, report_id: UUID
) -> None:
    assert "Исправлений нет" in anna.get("/corrections").text
    corrected(portal, laboratory)
    # On every page there is a line that leads there.
    assert "Результат, который вы видели, исправлен" in anna.get("/services").text
    page = anna.get("/corrections").text
    assert "Узнайте об исправлении" in page and "значение" in page and f"/reports/{report_id}" in page
    opened = anna.get(f"/reports/{report_id}").text
    assert "Этот результат исправлен" in opened and "/versions/2?against=1" in opened
    worked(portal)
    assert "Результат, который вы видели, исправлен" not in anna.get("/services").text
    page = anna.get("/corrections").text
    assert "Узнайте об исправлении" not in page and "открыта новая версия" in page
    assert [one.event.how for one in portal.events(CorrectionAcknowledged)] == ["opened"]


def test_the_patient_sees_who_else_does_not_know_and_tells_the_holder_of_a_link(
    portal: Portal, laboratory: Laboratory, anna: Person, report_id: UUID
) -> None:
    read_by(portal, anna.patient_id, report_id, LINK)
    read_by(portal, anna.patient_id, report_id, by_member("irina"))
    corrected(portal, laboratory)
    page = anna.get("/corrections").text
    assert "Сообщите тем, кому дали ссылку" in page and "Кто ещё видел прежнюю версию" in page
    assert "Прежнюю версию видели ещё 2 человека" in anna.get(f"/reports/{report_id}").text
    path = correction_of(page)
    # Nobody else can say that.
    boris = portal.person(BORIS).register()
    assert boris.post(path).status_code == 404
    assert anna.post(path).headers["location"] == "/corrections?notice=correction-passed-on"
    worked(portal)
    page = anna.get("/corrections").text
    assert "Сообщите тем, кому дали ссылку" not in page and "сообщено вами" in page
    assert portal.events(CorrectionAcknowledged)[0].circumstances.actor == f"patient:{anna.patient_id}"


def test_a_result_of_somebody_else_is_acknowledged_without_being_shown(
    portal: Portal, anna: Person, report_id: UUID
) -> None:
    misfiling.undo(portal.opened.ledger, report_id, by_member("ivan"))
    worked(portal)
    page = anna.get("/corrections").text
    assert "Не руководствуйтесь им" in page and "Креатинин" not in page and str(report_id) not in page
    assert anna.post(correction_of(page)).status_code == 303
    worked(portal)
    assert "отмечено: ознакомлен" in anna.get("/corrections").text


def test_a_doctor_says_that_they_know_and_an_operator_sees_what_is_open(
    laboratory: Laboratory, anna: Person, report_id: UUID, clock: Clock, ivan: Member
) -> None:
    portal = anna.portal
    irina = doctor(portal, clock, laboratory)
    read_by(portal, anna.patient_id, report_id, by_member("irina"))
    corrected(portal, laboratory)
    ivan.enrolled()
    waiting = ivan.get("/staff/corrections").text
    assert "Ещё не знают" in waiting and str(report_id) in waiting and "Креатинин" not in waiting
    assert 'letopis_corrections_open{party="doctor"} 1.0' in portal.machine.get("/metrics").text
    assert "1 ждёт" in irina.get("/staff").text, "of the two that are open one is theirs"
    page = irina.get("/staff/corrections").text
    path = correction_of(page)
    assert "Ещё не знают" not in page, "that is the operator's"
    # What the operator may see is not theirs to acknowledge.
    assert ivan.post(path).status_code == 404
    assert irina.post(path).headers["location"] == "/staff/corrections?notice=correction-acknowledged"
    worked(portal)
    assert "Ознакомлен</button>" not in irina.get("/staff/corrections").text
    assert 'letopis_corrections_open{party="doctor"} 0.0' in portal.machine.get("/metrics").text
