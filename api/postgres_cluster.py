"""One PostgreSQL cluster on disk: how it is made, with which settings it runs, which process runs it."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from api.postgres_account import Account

PORT = 5432  # only names the socket file: nothing listens on the network

# The 0700 folder of the socket is the guard: who can open the socket is the owner of the data already.
ACCESS_RULES = "local all all trust\nlocal replication all trust\n"

# Given on the command line, so that an old folder or an edited file cannot weaken them.
SETTINGS = {
    "listen_addresses": "",
    "port": str(PORT),
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "shared_buffers": "256MB",
    "max_connections": "120",
    "max_wal_size": "2GB",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # Neither statements nor the DETAIL of a violated key may bring personal data into the log.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}

# lc-ctype serves pg_trgm, which under plain C sees no Cyrillic letters at all.
INITDB_OPTIONS = (
    "--username=postgres",
    "--auth=trust",
    "--encoding=UTF8",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--locale=C",
    "--lc-ctype=C.UTF-8",
    "--data-checksums",
    "--no-instructions",
)


def create_cluster(account: Account, server_lock: int, log: int) -> bool:
    """Make the cluster beside its place, then rename it, so that a kill never leaves half of one there."""
    unfinished = account.cluster.with_name("cluster.unfinished")
    if unfinished.exists():
        shutil.rmtree(unfinished)
    command = account.command("initdb", "-D", str(unfinished), *INITDB_OPTIONS)
    if account.run(command, {}, server_lock, log) != 0:
        return False
    (unfinished / "pg_hba.conf").write_text(ACCESS_RULES)
    unfinished.rename(account.cluster)
    parent = os.open(account.cluster.parent, os.O_RDONLY)
    try:
        os.fsync(parent)  # the new name must survive a power cut as the data does
    finally:
        os.close(parent)
    return True


def start_postmaster(
    account: Account, socket_folder: Path, server_lock: int, log: int, *, settings: Mapping[str, str]
) -> None:
    environment = {}
    stale_pid = recorded_pid(account.cluster)
    if stale_pid and postmaster(account.cluster) is None:
        # After a crash another program may have got the old pid, and PostgreSQL would refuse to start. Naming
        # the pid as its own ancestor (as pg_ctl does) makes it go on to its check of shared memory.
        environment["PG_GRANDPARENT_PID"] = str(stale_pid)
    chosen = {**settings, **SETTINGS, "unix_socket_directories": str(socket_folder)}
    options = [f"--{name}={value}" for name, value in chosen.items()]
    command = account.command("postgres", "-D", str(account.cluster), *options)
    # `&` gives the server to init: it outlives us, and leaves no zombie that would look alive.
    account.run(["/bin/sh", "-c", '"$@" &', "sh", *command], environment, server_lock, log)


def recorded_pid(cluster: Path) -> int:
    """Return the pid in postmaster.pid, 0 without one; a single-user server writes its own as a negative."""
    try:
        return abs(int((cluster / "postmaster.pid").read_text().split("\n", 1)[0]))
    except (FileNotFoundError, ValueError):
        return 0


def postmaster(cluster: Path) -> int | None:
    """Return the recorded pid if a postmaster of this cluster has it, not a stranger to whom it passed."""
    recorded = recorded_pid(cluster)
    try:
        # Not /proc/pid/cwd: to read that of `nobody` takes a right that containers withhold from root.
        arguments = Path(f"/proc/{recorded}/cmdline").read_bytes().split(b"\0")
    except (FileNotFoundError, ProcessLookupError):
        return None
    return recorded if os.fsencode(cluster) in arguments else None
