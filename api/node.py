"""A node: one process's hold on the database, the secrets and the ledger."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from joserfc.jwk import OKPKey
from psycopg.conninfo import conninfo_to_dict

from api.embedded_postgres import EmbeddedPostgres
from api.envelope_keys import generate_key, load_key, private_jwk
from api.migrate import migrate
from api.settings import Settings
from ledger import custody
from ledger.store import Ledger


class SecretsLostError(Exception):
    """The database holds keys, but the folder of secrets is gone: restore it from its backup.
    New secrets would open nothing of what is stored."""


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


@contextmanager
def database(settings: Settings) -> Iterator[str]:
    """The owner's conninfo of the database: the given one, or the embedded server's."""
    if settings.database_url is not None:
        yield settings.database_url
        return
    with EmbeddedPostgres(settings.home / "postgres") as server:
        yield server.url


@contextmanager
def node(settings: Settings) -> Iterator[Node]:
    """Everything open, migrated and ready."""
    with ExitStack() as stack:
        conninfo = stack.enter_context(database(settings))
        migrate(conninfo, origin=settings.origin)
        secrets = settings.home / "secrets"
        _create_secrets(secrets, conninfo)
        ledger = stack.enter_context(Ledger(conninfo, custody.load(secrets)))
        yield Node(settings, conninfo, ledger, _intake_key(secrets))


def owner_of(conninfo: str) -> str:
    """The role that the conninfo signs in as."""
    with psycopg.connect(conninfo) as connection:
        return connection.info.user or str(conninfo_to_dict(conninfo).get("user", "postgres"))


def _create_secrets(secrets: Path, conninfo: str) -> None:
    """New secrets for a new ledger only."""
    if not secrets.exists():
        with psycopg.connect(conninfo) as connection:
            row = connection.execute("SELECT EXISTS (SELECT FROM ledger.data_keys)").fetchone()
        if row and row[0]:
            raise SecretsLostError(secrets)
    custody.create(secrets)
    intake = secrets / "intake.jwk"
    if not intake.exists():
        custody.create_file(intake, private_jwk(generate_key("X25519")).encode())


def _intake_key(secrets: Path) -> OKPKey:
    return load_key((secrets / "intake.jwk").read_text(), "X25519", private=True)
