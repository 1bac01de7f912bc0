"""Verification of the key table, by whom may open keys: each key that an event is sealed under is there, and each live
key opens in its own row. The auditor's verification has no key, so it can't see this.

A key that was destroyed on purpose is no finding here: whether an event says so is the auditor's to see.
"""

from collections.abc import Iterator, Sequence
from itertools import islice
from uuid import UUID

from ledger.custody import SecretMissingError
from ledger.keys import KeyLostError
from ledger.store import Ledger
from projections.verify import Finding

PORTION = 5000
# The first event under each key, by the eighth line of its leaf; the keys of documents; and keys that nothing names.
_NAMED = """
SELECT coalesce(n.key_id, k.key_id::text), n.position, l.leaf_index, k.key_id IS NOT NULL
FROM (
    SELECT key_id, min(position) AS position FROM (
        SELECT split_part(encode(substring(state FOR 900), 'escape'), E'\\n', 8), notification_id FROM ledger.events
        UNION ALL SELECT key_id::text, NULL FROM ledger.documents
    ) AS named (key_id, position) GROUP BY key_id
) n
FULL JOIN ledger.data_keys k ON k.key_id::text = n.key_id
LEFT JOIN transparency.leaves l ON l.position = n.position
WHERE n.key_id IS DISTINCT FROM '-' ORDER BY n.position
"""


def verify_keys(ledger: Ledger) -> Finding | None:
    """The first key that is wrong, by the first event that is sealed under it; None if all are right."""
    with (
        ledger.pool.connection() as connection,
        connection.cursor("keys") as cursor,
        connection.transaction(),
    ):
        cursor.execute(_NAMED)
        while rows := list(islice(cursor, PORTION)):
            places = {row[0]: (row[1], row[2]) for row in rows}
            gone = {row[0]: "a data key is gone" for row in rows if not row[3]}
            held = [UUID(row[0]) for row in rows if row[3]]
            wrong = gone | {
                str(key_id): "a data key does not open in its row" for key_id in _closed(ledger, held)
            }
            for key_id, (position, leaf_index) in places.items():
                if key_id in wrong:
                    return Finding(wrong[key_id], leaf_index, position)
    return None


def _closed(ledger: Ledger, key_ids: Sequence[UUID]) -> Iterator[UUID]:
    """Those of the keys that are neither destroyed nor to be opened."""
    left = list(key_ids)
    while left:
        try:
            ledger.keys.find_all(left)
        except KeyLostError as error:
            yield error.args[0]
            left.remove(error.args[0])
        except SecretMissingError:
            # The key-encryption key of one of them: which, is found one by one.
            if len(left) == 1:
                yield left[0]
                return
            for key_id in left:
                yield from _closed(ledger, [key_id])
            return
        else:
            return
