"""Faults of a sender, planted in the process of the server, so that the judge can show that it sees them."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from api.outcome import HandedOver, Outcome
from api.sending import worker
from domain import notification
from domain.channel import Channel
from domain.notification import Notification, NotificationOutcomeUnknown


def plant(name: str | None) -> None:
    """In this process, for good."""
    if name is not None:
        PLANTS[name]()


def _recorded_before_it_is_sent() -> None:
    """The outcome is written down first, and the message handed over afterwards: what is killed in between is lost."""
    patched: Any = worker.ChannelWorker
    handed, under_way = patched._handed, set()

    async def hand_over_later(self: Any, sender: Any, one: Any) -> tuple[Outcome, bool]:
        async def later() -> None:
            await asyncio.sleep(4)
            await handed(self, sender, one)

        under_way.add(asyncio.create_task(later()))
        return HandedOver("1"), False

    patched._handed = hand_over_later


def _sms_sent_again_after_an_unknown() -> None:
    """As for e-mail: but nothing folds two SMS."""
    patched: Any = notification
    unknown = notification.unknown

    def again(state: Notification, *, stage: str, retry_at: Any) -> NotificationOutcomeUnknown:
        if state.channel is not Channel.SMS:
            return unknown(state, stage=stage, retry_at=retry_at)
        return NotificationOutcomeUnknown(attempt=state.attempt, stage=stage, retry_at=retry_at)

    patched.unknown = again


PLANTS: Mapping[str, Callable[[], None]] = {
    "recorded-before-it-is-sent": _recorded_before_it_is_sent,
    "sms-sent-again-after-an-unknown": _sms_sent_again_after_an_unknown,
}
