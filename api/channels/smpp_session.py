"""One bind to a centre of SMPP 3.4, from its first octet to its last.

What was asked is matched with its answer by the sequence number. When the connection ends, whatever was written and not
answered is `Unanswered`: nobody can know. Before it was written it is `NotSent`, and that is certain.
"""

import asyncio
import ssl
from asyncio import IncompleteReadError, StreamReader, StreamWriter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from typing import Any, Final

import structlog

from api.channels import smpp_pdu
from api.channels.smpp_pdu import Pdu, PduMalformedError

CONNECT_SECONDS: Final = 10.0
# A centre keeps its promise to answer a request in this time, or the answer is not waited for any more.
ANSWER_SECONDS: Final = 30.0
# So often the centre is asked whether it is still there, while there is nothing else to ask.
QUIET_SECONDS: Final = 30.0
# So many receipts are taken at once; more the centre tells again.
_DELIVERING_LIMIT: Final = 100
_UNKNOWN_COMMAND: Final = 0x03
_LAST_NUMBER: Final = 0x7FFFFFFF

log = structlog.get_logger()

# What to do with a deliver_sm; gives the status to answer with.
TakeDelivered = Callable[[Pdu], Awaitable[int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Centre:
    """Where a centre is, who we are there, and how numbers are written."""

    host: str
    port: int
    has_tls: bool
    authorities: Path | None = None
    system_id: str
    password: str = field(repr=False)
    system_type: str
    source: str
    source_ton: int
    source_npi: int
    destination_ton: int
    destination_npi: int
    window: int
    message_id: str


class NotBoundError(Exception):
    """The centre is not there, or does not let us in; `code` says which."""

    def __init__(self, code: str = "connection") -> None:
        super().__init__(code)
        self.code = code


class NotSentError(Exception):
    """The connection was gone before anything was written."""


class UnansweredError(Exception):
    """It was written, and the connection ended before the answer came."""


class Session:
    """Made by `bind`; `run` reads until the connection ends."""

    def __init__(self, reader: StreamReader, writer: StreamWriter, window: int) -> None:
        self._reader = reader
        self._writer = writer
        self._window = asyncio.Semaphore(window)
        self._numbers = cycle(range(1, _LAST_NUMBER))
        self._asked: dict[int, asyncio.Future[Pdu]] = {}
        self._delivering: set[asyncio.Task[None]] = set()

    @property
    def is_open(self) -> bool:
        return not self._writer.is_closing()

    async def ask(self, command: str, **fields: Any) -> Pdu:
        """The answer to a request. TimeoutError if it does not come; it may have been obeyed all the same."""
        if not self.is_open:
            raise NotSentError
        number = next(self._numbers)
        answer = self._asked[number] = asyncio.get_running_loop().create_future()
        try:
            self._writer.write(smpp_pdu.write(command, number, **fields))
            return await asyncio.wait_for(answer, ANSWER_SECONDS)
        finally:
            self._asked.pop(number, None)

    async def greet(self, centre: Centre, *, receives: bool) -> None:
        """The bind itself: nothing else may be said before it is answered."""
        number = next(self._numbers)
        greeting = smpp_pdu.write(
            "bind_transceiver" if receives else "bind_transmitter",
            number,
            system_id=centre.system_id,
            password=centre.password,
            system_type=centre.system_type,
            addr_ton=0,
            addr_npi=0,
            address_range="",
        )
        self._writer.write(greeting)
        answer = await smpp_pdu.read(self._reader)
        if answer.status != smpp_pdu.OK or answer.sequence != number:
            raise NotBoundError(f"bind-{answer.status:x}")

    async def submit(self, **fields: Any) -> Pdu:
        """As `ask`, no more at once than the centre's window holds."""
        async with self._window:
            return await self.ask("submit_sm", **fields)

    async def run(self, take_delivered: TakeDelivered) -> None:
        """Until the connection ends, from whichever side."""
        asking = asyncio.create_task(self._ask_whether_it_is_there())
        try:
            while True:
                self._take(await smpp_pdu.read(self._reader), take_delivered)
        except (OSError, IncompleteReadError, PduMalformedError):
            log.info("smpp.ended")
        finally:
            asking.cancel()
            self.abandon()

    def abandon(self) -> None:
        """Close at once. Whoever still waits for an answer learns that none will come."""
        self._writer.transport.abort()
        for answer in self._asked.values():
            if not answer.done():
                answer.set_exception(UnansweredError())
        for task in self._delivering:
            task.cancel()

    async def unbind(self) -> None:
        """Say good-bye, as is expected; nothing depends on the answer."""
        try:
            async with asyncio.timeout(1.0):
                await self.ask("unbind")
        except (NotSentError, UnansweredError, TimeoutError):
            pass
        finally:
            self.abandon()

    def _take(self, pdu: Pdu, take_delivered: TakeDelivered) -> None:
        match pdu.command:
            case "deliver_sm" if len(self._delivering) >= _DELIVERING_LIMIT:
                self._answer("deliver_sm_resp", pdu, status=smpp_pdu.QUEUE_FULL)
            case "deliver_sm":
                task = asyncio.create_task(self._deliver(pdu, take_delivered))
                self._delivering.add(task)
                task.add_done_callback(self._delivering.discard)
            case "enquire_link":
                self._answer("enquire_link_resp", pdu)
            case "unbind":
                self._answer("unbind_resp", pdu)
                raise ConnectionResetError
            case "alert_notification" | "data_sm" | "":
                self._answer("generic_nack", pdu, status=_UNKNOWN_COMMAND)
            case _:
                self._resolve(pdu)

    def _resolve(self, pdu: Pdu) -> None:
        answer = self._asked.get(pdu.sequence)
        if answer is not None and not answer.done():
            answer.set_result(pdu)

    async def _deliver(self, pdu: Pdu, take_delivered: TakeDelivered) -> None:
        status = await take_delivered(pdu)
        if self.is_open:
            self._answer("deliver_sm_resp", pdu, status=status)

    def _answer(self, command: str, pdu: Pdu, *, status: int = smpp_pdu.OK) -> None:
        self._writer.write(smpp_pdu.write(command, pdu.sequence, status=status))

    async def _ask_whether_it_is_there(self) -> None:
        """A connection that has died without a word would else be noticed with the next message only."""
        while True:
            await asyncio.sleep(QUIET_SECONDS)
            try:
                await self.ask("enquire_link")
            except (TimeoutError, NotSentError, UnansweredError):
                self._writer.transport.abort()
                return


async def bind(centre: Centre, *, receives: bool) -> Session:
    """A session of which `run` is to be started. With `receives` the centre tells receipts by it."""
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            context = ssl.create_default_context(cafile=centre.authorities) if centre.has_tls else None
            reader, writer = await asyncio.open_connection(centre.host, centre.port, ssl=context)
    except OSError as error:  # TimeoutError and a certificate that is not trusted are of this kind
        raise NotBoundError from error
    session = Session(reader, writer, centre.window)
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            await session.greet(centre, receives=receives)
    except NotBoundError:
        session.abandon()
        raise
    except (OSError, IncompleteReadError, PduMalformedError) as error:
        session.abandon()
        raise NotBoundError from error
    return session
