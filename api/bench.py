"""The benchmark: ratios measured in one run, on a server of its own, every commit durable.

Absolute figures belong to a machine and a moment; a ratio to a baseline that ran in between does not.
"""

import argparse
import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
from psycopg.sql import SQL, Identifier
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from api import bench_append, bench_intake, bench_replay
from api.bench_events import Day
from api.bench_machine import facts, spread
from api.bench_replay import History
from api.embedded_postgres import EmbeddedPostgres
from api.migrate import migrate
from ledger import custody
from ledger.store import Ledger

ORIGIN = "bench.letopis.example/log"
SIZES = (20_000, 200_000, 1_000_000)
QUICK_SIZES = (4_000, 20_000)
# The growing database is the mixed one. Reports alone, which is all decryption, are kept to this many.
REPORTS_ONLY_MAX = 200_000


class Target(NamedTuple):
    """What is promised: where its figure is found, and what it must be."""

    what: str
    path: tuple[str, ...]
    compare: str
    wanted: float
    unit: str


TARGETS = tuple(
    Target(*line)
    for line in (
        ("recorder, 16 callers", ("append", "16", "recorder_ratio"), ">=", 8.0, "x the library"),
        ("recorder, 1 caller", ("append", "1", "recorder_ratio"), ">=", 1.5, "x the library"),
        ("recorder, calls of 1000", ("bulk", "recorder_ratio"), ">=", 0.5, "x a bare COPY"),
        ("whole append, 16 callers", ("append", "16", "ratio"), ">=", 8.0, "x the library"),
        ("whole append, 1 caller", ("append", "1", "ratio"), ">=", 1.5, "x the library"),
        ("whole append, calls of 1000", ("bulk", "ratio"), ">=", 0.5, "x a bare COPY"),
        ("rebuild, mixed", ("rebuild_mixed", "events_per_second", "median"), ">=", 15_000, "events/s"),
        ("rebuild, reports", ("rebuild_reports", "events_per_second", "median"), ">=", 15_000, "events/s"),
        ("verify, mixed", ("verify_mixed", "events_per_second", "median"), ">=", 100_000, "events/s"),
        ("verify, reports", ("verify_reports", "events_per_second", "median"), ">=", 100_000, "events/s"),
        ("intake, 16 clients", ("intake", "16", "ours", "median"), ">=", 250, "reports/s"),
        ("intake, batches", ("intake", "batch", "ours", "median"), ">=", 600, "reports/s"),
        ("growth of append", ("growth", "append_percent"), "<", 20, "% an event"),
        ("growth of rebuild", ("growth", "rebuild_percent"), "<", 20, "% an event"),
        ("growth of verify", ("growth", "verify_percent"), "<", 20, "% an event"),
    )
)


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is done: calls in a round, events in a round of bulk, rounds, rounds of reading, and intake."""

    calls: int
    bulk_events: int
    rounds: int
    reading_rounds: int
    intake: bench_intake.Effort


THOROUGH = Effort(
    calls=800,
    bulk_events=10_000,
    rounds=7,
    reading_rounds=3,
    intake=bench_intake.Effort(patients=200, submissions=600, batches=60, rounds=5),
)
QUICK = Effort(
    calls=160,
    bulk_events=2_000,
    rounds=3,
    reading_rounds=2,
    intake=bench_intake.Effort(patients=50, submissions=80, batches=4, rounds=2),
)


def run(*, events: list[int], quick: bool, out: Console, intake_only: bool = False) -> dict[str, Any]:
    """Measure everything at these sizes (in events, growing), print it, and return it."""
    sizes = events or (QUICK_SIZES if quick else SIZES)
    effort = QUICK if quick else THOROUGH
    found = (
        measure_intake(effort.intake, out) if intake_only else measure(events=sizes, effort=effort, out=out)
    )
    return {"quick": quick} | found


def measure_intake(effort: bench_intake.Effort, out: Console) -> dict[str, Any]:
    """The intake alone."""
    with (
        tempfile.TemporaryDirectory(prefix="letopis-bench-") as folder,
        EmbeddedPostgres(Path(folder) / "postgres") as server,
        _progress(out) as progress,
    ):
        found = {"machine": facts(server.url)} | _intake(Path(folder), effort, progress)
    found["targets"] = [_target(found, target) for target in TARGETS if target.path[0] == "intake"]
    _print_machine(found, out)
    out.print(*bench_intake.tables(found["intake"]), sep="\n")
    _print_targets(found, out)
    return found


def _intake(home: Path, effort: bench_intake.Effort, progress: Progress) -> dict[str, Any]:
    task = progress.add_task("intake", total=bench_intake.STEPS)
    return {"intake": bench_intake.measure(home, effort, seen=lambda: progress.advance(task))}


def measure(*, events: Sequence[int], effort: Effort, out: Console) -> dict[str, Any]:
    """As `run`, with as much effort as is said."""
    sizes = sorted(set(events))
    with (
        tempfile.TemporaryDirectory(prefix="letopis-bench-") as folder,
        EmbeddedPostgres(Path(folder) / "postgres") as server,
    ):
        found: dict[str, Any] = {"machine": facts(server.url), "sizes": sizes}
        with _progress(out) as progress:
            bench = _Bench(server, Path(folder), effort, progress)
            found |= bench.append()
            found |= _intake(Path(folder), effort.intake, progress)
            found |= bench.reports_only(min(sizes[-1], REPORTS_ONLY_MAX))
            found |= bench.growth(sizes)
    found["targets"] = [_target(found, target) for target in TARGETS]
    _print(found, out)
    return found


@dataclass(frozen=True, slots=True)
class _Bench:
    """One run: a server, a folder for secrets, and how much is done."""

    server: EmbeddedPostgres
    folder: Path
    effort: Effort
    progress: Progress

    def append(self) -> dict[str, Any]:
        history = self._database("append", is_mixed=False)
        step = self._steps("append", len(bench_append.CALLERS) + 1)
        with history.ledger() as ledger:
            return {
                "append": bench_append.one_event_a_call(
                    ledger, history.conninfo, calls=self.effort.calls, rounds=self.effort.rounds, seen=step
                ),
                "bulk": bench_append.many_events_a_call(
                    ledger,
                    history.conninfo,
                    events=self.effort.bulk_events,
                    rounds=self.effort.rounds,
                    seen=step,
                ),
            }

    def reports_only(self, size: int) -> dict[str, Any]:
        history = self._database("reports", is_mixed=False)
        bench_replay.fill(history, size, seen=self._seen("fill with reports", size))
        return self._read(history, size, "reports")

    def growth(self, sizes: Sequence[int]) -> dict[str, Any]:
        """One database, measured at each size on its way."""
        history = self._database("mixed", is_mixed=True)
        at: dict[str, dict[str, Any]] = {}
        for size in sizes:
            bench_replay.fill(history, size, seen=self._seen(f"fill to {size:,}", size))
            at[str(size)] = self._read(history, size, "mixed") | {"append_16": self._append_rate(size)}
        last = at[str(sizes[-1])]
        return {
            "at": at,
            "rebuild_mixed": last["rebuild_mixed"],
            "verify_mixed": last["verify_mixed"],
            "growth": _growth(at[str(sizes[0])], last),
        }

    def _append_rate(self, size: int) -> dict[str, object]:
        """Appends to a copy of the mixed database: in it they would change the mix that the next size is
        read with."""
        with psycopg.connect(self.server.url, autocommit=True) as connection:
            connection.execute("CREATE DATABASE grown TEMPLATE mixed STRATEGY file_copy")
            with Ledger(
                self.server.url_of("grown"), custody.load(self.folder / "mixed" / "secrets")
            ) as ledger:
                day = Day(ledger, seed=size)
                calls = max(self.effort.calls // 4, 4)
                rates = [
                    bench_append.append_rate(ledger, day, callers=16, calls=calls)
                    for _ in range(self.effort.rounds + 1)
                ]
            connection.execute("DROP DATABASE grown WITH (FORCE)")
        return spread(rates[1:]).figures()

    def _read(self, history: History, size: int, name: str) -> dict[str, Any]:
        rounds = self.effort.reading_rounds
        return {
            f"rebuild_{name}": bench_replay.measure_rebuild(
                history, rounds=rounds, seen=self._seen(f"rebuild {size:,} {name}", size)
            ),
            f"verify_{name}": bench_replay.measure_verify(
                history, rounds=rounds, seen=self._seen(f"verify {size:,} {name}", size)
            ),
        }

    def _database(self, name: str, *, is_mixed: bool) -> History:
        """A fresh log, with secrets of its own: secrets remember what was signed with them."""
        with psycopg.connect(self.server.url, autocommit=True) as connection:
            connection.execute(SQL("CREATE DATABASE {}").format(Identifier(name)))
        custody.create(self.folder / name / "secrets")
        secrets = custody.load(self.folder / name / "secrets")
        migrate(self.server.url_of(name), origin=ORIGIN, fingerprint=secrets.fingerprint)
        return History(self.server.url_of(name), secrets, is_mixed)

    def _steps(self, words: str, total: int) -> Callable[[], None]:
        task = self.progress.add_task(words, total=total)
        return lambda: self.progress.advance(task)

    def _seen(self, words: str, total: int) -> Callable[[int], None]:
        task = self.progress.add_task(words, total=total)
        return lambda done: self.progress.update(task, completed=done)


def _growth(first: dict[str, Any], last: dict[str, Any]) -> dict[str, float]:
    """By how many percent the cost of one event is higher at the last size than at the first."""

    def percent(name: str) -> float:
        return 100 * float(last[name]["microseconds_per_event"] / first[name]["microseconds_per_event"] - 1)

    return {
        "append_percent": 100 * (first["append_16"]["median"] / last["append_16"]["median"] - 1),
        "rebuild_percent": percent("rebuild_mixed"),
        "verify_percent": percent("verify_mixed"),
    }


def _target(found: dict[str, Any], target: Target) -> dict[str, Any]:
    value: Any = found
    for key in target.path:
        value = value[key]
    is_met = value >= target.wanted if target.compare == ">=" else value < target.wanted
    return {
        "what": target.what,
        "value": float(value),
        "unit": target.unit,
        "wanted": f"{target.compare} {target.wanted:,g}",
        "is_met": is_met,
    }


# Showing.


def _progress(out: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), console=out, transient=True
    )


def _print(found: dict[str, Any], out: Console) -> None:
    _print_machine(found, out)
    out.print(_rates(found), _readings(found), *bench_intake.tables(found["intake"]), sep="\n")
    _print_targets(found, out)


def _print_machine(found: dict[str, Any], out: Console) -> None:
    for name, value in found["machine"].items():
        out.print(f"{name.replace('_', ' '):>20}  {value}", highlight=False)


def _print_targets(found: dict[str, Any], out: Console) -> None:
    table = Table(title="Targets")
    for column in ("what", "measured", "wanted", ""):
        table.add_column(column, justify="left" if column in {"what", ""} else "right")
    for target in found["targets"]:
        word = "[green]met[/]" if target["is_met"] else "[red]missed[/]"
        table.add_row(target["what"], f"{target['value']:,.2f} {target['unit']}", target["wanted"], word)
    out.print(table)


def _rates(found: dict[str, Any]) -> Table:
    table = Table(title="Append, events/s (median, ± half of the way from worst to best)")
    for name in ("callers", "baseline", "recorder", "ratio", "whole append", "ratio"):
        table.add_column(name, justify="right")
    for words, figures in [*found["append"].items(), ("calls of 1000", found["bulk"])]:
        table.add_row(
            words,
            _rate(figures["baseline"]),
            _rate(figures["recorder"]),
            f"{figures['recorder_ratio']:.2f}",
            _rate(figures["ours"]),
            f"{figures['ratio']:.2f}",
        )
    return table


def _readings(found: dict[str, Any]) -> Table:
    table = Table(
        title="Reading; shares of the clock: Python, cryptography (reckoned), PostgreSQL, Python waits"
    )
    for column in ("what", "events", "events/s", "µs/event", "Python", "crypto", "PostgreSQL", "waits"):
        table.add_column(column, justify="right")
    readings = {"reports": {name: found[name] for name in ("rebuild_reports", "verify_reports")}} | found[
        "at"
    ]
    for size in readings.values():
        for name, figures in size.items():
            if "events_per_second" not in figures:
                table.add_row("append, 16 callers", "", _rate(figures), f"{1e6 / figures['median']:.0f}")
                continue
            shares = [f"{100 * share:.0f} %" for share in figures["share_of_wall"].values()]
            words, rate = name.replace("_", ", "), _rate(figures["events_per_second"])
            cost = f"{figures['microseconds_per_event']:.1f}"
            table.add_row(words, f"{figures['events']:,}", rate, cost, *shares)
    return table


def _rate(figures: dict[str, Any]) -> str:
    return f"{figures['median']:,.0f} ± {figures['spread_percent']:.0f} %"


def main(arguments: Sequence[str] | None = None) -> int:
    """The benchmark by itself; 1 if a target is missed."""
    parser = argparse.ArgumentParser(prog="letopis bench", description=__doc__)
    parser.add_argument("--events", type=int, nargs="+", default=[], help="sizes to measure, growing")
    parser.add_argument("--quick", action="store_true", help="small sizes and few rounds")
    parser.add_argument("--intake", action="store_true", help="the intake alone")
    parser.add_argument("--json", type=Path, help="write everything to this file")
    chosen = parser.parse_args(arguments)
    found = run(events=chosen.events, quick=chosen.quick, out=Console(), intake_only=chosen.intake)
    if chosen.json is not None:
        chosen.json.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    return 0 if all(target["is_met"] for target in found["targets"]) else 1


if __name__ == "__main__":
    raise SystemExit(main())
