"""What becomes of a notification that is looked at, and of an attempt that ended, however late."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from domain import dispatch, notification
from domain.announcement import About
from domain.channel import Channel
from domain.dispatch import LIFE, Looked
from domain.notice_hours import Wait
from domain.notification import (
    Notification,
    NotificationAbandoned,
    NotificationDelivered,
    NotificationFailed,
    NotificationHandedOver,
    NotificationPostponed,
    NotificationRetried,
    NotificationReturned,
)
from domain.permission import Grounds
from domain.provider_receipt import is_bad_address
from domain.receiving import EVERYTHING_WANTED, Periodicity, ReceivingSettings
from domain.values import PatientId
from tests.examples import ATTEMPTED, BORIS, FAILED, LATER, NOON, NOTICE, REQUESTED, UNKNOWN

HANDED_OVER = NotificationHandedOver(attempt=1, remote_id="1")
MOSCOW = "Europe/Moscow"
CHILD = PatientId(UUID(int=12))
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


def test_a_password_that_its_reader_waits_for_comes_by_night_and_another_in_the_morning() -> None:
    night = NOON + timedelta(hours=11)
    password = replace(REQUESTED, channel=Channel.SMS, about=About.PASSWORD)
    asked_for, by_itself = looked(replace(password, is_urgent=True)), looked(password)
    assert dispatch.put_aside(asked_for, Grounds(at=night), now=night, default_zone=MOSCOW) is None
    put_off = dispatch.put_aside(by_itself, Grounds(at=night), now=night, default_zone=MOSCOW)
    assert isinstance(put_off, NotificationPostponed) and put_off.waits_for is Wait.QUIET_HOURS


def test_one_message_tells_one_person_of_one_patient_by_one_channel() -> None:
    to_boris = replace(REQUESTED, recipient_id=BORIS)
    others = (
        to_boris,
        replace(to_boris, patient_id=CHILD),
        replace(REQUESTED, channel=Channel.PUSH),
        replace(REQUESTED, about=About.PASSWORD),
    )
    ready = [looked(one) for one in (REQUESTED, *others, REQUESTED)]
    assert [len(group) for group in dispatch.gathered(ready)] == [2, 1, 1, 1, 1]


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
LOST_FOR_GOOD = replace(UNKNOWN, retry_at=None)
QUIET = NotificationPostponed(until=LATER, waits_for=Wait.QUIET_HOURS)


def test_what_nobody_answers_is_repeated_within_its_life_and_then_left_unknown() -> None:
    """A push may be repeated blindly, for its tag replaces the one before: but not for ever."""
    push = state(replace(REQUESTED, channel=Channel.PUSH), ATTEMPTED)
    unknown = notification.unknown(push, stage="no-answer", retry_at=NOON + LIFE)
    assert unknown.retry_at is not None
    assert dispatch.within_life(unknown, NOON + LIFE) == unknown
    beyond = dispatch.within_life(unknown, NOON + LIFE - timedelta(seconds=1))
    assert beyond == replace(unknown, retry_at=None)


@pytest.mark.parametrize(
    ("history", "is_news"),
    [
        ((REQUESTED, ATTEMPTED), True),
        ((REQUESTED, ATTEMPTED, LOST), True),
        ((REQUESTED, ATTEMPTED, LOST_FOR_GOOD), True),
        ((REQUESTED, ATTEMPTED, NotificationDelivered(remote_id="1")), True),
        ((REQUESTED, ATTEMPTED, NotificationReturned(remote_id="1", reason="5.1.1")), False),
        ((REQUESTED, ATTEMPTED, LOST, QUIET), True),
        ((REQUESTED, ATTEMPTED, LOST_FOR_GOOD, NotificationRetried()), True),
        ((REQUESTED, ATTEMPTED, LOST, replace(ATTEMPTED, attempt=2)), False),
        ((REQUESTED, ATTEMPTED, LOST, NotificationAbandoned(reason="by-operator")), False),
    ],
    ids=[
        "in time",
        "lost",
        "lost for good",
        "delivered",
        "returned",
        "put off",
        "wanted anew",
        "tried again",
        "given up",
    ],
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
