"""A digest: the first of several tells of the others; what was tried, or carries something, is told alone."""

from dataclasses import replace

import pytest

from domain import digest, dispatch, notification
from domain.announcement import About
from domain.channel import Channel
from domain.digest import may_be_gathered
from domain.dispatch import Looked
from domain.notification import (
    DigestGathered,
    Notification,
    NotificationHandedOver,
    NotificationJoined,
    NotificationNotDueError,
    NotificationRequested,
    NotificationStatus,
)
from domain.receiving import DocumentFormat
from tests.examples import ATTEMPTED, BORIS, FAILED, LATER, NOON, NOTICE, OTHER_NOTIFICATION, REQUESTED


def state(*events: notification.NotificationEvent) -> Notification:
    found = None
    for event in events:
        found = notification.evolve(found, event)
    assert found is not None
    return found


def looked(event: NotificationRequested = REQUESTED, number: int = 1) -> Looked:
    return Looked(
        notification_id=type(NOTICE)(int=number),
        version=1,
        state=state(event),
        requested_at=NOON,
        lives_since=NOON,
    )


def test_the_first_gathers_and_the_others_join() -> None:
    first = state(REQUESTED)
    assert digest.gather(first, now=NOON, members=(OTHER_NOTIFICATION,)) == DigestGathered(
        members=(OTHER_NOTIFICATION,)
    )
    joined = digest.join(first, now=NOON, digest_id=NOTICE)
    assert joined == NotificationJoined(digest_id=NOTICE)
    after = notification.evolve(first, joined)
    assert (after.status, after.digest_id) == (NotificationStatus.JOINED, NOTICE)
    for again in (digest.join, lambda one, **_: digest.gather(one, now=NOON, members=(NOTICE,))):
        with pytest.raises(NotificationNotDueError):
            again(after, now=NOON, digest_id=NOTICE)


@pytest.mark.parametrize(
    "events",
    [
        (REQUESTED, ATTEMPTED, FAILED),
        (replace(REQUESTED, about=About.DOCUMENT),),
        (replace(REQUESTED, about=About.PASSWORD),),
        (replace(REQUESTED, carries=DocumentFormat.PDF),),
        (REQUESTED, DigestGathered(members=(OTHER_NOTIFICATION,))),
    ],
    ids=["tried", "document", "password", "carries", "digest"],
)
def test_what_is_told_alone(events: tuple[notification.NotificationEvent, ...]) -> None:
    alone = state(*events)
    assert not may_be_gathered(alone)
    with pytest.raises(NotificationNotDueError):
        digest.join(alone, now=LATER, digest_id=NOTICE)


def test_a_digest_of_none_is_none() -> None:
    with pytest.raises(NotificationNotDueError):
        digest.gather(state(REQUESTED), now=NOON, members=())


def test_one_message_is_of_one_person_one_patient_and_one_channel() -> None:
    sms, guardian = replace(REQUESTED, channel=Channel.SMS), replace(REQUESTED, recipient_id=BORIS)
    alone = replace(REQUESTED, about=About.DOCUMENT)
    events = [REQUESTED, REQUESTED, sms, guardian, alone, alone, guardian]
    groups = dispatch.gathered([looked(event, number) for number, event in enumerate(events)])
    numbers = [[one.notification_id.int for one in group] for group in groups]
    assert numbers == [[0, 1], [2], [3, 6], [4], [5]]


def test_what_becomes_of_the_digest_is_not_said_by_its_members() -> None:
    member = state(REQUESTED, NotificationJoined(digest_id=NOTICE))
    assert member.status is NotificationStatus.JOINED
    handed = NotificationHandedOver(attempt=1, remote_id="1")
    assert state(REQUESTED, ATTEMPTED, handed).status is NotificationStatus.HANDED_OVER
