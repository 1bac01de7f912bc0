"""Trends and comparisons by HTTP: what is shown is what was sent, to whom it belongs, and every reading is recorded."""

import re
from collections.abc import Sequence
from dataclasses import replace

import pytest

from api import laboratories
from domain.code_map import LocalCode, MappedCode
from domain.reading import Medium, ReadingPurpose, ReportRead
from domain.values import Coding, OrganisationId
from ledger import code_maps, talk_first
from ledger.commands import by_patient
from ledger.linkage import link_organisation
from tests.api.cast import ANNA, BORIS, Laboratory, Person, Portal, browser, bundle, code_of, settle
from tests.api.conftest import REGISTERED
from tests.scenario import TESTER

SOUTH = replace(REGISTERED, handle="south", name="Лаборатория «Юг»", inn="7736050003", ogrn="1027700070518")


@pytest.fixture
def anna(portal: Portal, laboratory: Laboratory) -> Person:
    person = portal.person(ANNA).register()
    settle(portal.opened, person.patient_id, ANNA, laboratory.laboratory_id)
    return person


def sent(
    portal: Portal, laboratory: Laboratory, number: str, day: str | None, value: str, **report: object
) -> str:
    """A report of creatinine, taken on that day."""
    given = {"effectiveDateTime": day} if day else {}
    answer = portal.submit(laboratory.seal(bundle(number, value=value, **given | report)))
    assert answer.status_code in (200, 201), answer.text
    portal.catch_up()
    report_id: str = answer.json()["reports"][0]["id"]
    return report_id


def readings(portal: Portal, medium: Medium) -> list[ReportRead]:
    return [one.event for one in portal.events(ReportRead) if one.event.medium is medium]


def key_on(page: str) -> str:
    (found,) = set(re.findall(r'href="/trends/([0-9a-f]{32})"', page))
    return str(found)


def marks(page: str) -> int:
    return page.split("chart-narrow", maxsplit=1)[0].count('class="point"')


def values(page: str) -> list[str]:
    """The column of values, from the top."""
    return re.findall(r'role="cell"><strong>([^<]*)</strong>', page)


def test_a_trend_shows_what_was_sent_of_that_patient_and_records_each_report_that_it_shows(
    portal: Portal, laboratory: Laboratory, anna: Person
) -> None:
    reports = [
        sent(portal, laboratory, "1", "2025-01-10", "72.50"),
        sent(portal, laboratory, "2", "2025-06-01", "81.0"),
        sent(portal, laboratory, "3", None, "64"),
    ]
    listed = anna.get("/trends").text
    assert "Креатинин" in listed and "3 измерения" in listed and "2160-0" not in listed
    found = readings(portal, Medium.TREND)
    assert {str(one.report_id) for one in found[-3:]} == set(reports), "the list shows of them too"
    before = len(found)
    page = anna.get(f"/trends/{key_on(listed)}")
    assert page.status_code == 200
    assert values(page.text) == ["64", "81,0", "72,50"]
    assert marks(page.text) == 3
    assert "выдан" in page.text, "without a day of sampling the day of issue is said to be that"
    found = readings(portal, Medium.TREND)[before:]
    assert {str(one.report_id) for one in found} == set(reports) and len(found) == 3
    assert {one.purpose for one in found} == {ReadingPurpose.OWN_CABINET}
    portal.catch_up()
    assert anna.get("/reports").text.count("badge-new") >= 3, "a trend makes no report old news"


def test_a_trend_of_another_patient_is_not_there(
    portal: Portal, laboratory: Laboratory, anna: Person
) -> None:
    sent(portal, laboratory, "1", "2025-01-10", "72.50")
    key = key_on(anna.get("/trends").text)
    boris = portal.person(BORIS).register()
    settle(portal.opened, boris.patient_id, BORIS, laboratory.laboratory_id)
    portal.submit(laboratory.seal(bundle("2", BORIS)))
    portal.catch_up()
    last = portal.opened.ledger.last_position()
    theirs, nobodys = boris.get(f"/trends/{key}"), boris.get(f"/trends/{'0' * 32}")
    assert (theirs.status_code, nobodys.status_code) == (404, 404)
    assert theirs.text.replace(key, "0" * 32) == nobodys.text
    assert portal.opened.ledger.last_position() == last
    assert key_on(boris.get("/trends").text) != key


def test_two_laboratories_and_a_correction_are_one_trend(
    portal: Portal, laboratory: Laboratory, anna: Person
) -> None:
    laboratory_id, sender = laboratories.add(portal.opened.ledger, portal.opened.settings.home, SOUTH)
    south = Laboratory(laboratory_id, sender, portal.opened)
    by = by_patient(anna.patient_id)
    link_organisation(portal.opened.ledger, anna.patient_id, OrganisationId(laboratory_id), by)
    sent(portal, laboratory, "1", "2025-01-10", "72.50")
    sent(portal, laboratory, "1", "2025-01-10", "27.50", status="corrected")
    own = bundle("2", value="0.9", effectiveDateTime="2025-06-01").replace(b"http://loinc.org", b"urn:south")
    own = own.replace("мкмоль/л".encode(), "мг/дл".encode())
    assert portal.submit(south.seal(own)).status_code in (200, 201)
    portal.catch_up()
    assert len(set(re.findall(r'href="/trends/(\w+)"', anna.get("/trends").text))) == 2
    local = LocalCode(system="urn:south", code="14682-9")
    mapped = MappedCode(local=local, standard=Coding(system="http://loinc.org", code="2160-0"))
    code_maps.map_codes(portal.opened.ledger, laboratory_id, [mapped], TESTER)
    page = anna.get(f"/trends/{key_on(anna.get('/trends').text)}").text
    assert values(page) == ["0,9", "27,50"] and marks(page) == 2
    assert "Лаборатория «Юг»" in page and "Лаборатория Инвитро" in page
    assert "было 72,50\u00a0мкмоль/\u2060л" in page
    assert re.search(r"в пересчёте: 0,31\d*\u00a0мг/", page)


def test_a_period_is_kept_to_and_what_lies_outside_is_not_read(
    portal: Portal, laboratory: Laboratory, anna: Person
) -> None:
    sent(portal, laboratory, "1", "2025-01-10", "72.50")
    inside = sent(portal, laboratory, "2", "2025-06-01T23:30:00+03:00", "81.0")
    key = key_on(anna.get("/trends").text)
    before = len(readings(portal, Medium.TREND))
    assert values(anna.get(f"/trends/{key}?from=2025-06-01&to=2025-06-01").text) == ["81,0"]
    assert [str(one.report_id) for one in readings(portal, Medium.TREND)[before:]] == [inside]
    nothing = anna.get(f"/trends/{key}?from=2030-01-01")
    assert "За этот период измерений нет" in nothing.text and marks(nothing.text) == 0
    for query in ("from=2025-06-02&to=2025-06-01", "from=yesterday", "to=2025-02-30"):
        wrong = anna.get(f"/trends/{key}?{query}")
        assert (wrong.status_code, code_of(wrong)) == (422, "filter-invalid"), query


def test_a_search_goes_by_a_form_and_stands_in_no_address(
    portal: Portal, laboratory: Laboratory, anna: Person
) -> None:
    sent(portal, laboratory, "1", "2025-01-10", "72.50")
    found, missing = anna.post("/trends", q="креатИНин"), anna.post("/trends", q="ферритин")
    assert "1 измерение" in found.text and 'value="креатИНин"' in found.text
    assert "Такого показателя нет" in missing.text and "1 измерение" not in missing.text
    assert anna.client.post("/trends", data={"q": "креатинин"}).status_code == 403


def test_a_result_that_waits_for_a_talk_is_in_no_trend_and_in_no_count(
    portal: Portal, laboratory: Laboratory, anna: Person
) -> None:
    sent(portal, laboratory, "1", "2025-01-10", "72.50")
    assert anna.get(f"/reports/{sent(portal, laboratory, '2', '2025-06-01', '81.0')}").status_code == 200
    kept = sent(portal, laboratory, "3", "2025-07-01", "99.9")
    portal.catch_up()
    by = by_patient(anna.patient_id)
    talk_first.choose(portal.opened.ledger, anna.patient_id, frozenset(), by, includes_others=True)
    listed = anna.get("/trends").text
    assert "1 измерение" in listed and "99,9" not in listed
    page = anna.get(f"/trends/{key_on(listed)}").text
    assert values(page) == ["81,0"]
    assert kept not in {str(one.report_id) for one in readings(portal, Medium.TREND)[-2:]}
    assert anna.get(f"/trends?report={kept}").status_code == 403


def test_two_results_are_compared_the_earlier_first_and_both_readings_are_recorded(
    portal: Portal, laboratory: Laboratory, anna: Person
) -> None:
    later = sent(portal, laboratory, "1", "2025-06-01", "92.0")
    earlier = sent(portal, laboratory, "2", "2025-01-10", "72.50")
    pages = [
        anna.get(f"/reports/compare?a={later}&b={earlier}").text,
        anna.get(f"/reports/compare?report={earlier}&report={later}").text,
    ]
    for page in pages:
        assert page.index("72,50") < page.index("92,0") and "выше на 19,50" in page
        assert "теперь вне референса" in page and "1 показатель вышел за пределы референса" in page
    found = readings(portal, Medium.COMPARISON)
    assert {str(one.report_id) for one in found} == {later, earlier} and len(found) == 4
    assert f"/reports/compare?a={later}&amp;b={earlier}" in anna.get(f"/reports/{earlier}").text


@pytest.mark.parametrize("count", [0, 1, 3])
def test_only_two_results_can_be_compared(
    portal: Portal, laboratory: Laboratory, anna: Person, count: int
) -> None:
    reports = [sent(portal, laboratory, str(number), "2025-01-10", "70") for number in range(count)]
    answer = compared(anna, reports)
    assert answer == (422, "comparison-needs-two")
    if reports:
        assert compared(anna, [reports[0], reports[0]]) == (422, "comparison-needs-two")


def compared(person: Person, reports: Sequence[str]) -> tuple[int, str]:
    answer = person.get("/reports/compare?" + "&".join(f"report={one}" for one in reports))
    return answer.status_code, code_of(answer)


def test_a_result_of_somebody_else_is_not_compared(
    portal: Portal, laboratory: Laboratory, anna: Person
) -> None:
    own = sent(portal, laboratory, "1", "2025-01-10", "70")
    boris = portal.person(BORIS).register()
    settle(portal.opened, boris.patient_id, BORIS, laboratory.laboratory_id)
    theirs = portal.submit(laboratory.seal(bundle("2", BORIS))).json()["reports"][0]["id"]
    portal.catch_up()
    last = portal.opened.ledger.last_position()
    assert compared(anna, [own, theirs]) == (404, "not-found")
    assert portal.opened.ledger.last_position() == last


def test_a_stranger_is_sent_to_the_door_whatever_they_ask_for(portal: Portal) -> None:
    with browser(portal.opened.settings.public_url) as stranger:
        for path in ("/trends", f"/trends/{'0' * 32}", "/reports/compare"):
            assert stranger.get(path).headers["location"].startswith("/sign-in"), path
