"""What tests stand on: one real PostgreSQL for the whole run, and a migrated database of its own for each."""

import fcntl
import itertools
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from unittest.mock import patch

import psycopg
import pytest
from hypothesis import settings
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL, Identifier

from api import postgres_cluster
from api.embedded_postgres import EmbeddedPostgres
from api.migrate import migrate
from api.pdf_signing import signatory_of
from ledger import custody as secrets
from ledger.custody import Custody
from ledger.store import Ledger
from projections import PROJECTIONS
from projections.follow import Follower
from tests.ordering import dealt
from tests.recycling import Template, rename

ORIGIN = "letopis.test/log"

# The machine is shared, so time is no verdict; and a run that fails must fail again.
settings.register_profile("letopis", deadline=None, derandomize=True, database=None)
settings.load_profile("letopis")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    items[:] = dealt([(item.nodeid.partition("::")[0], item) for item in items], workers=workers)


@dataclass(slots=True)
class Server:
    """A PostgreSQL, and a database on it that is migrated and never used: every test clones it."""

    conninfo: str
    template: str
    connection: psycopg.Connection
    numbers: Iterator[int] = field(default_factory=itertools.count)
    fresh: Template | None = None
    emptied: list[str] = field(default_factory=list)

    def clone(self) -> str:
        name = self._new_name()
        self.connection.execute(
            SQL("CREATE DATABASE {} TEMPLATE {}").format(Identifier(name), Identifier(self.template))
        )
        return name

    def take(self) -> str:
        """A database like a fresh clone: one that an earlier test left, emptied, if there is one."""
        if self.emptied:
            return self.emptied.pop()
        name = self.clone()
        self.fresh = self.fresh or Template.of(self.conninfo_of(name))
        return name

    def give_back(self, name: str) -> None:
        new_name = self._new_name()
        is_renamed = rename(self.connection, name, new_name)
        assert self.fresh is not None
        if is_renamed and self.fresh.restore(self.conninfo_of(new_name)):
            self.emptied.append(new_name)
        else:
            self.drop(new_name if is_renamed else name)

    def _new_name(self) -> str:
        return f"{self.template}_{os.getpid()}_{next(self.numbers)}"

    def drop(self, name: str) -> None:
        self.connection.execute(SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(Identifier(name)))

    def conninfo_of(self, name: str) -> str:
        return make_conninfo(self.conninfo, dbname=name)


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all workers of a run: each worker's own is inside the run's."""
    own = tmp_path_factory.getbasetemp()
    found = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "shared"
    found.mkdir(mode=0o700, exist_ok=True)
    return found


@pytest.fixture(scope="session")
def made_secrets(shared_folder: Path) -> Path:
    """The secrets of every ledger of the run: the template database knows them by their fingerprint."""
    secrets.create(shared_folder / "secrets")
    # An RSA key takes a second to make: one for the run.
    signatory_of(shared_folder / "secrets", name=f"Letopis {ORIGIN}")
    return shared_folder / "secrets"


@pytest.fixture(scope="session")
def server(shared_folder: Path, made_secrets: Path, testrun_uid: str) -> Iterator[Server]:
    """DATABASE_URL if it is set (PostgreSQL 15 or later, a user that may make databases and roles),
    else the embedded server, which all workers of the run share."""
    template = f"letopis_test_{testrun_uid[:8]}"
    if "DATABASE_URL" in os.environ:
        with _migrated(os.environ["DATABASE_URL"], template, made_secrets) as found:
            yield found
    else:
        with ExitStack() as stack:
            # What tells of durability starts servers of its own; here waiting for the disk was half of the run.
            with patch.dict(postgres_cluster.SETTINGS, {"fsync": "off", "full_page_writes": "off"}):
                embedded = stack.enter_context(EmbeddedPostgres(shared_folder / "postgres"))
            yield stack.enter_context(_migrated(embedded.url, template, made_secrets))


@contextmanager
def _migrated(conninfo: str, template: str, made_secrets: Path) -> Iterator[Server]:
    """The first worker makes the template, the last one drops it."""
    with (
        psycopg.connect(conninfo, autocommit=True) as connection,
        (made_secrets.parent / "users.lock").open("w") as users,
        (made_secrets.parent / "template.lock").open("w") as making,
    ):
        fcntl.flock(users, fcntl.LOCK_SH)
        fcntl.flock(making, fcntl.LOCK_EX)
        found = Server(conninfo, template, connection)
        known = connection.execute("SELECT FROM pg_database WHERE datname = %s", (template,)).fetchone()
        if known is None:
            connection.execute(SQL("CREATE DATABASE {}").format(Identifier(template)))
            fingerprint = secrets.load(made_secrets).fingerprint
            migrate(found.conninfo_of(template), origin=ORIGIN, fingerprint=fingerprint)
        fcntl.flock(making, fcntl.LOCK_UN)
        yield found
        for name in found.emptied:
            found.drop(name)
        with suppress(BlockingIOError):
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            found.drop(template)


@pytest.fixture
def database(server: Server) -> Iterator[str]:
    """The conninfo of a migrated, empty database of this test alone, as its owner."""
    name = server.take()
    yield server.conninfo_of(name)
    server.give_back(name)


@pytest.fixture
def sql(database: str) -> Iterator[psycopg.Connection]:
    """A session of the database's owner, who may do anything that triggers allow."""
    with psycopg.connect(database, autocommit=True) as connection:
        yield connection


@pytest.fixture
def custody(made_secrets: Path, tmp_path_factory: pytest.TempPathFactory) -> Custody:
    """The run's secrets in a folder of the test's own: a log remembers there what it signed last."""
    home = tmp_path_factory.mktemp("custody")
    shutil.copytree(secrets.signer_beside(made_secrets), home / "signer")
    return secrets.load(shutil.copytree(made_secrets, home / "secrets"))


@pytest.fixture
def open_ledger(database: str, custody: Custody) -> Iterator[Callable[..., Ledger]]:
    """Opens further ledgers on the test's database, as further processes would."""
    opened: list[Ledger] = []

    def open_one(*, conninfo: str = database, role: str = "letopis_app") -> Ledger:
        opened.append(Ledger(conninfo, custody, role=role))
        return opened[-1]

    yield open_one
    for ledger in opened:
        ledger.close()


@pytest.fixture
def ledger(open_ledger: Callable[..., Ledger]) -> Ledger:
    """The ledger as the application opens it."""
    return open_ledger()


@pytest.fixture
def owner(open_ledger: Callable[..., Ledger], sql: psycopg.Connection) -> Ledger:
    """The ledger as the owner of the database opens it, to rebuild views."""
    return open_ledger(role=sql.info.user)


@pytest.fixture
def follower(ledger: Ledger) -> Follower:
    return Follower(ledger, PROJECTIONS)
