"""A node: one process's hold on the database, the secrets and the ledger."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg
from joserfc.jwk import OKPKey
from psycopg.conninfo import conninfo_to_dict
from psycopg_pool import PoolTimeout

from api import pdf_signing
from api.backup import unburied
from api.backup.folder import archive_settings
from api.embedded_postgres import EmbeddedPostgres
from api.envelope_keys import generate_key, load_key, private_jwk
from api.migrate import migrate
from api.settings import Settings
from ledger import custody
from ledger.recorder import OutcomeUnknownError
from ledger.store import Ledger

# The database does not answer: what was asked may be asked again.
DATABASE_AWAY = (OutcomeUnknownError, psycopg.OperationalError, PoolTimeout)


@dataclass(frozen=True, slots=True)
class Node:
    """What every command needs. `conninfo` is the owner's connection; the ledger works as the
    application's role, with no right to change history."""

    settings: Settings
    conninfo: str
    ledger: Ledger
    intake_key: OKPKey

    def as_owner(self) -> Ledger:
        """The ledger with the owner's rights, for rebuilding views. Close it."""
        return Ledger(self.conninfo, self.ledger.custody, role=owner_of(self.conninfo))


class RestoreUnfinishedError(Exception):
    """A restore was begun here that waits for WAL: `letopis restore --go-on`, or begin one anew with --replace."""


@contextmanager
def database(settings: Settings) -> Iterator[str]:
    """The owner's conninfo of the database: the given one, or the embedded server's."""
    if settings.database_url is not None:
        yield settings.database_url
        return
    if (settings.home / "postgres" / "cluster" / "standby.signal").exists():
        raise RestoreUnfinishedError
    archive = archive_settings(settings.backup_folder) if settings.backup_folder else {}
    with EmbeddedPostgres(settings.home / "postgres", archive) as server:
        yield server.url


@contextmanager
def node(settings: Settings) -> Iterator[Node]:
    """Everything open, migrated and ready."""
    with ExitStack() as stack:
        conninfo = stack.enter_context(database(settings))
        held = secrets_of(settings)
        if settings.pdf_signing is not None:
            pdf_signing.install(held.folder, settings.pdf_signing)
        migrate(conninfo, origin=settings.origin, fingerprint=held.fingerprint)
        ledger = stack.enter_context(Ledger(conninfo, held))
        if settings.database_url is None:
            unburied.end(settings.home / "postgres", ledger)
        yield Node(settings, conninfo, ledger, _intake_key(held.folder))


def owner_of(conninfo: str) -> str:
    """The role that the conninfo signs in as."""
    with psycopg.connect(conninfo) as connection:
        return connection.info.user or str(conninfo_to_dict(conninfo).get("user", "postgres"))


def secrets_of(settings: Settings) -> custody.Custody:
    """The secrets under `home`, made if there are none at all. That they belong to the database, the
    ledger checks when it is opened."""
    folder = settings.home / "secrets"
    if settings.signer == "external":
        custody.create_apart(folder)
        return replace(custody.load(folder), signer=None)
    custody.create(folder, settings.signer_folder)
    return custody.load(folder, settings.signer_folder)


def _intake_key(secrets: Path) -> OKPKey:
    path = secrets / "intake.jwk"
    custody.create_file(path, private_jwk(generate_key("X25519")).encode())
    return load_key(path.read_text(), "X25519", private=True)
