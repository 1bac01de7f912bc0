"""Taking a base backup, by PostgreSQL's own program and checked by its own."""

import hashlib
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import psycopg

from api.backup.folder import Backup, BackupFolder
from api.embedded_postgres import binaries
from api.node import Node
from domain.backup import BackupTaken
from ledger import key_epochs
from ledger.codec import Circumstances
from ledger.commands import decide_again
from ledger.store import Write
from projections import transparency


class BackupRefusedError(Exception):
    """PostgreSQL does not give a base backup."""


def take(node: Node, folder: BackupFolder, *, by: Circumstances) -> Backup:
    """A base backup of the whole server, verified against its manifest, then recorded."""
    ledger = node.ledger
    folder.create()
    for cut in list(folder.cut_short()):
        folder.remove(cut)
    segment, version = _require_rights(node.conninfo)
    # Looked at before: whatever comes meanwhile may be in the copy too.
    epochs = key_epochs.living(ledger)
    signed = transparency.latest(ledger)
    position, backup_id = ledger.last_position(), uuid4()
    base = folder.base(backup_id)
    _run(
        "pg_basebackup",
        "--pgdata",
        str(base),
        "--checkpoint=fast",
        "--wal-method=stream",
        "--no-password",
        "--manifest-checksums=SHA256",
        "--dbname",
        node.conninfo,
    )
    check(base, version=version)
    backup = Backup(
        backup_id=backup_id,
        origin=ledger.origin,
        taken_at=datetime.now(UTC),
        position=position,
        tree_size=signed.tree_size if signed else 0,
        epochs=epochs,
        manifest_sha256=hashlib.sha256((base / "backup_manifest").read_bytes()).hexdigest(),
        segment=segment,
        server_version=version,
    )
    folder.write(backup)
    _record(node, backup, by)
    return backup


def check(base: Path, *, version: int) -> None:
    """Every file against the manifest; the WAL that is inside too, if our program knows its form."""
    ours = _major_of_ours()
    _run("pg_verifybackup", *(() if version // 10000 == ours else ("--no-parse-wal",)), str(base))


def _require_rights(conninfo: str) -> tuple[str, int]:
    """The segment that is written now, and the server's version. Says what is missing for a base backup."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        row = connection.execute(
            "SELECT pg_walfile_name(pg_current_wal_lsn()), current_setting('server_version_num')::int,"
            " rolreplication OR rolsuper, current_setting('max_wal_senders')::int"
            " FROM pg_roles WHERE rolname = current_user"
        ).fetchone()
    assert row is not None
    segment, version, may_replicate, senders = row
    if version // 10000 > _major_of_ours():
        raise BackupRefusedError(
            f"the server is PostgreSQL {version // 10000}, and newer than pg_basebackup here"
        )
    if not may_replicate:
        raise BackupRefusedError(
            "the user of DATABASE_URL needs the attribute REPLICATION (ALTER ROLE … REPLICATION)"
        )
    if senders < 2:
        raise BackupRefusedError("the server needs max_wal_senders of 2 or more")
    return str(segment), int(version)


def _record(node: Node, backup: Backup, by: Circumstances) -> None:
    ledger = node.ledger
    taken = BackupTaken(
        backup_id=backup.backup_id,
        position=backup.position,
        tree_size=backup.tree_size,
        epochs=backup.epochs,
        manifest_sha256=backup.manifest_sha256,
    )

    def act() -> None:
        stream = key_epochs.backups_of(ledger)
        version = sum(1 for _ in ledger.read(stream))
        ledger.append(Write(stream, version, (taken,)), circumstances=by)

    decide_again(act)


def _major_of_ours() -> int:
    said = subprocess.run(
        [str(binaries() / "postgres"), "--version"], check=True, capture_output=True, text=True
    ).stdout
    return int(said.split()[-1].split(".")[0])


def _run(program: str, *arguments: str) -> None:
    """Without a terminal, so nothing waits for a password. What it complains of names files and rights only."""
    done = subprocess.run(
        [str(binaries() / program), *arguments],
        check=False,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )
    if done.returncode != 0:
        raise BackupRefusedError(
            f"{program}: {done.stderr.strip().splitlines()[-1] if done.stderr else 'failed'}"
        )


def find(folder: BackupFolder, backup_id: UUID | None) -> Backup | None:
    """The backup of this id, the latest without one."""
    found = [one for one in folder.backups() if backup_id in (None, one.backup_id)]
    return found[-1] if found else None


def clean_archive(folder: BackupFolder) -> int:
    """Remove the WAL that no backup needs any more; how many segments."""
    kept = folder.backups()
    before = {path.name for path in folder.wal.glob("*.gz")}
    if kept:
        # Its first eight digits are the timeline, which says nothing of how old it is.
        oldest = min((one.segment for one in kept), key=lambda segment: segment[8:])
        _run("pg_archivecleanup", "-x", ".gz", str(folder.wal), oldest)
    return len(before - {path.name for path in folder.wal.glob("*.gz")})
