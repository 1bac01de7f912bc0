"""What becomes of a notification that is looked at, and of an attempt that ended, however late."""

from dataclasses import replace
from datetime import timedelta

import pytest

from domain import dispatch, notification
from domain.announcement import About
from domain.channel import Channel
from domain.dispatch import LIFE, Looked
from domain.notification import (
    Notification,
    NotificationAbandoned,
    NotificationDelivered,
    NotificationFailed,
    NotificationHandedOver,
    NotificationPostponed,
    NotificationReturned,
)
from domain.permission import Grounds
from domain.provider_receipt import is_bad_address
from domain.receiving import EVERYTHING_WANTED, Periodicity, ReceivingSettings
from tests.examples import ATTEMPTED, FAILED, LATER, NOON, NOTICE, REQUESTED, UNKNOWN

HANDED_OVER = NotificationHandedOver(attempt=1, remote_id="1")
MOSCOW = "Europe/Moscow"
WEEKLY = Grounds(
    at=NOON,
    receiving=replace(EVERYTHING_WANTED, settings=ReceivingSettings(periodicity=Periodicity.WEEKLY)),
)


def state(*events: notification.NotificationEvent) -> Notification:
    found = None
    for event in events:
        found = notification.evolve(found, event)
    assert found is not None
    return found


def looked(*events: notification.NotificationEvent, **changed: object) -> Looked:
    found = Looked(
        notification_id=NOTICE, version=1, state=state(*events), requested_at=NOON, lives_since=NOON
    )
    return replace(found, **changed)  # type: ignore[arg-type]


def aside(one: Looked, grounds: Grounds = WEEKLY) -> object:
    return dispatch.put_aside(one, grounds, now=NOON + timedelta(minutes=10), default_zone=MOSCOW)


def test_what_waits_for_its_day_is_put_off() -> None:
    assert isinstance(aside(looked(REQUESTED)), NotificationPostponed)
    assert aside(looked(replace(REQUESTED, is_urgent=True))) is None
    assert aside(looked(REQUESTED, ATTEMPTED, FAILED)) is None, "what was tried waits for no day"
    assert aside(looked(replace(REQUESTED, about=About.DOCUMENT))) is None
    assert aside(looked(REQUESTED), Grounds(at=NOON)) is None


def test_what_is_superseded_is_given_up_unless_it_was_tried() -> None:
    given_up = NotificationAbandoned(reason="superseded")
    assert aside(looked(REQUESTED, is_superseded=True)) == given_up
    assert aside(looked(REQUESTED, ATTEMPTED, FAILED, is_superseded=True)) is None


def test_a_life_begins_when_it_can_be_sent_first() -> None:
    def life(one: Looked, grounds: Grounds) -> timedelta:
        return dispatch.life_until(one, grounds, default_zone=MOSCOW) - NOON

    assert life(looked(REQUESTED), Grounds(at=NOON)) == LIFE
    # From Monday noon, by Moscow's clock, to the next Monday at nine.
    assert life(looked(REQUESTED), WEEKLY) == LIFE + timedelta(days=6, hours=18)
    retried = looked(REQUESTED, lives_since=NOON + timedelta(days=9))
    assert life(retried, WEEKLY) == LIFE + timedelta(days=9)


def test_a_refusal_is_tried_again_within_its_life_and_then_given_up() -> None:
    def failed(wait: timedelta) -> object:
        return dispatch.failed(1, reason="451", retry_at=NOON + wait, life_until=NOON + LIFE)

    assert failed(LIFE) == (NotificationFailed(attempt=1, reason="451", retry_at=NOON + LIFE),)
    assert failed(LIFE + timedelta(seconds=1)) == (
        NotificationFailed(attempt=1, reason="451"),
        NotificationAbandoned(reason="life-over"),
    )


LOST = replace(UNKNOWN, retry_at=LATER)


@pytest.mark.parametrize(
    ("history", "is_news"),
    [
        ((REQUESTED, ATTEMPTED), True),
        ((REQUESTED, ATTEMPTED, LOST), True),
        ((REQUESTED, ATTEMPTED, replace(UNKNOWN, retry_at=None)), True),
        ((REQUESTED, ATTEMPTED, NotificationDelivered(remote_id="1")), True),
        ((REQUESTED, ATTEMPTED, NotificationReturned(remote_id="1", reason="5.1.1")), False),
        ((REQUESTED, ATTEMPTED, LOST, replace(ATTEMPTED, attempt=2)), False),
        ((REQUESTED, ATTEMPTED, LOST, NotificationAbandoned(reason="by-operator")), False),
    ],
    ids=["in time", "lost", "lost for good", "delivered", "returned", "tried again", "given up"],
)
def test_a_success_that_is_told_late(
    history: tuple[notification.NotificationEvent, ...], is_news: bool
) -> None:
    told = dispatch.settled(state(*history), 1, (HANDED_OVER,))
    assert told == ((HANDED_OVER,) if is_news else ())


def test_a_failure_that_is_told_late_is_no_news() -> None:
    failed = (NotificationFailed(attempt=1, reason="451"),)
    assert dispatch.settled(state(REQUESTED, ATTEMPTED), 1, failed) == failed
    assert dispatch.settled(state(REQUESTED, ATTEMPTED, LOST), 1, failed) == ()


@pytest.mark.parametrize("code", ["5.1.1", "550 5.1.1", "5.1.10", "501 5.1.3", "550", "553", "5.2.1"])
def test_codes_that_say_that_there_is_no_such_mailbox(code: str) -> None:
    assert is_bad_address(Channel.EMAIL, code)


@pytest.mark.parametrize("code", ["550 5.7.1", "5.7.26", "552 5.2.2", "5.1.8", "554", "4.2.2", "timeout", ""])
def test_codes_that_say_nothing_of_the_mailbox(code: str) -> None:
    assert not is_bad_address(Channel.EMAIL, code)


def test_numbers_and_browsers() -> None:
    assert is_bad_address(Channel.SMS, "number-unknown")
    assert not is_bad_address(Channel.SMS, "550")
    assert not is_bad_address(Channel.PUSH, "subscription-gone")
