"""E-mail that says that something is ready and never what: composed the same each time, and handed over.

The point of care is the final dot of DATA (RFC 5321 4.1.1.4, RFC 1047). Before it the message is certainly
not accepted; after it, until the reply, nobody can know. aiosmtplib's own `data()` does both sides of the
dot in one call, so the transaction is driven command by command here: DATA, body, wait until the body has
left our buffer, see that the connection is still there, and only then the dot.
"""

import asyncio
import hashlib
import hmac
import re
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.utils import format_datetime
from typing import Final, Literal
from uuid import UUID

import aiosmtplib
import idna
from aiosmtplib.protocol import SMTPProtocol

from api.outcome import HandedOver, Outcome, RefusedForGood, RefusedForNow, Unknown, remote_id

Tls = Literal["none", "starttls", "implicit"]

# RFC 5322 3.2.3 dot-atom, and beyond ASCII what RFC 6532 3.2 adds. Quoted local parts are refused.
_ATOM: Final = r"[\w!#$%&'*+/=?^`{|}~-]+"
_LOCAL_PART: Final = re.compile(rf"{_ATOM}(?:\.{_ATOM})*")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_QUEUE_ID: Final = (
    re.compile(r"queued as ([\w.-]+)"),  # Postfix, Exchange
    re.compile(r"\bid=([\w.-]+)"),  # Exim
    re.compile(r"([\w.-]+) Message accepted"),  # Sendmail, OpenSMTPD
)


class MailMalformedError(ValueError):
    """The message cannot be composed or sent; `field` says which part is wrong, never what is in it."""

    def __init__(self, field: str) -> None:
        super().__init__(field)
        self.field = field


def compose(
    *,
    notification_id: UUID,
    recipient: str,
    sender: str,
    subject: str,
    text: str,
    html: str,
    locale: str,
    sent_at: datetime,
    message_key: bytes,
) -> EmailMessage:
    """The same arguments give the same bytes, so mail stores fold a message that had to be sent twice.

    The id is a keyed hash: it links two copies to each other and to nothing else.
    """
    name = hmac.new(message_key, str(notification_id).encode(), hashlib.sha256).hexdigest()[:32]
    origin = _address("sender", sender)
    if _CONTROL.search(subject):
        raise MailMalformedError("subject")
    if sent_at.tzinfo is None:
        raise MailMalformedError("sent_at")
    message = EmailMessage(policy=SMTP_POLICY)
    message["From"] = origin
    message["To"] = _address("recipient", recipient)
    message["Subject"] = subject
    message["Date"] = format_datetime(sent_at)
    message["Message-ID"] = f"<{name}@{origin.domain}>"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office replies
    # Base64: no line can begin with a dot or be too long, and no relay has to convert 8-bit text.
    message.set_content(text, charset="utf-8", cte="base64")
    message.add_alternative(html, subtype="html", charset="utf-8", cte="base64")
    message["Content-Language"] = locale  # after the parts: making them moves such a header into the first
    message.set_boundary(f"=_{name}")
    return message


def _address(field: str, text: str) -> Address:
    """A checked address; a domain beyond ASCII in the form that DNS knows (RFC 5891)."""
    local_part, _, domain = text.rpartition("@")
    try:
        domain = idna.encode(domain, uts46=True).decode()
    except idna.IDNAError as error:
        raise MailMalformedError(field) from error
    if not _LOCAL_PART.fullmatch(local_part) or len(local_part.encode()) > 64 or len(domain) > 253:
        raise MailMalformedError(field)  # sizes: RFC 5321 4.5.3.1
    return Address(username=local_part, domain=domain)


def send(
    message: EmailMessage,
    *,
    host: str,
    port: int,
    tls: Tls,
    username: str | None,
    password: str | None,
    timeout_seconds: float,
) -> Outcome:
    """Hand the message to a relay; for a worker thread, it blocks.

    `timeout_seconds` is given to all that comes before the final dot, and once more to the reply after it:
    twice that is the longest that this takes. RFC 5321 4.5.3.2.6 advises ten minutes for that reply.
    """
    if username is not None and tls == "none":
        raise MailMalformedError("tls")  # a password is never sent in the clear
    delivery = _Delivery(message, timeout_seconds)
    client = aiosmtplib.SMTP(
        hostname=host,
        port=port,
        username=username,
        password=password,
        use_tls=tls == "implicit",
        start_tls=tls == "starttls",
        timeout=timeout_seconds,
        local_hostname=delivery.sender.domain,  # the default asks DNS, which may hang
    )
    return asyncio.run(delivery.run(client))


class _Delivery:
    """One mail transaction."""

    def __init__(self, message: EmailMessage, timeout_seconds: float) -> None:
        self._timeout_seconds = timeout_seconds
        self.sender: Address = message["From"].addresses[0]
        self._recipient: Address = message["To"].addresses[0]
        self._is_ascii = (self.sender.addr_spec + self._recipient.addr_spec).isascii()
        # Before the relay is asked to wait for it. Dots are doubled by RFC 5321 4.5.2.
        content = message.as_bytes(policy=SMTP_POLICY.clone(utf8=not self._is_ascii))
        self._body = re.sub(rb"(?m)^\.", b"..", content)

    async def run(self, client: aiosmtplib.SMTP) -> Outcome:
        try:
            async with asyncio.timeout(self._timeout_seconds):
                prepared = await self._until_the_dot(client)
            if not isinstance(prepared, SMTPProtocol):
                return prepared
            return await self._the_dot(prepared)
        except TimeoutError:  # aiosmtplib's timeouts are of this kind too
            return RefusedForNow("timeout")
        except OSError:  # connection refused or lost, a certificate not trusted
            return RefusedForNow("connection")
        finally:
            _close(client)

    async def _until_the_dot(self, client: aiosmtplib.SMTP) -> SMTPProtocol | Outcome:
        """A refusal before MAIL is about us and the relay, a wrong password say, not about this message:
        it must not be for good, or one mistake in the settings would fail every notification that waits.
        """
        try:
            await client.connect()
            if client.is_ehlo_or_helo_needed:
                await client.ehlo()
        except aiosmtplib.SMTPResponseException as refusal:
            return RefusedForNow(str(refusal.code))
        except OSError:
            raise
        except aiosmtplib.SMTPException:  # STARTTLS or AUTH is asked for here, and not offered there
            return RefusedForNow("not-offered")
        return await self._transaction(client)

    async def _transaction(self, client: aiosmtplib.SMTP) -> SMTPProtocol | Outcome:
        if not self._is_ascii and not client.supports_extension("smtputf8"):
            return RefusedForGood("smtputf8-not-offered")  # RFC 6531 3.5: no way around it
        options, encoding = ([], "ascii") if self._is_ascii else (["SMTPUTF8"], "utf-8")
        try:
            await client.mail(self.sender.addr_spec, options=options, encoding=encoding)
            await client.rcpt(self._recipient.addr_spec, encoding=encoding)
            reply = await client.execute_command(b"DATA")
        except aiosmtplib.SMTPResponseException as refusal:
            return _refused(refusal.code)
        if reply.code != 354:
            return _refused(reply.code)
        protocol = client.protocol  # kept: the client forgets it when the connection is lost
        if protocol is None:
            raise ConnectionResetError
        await self._write_body(protocol)
        return protocol

    async def _write_body(self, protocol: SMTPProtocol) -> None:
        protocol.write(self._body)
        while isinstance(protocol.transport, asyncio.WriteTransport):
            if not protocol.transport.get_write_buffer_size():
                break
            await asyncio.sleep(0.005)
        await asyncio.sleep(0)  # lets the loop tell the protocol of a connection that is already gone

    async def _the_dot(self, protocol: SMTPProtocol) -> Outcome:
        """The body ended with CRLF, as the policy ends every line."""
        protocol.write(b".\r\n")  # raises if the connection is known to be gone: then no dot was sent
        try:
            async with asyncio.timeout(self._timeout_seconds):
                reply = await protocol.read_response()
        except TimeoutError:
            return Unknown("timeout-after-dot")
        except (OSError, aiosmtplib.SMTPException):
            return Unknown("connection-lost-after-dot")
        if protocol.is_connected:
            protocol.write(b"QUIT\r\n")  # a courtesy; nothing depends on its reply
        if 200 <= reply.code < 300:
            return HandedOver(_queue_id(reply.message))
        return _refused(reply.code) if 400 <= reply.code < 600 else Unknown("reply-not-understood")


def _close(client: aiosmtplib.SMTP) -> None:
    """Without waiting for a body that the relay does not take: the outcome is already known."""
    transport = client.transport
    client.close()
    if isinstance(transport, asyncio.WriteTransport):
        transport.abort()


def _refused(code: int) -> Outcome:
    """RFC 5321 4.2.1: 5yz is permanent, 4yz transient. Anything else before the dot is no acceptance."""
    return RefusedForGood(str(code)) if 500 <= code < 600 else RefusedForNow(str(code))


def _queue_id(reply: str) -> str | None:
    """Only the relay's number for the message: the rest of a reply may name the recipient."""
    for pattern in _QUEUE_ID:
        if found := pattern.search(reply):
            return remote_id(found[1])
    return None
