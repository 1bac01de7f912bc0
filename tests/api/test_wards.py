"""Guardians at their browsers: what they may see and do for a ward, and that it ends when it ends."""

from datetime import date
from typing import Any
from uuid import uuid4

import pytest

from domain.consent import ConsentGranted
from domain.guardianship import GuardianshipEnd, GuardianshipRequested
from domain.linkage import OrganisationLinked
from domain.reading import AccessLogRead, ReadingPurpose, ReportRead, ReportsListed
from domain.study_type import StudyType
from ledger import guardianship
from ledger.guardianship_streams import guardianship_stream
from tests.api.cast import ANNA, BORIS, Laboratory, Person, Portal, code_of, settle, who
from tests.api.ward_cast import (
    BLOOD,
    DRUGS,
    MISHA,
    OPERATOR,
    TODAY,
    Family,
    family,
    form_of,
    receives,
    sent,
    token_of,
)


@pytest.fixture(autouse=True)
def _day(monkeypatch: pytest.MonkeyPatch) -> None:
    on(TODAY, monkeypatch)


def on(day: date, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guardianship, "today", lambda: day)


@pytest.fixture
def anna(portal: Portal) -> Person:
    return portal.person(ANNA)


@pytest.fixture
def household(portal: Portal, anna: Person) -> Family:
    return family(portal, anna)


def grown(portal: Portal, anna: Person, child: Any, laboratory: Laboratory) -> tuple[Family, Person]:
    """A child with a cabinet and a phone of their own, and the mother who represents them."""
    teen = portal.person(child).register()
    settle(portal.opened, teen.patient_id, child, laboratory.laboratory_id)
    return family(portal, anna, child), teen


# Asking


def test_a_mother_asks_by_the_page_and_an_operator_finds_it(portal: Portal, anna: Person) -> None:
    anna.register()
    settle(portal.opened, anna.patient_id, ANNA, None)
    answer = anna.post("/wards/new", **form_of(MISHA))
    assert answer.headers["location"] == "/wards?notice=guardianship-requested"
    portal.catch_up()
    page = anna.get("/wards?notice=guardianship-requested").text
    assert "Михаил Соколов" in page and "На проверке" in page and "Открыть кабинет" not in page
    (asked,) = portal.events(GuardianshipRequested)
    assert asked.circumstances.actor == f"patient:{anna.patient_id}"


def test_every_wrong_field_of_a_request_is_named_at_once(portal: Portal, anna: Person) -> None:
    anna.register()
    settle(portal.opened, anna.patient_id, ANNA, None)
    answer = anna.post("/wards/new", capacity="minor", birth_date="31.02.2019", snils="1", policy="2")
    assert answer.status_code == 422
    assert "Фамилия подопечного: Поле не заполнено." in answer.text, "the list says of which field"
    for field in (
        "kind",
        "family",
        "given",
        "birth_date",
        "sex",
        "snils",
        "policy",
        "document",
        "document_number",
    ):
        assert f'id="{field}-error"' in answer.text, field
    assert portal.events(GuardianshipRequested) == []


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"snils": ANNA.snils}, "ward-own"),
        ({"birth_date": "23.11.2008"}, "ward-of-age"),
        ({"capacity": "incapable"}, "guardianship-kind-unfit"),
    ],
)
def test_who_can_not_be_represented_so_is_refused_with_the_field(
    portal: Portal, anna: Person, changed: dict[str, str], code: str
) -> None:
    anna.register()
    settle(portal.opened, anna.patient_id, ANNA, None)
    answer = anna.post("/wards/new", **form_of(MISHA) | changed)
    assert code in answer.text and answer.status_code in (409, 422)


def test_the_answer_does_not_tell_whether_the_ward_has_a_cabinet(portal: Portal, anna: Person) -> None:
    anna.register()
    settle(portal.opened, anna.patient_id, ANNA, None)
    known, unknown = who(8, birth_date="2019-05-17"), who(9, birth_date="2019-05-17")
    settle(portal.opened, portal.person(known).register().patient_id, known, None)
    answers = [anna.post("/wards/new", **form_of(child, given="Лев")) for child in (known, unknown)]
    assert answers[0].headers["location"] == answers[1].headers["location"]
    portal.catch_up()
    assert anna.get("/wards").text.count("На проверке") == 2


def test_before_confirmation_nothing_opens(portal: Portal, anna: Person) -> None:
    anna.register()
    settle(portal.opened, anna.patient_id, ANNA, None)
    anna.post("/wards/new", **form_of(MISHA))
    portal.catch_up()
    asked = guardianship_stream(portal.opened.ledger, anna.patient_id, MISHA.snils)
    answer = anna.post(f"/wards/{asked}/enter")
    assert (answer.status_code, code_of(answer)) == (403, "guardianship-over")
    assert "Вы смотрите кабинет" not in anna.get("/reports").text


# Looking in


def test_a_mother_keeps_her_childs_cabinet_and_it_is_recorded_for_whom(
    household: Family, laboratory: Laboratory
) -> None:
    assert household.enter().headers["location"] == "/reports"
    page = household.mother.get("/services").text
    assert "Вы смотрите кабинет: Михаил, 2019" in page and "Вернуться в свой кабинет" in page
    added = household.post("/services/organisations", organisation=str(laboratory.laboratory_id))
    assert added.status_code == 303
    granted = household.post("/consents/results-transfer/grant", read="yes", version="1")
    assert granted.status_code == 303, granted.text
    mother, ward = f"patient:{household.mother.patient_id}", f"patient:{household.ward_id}"
    for recorded in (
        household.portal.events(OrganisationLinked)[-1],
        [one for one in household.portal.events(ConsentGranted) if one.event.patient_id == household.ward_id][
            -1
        ],
    ):
        assert recorded.event.patient_id == household.ward_id
        assert (recorded.circumstances.actor, recorded.circumstances.on_behalf_of) == (mother, ward)


def test_a_mother_reads_and_the_access_log_says_by_what_right(
    household: Family, laboratory: Laboratory
) -> None:
    receives(household, laboratory)
    report_id = sent(household, laboratory, "1", MISHA, BLOOD)
    assert household.mother.get(f"/reports/{report_id}").status_code == 404
    household.enter()
    assert "Общий анализ крови" in household.mother.get("/reports").text
    assert household.mother.get(f"/reports/{report_id}").status_code == 200
    household.portal.catch_up()
    page = household.mother.get("/access").text
    assert "Мать или отец" in page and "Законный представитель" in page and "Общий анализ крови" in page
    for kind in (ReportsListed, ReportRead, AccessLogRead):
        recorded = household.portal.events(kind)[-1]
        assert recorded.event.purpose is ReadingPurpose.LEGAL_REPRESENTATIVE
        assert recorded.event.patient_id == household.ward_id
        assert recorded.circumstances.on_behalf_of == f"patient:{household.ward_id}"
    left = household.post("/wards/leave")
    assert left.headers["location"] == "/wards?notice=ward-left"
    assert household.mother.get(f"/reports/{report_id}").status_code == 404


def test_the_account_stays_the_mothers_own(household: Family) -> None:
    household.enter()
    assert "Вы смотрите кабинет" in household.mother.get("/wards").text
    assert household.mother.get("/account").status_code in (200, 303)
    assert household.post("/sign-out").headers["location"].startswith("/sign-in")


def test_who_the_ward_is_can_not_be_changed_by_a_guardian(household: Family) -> None:
    household.enter()
    for path in ("/services/profile", "/no-such-page"):
        assert household.mother.get(path).status_code in (403, 404)
    answer = household.post("/services/profile", birth_date="17.05.2024")
    assert (answer.status_code, code_of(answer)) == (403, "not-for-a-ward")


def test_a_form_of_one_cabinet_does_nothing_in_another(household: Family) -> None:
    own = token_of(household.mother)
    household.enter()
    consented = len(household.portal.events(ConsentGranted))
    answer = household.mother.client.post(
        "/consents/results-transfer/grant", data={"csrf": own, "read": "yes", "version": "1"}
    )
    assert (answer.status_code, code_of(answer)) == (409, "cabinet-changed")
    wards = household.token()
    household.post("/wards/leave")
    answer = household.mother.client.post(
        "/consents/results-transfer/withdraw", data={"csrf": wards, "read": "yes", "version": "1"}
    )
    assert (answer.status_code, code_of(answer)) == (409, "cabinet-changed")
    assert len(household.portal.events(ConsentGranted)) == consented


# The end


def test_who_represents_nobody_any_more_is_out_at_once_and_not_in_her_own_cabinet(
    household: Family, laboratory: Laboratory
) -> None:
    household.enter()
    token = household.token()
    ledger = household.portal.opened.ledger
    guardianship.end(ledger, household.guardianship_id, GuardianshipEnd.REVOKED_BY_COURT, OPERATOR)
    last = ledger.last_position()
    form = {"csrf": token, "organisation": str(laboratory.laboratory_id)}
    answer = household.mother.client.post("/services/organisations", data=form)
    assert (answer.status_code, code_of(answer)) == (403, "guardianship-over")
    assert ledger.last_position() == last
    assert "Вы смотрите кабинет" not in household.mother.get("/reports").text
    household.portal.catch_up()
    assert "Прекращено решением суда" in household.mother.get("/wards").text


def test_a_mother_gives_up(household: Family) -> None:
    household.enter()
    answer = household.post(f"/wards/{household.guardianship_id}/give-up")
    assert answer.headers["location"] == "/wards?notice=guardianship-given-up"
    assert household.mother.get("/reports").status_code == 200
    assert "Вы смотрите кабинет" not in household.mother.get("/wards").text


def test_the_day_of_fifteen_closes_the_cabinet_and_eighteen_ends_it(
    household: Family, laboratory: Laboratory, monkeypatch: pytest.MonkeyPatch
) -> None:
    receives(household, laboratory)
    blood = sent(household, laboratory, "1", MISHA, BLOOD)
    drugs = sent(household, laboratory, "2", MISHA, DRUGS)
    household.enter()
    for day, seen in ((date(2034, 5, 16), [200, 200]), (date(2034, 5, 17), [404, 200])):
        on(day, monkeypatch)
        assert [household.mother.get(f"/reports/{one}").status_code for one in (blood, drugs)] == seen
    # She may look, and no more decide.
    answer = household.post("/consents/results-transfer/withdraw")
    assert (answer.status_code, code_of(answer)) == (403, "not-for-a-ward")
    on(date(2035, 5, 17), monkeypatch)
    answer = household.mother.get(f"/reports/{drugs}")
    assert (answer.status_code, code_of(answer)) == (403, "guardianship-over")


# Hidden sections


def test_what_is_hidden_is_not_found_and_not_counted(household: Family, laboratory: Laboratory) -> None:
    receives(household, laboratory)
    blood, drugs = (
        sent(household, laboratory, "1", MISHA, BLOOD),
        sent(household, laboratory, "2", MISHA, DRUGS),
    )
    unknown = sent(household, laboratory, "3", MISHA, {"code": {"text": "Нечто"}})
    ledger = household.portal.opened.ledger
    guardianship.close(ledger, household.guardianship_id, frozenset({StudyType.TOXICOLOGY}), OPERATOR)
    household.enter()
    page = household.mother.get("/reports").text
    assert "Общий анализ крови" in page and "токсикологические" not in page and "Нечто" not in page
    assert household.portal.events(ReportsListed)[-1].event.count == 1
    seen, nobodys = household.mother.get(f"/reports/{drugs}"), household.mother.get(f"/reports/{uuid4()}")
    assert seen.status_code == nobodys.status_code == 404 and code_of(seen) == code_of(nobodys)
    assert household.mother.get(f"/reports/{blood}").status_code == 200
    assert household.mother.get(f"/reports/{unknown}").status_code == 404
    for path in ("/notifications", "/access", "/services/receiving/check-list"):
        answer = household.mother.get(path)
        assert answer.status_code == 200 and "токсиколог" not in answer.text.casefold(), path
    assert household.portal.events(ReportsListed)[-1].event.count == 1


def test_from_fifteen_the_ward_opens_and_closes_sections(
    portal: Portal, anna: Person, laboratory: Laboratory, monkeypatch: pytest.MonkeyPatch
) -> None:
    child = who(16, family="Соколова", given="Вера", birth_date="2010-01-10")
    found, teen = grown(portal, anna, child, laboratory)
    report_id = sent(found, laboratory, "1", child, BLOOD)
    assert code_of(found.enter()) == "guardianship-over"
    page = teen.get("/guardians").text
    assert "Мать или отец" in page and "Что показать" in page
    path = f"/guardians/{found.guardianship_id}/sections"
    assert teen.post(path, **{"section-blood-count": "yes"}).headers["location"].startswith("/guardians")
    assert found.enter().status_code == 303
    assert anna.get(f"/reports/{report_id}").status_code == 200
    assert teen.post(path).status_code == 303
    assert code_of(anna.get(f"/reports/{report_id}")) == "guardianship-over"
    portal.catch_up()
    assert "Законный представитель" in teen.get("/access").text


def test_a_younger_ward_does_not_decide(portal: Portal, anna: Person, laboratory: Laboratory) -> None:
    child = who(12, family="Соколова", given="Вера", birth_date="2012-01-10")
    found, teen = grown(portal, anna, child, laboratory)
    answer = teen.post(f"/guardians/{found.guardianship_id}/sections", **{"section-genetics": "yes"})
    assert (answer.status_code, code_of(answer)) == (409, "ward-does-not-decide")
    assert "решает закон" in teen.get("/guardians").text


# Other people's


def test_another_persons_guardianship_is_not_there(household: Family) -> None:
    boris = household.portal.person(BORIS).register()
    for guardianship_id in (household.guardianship_id, uuid4()):
        assert boris.get(f"/wards/{guardianship_id}").status_code == 404
        for act in (f"/wards/{guardianship_id}/enter", f"/wards/{guardianship_id}/give-up"):
            assert boris.post(act).status_code == 404
        assert boris.post(f"/guardians/{guardianship_id}/sections").status_code == 404
    # Nor does the mother decide in the child's stead what she herself may see.
    assert household.post(f"/guardians/{household.guardianship_id}/sections").status_code == 404
    household.enter()
    assert household.post(f"/guardians/{household.guardianship_id}/sections").status_code == 404


def test_a_policy_is_linked_for_a_ward_by_a_code_to_the_mothers_phone(portal: Portal, anna: Person) -> None:
    found = family(portal, anna, policy=None)
    found.enter()
    assert found.post("/services/policy", kind="enp", number=MISHA.enp).status_code == 303
    assert found.post("/services/policy/code", code=anna.code()).headers["location"].startswith("/services")
    assert portal.opened.ledger.find("enp", MISHA.enp) == found.ward_id
