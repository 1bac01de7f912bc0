"""`letopis backup` and `letopis restore`: copies of the whole database, proved, and brought back."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated, NoReturn
from uuid import UUID

import psycopg
import typer

from api.backup import proving, restoring, taking
from api.backup.folder import Backup, BackupFolder, BackupUnreadableError
from api.backup.proving import BackupFailedError
from api.backup.recovery import NoWayBackError, Recovery
from api.backup.restoring import ClusterInPlaceError, ClusterRunningError, NotLaidOutError, Wanted
from api.backup.taking import BackupRefusedError
from api.backup.wholeness import RolledBackError
from api.command_line.console import err, opened_node, refuse, words_of
from api.laboratories import OPERATOR
from api.settings import Settings
from domain import backup as backups
from domain.backup import BackupNotFoundError
from ledger import custody, key_epochs
from ledger.checkpoint_memory import CheckpointMemory

backup = typer.Typer(no_args_is_help=True, help="Copies of the whole database: LETOPIS_BACKUP_FOLDER.")
_REFUSALS = (
    BackupFailedError,
    BackupNotFoundError,
    BackupRefusedError,
    BackupUnreadableError,
    ClusterInPlaceError,
    ClusterRunningError,
    NoWayBackError,
    NotLaidOutError,
)
# The ledger is there, but shorter than what was signed of it.
ROLLED_BACK = 3
_WHICH = typer.Argument(help="A backup; the latest without it.")


@backup.command()
def take() -> None:
    """Take a base backup, check every file of it, and record that it was taken."""
    folder = _folder(Settings())
    with opened_node(*_REFUSALS, words=_words) as opened:
        taken = taking.take(opened, folder, by=OPERATOR)
        with psycopg.connect(opened.conninfo) as connection:
            row = connection.execute("SHOW archive_mode").fetchone()
    print(_line(taken))
    if row is not None and row[0] == "off":
        err.print(
            "The server archives no WAL: what comes after this backup is lost with the disk. An embedded server that"
            " was started without LETOPIS_BACKUP_FOLDER must be stopped once; for another one see docs/backup.md."
        )


@backup.command(name="list")
def list_backups() -> None:
    """List the backups: position, size of the tree, whether proved, and whether their keys still open."""
    settings = Settings()
    with opened_node(*_REFUSALS, words=_words) as opened:
        kept, _ = opened.ledger.load(key_epochs.backups_of(opened.ledger), backups.evolve)
        living = key_epochs.living(opened.ledger)
    for one in _folder(settings).backups():
        proved = kept is not None and one.backup_id in kept.proved
        # Without an epoch of its own it opens only once WAL brought it behind the rotation.
        opens = "opens" if set(one.epochs) & set(living) else "opens only with the WAL behind it"
        print(f"{_line(one)}  {'proved' if proved else 'not proved'}  {opens}")


@backup.command()
def prove(backup_id: Annotated[UUID | None, _WHICH] = None) -> None:
    """Restore it beside, verify it against what was signed, replay every view. Exit 1 if anything differs."""
    folder = _folder(Settings())
    with opened_node(*_REFUSALS, words=_words) as opened:
        proved = proving.prove(opened, folder, _found(folder, backup_id), by=OPERATOR, told=_told)
    print(f"{proved.backup_id}  proved up to position {proved.position}, tree size {proved.tree_size}")


@backup.command()
def discard(backup_id: Annotated[UUID, typer.Argument(help="The backup.")]) -> None:
    """Throw a backup away, and the WAL that only it needed."""
    folder = _folder(Settings())
    with opened_node(*_REFUSALS, words=_words) as opened:
        proving.discard(opened.ledger, folder, backup_id, by=OPERATOR)
    removed = taking.clean_archive(folder)
    print(f"discarded; segments removed from the archive: {removed}")


def restore(
    *,
    backup_id: Annotated[
        UUID | None, typer.Option("--backup", help="Which; by default the latest that fits.")
    ] = None,
    until: Annotated[
        str | None, typer.Option(help="An earlier moment: ISO 8601 with a zone, or a position of the ledger.")
    ] = None,
    wal: Annotated[
        Path | None,
        typer.Option(help="A folder with WAL that the archive lacks: `pg_wal` of the lost database."),
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Move the database that is there aside.")
    ] = False,
    go_on: Annotated[bool, typer.Option("--go-on", help="With a restore that waits for more WAL.")] = False,
    signed: Annotated[
        Path | None, typer.Option(help="The last signed checkpoint, if the signer lives elsewhere.")
    ] = None,
) -> None:
    """Bring the database back, up to the end of the archive or to an earlier moment. Exit 3 if events are missing that
    had been signed: nothing is served then."""
    settings = Settings()
    if settings.database_url is not None:
        refuse(
            "DATABASE_URL is set: restore that server by its own means (docs/backup.md), then `letopis verify`."
        )
    folder, home, moment = _folder(settings), settings.home / "postgres", _moment(until)
    # Never made here: fresh ones would open nothing.
    held = custody.load(settings.home / "secrets", settings.signer_folder)
    with _refusals():
        if restoring.is_running(home):
            raise ClusterRunningError
        chosen = restoring.choose(folder, backup_id=backup_id, until=moment)
        if chosen is None:
            raise BackupNotFoundError
        if not go_on:
            wal = _make_room(home, wal, replace=replace)
        signed_note = signed.read_bytes() if signed else CheckpointMemory(settings.signer_folder).read()
        wanted = Wanted(backup=chosen, until=moment, more_wal=wal, signed_note=signed_note)
        if go_on:
            if not restoring.is_waiting(home):
                raise NotLaidOutError
            recovery = Recovery(home, folder, more_wal=wal)
            done = restoring.go_on(recovery, held, wanted, by=OPERATOR, told=_told)
        else:
            done = restoring.restore(home, folder, held, wanted, by=OPERATOR, told=_told)
    print(f"restored up to position {done.position}; keys of {done.buried} subjects destroyed again")
    if not done.is_whole:
        err.print("This is an earlier moment: to be looked at and taken from, never to be served or signed.")
    elif signed_note is None:
        err.print(
            "No signed checkpoint is known here, so nobody can say whether this is all: give one by --signed."
        )


def _make_room(home: Path, wal: Path | None, *, replace: bool) -> Path | None:
    """Move aside what is there; its WAL may have what was not archived yet."""
    if not replace:
        if (home / "cluster").exists():
            raise ClusterInPlaceError
        return wal
    aside = restoring.move_aside(home)
    if aside is not None:
        err.print(f"the database that was there is {aside} now")
    return wal or (aside / "pg_wal" if aside else None)


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except RolledBackError as error:
        err.print(_words(error))
        err.print("If you have more WAL: letopis restore --go-on --wal FOLDER", soft_wrap=True)
        sys.exit(ROLLED_BACK)
    except _REFUSALS as error:
        refuse(_words(error))


def _words(error: Exception) -> str:
    return " ".join(f"{words_of(error)} {error}".split())


def _told(what: str) -> None:
    err.print(what, highlight=False)


def _moment(until: str | None) -> datetime | int | None:
    if until is None or until.isdecimal():
        return int(until) if until else None
    try:
        moment = datetime.fromisoformat(until)
    except ValueError:
        _refuse_moment()
    return moment if moment.tzinfo else _refuse_moment()


def _refuse_moment() -> NoReturn:
    raise typer.BadParameter("a time with its zone, such as 2026-11-26T12:00:00+03:00, or a position")


def _found(folder: BackupFolder, backup_id: UUID | None) -> Backup:
    found = taking.find(folder, backup_id)
    if found is None:
        raise BackupNotFoundError
    return found


def _folder(settings: Settings) -> BackupFolder:
    if settings.backup_folder is None:
        refuse("LETOPIS_BACKUP_FOLDER is not set: where backups lie, best on another disk.")
    return BackupFolder(settings.backup_folder.absolute())


def _line(one: Backup) -> str:
    return (
        f"{one.backup_id}  {one.taken_at:%Y-%m-%d %H:%M:%S}Z  position {one.position}  tree {one.tree_size}"
    )
