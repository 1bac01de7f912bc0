"""SMS: what a notice says in one or two of them, and the operator's provider, whichever of the three it is."""

import asyncio
from functools import partial
from typing import Final

from api.channels.gsm import segments_of
from api.channels.kannel import KannelGateway, Smsbox, receipt_url
from api.channels.notice import Notice, NoticeKind
from api.channels.short_message import Provider, ShortMessage
from api.channels.smpp import SmppCentre
from api.channels.smpp_session import Centre
from api.channels.sms_json import JsonGateway
from api.metrics import SMS_SEGMENTS
from api.outcome import HandedOver, Outcome, RefusedForGood, Unknown
from api.pages import phrase, plural_phrase
from api.settings import Settings
from api.sms_receipts import take_into
from ledger.store import Ledger

# Who waits for a code looks at the page meanwhile.
CODE_SECONDS: Final = 10.0


class SmsSender:
    """The channel of notices."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self.width = provider.width

    async def send(self, notice: Notice) -> Outcome:
        if notice.phone is None:
            return RefusedForGood("phone-missing")
        reference = str(notice.notification_id)
        message = ShortMessage(phone=notice.phone, text=text_of(notice), reference=reference)
        return await _submit(self._provider, message)

    async def close(self) -> None:
        await self._provider.close()


def sms_sender(settings: Settings, ledger: Ledger | None = None) -> SmsSender | None:
    """None if no provider is configured. Receipts are asked for if there is a ledger to record them in."""
    provider = provider_of(settings, ledger)
    return SmsSender(provider) if provider is not None else None


def provider_of(settings: Settings, ledger: Ledger | None = None) -> Provider | None:
    if settings.sms_gateway_url:
        return JsonGateway(url=settings.sms_gateway_url, token=settings.sms_gateway_token)
    if settings.sms_kannel_url:
        smsbox = Smsbox(
            url=settings.sms_kannel_url,
            user=settings.sms_kannel_user,
            password=settings.sms_kannel_password,
            sender=settings.sms_kannel_from,
        )
        if ledger is None:
            return KannelGateway(smsbox)
        to_us = partial(receipt_url, settings.public_url, ledger.custody.message_key)
        return KannelGateway(smsbox, receipt_url=to_us)
    if settings.smpp_host:
        take_receipt = take_into(ledger) if ledger is not None else None
        return SmppCentre(_centre_of(settings, settings.smpp_host), take_receipt)
    return None


def send_now(settings: Settings, *, phone: str, text: str, reference: str) -> Outcome | None:
    """Hand over one text that somebody waits for, like a code: blocks, and not for long. None if no provider is
    configured. What became of it later nobody asks."""

    async def send() -> Outcome | None:
        provider = provider_of(settings)
        if provider is None:
            return None
        message = ShortMessage(phone=phone, text=text, reference=reference, wants_receipt=False)
        try:
            async with asyncio.timeout(CODE_SECONDS):
                return await _submit(provider, message)
        except TimeoutError:
            return Unknown("timeout")
        finally:
            await provider.close()

    return asyncio.run(send())


async def _submit(provider: Provider, message: ShortMessage) -> Outcome:
    outcome = await provider.submit(message)
    if isinstance(outcome, HandedOver):
        SMS_SEGMENTS.inc(len(segments_of(message.text).parts))
    return outcome


def _centre_of(settings: Settings, host: str) -> Centre:
    return Centre(
        host=host,
        port=settings.smpp_port,
        has_tls=settings.smpp_tls,
        authorities=settings.smpp_authorities,
        system_id=settings.smpp_system_id,
        password=settings.smpp_password,
        system_type=settings.smpp_system_type,
        source=settings.smpp_source,
        source_ton=settings.smpp_source_ton,
        source_npi=settings.smpp_source_npi,
        destination_ton=settings.smpp_destination_ton,
        destination_npi=settings.smpp_destination_npi,
        window=settings.smpp_window,
        message_id=settings.smpp_message_id,
    )


# Words.

# Of one report; a document goes by e-mail, so by SMS it is told as any other.
_NEWS: Final = {
    NoticeKind.READY: "ready",
    NoticeKind.DOCUMENT: "ready",
    NoticeKind.CORRECTED: "corrected",
    NoticeKind.WITHDRAWN: "withdrawn",
}


def text_of(notice: Notice) -> str:
    """No name, nothing of health, no organisation: who takes the phone in hand reads that there is something to
    read after signing in. A guardian reads that it is about who they represent."""
    whose = "ward" if notice.for_ward else "own"
    match notice.kind:
        case NoticeKind.TEST:
            return phrase("sms.test", locale=notice.locale)
        case NoticeKind.PASSWORD:
            return phrase("sms.document-password", locale=notice.locale, password=notice.password or "")
        case NoticeKind.DIGEST:
            words = plural_phrase(f"sms.{whose}.digest", notice.count, locale=notice.locale)
        case _:
            words = phrase(f"sms.{whose}.{_NEWS[notice.kind]}", locale=notice.locale)
    return f"{words} {notice.link}"
