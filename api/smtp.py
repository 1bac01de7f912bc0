"""SMTP (RFC 5321): one connection to a relay, over which one message goes after another.

The point of care is the final dot of DATA (RFC 5321 4.1.1.4, RFC 1047). Before it the message is certainly not
accepted; after it, until the reply, nobody can know. So `prepare` does all that comes before, and sees that the
body has left our buffer and the connection is still there; `finish` sends the dot. Where the relay offers PIPELINING
(RFC 2920) the commands go in one write; the dot never goes with anything else.
"""

import asyncio
import base64
import re
import ssl
import time
from asyncio import StreamReader, StreamReaderProtocol, StreamWriter
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, Self

from api.outcome import HandedOver, Outcome, RefusedForGood, RefusedForNow, Unknown, remote_id

Tls = Literal["none", "starttls", "implicit"]

_LINE_BYTES_MAX: Final = 8192
_REPLY_LINES_MAX: Final = 100
# Relays commonly close after a hundred messages, or after some minutes without one.
MESSAGES_MAX: Final = 100
IDLE_SECONDS: Final = 60.0
DRAIN_SECONDS: Final = 0.005

_REPLY: Final = re.compile(r"([2-5]\d\d)(?:([ -])(.*))?")
_ENHANCED: Final = re.compile(r"([245]\.\d{1,3}\.\d{1,3})(?!\S)")  # RFC 2034, RFC 3463
_QUEUE_ID: Final = (
    re.compile(r"queued as ([\w.-]+)"),  # Postfix
    re.compile(r"\bid=([\w.-]+)"),  # Exim
    re.compile(r"([\w.-]+):? Message accepted"),  # Sendmail, OpenSMTPD
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Relay:
    """Where mail is handed to. `name` is what we say that we are called (RFC 5321 4.1.1.1)."""

    host: str
    port: int
    name: str
    tls: Tls = "none"
    context: ssl.SSLContext | None = None
    username: str | None = None
    password: str | None = None
    asks_delivery: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """A message and its envelope; the content has lines that end with CRLF. `envelope_id` comes back in reports."""

    sender: str
    recipient: str
    content: bytes
    envelope_id: str


class Reply(NamedTuple):
    code: int
    text: str  # the first line says it

    @property
    def status(self) -> str:
        """The numbers only, "550 5.1.1": the words of a reply may name the recipient."""
        found = _ENHANCED.match(self.text)
        fits = found is not None and found[1][0] == str(self.code)[0]
        return f"{self.code} {found[1]}" if found is not None and fits else str(self.code)

    def refusal(self) -> RefusedForGood | RefusedForNow:
        """RFC 5321 4.2.1: 5yz is permanent, 4yz transient. Anything else before the dot is no acceptance."""
        return RefusedForGood(self.status) if self.code >= 500 else RefusedForNow(self.status)


class ReplyNotUnderstoodError(Exception):
    """The other side does not speak SMTP."""


class NotServedError(Exception):
    """The relay did not let us in. It is about us and the relay, a wrong password say, not about a message: it must
    not be for good, or one mistake in the settings would fail every notice that waits."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.outcome = RefusedForNow(code)


class Connection:
    """`is_ready` says whether it may take another message: not while one is under way, nor after what leaves
    us unsure of where we are in the conversation."""

    def __init__(self, reader: StreamReader, writer: StreamWriter, relay: Relay) -> None:
        self._reader, self._writer, self._relay = reader, writer, relay
        self._offers: dict[str, str] = {}
        self._taken = 0
        self._used_at = time.monotonic()
        self._plain: StreamWriter | None = None
        self._was_refused = False
        self.is_ready = False

    @classmethod
    async def open(cls, relay: Relay) -> Self:
        """Connected, over TLS and signed in as the settings want it; else NotServedError or OSError."""
        is_implicit = relay.tls == "implicit"
        reader, writer = await asyncio.open_connection(
            relay.host, relay.port, limit=_LINE_BYTES_MAX, ssl=relay.context if is_implicit else None
        )
        self = cls(reader, writer, relay)
        try:
            await self._greet()
        except ReplyNotUnderstoodError:
            self.abort()
            raise NotServedError("reply-not-understood") from None
        except BaseException:
            self.abort()
            raise
        self.is_ready = True
        return self

    def is_worn(self) -> bool:
        """Whether the relay is likely to have closed it, or to do so."""
        is_old = time.monotonic() - self._used_at > IDLE_SECONDS
        return is_old or self._taken >= MESSAGES_MAX or self._is_lost()

    async def prepare(self, mail: Mail) -> RefusedForGood | RefusedForNow | None:
        """All but the dot; None when it may be sent. OSError when the connection is lost."""
        self.is_ready = False
        is_ascii = (mail.sender + mail.recipient).isascii()
        if not is_ascii and "SMTPUTF8" not in self._offers:
            self.is_ready = True
            return RefusedForGood("smtputf8-not-offered")  # RFC 6531 3.5: no way around it
        try:
            await self._reset()
            refused = await self._envelope(mail, is_ascii=is_ascii)
            if refused is None:
                await self._body(mail.content)
                return None
        except ReplyNotUnderstoodError:
            self.abort()
            return RefusedForNow("reply-not-understood")
        except BaseException:
            self.abort()
            raise
        return refused

    async def finish(self, timeout_seconds: float) -> Outcome:
        """The dot. Whatever it comes to is an outcome."""
        try:
            self._writer.write(b".\r\n")
            async with asyncio.timeout(timeout_seconds):
                reply = await self._reply()
        except TimeoutError:
            self.abort()
            return Unknown("timeout-after-dot")
        except OSError:
            self.abort()
            return Unknown("connection-lost-after-dot")
        except ReplyNotUnderstoodError:
            self.abort()
            return Unknown("reply-not-understood")
        except BaseException:
            self.abort()
            raise
        self._taken += 1
        self._used_at = time.monotonic()
        self.is_ready = reply.code != 421
        if reply.code < 300:
            return HandedOver(_queue_id(reply.text))
        if reply.code < 400:
            self.abort()
            return Unknown("reply-not-understood")
        return reply.refusal()

    def leave(self) -> None:
        """A courtesy; nothing depends on the reply to it."""
        self.is_ready = False
        if not self._is_lost():
            self._write("QUIT")
        self._writer.close()

    def abort(self) -> None:
        """Without waiting for a body that the relay does not take: the outcome is already known."""
        self.is_ready = False
        self._writer.transport.abort()

    # The way in.

    async def _greet(self) -> None:
        greeting = await self._reply()
        if greeting.code != 220:
            raise NotServedError(greeting.status)
        await self._ehlo()
        if self._relay.tls == "starttls":
            await self._start_tls()
            await self._ehlo()
        if self._relay.username is not None:
            await self._sign_in(self._relay.username, self._relay.password or "")

    async def _ehlo(self) -> None:
        code, lines = await self._command_lines(f"EHLO {self._relay.name}")
        self._offers = {}
        if code in (500, 502):  # RFC 5321 3.2: an old server
            await self._expect(f"HELO {self._relay.name}", 250)
        elif code != 250:
            raise NotServedError(Reply(code, lines[0]).status)
        for line in lines[1:]:
            keyword, _, value = line.partition(" ")
            self._offers[keyword.upper()] = value

    async def _start_tls(self) -> None:
        """What the relay, or somebody on the way, said before the handshake is not heard after it."""
        if "STARTTLS" not in self._offers:
            raise NotServedError("tls-not-offered")
        await self._expect("STARTTLS", 220)
        assert self._relay.context is not None
        loop = asyncio.get_running_loop()
        reader = StreamReader(limit=_LINE_BYTES_MAX, loop=loop)
        protocol = StreamReaderProtocol(reader, loop=loop)
        transport = await loop.start_tls(
            self._writer.transport, protocol, self._relay.context, server_hostname=self._relay.host
        )
        if transport is None:
            raise ConnectionResetError
        protocol.connection_made(transport)
        self._plain = self._writer  # kept: when it goes, Python closes the connection
        self._reader, self._writer = reader, StreamWriter(transport, protocol, reader, loop)

    async def _sign_in(self, username: str, password: str) -> None:
        if self._relay.tls == "none":
            raise NotServedError("password-in-the-clear")
        offered = self._offers.get("AUTH", "").upper().split()
        if "PLAIN" in offered:  # RFC 4616
            await self._expect(f"AUTH PLAIN {_base64(chr(0).join(('', username, password)))}", 235)
        elif "LOGIN" in offered:
            await self._expect("AUTH LOGIN", 334)
            await self._expect(_base64(username), 334)
            await self._expect(_base64(password), 235)
        else:
            raise NotServedError("auth-not-offered")

    async def _expect(self, command: str, code: int) -> None:
        reply = await self._command(command)
        if reply.code != code:
            raise NotServedError(reply.status)

    # A message.

    async def _envelope(self, mail: Mail, *, is_ascii: bool) -> RefusedForGood | RefusedForNow | None:
        """MAIL, RCPT and DATA. A refused recipient and a DATA that is taken all the same would be a message to
        nobody: such a connection is given up, with no dot sent."""
        commands = (*self._addresses(mail, is_ascii=is_ascii), "DATA")
        if "PIPELINING" in self._offers:
            self._write("\r\n".join(commands))
            replies = [await self._reply() for _ in commands]
        else:
            replies = []
            for command in commands:
                replies.append(await self._command(command))
                if replies[-1].code >= 400:
                    break
        refused = next((one for one in replies[:2] if one.code >= 300), None)
        if len(replies) == len(commands) and refused is None:
            refused = None if replies[2].code == 354 else replies[2]
        if refused is None:
            return None
        if replies[-1].code == 354 or refused.code == 421:
            self.abort()
        else:
            self._was_refused = self.is_ready = True
        return refused.refusal()

    def _addresses(self, mail: Mail, *, is_ascii: bool) -> tuple[str, str]:
        sender, recipient = f"MAIL FROM:<{mail.sender}>", f"RCPT TO:<{mail.recipient}>"
        if "SIZE" in self._offers:  # RFC 1870: what is too large is refused before it is sent
            sender += f" SIZE={len(mail.content)}"
        if not is_ascii:
            sender += " SMTPUTF8"
        if "DSN" in self._offers:  # RFC 3461: a report has no need of the message itself
            sender += f" RET=HDRS ENVID={mail.envelope_id}"
            recipient += " NOTIFY=SUCCESS,FAILURE" if self._relay.asks_delivery else " NOTIFY=FAILURE"
        return sender, recipient

    async def _reset(self) -> None:
        """What was refused is forgotten before the next: only now, so that nothing can hide the refusal."""
        if self._was_refused and (await self._command("RSET")).code != 250:
            raise ConnectionResetError
        self._was_refused = False

    async def _body(self, content: bytes) -> None:
        """Dots are doubled by RFC 5321 4.5.2; the content ends with CRLF."""
        self._writer.write(re.sub(rb"(?m)^\.", b"..", content))
        # Not `drain`: it is content with what TLS still holds back, and with a low mark of nothing it never ends.
        while self._writer.transport.get_write_buffer_size():  # noqa: ASYNC110 - there is no event for it
            await asyncio.sleep(DRAIN_SECONDS)
        await asyncio.sleep(0)  # lets the loop tell us of a connection that is already gone
        if self._is_lost():
            raise ConnectionResetError

    def _is_lost(self) -> bool:
        return self._writer.transport.is_closing() or self._reader.at_eof()

    # Commands and replies.

    async def _command(self, command: str) -> Reply:
        code, lines = await self._command_lines(command)
        return Reply(code, lines[0])

    async def _command_lines(self, command: str) -> tuple[int, list[str]]:
        self._write(command)
        return await self._reply_lines()

    def _write(self, command: str) -> None:
        self._writer.write(command.encode() + b"\r\n")

    async def _reply(self) -> Reply:
        code, lines = await self._reply_lines()
        return Reply(code, lines[0])

    async def _reply_lines(self) -> tuple[int, list[str]]:
        lines: list[str] = []
        for _ in range(_REPLY_LINES_MAX):
            try:
                line = await self._reader.readline()
            except ValueError:  # a line over the limit
                raise ReplyNotUnderstoodError from None
            if not line.endswith(b"\n"):
                raise ConnectionResetError
            found = _REPLY.fullmatch(line.decode("utf-8", "replace").rstrip())
            if found is None:
                raise ReplyNotUnderstoodError
            lines.append(found[3] or "")
            if found[2] != "-":
                return int(found[1]), lines
        raise ReplyNotUnderstoodError


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _queue_id(reply: str) -> str | None:
    """Only the relay's number for the message: the rest of a reply may name the recipient."""
    for pattern in _QUEUE_ID:
        if found := pattern.search(reply):
            return remote_id(found[1])
    return None
