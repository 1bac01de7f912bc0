"""Every notification is in one state, and what is due is found."""

from dataclasses import replace
from datetime import datetime, timedelta
from functools import reduce
from uuid import UUID

from domain import Event, notification
from domain.notification import NotificationHandedOver
from ledger.store import Ledger
from projections import delivery
from projections.delivery import NotificationRow
from projections.follow import Follower
from tests.examples import (
    ANNA,
    ATTEMPTED,
    BORIS,
    FAILED,
    LATER,
    NOON,
    REPORT,
    REQUESTED,
    SUPPRESSED,
    UNKNOWN,
)
from tests.scenario import recorded

SECOND = timedelta(seconds=1)
HANDED_OVER = NotificationHandedOver(attempt=1, remote_id="250 ok")
SECOND_TRY = replace(ATTEMPTED, attempt=2, lease_until=LATER + SECOND)

HISTORIES: dict[str, tuple[Event, ...]] = {
    "requested": (REQUESTED,),
    "suppressed": (SUPPRESSED,),
    "requested, then suppressed": (REQUESTED, SUPPRESSED),
    "attempted": (REQUESTED, ATTEMPTED),
    "handed over": (REQUESTED, ATTEMPTED, HANDED_OVER),
    "waiting": (REQUESTED, ATTEMPTED, FAILED),
    "failed": (REQUESTED, ATTEMPTED, replace(FAILED, retry_at=None)),
    "waiting after an unknown outcome": (REQUESTED, ATTEMPTED, UNKNOWN),
    "unknown": (REQUESTED, ATTEMPTED, replace(UNKNOWN, retry_at=None)),
    "tried again": (REQUESTED, ATTEMPTED, FAILED, SECOND_TRY),
    "suppressed while it waited": (REQUESTED, ATTEMPTED, FAILED, SUPPRESSED),
}


def followed_histories(ledger: Ledger, follower: Follower) -> dict[str, NotificationRow]:
    """Every history in a stream of its own; the row of each."""
    streams = {UUID(int=number): name for number, name in enumerate(HISTORIES, 1)}
    for stream_id, name in streams.items():
        recorded(ledger, stream_id, *HISTORIES[name])
    follower.catch_up()
    found = delivery.notifications_of(ledger, ANNA)
    assert len(found) == len(HISTORIES)
    return {streams[row.notification_id]: row for row in found}


def test_the_row_says_what_the_rules_see(ledger: Ledger, follower: Follower) -> None:
    for name, row in followed_histories(ledger, follower).items():
        state = reduce(notification.evolve, HISTORIES[name], None)  # type: ignore[arg-type]
        assert state is not None
        assert (row.status, row.attempt, row.due_at) == (state.status, state.attempt, state.due_at), name
        assert (row.report_id, row.report_version, row.channel) == (REPORT, 1, "email"), name


def test_the_row_says_why(ledger: Ledger, follower: Follower) -> None:
    found = followed_histories(ledger, follower)
    assert {name: row.reason for name, row in found.items() if row.reason is not None} == {
        "suppressed": "email-missing",
        "requested, then suppressed": "email-missing",
        "waiting": "mailbox-full",
        "failed": "mailbox-full",
        "waiting after an unknown outcome": "worker-lost",
        "unknown": "worker-lost",
        "suppressed while it waited": "email-missing",
    }


def test_what_is_due_is_found_and_nothing_else(ledger: Ledger, follower: Follower) -> None:
    names = {row.notification_id: name for name, row in followed_histories(ledger, follower).items()}

    def due(now: datetime) -> set[str]:
        return {names[row.notification_id] for row in delivery.due(ledger, now=now)}

    at_lease_end = {"requested", "attempted", "waiting", "waiting after an unknown outcome"}
    assert due(NOON) == {"requested"}
    assert due(LATER - SECOND) == {"requested"}
    assert due(LATER) == at_lease_end
    assert due(LATER + SECOND) == at_lease_end | {"tried again"}


def test_what_was_never_tried_comes_first_then_the_longest_waiting(
    ledger: Ledger, follower: Follower
) -> None:
    waiting, longer, fresh = (UUID(int=number) for number in (1, 2, 3))
    recorded(ledger, waiting, REQUESTED, ATTEMPTED, FAILED)
    recorded(ledger, longer, REQUESTED, ATTEMPTED, replace(FAILED, retry_at=NOON))
    recorded(ledger, fresh, REQUESTED)
    follower.catch_up()
    assert [row.notification_id for row in delivery.due(ledger, now=LATER)] == [fresh, longer, waiting]
    assert len(delivery.due(ledger, now=LATER, limit=2)) == 2


def test_notifications_are_those_of_one_patient_latest_first(ledger: Ledger, follower: Follower) -> None:
    for number, patient_id in enumerate((ANNA, BORIS, ANNA), 1):
        recorded(ledger, UUID(int=number), replace(REQUESTED, patient_id=patient_id))
    follower.catch_up()
    assert [row.notification_id.int for row in delivery.notifications_of(ledger, ANNA)] == [3, 1]
