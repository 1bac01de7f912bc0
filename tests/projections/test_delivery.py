"""Every notification is in one state, and what is due is found."""

from dataclasses import replace
from datetime import datetime, timedelta
from functools import reduce
from uuid import UUID

import pytest

from domain import Event, notification
from domain.notification import NotificationHandedOver
from ledger.store import Ledger
from projections import delivery
from projections.follow import Follower
from tests.examples import ANNA, ATTEMPTED, BORIS, FAILED, LATER, NOON, NOTICE, REPORT, REQUESTED, SUPPRESSED, UNKNOWN
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


@pytest.mark.parametrize("history", HISTORIES.values(), ids=HISTORIES)
def test_the_row_says_what_the_rules_see(ledger: Ledger, follower: Follower, history: tuple[Event, ...]) -> None:
    recorded(ledger, NOTICE, *history)
    follower.catch_up()
    (row,) = delivery.notifications_of(ledger, ANNA)
    state = reduce(notification.evolve, history, None)  # type: ignore[arg-type]
    assert state is not None
    assert (row.status, row.attempt, row.due_at) == (state.status, state.attempt, state.due_at)
    assert (row.notification_id, row.report_id, row.report_version) == (NOTICE, REPORT, 1)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("requested", None),
        ("requested, then suppressed", "email-missing"),
        ("waiting", "mailbox-full"),
        ("unknown", "worker-lost"),
        ("tried again", None),
        ("handed over", None),
    ],
)
def test_the_row_says_why(ledger: Ledger, follower: Follower, name: str, reason: str | None) -> None:
    recorded(ledger, NOTICE, *HISTORIES[name])
    follower.catch_up()
    assert delivery.notifications_of(ledger, ANNA)[0].reason == reason


@pytest.mark.parametrize(
    ("name", "now", "is_due"),
    [
        ("requested", NOON, True),
        ("attempted", LATER - SECOND, False),
        ("attempted", LATER, True),
        ("waiting", LATER - SECOND, False),
        ("waiting", LATER, True),
        ("tried again", LATER, False),
        ("suppressed", LATER, False),
        ("handed over", LATER, False),
        ("failed", LATER, False),
        ("unknown", LATER, False),
    ],
)
def test_what_is_due_is_found_and_nothing_else(
    ledger: Ledger, follower: Follower, name: str, now: datetime, *, is_due: bool
) -> None:
    recorded(ledger, NOTICE, *HISTORIES[name])
    follower.catch_up()
    found = [row.notification_id for row in delivery.due(ledger, now=now)]
    assert found == ([NOTICE] if is_due else [])


def test_what_was_never_tried_comes_first_then_the_longest_waiting(ledger: Ledger, follower: Follower) -> None:
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
