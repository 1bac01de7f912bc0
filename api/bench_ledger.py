"""A ledger for measuring, on an embedded server of its own: fresh and gone afterwards, or kept in a folder."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from api.embedded_postgres import EmbeddedPostgres
from api.migrate import migrate
from ledger import custody
from ledger.store import Ledger

ORIGIN = "bench.letopis.example/log"


@contextmanager
def fresh_ledger() -> Iterator[tuple[Ledger, str]]:
    """The ledger as the application opens it, and the conninfo of the database's owner."""
    with tempfile.TemporaryDirectory(prefix="letopis-bench-") as folder, kept_ledger(Path(folder)) as opened:
        yield opened


@contextmanager
def kept_ledger(home: Path) -> Iterator[tuple[Ledger, str]]:
    """The same of a folder, made if it is not there yet."""
    secrets = home / "secrets"
    with EmbeddedPostgres(home / "postgres") as server:
        if not secrets.exists():
            custody.create(secrets)
        held = custody.load(secrets)
        migrate(server.url, origin=ORIGIN, fingerprint=held.fingerprint)
        with Ledger(server.url, held) as ledger:
            yield ledger, server.url
