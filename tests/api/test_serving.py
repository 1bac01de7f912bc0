"""`letopis serve --processes`: several processes behind one socket, each replaced when it dies, all ended
together."""

import os
import re
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from multiprocessing.process import BaseProcess
from pathlib import Path
from time import monotonic, sleep
from uuid import uuid4

import httpx2
import pytest

from api import laboratories
from api.node import node
from api.settings import Settings
from tests.api.cast import Laboratory, bundle
from tests.api.command import started
from tests.api.conftest import REGISTERED
from tests.api.ports import free_port
from tests.api.process_tree import children_of

SUBMISSIONS = 24
PATIENCE_SECONDS = 60


@pytest.fixture
def alone(settings: Settings) -> Settings:
    """The settings of a server on a port of its own."""
    port = free_port()
    return settings.model_copy(update={"port": port, "public_url": f"http://127.0.0.1:{port}"})


@pytest.fixture
def laboratory(alone: Settings) -> Iterator[Laboratory]:
    with node(alone) as opened:
        laboratory_id, sender = laboratories.add(opened.ledger, alone.home, REGISTERED)
        yield Laboratory(laboratory_id, sender, opened)


@pytest.fixture
def house(alone: Settings, laboratory: Laboratory) -> Iterator[BaseProcess]:
    process = started(alone, ["serve", "--processes", "2"], output=alone.home / "serve")
    try:
        until(lambda: is_up(alone))
        until(lambda: len(serving(process)) == 4)
        yield process
    finally:
        process.terminate()
        process.join(timeout=PATIENCE_SECONDS)
        assert not process.is_alive(), "the server does not stop"


def until(holds: Callable[[], bool]) -> None:
    give_up = monotonic() + PATIENCE_SECONDS
    while not holds():
        assert monotonic() < give_up
        sleep(0.02)


def is_up(settings: Settings) -> bool:
    with (
        suppress(OSError),
        socket.create_connection((settings.host, settings.port), timeout=PATIENCE_SECONDS),
    ):
        return True
    return False


def serving(supervisor: BaseProcess) -> list[int]:
    """The processes that it keeps: signer, workers, and two that answer. Multiprocessing has one more of its own."""
    assert supervisor.pid is not None
    return [pid for pid in children_of(supervisor.pid) if b"spawn_main" in command_line(pid)]


def command_line(pid: int) -> bytes:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""


def submit(laboratory: Laboratory, settings: Settings, number: int) -> None:
    """Each on a connection of its own, so that each process gets some."""
    for _ in range(number):
        key = str(uuid4())
        envelope = laboratory.seal(bundle(key), envelope_id=key, audience=settings.public_url)
        answer = httpx2.post(
            f"{settings.public_url}/v1/submissions", content=envelope, timeout=PATIENCE_SECONDS
        )
        assert answer.status_code == 201, answer.text


def counted(settings: Settings) -> float:
    text = httpx2.get(f"{settings.public_url}/metrics", timeout=PATIENCE_SECONDS).text
    found = re.search(r'letopis_submissions_total\{outcome="recorded"\} (\S+)', text)
    return float(found[1]) if found else 0.0


def ready(settings: Settings) -> dict[str, object]:
    found: dict[str, object] = httpx2.get(f"{settings.public_url}/readyz", timeout=PATIENCE_SECONDS).json()
    return found


def test_together_they_record_follow_and_count(
    alone: Settings, laboratory: Laboratory, house: BaseProcess
) -> None:
    submit(laboratory, alone, SUBMISSIONS)
    assert counted(alone) == SUBMISSIONS, "whichever process is asked"
    until(lambda: all(behind == 0 for behind in dict(ready(alone)["behind"]).values()))  # type: ignore[call-overload]


def test_what_dies_is_started_again(alone: Settings, laboratory: Laboratory, house: BaseProcess) -> None:
    before = serving(house)
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    until(lambda: len(serving(house)) == 4 and not set(serving(house)) & set(before))
    until(lambda: is_up(alone))
    submit(laboratory, alone, 4)
    until(lambda: all(behind == 0 for behind in dict(ready(alone)["behind"]).values()))  # type: ignore[call-overload]
    assert (alone.home / "serve.err").read_text().count("serve.process-ended") == 4


def test_told_to_stop_it_ends_them_all(alone: Settings, house: BaseProcess) -> None:
    pids = serving(house)
    house.terminate()
    house.join(timeout=PATIENCE_SECONDS)
    assert house.exitcode == 128 + signal.SIGTERM
    assert not any(command_line(pid) for pid in pids)
    assert not is_up(alone)
    assert "Traceback" not in (alone.home / "serve.err").read_text()


def test_when_the_supervisor_is_killed_nobody_stays_behind(alone: Settings, house: BaseProcess) -> None:
    pids = serving(house)
    house.kill()
    until(lambda: not any(command_line(pid) for pid in pids))
    assert not is_up(alone)
