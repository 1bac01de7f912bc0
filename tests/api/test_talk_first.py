"""«Покажите мне после разговора с врачом»: what waits is nowhere told, and opens when the patient or a doctor says so."""

from typing import Any
from uuid import UUID

import pytest

from domain.reading import ReportRead
from domain.sharing import ReportsShared
from domain.talk_first import KeptReportReleased, KeptReportShown, TalkFirstChosen
from ledger import talk_first
from ledger.misfiling import ReportNotFoundError
from projections.cabinet_kept import is_kept
from tests.api.cast import ANNA, BORIS, Laboratory, Person, Portal, bundle, settle
from tests.api.test_report_list import GENES, found, listed, sent
from tests.scenario import TESTER

KEPT = "Вы просили показать его после разговора с врачом"


@pytest.fixture
def anna(portal: Portal, laboratory: Laboratory) -> Person:
    person = portal.person(ANNA).register()
    settle(portal.opened, person.patient_id, ANNA, laboratory.laboratory_id)
    portal.catch_up()
    return person


@pytest.fixture
def waiting(portal: Portal, laboratory: Laboratory, anna: Person) -> str:
    """The id of a report that waits for a talk."""
    answer = anna.post("/reports/talk-first", **{"section-genetics": "yes"})
    assert answer.headers["location"] == "/reports/talk-first?notice=talk-first-saved"
    return sent(portal, laboratory, "1", category=GENES, code={"text": "Мутация BRCA1"})


def page_of(person: Person, path: str) -> Any:
    page = person.get(path)
    assert page.status_code == 200, page.text
    return page


def test_the_choice_is_the_patients_own_and_stays(portal: Portal, anna: Person, waiting: str) -> None:
    page = page_of(anna, "/reports/talk-first")
    assert 'name="section-genetics" value="yes" checked' in page.text
    assert "Никто другой не может задержать ваш результат" in page.text
    (chosen,) = portal.events(TalkFirstChosen)
    assert chosen.circumstances.actor == f"patient:{anna.patient_id}" and chosen.key_id is not None


def test_the_list_says_that_it_is_ready_and_nothing_of_it(anna: Person, waiting: str) -> None:
    page = page_of(anna, "/reports")
    assert KEPT in page.text and "Новые результаты: 1" in page.text
    for secret in ("BRCA1", "Мутация", "1 показатель"):
        assert secret not in page.text
    assert page.text.count("Генетика") == 1, "only among the filters"
    assert f'href="/reports/{waiting}/kept"' in page.text


def test_it_is_not_found_by_what_it_says(
    portal: Portal, laboratory: Laboratory, anna: Person, waiting: str
) -> None:
    other = sent(portal, laboratory, "2")
    assert found(anna, "мутация") == [] == listed(anna.get("/reports?type=genetics"))
    assert found(anna, "креатинин") == [other]


def test_its_page_leads_to_a_calm_one_and_is_no_reading(portal: Portal, anna: Person, waiting: str) -> None:
    answer = anna.get(f"/reports/{waiting}")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/reports/{waiting}/kept")
    page = page_of(anna, f"/reports/{waiting}/kept")
    assert "Показать сейчас" in page.text and "BRCA1" not in page.text
    assert portal.events(ReportRead) == []


def test_it_goes_out_by_no_other_way(
    portal: Portal, laboratory: Laboratory, anna: Person, waiting: str
) -> None:
    other = sent(portal, laboratory, "2")
    position = portal.opened.ledger.last_position()
    kept = f"/reports/{waiting}/kept"
    share = {f"report-{waiting}": "yes", "kind": "link", "term": "7", "openings": "3", "nonce": "1"}
    for answer in (
        *(
            anna.get(f"/reports/{waiting}/{path}")
            for path in ("send", "pdf", "xml", "fhir", "original/0", "versions/1", f"as-of/{position}")
        ),
        anna.get(f"/reports/compare?a={waiting}&b={other}"),
        anna.post("/reports/archive", report=waiting),
        anna.post("/shares", **share),
    ):
        assert answer.status_code in (303, 403, 404), f"{answer.request.url}: {answer.status_code}"
        assert answer.headers.get("location", kept) == kept
        assert "BRCA1" not in answer.text
    assert portal.events(ReportRead) == [] == portal.events(ReportsShared)
    for path in ("/notifications", "/access"):
        assert "BRCA1" not in page_of(anna, path).text
    assert is_kept(portal.opened.ledger, anna.patient_id, UUID(waiting))


def test_the_patient_has_it_shown_at_once_and_that_is_recorded(
    portal: Portal, anna: Person, waiting: str
) -> None:
    answer = anna.post(f"/reports/{waiting}/show")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/reports/{waiting}")
    assert "BRCA1" in page_of(anna, f"/reports/{waiting}").text
    (shown,) = portal.events(KeptReportShown)
    assert shown.event.report_id == UUID(waiting)
    assert anna.get(f"/reports/{waiting}/kept").headers["location"] == f"/reports/{waiting}"


def test_a_doctor_releases_it_and_only_of_the_patient_whose_it_is(
    portal: Portal, anna: Person, waiting: str
) -> None:
    ledger = portal.opened.ledger
    boris = portal.person(BORIS).register()
    with pytest.raises(ReportNotFoundError):
        talk_first.release(ledger, boris.patient_id, UUID(waiting), TESTER)
    talk_first.release(ledger, anna.patient_id, UUID(waiting), TESTER)
    talk_first.release(ledger, anna.patient_id, UUID(waiting), TESTER)
    assert len(portal.events(KeptReportReleased)) == 1
    assert "BRCA1" in page_of(anna, f"/reports/{waiting}").text


def test_turning_it_off_shows_everything(anna: Person, waiting: str) -> None:
    anna.post("/reports/talk-first")
    assert listed(page_of(anna, "/reports")) == [waiting]
    assert "BRCA1" in page_of(anna, "/reports").text


def test_what_was_read_stays_open_and_its_correction_comes_at_once(
    portal: Portal, laboratory: Laboratory, anna: Person
) -> None:
    report_id = sent(portal, laboratory, "1", category=GENES, code={"text": "Мутация BRCA1"})
    page_of(anna, f"/reports/{report_id}")
    anna.post("/reports/talk-first", **{"section-genetics": "yes"})
    portal.submit(
        laboratory.seal(
            bundle("1", value="70", category=GENES, code={"text": "Мутация BRCA1"}, status="corrected")
        )
    )
    portal.catch_up()
    assert "BRCA1" in page_of(anna, "/reports").text


def test_another_patients_report_is_not_there(portal: Portal, anna: Person, waiting: str) -> None:
    boris = portal.person(BORIS).register()
    assert boris.get(f"/reports/{waiting}/kept").status_code == 404
    assert boris.post(f"/reports/{waiting}/show").status_code == 404
