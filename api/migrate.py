"""Applies the SQL files of migrations/ in order, each once, each in a transaction of its own.

The files have the form that dbmate reads, so an operator may run dbmate on the same folder.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

FOLDER = Path(__file__).parent.parent / "migrations"
# One process migrates; those that start beside it wait here and then find nothing to do.
LOCK = 7597100

_CREATE = """
CREATE TABLE IF NOT EXISTS public.schema_migrations (
    version text PRIMARY KEY,
    sha256 text,
    applied_at timestamptz NOT NULL DEFAULT now()
)
"""


class MigrationChangedError(Exception):
    """A migration that was applied has been edited since: add a new one instead."""


class OriginDiffersError(Exception):
    """The database belongs to a log of another name. The name is in every leaf and never changes:
    set LETOPIS_ORIGIN to the name the database has, or use another database."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file: its version is its name's number."""

    version: str
    name: str
    up: str
    sha256: str


def migrations(folder: Path = FOLDER) -> Iterator[Migration]:
    """The migrations in order."""
    for path in sorted(folder.glob("[0-9]*.sql")):
        text = path.read_text()
        up = text.partition("-- migrate:up")[2].partition("-- migrate:down")[0]
        yield Migration(
            version=path.name.partition("_")[0],
            name=path.stem,
            up=up,
            sha256=hashlib.sha256(text.encode()).hexdigest(),
        )


def migrate(conninfo: str, *, origin: str, fingerprint: bytes) -> list[str]:
    """Bring the database up to date; the names of what was applied. A new ledger is given its name and
    the fingerprint of its secrets, for ever."""
    applied = []
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", (LOCK,))
        connection.execute(_CREATE)
        found = connection.execute("SELECT version, sha256 FROM public.schema_migrations").fetchall()
        done: dict[str, str | None] = dict(found)
        for migration in migrations():
            if migration.version in done:
                if done[migration.version] not in (None, migration.sha256):
                    raise MigrationChangedError(migration.name)
                continue
            with connection.transaction():
                connection.execute(migration.up.encode())
                connection.execute(
                    "INSERT INTO public.schema_migrations (version, sha256) VALUES (%s, %s)",
                    (migration.version, migration.sha256),
                )
            applied.append(migration.name)
        _name(connection, origin, fingerprint)
    return applied


def _name(connection: psycopg.Connection[Any], origin: str, fingerprint: bytes) -> None:
    connection.execute(
        "INSERT INTO ledger.identity (origin, secrets) VALUES (%s, %s) ON CONFLICT DO NOTHING",
        (origin, fingerprint),
    )
    row = connection.execute("SELECT origin FROM ledger.identity").fetchone()
    if row is None or row[0] != origin:
        raise OriginDiffersError(row[0] if row else "")
