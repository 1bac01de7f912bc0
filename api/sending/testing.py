"""«Отправить тест»: one notice by the same way as every other, and the provider's own answer to it."""

import asyncio
from datetime import UTC, datetime
from typing import Final
from uuid import uuid4

from api.channels.notice import Notice, NoticeKind
from api.node import Node
from api.outcome import Outcome, RefusedForGood, Unknown
from api.sending.composing import addressed, locale_of
from api.sending.senders import sender_of
from domain.channel import Channel
from domain.permission import EMAIL_UNCONFIRMED, PHONE_UNCONFIRMED, Grounds, address_barrier
from domain.values import PatientId
from ledger.sending import reach_of

# For so long a page waits, and a thread with it; a worker has more patience.
TEST_SECONDS: Final = 20.0
# Typed in and not confirmed: it may be a stranger's, and nobody writes to strangers from here.
_NOBODYS: Final = (EMAIL_UNCONFIRMED, PHONE_UNCONFIRMED)


def send_test(node: Node, patient_id: PatientId, channel: Channel) -> Outcome:
    """Blocks until the provider has answered. Nothing is recorded, and it is not tried again: who asks sees what
    came of it. `channel-off` if the channel is not configured, `address-missing` if there is nowhere to send it."""
    now = datetime.now(UTC)
    patient, pushes = reach_of(node.ledger, patient_id, at=now)
    fault = address_barrier(Grounds(at=now, patient=patient, pushes=pushes), channel)
    addresses = addressed(channel, patient, pushes)
    if addresses is not None and fault in _NOBODYS:
        return RefusedForGood(fault)
    if addresses is None:
        return RefusedForGood("address-missing")
    notice = Notice(
        notification_id=uuid4(),
        recipient_id=patient_id,
        kind=NoticeKind.TEST,
        locale=locale_of(patient),
        link=f"{node.settings.public_url}/notifications",
        requested_at=now,
        email=addresses.email,
        phone=addresses.phone,
        browsers=addresses.browsers,
    )
    return asyncio.run(_send(node, channel, notice))


async def _send(node: Node, channel: Channel, notice: Notice) -> Outcome:
    sender = sender_of(node, channel)
    if sender is None:
        return RefusedForGood("channel-off")
    try:
        async with asyncio.timeout(TEST_SECONDS):
            return await sender.send(notice)
    except TimeoutError:
        return Unknown("timeout")
    finally:
        await sender.close()
