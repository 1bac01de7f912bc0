"""Consultations as the two see them: the patient books with results, the doctor records, the patient reads (S138-S143)."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from icalendar import Calendar

from api import consultation_notices, laboratories
from api.laboratories import OPERATOR
from api.portal import consultation_booking
from domain.consultation import (
    CancelReason,
    ConsultationBooked,
    ConsultationCancelled,
    ConsultationHeld,
    ConsultationMoved,
    ConsultationReminded,
)
from domain.consultation_outcome import ConclusionGiven, ReferralTaken
from domain.reading import ConsultationRead, ReadingPurpose, ReportRead
from domain.study_type import StudyType
from ledger import doctors, talk_first
from ledger.commands import by_patient
from ledger.staff import by_member
from tests.api.cast import ANNA, BORIS, Laboratory, Person, Portal, bundle, code_of
from tests.api.consultation_cast import (
    NAME,
    ROOM,
    book,
    consultation_id_of,
    enrolled,
    id_of,
    patient,
    receiving,
    slot,
)
from tests.api.staff_cast import Clock, Member
from tests.api.test_journey import comes_true
from tests.examples import REGISTERED


@pytest.fixture
def anna(portal: Portal, laboratory: Laboratory) -> Person:
    person = patient(portal, laboratory, ANNA)
    portal.submit(laboratory.seal(bundle("K-1")))
    portal.catch_up()
    return person


@pytest.fixture
def vera(portal: Portal, clock: Clock, laboratory: Laboratory) -> Member:
    return receiving(portal, clock, laboratory)


def report_of(person: Person, vera: Member) -> str:
    """The result that can be ticked."""
    page = person.get(f"/consultations/new/{id_of(vera)}").text
    found = re.search(r'name="report-([0-9a-f-]{36})"', page)
    assert found is not None, page
    return found[1]


def test_a_patient_books_with_a_result_and_reads_what_came_of_it(
    portal: Portal, laboratory: Laboratory, anna: Person, vera: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert NAME in anna.get("/consultations/new?q=орл").text
    assert NAME not in anna.get("/consultations/new?q=кузн").text
    report, at = report_of(anna, vera), slot(portal, vera)
    # It came before as many others as are offered.
    portal.submit(laboratory.seal(bundle("K-2")))
    portal.catch_up()
    monkeypatch.setattr(consultation_booking, "_OFFERED_MAX", 1)
    assert f"report-{report}" in anna.get(f"/consultations/new/{id_of(vera)}?report={report}").text
    form = {
        f"report-{report}": "yes",
        "questions": "Нужно ли лечение?\nЧто с почками?",
        "study": "biochemistry",
    }
    checked = anna.post(
        f"/consultations/new/{id_of(vera)}", slot=at.starts_at.isoformat(), format="video", **form
    ).text
    assert (
        "Соколова Анна" in checked and "Что с почками?" in checked and not portal.events(ConsultationBooked)
    )
    assert "Креатинин" in checked
    path = book(anna, vera, at, **form)
    page = anna.get(path).text
    assert NAME in page and ROOM in page, "it begins in less than ten minutes"
    assert f'href="/reports/{report}">Креатинин' in page and "22.11.2026" in page, "by the day of its list"
    staff_path = f"/staff{path}"
    shown = vera.get(staff_path).text
    assert "Соколова Анна" in shown and "Нужно ли лечение?" in shown
    (read,) = portal.events(ConsultationRead)
    assert read.event.purpose is ReadingPurpose.TREATMENT and read.event.patient_id == anna.patient_id
    result = re.search(r'href="(/staff/shared/[^"]+)"', shown)
    assert result is not None
    assert "72,50" in vera.get(result[1]).text
    (opened,) = [one for one in portal.events(ReportRead) if one.event.purpose is ReadingPurpose.TREATMENT]
    assert opened.circumstances.actor == "staff:vera"
    assert vera.post(f"{staff_path}/record", act="conclusion", text="Норма.").status_code == 303
    assert portal.events(ConsultationHeld) and portal.events(ConclusionGiven)
    drug = {"drug": "Железа сульфат", "dose": "100 мг", "course": "3 месяца"}
    assert vera.post(f"{staff_path}/record", act="prescription", **drug).status_code == 303
    assert vera.post(f"{staff_path}/record", act="referral", code="3016-3", note="").status_code == 303
    assert (
        vera.post(f"{staff_path}/record", act="next", format="in-person", note="Через месяц").status_code
        == 303
    )
    page = anna.get(path).text
    for words in ("Норма.", "Железа сульфат", "Тиреотропный гормон", "Через месяц", "Состоялась"):
        assert words in page, words
    asked = anna.post(f"{path}/referrals/1", organisation=str(laboratory.laboratory_id))
    assert asked.headers["location"].startswith("/services/studies/")
    assert portal.events(ReferralTaken)
    assert code_of(anna.post(f"{path}/referrals/1", organisation=str(laboratory.laboratory_id))) == (
        "consultation-referral-taken"
    )


def test_nobody_else_sees_a_consultation(
    portal: Portal, clock: Clock, laboratory: Laboratory, anna: Person, vera: Member
) -> None:
    path = book(anna, vera, slot(portal, vera))
    boris, oleg = patient(portal, laboratory, BORIS), receiving(portal, clock, laboratory, "oleg")
    unknown = re.sub(r"[0-9a-f]{8}-", "00000000-", path, count=1)
    for tail in ("", "/move", "/calendar.ics"):
        answers = [boris.get(one + tail) for one in (path, unknown)]
        assert [(one.status_code, code_of(one)) for one in answers] == [(404, "not-found")] * 2
    for act in ("questions", "results", "move", "cancel", "referrals/1"):
        assert boris.post(f"{path}/{act}").status_code == 404, act
    for act in ("", "/move"):
        assert oleg.get(f"/staff{path}{act}").status_code == 404, act
    for act in ("/held", "/missed", "/cancel", "/record", "/next", "/move"):
        assert oleg.post(f"/staff{path}{act}", act="conclusion", text="?").status_code == 404, act
    assert not portal.events(ConsultationRead)


def test_moving_and_cancelling_and_a_calendar_that_tells_nothing(
    portal: Portal, anna: Person, vera: Member
) -> None:
    at, other = slot(portal, vera, after=timedelta(hours=5)), slot(portal, vera, after=timedelta(hours=6))
    path = book(anna, vera, at, questions="О щитовидной железе")
    assert ROOM not in anna.get(path).text, "nobody is there yet"
    answer = anna.get(f"{path}/calendar.ics")
    assert answer.headers["content-type"].startswith("text/calendar")
    (event,) = Calendar.from_ical(answer.content).walk("VEVENT")
    assert event.decoded("DTSTART") == at.starts_at and event.decoded("DTEND") - at.starts_at == timedelta(
        minutes=10
    )
    for word in ("щитовидн", "рач", "онсультац", NAME.split()[0], "ндокрин"):
        assert word not in answer.content.decode().replace("\r\n ", "").partition("URL:")[0], word
    moved = anna.post(f"{path}/move", slot=other.starts_at.isoformat(), format="phone")
    assert moved.headers["location"] == f"{path}?notice=consultation-moved"
    (event,) = Calendar.from_ical(anna.get(f"{path}/calendar.ics").content).walk("VEVENT")
    assert event["SEQUENCE"] == 1 and event.decoded("DTSTART") == other.starts_at
    assert anna.post(f"{path}/cancel").headers["location"] == "/consultations?notice=consultation-cancelled"
    (event,) = Calendar.from_ical(anna.get(f"{path}/calendar.ics").content).walk("VEVENT")
    assert event["STATUS"] == "CANCELLED"
    assert "О щитовидной железе" not in vera.get(f"/staff{path}").text, "what was asked is taken back with it"
    assert code_of(anna.post(f"{path}/cancel")) == "consultation-over"
    soon = book(anna, vera, slot(portal, vera))
    assert code_of(anna.get(f"{soon}/move")) == "consultation-too-late"


def test_a_doctor_moves_a_consultation_and_the_patient_is_told(
    portal: Portal, anna: Person, vera: Member
) -> None:
    at, other = slot(portal, vera, after=timedelta(hours=5)), slot(portal, vera, after=timedelta(hours=6))
    path = book(anna, vera, at, questions="О щитовидной железе")
    page = vera.get(f"/staff{path}/move").text
    assert f'value="{other.starts_at.isoformat()}"' in page and "Соколова" not in page
    assert not portal.events(ConsultationRead), "nothing of the patient is shown"
    assert f"/staff{path}/move" in vera.get(f"/staff{path}").text
    form = {"slot": other.starts_at.isoformat(), "format": "phone"}
    assert code_of(vera.post(f"/staff{path}/move", **form | {"slot": ""})) == "consultation-slot-missing"
    assert code_of(vera.post(f"/staff{path}/move", **form | {"format": "letter"})) == (
        "consultation-format-missing"
    )
    before = len(portal.sms.accepted)
    moved = vera.post(f"/staff{path}/move", **form)
    assert moved.headers["location"] == f"/staff{path}?notice=consultation-moved"
    (event,) = portal.events(ConsultationMoved)
    assert event.circumstances.actor == "staff:vera" and event.event.starts_at == other.starts_at
    comes_true(lambda: len(portal.sms.accepted) > before, "the patient is told after the answer")
    (told,) = [message.text for message in portal.sms.accepted[before:]]
    assert "запись изменена" in told
    for word in ("рач", "онсультац", NAME.split()[0], str(consultation_id_of(path))):
        assert word not in told
    (entry,) = Calendar.from_ical(anna.get(f"{path}/calendar.ics").content).walk("VEVENT")
    assert entry["SEQUENCE"] == 1 and entry.decoded("DTSTART") == other.starts_at
    assert "Врач перенёс консультацию" in anna.get(path).text
    # A time that suits the patient better is theirs again, and says nothing of the doctor.
    assert anna.post(f"{path}/move", slot=at.starts_at.isoformat(), format="video").status_code == 303
    assert "Врач перенёс консультацию" not in anna.get(path).text
    assert anna.post(f"{path}/cancel").status_code == 303
    assert code_of(vera.get(f"/staff{path}/move")) == "consultation-over"
    assert code_of(vera.post(f"/staff{path}/move", **form)) == "consultation-over"


def test_what_is_wrong_is_said_beside_its_field(
    portal: Portal, laboratory: Laboratory, anna: Person, vera: Member
) -> None:
    at = slot(portal, vera, after=timedelta(hours=3))
    path = f"/consultations/new/{id_of(vera)}"
    plain = {"slot": at.starts_at.isoformat(), "format": "video", "confirmed": "yes"}
    for changed, code in (
        ({"slot": ""}, "consultation-slot-missing"),
        ({"slot": "2026-01-01T10:00:00+00:00"}, "consultation-slot-unknown"),
        ({"format": "in-person"}, "consultation-format-missing"),
        ({"format": "letter"}, "consultation-format-missing"),
        ({"questions": "?\n" * 11}, "consultation-questions-unfit"),
    ):
        assert code_of(anna.post(path, **plain | changed)) == code
    book(anna, vera, at)
    boris = patient(portal, laboratory, BORIS)
    assert code_of(boris.post(path, **plain)) in ("consultation-slot-taken", "consultation-slot-unknown")
    stranger = portal.person(BORIS)
    assert stranger.get("/consultations").headers["location"].startswith("/sign-in")


def test_a_doctor_introduces_themselves_and_sees_what_new_hours_leave_out(
    portal: Portal, clock: Clock, laboratory: Laboratory, anna: Person
) -> None:
    oleg = enrolled(portal, clock, laboratory, "oleg")
    about = {
        "name": "Кузнецов Олег",
        "speciality": "therapy",
        "phone": "+7 999 000-11-22",
        "language-ru": "yes",
    }
    assert code_of(oleg.post("/staff/doctor", **about)) == "doctor-format-missing"
    assert code_of(oleg.post("/staff/doctor", **about, **{"format-video": "yes"})) == "doctor-format-missing"
    assert oleg.post("/staff/doctor", **about, **{"format-phone": "yes"}).status_code == 303
    week = {"slot": "30", "break": "0", "time_zone": "Europe/Moscow", "holidays": "yes"}
    hours = {f"weekday-{day}": "8:00-12:00, 13:00–20:00" for day in range(1, 8)}
    assert code_of(oleg.post("/staff/doctor/hours", **week, **{"weekday-1": "утром"})) == "doctor-hours-unfit"
    assert oleg.post("/staff/doctor/hours", **week, **hours).status_code == 303
    portal.catch_up()
    at = slot(portal, oleg, after=timedelta(hours=1))
    path = book(anna, oleg, at, format="phone")
    assert anna.get(path).status_code == 200
    assert oleg.post("/staff/doctor/hours", **week, **{"weekday-1": ""}).status_code == 303
    page = oleg.get("/staff/doctor").text
    assert f"/staff{path}" in page and "1 запись вне часов приёма" in page
    assert anna.get(path).status_code == 200 and not portal.events(ConsultationCancelled)


def test_the_patient_is_told_without_a_word_of_health(portal: Portal, anna: Person, vera: Member) -> None:
    ledger, settings = portal.opened.ledger, portal.opened.settings
    at = slot(portal, vera, after=timedelta(hours=30))
    path = book(anna, vera, at)
    before = len(portal.sms.accepted)
    for now in (at.starts_at - timedelta(hours=23), at.starts_at - timedelta(hours=22), at.starts_at):
        consultation_notices.remind(ledger, now, settings=settings)
        portal.catch_up()
    told = [message.text for message in portal.sms.accepted[before:]]
    assert len(told) == len(portal.events(ConsultationReminded)) == 1
    assert "напоминаем о записи" in told[0]
    for word in ("рач", "онсультац", NAME.split()[0], str(consultation_id_of(path))):
        assert word not in told[0]
    assert vera.post(f"/staff{path}/cancel", reason="technical").status_code == 303
    (cancelled,) = portal.events(ConsultationCancelled)
    assert cancelled.event.reason is CancelReason.TECHNICAL
    comes_true(lambda: "отменена" in portal.sms.accepted[-1].text, "the patient is told after the answer")
    assert "Технические причины" in anna.get(path).text


def test_what_is_booked_with_a_doctor_who_left_is_cancelled(
    portal: Portal, anna: Person, vera: Member
) -> None:
    ledger, settings = portal.opened.ledger, portal.opened.settings
    path = book(anna, vera, slot(portal, vera, after=timedelta(hours=3)))
    doctors.end(ledger, id_of(vera), by_member("ivan"))
    portal.catch_up()
    now = datetime.now(UTC)
    assert consultation_notices.cancel_left_alone(ledger, now, settings=settings) == 1
    portal.catch_up()
    assert consultation_notices.cancel_left_alone(ledger, now, settings=settings) == 0
    assert "Врач больше не ведёт приём" in anna.get(path).text
    assert NAME not in anna.get("/consultations/new").text


def test_who_was_dismissed_and_comes_back_finds_no_consultation_of_before(
    portal: Portal, clock: Clock, laboratory: Laboratory, anna: Person, vera: Member
) -> None:
    ledger, settings = portal.opened.ledger, portal.opened.settings
    report, at = report_of(anna, vera), slot(portal, vera)
    held = book(anna, vera, at, **{f"report-{report}": "yes", "questions": "Нужно ли лечение?"})
    assert vera.post(f"/staff{held}/held").status_code == 303
    booked = book(anna, vera, slot(portal, vera, after=timedelta(hours=3)))
    vera.door.dismiss("vera", OPERATOR)
    clock.next_step()
    southern, _ = laboratories.add(ledger, settings.home, replace(REGISTERED, handle="south", name="Южная"))
    again = receiving(portal, clock, replace(laboratory, laboratory_id=southern))
    listed = again.get("/staff/consultations").text
    for path in (held, booked):
        assert f"/staff{path}" not in listed
        assert again.get(f"/staff{path}").status_code == 404
        for act in ("held", "missed", "cancel", "record", "next", "move", f"discussed/{report}"):
            assert again.post(f"/staff{path}/{act}", act="conclusion", text="?").status_code == 404, act
    # Nobody keeps the appointment, though the doctor receives again: the patient is told.
    assert consultation_notices.cancel_left_alone(ledger, datetime.now(UTC), settings=settings) == 1
    portal.catch_up()
    assert "Врач больше не ведёт приём" in anna.get(booked).text
    assert consultation_notices.cancel_left_alone(ledger, datetime.now(UTC), settings=settings) == 0


def test_what_waits_for_a_talk_is_seen_by_the_doctor_and_shown_to_the_patient_after_it(
    portal: Portal, anna: Person, vera: Member
) -> None:
    report, at = report_of(anna, vera), slot(portal, vera)
    by = by_patient(anna.patient_id)
    everything = frozenset(StudyType)
    talk_first.choose(portal.opened.ledger, anna.patient_id, everything, by, includes_others=True)
    path = book(anna, vera, at, **{f"report-{report}": "yes"})
    portal.catch_up()
    assert "72,50" not in anna.get(f"/reports/{report}").text
    shown = vera.get(f"/staff{path}").text
    result = re.search(r'href="(/staff/shared/[^"]+)"', shown)
    assert result is not None and "72,50" in vera.get(result[1]).text
    assert vera.post(f"/staff{path}/discussed/{report}").status_code == 303
    portal.catch_up()
    assert "72,50" in anna.get(f"/reports/{report}").text
