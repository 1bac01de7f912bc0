"""A worker finds what is due beside what it has in hand already, which the view does not know of yet."""

from dataclasses import replace
from uuid import UUID

from domain.channel import Channel
from domain.notice_hours import Wait
from domain.notification import NotificationPostponed
from ledger.store import Ledger
from projections import delivery
from projections.delivery_due import due_with
from projections.follow import Follower
from tests.examples import ANNA, BORIS, LATER, NOON, REQUESTED
from tests.scenario import recorded

ANNAS, HERS_LATER, BORISS, THIRD = (UUID(int=number) for number in (1, 2, 3, 4))


def requested(ledger: Ledger, follower: Follower) -> None:
    """Two for Anna, of which one waited until noon, and one for Boris."""
    recorded(ledger, ANNAS, replace(REQUESTED, patient_id=ANNA))
    waited = NotificationPostponed(until=NOON, waits_for=Wait.QUIET_HOURS)
    recorded(ledger, HERS_LATER, replace(REQUESTED, patient_id=ANNA), waited)
    recorded(ledger, BORISS, replace(REQUESTED, patient_id=BORIS))
    follower.catch_up()


def due(ledger: Ledger, *, limit: int, hidden: tuple[UUID, ...]) -> list[UUID]:
    rows = delivery.due(ledger, Channel.EMAIL, now=LATER, limit=limit, hidden=hidden)
    return [row.notification_id for row in rows]


def test_what_is_hidden_takes_no_place_of_what_is_due(ledger: Ledger, follower: Follower) -> None:
    requested(ledger, follower)
    assert due(ledger, limit=1, hidden=()) == [HERS_LATER], "her noon lies before today"
    assert due(ledger, limit=1, hidden=(HERS_LATER,)) == [ANNAS]
    assert due(ledger, limit=1, hidden=(HERS_LATER, ANNAS)) == [BORISS]
    assert due(ledger, limit=9, hidden=(HERS_LATER, ANNAS, BORISS)) == []


def test_what_else_is_due_to_the_same_people_leaves_out_what_is_known(
    ledger: Ledger, follower: Follower
) -> None:
    requested(ledger, follower)
    recorded(ledger, THIRD, replace(REQUESTED, patient_id=ANNA))
    follower.catch_up()
    rows = delivery.due(ledger, Channel.EMAIL, now=LATER, limit=1)
    assert [row.notification_id for row in rows] == [HERS_LATER]
    # The clock of the examples stands before today, when these were asked for.
    today = delivery.notifications_of(ledger, ANNA)[0].requested_at

    def others(*hidden: UUID) -> list[UUID]:
        found = due_with(ledger, Channel.EMAIL, rows, now=today, hidden=hidden)
        return [row.notification_id for row in found]

    assert others() == [ANNAS, THIRD]
    assert others(ANNAS) == [THIRD]
    assert others(ANNAS, THIRD) == []
