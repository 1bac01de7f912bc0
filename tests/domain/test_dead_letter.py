"""What an operator may do with a notification: only what reached nobody is tried anew, and nothing under a worker."""

from collections.abc import Callable
from dataclasses import replace
from functools import reduce

import pytest

from domain import dead_letter, notification
from domain.dead_letter import NotificationNotFinalError
from domain.notice_hours import Wait
from domain.notification import (
    Notification,
    NotificationAbandoned,
    NotificationDelivered,
    NotificationEvent,
    NotificationHandedOver,
    NotificationJoined,
    NotificationPostponed,
    NotificationReturned,
)
from tests.examples import ATTEMPTED, FAILED, LATER, NOTICE, REQUESTED, SUPPRESSED, UNKNOWN

TRIED = (REQUESTED, ATTEMPTED)
TAKEN = (*TRIED, NotificationHandedOver(attempt=1, remote_id="A"))
GIVEN_UP = NotificationAbandoned(reason="by-operator")


def allows(act: Callable[[], object]) -> bool:
    try:
        act()
    except NotificationNotFinalError:
        return False
    return True


@pytest.mark.parametrize(
    ("history", "may_be_retried", "may_be_abandoned"),
    [
        ((REQUESTED,), False, True),
        ((REQUESTED, NotificationPostponed(until=LATER, waits_for=Wait.DAILY_DIGEST)), False, True),
        (TRIED, False, False),
        ((*TRIED, FAILED), False, True),
        ((*TRIED, replace(FAILED, retry_at=None)), True, True),
        ((*TRIED, replace(UNKNOWN, retry_at=None)), True, True),
        ((*TAKEN, NotificationReturned(remote_id="A", reason="5.1.1")), True, True),
        ((REQUESTED, GIVEN_UP), True, False),
        (TAKEN, False, False),
        ((*TAKEN, NotificationDelivered(remote_id="A")), False, False),
        ((REQUESTED, SUPPRESSED), False, False),
        ((REQUESTED, NotificationJoined(digest_id=NOTICE)), False, False),
    ],
    ids=[
        *("requested", "postponed", "under a worker", "waiting", "failed", "unknown", "returned", "given up"),
        *("handed over", "delivered", "suppressed", "joined"),
    ],
)
def test_what_an_operator_may_do(
    history: tuple[NotificationEvent, ...], may_be_retried: bool, may_be_abandoned: bool
) -> None:
    state: Notification | None = reduce(notification.evolve, history, None)
    assert state is not None
    assert allows(lambda: dead_letter.retry(state)) == may_be_retried
    assert allows(lambda: dead_letter.abandon(state, reason="by-operator")) == may_be_abandoned
