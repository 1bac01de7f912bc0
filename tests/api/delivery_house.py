"""The house of the campaign of delivery: the real server, its PostgreSQL and three providers, each to be killed.

The clock of the senders is in a file, so that nobody waits ten minutes for a lease; it is replaced where the server is
started, and nothing of that is in the program. The same place plants faults that the judge has to find.
"""

import os
import signal
import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path
from threading import Thread
from time import monotonic, sleep
from typing import Any

from api import bench_peers
from api.__main__ import main
from api.bench_peers import LOOPBACK
from api.sending import worker
from api.settings import Settings
from domain.channel import Channel
from tests.api import delivery_plants
from tests.api.command import environment_of
from tests.api.ports import free_ports
from tests.api.process_tree import kill_postgres

START_SECONDS = 90
# The longest that a provider lets pass before it takes a message, and again before it answers: kills find it there.
PAUSE_SECONDS = 0.04
TOKEN = "t0ken"
_FORKS = get_context("forkserver")
_FORKS.set_forkserver_preload(["api.__main__", "tests.api.delivery_house"])


@dataclass(slots=True)
class House:
    """`plant` names a fault of the sender that the judge has to find (tests/api/delivery_plants.py). Whoever is
    started from then on has it, and so it is with the `pause` of providers."""

    home: Path
    plant: str | None = None
    pause: float = PAUSE_SECONDS
    ports: Mapping[str, int] = field(init=False)
    settings: Settings = field(init=False)
    server: BaseProcess | None = None
    providers: dict[Channel, BaseProcess] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.home.mkdir(parents=True, exist_ok=True)
        self.ports = dict(zip(("server", *Channel), free_ports(1 + len(Channel)), strict=True))
        url = f"http://{LOOPBACK}:{self.ports['server']}"
        settings = Settings(
            home=self.home / "house",
            port=self.ports["server"],
            public_url=url,
            smtp_host=LOOPBACK,
            smtp_port=self.ports["email"],
            sms_gateway_url=f"http://{LOOPBACK}:{self.ports['sms']}/messages",
            sms_gateway_token=TOKEN,
            push_contact="mailto:operator@letopis.example",
            push_services=(self.push_origin,),
        )
        # Its own PostgreSQL, whatever DATABASE_URL the tests run with.
        self.settings = settings.model_copy(update={"database_url": None})
        self.put_clock(timedelta(0))

    @property
    def push_origin(self) -> str:
        return f"http://{LOOPBACK}:{self.ports['push']}"

    @property
    def journals(self) -> Path:
        return self.home / "journals"

    def put_clock(self, ahead: timedelta) -> None:
        """Whole or not at all: the senders read it at any time."""
        partial = self.home / "clock.partial"
        partial.write_text(str(ahead.total_seconds()))
        partial.rename(self.home / "clock")

    # Starting.

    def start_provider(self, channel: Channel) -> None:
        self.journals.mkdir(exist_ok=True)
        process = _FORKS.Process(
            target=_provide,
            args=(
                channel,
                self.ports[channel],
                self.journals / f"{channel}.jsonl",
                self.home / f"{channel}.out",
            ),
            kwargs={"pause": self.pause},
        )
        self.providers[channel] = process
        self.providers[channel].start()
        self._await(self.ports[channel], self.providers[channel])

    def start_server(self) -> None:
        self.begin_server()
        self.await_server()

    def begin_server(self) -> None:
        arguments = (self._environment(), self.home, self.plant)
        self.server = _FORKS.Process(target=_serve, args=arguments)
        self.server.start()

    def await_server(self) -> None:
        assert self.server is not None
        self._await(self.ports["server"], self.server)

    def _await(self, port: int, process: BaseProcess) -> None:
        give_up = monotonic() + START_SECONDS
        while not _listens(port):
            assert process.is_alive(), f"it ends at its start, see {self.home}"
            assert monotonic() < give_up, "it does not start"
            sleep(0.01)

    def _environment(self) -> dict[str, str]:
        settings = self.settings
        return environment_of(settings) | {
            "LETOPIS_SMTP_HOST": LOOPBACK,
            "LETOPIS_SMTP_PORT": str(settings.smtp_port),
            "LETOPIS_SMS_GATEWAY_URL": settings.sms_gateway_url or "",
            "LETOPIS_SMS_GATEWAY_TOKEN": TOKEN,
            "LETOPIS_PUSH_CONTACT": settings.push_contact or "",
            "LETOPIS_PUSH_SERVICES": self.push_origin,
        }

    # Killing.

    def kill_provider(self, channel: Channel) -> None:
        _kill(self.providers[channel])

    def kill_server(self) -> None:
        assert self.server is not None
        _kill(self.server)

    def kill_postgres(self) -> None:
        """The postmaster and every child of it, and then the server, which has time for a mistake."""
        kill_postgres(self.settings.home)
        sleep(0.1)
        self.kill_server()

    def stop(self) -> None:
        """The server as an operator does, so that PostgreSQL ends with it."""
        if self.server is not None and self.server.is_alive():
            self.server.terminate()
            self.server.join(timeout=60)
            if self.server.is_alive():
                _kill(self.server)
        for provider in self.providers.values():
            _kill(provider)


@contextmanager
def house(home: Path) -> Iterator[House]:
    """Its providers run; the server does not yet."""
    found = House(home)
    try:
        for channel in Channel:
            found.start_provider(channel)
        yield found
    finally:
        found.stop()


def _kill(process: BaseProcess) -> None:
    process.kill()
    process.join(timeout=60)
    assert not process.is_alive()


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection((LOOPBACK, port), timeout=5):
        return True
    return False


# In the processes.


def _provide(channel: Channel, port: int, journal: Path, output: Path, *, pause: float) -> None:
    _own_streams(output)
    bench_peers.serve(channel, port, journal=journal, pause=pause)


def _serve(environment: dict[str, str], home: Path, plant: str | None) -> None:
    os.setsid()
    os.environ.clear()
    os.environ.update(environment)
    _own_streams(home / "serve.out")
    _follow_clock(home / "clock")
    delivery_plants.plant(plant)
    sys.argv = ["letopis", "serve"]
    main()


def _own_streams(output: Path) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sink = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(sink, 1)
    os.dup2(sink, 2)
    os.close(sink)


def _follow_clock(file: Path) -> None:
    """The senders' clock is as far ahead as the file says."""
    ahead = [timedelta(0)]

    def read() -> None:
        while True:
            ahead[0] = timedelta(seconds=float(file.read_text()))
            sleep(0.02)

    def now() -> datetime:
        return datetime.now(UTC) + ahead[0]

    ahead[0] = timedelta(seconds=float(file.read_text()))
    Thread(target=read, daemon=True).start()
    patched: Any = worker
    patched.utc_now = now
