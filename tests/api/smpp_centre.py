"""Centres of SMPP on loopback: one by smpp34, which is not ours, and one that says octet by octet what it is told to."""

import asyncio
import socket
import ssl
import struct
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Self

import smpp34

from api.channels.smpp_session import Centre
from tests.api.ports import free_port

UNBIND, ANSWER = 6, 0x80000000


@dataclass(frozen=True, slots=True)
class Submitted:
    """What a centre took."""

    destination: str
    source: str
    esm_class: int
    data_coding: int
    wants_receipt: bool
    user_data: bytes

    @property
    def text(self) -> str:
        """The letters of this part."""
        body = self.user_data[6:] if self.esm_class & 0x40 else self.user_data
        return body.decode("utf-16-be") if self.data_coding == 8 else body.decode("ascii")


class SmscPeer:
    """The centre of smpp34. `statuses` are for the next submissions, 0 takes them; `holds` leaves them unanswered."""

    def __init__(self, port: int = 0) -> None:
        self.port = port or free_port()
        self.accepted: list[Submitted] = []
        self.statuses: list[int] = []
        self.holds = False
        self.number: Callable[[int], str] = lambda count: f"m-{count}"
        self.got = threading.Event()
        self.bound = threading.Event()
        self._held: list[Any] = []
        self._esmes: list[Any] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._server = smpp34.Server("127.0.0.1", self.port)
        self._run(lambda: self._server.start()).result(10)
        self._run(self._serve)
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        if self._thread.is_alive():
            self._run(lambda: self._server.stop()).result(10)
            self._held.clear()
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(10)

    def release(self) -> None:
        """Take what was held, and hold nothing more."""

        async def take() -> None:
            self.holds = False
            while self._held:
                self._held.pop(0).accept(f"held-{len(self._held)}")

        self._run(take).result(10)

    def deliver(self, text: bytes, *, esm_class: int = 4, tlvs: tuple[Any, ...] = ()) -> int:
        """Tell a receipt, or what a person has sent; the status that it was answered with."""

        async def tell() -> int:
            esme = self._esmes[-1]
            answer = await esme.deliver_sm(
                "Letopis", text, source_addr="79990000001", esm_class=esm_class, tlvs=list(tlvs)
            )
            return int(answer.command_status)

        return int(self._run(tell).result(30))

    def _run(self, started: Callable[[], Awaitable[Any]]) -> "Future[Any]":
        async def awaited() -> Any:
            return await started()

        return asyncio.run_coroutine_threadsafe(awaited(), self._loop)

    async def _serve(self) -> None:
        while True:
            event = await self._server.next()
            if isinstance(event, smpp34.Esme):
                self._esmes.append(event)
                self.bound.set()
            elif isinstance(event, smpp34.SubmitSmEvent):
                self._submitted(event)
            else:
                self.bound.clear()

    def _submitted(self, event: Any) -> None:
        status = self.statuses.pop(0) if self.statuses else 0
        if status:
            event.reject(status)
        else:
            self.accepted.append(
                Submitted(
                    event.destination_addr,
                    event.source_addr,
                    event.esm_class,
                    event.data_coding,
                    bool(event.registered_delivery),
                    event.short_message,
                )
            )
            if self.holds:
                self._held.append(event)
            else:
                event.accept(self.number(len(self.accepted)))
        self.got.set()


@dataclass(slots=True)
class Script:
    """What a centre of octets answers: to each PDU by its command id the octets, None closes the connection."""

    answers: dict[int, Callable[[int], bytes | None]]
    seen: list[tuple[int, int, bytes]] = field(default_factory=list)


@contextmanager
def scripted(script: Script, *, tls: ssl.SSLContext | None = None) -> Iterator[int]:
    """The port of a centre that obeys the script, and keeps what it was told."""

    def converse(connection: socket.socket) -> None:
        if tls is not None:
            connection = tls.wrap_socket(connection, server_side=True)
        with connection, connection.makefile("rb") as stream:
            while len(head := stream.read(16)) == 16:
                length, command, status, sequence = struct.unpack(">IIII", head)
                script.seen.append((command, status, stream.read(length - 16)))
                if command == UNBIND:
                    connection.sendall(pdu(UNBIND | ANSWER, sequence))
                    return
                answer = script.answers.get(command, lambda _: b"")(sequence)
                if answer is None:
                    return
                connection.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        stopping = threading.Event()

        def serve() -> None:
            while not stopping.is_set():
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                threading.Thread(target=_quietly, args=(converse, connection), daemon=True).start()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            stopping.set()
            listening.shutdown(socket.SHUT_RDWR)
            thread.join(5)


def _quietly(converse: Callable[[socket.socket], None], connection: socket.socket) -> None:
    try:
        converse(connection)
    except OSError:
        return


def pdu(
    command: int, sequence: int, body: bytes = b"", *, status: int = 0, length: int | None = None
) -> bytes:
    return (
        struct.pack(">IIII", length if length is not None else 16 + len(body), command, status, sequence)
        + body
    )


def centre(port: int, **changed: Any) -> Centre:
    values: dict[str, Any] = {
        "host": "127.0.0.1",
        "port": port,
        "has_tls": False,
        "system_id": "letopis",
        "password": "secret",
        "system_type": "",
        "source": "Letopis",
        "source_ton": 5,
        "source_npi": 0,
        "destination_ton": 1,
        "destination_npi": 1,
        "window": 10,
        "message_id": "same",
    }
    return Centre(**(values | changed))


@contextmanager
def mute_process(port: int) -> Iterator["subprocess.Popen[str]"]:
    """The centre of smpp34 in a process of its own: it takes submissions, says so in a line, and answers none."""
    code = f"from tests.api.smpp_centre import mute; mute({port})"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "listening\n"
        try:
            yield process
        finally:
            process.kill()


def mute(port: int) -> None:
    """What the process does."""
    with SmscPeer(port) as peer:
        peer.holds = True
        print("listening", flush=True)
        while True:
            peer.got.wait()
            peer.got.clear()
            print("submitted", flush=True)
