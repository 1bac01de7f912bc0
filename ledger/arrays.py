"""Columns of many rows as PostgreSQL arrays in binary form (`array_recv` in its sources).

The driver can write a list as an array, but asks for the type of each value anew: for the small batches
of an append that took longer than sealing their events did.
"""

import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, NamedTuple

import psycopg
from psycopg.adapt import Dumper
from psycopg.pq import Format

_pack_header = struct.Struct(">iiiii").pack
_pack_length = struct.Struct(">i").pack


class Element(NamedTuple):
    """What an array is of: the type's number in PostgreSQL (pg_type.dat), and how a value is sent."""

    type_oid: int
    encode: Callable[[Any], bytes]


UUIDS = Element(2950, attrgetter("bytes"))
BIGINTS = Element(20, struct.Struct(">q").pack)
INTEGERS = Element(23, struct.Struct(">i").pack)
TEXTS = Element(25, str.encode)
BYTES = Element(17, bytes)


@dataclass(frozen=True, slots=True)
class Column:
    """One column, ready to be sent: a parameter that the statement casts to its type."""

    sent: bytes


def column(element: Element, values: Iterable[Any]) -> Column:
    """The values, none of them NULL, as an array of one dimension that begins at 1."""
    encoded = [element.encode(value) for value in values]
    parts = [_pack_header(1, 0, element.type_oid, len(encoded), 1)]
    for value in encoded:
        parts += (_pack_length(len(value)), value)
    return Column(b"".join(parts))


class _ColumnDumper(Dumper):
    """Hands the bytes over; the type is not said, so the statement's cast decides."""

    format = Format.BINARY

    def dump(self, obj: Column) -> bytes:
        return obj.sent


psycopg.adapters.register_dumper(Column, _ColumnDumper)
