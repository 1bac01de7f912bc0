"""The sender: a worker for each channel takes what is due, hands it over, and records what became of it.

An attempt is recorded before the network is touched, and whoever records it owns it. If the worker dies in between,
the lease runs out and the outcome is unknown: the domain says by channel whether it is sent once more
(reliability.md, section 10). Each channel has a thread with an event loop of its own, so a slow provider holds back
nobody else's; and of one channel, what is slow holds back nothing but its own place among those that are sent at once.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from threading import Event as Signal
from time import monotonic
from types import MappingProxyType
from typing import Final
from uuid import UUID

import structlog

from api.channels.notice import Notice, Sender
from api.channels.push import PushSender
from api.metrics import HANDED_OVER_SECONDS, NOTIFICATIONS
from api.node import DATABASE_AWAY, Node
from api.outcome import HandedOver, Outcome, RefusedForGood, RefusedForNow, Unknown
from api.region_time_zones import time_zone_of
from api.sending import breaker
from api.sending.composing import composed
from api.sending.conclusions import concluded
from api.sending.push_standings import PushStandings
from api.sending.senders import sender_of
from domain.channel import Channel
from domain.permission import Grounds
from domain.provider_receipt import is_bad_address
from ledger.provider_receipts import doubt_address
from ledger.sending import conclude
from ledger.taking import Due, Round, Taken, Taking, take
from projections import delivery
from projections.delivery import NotificationRow
from projections.delivery_due import due_with
from projections.follow import position_of

POLL_SECONDS = 0.1
# Between two rounds while something is on its way: what ends meanwhile is recorded together.
ROUND_SECONDS = 0.02
# A channel that nobody configured is looked at for what must be settled all the same.
OFF_SECONDS = 30.0
# Longer than the longest sending, which is SMTP's: twice a minute.
LEASE = timedelta(minutes=5)
# With less of it left nothing is begun: the lease could end before the answer comes.
MARGIN = timedelta(minutes=2, seconds=10)
TAKEN_MAX = 200
# So many times what is sent at once is taken together: less would cost an append for each handful. But if the worker
# dies, of what was taken nobody knows whether it was sent, and an SMS is never sent again.
AHEAD: Final = MappingProxyType({Channel.EMAIL: 8, Channel.PUSH: 4, Channel.SMS: 1})
# The version of a notification whose first event after its request was the attempt: it waited for nothing.
AT_FIRST_LOOK = 2
# One that can't even be looked at must not keep the others.
ASIDE_SECONDS = 60.0
WAITING_SECONDS = 3600.0
# So often what goes to a push service that rests is looked at again.
REST_SECONDS = 30.0
LAST_SECONDS = 8.0

log = structlog.get_logger()

# An attempt, what it came to, and whether a sealed document went along.
_Ended = tuple[Taken, Outcome, bool]


def utc_now() -> datetime:
    """The time that everything here is decided by; a test moves it."""
    return datetime.now(UTC)


@dataclass(slots=True)
class ChannelWorker:
    """One channel's worker. Several may run, in several processes: the ledger lets each attempt be taken once."""

    node: Node
    channel: Channel
    clock: Callable[[], datetime] = field(default_factory=lambda: utc_now)
    # What was touched, with the position up to which the view shows it otherwise; what could not be looked at.
    _known: dict[UUID, int] = field(default_factory=dict)
    _aside: dict[UUID, float] = field(default_factory=dict)
    # What has ended and is to be recorded; what the provider answered.
    _ended: list[_Ended] = field(default_factory=list)
    _answers: list[Outcome] = field(default_factory=list)
    _services: PushStandings = field(default_factory=PushStandings)

    def run(self, stop: Signal) -> None:
        while not stop.is_set():
            try:
                asyncio.run(self._work(stop))
            except DATABASE_AWAY as error:
                log.warning("sender.interrupted", channel=self.channel, error=type(error).__name__)
            except Exception as error:  # noqa: BLE001 - the worker's edge: the channel must go on
                log.error("sender.failed", channel=self.channel, error=type(error).__name__)
            stop.wait(1.0)

    def step(self) -> int:
        """One round to its end: what is due is taken, sent and recorded; how many notifications were touched."""
        return asyncio.run(self._step())

    async def _step(self) -> int:
        sender = self._sender()
        try:
            done = self._take(number_max=TAKEN_MAX, is_on=sender is not None)
            if sender is not None:
                await asyncio.gather(*(self._send(sender, one) for one in done.taken))
            self._record()
        finally:
            if sender is not None:
                await sender.close()
        return len(done.touched)

    def _sender(self) -> Sender | None:
        sender = sender_of(self.node, self.channel)
        if isinstance(sender, PushSender):
            sender.heard = lambda endpoint, outcome: self._services.hear(endpoint, outcome, self.clock())
            sender.rests = lambda endpoint: self._services.is_left_alone(endpoint, self.clock())
        return sender

    async def _work(self, stop: Signal) -> None:
        sender = self._sender()
        if sender is None:
            while not stop.is_set():
                await asyncio.to_thread(self._take, number_max=TAKEN_MAX, is_on=False)
                await asyncio.to_thread(stop.wait, OFF_SECONDS)
            return
        try:
            await self._send_on(sender, stop)
        finally:
            await sender.close()

    async def _send_on(self, sender: Sender, stop: Signal) -> None:
        """Rounds: record what has ended, take what is due, send it meanwhile."""
        ways = asyncio.Semaphore(sender.width)
        under_way: set[asyncio.Task[None]] = set()
        taken_max = min(sender.width * AHEAD[self.channel], TAKEN_MAX)

        async def send(one: Taken) -> None:
            async with ways:
                await self._send(sender, one)

        try:
            while not stop.is_set():
                await asyncio.to_thread(self._record)
                under_way = {task for task in under_way if not task.done()}
                done = Round()
                if (number_max := taken_max - len(under_way)) > 0:
                    done = await asyncio.to_thread(self._take, number_max=number_max, is_on=True)
                    under_way |= {asyncio.create_task(send(one)) for one in done.taken}
                await asyncio.sleep(ROUND_SECONDS if done.touched or under_way else POLL_SECONDS)
        finally:
            # What is on its way may end; the leases of what does not will.
            if under_way:
                _, late = await asyncio.wait(under_way, timeout=LAST_SECONDS)
                for task in late:
                    task.cancel()
            self._record()

    # Taking

    def _take(self, *, number_max: int, is_on: bool) -> Round:
        """What is due and free, as far as the provider may have it."""
        ledger, now = self.node.ledger, self.clock()
        rows = self._due(now, limit=number_max)
        leave = breaker.Leave(len(rows))
        if rows and is_on:
            pace = getattr(self.node.settings, f"{self.channel}_per_second")
            wanted = min(len(rows), number_max)
            leave = breaker.leave(ledger, self.channel, wanted=wanted, now=now, pace=pace)
        due = [_due(row) for row in _together(rows, leave.number)]
        if not due:
            return Round()
        taking = Taking(
            now=now,
            lease_until=now + LEASE,
            zone_of=lambda patient: time_zone_of(patient, self.node.settings.time_zone),
            is_on=is_on,
            rests=self._rests,
        )
        done = self._taken(due, taking)
        self._known |= dict.fromkeys(done.touched, done.last)
        self._aside |= dict.fromkeys(done.rested, monotonic() + REST_SECONDS)
        if not is_on and len(rows) >= number_max:
            # What only waits makes room for what is behind it.
            until = monotonic() + WAITING_SECONDS
            self._aside |= {
                one.notification_id: until for one in due if one.notification_id not in done.touched
            }
        if leave.is_probe and not done.taken:
            breaker.end_probe(ledger, self.channel)
        return done

    def _rests(self, grounds: Grounds) -> bool:
        return self.channel is Channel.PUSH and self._services.rests(grounds.pushes, self.clock())

    def _due(self, now: datetime, *, limit: int) -> list[NotificationRow]:
        """With all that is due to the same people by this channel, so that a digest is whole. The view is a moment
        behind: what was touched is not due before the view knows of it."""
        ledger = self.node.ledger
        if self._known:
            seen = position_of(ledger, delivery.DELIVERY.name)
            self._known = {one: position for one, position in self._known.items() if position > seen}
        present = monotonic()
        self._aside = {one: until for one, until in self._aside.items() if until > present}
        hidden = self._known.keys() | self._aside.keys()
        rows = delivery.due(ledger, self.channel, now=now, limit=limit, hidden=hidden)
        if len(rows) >= limit:
            rows += due_with(ledger, self.channel, rows, now=now, hidden=hidden)
        return rows

    def _taken(self, due: Sequence[Due], taking: Taking) -> Round:
        """All together; if one of them can't be looked at, all but that one."""
        try:
            return take(self.node.ledger, due, taking)
        except DATABASE_AWAY:
            raise
        except Exception as error:  # noqa: BLE001 - one notification that can't be read must not stop a channel
            if len(due) == 1:
                one = due[0].notification_id
                log.error("sender.set-aside", notification=str(one), error=type(error).__name__)
                self._aside[one] = monotonic() + ASIDE_SECONDS
                return Round()
        half = len(due) // 2
        return self._taken(due[:half], taking) + self._taken(due[half:], taking)

    # Sending

    async def _send(self, sender: Sender, one: Taken) -> None:
        outcome, is_sealed = await self._handed(sender, one)
        NOTIFICATIONS.labels(type(outcome).__name__).inc()
        if isinstance(outcome, HandedOver) and one.version == AT_FIRST_LOOK:
            waited = (self.clock() - one.requested_at).total_seconds()
            HANDED_OVER_SECONDS.labels(self.channel).observe(max(waited, 0))
        self._ended.append((one, outcome, is_sealed))

    async def _handed(self, sender: Sender, one: Taken) -> tuple[Outcome, bool]:
        """The provider's answer, and whether a sealed document went along."""
        if one.state.due_at is None or self.clock() > one.state.due_at - MARGIN:
            return RefusedForNow("not-begun"), False
        try:
            notice = await self._composed(one)
        except Exception as error:  # noqa: BLE001 - nothing was sent; the next try may be better
            log.error(
                "sender.not-composed", notification=str(one.notification_id), error=type(error).__name__
            )
            return RefusedForNow("not-composed"), False
        if notice is None:
            return RefusedForGood("nothing-to-send"), False
        try:
            outcome = await sender.send(notice)
        except Exception as error:  # noqa: BLE001 - it should not raise; who knows what was sent by then
            log.error("sender.raised", notification=str(one.notification_id), error=type(error).__name__)
            outcome = Unknown("sender-failed")
        if not self._services.is_of_one(outcome):
            self._answers.append(outcome)
        return outcome, notice.attachment is not None

    async def _composed(self, one: Taken) -> Notice | None:
        if one.carries is None:
            return composed(self.node, one)
        return await asyncio.to_thread(composed, self.node, one)

    # Recording

    def _record(self) -> None:
        """What has ended since the last time. While the database is away it is kept."""
        ended, now = self._ended[:], self.clock()
        if not ended:
            return
        self._conclude(ended, now)
        del self._ended[: len(ended)]
        answers, self._answers = self._answers, []
        if answers:
            breaker.note(self.node.ledger, self.channel, answers, now)

    def _conclude(self, ended: Sequence[_Ended], now: datetime) -> None:
        """All together; one that can't be recorded is left to its lease, and holds back no other."""
        ledger = self.node.ledger
        try:
            conclude(
                ledger,
                [concluded(ledger, one, outcome, now, sealed=is_sealed) for one, outcome, is_sealed in ended],
            )
            for one, outcome, _ in ended:
                if isinstance(outcome, RefusedForGood) and is_bad_address(self.channel, outcome.code):
                    doubt_address(ledger, one.notification_id, one.state, reason=outcome.code)
        except DATABASE_AWAY:
            raise
        except Exception as error:  # noqa: BLE001 - one outcome that can't be recorded must not stop a channel
            if len(ended) == 1:
                one, _, _ = ended[0]
                log.error(
                    "sender.not-recorded", notification=str(one.notification_id), error=type(error).__name__
                )
                return
            half = len(ended) // 2
            self._conclude(ended[:half], now)
            self._conclude(ended[half:], now)


def _due(row: NotificationRow) -> Due:
    return Due(
        notification_id=row.notification_id,
        requested_at=row.requested_at,
        lives_since=row.lives_since,
        superseded_by=row.superseded_by,
    )


def _together(rows: Sequence[NotificationRow], number: int) -> list[NotificationRow]:
    """The first of the rows, and those of the same people: a digest is one message."""
    people = {(row.recipient_id, row.patient_id) for row in rows[:number]}
    return [
        row
        for place, row in enumerate(rows)
        if place < number or (not row.attempt and (row.recipient_id, row.patient_id) in people)
    ]
