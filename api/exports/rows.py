"""What passes from a reader of records to a form: rows with their positions, a batch at a time."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from api.exports.plan import Plan
from ledger.store import Ledger

# The position of the event that the row is of, and the row: values of JSON, the keys in the order of its columns, or a
# resource of FHIR. Who reads for a form may give its line (bytes) at once.
Row: TypeAlias = tuple[int, Any]


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows in order of position, and how far they go: what lies behind `last` is not looked at yet. `resource` is the type
    of all of them, if they are lines of FHIR."""

    last: int
    rows: list[Row]
    resource: str | None = None


class Reader(Protocol):
    """Reads the records behind a position, at most so many events of them; nothing, when there are no more."""

    def __call__(self, ledger: Ledger, plan: Plan, *, after: int, limit: int) -> Iterator[Batch]: ...
