"""Faults on the real thing: workers at once and workers that die, providers that are slow or out of order, addresses
that change meanwhile. Whatever comes, each notification has one state, and what was not certainly lost comes once."""

import socket
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from threading import Event as Signal
from threading import Thread
from time import monotonic, sleep
from typing import Any
from uuid import UUID

import psycopg
import pytest

from api.channels.email import TIMEOUT_SECONDS
from api.demo_peers import Fault
from api.outcome import HandedOver, Outcome, RefusedForGood, RefusedForNow, Unknown
from api.sending import breaker, testing, worker
from api.sending.breaker import OPEN_FIRST, OPEN_LONGEST, REFUSALS_MAX, Standing, is_about_us
from api.sending.testing import send_test
from api.sending.worker import ChannelWorker
from domain.channel import Channel
from domain.dispatch import UNKNOWN_WAIT
from domain.notice_hours import NoticeHours
from domain.notification import (
    NotificationAttempted,
    NotificationFailed,
    NotificationHandedOver,
    NotificationStatus,
)
from domain.receiving import Periodicity
from domain.values import PatientId
from ledger import commands, sending
from ledger.codec import Circumstances
from ledger.commands import by_patient
from ledger.contacts import confirm_email
from ledger.provider_receipts import record_receipt
from ledger.push_subscriptions import subscribe
from ledger.receiving import choose_hours
from ledger.taking import Round
from projections.delivery import DELIVERY, by_remote_id
from projections.follow import Follower
from tests.api.cast import ANNA, BORIS, Laboratory, Portal, bundle, settled, who
from tests.api.push_peer import push_peer
from tests.api.sending_cast import Clock, arrived, at_relay, rows_of, state_of, told, wants, with_settings

OPERATOR = Circumstances(actor="staff:maria")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(worker, "utc_now", clock.now)
    return clock


@pytest.fixture
def anna(portal: Portal, laboratory: Laboratory) -> PatientId:
    return settled(portal.opened, ANNA, laboratory.laboratory_id)


@pytest.fixture
def send(portal: Portal, laboratory: Laboratory) -> Callable[..., Any]:
    """A result comes; the notification by e-mail that was asked for."""
    return partial(arrived, portal, laboratory)


# Addresses that change.


def test_after_a_change_of_the_address_the_old_one_gets_nothing(
    portal: Portal, anna: PatientId, send: Callable[..., Any], clock: Clock
) -> None:
    send()
    portal.mail.fault = Fault.REFUSE_FOR_NOW
    portal.notify()
    portal.mail.fault = None
    by, new = by_patient(anna), "anna-new@patients.example"
    commands.state_email(portal.opened.ledger, anna, new, by)
    confirm_email(portal.opened.ledger, anna, new, by)
    clock.forward(minutes=2)
    portal.notify()
    assert at_relay(portal.mail) == [new]


def test_an_address_that_changes_while_it_is_taken_is_read_anew(
    portal: Portal, anna: PatientId, send: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look and the append: the guard makes it a conflict, so nothing goes to the old one."""
    send()
    ledger, new = portal.opened.ledger, "anna-new@patients.example"
    append, once = ledger.append, [True]

    def changing(*writes: Any, **more: Any) -> Any:
        if once and any(
            isinstance(event, NotificationAttempted) for write in writes for event in write.events
        ):
            once.pop()
            monkeypatch.setattr(ledger, "append", append)
            commands.state_email(ledger, anna, new, by_patient(anna))
            confirm_email(ledger, anna, new, by_patient(anna))
        return append(*writes, **more)

    monkeypatch.setattr(ledger, "append", changing)
    portal.notify()
    assert not once and not portal.mail.accepted
    portal.notify()
    assert at_relay(portal.mail) == [new]


def test_a_channel_that_is_switched_off_between_two_tries_is_used_no_more(
    portal: Portal, anna: PatientId, send: Callable[..., Any], clock: Clock
) -> None:
    send()
    portal.mail.fault = Fault.REFUSE_FOR_NOW
    portal.notify()
    portal.mail.fault = None
    wants(portal, anna, Channel.PUSH, periodicity=Periodicity.AS_READY)
    clock.forward(minutes=2)
    portal.notify()
    assert told(portal) == ["Requested", "Attempted", "Failed", "Suppressed"] and not portal.mail.accepted


# Workers.


def test_two_processes_send_each_letter_once(portal: Portal, laboratory: Laboratory, home: Any) -> None:
    for number in range(1, 7):
        settled(portal.opened, who(number), laboratory.laboratory_id)
        portal.submit(laboratory.seal(bundle(f"{number}", who(number))))
    portal.catch_up()
    settings = portal.opened.settings
    program = (
        "from api.node import node; from api.settings import Settings; from domain.channel import Channel\n"
        "from api.sending.worker import ChannelWorker\n"
        "with node(Settings()) as opened: ChannelWorker(opened, Channel.EMAIL).step()"
    )
    environment = {
        "DATABASE_URL": portal.opened.conninfo,
        "LETOPIS_HOME": str(settings.home),
        "LETOPIS_ORIGIN": settings.origin,
        "LETOPIS_SMTP_HOST": "127.0.0.1",
        "LETOPIS_SMTP_PORT": str(settings.smtp_port),
    }
    processes = [subprocess.Popen([sys.executable, "-c", program], env=environment) for _ in range(2)]
    assert [process.wait(timeout=60) for process in processes] == [0, 0]
    assert sorted(at_relay(portal.mail)) == [who(number).email for number in range(1, 7)]
    assert len(portal.events(NotificationAttempted)) == len(portal.events(NotificationHandedOver)) == 6


def test_a_slow_relay_holds_back_no_other_channel(
    portal: Portal, laboratory: Laboratory, anna: PatientId
) -> None:
    with push_peer() as peer:
        browser = peer.browser().address
        opened = with_settings(
            portal.opened, push_contact="mailto:operator@letopis.example", push_services=(peer.origin,)
        )
        subscribe(
            opened.ledger,
            anna,
            endpoint=browser.endpoint,
            p256dh=browser.p256dh,
            auth=browser.auth,
            label=None,
            by=by_patient(anna),
        )
        awake = NoticeHours(quiet_from=datetime.min.time(), quiet_until=datetime.min.time())
        choose_hours(opened.ledger, anna, awake, by_patient(anna))
        wants(portal, anna, Channel.EMAIL, Channel.PUSH, periodicity=Periodicity.AS_READY)
        portal.mail.fault = Fault.STALL_AFTER
        stop = Signal()
        workers = [ChannelWorker(opened, channel).run for channel in (Channel.EMAIL, Channel.PUSH)]
        workers.append(Follower(opened.ledger, [DELIVERY]).run)
        threads = [Thread(target=run, args=(stop,)) for run in workers]
        for thread in threads:
            thread.start()
        try:
            assert portal.submit(laboratory.seal(bundle("1"))).status_code == 201
            _until(lambda: peer.accepted)
            found = portal.events(NotificationAttempted, NotificationHandedOver)
            assert len(found) < 4, "the relay is still silent"
            _until(lambda: len(portal.events(NotificationHandedOver)) == 2)
        finally:
            stop.set()
            for thread in threads:
                thread.join(timeout=60)


def _until(true: Callable[[], object], seconds: float = 60.0) -> None:
    give_up = monotonic() + seconds
    while not true():
        assert monotonic() < give_up, "it does not come true"
        sleep(0.05)


def test_outcomes_wait_while_the_database_is_away(
    portal: Portal, anna: PatientId, send: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    notification_id = send()
    one, away = ChannelWorker(portal.opened, Channel.EMAIL), [True]
    conclude = sending.conclude

    def concluding(*arguments: Any) -> None:
        if away:
            raise psycopg.OperationalError
        conclude(*arguments)

    monkeypatch.setattr(worker, "conclude", concluding)
    with pytest.raises(psycopg.OperationalError):
        one.step()
    assert len(portal.mail.accepted) == 1
    assert state_of(portal, notification_id).status is NotificationStatus.ATTEMPTED
    away.clear()
    one.step()
    assert told(portal) == ["Requested", "Attempted", "HandedOver"] and len(portal.mail.accepted) == 1


def test_an_answer_that_comes_after_the_lease_still_counts(
    portal: Portal, anna: PatientId, send: Callable[..., Any], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    notification_id = send()
    slow = ChannelWorker(portal.opened, Channel.EMAIL)
    monkeypatch.setattr(ChannelWorker, "_record", lambda _: None)
    slow.step()
    monkeypatch.undo()
    monkeypatch.setattr(worker, "utc_now", clock.now)
    clock.forward(minutes=6)
    portal.notify()
    assert told(portal)[-1] == "OutcomeUnknown"
    slow.step()
    clock.forward(minutes=30)
    portal.notify()
    assert state_of(portal, notification_id).status is NotificationStatus.HANDED_OVER
    assert len(portal.mail.accepted) == 1


def test_a_lease_is_longer_than_what_is_begun_in_it_can_last() -> None:
    """SMTP waits twice: for all that comes before the final dot, and for the answer to it."""
    assert timedelta(seconds=2 * TIMEOUT_SECONDS) < worker.MARGIN < worker.LEASE
    assert timedelta(minutes=10) <= UNKNOWN_WAIT, "so long an answer may take (RFC 5321, 4.5.3.2.6)"


def test_what_was_taken_long_ago_is_not_begun(
    portal: Portal, anna: PatientId, send: Callable[..., Any], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its lease could end before the answer comes, and then another worker would send it too."""
    send()
    take = worker.take

    def late(*given: Any) -> Round:
        found = take(*given)
        clock.forward(minutes=3)
        return found

    monkeypatch.setattr(worker, "take", late)
    portal.notify()
    assert not portal.mail.accepted
    assert portal.events(NotificationFailed)[-1].event.reason == "not-begun"
    monkeypatch.setattr(worker, "take", take)
    clock.forward(minutes=2)
    portal.notify()
    assert at_relay(portal.mail) == [ANNA.email]


def test_one_that_cannot_be_read_holds_back_no_other(
    portal: Portal,
    laboratory: Laboratory,
    anna: PatientId,
    send: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    broken = send()
    settled(portal.opened, BORIS, laboratory.laboratory_id)
    send("2", BORIS)
    take = worker.take

    def taking(ledger: Any, due: Any, how: Any) -> Any:
        if any(one.notification_id == broken for one in due):
            raise KeyError(broken)
        return take(ledger, due, how)

    monkeypatch.setattr(worker, "take", taking)
    portal.notify()
    assert at_relay(portal.mail) == [BORIS.email]


def test_a_sender_that_raises_leaves_an_unknown_outcome(
    portal: Portal, anna: PatientId, send: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    send()

    class Broken:
        width = 1

        async def send(self, _: object) -> Outcome:
            raise KeyError

        async def close(self) -> None:
            return

    monkeypatch.setattr(worker, "sender_of", lambda *_: Broken())
    ChannelWorker(portal.opened, Channel.EMAIL).step()
    assert told(portal) == ["Requested", "Attempted", "OutcomeUnknown"]


def test_a_channel_that_nobody_configured_gives_up_after_three_days(
    portal: Portal, anna: PatientId, send: Callable[..., Any], clock: Clock
) -> None:
    send()
    off = ChannelWorker(with_settings(portal.opened, smtp_host=None), Channel.EMAIL)
    assert off.step() == 0
    clock.forward(hours=73)
    off.step()
    (row,) = rows_of(portal, anna, Channel.EMAIL)
    assert (row.status, row.reason) == ("abandoned", "life-over")


# Providers out of order.


def test_five_refusals_open_the_breaker_and_one_probe_closes_it(
    portal: Portal, laboratory: Laboratory, clock: Clock, send: Callable[..., Any]
) -> None:
    for number in range(1, REFUSALS_MAX + 3):
        settled(portal.opened, who(number), laboratory.laboratory_id)
    for number in range(1, REFUSALS_MAX + 1):
        send(f"{number}", who(number))
    portal.mail.fault = Fault.DROP_BEFORE
    portal.notify(Channel.EMAIL)
    assert len(portal.events(NotificationFailed)) == REFUSALS_MAX
    portal.mail.fault = None
    for number in range(REFUSALS_MAX + 1, REFUSALS_MAX + 3):
        send(f"{number}", who(number))
    portal.notify(Channel.EMAIL)
    assert not portal.mail.accepted, "while it is open nothing is taken"
    (standing,) = [one for one in breaker.standings(portal.opened.ledger) if one.channel is Channel.EMAIL]
    assert standing.is_open and standing.last_answer == "connection"
    clock.forward(seconds=OPEN_FIRST.total_seconds() + 2)
    portal.notify(Channel.EMAIL)
    assert len(portal.mail.accepted) == 1, "one goes ahead"
    clock.forward(minutes=2)
    portal.notify(Channel.EMAIL)
    assert len(portal.mail.accepted) == REFUSALS_MAX + 2


def test_one_worker_probes_and_the_others_wait(portal: Portal) -> None:
    ledger, now = portal.opened.ledger, datetime.now(UTC)
    breaker.note(ledger, Channel.EMAIL, [RefusedForNow("connection")] * REFUSALS_MAX, now)

    def leave() -> breaker.Leave:
        return breaker.leave(ledger, Channel.EMAIL, wanted=5, now=now + OPEN_FIRST, pace=None)

    assert [leave(), leave()] == [breaker.Leave(1, is_probe=True), breaker.Leave(0)]
    breaker.end_probe(ledger, Channel.EMAIL)
    assert leave().is_probe, "it had nothing to send"


def test_the_breaker_doubles_and_has_an_end() -> None:
    now = datetime(2026, 11, 26, tzinfo=UTC)
    standing, lengths = Standing(channel=Channel.EMAIL), []
    for _ in range(REFUSALS_MAX - 1):
        standing = breaker.after(standing, RefusedForNow("connection"), now)
    assert not standing.is_open
    for _ in range(8):
        standing = breaker.after(standing, RefusedForNow("connection"), now)
        assert standing.open_until is not None
        same = breaker.after(standing, RefusedForNow("connection"), now + timedelta(seconds=1))
        assert same.open_until == standing.open_until, "what was sent before opens it no longer"
        lengths.append(standing.open_until - now)
        now = standing.open_until
    assert lengths == [min(OPEN_FIRST * 2**number, OPEN_LONGEST) for number in range(8)]
    assert breaker.after(standing, RefusedForGood("550 5.1.1"), now).open_until is None


@pytest.mark.parametrize(
    "code", ["connection", "timeout", "tls-not-offered", "421 4.3.2", "454", "535 5.7.8", "503"]
)
def test_refusals_that_would_meet_any_notice(code: str) -> None:
    assert is_about_us(Channel.EMAIL, RefusedForNow(code))


@pytest.mark.parametrize(
    "outcome",
    [
        HandedOver("1"),
        RefusedForGood("550 5.1.1"),
        RefusedForNow("451 4.7.1"),
        RefusedForNow("452"),
        RefusedForNow("429"),
    ],
)
def test_answers_that_are_about_one_notice(outcome: Outcome) -> None:
    assert not is_about_us(Channel.EMAIL, outcome)


def test_an_answer_that_never_came_is_about_us() -> None:
    assert is_about_us(Channel.EMAIL, Unknown("timeout-after-dot"))


def test_a_relay_that_wants_no_letters_of_ours_is_left_alone() -> None:
    """Else all that waits would fail for good, one after the other."""
    assert is_about_us(Channel.EMAIL, RefusedForGood("550 5.7.1"))
    assert is_about_us(Channel.PUSH, RefusedForGood("403"))
    assert not is_about_us(Channel.EMAIL, RefusedForGood("552 5.2.2"))
    assert not is_about_us(Channel.PUSH, RefusedForGood("subscription-gone"))
    # By a browser that was made for another's key, one patient would shut push for all, try after try.
    assert not is_about_us(Channel.PUSH, RefusedForNow("401"))


def test_a_provider_has_its_pace(portal: Portal, clock: Clock) -> None:
    ledger, now = portal.opened.ledger, clock.now()

    def leave(wanted: int, ahead: float = 0.0) -> int:
        later = now + timedelta(seconds=ahead)
        return breaker.leave(ledger, Channel.SMS, wanted=wanted, now=later, pace=10.0).number

    assert [leave(4), leave(4), leave(4), leave(1)] == [4, 4, 2, 0]
    assert [leave(100, ahead=0.55), leave(1, ahead=60.0)] == [5, 1]
    slow = [
        breaker.leave(ledger, Channel.PUSH, wanted=3, now=now + timedelta(seconds=at), pace=0.5).number
        for at in (0, 1, 2, 3, 4)
    ]
    assert slow == [1, 0, 1, 0, 1]


def test_a_provider_that_asks_for_patience_gets_it(
    portal: Portal, anna: PatientId, send: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    send()

    class Busy:
        width = 1

        async def send(self, _: object) -> Outcome:
            return RefusedForNow("429", retry_after=7200.0)

        async def close(self) -> None:
            return

    monkeypatch.setattr(worker, "sender_of", lambda *_: Busy())
    before = datetime.now(UTC)
    ChannelWorker(portal.opened, Channel.EMAIL).step()
    (failed,) = portal.events(NotificationFailed)
    assert failed.event.retry_at >= before + timedelta(hours=2)


# What providers say later.


def test_a_receipt_is_recorded_once_and_an_unknown_notification_is_told_so(
    portal: Portal, anna: PatientId, send: Callable[..., Any]
) -> None:
    notification_id = send()
    portal.notify()
    portal.catch_up()
    remote_id = portal.events(NotificationHandedOver)[0].event.remote_id
    ledger = portal.opened.ledger
    assert by_remote_id(ledger, Channel.EMAIL, remote_id) == notification_id
    for _ in range(2):
        assert record_receipt(ledger, notification_id, delivered=True, remote_id=remote_id)
    assert told(portal) == ["Requested", "Attempted", "HandedOver", "Delivered"]
    unknown = ledger.stream_id("notification", "nobody's")
    assert not record_receipt(ledger, unknown, delivered=True, remote_id="1")


def test_a_letter_that_comes_back_from_no_mailbox_marks_the_address(
    portal: Portal, anna: PatientId, send: Callable[..., Any]
) -> None:
    notification_id = send()
    portal.notify()
    ledger = portal.opened.ledger
    assert record_receipt(ledger, notification_id, delivered=False, remote_id="1", reason="5.1.1")
    assert commands.load_patient(ledger, anna).unreachable == {Channel.EMAIL}
    send("2")
    portal.notify()
    assert len(portal.mail.accepted) == 1, "nothing is sent where nothing arrives"


def test_a_letter_that_is_refused_for_what_we_are_marks_no_address(
    portal: Portal, anna: PatientId, send: Callable[..., Any]
) -> None:
    send()
    portal.mail.fault = Fault.REFUSE_FOR_GOOD
    portal.notify()
    assert portal.events(NotificationFailed)[0].event.reason == "550 5.7.1"
    assert not commands.load_patient(portal.opened.ledger, anna).unreachable


def test_a_receipt_that_is_faster_than_the_answer(
    portal: Portal, anna: PatientId, send: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    notification_id = send()
    answering = ChannelWorker(portal.opened, Channel.EMAIL)
    monkeypatch.setattr(ChannelWorker, "_record", lambda _: None)
    answering.step()
    monkeypatch.undo()
    record_receipt(portal.opened.ledger, notification_id, delivered=True, remote_id="1")
    answering.step()
    assert told(portal) == ["Requested", "Attempted", "Delivered", "HandedOver"]
    assert state_of(portal, notification_id).status is NotificationStatus.DELIVERED


# What operators and patients do.


def test_an_operator_tries_a_dead_letter_again(
    portal: Portal, anna: PatientId, send: Callable[..., Any]
) -> None:
    notification_id = send()
    portal.mail.fault = Fault.REFUSE_FOR_GOOD
    portal.notify()
    portal.mail.fault = None
    sending.retry(portal.opened.ledger, notification_id, OPERATOR)
    portal.notify()
    assert told(portal) == ["Requested", "Attempted", "Failed", "Retried", "Attempted", "HandedOver"]


def test_what_an_operator_gives_up_is_not_sent(
    portal: Portal, anna: PatientId, send: Callable[..., Any]
) -> None:
    notification_id = send()
    sending.abandon(portal.opened.ledger, notification_id, OPERATOR)
    portal.notify()
    assert told(portal) == ["Requested", "Abandoned"] and not portal.mail.accepted
    with pytest.raises(sending.NotificationNotFoundError):
        sending.retry(portal.opened.ledger, UUID(int=7), OPERATOR)


def test_nobody_waits_long_at_a_page_for_a_provider_that_says_nothing(
    portal: Portal, anna: PatientId, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each who waits has a thread of the pages; with all of them taken nobody is served."""
    monkeypatch.setattr(testing, "TEST_SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        asked = with_settings(portal.opened, smtp_port=silent.getsockname()[1])
        began = monotonic()
        assert send_test(asked, anna, Channel.EMAIL) == Unknown("timeout")
        assert monotonic() - began < 3


def test_a_test_message_goes_the_way_of_every_other(portal: Portal, anna: PatientId) -> None:
    assert isinstance(send_test(portal.opened, anna, Channel.EMAIL), HandedOver)
    assert isinstance(send_test(portal.opened, anna, Channel.SMS), HandedOver)
    assert at_relay(portal.mail) == [ANNA.email] and portal.sms.accepted[-1].to == ANNA.phone
    assert send_test(portal.opened, anna, Channel.PUSH) == RefusedForGood("address-missing")
    off = with_settings(portal.opened, smtp_host=None)
    assert send_test(off, anna, Channel.EMAIL) == RefusedForGood("channel-off")
    portal.mail.fault = Fault.REFUSE_FOR_GOOD
    assert send_test(portal.opened, anna, Channel.EMAIL) == RefusedForGood("550 5.7.1")
