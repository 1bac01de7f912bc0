"""The folder of backups: base backups, each with a note of what it holds, and the archive of WAL.

    <folder>/base/<backup id>/        a base backup as PostgreSQL writes it (plain), with its backup_manifest
    <folder>/base/<backup id>.json    what it holds; written last: a base without it is one that was cut short
    <folder>/wal/<segment>.gz         the archive, one file a segment; also <timeline>.history.gz

Nothing in it opens without the folder of secrets, which is not in it: data keys lie there wrapped, personal data sealed.
In clear are pseudonyms, times, and who acted: as in the log itself.
"""

import os
import shlex
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from uuid import UUID

import orjson

from ledger.durable import make_durable

FORMAT = "letopis/backup@v1"
ARCHIVE_SECONDS = 60


class BackupUnreadableError(Exception):
    """The note beside a backup is of another form or of another log: it is not one of ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """What a base backup holds: the ledger up to `position` at least, and data keys wrapped by `epochs`. `segment` is
    the first of the WAL that it needs."""

    backup_id: UUID
    origin: str
    taken_at: datetime
    position: int
    tree_size: int
    epochs: tuple[int, ...]
    manifest_sha256: str
    segment: str
    server_version: int


@dataclass(frozen=True, slots=True)
class BackupFolder:
    path: Path

    @property
    def wal(self) -> Path:
        return self.path / "wal"

    def base(self, backup_id: UUID) -> Path:
        return self.path / "base" / str(backup_id)

    def note(self, backup_id: UUID) -> Path:
        return self.path / "base" / f"{backup_id}.json"

    def create(self) -> None:
        for one in (self.path, self.wal, self.path / "base"):
            one.mkdir(mode=0o700, parents=True, exist_ok=True)

    def write(self, backup: Backup) -> None:
        """The base is whole: its note makes it a backup."""
        draft = self.note(backup.backup_id).with_suffix(".draft")
        with draft.open("wb") as file:
            file.write(orjson.dumps({"format": FORMAT, **asdict(backup)}, option=orjson.OPT_INDENT_2))
            file.flush()
            os.fsync(file.fileno())
        draft.rename(self.note(backup.backup_id))
        make_durable(draft.parent)

    def backups(self) -> list[Backup]:
        """Those that are whole, oldest first."""
        found = [_read(path) for path in (self.path / "base").glob("*.json")]
        return sorted(found, key=lambda one: one.taken_at)

    def remove(self, backup_id: UUID) -> None:
        """The note first: what is half removed is no backup any more."""
        self.note(backup_id).unlink(missing_ok=True)
        shutil.rmtree(self.base(backup_id), ignore_errors=True)

    def cut_short(self) -> Iterator[UUID]:
        """Bases without a note: of runs that were killed."""
        for path in (self.path / "base").glob("*"):
            if path.is_dir() and not path.with_name(f"{path.name}.json").exists():
                yield UUID(path.name)


def archive_settings(folder: Path) -> dict[str, str]:
    """What has PostgreSQL archive each segment, into the folder, which is made: compressed beside, synced, renamed. It
    may be killed at any moment: the server keeps a segment until the command said that it is there, and asks again. The
    same one twice is no error; another one under its name is, and nothing is overwritten."""
    backups = BackupFolder(folder.absolute())
    backups.create()
    wal = shlex.quote(str(backups.wal)).replace("%", "%%")
    done, part = f"{wal}/%f.gz", f"{wal}/.%f.part"
    command = (
        f"if test -e {done}; then gzip -dc {done} | cmp -s - %p;"
        f" else gzip -1 < %p > {part} && sync {part} && mv {part} {done} && sync {wal}; fi"
    )
    return {
        "archive_mode": "on",
        "archive_command": command,
        "archive_timeout": f"{ARCHIVE_SECONDS}s",
    }


def _read(path: Path) -> Backup:
    try:
        found = orjson.loads(path.read_bytes())
        if found.pop("format") != FORMAT:
            raise BackupUnreadableError(path)
        return Backup(
            **found
            | {
                "backup_id": UUID(found["backup_id"]),
                "taken_at": datetime.fromisoformat(found["taken_at"]),
                "epochs": tuple(found["epochs"]),
            }
        )
    except (ValueError, KeyError, TypeError) as error:
        raise BackupUnreadableError(path) from error
