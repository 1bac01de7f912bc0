"""Numbers that no database and no int of Python can hold name nothing: no page fails over them."""

import pytest

from domain.staff import Role
from projections import cabinet
from tests.api.cast import ANNA, Laboratory, Person, Portal, bundle, settle
from tests.api.route_table import ROWS, STAFF_ROWS, addressed
from tests.api.staff_cast import Clock, Member

LONG = ("9" * 25, "9" * 5000, "0" * 5000)
NUMBERS = ("position", "version", "number", "place", "referral")


@pytest.fixture
def anna(portal: Portal, laboratory: Laboratory) -> Person:
    person = portal.person(ANNA).register()
    settle(portal.opened, person.patient_id, ANNA, laboratory.laboratory_id)
    portal.submit(laboratory.seal(bundle("Л-1")))
    portal.catch_up()
    return person


def test_a_long_number_in_an_address_names_nothing(portal: Portal, anna: Person) -> None:
    (row,) = cabinet.reports_of(portal.opened.ledger, anna.patient_id)
    tried = 0
    for _, method, path in ROWS + STAFF_ROWS:
        for number in LONG:
            ids = dict.fromkeys(NUMBERS, number) | {"report_id": str(row.report_id)}
            address = addressed(path, ids)
            if number in address:
                answer = anna.post(address) if method == "POST" else anna.get(address)
                assert answer.status_code in (200, 303, 404), (method, path, number[:1], len(number))
                tried += 1
    assert tried >= 12


def test_a_long_number_in_a_field_of_staff_is_told_to_be_wrong(portal: Portal, clock: Clock) -> None:
    auditor = Member(portal, clock, "agata").enrolled(Role.AUDITOR)
    for number in LONG:
        for address in (
            "history?after=",
            "history?before=",
            "replay?at=",
            "replay?other=",
            "decisions?after=",
        ):
            assert auditor.get(f"/staff/{address}{number}").status_code in (200, 400), address
