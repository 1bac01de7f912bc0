"""Every page of the portal, tried by who may not look into a ward's cabinet: nothing is shown, done or given away.

A new route fails here until it stands in route_table.py: decide whose page it is while a guardian looks into a ward's
cabinet (api/portal/ward_access.py), and say it.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import UUID, uuid4

import httpx2
import pytest
from fastapi import FastAPI

from api.app import _PORTAL
from api.portal import ward_access
from api.portal.ward_access import Place, place_of
from domain.guardianship import GuardianshipEnd, GuardianshipKind
from domain.study_type import StudyType
from ledger import guardianship
from tests.api.cast import ANNA, BORIS, Laboratory, Person, Portal, code_of, settle, who
from tests.api.route_table import ROWS, addressed, answered
from tests.api.ward_cast import (
    BLOOD,
    DRUGS,
    MISHA,
    OPERATOR,
    TODAY,
    Family,
    described,
    family,
    receives,
    sent,
    token_of,
)

# What else stands in an address of a report: the same whichever report is asked for.
OTHER = {"notification_id": str(UUID(int=1))}
OWN = {(method, path) for place, method, path in ROWS if place == "own"}


def portal_routes() -> set[tuple[str, str]]:
    app = FastAPI(openapi_url=None)
    for module in _PORTAL:
        app.include_router(module.router)
    return answered(app)


def test_every_route_stands_in_the_table_and_no_other() -> None:
    assert {(method, path) for _, method, path in ROWS} == portal_routes()


def test_the_portal_takes_each_page_as_the_table_says() -> None:
    assert [row for row in ROWS if place_of(row[2]) is not Place(row[0])] == []


def test_pages_of_the_portal_ask_for_reports_in_the_one_place_that_knows_what_a_guardian_sees() -> None:
    portal = Path(ward_access.__file__).parent
    asking = re.compile(r"cabinet\.reports?_of\(")
    found = {path.name for path in portal.glob("*.py") if asking.search(path.read_text())}
    assert found == {"seen_reports.py"}


def ask(person: Person, method: str, path: str, token: str) -> httpx2.Response:
    form = {"csrf": token} if method == "POST" else None
    return person.client.request(method, path, data=form)


@pytest.fixture(autouse=True)
def _day(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guardianship, "today", lambda: TODAY)


@pytest.fixture
def household(portal: Portal, laboratory: Laboratory) -> Family:
    found = family(portal, portal.person(ANNA))
    receives(found, laboratory)
    return found


def looks_in(person: Person, guardianship_id: UUID) -> None:
    """As if something had let them in: the session says so, and must not be believed."""
    with person.portal.opened.ledger.pool.connection() as connection:
        connection.execute(
            "UPDATE access.sessions SET guardianship_id = %s WHERE patient_id = %s",
            (guardianship_id, person.patient_id),
        )


def stranger(found: Family) -> tuple[Person, UUID]:
    return found.portal.person(BORIS).register(), found.guardianship_id


def unconfirmed(found: Family) -> tuple[Person, UUID]:
    boris = found.portal.person(BORIS).register()
    settle(found.portal.opened, boris.patient_id, BORIS, None)
    ledger, by = found.portal.opened.ledger, found.by()
    asked = guardianship.request(ledger, boris.patient_id, GuardianshipKind.PARENT, described(MISHA), by)
    return boris, asked


def ended(found: Family) -> tuple[Person, UUID]:
    ledger = found.portal.opened.ledger
    guardianship.end(ledger, found.guardianship_id, GuardianshipEnd.REVOKED_BY_COURT, OPERATOR)
    return found.mother, found.guardianship_id


@pytest.mark.parametrize("situation", [stranger, unconfirmed, ended])
def test_who_may_not_look_in_is_shown_and_does_nothing_on_any_page(
    household: Family, laboratory: Laboratory, situation: Callable[[Family], tuple[Person, UUID]]
) -> None:
    report_id = sent(household, laboratory, "1", MISHA, BLOOD)
    person, guardianship_id = situation(household)
    token = f"{token_of(person)}.{guardianship_id.hex}"
    household.portal.catch_up()
    ledger, ids = person.portal.opened.ledger, {"report_id": report_id}
    for place, method, path in ROWS:
        if place == "own":
            continue
        looks_in(person, guardianship_id)
        last = ledger.last_position()
        address = addressed(path, ids)
        answer = ask(person, method, address, token)
        assert (answer.status_code, code_of(answer)) == (403, "guardianship-over"), f"{method} {path}"
        said = answer.text.replace(address, "")
        assert MISHA.given not in said and report_id not in said, f"{method} {path}"
        assert ledger.last_position() == last, f"{method} {path}"


def test_a_guardianship_of_others_looks_like_one_that_is_not_there(household: Family) -> None:
    boris = household.portal.person(BORIS).register()
    token, looked_at = token_of(boris), 0
    for _, method, path in ROWS:
        if "{guardianship_id}" not in path:
            continue
        theirs, nobodys = str(household.guardianship_id), str(uuid4())
        last = household.portal.opened.ledger.last_position()
        seen, unseen = (
            ask(boris, method, addressed(path, {"guardianship_id": one}), token) for one in (theirs, nobodys)
        )
        assert (seen.status_code, unseen.status_code) == (404, 404), f"{method} {path}"
        assert seen.text.replace(theirs, "") == unseen.text.replace(nobodys, ""), f"{method} {path}"
        assert household.portal.opened.ledger.last_position() == last
        looked_at += 1
    assert looked_at >= 4


def test_a_report_of_a_ward_is_not_there_for_a_stranger_nor_for_its_guardian_in_her_own_cabinet(
    household: Family, laboratory: Laboratory
) -> None:
    theirs, nobodys = sent(household, laboratory, "1", MISHA, BLOOD), str(uuid4())
    for person in (household.mother, household.portal.person(BORIS).register()):
        for path in {path for _, method, path in ROWS if method == "GET" and "{report_id}" in path}:
            seen, unseen = (
                person.get(addressed(path, {"report_id": one, **OTHER})) for one in (theirs, nobodys)
            )
            assert (seen.status_code, unseen.status_code) == (404, 404), path
            assert seen.text.replace(theirs, "") == unseen.text.replace(nobodys, ""), path


def closed_to(found: Family, places: set[str]) -> Iterator[tuple[str, str, httpx2.Response]]:
    token = token_of(found.mother)
    for place, method, path in ROWS:
        if place in places:
            last = found.portal.opened.ledger.last_position()
            yield method, path, ask(found.mother, method, addressed(path, {}), token)
            assert found.portal.opened.ledger.last_position() == last, f"{method} {path}"


def test_in_a_wards_cabinet_no_page_opens_that_is_not_for_a_guardian(household: Family) -> None:
    household.enter()
    for method, path, answer in closed_to(household, {"closed"}):
        assert (answer.status_code, code_of(answer)) == (403, "not-for-a-ward"), f"{method} {path}"
    assert household.mother.get("/consents").status_code == 200


def test_a_wards_hub_and_diagnosis_lead_nowhere_that_is_closed(household: Family) -> None:
    """Who the ward is, only an operator changes: it is no step of the guardian's."""
    household.enter()
    for page in ("/services", "/services/diagnosis"):
        main = household.mother.get(page).text.split("<main")[1]
        ways = set(re.findall(r'href="(/(?:services|account|consents|notifications)[^"#?]*)"', main))
        assert "/services/organisations" in ways, page
        for way in sorted(ways):
            assert household.mother.get(way).status_code == 200, f"{page} leads to {way}"
            assert place_of(way) is not Place.OWN, f"{page} leads to the guardian's own {way}"


def test_a_guardian_who_may_only_look_decides_nothing(portal: Portal, laboratory: Laboratory) -> None:
    child = who(16, family="Соколова", given="Вера", birth_date="2010-12-10")
    teen = portal.person(child).register()
    settle(portal.opened, teen.patient_id, child, laboratory.laboratory_id)
    found = family(portal, portal.person(ANNA), child)
    assert found.enter().headers["location"] == "/reports"
    for method, path, answer in closed_to(found, {"closed", "kept"}):
        assert (answer.status_code, code_of(answer)) == (403, "not-for-a-ward"), f"{method} {path}"
    assert found.mother.get("/reports").status_code == 200


def test_the_persons_own_pages_are_their_own_in_a_wards_cabinet(household: Family) -> None:
    household.enter()
    for method, path in sorted(OWN):
        if method == "GET" and path != "/" and "{" not in path:
            answer = household.mother.get(path)
            assert answer.status_code in (200, 303, 404, 409, 422), f"{path}: {answer.status_code}"
            assert "not-for-a-ward" not in answer.text, path


def test_that_something_came_in_a_closed_section_is_not_told_to_a_guardian_by_the_diagnosis(
    portal: Portal, laboratory: Laboratory
) -> None:
    found = family(portal, portal.person(ANNA))
    receives(found, laboratory)
    closed = frozenset({StudyType.TOXICOLOGY})
    guardianship.close(portal.opened.ledger, found.guardianship_id, closed, OPERATOR)
    found.enter()
    sent(found, laboratory, "1", MISHA, DRUGS)
    for path in ("/services/diagnosis.json", "/services/diagnosis"):
        before = found.mother.get(path)
        assert before.status_code == 200 and "results-ok" not in before.text
    assert found.mother.get("/services/diagnosis.json").json()["last_result_at"] is None
    sent(found, laboratory, "2", MISHA, BLOOD)
    assert found.mother.get("/services/diagnosis.json").json()["last_result_at"] is not None
