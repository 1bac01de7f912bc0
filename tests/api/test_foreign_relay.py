"""Letters through a mail server that is not of our making (Postfix): into a mailbox, and back when there is none."""

import asyncio
import tempfile
import time
from collections.abc import Iterator
from email import message_from_bytes, policy
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from api.channels.email import EmailSender
from api.channels.notice import Notice
from api.node import Node
from api.outcome import HandedOver, Outcome, RefusedForGood
from domain import notification
from domain.channel import Channel
from domain.notification import (
    NotificationAttempted,
    NotificationRequested,
    NotificationReturned,
    NotificationStatus,
)
from domain.values import PatientId
from ledger.codec import Circumstances
from ledger.store import Write
from tests.api.postfix import Postfix, running, why_not
from tests.api.test_bounces import DOMAIN, listening, settings  # noqa: F401 - a fixture
from tests.api.test_email_channel import notice

pytestmark = pytest.mark.skipif(why_not() is not None, reason=why_not() or "")
BY = Circumstances(actor="system:test")
ANNA = "anna@example.test"


@pytest.fixture(scope="module")
def foreign() -> Iterator[Postfix]:
    # Not below the folder of a test, which only its owner may enter: Postfix's parts are of another user.
    with tempfile.TemporaryDirectory(dir="/var/tmp", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        with running(Path(folder), returns=DOMAIN) as postfix:
            yield postfix


@pytest.fixture
def postfix(foreign: Postfix, opened: Node) -> Iterator[Postfix]:
    """With our own door open, where it brings its reports to."""
    with listening(opened, foreign.door):
        yield foreign


def sent(opened: Node, postfix: Postfix, *notices: Notice, asks_delivery: bool = False) -> list[Outcome]:
    through = opened.settings.model_copy(
        update={"smtp_port": postfix.port, "smtp_asks_delivery": asks_delivery, "smtp_host": "127.0.0.1"}
    )

    async def run() -> list[Outcome]:
        sender = EmailSender.from_settings(through, opened.ledger.custody)
        assert sender is not None
        try:
            return await asyncio.gather(*(sender.send(one) for one in notices))
        finally:
            await sender.close()

    return asyncio.run(run())


def attempted(opened: Node) -> UUID:
    """A notification that was taken to be sent."""
    notification_id, report_id = uuid4(), uuid4()
    requested = NotificationRequested(
        patient_id=PatientId(uuid4()),
        report_id=report_id,
        report_version=1,
        channel=Channel.EMAIL,
        consent_id=uuid4(),
        consent_version=1,
    )
    taken = NotificationAttempted(attempt=1, lease_until=notice().requested_at, consent_version=1)
    opened.ledger.append(Write(notification_id, 0, (requested, taken)), circumstances=BY)
    return notification_id


def becomes(opened: Node, notification_id: UUID, status: NotificationStatus) -> None:
    give_up = time.monotonic() + 60
    while time.monotonic() < give_up:
        state, _ = opened.ledger.load(notification_id, notification.evolve)
        if state is not None and state.status is status:
            return
        time.sleep(0.1)
    raise AssertionError(f"it never became {status}")


def test_letters_reach_a_real_mailbox_as_they_were_composed(opened: Node, postfix: Postfix) -> None:
    outcomes = sent(opened, postfix, *(notice(notification_id=uuid4(), email=ANNA) for _ in range(20)))
    assert all(isinstance(one, HandedOver) and one.remote_id for one in outcomes)
    for raw in postfix.mailbox("anna", count=20):
        message = message_from_bytes(raw, policy=policy.default)
        assert message["Subject"] == "Новый документ в личном кабинете" and not message.defects
        assert DOMAIN in message["Return-Path"]


def test_an_unknown_mailbox_is_refused_for_good_by_its_number(opened: Node, postfix: Postfix) -> None:
    nobody, anna = notice(email="nobody@example.test"), notice(notification_id=uuid4(), email=ANNA)
    outcomes = sent(opened, postfix, nobody, anna, nobody)
    assert outcomes[::2] == [RefusedForGood("550 5.1.1")] * 2 and isinstance(outcomes[1], HandedOver)


def test_a_letter_that_cannot_be_delivered_comes_back_and_is_recorded(opened: Node, postfix: Postfix) -> None:
    gone = attempted(opened)
    (outcome,) = sent(opened, postfix, notice(notification_id=gone, email="boris@far.test"))
    assert isinstance(outcome, HandedOver), "the relay took it: that nobody is there shows later"
    becomes(opened, gone, NotificationStatus.RETURNED)
    (*_, last) = opened.ledger.read(gone)
    assert isinstance(last.event, NotificationReturned) and last.event.reason == "5.1.1"


def test_the_relay_tells_of_the_mailbox_it_reached_when_asked_to(opened: Node, postfix: Postfix) -> None:
    here = attempted(opened)
    (outcome,) = sent(opened, postfix, notice(notification_id=here, email=ANNA), asks_delivery=True)
    assert isinstance(outcome, HandedOver)
    becomes(opened, here, NotificationStatus.DELIVERED)
