"""What a projection is: a schema, its tables, and a rule that turns recorded events into rows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from ledger.codec import RecordedEvent
from ledger.store import Ledger

Rows = psycopg.Cursor[Any]


@dataclass(frozen=True, slots=True)
class Projection:
    """`name` is permanent: it is the schema's name. `tables` are all tables that a rebuild makes anew,
    each with the columns that give its rows one order.

    `apply` writes the rows of some events, in position order, into the schema on the search path. It
    never sends anything, never reads a clock, and gives the same rows for the same events.

    `names` are the stored names of the events that `apply` looks at: others need not be opened for it,
    and only move its position. None means all.

    With `is_write_only`, `apply` never looks at its own rows: where they are only compared, they need no index.

    With `parks`, an event that it can't take is set aside and the others go on. The log can't set
    anything aside: a missing leaf would be a false log."""

    name: str
    tables: dict[str, str]
    apply: Callable[[Rows, Sequence[RecordedEvent], Ledger], None]
    parks: bool = True
    names: frozenset[str] | None = None
    is_write_only: bool = False
