"""A table of local codes as laboratories make it in a spreadsheet: CSV, read strictly, each bad row named."""

import csv
import io
from collections.abc import Iterator
from itertools import zip_longest

from domain.code_map import (
    LocalCode,
    MappedCode,
    StandardCodeMalformedError,
    standard_coding,
    standard_system,
)

SIZE_MAX = 10_000_000
_NEEDED = ("system", "code", "standard_system", "standard_code", "standard_display")
_KNOWN = {*_NEEDED, "display"}
_SURPLUS = "surplus"
_REASONS = {
    "standard-system-unknown": "standard_system is neither LOINC nor ФСЛИ",
    "fsli-code-malformed": "standard_code is no code of ФСЛИ: digits only",
    "loinc-code-malformed": "standard_code is no code of LOINC: digits, a dash, a check digit",
    "loinc-check-digit": "the check digit of standard_code is wrong",
}


class TableError(Exception):
    """The table can't be used; `rows` are its bad lines, each with the reason."""

    def __init__(self, rows: list[tuple[int, str]]) -> None:
        super().__init__(len(rows))
        self.rows = rows


class _RowError(Exception):
    """One row can't be used."""


def read_table(content: bytes) -> list[MappedCode]:
    """The mappings of a table; TableError names every row that is wrong."""
    codes: dict[LocalCode, tuple[int, MappedCode]] = {}
    bad: list[tuple[int, str]] = []
    for line, row in _rows(content):
        try:
            mapped = _mapped(row)
            first, known = codes.setdefault(mapped.local, (line, mapped))
            if (known.standard.system, known.standard.code) != (mapped.standard.system, mapped.standard.code):
                raise _RowError(f"the same code means something else in line {first}")
        except _RowError as error:
            bad.append((line, str(error)))
    if bad:
        raise TableError(bad)
    if not codes:
        raise TableError([(1, "the table has no rows")])
    return [mapped for _, mapped in codes.values()]


def _rows(content: bytes) -> Iterator[tuple[int, dict[str, str]]]:
    """The rows that are not empty, each with the line on which it ends."""
    if len(content) > SIZE_MAX:
        raise TableError([(1, f"the table is larger than {SIZE_MAX} bytes")])
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise TableError([(line, "not UTF-8: save it as «CSV UTF-8»")]) from None
    head = text.partition("\n")[0]
    delimiter = ";" if head.count(";") > head.count(",") else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    columns: list[str] | None = None
    while True:
        try:
            row = next(reader, None)
        except csv.Error as error:
            raise TableError([(reader.line_num, f"not CSV: {error}")]) from None
        if row is None:
            return
        cells = [cell.strip() for cell in row]
        if columns is None:
            columns = _columns(cells)
        elif any(cells):
            # A spreadsheet leaves out empty cells at the end, or writes more of them than there are columns.
            named = zip_longest(columns, cells[: len(columns)], fillvalue="")
            yield reader.line_num, dict(named) | {_SURPLUS: "".join(cells[len(columns) :])}


def _columns(cells: list[str]) -> list[str]:
    names = [cell.casefold() for cell in cells]
    while names and not names[-1]:
        names.pop()
    missing = [name for name in _NEEDED if name not in names]
    unknown = [name for name in names if name not in _KNOWN]
    if missing or unknown or len(set(names)) != len(names):
        raise TableError([(1, f"the columns must be {', '.join(_NEEDED)} (and display, if you like)")])
    return names


def _mapped(row: dict[str, str]) -> MappedCode:
    if row[_SURPLUS]:
        raise _RowError("more cells than columns: is a comma or semicolon not in quotes?")
    if not row["code"]:
        raise _RowError("code is empty")
    if standard_system(row["system"]) is not None:
        raise _RowError("a code of LOINC or ФСЛИ is no local code")
    try:
        standard = standard_coding(row["standard_system"], row["standard_code"], row["standard_display"])
    except StandardCodeMalformedError as error:
        raise _RowError(_REASONS[error.reason]) from None
    return MappedCode(
        local=LocalCode(system=row["system"] or None, code=row["code"]),
        standard=standard,
        display=row.get("display") or None,
    )
