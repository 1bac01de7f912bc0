"""A stream as it stood at a position of the ledger, for who has no key: what lies in the clear, and what is sealed.

The state is what each kind of event said last: nothing is decided and nothing opened here, so it is the same for every
reader at every time, also after an erasure.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
import psycopg

from domain.values import PatientId
from ledger import leaf
from ledger.event_types import EVENT_TYPES
from ledger.leaf import LeafMalformedError

# What stands for a value that is not shown.
SEALED, ERASED = "sealed", "erased"
EVENTS_MAX = 10_000


class StreamNotFoundError(Exception):
    """There is no such stream, or it began later."""


class StreamTooLongError(Exception):
    """The stream has more events than are shown at once: look at it in the history."""


@dataclass(frozen=True, slots=True)
class Told:
    """One event of the stream. `said` are its fields: a value as JSON, or that it is sealed or erased."""

    position: int
    event_id: UUID
    version: int
    name: str
    recorded_at: datetime
    said: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class StreamAt:
    """The stream up to a position: its events, and what each kind of them said last."""

    stream_id: UUID
    position: int
    told: tuple[Told, ...]

    @property
    def version(self) -> int:
        return self.told[-1].version if self.told else 0

    @property
    def state(self) -> dict[str, str]:
        """By `<event>.<field>`."""
        return {f"{one.name}.{field}": value for one in self.told for field, value in one.said.items()}


@dataclass(frozen=True, slots=True)
class Change:
    """A field that is otherwise at the later position; None where it was not said."""

    field: str
    earlier: str | None
    later: str | None


def patient_of(connection: psycopg.Connection[Any], stream_id: UUID) -> PatientId | None:
    """Whose data the stream says something of, as far as that stands in the clear: they see who looked."""
    row = connection.execute(
        "SELECT patient_id FROM audit.entries WHERE stream_id = %s AND patient_id IS NOT NULL"
        " ORDER BY position DESC LIMIT 1",
        (stream_id,),
    ).fetchone()
    return PatientId(row[0]) if row else None


def stream_at(connection: psycopg.Connection[Any], stream_id: UUID, position: int) -> StreamAt:
    """Over a connection that needs no right but to read events and which keys there are."""
    found = connection.execute(
        "SELECT notification_id, topic, state FROM ledger.events WHERE originator_id = %s AND notification_id <= %s"
        " ORDER BY originator_version LIMIT %s",
        (stream_id, position, EVENTS_MAX + 1),
    ).fetchall()
    if not found:
        raise StreamNotFoundError(stream_id)
    if len(found) > EVENTS_MAX:
        raise StreamTooLongError(stream_id)
    opened = [(place, name, *leaf.split(bytes(state))) for place, name, state in found]
    leaves = [leaf.parse(entry) for _, _, entry, _ in opened]
    living = {
        row[0]
        for row in connection.execute(
            "SELECT key_id FROM ledger.data_keys WHERE key_id = ANY(%s) AND erased_at IS NULL",
            ([one.key_id for one in leaves if one.key_id is not None],),
        )
    }
    told = [
        Told(
            place,
            entry.event_id,
            entry.version,
            name,
            entry.recorded_at,
            _said(name, entry.key_id, rest, living),
        )
        for (place, name, _, rest), entry in zip(opened, leaves, strict=True)
    ]
    return StreamAt(stream_id, position, tuple(told))


def _said(name: str, key_id: UUID | None, rest: bytes, living: set[UUID]) -> dict[str, str]:
    if key_id is not None:
        word = SEALED if key_id in living else ERASED
        known = EVENT_TYPES.get(name)
        # Which fields there are is known of the kind; which of them were stated is sealed too.
        return {one.name: word for one in fields(known.event_class)} if known else {}
    try:
        body = orjson.loads(rest.split(b"\n", 2)[2])
    except (ValueError, IndexError):
        raise LeafMalformedError from None
    return {
        field: value if isinstance(value, str) else orjson.dumps(value).decode()
        for field, value in body.items()
    }


def changes(earlier: StreamAt, later: StreamAt) -> list[Change]:
    """What the two positions say otherwise of one stream."""
    one, other = earlier.state, later.state
    names = list(dict.fromkeys((*one, *other)))
    return [
        Change(name, one.get(name), other.get(name)) for name in names if one.get(name) != other.get(name)
    ]
