"""Wiping: what goes with destroyed keys, and whether anything came meanwhile that belongs to whom is erased.

Everything here runs inside of the transaction that stores the erasure, under the append lock.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

import psycopg
from eventsourcing.persistence import StoredEvent
from psycopg.rows import tuple_row

from ledger import leaf
from ledger.keys import MintedKeys

_OVERTAKEN = (
    "SELECT EXISTS (SELECT FROM ledger.events e WHERE e.notification_id > %(after)s"
    " AND (e.originator_id = ANY(%(streams)s) OR e.topic = ANY(%(topics)s)"
    " AND EXISTS (SELECT FROM unnest(%(names)s::bytea[]) n (name) WHERE position(n.name IN e.state) > 0)))"
)


class Sealed(Protocol):
    """What lies sealed under a key."""

    @property
    def key_id(self) -> UUID: ...


@dataclass(frozen=True, slots=True)
class Wipe:
    """With the keys of `subjects`, their marks leave the blind index and their sealed documents the database. `said_by`
    is the stream of this append that says so. What was found to belong to somebody was found up to the position
    `after`: if since then an event came to one of `streams`, or one of `topics` that has one of `names` in its
    bytes, the append is a conflict."""

    subjects: frozenset[UUID]
    said_by: UUID
    after: int
    streams: frozenset[UUID]
    topics: frozenset[str]
    names: frozenset[UUID]


def is_overtaken(connection: psycopg.Connection[Any], wipe: Wipe) -> bool:
    """Whether something came that belongs to whom is erased, since it was looked for."""
    cursor = connection.cursor(row_factory=tuple_row)
    cursor.execute(
        _OVERTAKEN,
        {
            "after": wipe.after,
            "streams": list(wipe.streams),
            "topics": list(wipe.topics),
            "names": [str(name).encode() for name in wipe.names],
        },
    )
    row = cursor.fetchone()
    return bool(row and row[0])


def wipe_out(cursor: psycopg.Cursor[Any], wipe: Wipe) -> None:
    """After the events and the keys: the database deletes documents only once an event says so."""
    subjects = list(wipe.subjects)
    cursor.execute("DELETE FROM ledger.blind_index WHERE subject = ANY(%s)", (subjects,))
    cursor.execute("SELECT ledger.destroy_documents(%s, %s)", (subjects, wipe.said_by))


def used_keys(stored: Sequence[StoredEvent], documents: Sequence[Sealed], minted: MintedKeys) -> list[UUID]:
    """The keys that were there before and seal some of this."""
    used = {document.key_id for document in documents}
    used |= {key_id for event in stored if (key_id := leaf.key_id_of(event.state)) is not None}
    return list(used - {row.key_id for row in minted.rows})
