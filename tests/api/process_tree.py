"""Processes by their parents, and PostgreSQL killed with all of its own."""

import os
import signal
from contextlib import suppress
from pathlib import Path
from time import monotonic, sleep

from api.postgres_cluster import postmaster


def children_of(parent: int) -> list[int]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, ValueError):
            # After the name in brackets: state, then the parent.
            if int((folder / "stat").read_text().rpartition(")")[2].split()[1]) == parent:
                found.append(int(folder.name))
    return found


def kill_postgres(home: Path) -> None:
    """The postmaster and every child of it, with no chance to write anything more. A server that was just started may
    answer before its PostgreSQL is there: that is waited for."""
    cluster, give_up = (home / "postgres" / "cluster").resolve(), monotonic() + 30
    while (found := postmaster(cluster)) is None:
        assert monotonic() < give_up, "there is no PostgreSQL to kill"
        sleep(0.01)
    for pid in (found, *children_of(found)):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
