"""The forms of an export: rows to files. A file is written in batches, and no more of it is held than one."""

import csv
import hashlib
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import orjson

from api.exports.columns import Column, Kind
from api.exports.rows import Row
from domain.reading import ExportForm

# What a spreadsheet would take for a formula begins with one of these; an apostrophe is among them so that one that is
# put before a cell can be taken away again.
_ESCAPED = ("=", "+", "-", "@", "\t", "\r", "'")
# Of its own characters, base64 begins with one of them.
_ESCAPED_OF_BASE64 = b"+"
PARQUET_GROUP_ROWS = 10_000


class Writing(Protocol):
    """One file in the making."""

    def write(self, rows: Sequence[Row]) -> None: ...

    def close(self) -> None: ...


def written(form: ExportForm, path: Path, columns: Sequence[Column], *, bom: bool) -> Writing:
    """A new file of this form."""
    match form:
        case ExportForm.NDJSON | ExportForm.FHIR_NDJSON:
            return _Ndjson(path)
        case ExportForm.CSV:
            return _Csv(path, columns, bom=bom)
        case ExportForm.PARQUET:
            return _Parquet(path, columns)


class _Ndjson:
    def __init__(self, path: Path) -> None:
        self._file = path.open("wb")

    def write(self, rows: Sequence[Row]) -> None:
        if rows and isinstance(rows[0][1], bytes):
            self._file.write(b"".join([line for _, line in rows]))
            return
        dumps, option = orjson.dumps, orjson.OPT_APPEND_NEWLINE
        self._file.write(b"".join([dumps(row, option=option) for _, row in rows]))

    def close(self) -> None:
        self._file.close()


class _Csv:
    def __init__(self, path: Path, columns: Sequence[Column], *, bom: bool) -> None:
        self._file: BinaryIO = path.open("wb")
        self._lines = io.StringIO()
        self._writer = csv.writer(self._lines)
        if bom:
            self._file.write(b"\xef\xbb\xbf")
        self._writer.writerow([column.name for column in columns])

    def write(self, rows: Sequence[Row]) -> None:
        if rows and isinstance(rows[0][1], bytes):
            self._taken()
            self._file.write(b"".join([line for _, line in rows]))
            return
        self._writer.writerows([[_cell(value) for value in row.values()] for _, row in rows])
        self._taken()

    def close(self) -> None:
        self._taken()
        self._file.close()

    def _taken(self) -> None:
        self._file.write(self._lines.getvalue().encode())
        self._lines.seek(0)
        self._lines.truncate()


def _cell(value: Any) -> str | int:
    """None is an empty cell; what is not flat is JSON."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case int():
            return value
        case str():
            return f"'{value}" if value.startswith(_ESCAPED) else value
        case _:
            return orjson.dumps(value).decode()


# The same cells, of what is bytes already: for readers that give whole lines.


def base64_cell(value: bytes) -> bytes:
    return b"'" + value if value.startswith(_ESCAPED_OF_BASE64) else value


def json_cell(value: bytes) -> bytes:
    return b'"%b"' % value.replace(b'"', b'""') if b'"' in value or b"," in value else value


class _Parquet:
    """Rows wait until a group of them is whole: whatever the batches are, the file is the same."""

    def __init__(self, path: Path, columns: Sequence[Column]) -> None:
        import pyarrow as pa  # type: ignore[import-untyped]  # noqa: PLC0415 - an extra that most never need
        from pyarrow import parquet  # noqa: PLC0415 - as above

        types = {Kind.NUMBER: pa.int64(), Kind.TEXT: pa.string(), Kind.JSON: pa.string()}
        self._arrow = pa
        self._schema = pa.schema([(column.name, types[column.kind]) for column in columns])
        self._is_json = [column.kind is Kind.JSON for column in columns]
        self._writer = parquet.ParquetWriter(path, self._schema, compression="zstd")
        self._waiting: list[Row] = []

    def write(self, rows: Sequence[Row]) -> None:
        self._waiting.extend(rows)
        while len(self._waiting) >= PARQUET_GROUP_ROWS:
            self._group(self._waiting[:PARQUET_GROUP_ROWS])
            del self._waiting[:PARQUET_GROUP_ROWS]

    def close(self) -> None:
        if self._waiting:
            self._group(self._waiting)
        self._writer.close()

    def _group(self, rows: Sequence[Row]) -> None:
        by_column = zip(*(row.values() for _, row in rows), strict=True)
        columns = [
            [None if value is None else orjson.dumps(value).decode() for value in values]
            if is_json
            else list(values)
            for is_json, values in zip(self._is_json, by_column, strict=True)
        ]
        arrays = [
            self._arrow.array(values, type=one.type)
            for values, one in zip(columns, self._schema, strict=True)
        ]
        self._writer.write_table(self._arrow.Table.from_arrays(arrays, schema=self._schema))


def digest_of(path: Path) -> bytes:
    """SHA-256 of a file, which may be long."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()
