"""MLLP, the transport of HL7 v2 (HL7 Transport Specification, release 1): a listener, TLS or not.

A message comes between 0x0B and 0x1C 0x0D; its acknowledgement goes back the same way, and the next message
of the connection is read after it. What is between the frames is passed over.
"""

import asyncio
import hashlib
import ssl
from asyncio import IncompleteReadError, LimitOverrunError, StreamReader, StreamWriter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event as Signal
from typing import Any

import structlog

START, END = b"\x0b", b"\x1c\x0d"
# A sender that says nothing for so long is gone.
IDLE_SECONDS = 600.0
CONNECTIONS_MAX = 200
LETTING_IN_SECONDS = 0.2
# How much of a message over the limit is passed over, and for how long more of it is waited for.
SKIPPED_BYTES_MAX = 100_000_000
SKIPPING_SECONDS = 30.0
# How many messages are worked on at once; the others wait, as their senders do.
WORKING_MAX = 16

log = structlog.get_logger()

# Takes a message, the fingerprint (SHA-256, hex) of the client certificate and the peer's address, gives the
# acknowledgement; or a HangUpError.
Receive = Callable[[bytes, str | None, str | None], bytes]


class HangUpError(Exception):
    """The conversation ends after this acknowledgement."""

    def __init__(self, acknowledgement: bytes) -> None:
        super().__init__()
        self.acknowledgement = acknowledgement


@dataclass(frozen=True, slots=True)
class Tls:
    """The server's certificate and key, and the authorities whose client certificates are believed."""

    certificate: Path
    key: Path
    client_authorities: Path | None = None

    def context(self) -> ssl.SSLContext:
        """TLS 1.2 or later. A client certificate is asked for, and needed by the senders that have one."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(self.certificate, self.key)
        if self.client_authorities is not None:
            context.verify_mode = ssl.CERT_OPTIONAL
            context.load_verify_locations(self.client_authorities)
        return context


class Listener:
    """One port. `run` serves until it is told to stop; `too_large` answers a message over the limit."""

    def __init__(
        self,
        receive: Receive,
        too_large: Callable[[str | None], bytes],
        *,
        limit_bytes: int,
        tls: Tls | None = None,
    ) -> None:
        self._receive = receive
        self._too_large = too_large
        self._limit_bytes = limit_bytes
        self._tls = tls
        self._connections: set[asyncio.Task[None]] = set()
        # Those who wait for their next message.
        self._idle: set[StreamWriter] = set()
        self._is_stopping = False

    def run(
        self, host: str, port: int, stop: Signal, *, ready: Callable[[int], None] = lambda _: None
    ) -> None:
        """Serve in this thread; `ready` is told the port."""
        asyncio.run(self._serve(host, port, stop, ready))

    async def _serve(self, host: str, port: int, stop: Signal, ready: Callable[[int], None]) -> None:
        # One thread waits for the end, the others work.
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1 + WORKING_MAX))
        server = await asyncio.start_server(
            self._connected,
            host,
            port,
            ssl=self._tls.context() if self._tls else None,
            limit=self._limit_bytes,
        )
        ready(server.sockets[0].getsockname()[1])
        await asyncio.to_thread(stop.wait)
        server.close()
        self._is_stopping = True
        # Who was let in a moment ago is not among the connections yet, and would be left on the line.
        await asyncio.sleep(LETTING_IN_SECONDS)
        # What is being stored is stored and answered; who only waits is sent away.
        for waiting in self._idle:
            waiting.close()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _connected(self, reader: StreamReader, writer: StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        if len(self._connections) >= CONNECTIONS_MAX:
            log.warning("mllp.too-many-connections")
            writer.close()
            return
        self._connections.add(task)
        try:
            while (message := await self._next(reader, writer)) is not None:
                taken = asyncio.to_thread(self._receive, message, _fingerprint(writer), _peer(writer))
                await _answer(writer, await taken)
        except HangUpError as end:
            log.info("mllp.hung-up")
            with suppress(OSError):
                await _answer(writer, end.acknowledgement)
        except (TimeoutError, OSError) as error:
            log.info("mllp.connection-ended", error=type(error).__name__)
        finally:
            self._connections.discard(task)
            writer.close()

    async def _next(self, reader: StreamReader, writer: StreamWriter) -> bytes | None:
        """The next message; None at the end of the conversation."""
        message = b""
        while not message and not self._is_stopping:
            self._idle.add(writer)
            try:
                framed = await asyncio.wait_for(reader.readuntil(END), IDLE_SECONDS)
            except IncompleteReadError:
                return None  # the sender hung up; a message without its end was never sent
            except LimitOverrunError:
                await _skip(reader)
                await _answer(writer, await asyncio.to_thread(self._too_large, _peer(writer)))
                return None
            finally:
                self._idle.discard(writer)
            message = framed.removesuffix(END).partition(START)[2]
        return message or None


async def _skip(reader: StreamReader) -> None:
    """Pass over the rest of a message: who is hung up on while sending never reads the answer."""
    skipped, last = 0, b""
    while skipped < SKIPPED_BYTES_MAX:
        part = await asyncio.wait_for(reader.read(65536), SKIPPING_SECONDS)
        if not part or END in last + part:
            return
        skipped, last = skipped + len(part), part[-1:]


async def _answer(writer: StreamWriter, acknowledgement: bytes) -> None:
    """Nothing, if the sender asked for no answer of this kind."""
    if acknowledgement:
        writer.write(START + acknowledgement + END)
        await writer.drain()


def _peer(writer: StreamWriter) -> str | None:
    name: Any = writer.get_extra_info("peername")
    return str(name[0]) if name else None


def _fingerprint(writer: StreamWriter) -> str | None:
    secured: Any = writer.get_extra_info("ssl_object")
    certificate = secured.getpeercert(binary_form=True) if secured is not None else None
    return hashlib.sha256(certificate).hexdigest() if certificate else None
