"""The door for letters that come back: a small SMTP server that takes nothing but reports about our own letters.

Each letter goes out with a return address of its own (`bounce_address`). What comes to it is believed as far as its
machine-readable part says (`delivery_status`), and is not kept. Everything else is refused within the conversation:
nothing is relayed, and nothing is answered later, to a sender who may be forged.

The same addresses stand in List-Unsubscribe, with a token of their own: a mail to such a one turns e-mail off.
"""

import asyncio
import ssl
from collections.abc import Callable
from threading import Event as Signal
from typing import Final

import structlog
from aiosmtpd.smtp import SMTP, Envelope, Session

from api import unsubscribe_token
from api.bounce_address import Place, notice_of
from api.delivery_status import read
from api.metrics import BOUNCES
from api.node import Node
from api.settings import Settings
from ledger.provider_receipts import record_receipt
from ledger.receiving import turn_channel_off

# A report with the headers of the letter is some thousands of bytes; with the whole letter, no more than it.
SIZE_BYTES_MAX: Final = 1_000_000
CONNECTIONS_MAX: Final = 50
# Of one host, so that one alone does not shut the door; as many as Postfix opens to one destination.
CONNECTIONS_OF_ONE_MAX: Final = 20
IDLE_SECONDS: Final = 60.0
# However often something is said meanwhile.
CONVERSATION_SECONDS: Final = 600.0

# How aiosmtpd writes the null return address.
_NOBODY: Final = "<>"
_TAKEN: Final = "250 2.0.0 Taken"
_NOT_HERE: Final = "550 5.1.1 No such address here"

log = structlog.get_logger()


class BounceDoor:
    """What aiosmtpd calls; the hooks' names and arguments are its own."""

    def __init__(self, node: Node, place: Place) -> None:
        self._node, self.place = node, place
        self._key = node.ledger.custody.message_key

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        del server, session, options
        token = self.place.token_of(address)
        if token is None:
            return _NOT_HERE
        if envelope.rcpt_tos:
            return "452 4.5.3 One recipient a message"
        is_report = notice_of(self._key, token) is not None
        if not is_report and unsubscribe_token.read(self._key, token) is None:
            return _NOT_HERE
        # RFC 5321 4.5.5: what reports has no return address itself.
        if is_report and envelope.mail_from != _NOBODY:
            return "550 5.7.1 Only delivery reports are taken here"
        envelope.rcpt_tos.append(token)
        return "250 2.1.5 Ok"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        del server, session
        content = envelope.original_content or b""
        return await asyncio.to_thread(self._take, envelope.rcpt_tos[0], content)

    async def handle_exception(self, error: Exception) -> str:
        """Without it aiosmtpd would log the error whole, and tell it to the other side."""
        log.error("bounce.not-taken", error=type(error).__name__)
        return "451 4.3.0 Try again later"

    def _take(self, token: str, content: bytes) -> str:
        """Recorded before it is answered: what is not, the other server brings again."""
        stop = unsubscribe_token.read(self._key, token)
        if stop is not None:
            patient_id, channel = stop
            turn_channel_off(self._node.ledger, patient_id, channel, unsubscribe_token.by_holder(patient_id))
            BOUNCES.labels("unsubscribed").inc()
            return _TAKEN
        notification_id = notice_of(self._key, token)
        assert notification_id is not None, "looked at when the recipient was named"
        reported = read(content)
        if reported is None:
            BOUNCES.labels("nothing-final").inc()
            return _TAKEN
        is_ours = record_receipt(
            self._node.ledger,
            notification_id,
            delivered=reported.delivered,
            remote_id="",
            reason=reported.status,
        )
        BOUNCES.labels(("delivered" if reported.delivered else "failed") if is_ours else "unknown").inc()
        return _TAKEN


class _Conversation(SMTP):
    """One of so many at once."""

    def __init__(self, door: BounceDoor, among: set["_Conversation"], context: ssl.SSLContext | None) -> None:
        super().__init__(
            door,
            data_size_limit=SIZE_BYTES_MAX,
            hostname=door.place.domain,
            ident="Letopis",
            timeout=IDLE_SECONDS,
            tls_context=context,
            enable_SMTPUTF8=True,  # reports about names beyond ASCII (RFC 6533)
        )
        self._among = among
        self.host = ""
        self._end: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if self in self._among:  # the same one again, from now on over TLS
            super().connection_made(transport)
            return
        self.host = str((transport.get_extra_info("peername") or ("",))[0])
        of_one = sum(one.host == self.host for one in self._among)
        if len(self._among) >= CONNECTIONS_MAX or of_one >= CONNECTIONS_OF_ONE_MAX:
            log.warning("bounce.too-many-connections")
            transport.close()
            return
        self._among.add(self)
        self._end = asyncio.get_running_loop().call_later(CONVERSATION_SECONDS, self.hang_up)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        if self in self._among:
            self._among.discard(self)
            if self._end is not None:
                self._end.cancel()
            super().connection_lost(error)

    def hang_up(self) -> None:
        if self.transport is not None:
            self.transport.close()


def run(
    node: Node, place: Place, port: int, stop: Signal, *, ready: Callable[[int], None] = lambda _: None
) -> None:
    """Serve in this thread until told to stop; `ready` is told the port."""
    asyncio.run(_serve(BounceDoor(node, place), node.settings, port, stop, ready))


def tls_of(settings: Settings) -> ssl.SSLContext | None:
    """What STARTTLS (RFC 3207) is offered with; None where there is no certificate. It is not asked for: a server that
    knows no TLS would keep its report."""
    if settings.bounce_certificate is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(settings.bounce_certificate, settings.bounce_key)
    return context


async def _serve(
    door: BounceDoor, settings: Settings, port: int, stop: Signal, ready: Callable[[int], None]
) -> None:
    among: set[_Conversation] = set()
    context = tls_of(settings)
    server = await asyncio.get_running_loop().create_server(
        lambda: _Conversation(door, among, context), settings.bounce_host, port
    )
    ready(server.sockets[0].getsockname()[1])
    await asyncio.to_thread(stop.wait)
    server.close()
    for conversation in tuple(among):
        conversation.hang_up()
    await asyncio.sleep(0)
