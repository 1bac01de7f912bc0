"""A stored row by itself: what no column contradicts is still to be a leaf, in its one spelling."""

from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID

import pytest

from ledger import leaf, merkle
from ledger.stored_rows import Row, fault_of, take_sound

ORIGIN = "ledger.example/analyses"
EVENT, STREAM, KEY = UUID(int=1), UUID(int=2), UUID(int=3)
REST = b"c2FsdA==\n{}\n{}"


def row(*, version: int = 4, name: str = "HistoryRead", spoil: Callable[[bytes], bytes] = bytes) -> Row:
    """An event whose columns and bytes agree; what is spoilt in its leaf is spoilt before its digest is made."""
    head = leaf.header(
        origin=ORIGIN,
        event_id=EVENT,
        stream_id=STREAM,
        version=version,
        name=name,
        schema_version=1,
        recorded_at=datetime(2026, 11, 23, tzinfo=UTC),
        key_id=KEY,
    )
    entry = spoil(leaf.complete(head, rest=REST, commitment=bytes(32)))
    return 9, str(STREAM), version, name, entry + b"\n" + REST, 7, str(EVENT)


def sound(one: Row, *, is_begun: bool = True) -> list[bytes]:
    """The leaf hashes of the rows that are sound; a stretch begins in the middle of the stream, the whole log does not."""
    hashes: list[bytes] = []
    begun: dict[str, int] | None = {} if is_begun else None
    count = take_sound([one], ORIGIN, first=7, versions={}, hashes=hashes, begun=begun)
    assert count == len(hashes)
    return hashes


def test_a_row_whose_bytes_agree_with_it_is_sound() -> None:
    one = row()
    assert sound(one) == [merkle.leaf_hash(one[4].removesuffix(b"\n" + REST))]
    assert sound(row(version=1), is_begun=False)


@pytest.mark.parametrize(
    "one",
    [
        row(name="History Read"),
        row(name="History1"),
        row(name="ИсторияПрочтена"),
        row(name="HistoryRead@1\nx"),
        row(version=0),
        row(version=-1),
        row(spoil=lambda entry: entry.replace(b"@1\n", b"@01\n")),
        row(spoil=lambda entry: entry.replace(b"2026-11-23T", b"2026-11-23 ")),
        row(spoil=lambda entry: entry.replace(str(KEY).encode(), str(KEY).encode()[1:])),
        row(spoil=lambda entry: entry.replace(b"AAAA", b"AA-A", 1)),
        row(spoil=lambda entry: entry.replace(b"letopis/leaf@v1", b"letopis/leaf@v2")),
        row(spoil=lambda entry: entry.replace(ORIGIN.encode(), b"ledger.example/another")),
        row(spoil=lambda entry: entry + b"more\n"),
    ],
)
def test_what_is_no_leaf_is_not_sound_though_every_column_agrees(one: Row) -> None:
    assert sound(one) == []
    assert sound(one, is_begun=False) == []
    assert fault_of(one, ORIGIN, expected=7, before=one[2] - 1, is_behind=False) is not None


@pytest.mark.parametrize(
    ("column", "value"),
    [(1, str(KEY)), (2, 5), (3, "HistoryLost"), (5, 8), (5, None), (6, str(KEY)), (6, None)],
)
def test_a_column_that_says_something_else_is_seen(column: int, value: object) -> None:
    spoilt = list(row())
    spoilt[column] = value
    one: Row = tuple(spoilt)  # type: ignore[assignment]
    assert sound(one) == []
