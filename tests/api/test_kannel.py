"""SMS by a real Kannel: texts arrive letter by letter, and its receipts reach the notification."""

import asyncio
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from api.channels.kannel import KannelGateway, Smsbox
from api.channels.notice import Notice, NoticeKind
from api.channels.short_message import ShortMessage
from api.channels.sms import sms_sender, text_of
from api.outcome import HandedOver, Outcome, RefusedForGood, RefusedForNow
from domain.notification import NotificationDelivered
from tests.api import kannel
from tests.api.cast import Portal
from tests.api.kannel import PASSWORD, USER, Kannel
from tests.api.sms_cast import sms_under_way

RUSSIAN = "Летопись: в вашем кабинете новый документ — «ё» и №1."
LONG = RUSSIAN * 3


@pytest.fixture(scope="module")
def smsc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kannel]:
    with kannel.running(tmp_path_factory.mktemp("kannel")) as found:
        yield found


def sent(smsc: Kannel, text: str, *, phone: str = "+79990000001", password: str = PASSWORD) -> Outcome:
    async def send() -> Outcome:
        smsbox = Smsbox(url=smsc.url, user=USER, password=password, sender="Letopis")
        gateway = KannelGateway(smsbox)
        try:
            return await gateway.submit(ShortMessage(phone=phone, text=text, reference="n-1"))
        finally:
            await gateway.close()

    return asyncio.run(send())


@pytest.mark.parametrize(
    ("text", "parts"),
    [(RUSSIAN, 1), ("Letopis: a new document, {1} @ [2] & 100% + 1", 1), (LONG, 3)],
    ids=["russian", "english", "long"],
)
def test_a_text_arrives_as_it_was_written(smsc: Kannel, text: str, parts: int) -> None:
    assert sent(smsc, text) == HandedOver(None)
    assert "".join(smsc.got(parts)) == text


def test_a_wrong_password_is_our_mistake_and_not_the_end_of_the_message(smsc: Kannel) -> None:
    assert sent(smsc, RUSSIAN, password="wrong") == RefusedForNow("403")


def test_what_kannel_cannot_read_is_refused_for_good(smsc: Kannel) -> None:
    assert sent(smsc, RUSSIAN, phone="") == RefusedForGood("400")


def test_its_receipt_reaches_the_notification(smsc: Kannel, portal: Portal) -> None:
    ledger = portal.opened.ledger
    settings = portal.opened.settings.model_copy(
        update={
            "sms_gateway_url": None,
            "sms_kannel_url": smsc.url,
            "sms_kannel_user": USER,
            "sms_kannel_password": PASSWORD,
            "sms_kannel_from": "Letopis",
        }
    )
    notification_id = sms_under_way(ledger)
    notice = Notice(
        notification_id=notification_id,
        recipient_id=uuid4(),
        kind=NoticeKind.READY,
        locale="ru",
        link=f"{settings.public_url}/reports",
        requested_at=datetime.now(UTC),
        phone="+79990000001",
    )

    async def send() -> Outcome:
        sender = sms_sender(settings, ledger)
        assert sender is not None
        try:
            return await sender.send(notice)
        finally:
            await sender.close()

    assert asyncio.run(send()) == HandedOver(None)
    assert "".join(smsc.got(2)) == text_of(notice)
    assert delivered(portal, notification_id)


def delivered(portal: Portal, notification_id: UUID) -> bool:
    """Kannel tells it within a moment."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        events = [one.event for one in portal.opened.ledger.read(notification_id)]
        if any(isinstance(event, NotificationDelivered) for event in events):
            return True
        time.sleep(0.05)
    return False
