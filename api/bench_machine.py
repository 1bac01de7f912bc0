"""What the benchmark ran on, and where processor time went: this process or PostgreSQL's."""

import os
import platform
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import psycopg

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Spread:
    """Several rounds of one measurement: single ones mislead on a machine that others use too."""

    rounds: tuple[float, ...]

    @property
    def median(self) -> float:
        return median(self.rounds)

    @property
    def percent(self) -> float:
        """Half of the way between the worst and the best round, in percent of the median."""
        return 50 * (max(self.rounds) - min(self.rounds)) / self.median

    def figures(self) -> dict[str, object]:
        return {"median": self.median, "spread_percent": self.percent, "rounds": list(self.rounds)}


def spread(rounds: Sequence[float]) -> Spread:
    return Spread(tuple(rounds))


def facts(conninfo: str) -> dict[str, object]:
    """The machine, the programs, the settings that a figure depends on, and the day."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        row = connection.execute(
            "SELECT current_setting('server_version'), current_setting('fsync'),"
            " current_setting('synchronous_commit'), current_setting('shared_buffers')"
        ).fetchone()
    assert row is not None
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "cores": len(os.sched_getaffinity(0)),
        "processor": _first_after(Path("/proc/cpuinfo"), "model name") or platform.machine(),
        "memory_mib": int((_first_after(Path("/proc/meminfo"), "MemTotal") or "0 kB").split()[0]) // 1024,
        "load_before": os.getloadavg()[0],
        "python": platform.python_version(),
        "postgresql": row[0],
        "psycopg": f"{psycopg.__version__} ({psycopg.pq.__impl__})",
        "fsync": row[1],
        "synchronous_commit": row[2],
        "shared_buffers": row[3],
    }


def _first_after(file: Path, word: str) -> str | None:
    lines = (line.partition(":") for line in file.read_text().splitlines())
    return next((said.strip() for name, _, said in lines if name.strip() == word), None)


@dataclass(frozen=True, slots=True)
class Shares:
    """Seconds of one piece of work: by the clock, on the processor in Python (cryptography included),
    and on the processor in PostgreSQL. The two may add up to more than the clock: they run side by side."""

    wall: float
    python: float
    postgresql: float


class Clock:
    """Measures one piece of work in this process and in all processes of one server."""

    def __init__(self, conninfo: str) -> None:
        with psycopg.connect(conninfo, autocommit=True) as connection:
            self._postmaster = _parent(connection.info.backend_pid)
        self._start = self._now()

    def _now(self) -> Shares:
        return Shares(time.perf_counter(), time.process_time(), seconds_of_family(self._postmaster))

    def restart(self) -> None:
        self._start = self._now()

    def read(self) -> Shares:
        now = self._now()
        return Shares(
            now.wall - self._start.wall,
            now.python - self._start.python,
            now.postgresql - self._start.postgresql,
        )


def seconds_of_family(parent: int) -> float:
    """Processor seconds of a server and its children, those that ended included: the kernel adds a child that was waited
    for to its parent (proc_pid_stat(5), fields 14 to 17)."""
    ticks = 0
    for folder in Path("/proc").glob("[0-9]*"):
        found = _stat(int(folder.name))
        if found and (parent in (int(folder.name), int(found[1]))):
            ticks += sum(map(int, found[11:15]))
    return ticks / TICKS_PER_SECOND


def _parent(pid: int) -> int:
    return int(_stat(pid)[1])


def _stat(pid: int) -> list[str]:
    """The fields from the third on; the second, the name, may have spaces. Empty if it has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []
