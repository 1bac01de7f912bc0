"""E-mail that says that something is ready and never what: in words of its kind, and handed to the relay."""

import ssl
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Final, Self
from uuid import UUID

from api import bounce_address, unsubscribe_token
from api.channels.notice import Notice, NoticeKind
from api.dkim import Signer
from api.letter import Address, Letter, MailMalformedError, composed, keyed_name
from api.outcome import Outcome, RefusedForGood, RefusedForNow
from api.pages import Locale, phrase, render
from api.settings import Settings
from api.smtp import Mail, Relay
from api.smtp_pool import Pool
from domain.channel import Channel
from ledger.custody import Custody

TIMEOUT_SECONDS: Final = 60.0
# What a relay says of an address that is no address (RFC 3463, 3.2): we need not ask it.
MALFORMED: Final = RefusedForGood("501 5.1.3")
# Asked for by the person, this very time: there is nothing to unsubscribe from.
_ONCE: Final = frozenset({NoticeKind.DOCUMENT, NoticeKind.TEST})


@dataclass(frozen=True, slots=True, kw_only=True)
class PostOffice:
    """What all our letters have in common: who sends them, how they are signed, where they come back to."""

    sender: Address
    public_url: str
    message_key: bytes
    signer: Signer | None = None
    bounces: bounce_address.Place | None = None

    @classmethod
    def of(cls, settings: Settings, custody: Custody) -> Self:
        sender = Address.of("sender", settings.mail_sender)
        signer = None
        if settings.dkim_key is not None:
            domain = settings.dkim_domain or sender.domain
            signer = Signer.of_file(settings.dkim_key, selector=settings.dkim_selector, domain=domain)
        return cls(
            sender=sender,
            public_url=settings.public_url,
            message_key=custody.message_key,
            signer=signer,
            bounces=bounce_address.Place.of(settings),
        )

    def notice(self, notice: Notice) -> Mail:
        """The mail that a notice becomes, the same at every try."""
        if notice.email is None:
            raise MailMalformedError("recipient")
        token = unsubscribe_token.make(self.message_key, notice.recipient_id, Channel.EMAIL)
        stop = None if notice.kind in _ONCE else f"{self.public_url}/unsubscribe/{token}"
        stops = () if stop is None else (stop, *self._mailto(token))
        text, html = words_of(notice, stop=stop, settings=f"{self.public_url}/notifications/settings")
        letter = Letter(
            name=keyed_name(self.message_key, str(notice.notification_id)),
            recipient=notice.email,
            subject=subject_of(notice),
            text=text,
            html=html,
            locale=notice.locale,
            dated_at=notice.requested_at,
            unsubscribe=stops,
            attachment=notice.attachment,
        )
        return self.mail(letter, comes_back_as=notice.notification_id)

    def mail(self, letter: Letter, *, comes_back_as: UUID | None = None) -> Mail:
        recipient = Address.of("recipient", letter.recipient)
        content = composed(
            letter,
            sender=self.sender,
            recipient=recipient,
            sender_name=phrase("product", locale=letter.locale),
        )
        if self.signer is not None:
            content = self.signer.signed(content, at=letter.dated_at)
        comes_back = str(self.sender)
        if self.bounces is not None and comes_back_as is not None:
            comes_back = self.bounces.for_notice(self.message_key, comes_back_as)
        return Mail(sender=comes_back, recipient=str(recipient), content=content, envelope_id=letter.name)

    def _mailto(self, token: str) -> tuple[str, ...]:
        return () if self.bounces is None else (f"mailto:{self.bounces.address(token)}?subject=unsubscribe",)


class EmailSender:
    """The channel. Its connections are of the event loop in which it is first used."""

    def __init__(self, office: PostOffice, relay: Relay, *, width: int, timeout_seconds: float) -> None:
        self.width = width
        self.office = office
        self._pool = Pool(relay, width=width, timeout_seconds=timeout_seconds)

    @classmethod
    def from_settings(
        cls, settings: Settings, custody: Custody, *, timeout_seconds: float = TIMEOUT_SECONDS
    ) -> Self | None:
        """None where no relay is configured."""
        if settings.smtp_host is None:
            return None
        office = PostOffice.of(settings, custody)
        relay = Relay(
            host=settings.smtp_host,
            port=settings.smtp_port,
            name=office.sender.domain,
            tls=settings.smtp_tls,
            context=None if settings.smtp_tls == "none" else _tls(settings),
            username=settings.smtp_username,
            password=settings.smtp_password,
            asks_delivery=settings.smtp_asks_delivery and office.bounces is not None,
        )
        return cls(office, relay, width=settings.smtp_connections, timeout_seconds=timeout_seconds)

    async def send(self, notice: Notice) -> Outcome:
        if notice.email is None:
            return RefusedForGood("email-missing")
        if notice.kind is NoticeKind.PASSWORD:  # never by the way that the document went
            return RefusedForGood("not-by-email")
        try:
            mail = self.office.notice(notice)
        except MailMalformedError as error:
            return _malformed(error)
        return await self._pool.send(mail)

    async def post(self, letter: Letter) -> Outcome:
        """A letter that is no notice: a code that confirms an address, say."""
        try:
            mail = self.office.mail(letter)
        except MailMalformedError as error:
            return _malformed(error)
        return await self._pool.send(mail)

    async def close(self) -> None:
        await self._pool.close()


async def post_once(
    settings: Settings, custody: Custody, letter: Letter, *, timeout_seconds: float
) -> Outcome:
    """For who waits for the answer: over a connection of its own, closed at once."""
    sender = EmailSender.from_settings(settings, custody, timeout_seconds=timeout_seconds)
    if sender is None:
        return RefusedForNow("not-configured")
    try:
        return await sender.post(letter)
    finally:
        await sender.close()


def _malformed(error: MailMalformedError) -> RefusedForGood:
    """A bad address is the person's to mend; anything else is not."""
    return MALFORMED if error.field == "recipient" else RefusedForGood("letter-malformed")


def subject_of(notice: Notice) -> str:
    return phrase(f"mail.subject.{_kind(notice)}", locale=notice.locale)


def words_of(notice: Notice, *, stop: str | None, settings: str) -> tuple[str, str]:
    """The plain text and the HTML of the same words. Only `stop` is of one person; the rest is kept."""
    text, html = _said(
        notice.locale,
        _kind(notice),
        notice.link,
        settings,
        notice.count - notice.corrections,
        notice.corrections,
        None if notice.attachment is None else notice.attachment.media_type,
        stop is not None,
    )
    return (text, html) if stop is None else (text.replace(_STOP, stop), html.replace(_STOP, stop))


# Stands in the kept words where each person's own address goes; nothing in an address of ours needs escaping.
_STOP: Final = "https://stop.invalid/"


@lru_cache(maxsize=512)
def _said(  # noqa: PLR0917 - the key of what is kept
    locale: Locale,
    kind: str,
    link: str,
    settings: str,
    new: int,
    corrected: int,
    attached: str | None,
    has_stop: bool,
) -> tuple[str, str]:
    words = partial(
        render,
        locale=locale,
        kind=kind,
        link=link,
        settings=settings,
        new=new,
        corrected=corrected,
        attached=attached,
        stop=_STOP if has_stop else None,
    )
    return words("mail.txt"), words("mail.html")


def _kind(notice: Notice) -> str:
    """A guardian is told whose cabinet it is about, not whose name it bears."""
    has_ward_words = notice.kind in (
        NoticeKind.READY,
        NoticeKind.CORRECTED,
        NoticeKind.WITHDRAWN,
        NoticeKind.DIGEST,
    )
    return f"{notice.kind}-ward" if notice.for_ward and has_ward_words else str(notice.kind)


def _tls(settings: Settings) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=settings.smtp_authorities)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
