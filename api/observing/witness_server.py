"""`letopis witness serve`: C2SP tlog-witness over HTTP. No database, no secrets of Letopis: a folder and a port.

    POST <prefix>/add-checkpoint                     200 with cosignature lines; 400, 403, 404, 409, 422 by tlog-witness
    GET  <prefix>/<hex SHA-256 of origin>/checkpoint the note that was cosigned last, for monitors

413 is a body too large, 408 one that doesn't come, 503 a disk or a clock that fails: nothing was cosigned.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeAlias

import structlog
import uvicorn

from api.observing.witness_memory import WitnessClockError, WitnessMemory, opened_memory
from ledger import witness
from ledger.witness_policy import LogKey

BODY_SECONDS = 10.0
# More connections at once are told to come back: a witness serves a few logs and a few monitors.
CONNECTIONS_MAX = 200
_TEXT = "text/plain; charset=utf-8"
_STATUS_OF: dict[type[Exception], int] = {
    witness.RequestMalformedError: 400,
    witness.OldSizeTooLargeError: 400,
    witness.NotSignedByLogError: 403,
    witness.UnknownLogError: 404,
    witness.InconsistentError: 422,
    WitnessClockError: 503,
    OSError: 503,
}

Scope: TypeAlias = dict[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[dict[str, Any]]]
Send: TypeAlias = Callable[[dict[str, Any]], Awaitable[None]]
Answer: TypeAlias = tuple[int, str, bytes]

log = structlog.get_logger()


class WitnessApp:
    """The pages of one witness, as an ASGI application."""

    def __init__(self, memory: WitnessMemory, *, prefix: str = "") -> None:
        self._memory = memory
        start = re.escape(prefix)
        self._adding = f"{prefix}/add-checkpoint"
        self._latest = re.compile(f"{start}/([0-9a-f]{{64}})/checkpoint")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        status, kind, body = await self._answer(scope, receive)
        headers = [
            (b"content-type", kind.encode()),
            (b"content-length", str(len(body)).encode()),
            (b"cache-control", b"no-store"),
            (b"x-content-type-options", b"nosniff"),
        ]
        if status in (408, 413):  # the rest of the body is not waited for
            headers.append((b"connection", b"close"))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    async def _answer(self, scope: Scope, receive: Receive) -> Answer:
        method, path = scope["method"], scope["path"]
        if path == self._adding:
            return await self._add(receive) if method == "POST" else _words(405, "POST a checkpoint here")
        found = self._latest.fullmatch(path)
        held = self._memory.latest(found[1]) if found else None
        if held is None:
            return _words(404, "nothing was cosigned for this log here")
        return (200, _TEXT, held) if method in ("GET", "HEAD") else _words(405, "GET the checkpoint here")

    async def _add(self, receive: Receive) -> Answer:
        try:
            async with asyncio.timeout(BODY_SECONDS):
                body = await _body(receive)
        except TimeoutError:
            return _words(408, "the body did not come in time")
        if body is None:
            return _words(413, "the body is too large")
        try:
            # In a thread: it waits for the disk.
            lines = await asyncio.to_thread(self._memory.add, body)
        except witness.OldSizeDiffersError as error:
            return 409, witness.SIZE_CONTENT_TYPE, f"{error.held_size}\n".encode()
        except tuple(_STATUS_OF) as error:
            status = next(status for kind, status in _STATUS_OF.items() if isinstance(error, kind))
            log.warning("witness.refused", status=status, error=type(error).__name__)
            return _words(
                status, "the disk failed" if isinstance(error, OSError) else type(error).__doc__ or ""
            )
        return 200, _TEXT, "".join(line.line for line in lines).encode()


async def _body(receive: Receive) -> bytes | None:
    """The body, or None if it is larger than any request."""
    received = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return bytes(received)
        received += message.get("body", b"")
        if len(received) > witness.REQUEST_SIZE_BYTES_MAX:
            return None
        if not message.get("more_body"):
            return bytes(received)


def _words(status: int, words: str) -> Answer:
    return status, _TEXT, f"{words}\n".encode()


def serve(
    folder: Path,
    logs: Sequence[LogKey],
    *,
    host: str,
    port: int,
    prefix: str = "",
    ready: Callable[[], None] = lambda: None,
) -> bool:
    """Serve until told to stop; whether it could begin."""
    with opened_memory(folder, logs) as memory:
        server = uvicorn.Server(
            uvicorn.Config(
                WitnessApp(memory, prefix=prefix),
                host=host,
                port=port,
                lifespan="off",
                log_level="warning",
                access_log=False,
                server_header=False,
                proxy_headers=False,
                limit_concurrency=CONNECTIONS_MAX,
                timeout_keep_alive=60,  # a log asks every few minutes at most, and mostly every second
                timeout_graceful_shutdown=5,
            )
        )
        ready()
        with suppress(KeyboardInterrupt):
            server.run()
        return server.started
