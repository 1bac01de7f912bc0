"""Patients who read at once: each with a session and a connection of their own turns from the list to a result, to a
trend, and now and then takes a PDF away; `letopis serve` in processes of its own, every reading recorded durably.

The readers are a process of their own too (`python -m api.bench_readers` with the plan on its input): they must not
share an interpreter with what they measure.
"""

import asyncio
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from socket import create_server
from statistics import median
from typing import Any

from rich.console import Console

from api.bench_intake import PROCESSES, served
from api.bench_machine import Clock, facts, seconds_of_family
from api.bench_reports import inputs
from api.intake import submit
from api.node import node
from api.portal.sign_in import Door
from api.settings import Settings
from projections import PROJECTIONS
from projections.follow import Follower

_KINDS = ("list", "report", "trends", "trend", "pdf")
_PDF_SHARE = 0.05


@dataclass(frozen=True, slots=True)
class Effort:
    """`pause`: for how long a page is looked at; without one everybody reads as fast as they are answered."""

    patients: int = 200
    reports_each: int = 5
    seconds: float = 30.0
    pause: float = 0.0


QUICK = Effort(patients=20, reports_each=2, seconds=5.0)


def measure(home: Path, effort: Effort) -> dict[str, Any]:
    with create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    settings = Settings(home=home, port=port, public_url=f"http://127.0.0.1:{port}")
    with node(settings.model_copy(update={"database_url": None})) as opened:
        made = inputs(opened, effort.patients)
        for envelope in made.submissions(effort.patients * effort.reports_each):
            submit(opened, envelope)
        assert Follower(opened.ledger, PROJECTIONS).catch_up()
        tokens = [Door(opened.ledger, opened.settings).open_session(one, factors=("password", "sms"))
                  for one in _patients(opened.ledger)]  # fmt: skip
        with served(settings) as server:
            clock, before = Clock(opened.conninfo), seconds_of_family(server)
            found = read(port, tokens, effort)
            ours, database = seconds_of_family(server) - before, clock.read().postgresql
        return found | {
            "machine": facts(opened.conninfo),
            "server_ms": 1000 * ours / found["requests"],
            "postgresql_ms": 1000 * database / found["requests"],
        }


def run(*, quick: bool, out: Console) -> dict[str, Any]:
    """Measure, print, and return the figures."""
    effort = QUICK if quick else Effort()
    with tempfile.TemporaryDirectory(prefix="letopis-bench-") as folder:
        found = measure(Path(folder) / "home", effort)
    out.print(
        f"{effort.patients} patients, {PROCESSES} processes, {effort.seconds:.0f} s: {found['per_second']:.0f} requests/s,"
        f" {found['failures']} failed; a request: server {found['server_ms']:.1f} ms,"
        f" PostgreSQL {found['postgresql_ms']:.1f} ms, readers {found['reader_ms']:.1f} ms",
        highlight=False,
    )
    for kind, figures in found["kinds"].items():
        out.print(
            f"{kind:>8}: {figures['count']} times, p50 {figures['p50_ms']:.0f} ms, p99 {figures['p99_ms']:.0f} ms,"
            f" {figures['bytes']:.0f} bytes",
            highlight=False,
        )
    return found


def _patients(ledger: Any) -> list[Any]:
    """Everybody who has a result."""
    with ledger.pool.connection() as connection:
        return [one for (one,) in connection.execute("SELECT DISTINCT patient_id FROM cabinet.reports")]


def read(port: int, tokens: list[str], effort: Effort) -> dict[str, Any]:
    """What the readers met: how often, how long and how large each kind of page was, and how many failed."""
    plan = {"port": port, "tokens": tokens, "seconds": effort.seconds, "pause": effort.pause}
    done = subprocess.run(
        [sys.executable, "-m", "api.bench_readers"],
        input=json.dumps(plan).encode(),
        stdout=subprocess.PIPE,
        check=True,
        timeout=effort.seconds + 300,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


# In the readers' process.


@dataclass(slots=True)
class Reader:
    """One patient at a browser: what the last list named, and the connection."""

    port: int
    token: str
    chance: Random
    came: list[tuple[str, float, int, int]]
    reports: tuple[str, ...] = ()
    trends: tuple[str, ...] = ()

    async def read(self, until: float, pause: float) -> None:
        await asyncio.sleep(self.chance.random())
        reading, writing = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            while time.perf_counter() < until:
                for kind, path in self._walk():
                    try:
                        await self._ask(reading, writing, kind, path)
                    except (asyncio.IncompleteReadError, ConnectionError):
                        # A connection that was idle for some seconds is closed: a browser opens another.
                        writing.close()
                        reading, writing = await asyncio.open_connection("127.0.0.1", self.port)
                        await self._ask(reading, writing, kind, path)
                    await asyncio.sleep(pause * 2 * self.chance.random())
        finally:
            writing.close()

    def _walk(self) -> Iterator[tuple[str, str]]:
        """One round through the cabinet; what there is to open, the list and the page of trends have said."""
        yield "list", "/reports"
        if self.reports:
            yield "report", f"/reports/{self.chance.choice(self.reports)}"
        yield "trends", "/trends"
        if self.trends:
            yield "trend", self.chance.choice(self.trends)
        if self.reports and self.chance.random() < _PDF_SHARE * 4:
            yield "pdf", f"/reports/{self.chance.choice(self.reports)}/pdf"

    async def _ask(
        self, reading: asyncio.StreamReader, writing: asyncio.StreamWriter, kind: str, path: str
    ) -> None:
        start = time.perf_counter()
        writing.write(
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\nCookie: session={self.token}\r\n\r\n".encode()
        )
        head = (await reading.readuntil(b"\r\n\r\n")).decode()
        length = re.search(r"(?i)content-length: (\d+)", head)
        body = await reading.readexactly(int(length[1]) if length else 0)
        self.came.append((kind, time.perf_counter() - start, int(head.split(" ", 2)[1]), len(body)))
        if kind == "list":
            self.reports = tuple(set(re.findall(r'href="/reports/([-0-9a-f]{36})"', body.decode())))
        elif kind == "trends":
            self.trends = tuple(set(re.findall(r'href="(/trends/[^"#?]+)"', body.decode())))


async def _all(plan: Mapping[str, Any]) -> list[tuple[str, float, int, int]]:
    came: list[tuple[str, float, int, int]] = []
    until = time.perf_counter() + plan["seconds"]
    readers = [Reader(plan["port"], token, Random(place), came) for place, token in enumerate(plan["tokens"])]
    await asyncio.gather(*(one.read(until, plan["pause"]) for one in readers))
    return came


def _figures(came: list[tuple[str, float, int, int]], seconds: float, own: float) -> dict[str, Any]:
    kinds = {}
    for kind in _KINDS:
        times = sorted(1000 * took for which, took, _, _ in came if which == kind)
        if times:
            sizes = [size for which, _, _, size in came if which == kind]
            kinds[kind] = {"count": len(times), "p50_ms": median(times),
                           "p99_ms": times[min(len(times) - 1, len(times) * 99 // 100)],
                           "bytes": median(sizes)}  # fmt: skip
    failures = sum(status != 200 for _, _, status, _ in came)
    return {"requests": len(came), "per_second": len(came) / seconds, "failures": failures,
            "reader_ms": 1000 * own / max(len(came), 1), "kinds": kinds}  # fmt: skip


if __name__ == "__main__":
    begun = time.perf_counter()
    answers = asyncio.run(_all(json.load(sys.stdin)))
    json.dump(_figures(answers, time.perf_counter() - begun, time.process_time()), sys.stdout)
