"""Burial: keys that were destroyed once are destroyed again in a database that was restored from before."""

from collections.abc import Iterator
from uuid import UUID

from ledger import tombstones
from ledger.insertion import TAKE_LOCK
from ledger.store import Ledger

BATCH = 5000


def settle(ledger: Ledger) -> int:
    """Write down what became of erasures whose process died between the file and the database; how many there were.

    Only with the database that they were asked of: one that was restored from before knows nothing of them."""
    if not tombstones.read(ledger.custody).open:
        return 0
    with tombstones.locked(ledger.custody) as file:
        known = tombstones.read(ledger.custody)
        if not known.open:
            return 0
        # A process may have died behind a COMMIT that the server has not answered yet: what it decides comes first.
        with ledger.pool.connection() as connection, connection.transaction():
            connection.execute(TAKE_LOCK)
        asked = {digest for number in known.open for digest in known.buried[number]}
        alive = {digest for _, digest in _live(ledger) if digest in asked}
        for number in sorted(known.open):
            tombstones.settle(file, number, is_done=alive.isdisjoint(known.buried[number]))
        return len(known.open)


def bury(ledger: Ledger) -> int:
    """Destroy the keys of everybody whom the tombstones name; how many subjects came back. Before anything is served."""
    buried = tombstones.read(ledger.custody).digests
    if not buried:
        return 0
    back = [subject for subject, digest in _live(ledger) if digest in buried]
    with ledger.pool.connection() as connection:
        connection.execute(
            "UPDATE ledger.data_keys SET wrapped = NULL, erased_at = clock_timestamp()"
            " WHERE subject = ANY(%s) AND wrapped IS NOT NULL",
            (back,),
        )
    ledger.keys.forget()
    ledger.states.forget()
    return len(back)


def _live(ledger: Ledger) -> Iterator[tuple[UUID, str]]:
    """Every subject that has a key, with its digest."""
    after = UUID(int=0)
    while True:
        with ledger.pool.connection() as connection:
            rows = connection.execute(
                "SELECT DISTINCT subject FROM ledger.data_keys WHERE subject > %s AND wrapped IS NOT NULL"
                " ORDER BY subject LIMIT %s",
                (after, BATCH),
            ).fetchall()
        for (subject,) in rows:
            yield subject, tombstones.digest_of(ledger.custody, subject)
        if len(rows) < BATCH:
            return
        after = rows[-1][0]
