"""A notification is tried by one worker at a time, ends in one of four ways, and is repeated blindly once."""

from dataclasses import replace
from datetime import timedelta

import pytest

from domain import notification
from domain.channel import Channel
from domain.notification import (
    NotificationEvent,
    NotificationHandedOver,
    NotificationNotDueError,
    NotificationStatus,
    NotificationSuppressed,
)
from tests.examples import ATTEMPTED, FAILED, LATER, NOON, REQUESTED, SUPPRESSED, UNKNOWN
from tests.scenario import given

SECOND = timedelta(seconds=1)
RETRY = LATER + timedelta(hours=1)
HANDED_OVER = NotificationHandedOver(attempt=1, remote_id="250 ok")
FAILED_FOR_GOOD = replace(FAILED, retry_at=None)
LOST = replace(UNKNOWN, retry_at=RETRY)
TRY = {"lease_until": LATER, "consent_version": 3}


def test_what_is_requested_is_tried_at_once() -> None:
    given(REQUESTED).when(notification.attempt, now=NOON, **TRY).then(ATTEMPTED)


def test_two_workers_cannot_have_it() -> None:
    given(REQUESTED, ATTEMPTED).when(notification.attempt, now=NOON, **TRY).then_refused(
        NotificationNotDueError
    )


def test_an_attempt_whose_lease_is_over_must_be_closed_before_the_next() -> None:
    given(REQUESTED, ATTEMPTED).when(notification.attempt, now=LATER + SECOND, **TRY).then_refused(
        NotificationNotDueError
    )


def test_a_failed_attempt_is_repeated_when_it_is_due_and_not_before() -> None:
    waiting = given(REQUESTED, ATTEMPTED, FAILED)
    waiting.when(notification.attempt, now=LATER - SECOND, **TRY).then_refused(NotificationNotDueError)
    waiting.when(notification.attempt, now=LATER, **TRY).then(replace(ATTEMPTED, attempt=2))


def test_what_was_put_off_by_a_clock_that_was_years_ahead_is_due() -> None:
    """Nothing is put off by more than some days, whoever said so."""
    far = replace(FAILED, retry_at=NOON + timedelta(days=400))
    given(REQUESTED, ATTEMPTED, far).when(notification.attempt, now=NOON, **TRY).then(
        replace(ATTEMPTED, attempt=2)
    )


@pytest.mark.parametrize(
    "history",
    [
        (REQUESTED, ATTEMPTED, HANDED_OVER),
        (REQUESTED, ATTEMPTED, FAILED_FOR_GOOD),
        (
            REQUESTED,
            ATTEMPTED,
            LOST,
            replace(ATTEMPTED, attempt=2),
            replace(UNKNOWN, attempt=2, retry_at=None),
        ),
        (SUPPRESSED,),
        (REQUESTED, SUPPRESSED),
    ],
    ids=["handed over", "failed for good", "unknown twice", "suppressed", "requested, then suppressed"],
)
def test_what_is_final_is_neither_tried_nor_suppressed(history: tuple[NotificationEvent, ...]) -> None:
    later = RETRY + SECOND
    final = given(*history)
    final.when(notification.attempt, now=later, **TRY).then_refused(NotificationNotDueError)
    final.when(notification.suppress, reason="consent-withdrawn", consent_version=4).then_refused(
        NotificationNotDueError
    )
    final.when(notification.give_up_lease, now=later, retry_at=later).then_refused(NotificationNotDueError)


@pytest.mark.parametrize(
    "history", [(REQUESTED,), (REQUESTED, ATTEMPTED), (REQUESTED, ATTEMPTED, FAILED)], ids=len
)
def test_what_is_open_is_suppressed_when_its_consent_is_gone(history: tuple[NotificationEvent, ...]) -> None:
    expected = NotificationSuppressed(
        patient_id=REQUESTED.patient_id,
        report_id=REQUESTED.report_id,
        report_version=REQUESTED.report_version,
        channel=REQUESTED.channel,
        reason="consent-withdrawn",
        consent_id=REQUESTED.consent_id,
        consent_version=4,
    )
    given(*history).when(notification.suppress, reason="consent-withdrawn", consent_version=4).then(expected)


def test_a_lease_that_is_over_has_an_unknown_outcome_and_is_repeated_once() -> None:
    given(REQUESTED, ATTEMPTED).when(notification.give_up_lease, now=LATER, retry_at=RETRY).then(LOST)
    repeated = (REQUESTED, ATTEMPTED, LOST, replace(ATTEMPTED, attempt=2))
    given(*repeated).when(notification.give_up_lease, now=LATER, retry_at=RETRY).then(
        replace(UNKNOWN, attempt=2, retry_at=None)
    )


def test_a_lease_that_is_not_over_is_not_given_up() -> None:
    given(REQUESTED, ATTEMPTED).when(
        notification.give_up_lease, now=LATER - SECOND, retry_at=RETRY
    ).then_refused(NotificationNotDueError)


def test_nothing_is_given_up_that_no_worker_has() -> None:
    for history in ((REQUESTED,), (REQUESTED, ATTEMPTED, FAILED), (REQUESTED, ATTEMPTED, LOST)):
        given(*history).when(notification.give_up_lease, now=RETRY + SECOND, retry_at=RETRY).then_refused(
            NotificationNotDueError
        )


def test_certain_failures_do_not_count_as_unknown() -> None:
    failed_first = (REQUESTED, ATTEMPTED, FAILED, replace(ATTEMPTED, attempt=2))
    given(*failed_first).when(notification.unknown, stage="after-data", retry_at=RETRY).then(
        replace(UNKNOWN, attempt=2, stage="after-data", retry_at=RETRY)
    )


def test_an_unknown_outcome_counts_even_if_certain_failures_follow() -> None:
    history = (
        REQUESTED,
        ATTEMPTED,
        LOST,
        replace(ATTEMPTED, attempt=2),
        replace(FAILED, attempt=2),
        replace(ATTEMPTED, attempt=3),
    )
    given(*history).when(notification.unknown, stage="after-data", retry_at=RETRY).then(
        replace(UNKNOWN, attempt=3, stage="after-data", retry_at=None)
    )


@pytest.mark.parametrize(
    ("channel", "repeats"),
    [(Channel.EMAIL, [True, False]), (Channel.PUSH, [True, True]), (Channel.SMS, [False])],
)
def test_what_may_have_arrived_is_repeated_as_far_as_nobody_sees_it_twice(
    channel: Channel, repeats: list[bool]
) -> None:
    """A mailbox folds two letters of one Message-ID, a browser shows one push of a tag, and nothing hides an SMS."""
    state = notification.evolve(None, replace(REQUESTED, channel=channel))
    for number, again in enumerate(repeats, 1):
        state = notification.evolve(state, replace(ATTEMPTED, attempt=number))
        lost = notification.unknown(state, stage="no-answer", retry_at=RETRY)
        died = notification.give_up_lease(state, now=LATER, retry_at=RETRY)
        assert (lost.retry_at is not None, died.retry_at is not None) == (again, again)
        state = notification.evolve(state, lost)


def test_each_event_leaves_the_status_that_it_says() -> None:
    statuses = []
    state = None
    for event in (REQUESTED, ATTEMPTED, FAILED, replace(ATTEMPTED, attempt=2), LOST, HANDED_OVER, SUPPRESSED):
        state = notification.evolve(state, event)
        statuses.append(state.status)
    s = NotificationStatus
    assert statuses == [
        s.REQUESTED, s.ATTEMPTED, s.WAITING, s.ATTEMPTED, s.WAITING, s.HANDED_OVER, s.SUPPRESSED,
    ]  # fmt: skip
    assert notification.evolve(state, FAILED_FOR_GOOD).status is s.FAILED
    assert notification.evolve(state, replace(UNKNOWN, retry_at=None)).status is s.UNKNOWN
