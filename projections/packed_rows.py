"""Many rows in one statement: one JSON array, which PostgreSQL takes apart by the table's own columns.

The driver would write each value of each column by itself, in Python: for a row of eleven values 7 to 17 µs there and 2 to 7
in the database, against 1 and 6.
"""

from collections.abc import Sequence
from typing import Any

import orjson


def packed(rows: Sequence[Any]) -> str:
    """Dictionaries or dataclasses whose names are those of columns, for `json_populate_recordset(NULL::table, %s)`."""
    return orjson.dumps(rows, default=_bytea).decode()


def _bytea(value: object) -> str:
    """Bytes as PostgreSQL reads them from text."""
    assert isinstance(value, bytes)
    return f"\\x{value.hex()}"
