"""The intake: envelopes through HTTP into a server of several processes, every commit durable; and where the
processor time of one report goes.

The baseline, in alternating rounds, is what the database does with the same bytes: one INSERT and one commit
an envelope, as many connections as there are clients.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from socket import create_connection, create_server
from threading import Thread
from typing import Any

import psycopg
from rich.table import Table

from api.bench_load import Load, post_all
from api.bench_machine import Clock, seconds_of_family, spread
from api.bench_reports import REPORTS_IN_A_BATCH, Inputs, inputs
from api.envelope import unseal, verify
from api.fhir.reading import reports_in
from api.intake import submit
from api.json_content import parse_json
from api.node import node
from api.settings import Settings

CLIENTS = (1, 16)
BATCH_CLIENTS = 4
PROCESSES = 2
START_SECONDS = 60.0
_BARE_TABLE = """
CREATE TABLE IF NOT EXISTS public.envelopes (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, sealed bytea);
ALTER TABLE public.envelopes ALTER COLUMN sealed SET STORAGE EXTERNAL;
"""


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is done: patients, submissions of one report in a round, batches in a round, rounds."""

    patients: int
    submissions: int
    batches: int
    rounds: int


def measure(home: Path, effort: Effort, *, seen: Callable[[], None]) -> dict[str, Any]:
    """Everything, on an embedded server under `home`. `seen` is called `steps` times."""
    with create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    settings = Settings(home=home, port=port, public_url=url).model_copy(update={"database_url": None})
    with node(settings) as opened:
        made = inputs(opened, effort.patients)
        found: dict[str, Any] = {"shares": _shares(made, max(effort.submissions // 4, 10))}
        seen()
        with psycopg.connect(opened.conninfo, autocommit=True) as connection:
            connection.execute(_BARE_TABLE)
        with served(settings) as server:
            for clients in CLIENTS:
                count = effort.submissions * (1 if clients == 1 else 2)
                found[str(clients)] = _measured(
                    made, server, count, reports=1, clients=clients, rounds=effort.rounds
                )
                seen()
            found["batch"] = _measured(
                made,
                server,
                effort.batches,
                reports=REPORTS_IN_A_BATCH,
                clients=BATCH_CLIENTS,
                rounds=effort.rounds,
            )
            seen()
    return found


STEPS = len(CLIENTS) + 2


# Through HTTP.


def _measured(
    made: Inputs, server: int, count: int, *, reports: int, clients: int, rounds: int
) -> dict[str, Any]:
    """The first round warms up, and does not count."""
    settings, conninfo = made.opened.settings, made.opened.conninfo
    clock = Clock(conninfo)
    loads: list[Load] = []
    baselines: list[float] = []
    database = served = 0.0
    for _ in range(rounds + 1):
        envelopes = made.submissions(count, reports=reports)
        baselines.append(reports * _bare_rate(conninfo, envelopes, clients))
        clock.restart()
        before = seconds_of_family(server)
        loads.append(post_all(settings.host, settings.port, envelopes, clients=clients))
        database += clock.read().postgresql
        served += seconds_of_family(server) - before
    loads, rates = loads[1:], spread(baselines[1:])
    ours = spread([reports * count / load.seconds for load in loads])
    whole = Load(0.0, tuple(one for load in loads for one in load.latencies), 0.0)
    return {
        "clients": clients,
        "reports_per_submission": reports,
        "baseline": rates.figures(),
        "ours": ours.figures(),
        "ratio": ours.median / rates.median,
        "p50_ms": 1000 * whole.percentile(50),
        "p99_ms": 1000 * whole.percentile(99),
        "client_share": sum(load.client_seconds for load in loads) / sum(load.seconds for load in loads),
        "server_ms_per_report": 1000 * served / (reports * count * (rounds + 1)),
        "postgresql_ms_per_report": 1000 * database / (reports * count * (rounds + 1)),
    }


def _bare_rate(conninfo: str, envelopes: Sequence[bytes], clients: int) -> float:
    """Envelopes a second that the database takes as rows, each committed by itself."""

    def insert(connection: psycopg.Connection[Any], mine: Sequence[bytes]) -> None:
        for envelope in mine:
            connection.execute("INSERT INTO public.envelopes (sealed) VALUES (%b)", (envelope,))

    with ExitStack() as stack:
        connections = [
            stack.enter_context(psycopg.connect(conninfo, autocommit=True)) for _ in range(clients)
        ]
        threads = [
            Thread(target=insert, args=(connection, envelopes[number::clients]))
            for number, connection in enumerate(connections)
        ]
        start = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        rate = len(envelopes) / (time.perf_counter() - start)
        connections[0].execute("TRUNCATE public.envelopes")
    return rate


@contextmanager
def served(settings: Settings, more: Mapping[str, str] | None = None) -> Iterator[int]:
    """`letopis serve` as in production, in processes of its own, with these and more settings; the pid of the
    first."""
    chosen = {
        "LETOPIS_HOME": str(settings.home),
        "LETOPIS_PORT": str(settings.port),
        "LETOPIS_PUBLIC_URL": settings.public_url,
    } | dict(more or {})
    ours = ("LETOPIS_", "DATABASE_URL")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(ours)} | chosen
    command = [sys.executable, "-m", "api", "serve", "--processes", str(PROCESSES)]
    with (settings.home / "serve.log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stderr=log)
    try:
        _wait(process, settings)
        yield process.pid
    finally:
        process.terminate()
        process.wait(timeout=60)


def _wait(process: "subprocess.Popen[bytes]", settings: Settings) -> None:
    give_up = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < give_up:
        try:
            create_connection((settings.host, settings.port), timeout=5).close()
        except OSError:
            time.sleep(0.05)
        else:
            time.sleep(2)  # the other process is a moment behind
            return
    message = f"the server does not start: {(settings.home / 'serve.log').read_text()}"
    raise TimeoutError(message)


# Showing.


def tables(found: dict[str, Any]) -> list[Table]:
    """The figures of `measure`, for people."""
    rates = Table(
        title="Intake through HTTP, reports/s (± half of worst to best); ms: p50, p99, processor a report"
    )
    columns = (
        "clients",
        "batch",
        "rows alone",
        "intake",
        "ratio",
        "p50 ms",
        "p99 ms",
        "server",
        "PostgreSQL",
    )
    for name in columns:
        rates.add_column(name, justify="right", no_wrap=True)
    for line in (found[name] for name in (*map(str, CLIENTS), "batch")):
        rates.add_row(
            str(line["clients"]),
            str(line["reports_per_submission"]),
            *(
                f"{line[who]['median']:,.0f} ± {line[who]['spread_percent']:.0f} %"
                for who in ("baseline", "ours")
            ),
            f"{line['ratio']:.2f}",
            *(f"{line[name]:.1f}" for name in ("p50_ms", "p99_ms")),
            *(f"{line[name]:.1f}" for name in ("server_ms_per_report", "postgresql_ms_per_report")),
        )
    costs = Table(title="Processor time of one report, without HTTP")
    for name in ("of", "ms", "share"):
        costs.add_column(name, justify="left" if name == "of" else "right")
    for name, milliseconds in found["shares"]["milliseconds"].items():
        share = found["shares"]["shares"].get(name)
        costs.add_row(name, f"{milliseconds:.2f}", f"{100 * share:.0f} %" if share is not None else "")
    return [rates, costs]


# In this process.


def _shares(made: Inputs, count: int) -> dict[str, Any]:
    """Processor milliseconds of one report, by what they are spent on, in a process that does nothing else."""
    opened = made.opened
    for envelope in made.submissions(10):
        submit(opened, envelope)
    contents = [made.content() for _ in range(count)]
    envelopes = made.submissions(count)
    keys = {opened.intake_key.thumbprint(): opened.intake_key}
    limit = opened.settings.submission_limit_bytes
    jose = _cost(lambda envelope: _opened(made, keys, limit, envelope), envelopes)
    parsing = _cost(parse_json, contents)
    mapping = _cost(reports_in, [parse_json(content) for content in contents])
    clock = Clock(opened.conninfo)
    whole = _cost(lambda envelope: submit(opened, envelope), envelopes)
    database = 1000 * clock.read().postgresql / count
    parts = {"jose": jose, "parsing": parsing, "mapping": mapping, "ledger": whole - jose - parsing - mapping}
    return {
        "milliseconds": parts | {"whole": whole, "postgresql": database},
        "shares": {name: part / whole for name, part in parts.items()},
    }


def _opened(made: Inputs, keys: dict[str, Any], limit: int, envelope: bytes) -> None:
    signed = unseal(envelope, recipient_keys=keys, size_limit=limit)
    settings = made.opened.settings
    verify(
        signed,
        key=made.sender.key,
        issuer=made.sender.handle,
        audience=settings.public_url,
        now=signed.issued_at,
    )


def _cost(act: Callable[[Any], object], items: Sequence[Any]) -> float:
    start = time.process_time()
    for item in items:
        act(item)
    return 1000 * (time.process_time() - start) / len(items)
