"""The access log as a file: every reading on a line of its own, made while it is sent, so that it may be long."""

import csv
import io
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import orjson

from api.pages import Locale, phrase

# What a spreadsheet would take for a formula begins with one of these.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
COLUMNS = ("at", "who", "role", "action", "what", "form", "purpose", "right", "entry")
_HEADS = {
    "at": "access.csv.at",
    "who": "access.who",
    "role": "access.csv.role",
    "action": "access.action",
    "what": "access.csv.what",
    "form": "access.csv.form",
    "purpose": "access.purpose",
    "right": "access.csv.right",
    "entry": "access.csv.entry",
}
Row = dict[str, str]
Words = Callable[[dict[str, Any]], Row]


def csv_of(rows: Iterable[dict[str, Any] | None], locale: Locale, words: Words) -> Iterator[bytes]:
    """For spreadsheets: with a mark of UTF-8, and the separator that they expect in the language. What is counted and
    not told has a line that says so."""
    line = io.StringIO()
    writer = csv.writer(line, delimiter=";" if locale == "ru" else ",", lineterminator="\r\n")
    yield b"\xef\xbb\xbf"
    writer.writerow([phrase(_HEADS[name], locale=locale) for name in COLUMNS])
    hidden = ["", phrase("access.csv.hidden", locale=locale), *[""] * (len(COLUMNS) - 2)]
    for row in rows:
        if row is None:
            writer.writerow(hidden)
        else:
            said = words(row)
            writer.writerow([_safe(said[name]) for name in COLUMNS])
        yield _taken(line)
    yield _taken(line)


def _taken(line: io.StringIO) -> bytes:
    text = line.getvalue()
    line.seek(0)
    line.truncate()
    return text.encode()


def _safe(text: str) -> str:
    """Names come from people: none is run as a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def json_of(rows: Iterable[dict[str, Any] | None], about: dict[str, Any]) -> Iterator[bytes]:
    """For programs: stable words, times in UTC; `null` stands for a reading that is counted and not told."""
    yield orjson.dumps(about)[:-1] + b',"readings":['
    for number, row in enumerate(rows):
        yield (b",\n" if number else b"\n") + orjson.dumps(row)
    yield b"\n]}\n"
