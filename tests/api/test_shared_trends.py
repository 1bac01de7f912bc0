"""Trends for a doctor: of what their patient has open for them now, never a value of anything else, each recorded."""

import re
from uuid import UUID

import pytest

from domain.correction import PartyKind
from domain.reading import IdentityRead, Medium, ReadingPurpose, ReportRead
from domain.sharing import ReportsShared, ShareOpened
from ledger import sharing
from ledger.commands import by_patient
from tests.api.cast import ANNA, BORIS, Laboratory, Person, Portal, bundle, code_of, settle
from tests.api.consultation_cast import book, id_of, patient, receiving, slot
from tests.api.staff_cast import Clock, Member
from tests.api.test_share_pages import sent as sent_to
from tests.api.test_trends import marks, sent, values


@pytest.fixture
def anna(portal: Portal, laboratory: Laboratory) -> Person:
    return patient(portal, laboratory, ANNA)


@pytest.fixture
def vera(portal: Portal, clock: Clock, laboratory: Laboratory) -> Member:
    return receiving(portal, clock, laboratory)


def shares(person: Person, report: str, doctor: Member) -> str:
    """The path of the share, as its doctor has it."""
    form = {"nonce": report, "kind": "doctor", "doctor": str(id_of(doctor))}
    answer = sent_to(person.portal, person, UUID(report), **form)
    assert answer.headers["location"].endswith("shared-with-doctor")
    return f"/staff/shared/{person.portal.events(ReportsShared)[-1].stream_id}"


def key_on(page: str) -> str:
    (found,) = set(re.findall(r'href="/staff/shared/[-0-9a-f]{36}/trends/([0-9a-f]{32})"', page))
    return str(found)


def given(portal: Portal) -> list[ReportRead]:
    return [one.event for one in portal.events(ReportRead) if one.event.medium is Medium.TREND]


def test_a_doctor_sees_in_time_what_is_open_to_them_and_nothing_else(
    portal: Portal, laboratory: Laboratory, anna: Person, vera: Member
) -> None:
    days = (("1", "2025-01-10", "72.50"), ("2", "2025-06-01", "81.0"), ("3", "2025-09-01", "64.7"))
    first, second, third = (sent(portal, laboratory, *one) for one in days)
    path = shares(anna, first, vera)
    # Another is attached to a consultation: it is one trend, whichever way it was given.
    visit = book(anna, vera, slot(portal, vera), **{f"report-{second}": "yes"})
    portal.catch_up()
    assert f'href="{path}/trends"' in vera.get(path).text
    assert re.search(r'href="/staff/shared/[-0-9a-f]{36}/trends"', vera.get(f"/staff{visit}").text)
    listed = vera.get(f"{path}/trends")
    assert "Креатинин" in listed.text and "2 измерения" in listed.text
    page = vera.get(f"{path}/trends/{key_on(listed.text)}").text
    assert values(page) == ["81,0", "72,50"] and marks(page) == 2
    for text in (listed.text, page):
        assert "64,7" not in text and third not in text
    assert f'href="{path}/reports/{first}"' in page and 'href="/reports/' not in page
    assert {(str(one.report_id), one.purpose) for one in given(portal)} == {
        (one, ReadingPurpose.TREATMENT) for one in (first, second)
    }
    assert {one.circumstances.actor for one in portal.events(ShareOpened)} == {"staff:vera"}
    opened = [str(one.report_id) for event in portal.events(ShareOpened) for one in event.event.versions]
    assert sorted(opened) == sorted([first, second] * 2), "each by the share that gives it, for both pages"


def test_what_is_taken_back_leaves_the_trend_at_once(
    portal: Portal, laboratory: Laboratory, anna: Person, vera: Member
) -> None:
    first = sent(portal, laboratory, "1", "2025-01-10", "72.50")
    second = sent(portal, laboratory, "2", "2025-06-01", "81.0")
    path, other = shares(anna, first, vera), shares(anna, second, vera)
    key = key_on(vera.get(f"{path}/trends").text)
    assert values(vera.get(f"{path}/trends/{key}").text) == ["81,0", "72,50"]
    # The view has not heard of it yet: the share itself decides.
    share_id = UUID(other.rpartition("/")[2])
    sharing.revoke(portal.opened.ledger, share_id, by_patient(anna.patient_id))
    before = len(given(portal))
    assert values(vera.get(f"{path}/trends/{key}").text) == ["72,50"]
    assert [str(one.report_id) for one in given(portal)[before:]] == [first]
    anna.post(f"/shares/{path.rpartition('/')[2]}/revoke")
    for tail in ("/trends", f"/trends/{key}"):
        assert code_of(vera.get(f"{path}{tail}")) == "not-found"


def test_nobody_else_finds_a_trend_by_its_address(
    portal: Portal, clock: Clock, laboratory: Laboratory, anna: Person, vera: Member
) -> None:
    path = shares(anna, sent(portal, laboratory, "1", "2025-01-10", "72.50"), vera)
    key = key_on(vera.get(f"{path}/trends").text)
    boris, oleg = portal.person(BORIS).register(), receiving(portal, clock, laboratory, "oleg")
    settle(portal.opened, boris.patient_id, BORIS, laboratory.laboratory_id)
    before = portal.opened.ledger.last_position()
    for tail in ("/trends", f"/trends/{key}", f"/trends/{'0' * 32}"):
        assert oleg.get(path + tail).status_code == 404
    assert vera.get(f"{path}/trends/{'0' * 32}").status_code == 404
    assert portal.opened.ledger.last_position() == before
    assert portal.events(ReportsShared)


def test_who_saw_a_wrong_value_in_a_trend_is_owed_its_correction(
    portal: Portal, laboratory: Laboratory, anna: Person, vera: Member
) -> None:
    report = sent(portal, laboratory, "1", "2025-01-10", "72.50")
    path = shares(anna, report, vera)
    vera.get(f"{path}/trends")
    sent(portal, laboratory, "1", "2025-01-10", "27.50", status="corrected")
    with portal.opened.ledger.pool.connection() as connection:
        had = connection.execute(
            "SELECT party, kind FROM corrections.exposures WHERE report_id = %s", (report,)
        ).fetchall()
    assert ("staff:vera", PartyKind.DOCTOR) in had
    page = vera.get(f"{path}/trends/{key_on(vera.get(f'{path}/trends').text)}").text
    assert values(page) == ["27,50"]


def test_what_was_measured_only_in_what_was_taken_back_is_not_even_named(
    portal: Portal, laboratory: Laboratory, anna: Person, vera: Member
) -> None:
    """The view has not heard of it yet."""
    path = shares(anna, sent(portal, laboratory, "1", "2025-01-10", "72.50"), vera)
    content = bundle("2", value="1.5").replace(b"14682-9", b"20447-9")
    answer = portal.submit(
        laboratory.seal(content.replace("Креатинин".encode(), "Вирусная нагрузка".encode()))
    )
    portal.catch_up()
    other = shares(anna, answer.json()["reports"][0]["id"], vera)
    ways = set(re.findall(rf'href="({path}/trends/[0-9a-f]{{32}})"', vera.get(f"{path}/trends").text))
    assert len(ways) == 2
    share_id = UUID(other.rpartition("/")[2])
    sharing.revoke(portal.opened.ledger, share_id, by_patient(anna.patient_id))
    pages = [vera.get(way) for way in ways]
    assert sorted(page.status_code for page in pages) == [200, 404]
    assert not any("Вирусная" in page.text for page in (*pages, vera.get(f"{path}/trends")))


def test_whose_it_is_is_recorded_also_where_nothing_was_measured(
    portal: Portal, laboratory: Laboratory, anna: Person, vera: Member
) -> None:
    content = bundle("1", value="72.50").replace(b'"valueQuantity"', b'"_none"')
    answer = portal.submit(laboratory.seal(content))
    portal.catch_up()
    path = shares(anna, answer.json()["reports"][0]["id"], vera)
    assert ANNA.family in vera.get(f"{path}/trends").text
    assert [one.circumstances.actor for one in portal.events(IdentityRead)] == ["staff:vera"]
