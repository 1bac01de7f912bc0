"""A ledger for measuring: fresh, on an embedded server of its own, and gone afterwards."""

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
    with tempfile.TemporaryDirectory(prefix="letopis-bench-") as folder:
        home = Path(folder)
        with EmbeddedPostgres(home / "postgres") as server:
            custody.create(home / "secrets")
            held = custody.load(home / "secrets")
            migrate(server.url, origin=ORIGIN, fingerprint=held.fingerprint)
            with Ledger(server.url, held) as ledger:
                yield ledger, server.url
