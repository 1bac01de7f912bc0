"""The list of results: new ones on top, narrowed by an address, searched by a form, page after page."""

import gzip
import re
from datetime import date
from typing import Any
from urllib.parse import unquote
from uuid import UUID

import pytest
from structlog.testing import capture_logs

from api.pages import STATIC
from domain.reading import ReportsListed
from domain.study_type import StudyType
from domain.talk_first import NOTHING_KEPT
from projections import cabinet_list
from projections.cabinet_list import Limits, Wanted, page_of
from tests.api.cast import ANNA, BORIS, Laboratory, Person, Portal, bundle, code_of, settle
from tests.scenario import rows

THYROID = {"coding": [{"system": "http://loinc.org", "code": "3016-3", "display": "Тиреотропный гормон"}]}
GENES = [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0074", "code": "GE"}]}]


@pytest.fixture
def anna(portal: Portal, laboratory: Laboratory) -> Person:
    person = portal.person(ANNA).register()
    settle(portal.opened, person.patient_id, ANNA, laboratory.laboratory_id)
    portal.catch_up()
    return person


def sent(portal: Portal, laboratory: Laboratory, number: str, **report: Any) -> str:
    """The id of a report that is in the cabinet."""
    answer = portal.submit(laboratory.seal(bundle(number, **report)))
    assert answer.status_code == 201 and answer.json()["reports"][0]["held"] is None, answer.text
    portal.catch_up()
    return str(answer.json()["reports"][0]["id"])


def listed(page: Any) -> list[str]:
    assert page.status_code == 200, page.text
    return list(dict.fromkeys(re.findall(r'class="cover" href="/reports/([0-9a-f-]{36})', page.text)))


def found(person: Person, words: str, **more: str) -> list[str]:
    return listed(person.post("/reports/search", q=words, **more))


def test_new_results_are_on_top_with_their_count_then_by_month(
    portal: Portal, laboratory: Laboratory, anna: Person
) -> None:
    later = sent(portal, laboratory, "1", effectiveDateTime="2026-07-12")
    earlier = sent(portal, laboratory, "2", effectiveDateTime="2026-05-03")
    fresh = sent(portal, laboratory, "3", effectiveDateTime="2020-01-01")
    for report_id in (later, earlier):
        assert anna.get(f"/reports/{report_id}").status_code == 200
    portal.catch_up()
    page = anna.get("/reports")
    assert listed(page) == [fresh, later, earlier]
    assert "Новые результаты: 1" in page.text
    assert page.text.index("Июль 2026") < page.text.index("Май 2026")
    assert listed(anna.get("/reports?new=yes")) == [fresh]


def test_the_address_narrows_the_list(portal: Portal, laboratory: Laboratory, anna: Person) -> None:
    july = sent(portal, laboratory, "1", effectiveDateTime="2026-07-12", status="preliminary")
    june = sent(portal, laboratory, "2", effectiveDateTime="2026-06-30T23:00:00+03:00", code=THYROID)
    for query, expected in (
        ("from=2026-07-12", [july]),
        ("from=2026-07-13", []),
        ("to=2026-07-11", [june]),
        ("from=2026-06-30&to=2026-06-30", [june]),
        ("type=hormones", [june]),
        ("type=genetics", []),
        ("status=in-progress", [july]),
        (f"laboratory={laboratory.laboratory_id}", [june, july]),
        (f"laboratory={UUID(int=5)}", []),
        ("new=yes&status=ready", [june]),
    ):
        assert sorted(listed(anna.get(f"/reports?{query}"))) == sorted(expected), query


@pytest.mark.parametrize("query", ["from=2026-07-12&to=2026-01-01", "from=now", "type=magic", "status=x"])
def test_a_filter_that_can_not_be_meant_is_explained(anna: Person, query: str) -> None:
    page = anna.get(f"/reports?{query}")
    assert (page.status_code, code_of(page)) == (422, "filter-invalid")


def test_a_search_goes_by_a_form_and_finds_words_as_people_write_them(
    portal: Portal, laboratory: Laboratory, anna: Person
) -> None:
    plain = sent(portal, laboratory, "1", conclusion="Признаков воспаления нет")
    thyroid = sent(portal, laboratory, "2", code=THYROID)
    for words, expected in (
        ("креатинина", [plain, thyroid]),
        ("воспалением", [plain]),
        ("тиреотропного горм", [thyroid]),
        ("nbhtjnhjgysq", [thyroid]),
        ("гормоны", [thyroid]),
        ("инвитро воспаление", [plain]),
        ("глюкоза", []),
    ):
        assert sorted(found(anna, words)) == sorted(expected), words
    assert found(anna, "креатинин", type="hormones") == [thyroid]
    with capture_logs() as logged:
        page = anna.post("/reports/search", q="глюкоза")
    assert "Ничего не нашлось" in page.text
    # Not in an address that the page leads to, nor in the log.
    assert "глюкоза" not in str([*re.findall(r'(?:href|action)="[^"]*', unquote(page.text)), *logged])


def test_an_empty_search_is_the_list_with_its_filters_in_the_address(anna: Person) -> None:
    answer = anna.post("/reports/search", q=" ", status="ready")
    assert (answer.status_code, answer.headers["location"]) == (303, "/reports?status=ready")


def test_words_in_an_address_are_not_searched_for_nor_repeated(
    portal: Portal, laboratory: Laboratory, anna: Person
) -> None:
    report_id = sent(portal, laboratory, "1")
    page = anna.get("/reports?q=глюкоза")
    assert listed(page) == [report_id] and "глюкоза" not in page.text


def test_each_showing_of_the_list_is_a_reading(portal: Portal, laboratory: Laboratory, anna: Person) -> None:
    sent(portal, laboratory, "1")
    anna.get("/reports")
    found(anna, "креатинин")
    found(anna, "глюкоза")
    assert [one.event.count for one in portal.events(ReportsListed)] == [1, 1, 0]


def test_nobody_finds_another_patients_reports(portal: Portal, laboratory: Laboratory, anna: Person) -> None:
    sent(portal, laboratory, "1")
    boris = portal.person(BORIS).register()
    assert listed(boris.get("/reports")) == found(boris, "креатинин") == []


def test_no_word_of_a_report_lies_in_the_view_and_no_two_patients_have_a_mark_in_common(
    portal: Portal, laboratory: Laboratory, anna: Person
) -> None:
    sent(portal, laboratory, "1")
    boris = portal.person(BORIS).register()
    settle(portal.opened, boris.patient_id, BORIS, laboratory.laboratory_id)
    answer = portal.submit(laboratory.seal(bundle("2", BORIS)))
    assert answer.json()["reports"][0]["held"] is None
    portal.catch_up()
    (one,), (other,) = rows(portal.opened.ledger, "SELECT marks FROM cabinet.reports")
    assert len(one) > 20 and len(set(one) & set(other)) <= 1
    text = str(rows(portal.opened.ledger, "SELECT r::text FROM cabinet.reports r"))
    assert "креатинин" not in text.lower()


def test_pages_follow_each_other_without_a_gap(
    portal: Portal, laboratory: Laboratory, anna: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cabinet_list, "PAGE", 2)
    ids = [sent(portal, laboratory, str(n), effectiveDateTime=f"2026-0{n}-01") for n in range(1, 6)]
    for report_id in ids[:3]:
        anna.get(f"/reports/{report_id}")
    portal.catch_up()
    seen: list[str] = []
    path: str | None = "/reports"
    while path:
        page = anna.get(path)
        seen += listed(page)
        following = re.search(r'href="(/reports\?after=[^"]+)"', page.text)
        path = following[1] if following else None
    assert seen == [ids[4], ids[3], ids[2], ids[1], ids[0]]
    page = anna.post("/reports/search", q="креатинин")
    after = re.search(r'name="after" value="([^"]+)"', page.text)
    assert after is not None and listed(page) == [ids[4], ids[3]]
    assert found(anna, "креатинин", after=after[1]) == [ids[2], ids[1]]
    assert code_of(anna.get("/reports?after=nonsense")) == "request-malformed"


def test_a_guardian_finds_only_what_is_open_to_them(
    portal: Portal, laboratory: Laboratory, anna: Person
) -> None:
    thyroid = sent(portal, laboratory, "1", code=THYROID)
    sent(portal, laboratory, "2", category=GENES)
    sent(portal, laboratory, "3")
    limits = Limits(sections=frozenset({StudyType.HORMONES}), wish=NOTHING_KEPT, departments={})
    page = page_of(portal.opened.ledger, anna.patient_id, Wanted(), limits)
    assert [str(row.report.report_id) for row in page.rows] == [thyroid]
    assert page.new_count == 1


def test_a_first_page_is_light(portal: Portal, laboratory: Laboratory, anna: Person) -> None:
    """The page, its style and its icons, compressed as a proxy does; the font is fetched once and kept apart."""
    for number in range(3):
        sent(portal, laboratory, str(number))
    page = anna.get("/reports").text
    whole = page + (page[page.index('<ul class="rows">') :] * 16)
    weight = sum(
        len(gzip.compress(part, 6))
        for part in (
            whole.encode(),
            (STATIC / "portal.css").read_bytes(),
            (STATIC / "icons.svg").read_bytes(),
            (STATIC / "manifest.webmanifest").read_bytes(),
        )
    )
    assert weight < 60_000


def test_a_day_of_the_month_is_kept_only_as_a_mark(
    portal: Portal, laboratory: Laboratory, anna: Person
) -> None:
    sent(portal, laboratory, "1", effectiveDateTime="2019-03-17")
    assert rows(portal.opened.ledger, "SELECT month FROM cabinet.reports") == [(date(2019, 3, 1),)]
