"""Receipts of SMS: by HTTP from a gateway that proves who it is, and by the link of SMPP; each recorded once."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID, uuid4

import httpx2
import psycopg
import pytest
from fastapi.testclient import TestClient

from api import sms_receipts
from api.app import create_app
from api.channels.kannel import receipt_url
from api.channels.notice import Notice, NoticeKind
from api.channels.short_message import Receipt, ReceiptAnswer
from api.channels.sms import sms_sender
from api.demo_peers import AcceptedSms
from api.node import Node
from api.outcome import HandedOver, Outcome
from api.sms_receipts import take_into
from domain.channel import Channel
from domain.notification import (
    NotificationDelivered,
    NotificationReturned,
)
from ledger.store import Write
from tests.api.cast import Portal
from tests.api.smpp_centre import SmscPeer
from tests.api.sms_cast import BY, handed_over, sms_under_way

TOKEN = "receipts-token"
SOME = str(UUID(int=1))


def said(portal: Portal, notification_id: UUID) -> list[object]:
    """What providers have said of it."""
    events = [one.event for one in portal.opened.ledger.read(notification_id)]
    return [one for one in events if isinstance(one, NotificationDelivered | NotificationReturned)]


# Our form of JSON.


@pytest.fixture
def settings(settings):  # type: ignore[no-untyped-def]  # that of conftest.py, with one more
    return settings.model_copy(update={"sms_receipts_token": TOKEN})


def post(portal: Portal, json: object, *, token: str = TOKEN) -> httpx2.Response:
    headers = {"Authorization": f"Bearer {token}"}
    return portal.machine.post("/receipts/sms", json=json, headers=headers)


def test_a_gateway_tells_what_became_of_its_sms_and_may_tell_it_again(portal: Portal) -> None:
    notification_id = sms_under_way(portal.opened.ledger, remote_id="sms-1")
    portal.sms.tells_to = (f"{portal.opened.settings.public_url}/receipts/sms", TOKEN)
    message = AcceptedSms("sms-1", "+79990000001", "text", str(notification_id))
    assert [portal.sms.tell(message) for _ in range(3)] == [204] * 3
    assert said(portal, notification_id) == [NotificationDelivered(remote_id="sms-1")]


@pytest.mark.parametrize(
    ("told", "recorded"),
    [("number-unknown", "number-unknown"), ("expired", "sms-expired"), ("failed", "sms-failed")],
)
def test_a_gateway_tells_why_it_did_not_arrive(portal: Portal, told: str, recorded: str) -> None:
    notification_id = sms_under_way(portal.opened.ledger, remote_id="sms-1")
    answer = post(portal, {"reference": str(notification_id), "status": "failed", "id": 7, "reason": told})
    assert answer.status_code == 204
    assert said(portal, notification_id) == [NotificationReturned(remote_id="7", reason=recorded)]


def test_a_receipt_may_be_faster_than_our_own_record(portal: Portal) -> None:
    notification_id = sms_under_way(portal.opened.ledger)
    assert post(portal, {"reference": str(notification_id), "status": "delivered"}).status_code == 204
    handed_over(portal.opened.ledger, notification_id, "sms-1")
    assert said(portal, notification_id) == [NotificationDelivered(remote_id="")]


@pytest.mark.parametrize("token", ["", "wrong", TOKEN[:-1], TOKEN + "x", "токен"])
def test_nobody_else_tells_receipts(portal: Portal, token: str) -> None:
    notification_id = sms_under_way(portal.opened.ledger, remote_id="sms-1")
    told = {"reference": str(notification_id), "status": "delivered"}
    headers = {b"authorization": f"Bearer {token}".encode()} if token else {}
    answer = portal.machine.post("/receipts/sms", json=told, headers=headers)
    assert answer.status_code == 401
    assert answer.json()["code"] == "receipts-token-wrong"
    assert not said(portal, notification_id)


def test_without_a_token_in_the_settings_nobody_tells_receipts(opened: Node) -> None:
    closed = replace(opened, settings=opened.settings.model_copy(update={"sms_receipts_token": ""}))
    with TestClient(create_app(closed, works=False)) as client:
        for headers in ({}, {"Authorization": "Bearer"}, {"Authorization": "Bearer "}):
            assert client.post("/receipts/sms", json={}, headers=headers).status_code == 404


def test_what_is_no_sms_of_ours_is_not_found(portal: Portal) -> None:
    """A code's reference, an e-mail, a stream of something else, nothing at all: the answer is the same."""
    ledger = portal.opened.ledger
    other = uuid4()
    ledger.append(Write(other, 0, (NotificationReturned(remote_id="", reason="x"),)), circumstances=BY)
    for stream_id in (uuid4(), sms_under_way(ledger, channel=Channel.EMAIL), other):
        answer = post(portal, {"reference": str(stream_id), "status": "delivered"})
        assert (answer.status_code, answer.json()["code"]) == (404, "not-found")
        assert len(said(portal, stream_id)) == (stream_id == other)


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        {"reference": "x", "status": "delivered"},
        {"reference": SOME, "status": "read"},
        {"reference": SOME, "status": "failed", "reason": "+79990000001 hung up"},
    ],
    ids=repr,
)
def test_what_is_not_in_the_form_is_refused_and_not_repeated(portal: Portal, body: object) -> None:
    answer = post(portal, body)
    assert (answer.status_code, answer.json()["code"]) == (400, "request-malformed")
    assert "7999" not in answer.text


def test_a_body_is_read_no_further_than_a_receipt_is_long(portal: Portal) -> None:
    told = {"reference": str(uuid4()), "status": "delivered", "id": "x" * 5000}
    assert post(portal, told).status_code == 413


def test_a_strange_number_of_theirs_is_not_kept(portal: Portal) -> None:
    notification_id = sms_under_way(portal.opened.ledger)
    post(portal, {"reference": str(notification_id), "status": "delivered", "id": "+7 999 000 00 01"})
    assert said(portal, notification_id) == [NotificationDelivered(remote_id="")]


# Kannel's.


def kannel_url(portal: Portal, notification_id: UUID, *, status: int = 1, number: str = "") -> str:
    key = portal.opened.ledger.custody.message_key
    told = receipt_url("", key, str(notification_id))
    return told.replace("%d", str(status)).replace("%F", number)


def test_kannel_tells_by_an_address_that_only_it_was_told(portal: Portal) -> None:
    notification_id = sms_under_way(portal.opened.ledger)
    for status, number in ((8, ""), (4, ""), (1, "17"), (1, "17")):
        url = kannel_url(portal, notification_id, status=status, number=number)
        assert portal.machine.get(url).status_code == 204
    assert said(portal, notification_id) == [NotificationDelivered(remote_id="17")]


@pytest.mark.parametrize(("status", "reason"), [(2, "kannel-failed"), (16, "kannel-refused")])
def test_kannel_tells_that_it_did_not_arrive(portal: Portal, status: int, reason: str) -> None:
    notification_id = sms_under_way(portal.opened.ledger)
    assert portal.machine.get(kannel_url(portal, notification_id, status=status)).status_code == 204
    assert said(portal, notification_id) == [NotificationReturned(remote_id="", reason=reason)]


def test_a_seal_is_of_one_notification_only(portal: Portal) -> None:
    ledger = portal.opened.ledger
    notification_id, other = sms_under_way(ledger), sms_under_way(ledger)
    right = kannel_url(portal, notification_id)
    for url in (
        right.replace(str(notification_id), str(other)),
        right.replace("seal=", "seal=0"),
        right.partition("?")[0],
        right.replace("seal=", "seal=%C3%A9"),
        kannel_url(portal, uuid4()),
    ):
        answer = portal.machine.get(url)
        assert (answer.status_code, answer.json()["code"]) == (404, "not-found")
    assert not said(portal, notification_id)
    assert not said(portal, other)


def test_a_status_that_kannel_does_not_have_is_refused(portal: Portal) -> None:
    notification_id = sms_under_way(portal.opened.ledger)
    assert portal.machine.get(kannel_url(portal, notification_id, status=3)).status_code == 400
    assert not said(portal, notification_id)


# By the provider's own number.


def test_a_number_is_found_when_the_view_knows_it(portal: Portal) -> None:
    ledger = portal.opened.ledger
    take = take_into(ledger)
    receipt = Receipt(remote_id="m-1", is_delivered=True)
    assert take(receipt) is ReceiptAnswer.UNKNOWN
    notification_id = sms_under_way(ledger, remote_id="m-1")
    portal.catch_up()
    assert [take(receipt), take(receipt)] == [ReceiptAnswer.RECORDED] * 2
    assert said(portal, notification_id) == [NotificationDelivered(remote_id="m-1")]


def test_a_number_of_an_email_is_not_that_of_an_sms(portal: Portal) -> None:
    ledger = portal.opened.ledger
    sms_under_way(ledger, remote_id="m-1", channel=Channel.EMAIL)
    portal.catch_up()
    assert take_into(ledger)(Receipt(remote_id="m-1", is_delivered=True)) is ReceiptAnswer.UNKNOWN


def test_a_receipt_waits_for_the_database(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object) -> None:
        raise psycopg.OperationalError

    monkeypatch.setattr(sms_receipts, "by_remote_id", away)
    take = take_into(portal.opened.ledger)
    assert take(Receipt(remote_id="m-1", is_delivered=True)) is ReceiptAnswer.LATER


def test_a_centre_s_receipt_reaches_the_notification(portal: Portal) -> None:
    """From the sender to the event, by the link."""
    ledger = portal.opened.ledger
    with SmscPeer() as smsc:
        settings = portal.opened.settings.model_copy(
            update={"sms_gateway_url": None, "smpp_host": "127.0.0.1", "smpp_port": smsc.port}
        )
        notification_id = sms_under_way(ledger)
        sender = sms_sender(settings, ledger)
        assert sender is not None
        notice = Notice(
            notification_id=notification_id,
            recipient_id=uuid4(),
            kind=NoticeKind.TEST,
            locale="ru",
            link="",
            requested_at=datetime.now(UTC),
            phone="+79990000001",
        )
        outcome: Outcome = asyncio.run(sender.send(notice))  # type: ignore[arg-type]
        assert outcome == HandedOver("m-1")
        told = b"id:m-1 sub:001 dlvrd:001 stat:DELIVRD err:000 text:"
        assert smsc.deliver(told) == 0x64, "it is not recorded yet, so the centre keeps its receipt"
        handed_over(ledger, notification_id, "m-1")
        portal.catch_up()
        assert smsc.deliver(told) == 0
        asyncio.run(sender.close())
    assert said(portal, notification_id) == [NotificationDelivered(remote_id="m-1")]
