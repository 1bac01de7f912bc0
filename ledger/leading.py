"""Leading: of all workers of all processes, one at a time does a piece of work."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import psycopg
from psycopg_pool import ConnectionPool


class Pooled(Protocol):
    """Whatever has connections to the database: a ledger, or the signer, which has none."""

    @property
    def pool(self) -> ConnectionPool[psycopg.Connection[tuple[Any, ...]]]: ...


@contextmanager
def leading(worker: Pooled, lock: int) -> Iterator[psycopg.Connection[Any] | None]:
    """The connection that holds the lock, if this worker is the one under it now; it is until the end of the block."""
    with worker.pool.connection() as connection:
        row = connection.execute("SELECT pg_try_advisory_lock(%s)", (lock,)).fetchone()
        leads = bool(row and row[0])
        try:
            yield connection if leads else None
        finally:
            if leads and not connection.broken:
                connection.execute("SELECT pg_advisory_unlock(%s)", (lock,))
