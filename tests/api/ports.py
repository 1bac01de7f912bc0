"""Ports of servers that are started later, or again after they were killed.

They lie below the range that the kernel gives out by itself: else a connection, or a server of another test, could take
one while its own is down. And each process of the tests has a stretch of its own: else two that look at the same moment
could choose the same.
"""

import socket
from contextlib import suppress
from functools import cache
from itertools import cycle

LOOPBACK = "127.0.0.1"
FIRST, LAST = 20_000, 32_000
STRETCH = 100


class _Stretch:
    """The first that no other process has: it is claimed by a name that is free again when the process ends."""

    def __init__(self) -> None:
        self._claim = socket.socket(socket.AF_UNIX)
        for first in range(FIRST, LAST, STRETCH):
            with suppress(OSError):
                self._claim.bind(f"\0letopis-tests-ports-{first}")
                self._ports = cycle(range(first, first + STRETCH))
                return
        raise AssertionError("no ports are left")

    def next(self) -> int:
        """One on which nobody listens."""
        while True:
            port = next(self._ports)
            with suppress(OSError), socket.create_server((LOOPBACK, port)):
                return port


_own = cache(_Stretch)


def free_port() -> int:
    return _own().next()


def free_ports(number: int) -> list[int]:
    return [free_port() for _ in range(number)]
