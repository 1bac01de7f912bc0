"""The view of guardianships: whose they are and how they stand, the same when it is made anew."""

from uuid import UUID

from domain.guardianship import GuardianshipEnd, GuardianshipRefusal
from domain.values import PatientId
from ledger import guardianship
from ledger.store import Ledger
from projections import guardianship as view
from projections.follow import Follower
from projections.guardianship import GUARDIANSHIP
from projections.rebuild import check
from tests.ledger.test_guardianship import DAY, OPERATOR, asked, person


def confirmed(ledger: Ledger) -> tuple[UUID, PatientId, PatientId]:
    guardian_id = person(ledger)
    one = asked(ledger, guardian_id)
    return one, guardian_id, guardianship.confirm(ledger, one, OPERATOR, on=DAY)


def test_rows_follow_what_became_of_a_request(ledger: Ledger, follower: Follower) -> None:
    guardian_id = person(ledger)
    one = asked(ledger, guardian_id)
    follower.catch_up()
    assert [(row.status, row.ward_id) for row in view.relations_of_guardian(ledger, guardian_id)] == [
        ("requested", None)
    ]
    assert view.waiting(ledger) == 1
    guardianship.refuse(ledger, one, GuardianshipRefusal.NOT_ENTITLED, OPERATOR)
    asked(ledger, guardian_id)
    ward_id = guardianship.confirm(ledger, one, OPERATOR, on=DAY)
    follower.catch_up()
    (row,) = view.relations_of_ward(ledger, ward_id)
    assert (row.guardianship_id, row.guardian_id, row.status) == (one, guardian_id, "confirmed")
    assert view.waiting(ledger) == 0 and view.relation(ledger, one) == row
    guardianship.end(ledger, one, GuardianshipEnd.GIVEN_UP, OPERATOR)
    follower.catch_up()
    assert [row.status for row in view.relations_of_ward(ledger, ward_id)] == ["ended"]
    assert view.relations(ledger, "confirmed") == []


def test_the_view_made_anew_is_the_same(ledger: Ledger, owner: Ledger, follower: Follower) -> None:
    one, _, _ = confirmed(ledger)
    guardianship.end(ledger, one, GuardianshipEnd.GIVEN_UP, OPERATOR)
    follower.catch_up()
    assert check(owner, GUARDIANSHIP).is_equal
