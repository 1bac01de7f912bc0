"""A cabinet takes results from an organisation from the link until the unlinking."""

from domain import linkage
from domain.linkage import OrganisationLinked, OrganisationUnlinked
from tests.examples import ANNA, CLINIC
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
