"""A cabinet takes results from an organisation from the link until the unlinking."""

from domain import linkage
from domain.linkage import (
    DepartmentChosen,
    OrganisationAwaited,
    OrganisationConnected,
    OrganisationLinked,
    OrganisationUnlinked,
)
from tests.examples import ANNA, CLINIC, INVITRO
from tests.scenario import given

LINKED = OrganisationLinked(patient_id=ANNA, organisation_id=CLINIC)
UNLINKED = OrganisationUnlinked(patient_id=ANNA, organisation_id=CLINIC)
WHOM = {"patient_id": ANNA, "organisation_id": CLINIC}


def test_an_organisation_is_linked() -> None:
    given().when(linkage.link, **WHOM).then(LINKED)


def test_linking_twice_changes_nothing() -> None:
    given(LINKED).when(linkage.link, **WHOM).then_nothing()


def test_an_organisation_is_unlinked() -> None:
    given(LINKED).when(linkage.unlink).then(UNLINKED)


def test_unlinking_what_is_not_linked_changes_nothing() -> None:
    given().when(linkage.unlink).then_nothing()
    given(LINKED, UNLINKED).when(linkage.unlink).then_nothing()


def test_an_organisation_can_be_linked_again() -> None:
    given(LINKED, UNLINKED).when(linkage.link, **WHOM).then(LINKED)


AWAITED = OrganisationAwaited(
    patient_id=ANNA, organisation_id=CLINIC, oid="1.2.643.5.1", inn="7707083893", ogrn="1027700132195"
)
CONNECTED = OrganisationConnected(patient_id=ANNA, organisation_id=CLINIC, laboratory_id=INVITRO)


def test_a_department_is_chosen_with_the_link_and_can_be_changed() -> None:
    chosen, other = DepartmentChosen(code="04"), DepartmentChosen(code="05")
    given().when(linkage.link, **WHOM, department="04").then(LINKED, chosen)
    given(LINKED, chosen).when(linkage.link, **WHOM, department="05").then(other)
    for said in ("04", None):
        given(LINKED, chosen).when(linkage.link, **WHOM, department=said).then_nothing()
    given(LINKED, chosen, UNLINKED).when(linkage.link, **WHOM).then(LINKED)
    assert linkage.evolve(linkage.evolve(linkage.evolve(None, LINKED), chosen), LINKED).department is None
    given(AWAITED).when(linkage.wait_for, awaited=AWAITED, department="04").then(chosen)


def test_an_organisation_that_is_not_connected_is_awaited_once() -> None:
    given().when(linkage.wait_for, awaited=AWAITED).then(AWAITED)
    given(AWAITED).when(linkage.wait_for, awaited=AWAITED).then_nothing()
    given(AWAITED, UNLINKED).when(linkage.wait_for, awaited=AWAITED).then(AWAITED)


def test_what_is_awaited_takes_no_results() -> None:
    assert not linkage.evolve(None, AWAITED).linked
    assert not linkage.evolve(linkage.evolve(None, AWAITED), CONNECTED).linked


def test_what_is_awaited_is_connected_once_and_nothing_else_is() -> None:
    given(AWAITED).when(linkage.connect, laboratory_id=INVITRO).then(CONNECTED)
    given(AWAITED, CONNECTED).when(linkage.connect, laboratory_id=INVITRO).then_nothing()
    given(AWAITED, UNLINKED).when(linkage.connect, laboratory_id=INVITRO).then_nothing()
    given(LINKED).when(linkage.connect, laboratory_id=INVITRO).then_nothing()
    given().when(linkage.connect, laboratory_id=INVITRO).then_nothing()


def test_who_gives_up_waiting_is_unlinked() -> None:
    given(AWAITED).when(linkage.unlink).then(UNLINKED)
    given(AWAITED, CONNECTED).when(linkage.unlink).then_nothing()
