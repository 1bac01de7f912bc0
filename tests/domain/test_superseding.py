"""A newer version makes a notice idle that nobody tried, of the same report to the same person by the same channel."""

from dataclasses import replace
from functools import reduce

import pytest

from domain import notification
from domain.announcement import About
from domain.channel import Channel
from domain.notice_hours import Wait
from domain.notification import (
    DigestGathered,
    Notification,
    NotificationEvent,
    NotificationPostponed,
    NotificationRequested,
)
from domain.superseding import is_superseded
from tests.examples import ATTEMPTED, BORIS, FAILED, LATER, OTHER_NOTIFICATION, REQUESTED, SUPPRESSED

NEWER = replace(REQUESTED, report_version=2, about=About.CORRECTED)
POSTPONED = NotificationPostponed(until=LATER, waits_for=Wait.DAILY_DIGEST)


def state(*events: NotificationEvent) -> Notification:
    folded = reduce(notification.evolve, events, None)  # type: ignore[arg-type]
    assert folded is not None
    return folded


@pytest.mark.parametrize(
    ("older", "newer", "expected"),
    [
        ((REQUESTED,), NEWER, True),
        ((REQUESTED, POSTPONED), NEWER, True),
        ((REQUESTED,), replace(NEWER, about=None), True),
        ((REQUESTED,), replace(NEWER, report_version=1, about=About.WITHDRAWN), True),
        ((REQUESTED,), replace(NEWER, report_version=1), False),
        ((NEWER,), REQUESTED, False),
        ((REQUESTED,), replace(NEWER, channel=Channel.SMS), False),
        ((REQUESTED,), replace(NEWER, recipient_id=BORIS), False),
        ((REQUESTED,), replace(NEWER, report_id=OTHER_NOTIFICATION), False),
        ((REQUESTED,), replace(NEWER, about=About.DOCUMENT), False),
        ((replace(REQUESTED, about=About.DOCUMENT),), NEWER, False),
        ((replace(REQUESTED, about=About.WITHDRAWN),), NEWER, False),
        ((REQUESTED, ATTEMPTED), NEWER, False),
        ((REQUESTED, ATTEMPTED, FAILED), NEWER, False),
        ((REQUESTED, DigestGathered(members=(OTHER_NOTIFICATION,))), NEWER, False),
        ((REQUESTED, SUPPRESSED), NEWER, False),
    ],
)
def test_only_what_would_be_told_twice_is_idle(
    older: tuple[NotificationEvent, ...], newer: NotificationRequested, expected: bool
) -> None:
    assert is_superseded(state(*older), state(newer)) is expected
