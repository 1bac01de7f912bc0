"""JSON of a submission: parsed strictly, every number kept as sent, every refusal named.

jiter parses; Python's own parser reads what jiter refuses once more, to say what is wrong with it and where, and the two
kinds of numbers of which jiter does not keep the text.
"""

import json
import re
from collections.abc import Iterator
from typing import NoReturn

import jiter

from api.content import ContentError

# As deep as jiter goes down; it counts no empty object or list that is the innermost.
NESTING_LIMIT = 200
_NEITHER_QUOTE_NOR_BRACKET = bytes(set(range(256)) - set(b'"[]{}'))
_ONE_KIND = bytes.maketrans(b"[]{}", b"()()")
_ESCAPED_NUL_OR_SURROGATE = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")
_SURROGATE = re.compile("[\ud800-\udfff]")
# What may be an integer -0, which would come out as 0: laboratories mean something by a sign.
_NEGATIVE_ZERO = re.compile(rb"-0(?<![^\[,:\s]-0)(?![^\],}\s])")

# Whole numbers are whole for jiter too; all others are kept as their text.
Number = int | jiter.LosslessFloat


class ContentNotJsonError(ContentError):
    """The bytes are not the JSON that we take; `reason` says which rule they break."""

    def __init__(self, reason: str) -> None:
        super().__init__("content-not-json", None)
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.code}: {self.reason}"


def number_text(value: object) -> str | None:
    """A number exactly as it was sent; None for what is no number. "5.4" in quotes is none."""
    kind = type(value)
    return str(value) if kind is jiter.LosslessFloat or kind is int else None


def number(text: str) -> Number:
    """The number that `number_text` gives this text of."""
    return jiter.LosslessFloat(text.encode())


def parse_json(raw: bytes) -> object:
    """The value that the bytes say, with each number a `Number`."""
    content = _parsed(raw) if _NEGATIVE_ZERO.search(raw) else _parsed_fast(raw)
    # One sign is found many times faster than two, and most submissions have no backslash at all.
    if b"\\" in raw and _ESCAPED_NUL_OR_SURROGATE.search(raw):
        _check_strings(content)
    return content


def _parsed_fast(raw: bytes) -> object:
    """What is not UTF-8, or has a NUL in it, jiter refuses as well, and what begins with a mark."""
    try:
        return jiter.from_json(
            raw, allow_inf_nan=False, catch_duplicate_keys=True, float_mode="lossless-float"
        )
    except ValueError:
        pass
    return _parsed(raw)


def _parsed(raw: bytes) -> object:
    text = _decoded(raw)
    _check_nesting(raw)
    broken, content = None, None
    try:
        content = json.loads(
            text,
            parse_int=number,
            parse_float=number,
            parse_constant=_refuse_constant,
            object_pairs_hook=_object_of_unique_names,
        )
    except json.JSONDecodeError as error:
        what = "text after the end" if error.msg == "Extra data" else "syntax error"
        broken = f"{what} at line {error.lineno} column {error.colno}"
    if broken:  # raised out here because JSONDecodeError carries the whole content along
        raise ContentNotJsonError(broken)
    return content


def _decoded(raw: bytes) -> str:
    """RFC 8259 section 8.1: UTF-8. A byte order mark before it may be passed by, and systems on Windows write one."""
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise ContentNotJsonError("UTF-16 instead of UTF-8")
    if b"\x00" in raw:
        raise ContentNotJsonError("NUL character")
    text = None
    try:
        text = raw.decode().removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        place = error.start
    if text is None:
        raise ContentNotJsonError(f"not UTF-8 at byte {place}")
    return text


def _check_nesting(raw: bytes) -> None:
    """Counted before parsing: the parser and whoever walks the value after it go down recursively.

    Without escapes, and without pairs of quotes that have no bracket between them, every other piece between
    quotes stands outside of strings. A backslash that is itself outside may confuse the count from there on,
    where the parser stops. Then the innermost pairs are taken away, as often as it may be nested; what is left
    over by a lack of closing ones is nested too."""
    marks = raw.replace(rb"\\", b"").replace(rb"\"", b"").translate(_ONE_KIND, _NEITHER_QUOTE_NOR_BRACKET)
    left = b"".join(marks.replace(b'""', b"").split(b'"')[::2])
    for _ in range(NESTING_LIMIT):
        left = left.replace(b"()", b"")
        if b"()" not in left:
            break
    if b"()" in left or left.count(b"(") > NESTING_LIMIT:
        raise ContentNotJsonError(f"nested deeper than {NESTING_LIMIT}")


def _refuse_constant(_: str) -> NoReturn:
    """RFC 8259 section 6: NaN and the infinities are not numbers of JSON; Python would take them."""
    raise ContentNotJsonError("NaN or Infinity")


def _object_of_unique_names(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Two parsers may keep different ones of two equal names (RFC 8259 section 4), so we keep neither."""
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ContentNotJsonError("duplicate name in an object")
    return members


def _check_strings(content: object) -> None:
    """FHIR strings have no U+0000 (datatypes, string), and PostgreSQL and UTF-8 no lone surrogate."""
    for text in _strings(content):
        if "\x00" in text:
            raise ContentNotJsonError("NUL character")
        if _SURROGATE.search(text):
            raise ContentNotJsonError("lone surrogate")


def _strings(content: object) -> Iterator[str]:
    if isinstance(content, str):
        yield content
    elif isinstance(content, dict):
        for name, member in content.items():
            yield name
            yield from _strings(member)
    elif isinstance(content, list):
        for item in content:
            yield from _strings(item)
