"""A receipt is of one attempt: what a provider repeats of an older one undoes nothing that came since."""

from dataclasses import replace
from functools import reduce

from domain import notification, provider_receipt
from domain.notification import (
    Notification,
    NotificationDelivered,
    NotificationEvent,
    NotificationHandedOver,
    NotificationRetried,
    NotificationReturned,
)
from tests.examples import ATTEMPTED, REQUESTED

HANDED_OVER = NotificationHandedOver(attempt=1, remote_id="A")
RETURNED = NotificationReturned(remote_id="A", reason="expired")
TAKEN = (REQUESTED, ATTEMPTED, HANDED_OVER)
RETRIED = (*TAKEN, RETURNED, NotificationRetried())
SECOND_TRY = replace(ATTEMPTED, attempt=2)


def state(*events: NotificationEvent) -> Notification:
    found: Notification | None = reduce(notification.evolve, events, None)
    assert found is not None
    return found


def said_again(
    *events: NotificationEvent, remote_id: str = "A", told_before: tuple[str, ...] = ("A",)
) -> tuple[NotificationReturned, ...]:
    return provider_receipt.take_back(
        state(*events), remote_id=remote_id, reason="expired", told_before=frozenset(told_before)
    )


def test_what_was_returned_is_said_once() -> None:
    assert said_again(*TAKEN, told_before=()) == (RETURNED,)
    assert said_again(*TAKEN, RETURNED) == ()


def test_a_repeated_receipt_does_not_undo_what_an_operator_did_since() -> None:
    assert said_again(*RETRIED) == ()
    assert said_again(*RETRIED, SECOND_TRY) == ()
    assert said_again(*RETRIED, SECOND_TRY, replace(HANDED_OVER, attempt=2, remote_id="B")) == ()


def test_a_provider_without_numbers_says_nothing_of_what_is_to_be_tried_anew() -> None:
    assert said_again(*RETRIED, remote_id="", told_before=()) == ()
    assert said_again(*RETRIED, SECOND_TRY, remote_id="", told_before=()) != ()


def test_that_an_older_attempt_arrived_after_all_settles_it() -> None:
    assert provider_receipt.deliver(state(*RETRIED), remote_id="A") == (NotificationDelivered(remote_id="A"),)


def test_of_what_nobody_tried_a_provider_has_nothing_to_say() -> None:
    assert provider_receipt.deliver(state(REQUESTED), remote_id="A") == ()
    assert said_again(REQUESTED) == ()
