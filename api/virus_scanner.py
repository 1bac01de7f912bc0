"""A virus scanner at a socket: clamd and what speaks its INSTREAM command (clamd(8))."""

import socket
import struct
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

CHUNK_BYTES = 64 * 1024
TIMEOUT_SECONDS = 15.0
_REPLY_BYTES_MAX = 4096
_UNIX = "unix:"


class ScannerAwayError(Exception):
    """The scanner does not answer, or not as one: nobody knows whether the content is clean."""


@dataclass(frozen=True, slots=True)
class VirusScanner:
    """`address` is host:port, or unix: and the path of a socket."""

    address: str

    def finds(self, content: bytes) -> str | None:
        """What the scanner calls that which it found; None if the content is clean."""
        try:
            with self._connect() as connection:
                reply = _asked(connection, content)
        except (OSError, ValueError) as error:
            raise ScannerAwayError(type(error).__name__) from None
        verdict = reply.removeprefix("stream: ")
        if verdict == "OK":
            return None
        if verdict.endswith(" FOUND"):
            return verdict.removesuffix(" FOUND")
        raise ScannerAwayError("no verdict")

    def _connect(self) -> AbstractContextManager[socket.socket]:
        if self.address.startswith(_UNIX):
            connection = socket.socket(socket.AF_UNIX)
            try:
                connection.settimeout(TIMEOUT_SECONDS)
                connection.connect(str(Path(self.address.removeprefix(_UNIX))))
            except OSError:
                connection.close()
                raise
            return connection
        host, _, port = self.address.rpartition(":")
        return socket.create_connection((host.strip("[]"), int(port)), timeout=TIMEOUT_SECONDS)


def _asked(connection: socket.socket, content: bytes) -> str:
    """The reply to the content: each chunk behind its length, and a length of nothing at the end."""
    connection.sendall(b"zINSTREAM\0")
    for start in range(0, len(content), CHUNK_BYTES):
        chunk = content[start : start + CHUNK_BYTES]
        connection.sendall(struct.pack("!L", len(chunk)) + chunk)
    connection.sendall(struct.pack("!L", 0))
    reply = b""
    while not reply.endswith(b"\0") and len(reply) < _REPLY_BYTES_MAX:
        received = connection.recv(_REPLY_BYTES_MAX)
        if not received:
            break
        reply += received
    return reply.rstrip(b"\0").decode("utf-8", "replace")
