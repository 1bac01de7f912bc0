"""Debian's Kannel on loopback: bearerbox, smsbox, and a centre that only listens. Skipped where it is not installed."""

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote_to_bytes

import pytest

from tests.api.ports import free_ports

USER, PASSWORD = "letopis", "boxed"
_CONFIG = """
group = core
admin-port = {admin}
admin-interface = "127.0.0.1"
admin-password = {password}
smsbox-port = {box}
smsbox-interface = "127.0.0.1"
box-allow-ip = "127.0.0.1"
dlr-storage = internal
log-file = "bearerbox.log"
log-level = 1

group = smsc
smsc = fake
smsc-id = FAKE
port = {smsc}
connect-allow-ip = "127.0.0.1"

group = smsbox
bearerbox-host = 127.0.0.1
bearerbox-port = {box}
sendsms-port = {http}
sendsms-interface = "127.0.0.1"
log-file = "smsbox.log"
log-level = 1

group = sendsms-user
username = {user}
password = {password}
max-messages = 10
concatenation = true
"""


@dataclass(frozen=True, slots=True)
class Kannel:
    """Where messages are given to it, and the line to its centre."""

    url: str
    centre: socket.socket

    def got(self, count: int) -> list[str]:
        """The texts of so many messages as they came to the centre, the parts of each put together."""
        self.centre.settimeout(60)
        lines: list[bytes] = []
        rest = b""
        while len(lines) < count:
            received = self.centre.recv(65_536)
            assert received, "bearerbox is gone"
            *whole, rest = (rest + received).split(b"\n")
            lines += whole
        return [_text(line) for line in lines]


def _text(line: bytes) -> str:
    """bearerbox writes: from, to, kind of the text, text; UTF-16 with %XX for octets, behind a header or not."""
    _, _, kind, rest = line.split(b" ", 3)
    if kind == b"udh":
        rest = rest.split(b" ", 2)[2]
    if kind == b"text":
        return rest.decode()
    return unquote_to_bytes(rest.replace(b"+", b" ")).decode("utf-16-be")


@contextmanager
def running(folder: Path) -> Iterator[Kannel]:
    if not (bearerbox := shutil.which("bearerbox", path="/usr/sbin:/usr/bin")):
        pytest.skip("Kannel is not installed: apt-get install kannel")
    names = ("admin", "box", "smsc", "http")
    ports = dict(zip(names, free_ports(len(names)), strict=True))
    (folder / "kannel.conf").write_text(_CONFIG.format(**ports, user=USER, password=PASSWORD))
    with ExitStack() as stack:
        stack.enter_context(_started(bearerbox, folder))
        _reached(ports["box"])
        stack.enter_context(_started(bearerbox.replace("bearerbox", "smsbox"), folder))
        _reached(ports["http"])
        centre = stack.enter_context(_reached(ports["smsc"], keep=True))
        yield Kannel(f"http://127.0.0.1:{ports['http']}/cgi-bin/sendsms", centre)


@contextmanager
def _started(program: str, folder: Path) -> Iterator[None]:
    with (folder / "output").open("ab") as output:
        process = subprocess.Popen([program, "kannel.conf"], cwd=folder, stdout=output, stderr=output)
    try:
        yield
    finally:
        process.kill()
        process.wait(10)


def _reached(port: int, *, keep: bool = False) -> socket.socket:
    """A connection to who begins to listen there."""
    until = time.monotonic() + 60
    while True:
        try:
            found = socket.create_connection(("127.0.0.1", port), 1)
        except OSError:
            assert time.monotonic() < until, "Kannel does not start"
            time.sleep(0.05)
        else:
            if not keep:
                found.close()
            return found
