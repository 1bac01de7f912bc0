"""What somebody can do who may write rows and compute digests, but has no key: consistent forgeries."""

from dataclasses import replace
from typing import Any

import psycopg
from eventsourcing.persistence import StoredEvent

from ledger import leaf


def rewritten(stored: StoredEvent, *, rest: bytes | None = None, **fields: Any) -> StoredEvent:
    """The stored event with other fields in its leaf or another rest, its digest made to fit."""
    entry, old_rest = leaf.split(stored.state)
    found = replace(leaf.parse(entry), **fields)
    rest = old_rest if rest is None else rest
    head = leaf.header(
        origin=found.origin,
        event_id=found.event_id,
        stream_id=found.stream_id,
        version=found.version,
        name=found.name,
        schema_version=found.schema_version,
        recorded_at=found.recorded_at,
        key_id=found.key_id,
    )
    state = leaf.complete(head, rest=rest, commitment=found.commitment) + b"\n" + rest
    return StoredEvent(found.stream_id, found.version, found.name, state)


def clear_part(stored: StoredEvent) -> bytes:
    """The rest of the stored bytes up to the body: it ends with the line of circumstances."""
    rest = leaf.split(stored.state)[1]
    return rest[: rest.index(b"\n", rest.index(b'{"actor"')) + 1]


def body(stored: StoredEvent) -> bytes:
    return leaf.split(stored.state)[1].removeprefix(clear_part(stored))


def insert(sql: psycopg.Connection, stored: StoredEvent) -> int:
    """Put a row into the ledger past the program; its position."""
    row = sql.execute(
        "INSERT INTO ledger.events (originator_id, originator_version, topic, state)"
        " VALUES (%s, %s, %s, %s) RETURNING notification_id",
        (stored.originator_id, stored.originator_version, stored.topic, stored.state),
    ).fetchone()
    assert row is not None
    return int(row[0])


def change_history(sql: psycopg.Connection, *statements: tuple[str, Any]) -> None:
    """What a superuser can do: no trigger stands in the way."""
    with sql.transaction():
        sql.execute("SET LOCAL session_replication_role = replica")
        for statement, parameters in statements:
            sql.execute(statement.encode(), parameters)
