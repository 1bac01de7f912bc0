"""Which organisations a patient has, and which of those that are awaited are connected by now."""

from uuid import UUID

from domain.laboratory import LaboratoryOidStated, LaboratoryRegistered
from domain.linkage import (
    LinkageStatus,
    OrganisationAwaited,
    OrganisationConnected,
    OrganisationLinked,
    OrganisationUnlinked,
)
from domain.values import LaboratoryId, OrganisationId
from ledger.store import Ledger
from projections.follow import Follower
from projections.organisations import ORGANISATIONS, AwaitedRow, connectable, organisations_of
from projections.rebuild import check
from tests.examples import ANNA, BORIS
from tests.scenario import recorded

LABORATORY, OTHER = UUID(int=11), UUID(int=12)
AWAITED_ID = OrganisationId(UUID(int=21))
OID = "1.2.643.5.1"
NUMBERS = {"inn": "7707083893", "ogrn": "1027700132195"}
AWAITED = OrganisationAwaited(patient_id=ANNA, organisation_id=AWAITED_ID, oid=OID, **NUMBERS)
REGISTERED = LaboratoryRegistered(handle="one", name="Лаборатория", **NUMBERS)


def test_what_is_awaited_is_connectable_once_it_is_registered(ledger: Ledger, follower: Follower) -> None:
    recorded(ledger, UUID(int=1), AWAITED)
    recorded(ledger, OTHER, LaboratoryRegistered(handle="x", name="x", inn="1", ogrn=NUMBERS["ogrn"]))
    assert follower.catch_up()
    assert connectable(ledger) == []
    recorded(ledger, LABORATORY, REGISTERED)
    assert follower.catch_up()
    expected = AwaitedRow(ANNA, AWAITED_ID, LaboratoryId(LABORATORY))
    assert connectable(ledger) == [expected]
    recorded(ledger, LABORATORY, LaboratoryOidStated(oid="1.2.643.5.9"))
    assert follower.catch_up()
    assert connectable(ledger) == [], "another code of the registry is another organisation"
    recorded(ledger, LABORATORY, LaboratoryOidStated(oid=OID))
    assert follower.catch_up()
    assert connectable(ledger) == [expected]
    assert connectable(ledger, after=(ANNA, AWAITED_ID)) == []


def test_a_connected_one_stands_there_as_its_laboratory_alone(ledger: Ledger, follower: Follower) -> None:
    linked_id = OrganisationId(LABORATORY)
    recorded(ledger, LABORATORY, REGISTERED)
    recorded(
        ledger,
        UUID(int=1),
        AWAITED,
        OrganisationConnected(
            patient_id=ANNA, organisation_id=AWAITED_ID, laboratory_id=LaboratoryId(LABORATORY)
        ),
    )
    linked = OrganisationLinked(patient_id=ANNA, organisation_id=linked_id, oid=OID)
    recorded(
        ledger, UUID(int=2), linked, OrganisationUnlinked(patient_id=ANNA, organisation_id=linked_id), linked
    )
    assert follower.catch_up()
    (row,) = organisations_of(ledger, ANNA)
    assert (row.organisation_id, row.status, row.name, row.oid) == (
        linked_id,
        LinkageStatus.LINKED,
        "Лаборатория",
        OID,
    )
    assert organisations_of(ledger, BORIS) == []


def test_the_rebuilt_view_is_the_same(ledger: Ledger, follower: Follower, owner: Ledger) -> None:
    recorded(ledger, LABORATORY, REGISTERED, LaboratoryOidStated(oid=OID))
    recorded(ledger, UUID(int=1), AWAITED, OrganisationUnlinked(patient_id=ANNA, organisation_id=AWAITED_ID))
    assert follower.catch_up()
    assert check(owner, ORGANISATIONS).is_equal
