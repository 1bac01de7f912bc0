"""One result's pages over HTTP: the sheet, its versions, what changed between them, and how it is recorded."""

from typing import Any
from uuid import UUID

import pytest

from domain.consent import ConsentKind
from domain.reading import Medium, ReadingPurpose, ReportRead
from domain.study_type import StudyType
from ledger import guardianship
from tests.api import ward_cast
from tests.api.cast import ANNA, Laboratory, Person, Portal, bundle, code_of, settle, who, withdraw
from tests.api.test_report_list import GENES


@pytest.fixture
def anna(portal: Portal, laboratory: Laboratory) -> Person:
    person = portal.person().register()
    settle(portal.opened, person.patient_id, ANNA, laboratory.laboratory_id)
    return person


def sent(portal: Portal, laboratory: Laboratory, value: str, **changed: Any) -> UUID:
    (answer,) = portal.submit(laboratory.seal(bundle("1", value=value, **changed))).json()["reports"]
    portal.catch_up()
    return UUID(answer["id"])


def test_a_corrected_result_shows_the_former_value_beside_the_new_one(
    anna: Person, portal: Portal, laboratory: Laboratory
) -> None:
    sent(portal, laboratory, "72.50")
    report_id = sent(portal, laboratory, "92.50", status="corrected", issued="2026-11-22T16:00:00+03:00")
    page = anna.get(f"/reports/{report_id}").text
    assert "Что изменилось по сравнению с версией 1" in page
    assert "<s>72,50\u00a0мкмоль/л</s>" in page and "<strong>92,50\u00a0мкмоль/л</strong>" in page
    assert 'class="bar-mark"' in page and f'href="/reports/{report_id}/versions/1"' in page
    reading = portal.events(ReportRead)[-1].event
    assert (reading.report_version, reading.medium, reading.purpose) == (
        2,
        Medium.PAGE,
        ReadingPurpose.OWN_CABINET,
    )
    assert reading.rendering is not None and reading.rendering.locale == "ru"


def test_an_earlier_version_is_shown_and_plainly_marked(
    anna: Person, portal: Portal, laboratory: Laboratory
) -> None:
    sent(portal, laboratory, "72.50")
    report_id = sent(portal, laboratory, "92.50", status="corrected", issued="2026-11-22T16:00:00+03:00")
    page = anna.get(f"/reports/{report_id}/versions/1").text
    assert "Это версия 1, она уже не действует" in page and "72,50" in page and "92,50" not in page
    assert portal.events(ReportRead)[-1].event.report_version == 1
    for wrong in ("0", "3", "-1"):
        assert code_of(anna.get(f"/reports/{report_id}/versions/{wrong}")) == "not-found"
    stranger = portal.person(who(7)).register()
    assert code_of(stranger.get(f"/reports/{report_id}/versions/1")) == "not-found"
    assert code_of(anna.get(f"/reports/{anna.patient_id}")) == "not-found", "the id of something else"


def test_any_two_versions_are_compared_and_both_are_recorded_as_read(
    anna: Person, portal: Portal, laboratory: Laboratory
) -> None:
    for hour, value in enumerate(("71.00", "72.00", "73.00")):
        report_id = sent(
            portal, laboratory, value, status="corrected" if hour else "final",
            issued=f"2026-11-22T{14 + hour}:00:00+03:00",
        )  # fmt: skip
    page = anna.get(f"/reports/{report_id}/versions/3?against=1").text
    assert "Что изменилось от версии 1 к версии 3" in page and "<s>71,00\u00a0мкмоль/л</s>" in page
    read = [(one.event.report_version, one.event.medium) for one in portal.events(ReportRead)]
    assert read == [(1, Medium.COMPARISON), (3, Medium.PAGE)]


def test_a_late_older_version_is_named_as_such_and_changes_nothing(
    anna: Person, portal: Portal, laboratory: Laboratory
) -> None:
    sent(portal, laboratory, "92.50", issued="2026-11-22T16:00:00+03:00")
    report_id = sent(portal, laboratory, "72.50", status="preliminary", issued="2026-11-22T12:00:00+03:00")
    page = anna.get(f"/reports/{report_id}").text
    assert (
        "92,50" in page and "пришла позже и не заменила более новую" in page and "Что изменилось" not in page
    )


def test_of_a_held_version_neither_page_nor_comparison_says_anything(
    anna: Person, portal: Portal, laboratory: Laboratory
) -> None:
    sent(portal, laboratory, "72.50")
    withdraw(portal.opened, anna.patient_id, ConsentKind.RESULTS_TRANSFER)
    report_id = sent(portal, laboratory, "92.50", status="corrected", issued="2026-11-22T16:00:00+03:00")
    page = anna.get(f"/reports/{report_id}").text
    assert "72,50" in page and "92,50" not in page and "прислала более новую версию" in page
    assert code_of(anna.get(f"/reports/{report_id}/versions/2")) == "not-found"
    assert code_of(anna.get(f"/reports/{report_id}/versions/1?against=2")) == "not-found"


def test_why_there_is_no_value_is_said_in_the_readers_words(
    anna: Person, portal: Portal, laboratory: Laboratory
) -> None:
    absent = {
        "coding": [{"system": "http://terminology.hl7.org/CodeSystem/data-absent-reason", "code": "error"}]
    }
    content = bundle("1").replace(
        b'"valueQuantity":{"value":72.50,"unit":"\xd0\xbc\xd0\xba\xd0\xbc\xd0\xbe\xd0\xbb\xd1\x8c/\xd0\xbb"}',
        b'"dataAbsentReason":{"coding":[{"system":"%s","code":"error"}]}'
        % absent["coding"][0]["system"].encode(),
    )
    (answer,) = portal.submit(laboratory.seal(content)).json()["reports"]
    portal.catch_up()
    assert "Ошибка измерения" in anna.get(f"/reports/{answer['id']}").text
    assert "Error of measurement" in anna.get(f"/reports/{answer['id']}?lang=en").text


def test_an_earlier_version_of_a_closed_section_is_not_there_for_a_guardian(
    portal: Portal, laboratory: Laboratory
) -> None:
    household = ward_cast.family(portal, portal.person(ANNA))
    ward_cast.receives(household, laboratory)
    panel = {"code": {"text": "Панель 7"}}
    first = panel | {"category": GENES}
    report_id = ward_cast.sent(household, laboratory, "1", ward_cast.MISHA, first)
    position = portal.opened.ledger.last_position()
    blood = [{"coding": [GENES[0]["coding"][0] | {"code": "HM"}]}]
    later = panel | {"category": blood, "status": "corrected", "value": "90.00"}
    assert ward_cast.sent(household, laboratory, "1", ward_cast.MISHA, later) == report_id
    closed = frozenset({StudyType.GENETICS})
    guardianship.close(portal.opened.ledger, household.guardianship_id, closed, ward_cast.OPERATOR)
    household.enter()
    assert household.mother.get(f"/reports/{report_id}").status_code == 200
    for path in ("versions/1", "versions/2?against=1", "pdf?version=1", f"as-of/{position}"):
        answer = household.mother.get(f"/reports/{report_id}/{path}")
        assert (answer.status_code, code_of(answer)) == (404, "not-found"), path
    assert [one.event.report_version for one in portal.events(ReportRead)] == [2]
