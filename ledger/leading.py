"""Leading: of all workers of all processes, one at a time does a piece of work."""

from collections.abc import Iterator
from contextlib import contextmanager

from ledger.store import Ledger


@contextmanager
def leading(ledger: Ledger, lock: int) -> Iterator[bool]:
    """Whether this worker is the one under the lock now; it is until the end of the block."""
    with ledger.pool.connection() as connection:
        row = connection.execute("SELECT pg_try_advisory_lock(%s)", (lock,)).fetchone()
        leads = bool(row and row[0])
        try:
            yield leads
        finally:
            if leads and not connection.broken:
                connection.execute("SELECT pg_advisory_unlock(%s)", (lock,))
