"""The HTTP server as a program meets it that keeps its connection."""

import socket
from contextlib import closing, suppress

from tests.api.cast import Portal

# After five seconds httpx drops an idle connection by itself, and uvicorn would close it at the same moment.
IDLE_SECONDS = 6
ASKED = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"


def test_an_idle_connection_is_left_to_its_client(portal: Portal) -> None:
    address = ("127.0.0.1", portal.opened.settings.port)
    with closing(socket.create_connection(address, timeout=60)) as connection:
        connection.sendall(ASKED)
        assert connection.recv(64).startswith(b"HTTP/1.1 200")
        connection.settimeout(IDLE_SECONDS)
        with suppress(TimeoutError):
            while connection.recv(4096):
                pass  # the rest of the answer
            raise AssertionError("the server closed the connection")
        connection.settimeout(60)
        connection.sendall(ASKED)
        assert connection.recv(64).startswith(b"HTTP/1.1 200")
