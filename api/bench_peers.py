"""Providers of notices for measuring and for campaigns: a mail relay, an SMS gateway and a push service, each a process.

They are quick, so that what is measured is the sender. What one takes it may write to a journal, a line each, before
it answers: so it stays known when the process is killed, and the answer is not (reliability.md, section 10).
"""

import asyncio
import json
import os
import random
import signal
import sys
import time
from asyncio import StreamReader, StreamWriter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import Final

from domain.channel import Channel

LOOPBACK: Final = "127.0.0.1"
_MESSAGE_BYTES_MAX: Final = 32 * 1024 * 1024


@dataclass(slots=True)
class Provider:
    """`pause` is the longest time that it lets pass before it takes a message, and again before it answers."""

    channel: Channel
    journal: int | None = None
    pause: float = 0.0
    _numbers: "count[int]" = field(default_factory=lambda: count(1))

    async def take(self, line: Callable[[], dict[str, str]]) -> str:
        """The number of the message, which is ours from now on."""
        await self._rest()
        number = f"{os.getpid()}-{time.time_ns()}-{next(self._numbers)}"
        if self.journal is not None:
            taken = {"channel": self.channel, "number": number, "at": time.time()} | line()
            os.write(self.journal, json.dumps(taken).encode() + b"\n")
        await self._rest()
        return number

    async def _rest(self) -> None:
        if self.pause:
            await asyncio.sleep(random.uniform(0, self.pause))

    async def mail(self, reader: StreamReader, writer: StreamWriter) -> None:
        """SMTP (RFC 5321), as much of it as a relay needs that refuses nobody."""
        writer.write(b"220 relay.example ESMTP\r\n")
        recipient = ""
        while command := await reader.readline():
            match command[:4].upper():
                case b"EHLO":
                    writer.write(b"250-relay.example\r\n250-PIPELINING\r\n250 8BITMIME\r\n")
                case b"RCPT":
                    recipient = command.decode().partition("<")[2].partition(">")[0]
                    writer.write(b"250 2.1.5 Ok\r\n")
                case b"DATA":
                    writer.write(b"354 Go ahead\r\n")
                    content = await reader.readuntil(b"\r\n.\r\n")
                    number = await self.take(partial(_letter, recipient, content))
                    writer.write(f"250 2.0.0 Ok: queued as {number}\r\n".encode())
                case b"QUIT":
                    writer.write(b"221 2.0.0 Bye\r\n")
                    return
                case _:
                    writer.write(b"250 2.0.0 Ok\r\n")

    async def gateway(self, reader: StreamReader, writer: StreamWriter) -> None:
        """SMS as api/channels/sms_json.py says them."""
        while request := await _request(reader):
            body = request[2]
            number = await self.take(partial(_short_message, body))
            answer = json.dumps({"id": number}).encode()
            writer.write(b"HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\n")
            writer.write(f"Content-Length: {len(answer)}\r\n\r\n".encode() + answer)

    async def service(self, reader: StreamReader, writer: StreamWriter) -> None:
        """Web Push (RFC 8030, section 5)."""
        while request := await _request(reader):
            number = await self.take(partial(_push, *request))
            writer.write(f"HTTP/1.1 201 Created\r\nLocation: /message/{number}\r\n".encode())
            writer.write(b"Content-Length: 0\r\n\r\n")


def _letter(recipient: str, content: bytes) -> dict[str, str]:
    lines = content.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
    name = next((line for line in lines if line.lower().startswith("message-id:")), "")
    return {
        "name": name.partition(":")[2].strip(),
        "to": recipient,
        "content": sha256(content).hexdigest(),
    }


def _short_message(body: bytes) -> dict[str, str]:
    sent = json.loads(body)
    return {"name": sent["reference"], "to": sent["to"], "content": sent["text"]}


def _push(path: str, headers: dict[str, str], body: bytes) -> dict[str, str]:
    return {"name": headers["topic"], "to": path.rpartition("/")[2], "content": body.hex()}


async def _request(reader: StreamReader) -> tuple[str, dict[str, str], bytes] | None:
    """The path, the headers by their names in small letters, and the body; None at the end of the connection."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.decode("latin-1").split("\r\n")
    named = (line.partition(":") for line in lines if line)
    headers = {name.lower(): text.strip() for name, _, text in named}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return first.split(" ")[1], headers, body


def _speaking(provider: Provider) -> Callable[[StreamReader, StreamWriter], Awaitable[None]]:
    ways = {
        Channel.EMAIL: provider.mail,
        Channel.SMS: provider.gateway,
        Channel.PUSH: provider.service,
    }
    speak = ways[provider.channel]

    async def speaking(reader: StreamReader, writer: StreamWriter) -> None:
        try:
            await speak(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the sender is gone
        finally:
            writer.close()

    return speaking


def serve(channel: Channel, port: int, *, journal: Path | None = None, pause: float = 0.0) -> None:
    """Serve until the process ends; prints the port when it listens."""
    kept = None if journal is None else os.open(journal, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    asyncio.run(_serve(Provider(channel, kept, pause), port))


async def _serve(provider: Provider, port: int) -> None:
    server = await asyncio.start_server(
        _speaking(provider), LOOPBACK, port, limit=_MESSAGE_BYTES_MAX, backlog=256
    )
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, sys.exit)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    serve(Channel(sys.argv[1]), 0)
