"""Delivery: how many notices a second each channel hands over, how long a result waits to be told, and a digest's day.

The baseline is the same sender at the same provider with the same words, and no ledger: what is left is the price of
knowing what became of each notice.
"""

import asyncio
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from socket import create_server
from typing import Any
from uuid import UUID

import psycopg
from rich.console import Console
from rich.table import Table

from api import bench_reports
from api.bench_draining import drain, follow
from api.bench_intake import served
from api.bench_load import post_at_pace
from api.bench_machine import Clock, facts, spread
from api.bench_peers import LOOPBACK
from api.bench_town import Town, notices
from api.channels.notice import Notice, Sender
from api.node import Node, node
from api.outcome import HandedOver
from api.sending.senders import sender_of
from api.settings import Settings
from domain.channel import Channel
from domain.notice_hours import USUAL, when
from domain.notification import NotificationHandedOver, NotificationJoined, NotificationRequested
from domain.receiving import Periodicity, Receiving, ReceivingSettings
from ledger.store import Ledger

MARKS = {
    Channel.EMAIL: 500.0,
    Channel.PUSH: 500.0,
}
P50_MAX_MS, P99_MAX_MS = 1000.0, 3000.0
RESULTS_PER_SECOND = 100
# A digest tells of as many results.
RESULTS_EACH = 2
_MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is done: notices in a round, rounds, seconds of results, and the patients of each digest's day."""

    notices: int = 3000
    rounds: int = 3
    result_seconds: int = 30
    patients: int = 1000
    digests: tuple[int, ...] = (10_000, 100_000)


QUICK = Effort(notices=400, rounds=1, result_seconds=5, patients=100, digests=(500, 1000))


def run(*, quick: bool, out: Console) -> dict[str, Any]:
    """Measure, print, and return it."""
    found = measure(QUICK if quick else Effort(), out=out)
    for name, value in found["machine"].items():
        out.print(f"{name.replace('_', ' '):>20}  {value}", highlight=False)
    out.print(*tables(found), sep="\n")
    return {"quick": quick} | found


def measure(effort: Effort, *, out: Console) -> dict[str, Any]:
    found: dict[str, Any] = {"channels": {}, "digests": {}}
    with _providers() as ports:
        for channel in Channel:
            out.print(f"notices by {channel}", style="dim")
            with _opened(ports) as opened:
                found.setdefault("machine", facts(opened.conninfo))
                found["channels"][str(channel)] = _throughput(opened, channel, effort)
        out.print("results that come", style="dim")
        with _opened(ports) as opened:
            found["waiting"] = _waiting(opened, effort)
        for patients in effort.digests:
            out.print(f"a digest of {patients:,}", style="dim")
            with _opened(ports) as opened:
                found["digests"][str(patients)] = _digest(opened, patients)
    found["targets"] = _targets(found)
    return found


# Where it is measured.


@contextmanager
def _providers() -> Iterator[dict[Channel, int]]:
    """The three of them, each a process; the ports where they listen."""
    with ExitStack() as stack:
        ports = {}
        for channel in Channel:
            command = [sys.executable, "-m", "api.bench_peers", channel]
            process = stack.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
            stack.callback(process.terminate)
            assert process.stdout is not None
            ports[channel] = int(process.stdout.readline())
        yield ports


@contextmanager
def _opened(ports: dict[Channel, int]) -> Iterator[Node]:
    """A fresh ledger, on an embedded server of its own."""
    with tempfile.TemporaryDirectory(prefix="letopis-bench-") as folder:
        with create_server((LOOPBACK, 0)) as probe:
            port = probe.getsockname()[1]
        settings = Settings(
            home=Path(folder),
            port=port,
            public_url=f"http://{LOOPBACK}:{port}",
            smtp_host=LOOPBACK,
            smtp_port=ports[Channel.EMAIL],
            sms_gateway_url=f"http://{LOOPBACK}:{ports[Channel.SMS]}/messages",
            push_contact="mailto:bench@letopis.example",
            push_services=(f"http://{LOOPBACK}:{ports[Channel.PUSH]}",),
        )
        with node(settings.model_copy(update={"database_url": None})) as opened:
            yield opened


def _push_origin(opened: Node, channel: Channel) -> str | None:
    return opened.settings.push_services[0] if channel is Channel.PUSH else None


# Notices a second.


def _throughput(opened: Node, channel: Channel, effort: Effort) -> dict[str, Any]:
    """One notice for each of the town, in alternating rounds with the sender alone. The views are at the end of the
    ledger before, and at its end after."""
    town = Town(opened.ledger, channel, push_origin=_push_origin(opened, channel))
    people = town.settle(effort.notices)
    follow(opened)
    clock = Clock(opened.conninfo)
    bare, ours, processor, database = [], [], 0.0, 0.0
    for _ in range(effort.rounds + 1):
        bare.append(_bare_rate(opened, channel, effort.notices))
        town.request(people)
        clock.restart()
        drained = drain(opened.settings, channel)
        database += clock.read().postgresql
        processor += drained.processor_seconds
        ours.append(effort.notices / drained.seconds)
    rates, baseline = spread(ours[1:]), spread(bare[1:])
    sent = effort.notices * (effort.rounds + 1)
    return {
        "ours": rates.figures(),
        "baseline": baseline.figures(),
        "ratio": rates.median / baseline.median,
        "workers_ms_per_notice": 1000 * processor / sent,
        "postgresql_ms_per_notice": 1000 * database / sent,
    }


def _bare_rate(opened: Node, channel: Channel, number: int) -> float:
    """The same sender and provider, and nothing recorded."""
    said = notices(
        number,
        link=f"{opened.settings.public_url}/reports",
        at=datetime.now(UTC),
        push_origin=_push_origin(opened, channel),
    )
    return number / asyncio.run(_sent(opened, channel, said))


async def _sent(opened: Node, channel: Channel, said: Sequence[Notice]) -> float:
    sender = sender_of(opened, channel)
    assert sender is not None
    waiting = iter(said)
    start = time.perf_counter()
    await asyncio.gather(*(_send_on(sender, waiting) for _ in range(sender.width)))
    seconds = time.perf_counter() - start
    await sender.close()
    return seconds


async def _send_on(sender: Sender, waiting: Iterator[Notice]) -> None:
    for notice in waiting:
        outcome = await sender.send(notice)
        assert isinstance(outcome, HandedOver), outcome


# From the result to its notice.


def _waiting(opened: Node, effort: Effort) -> dict[str, Any]:
    """Results come by HTTP into `letopis serve`, at a steady pace; each is told by e-mail. Counted is from the
    position at which the result was recorded to the relay's answer."""
    made = bench_reports.inputs(opened, effort.patients)
    settings, number = opened.settings, RESULTS_PER_SECOND * effort.result_seconds
    smtp = {"LETOPIS_SMTP_HOST": LOOPBACK, "LETOPIS_SMTP_PORT": str(settings.smtp_port)}
    with served(settings, smtp):
        post_at_pace(settings.host, settings.port, made.submissions(50), clients=16, per_second=50.0)
        before = opened.ledger.last_position()
        envelopes = made.submissions(number)
        load = post_at_pace(
            settings.host, settings.port, envelopes, clients=16, per_second=float(RESULTS_PER_SECOND)
        )
        waited = _waits(opened.ledger, after=before, number=number)
    ordered = sorted(waited)
    return {
        "results": number,
        "results_per_second": number / load.seconds,
        "handed_over": len(ordered),
        "p50_ms": 1000 * ordered[len(ordered) // 2],
        "p99_ms": 1000 * ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)],
        "longest_ms": 1000 * ordered[-1],
        "intake_p99_ms": 1000 * load.percentile(99),
    }


def _waits(ledger: Ledger, *, after: int, number: int, patience_seconds: float = 120.0) -> list[float]:
    """Of each notice that was asked for after the position, once all of them are handed over."""
    give_up = time.monotonic() + patience_seconds
    while True:
        asked: dict[UUID, datetime] = {}
        handed_over: dict[UUID, datetime] = {}
        joined: dict[UUID, UUID] = {}
        position = after
        while page := ledger.read_all(after=position, limit=5000):
            position = page[-1].position or 0
            for recorded in page:
                match recorded.event:
                    case NotificationRequested():
                        asked[recorded.stream_id] = recorded.recorded_at
                    case NotificationHandedOver():
                        handed_over[recorded.stream_id] = recorded.recorded_at
                    case NotificationJoined():
                        joined[recorded.stream_id] = recorded.event.digest_id
        ended = {one: handed_over.get(joined.get(one, one)) for one in asked}
        waits = [(at - asked[one]).total_seconds() for one, at in ended.items() if at is not None]
        if len(waits) >= number or time.monotonic() > give_up:
            return waits
        time.sleep(1)


# A digest's day.


def _digest(opened: Node, patients: int) -> dict[str, Any]:
    """Everybody wants to be told on Mondays, and it is Monday."""
    weekly = ReceivingSettings(channels=(Channel.EMAIL,), periodicity=Periodicity.WEEKLY)
    now = datetime.now(UTC)
    waits = when(
        Receiving(settings=weekly, hours=USUAL),
        channel=Channel.EMAIL,
        requested_at=now,
        now=now,
        is_urgent=False,
        default_zone=opened.settings.time_zone,
    )
    assert waits is not None
    town = Town(opened.ledger, Channel.EMAIL, periodicity=Periodicity.WEEKLY)
    start = time.perf_counter()
    town.request(town.settle(patients), each=RESULTS_EACH, waits_until=waits[0])
    follow(opened)
    prepared = time.perf_counter() - start
    # The hour has struck: by the workers' clock alone, for nobody waits for a Monday.
    ahead = waits[0] - datetime.now(UTC) + timedelta(minutes=5)
    clock = Clock(opened.conninfo)
    drained = drain(opened.settings, Channel.EMAIL, ahead=ahead)
    _require_told(opened.conninfo, patients)
    return {
        "patients": patients,
        "results": patients * RESULTS_EACH,
        "seconds": drained.seconds,
        "digests_per_second": patients / drained.seconds,
        "workers_ms_per_digest": 1000 * drained.processor_seconds / patients,
        "postgresql_ms_per_digest": 1000 * clock.read().postgresql / patients,
        "memory_before_mib": drained.memory_before / _MEBIBYTE,
        "memory_peak_mib": drained.memory_peak / _MEBIBYTE,
        "prepared_in_seconds": prepared,
    }


def _require_told(conninfo: str, patients: int) -> None:
    with psycopg.connect(conninfo) as connection:
        row = connection.execute(
            "SELECT count(*) FILTER (WHERE digest_id IS NULL), count(*) FROM delivery.notifications"
            " WHERE status = 'handed-over'"
        ).fetchone()
    assert row == (patients, patients * RESULTS_EACH), row


# Showing.


def _targets(found: dict[str, Any]) -> list[dict[str, Any]]:
    lines = [
        (f"notices by {channel}, a second", found["channels"][str(channel)]["ours"]["median"], ">=", mark)
        for channel, mark in MARKS.items()
    ]
    lines += [
        ("from result to notice, p50 ms", found["waiting"]["p50_ms"], "<", P50_MAX_MS),
        ("from result to notice, p99 ms", found["waiting"]["p99_ms"], "<", P99_MAX_MS),
    ]
    return [
        {
            "what": what,
            "value": value,
            "wanted": f"{compare} {mark:,g}",
            "is_met": value >= mark if compare == ">=" else value < mark,
        }
        for what, value, compare, mark in lines
    ]


def tables(found: dict[str, Any]) -> list[Table]:
    """The figures of `measure`, for people."""
    channels = Table(title="Notices a second (± half of worst to best); ms: processor of a notice")
    for name in ("channel", "sender alone", "with the ledger", "ratio", "workers ms", "PostgreSQL ms"):
        channels.add_column(name, justify="right")
    for channel, line in found["channels"].items():
        rates = (
            f"{line[who]['median']:,.0f} ± {line[who]['spread_percent']:.0f} %"
            for who in ("baseline", "ours")
        )
        costs = (f"{line[of]:.2f}" for of in ("workers_ms_per_notice", "postgresql_ms_per_notice"))
        channels.add_row(channel, *rates, f"{line['ratio']:.2f}", *costs)
    waiting = _row_table("From the result to its notice, by e-mail", found["waiting"])
    digests = Table(title=f"A weekly digest, {RESULTS_EACH} results each")
    for name in (
        "patients",
        "seconds",
        "a second",
        "workers ms",
        "PostgreSQL ms",
        "MiB before",
        "MiB at most",
    ):
        digests.add_column(name, justify="right")
    for line in found["digests"].values():
        digests.add_row(
            f"{line['patients']:,}",
            f"{line['seconds']:,.0f}",
            f"{line['digests_per_second']:,.0f}",
            f"{line['workers_ms_per_digest']:.2f}",
            f"{line['postgresql_ms_per_digest']:.2f}",
            f"{line['memory_before_mib']:.0f}",
            f"{line['memory_peak_mib']:.0f}",
        )
    targets = Table(title="Targets")
    for name in ("what", "measured", "wanted", ""):
        targets.add_column(name)
    for target in found["targets"]:
        word = "[green]met[/]" if target["is_met"] else "[red]missed[/]"
        targets.add_row(target["what"], f"{target['value']:,.0f}", target["wanted"], word)
    return [channels, waiting, digests, targets]


def _row_table(title: str, line: dict[str, Any]) -> Table:
    table = Table(title=title)
    for name in line:
        table.add_column(name.replace("_", " "), justify="right")
    table.add_row(*(f"{value:,.0f}" for value in line.values()))
    return table
