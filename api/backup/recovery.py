"""Recovery: a cluster laid out from a base backup, brought forward by the archive of WAL, and looked at before it lives.

It runs as a standby without a master: PostgreSQL replays whatever the archive has and then waits, readable. So it can be
asked how far the ledger came before it is promoted; what was promoted can't be brought forward any more.
"""

import os
import shlex
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from api.backup.folder import Backup, BackupFolder
from api.embedded_postgres import EmbeddedPostgres

MARK = "# letopis restore\n"
POLL_SECONDS = 0.2
# How long PostgreSQL must have found nothing new before that counts as the end of the archive.
QUIET_SECONDS = 2.0


class NoWayBackError(Exception):
    """The backup already holds what came after that: choose an older one."""


@dataclass(frozen=True, slots=True)
class Recovery:
    """A restored cluster under `home` (the folder of an embedded PostgreSQL). `more_wal` is a second place that has
    WAL as PostgreSQL writes it: the `pg_wal` of a lost cluster has the end that was not archived yet."""

    home: Path
    folder: BackupFolder
    more_wal: Path | None = None
    target: Mapping[str, str] = field(default_factory=dict)

    @property
    def cluster(self) -> Path:
        return self.home / "cluster"

    @property
    def _asked(self) -> Path:
        """The names of the segments that were asked for, in order."""
        return self.home / "wal-asked"

    def lay_out(self, backup: Backup) -> None:
        """Copied beside, then renamed: half a cluster never stands in its place."""
        self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        unfinished = self.home / "cluster.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        shutil.copytree(self.folder.base(backup.backup_id), unfinished, symlinks=True)
        os.sync()
        unfinished.rename(self.cluster)

    def configure(self) -> None:
        """Say where WAL comes from and how far to go; what an earlier run said is forgotten."""
        self.forget()
        settings = {
            "restore_command": self._restore_command(),
            "wal_retrieve_retry_interval": "500ms",
            "hot_standby": "on",
            "recovery_target_action": "pause",
            **self.target,
        }
        quoted = {name: value.replace("'", "''") for name, value in settings.items()}
        with (self.cluster / "postgresql.auto.conf").open("a") as file:
            file.write(MARK + "".join(f"{name} = '{value}'\n" for name, value in quoted.items()))
        (self.cluster / "standby.signal").touch()
        self._asked.unlink(missing_ok=True)

    def forget(self) -> None:
        """Nothing of the recovery stays in a cluster that lives."""
        path = self.cluster / "postgresql.auto.conf"
        path.write_text(path.read_text().partition(MARK)[0])

    @contextmanager
    def running(self, settings: Mapping[str, str]) -> Iterator[str]:
        """The cluster, started; its conninfo."""
        with EmbeddedPostgres(self.home, settings) as server:
            yield server.url

    def reach_end(self, conninfo: str, seen: Callable[[str], None] = lambda _: None) -> None:
        """Wait until all that can be replayed was: the same segment is asked for again and again, and nothing moves. It
        may be there, and end in the middle."""
        last, since, asked_then = "", time.monotonic(), 0
        with psycopg.connect(conninfo, autocommit=True) as connection:
            while True:
                row = connection.execute(
                    "SELECT pg_last_wal_replay_lsn()::text, pg_get_wal_replay_pause_state()"
                ).fetchone()
                assert row is not None
                if row[1] == "paused":
                    return
                asked = self._asked.read_text().split() if self._asked.exists() else []
                if row[0] != last:
                    last, since, asked_then = row[0], time.monotonic(), len(asked)
                    seen(f"WAL replayed to {last}")
                elif time.monotonic() - since > QUIET_SECONDS and _repeats(asked[asked_then:]):
                    return
                time.sleep(POLL_SECONDS)

    def promote(self, conninfo: str) -> None:
        """From here on it lives, on a timeline of its own."""
        with psycopg.connect(conninfo, autocommit=True) as connection:
            connection.execute("SELECT pg_promote(true, 600)")
        self.forget()
        self._asked.unlink(missing_ok=True)

    def _restore_command(self) -> str:
        wal = shlex.quote(str(self.folder.wal)).replace("%", "%%")
        asked = shlex.quote(str(self._asked)).replace("%", "%%")
        other = ""
        if self.more_wal is not None:
            more = shlex.quote(str(self.more_wal)).replace("%", "%%")
            other = f" elif test -e {more}/%f; then cp {more}/%f %p;"
        # Timelines are asked for in vain all the time; they say nothing of the end.
        note = f"case %f in *.history) ;; *) echo %f >> {asked} ;; esac"
        return f"{note}; if test -e {wal}/%f.gz; then gzip -dc {wal}/%f.gz > %p;{other} else exit 1; fi"


def _repeats(asked: list[str]) -> bool:
    return len(asked) > 1 and asked[-1] == asked[-2]
