"""Whatever comes between a worker's look and its append, and whoever dies: nothing is tried without what permits it at
its very position, a digest and its members agree, and in the end each notice has one state.

The oracle goes through the ledger's events in their order, not through the code that decides.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from random import Random
from uuid import UUID

import pytest

from api.outcome import HandedOver, Outcome, RefusedForGood, RefusedForNow, Unknown
from api.sending.conclusions import concluded
from domain import dispatch, notification
from domain.channel import Channel
from domain.consent import ConsentGranted, ConsentKind, ConsentWithdrawn
from domain.dead_letter import NotificationNotFinalError
from domain.notification import (
    OPEN,
    DigestGathered,
    Notification,
    NotificationAttempted,
    NotificationJoined,
    NotificationOutcomeUnknown,
    NotificationRequested,
    NotificationRetried,
    NotificationStatus,
)
from domain.receiving import Periodicity, ReceivingSettings
from ledger import receiving, sending, taking
from ledger.commands import by_patient
from ledger.consents import withdraw_consent
from ledger.provider_receipts import record_receipt
from ledger.sending import conclude
from ledger.store import Ledger
from ledger.taking import Due, Taken, Taking
from projections import DELIVERY, delivery
from projections.rebuild import check
from tests.ledger.test_announcing import ContactPlay, Reach, prepared
from tests.ledger.test_permission import PANELS, REFUSED, arrives, content
from tests.scenario import TESTER

LEASE = timedelta(minutes=5)
OUTCOMES: tuple[Outcome, ...] = (
    HandedOver("1"),
    HandedOver("2"),
    RefusedForNow("451"),
    RefusedForGood("550 5.7.1"),
    Unknown("no-answer"),
)


@dataclass(slots=True)
class House:
    """Workers of all channels, who see a view that may be behind, and providers who answer late or never."""

    play: ContactPlay
    acts: Iterator[Callable[[], object]]
    ahead: timedelta = timedelta(0)
    under_way: list[Taken] = field(default_factory=list)

    @property
    def random(self) -> Random:
        return self.play.random

    @property
    def ledger(self) -> Ledger:
        return self.play.ledger

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def act(self) -> None:
        with suppress(*REFUSED):
            next(self.acts)()

    def choose_when(self) -> None:
        chosen = ReceivingSettings(channels=tuple(Channel), periodicity=self.random.choice(list(Periodicity)))
        with suppress(*REFUSED):
            receiving.save_settings(
                self.ledger, self.play.patient_id, chosen, by_patient(self.play.patient_id)
            )

    def work(self) -> None:
        if self.random.random() < 0.7:
            self.play.follower.catch_up()
        now, channel = self.now(), self.random.choice(list(Channel))
        rows = delivery.due(self.ledger, channel, now=now)
        due = [
            Due(
                notification_id=row.notification_id,
                requested_at=row.requested_at,
                lives_since=row.lives_since,
                superseded_by=row.superseded_by,
            )
            for row in rows
        ]
        is_on = self.random.random() < 0.95
        how = Taking(now=now, lease_until=now + LEASE, zone_of=lambda _: "Europe/Moscow", is_on=is_on)
        self.under_way += taking.take(self.ledger, due, how).taken

    def answer(self, outcome: Outcome | None = None) -> None:
        """Several at once, in any order, however late; or their worker dies."""
        self.random.shuffle(self.under_way)
        number = self.random.randint(1, 3)
        ended, self.under_way = self.under_way[:number], self.under_way[number:]
        if outcome is None and self.random.random() < 0.2:
            return
        now = self.now()
        conclude(
            self.ledger,
            [
                concluded(self.ledger, one, outcome or self.random.choice(OUTCOMES), now, sealed=False)
                for one in ended
            ],
        )

    def hear(self) -> None:
        """A provider says what became of something, sooner or later, and perhaps again."""
        row = self.any_row()
        if row is not None:
            record_receipt(
                self.ledger,
                row,
                delivered=self.random.choice((True, False)),
                remote_id=self.random.choice(("", "1", "2")),
                reason="5.4.4",
            )

    def operate(self) -> None:
        row = self.any_row()
        act = self.random.choice((sending.retry, sending.abandon))
        if row is not None:
            with suppress(NotificationNotFinalError):
                act(self.ledger, row, TESTER)

    def any_row(self) -> UUID | None:
        rows = delivery.notifications_of(self.ledger, self.play.patient_id, limit=1000)
        found = [row.notification_id for row in rows if row.status != "suppressed"]
        return self.random.choice(found) if found else None

    def wait(self) -> None:
        self.ahead += timedelta(minutes=self.random.choice((1, 6, 11, 60, 600)))


@dataclass(slots=True)
class Told:
    """What the events say of one notification."""

    channel: Channel
    attempts: int = 0
    is_unknown: bool = False
    joined: UUID | None = None
    members: set[UUID] = field(default_factory=set)

    def takes(self, event: object) -> None:
        match event:
            case NotificationOutcomeUnknown():
                self.is_unknown = True
            case NotificationRetried():
                self.is_unknown = False
            case DigestGathered():
                assert not self.members
                self.members = set(event.members)
            case NotificationJoined():
                assert self.joined is None and not self.attempts
                self.joined = event.digest_id
            case _:
                pass


def judge(ledger: Ledger) -> dict[UUID, Told]:
    reach, granted = Reach(), set[ConsentKind]()
    told: dict[UUID, Told] = {}
    for recorded in ledger.read_all(limit=100_000):
        event, stream_id = recorded.event, recorded.stream_id
        reach.takes(event)
        match event:
            case ConsentGranted():
                granted.add(event.document.kind)
            case ConsentWithdrawn():
                granted.discard(event.kind)
            case NotificationRequested():
                told[stream_id] = Told(event.channel)
            case NotificationAttempted():
                one = told[stream_id]
                assert reach.lets(one.channel), recorded
                assert {ConsentKind.NOTIFICATIONS, ConsentKind.PERSONAL_DATA} <= granted, recorded
                assert one.joined is None, "what goes with a digest is not tried by itself"
                assert not (one.channel is Channel.SMS and one.is_unknown), "an SMS is not repeated blindly"
                one.attempts += 1
                assert event.attempt == one.attempts
            case _ if stream_id in told:
                told[stream_id].takes(event)
            case _:
                pass
    joined = defaultdict[UUID, set[UUID]](set)
    for one_id, one in told.items():
        if one.joined is not None:
            joined[one.joined].add(one_id)
    assert joined == {one_id: one.members for one_id, one in told.items() if one.members}
    return told


def house_of(ledger: Ledger, seed: int, monkeypatch: pytest.MonkeyPatch) -> House:
    play = prepared(ledger, seed)
    play.browse()
    house = House(play, play.acts())
    gathered = dispatch.gathered

    def between(ready: object) -> object:
        """After the look, before the append."""
        if house.random.random() < 0.3:
            house.random.choice((house.act, house.choose_when, house.hear, house.operate))()
        return gathered(ready)  # type: ignore[arg-type]

    monkeypatch.setattr(taking.dispatch, "gathered", between)
    return house


def state_of(ledger: Ledger, notification_id: UUID) -> Notification:
    state, _ = ledger.load(notification_id, notification.evolve)
    assert state is not None
    return state


def played(house: House) -> None:
    play = house.play
    house.choose_when()
    chosen = (house.act, play.mend, play.find, house.choose_when, house.wait, house.hear, house.operate)
    steps = (
        *chosen,
        house.work,
        house.work,
        house.work,
        house.answer,
        house.answer,
        play.arrive,
        play.arrive,
    )
    for _ in range(250):
        house.random.choice(steps)()


def test_an_attempt_that_is_not_guarded_is_found_out(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oracle of the play can fail."""
    house = house_of(ledger, 1, monkeypatch)
    append, gathered = taking._append, dispatch.gathered

    def between(ready: object) -> object:
        withdraw_consent(ledger, patient_id, ConsentKind.NOTIFICATIONS, by_patient(patient_id))
        return gathered(ready)  # type: ignore[arg-type]

    patient_id = house.play.patient_id
    arrives(ledger, house.play.laboratories[0], content("1", PANELS[0], sent_second=1))
    monkeypatch.setattr(taking.dispatch, "gathered", between)
    monkeypatch.setattr(
        taking, "_append", lambda ledger, steps: append(ledger, [replace(one, guards=()) for one in steps])
    )
    house.play.follower.catch_up()
    while not house.under_way:
        house.work()
    with pytest.raises(AssertionError):
        judge(ledger)


@pytest.mark.parametrize("seed", range(2))
def test_what_comes_between_is_obeyed_and_nothing_is_lost(
    ledger: Ledger, owner: Ledger, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    house = house_of(ledger, seed, monkeypatch)
    played(house)
    monkeypatch.undo()
    told = judge(ledger)
    assert sum(one.attempts for one in told.values()) > 5 and any(one.members for one in told.values())

    for _ in range(40):
        # Nobody does anything any more, and the providers take everything.
        house.ahead += timedelta(hours=10)
        for _ in Channel:
            house.work()
        while house.under_way:
            house.answer(HandedOver("3"))
    judge(ledger)
    house.play.follower.catch_up()
    states = {one_id: state_of(ledger, one_id) for one_id in told}
    assert not [one for one in states.values() if one.status in OPEN]
    rows = {
        row.notification_id: row
        for row in delivery.notifications_of(ledger, house.play.patient_id, limit=1000)
    }
    for one_id, state in states.items():
        seen = states[state.digest_id] if state.digest_id is not None else state
        assert rows[one_id].status == seen.status, one_id
    by_state = Counter(state.status for state in states.values())
    assert by_state[NotificationStatus.HANDED_OVER] and by_state[NotificationStatus.JOINED], by_state
    assert check(owner, DELIVERY).is_equal
