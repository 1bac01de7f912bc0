"""A mail relay and an SMS gateway on the loopback address: real sockets, faults on demand, a ledger each.

What a peer accepted it keeps, also when a fault then hides the answer from the sender. So a judge can join
what we believe was sent with what truly arrived (reliability.md section 10).
"""

import asyncio
import hmac
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final, Self
from weakref import WeakSet

import httpx2
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

LOOPBACK: Final = "127.0.0.1"


class Fault(StrEnum):
    """What a peer does wrong until it is told otherwise."""

    DROP_BEFORE = "drop-before"  # closes the connection before it takes the message
    DROP_AFTER = "drop-after"  # takes the message, then closes without a reply
    STALL_BEFORE = "stall-before"  # is silent for a while before it takes the message
    STALL_AFTER = "stall-after"  # takes the message, then is silent for a while
    REFUSE_FOR_NOW = "refuse-for-now"  # 451, 503
    REFUSE_FOR_GOOD = "refuse-for-good"  # 550, 400


@dataclass(frozen=True, slots=True)
class AcceptedMail:
    sender: str
    recipients: tuple[str, ...]
    path: Path


@dataclass(frozen=True, slots=True)
class AcceptedSms:
    remote_id: str
    to: str
    text: str
    reference: str


class MailPeer:
    """Keeps each message as a file of the folder, numbered on from what is already there."""

    def __init__(self, folder: Path, *, stall_seconds: float = 5.0) -> None:
        self.fault: Fault | None = None
        self.accepted: list[AcceptedMail] = []
        self.connections = 0
        self._folder = folder
        self._number = 0
        self._stall_seconds = stall_seconds
        self._open: WeakSet[SMTP] = WeakSet()
        self._controller = _AnyPort(self, hostname=LOOPBACK, port=0)

    @property
    def port(self) -> int:
        return self._controller.port

    def __enter__(self) -> Self:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._number = sum(1 for _ in self._folder.glob("*.eml"))
        self._controller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._controller.stop()

    def hang_up_on_all(self) -> None:
        """As a relay does with connections that were idle for long."""
        for server in tuple(self._open):
            self._controller.loop.call_soon_threadsafe(_hang_up, server)

    # The hooks of aiosmtpd; their names and arguments are its own.

    async def handle_EHLO(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        del envelope
        session.host_name = hostname
        self.connections += 1
        self._open.add(server)
        return [*responses[:-1], "250-PIPELINING", responses[-1]]

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        del session, options
        match self.fault:
            case Fault.DROP_BEFORE:
                return _hang_up(server)
            case Fault.STALL_BEFORE:
                await asyncio.sleep(self._stall_seconds)
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Ok"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        del session
        match self.fault:
            case Fault.REFUSE_FOR_NOW:
                return "451 4.3.0 Try again later"
            case Fault.REFUSE_FOR_GOOD:
                return "550 5.7.1 Not accepted"
        number = self._keep(envelope)
        match self.fault:
            case Fault.DROP_AFTER:
                return _hang_up(server)
            case Fault.STALL_AFTER:
                await asyncio.sleep(self._stall_seconds)
        return f"250 2.0.0 Ok: queued as {number}"

    def _keep(self, envelope: Envelope) -> str:
        """Whole or not at all: whoever looks into the folder meanwhile sees no half of a message."""
        self._number += 1
        number = f"{self._number:06}"
        content = envelope.original_content
        assert content is not None, "aiosmtpd sets it before the hook of DATA"
        partial = self._folder / f"{number}.partial"
        partial.write_bytes(content)
        path = partial.rename(self._folder / f"{number}.eml")
        self.accepted.append(AcceptedMail(envelope.mail_from or "", tuple(envelope.rcpt_tos), path))
        return number


def _hang_up(server: SMTP) -> str:
    if isinstance(server.transport, asyncio.Transport):
        server.transport.abort()
    return "421 4.3.2 Gone"  # written to a closed connection


class _AnyPort(Controller):
    """aiosmtpd connects once to its own port to be sure that it listens, so it must learn the real one."""

    def _trigger_server(self) -> None:
        assert isinstance(self.server, asyncio.Server)
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()  # type: ignore[no-untyped-call]


class _Crowded(ThreadingHTTPServer):
    request_queue_size = 128  # of the five that is the default, the sixth who comes at once is turned away


class SmsPeer:
    """Keeps each message as a line of the file. Tells what became of it to where `tells_to` says: the address and
    the bearer token."""

    def __init__(self, file: Path, *, token: str, stall_seconds: float = 5.0) -> None:
        self.fault: Fault | None = None
        self.accepted: list[AcceptedSms] = []
        self.tells_to: tuple[str, str] | None = None
        self._file = file
        self._token = token
        self._stall_seconds = stall_seconds
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._server = _Crowded((LOOPBACK, 0), _handler_of(self))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self._server.server_port}/messages"

    def __enter__(self) -> Self:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def tell(self, message: AcceptedSms, *, status: str = "delivered", reason: str = "failed") -> int:
        """Tell the receipt of a message; the status of the answer, which is asked for again while it is not 2xx."""
        assert self.tells_to is not None
        url, token = self.tells_to
        receipt = {
            "reference": message.reference,
            "id": message.remote_id,
            "status": status,
            "reason": reason,
        }
        headers = {"Authorization": f"Bearer {token}"}
        return httpx2.post(url, json=receipt, headers=headers, timeout=30).status_code

    def answer(self, authorization: str, body: bytes) -> tuple[int, dict[str, str]] | None:
        """The status and the body to answer with; None closes the connection instead."""
        if not hmac.compare_digest(authorization.encode(), f"Bearer {self._token}".encode()):
            return 401, {"error": "token"}
        match self.fault:
            case Fault.DROP_BEFORE:
                return None
            case Fault.REFUSE_FOR_NOW:
                return 503, {"error": "later"}
            case Fault.REFUSE_FOR_GOOD:
                return 400, {"error": "recipient"}
            case Fault.STALL_BEFORE:
                self._stopping.wait(self._stall_seconds)
        return self._take(body)

    def _take(self, body: bytes) -> tuple[int, dict[str, str]] | None:
        try:
            sent = json.loads(body)
            message = self._keep(to=sent["to"], text=sent["text"], reference=sent["reference"])
        except (ValueError, TypeError, KeyError):
            return 400, {"error": "body"}
        if self.fault is Fault.DROP_AFTER:
            return None
        if self.fault is Fault.STALL_AFTER:
            self._stopping.wait(self._stall_seconds)
        return 202, {"id": message.remote_id}

    def _keep(self, *, to: str, text: str, reference: str) -> AcceptedSms:
        with self._lock:
            message = AcceptedSms(f"sms-{time.time_ns()}-{len(self.accepted) + 1}", to, text, reference)
            line = {"id": message.remote_id, "to": to, "text": text, "reference": reference}
            with self._file.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line, ensure_ascii=False) + "\n")
            self.accepted.append(message)
        return message


def _handler_of(peer: SmsPeer) -> Callable[..., BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            reply = peer.answer(self.headers.get("Authorization", ""), body)
            self.close_connection = True
            if reply is None:
                return
            status, content = reply
            text = json.dumps(content).encode()
            try:
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)
            except ConnectionError:  # the sender has stopped waiting; the ledger already knows
                return

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Nothing: a request line is of no use to the demo, and a peer logs no personal data."""

    return Handler
