"""Stored bytes: what was written once is read for ever, and one spelling is the only one.

A missing golden file is written by LETOPIS_WRITE_GOLDEN=1; a file that is there is never written again.
"""

import base64
import dataclasses
import os
import types
import typing
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta, timezone
from enum import StrEnum
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
import psycopg
import pytest
from eventsourcing.persistence import StoredEvent
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from domain import Event
from ledger import leaf, upcast
from ledger.codec import (
    EVENT_TYPES,
    NAMES,
    Circumstances,
    EventMapper,
    RecordedEvent,
    StoredBytesDifferError,
    SubjectMissingError,
    UnknownNameError,
    from_data,
    to_data,
)
from ledger.custody import Custody
from ledger.keys import DataKeys
from ledger.leaf import LeafMalformedError
from ledger.store import Ledger
from ledger.upcast import UpcastMissingError
from tests.conftest import ORIGIN
from tests.examples import ANNA, EXAMPLES, GROWN, NOON, RECEIVED, REGISTERED, REPORT
from tests.forgery import rewritten

GOLDEN = Path(__file__).parent.parent / "golden"
STREAM = UUID("11111111-1111-8111-8111-111111111111")
EVENT_ID = UUID("22222222-2222-4222-8222-222222222222")
KEY_ID = UUID("33333333-3333-4333-8333-333333333333")


def golden(name: str, generate: Callable[[], bytes]) -> bytes:
    """A committed file's bytes."""
    path = GOLDEN / name
    if not path.exists() and os.environ.get("LETOPIS_WRITE_GOLDEN") == "1":
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(generate())
    assert path.exists(), f"{name} is missing: write it with LETOPIS_WRITE_GOLDEN=1, and commit it"
    return path.read_bytes()


# Names and shapes.


def test_every_event_of_the_domain_has_one_stored_name_and_no_name_is_without_an_event() -> None:
    assert {stored.event_class for stored in EVENT_TYPES.values()} == set(typing.get_args(Event))
    assert len(NAMES) == len(EVENT_TYPES)


def test_a_stored_name_is_spelled_as_its_class() -> None:
    assert all(name == stored.event_class.__name__ for name, stored in EVENT_TYPES.items())


def test_every_event_has_examples() -> None:
    assert EXAMPLES.keys() == EVENT_TYPES.keys()
    for name, examples in EXAMPLES.items():
        assert {type(event) for event in examples} == {EVENT_TYPES[name].event_class}


def parts_of(annotation: Any) -> Iterator[type]:
    """The dataclasses that a field's type holds, all the way down."""
    if isinstance(annotation, typing.NewType):
        return
    if dataclasses.is_dataclass(annotation):
        assert isinstance(annotation, type)
        yield annotation
        for inner in typing.get_type_hints(annotation).values():
            yield from parts_of(inner)
    for inner in typing.get_args(annotation):
        yield from parts_of(inner)


STORED_CLASSES = sorted(
    {part for stored in EVENT_TYPES.values() for part in parts_of(stored.event_class)},
    key=lambda c: c.__name__,
)


def test_a_default_carries_no_meaning() -> None:
    """Stored bytes leave defaults out: were one changed later, old events would change with it."""
    for stored in STORED_CLASSES:
        for field in dataclasses.fields(stored):
            assert field.default_factory is dataclasses.MISSING, stored
            assert field.default is dataclasses.MISSING or field.default in (None, (), False), stored


def test_what_is_stored_is_frozen_and_named_field_by_field() -> None:
    for stored in STORED_CLASSES:
        assert stored.__dataclass_params__.frozen, stored  # type: ignore[attr-defined]
        assert all(field.kw_only for field in dataclasses.fields(stored)), stored
        # A float does not keep the decimal that was sent.
        assert not {float, dict, list, set} & set(leaves_of(stored)), stored


def leaves_of(annotation: Any) -> Iterator[Any]:
    yield typing.get_origin(annotation) or annotation
    inner = typing.get_type_hints(annotation).values() if dataclasses.is_dataclass(annotation) else ()
    for part in (*inner, *typing.get_args(annotation)):
        yield from leaves_of(part)


# Golden data.


@pytest.mark.parametrize("name", EVENT_TYPES)
def test_stored_data_never_changes(name: str) -> None:
    version = EVENT_TYPES[name].schema_version
    full, minimal = EXAMPLES[name]

    def generate() -> bytes:
        data = {"full": orjson.loads(to_data(full)), "minimal": orjson.loads(to_data(minimal))}
        return orjson.dumps(data, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)

    stored = orjson.loads(golden(f"events/{name}.v{version}.json", generate))
    for example, data in ((full, stored["full"]), (minimal, stored["minimal"])):
        assert to_data(example) == orjson.dumps(data)
        assert from_data(name, orjson.dumps(data), schema_version=version) == example


@pytest.mark.parametrize("name", GROWN)
def test_fields_that_came_later_are_stored_for_ever_too(name: str) -> None:
    stored = golden(f"grown/{name}.json", lambda: to_data(GROWN[name]) + b"\n").rstrip(b"\n")
    assert to_data(GROWN[name]) == stored
    assert from_data(name.partition(".")[0], stored, schema_version=1) == GROWN[name]


@pytest.mark.parametrize("path", sorted((GOLDEN / "events").glob("*.json")), ids=lambda path: path.stem)
def test_every_shape_that_was_ever_stored_is_still_read(path: Path) -> None:
    name, _, version = path.stem.partition(".v")
    for data in orjson.loads(path.read_bytes()).values():
        event = from_data(name, orjson.dumps(data), schema_version=int(version))
        assert type(event) is EVENT_TYPES[name].event_class


# The law: what is written is what is read.


def values(annotation: Any) -> st.SearchStrategy[Any]:
    """Any value of a field's type."""
    if isinstance(annotation, typing.NewType):
        return values(annotation.__supertype__)
    if dataclasses.is_dataclass(annotation):
        assert isinstance(annotation, type)
        hints = typing.get_type_hints(annotation)
        return st.builds(annotation, **{name: values(hint) for name, hint in hints.items()})
    if typing.get_origin(annotation) is tuple:
        return st.lists(values(typing.get_args(annotation)[0]), max_size=2).map(tuple)
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return st.one_of(*(values(part) for part in typing.get_args(annotation)))
    if isinstance(annotation, type) and issubclass(annotation, StrEnum):
        return st.sampled_from(annotation)
    plain: dict[Any, st.SearchStrategy[Any]] = {
        str: st.text(max_size=8),
        int: st.integers(),
        bool: st.booleans(),
        UUID: st.uuids(),
        date: st.dates(),
        time: st.times(),
        datetime: st.datetimes(timezones=st.just(UTC)),
        types.NoneType: st.none(),
    }
    return plain[annotation]


events = st.one_of(*(values(stored.event_class) for stored in EVENT_TYPES.values()))


@given(events)
def test_what_is_written_is_what_is_read(event: Event) -> None:
    name = NAMES[type(event)]
    data = to_data(event)
    found = from_data(name, data, schema_version=EVENT_TYPES[name].schema_version)
    assert found == event
    assert to_data(found) == data


@pytest.mark.parametrize(
    "data",
    [
        {"handle": "a", "name": "b", "inn": "c", "ogrn": "d", "kpp": "e"},
        {"handle": "a", "name": "b", "inn": "c"},
        {"handle": "a", "name": "b", "inn": 7707083893, "ogrn": "d"},
        {"handle": None, "name": "b", "inn": "c", "ogrn": "d"},
    ],
    ids=["a field too many", "a field too few", "a number for text", "null"],
)
def test_data_that_does_not_fit_is_not_read_as_if_it_did(data: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        from_data("LaboratoryRegistered", orjson.dumps(data), schema_version=1)


def test_data_inside_of_data_is_as_strict() -> None:
    data = orjson.loads(to_data(RECEIVED))
    data["content"]["subject"]["nickname"] = "Аня"
    with pytest.raises(ValidationError):
        from_data("ReportReceived", orjson.dumps(data), schema_version=1)


# Leaves.

FIELDS: dict[str, Any] = {
    "origin": ORIGIN,
    "event_id": EVENT_ID,
    "stream_id": STREAM,
    "version": 7,
    "name": "ReportReceived",
    "schema_version": 1,
    "recorded_at": NOON,
    "key_id": KEY_ID,
}
SEALED = leaf.complete(leaf.header(**FIELDS), rest=b"rest", commitment=bytes(range(32)))
OPEN = leaf.complete(leaf.header(**{**FIELDS, "key_id": None}), rest=b"", commitment=None)


@pytest.mark.parametrize(("name", "made"), [("sealed", SEALED), ("open", OPEN)])
def test_the_text_of_a_leaf_never_changes(name: str, made: bytes) -> None:
    assert golden(f"leaves/{name}.txt", lambda: made) == made


def test_a_leaf_is_parsed_to_what_it_was_made_of() -> None:
    found = leaf.parse(SEALED)
    assert {name: getattr(found, name) for name in FIELDS} == FIELDS
    assert found.commitment == bytes(range(32))
    assert leaf.parse(OPEN).key_id is None
    assert leaf.parse(OPEN).commitment is None


def test_the_time_in_a_leaf_is_utc_with_microseconds_whatever_zone_it_came_in() -> None:
    moscow = NOON.astimezone(timezone(timedelta(hours=3)))
    assert leaf.header(**{**FIELDS, "recorded_at": moscow}) == leaf.header(**FIELDS)
    assert b"\n2026-11-23T12:00:00.000000Z\n" in SEALED


MALFORMED = {
    0: [b"letopis/leaf@v2", b"letopis/leaf@v1 ", b""],
    2: [
        str(EVENT_ID).upper().encode() + b"x",
        EVENT_ID.hex.encode(),
        b"{22222222-2222-4222-8222-222222222222}",
    ],
    3: [STREAM.hex.encode(), b"-", b""],
    4: [b"07", b"+7", b" 7", b"7 ", b"seven", b"1_0", b""],
    5: [b"ReportReceived", b"ReportReceived@01", b"ReportReceived@", b"ReportReceived@+1"],
    6: [
        b"2026-11-23T12:00:00.000000+00:00",
        b"2026-11-23T12:00:00Z",
        b"2026-11-23 12:00:00.000000Z",
        b"2026-11-23T15:00:00.000000+03:00",
        b"2026-11-23T24:00:00.000000Z",
        b"20261123T120000.000000Z",
    ],
    7: [KEY_ID.hex.encode(), b"", b"--"],
    8: [b"AAAA=", b"A", b"\xff", b"AA=="[:-1]],
    9: [b"A", b"AAAB=", b"--"],
}


@pytest.mark.parametrize(
    ("place", "line"), [(place, line) for place, lines in MALFORMED.items() for line in lines]
)
def test_a_line_in_another_spelling_is_refused(place: int, line: bytes) -> None:
    lines = SEALED.split(b"\n")
    lines[place] = line
    with pytest.raises(LeafMalformedError):
        leaf.parse(b"\n".join(lines))


@pytest.mark.parametrize(
    ("place", "line"),
    [
        (1, b""),
        (4, b"0"),
        (4, b"-7"),
        (5, b"@1"),
        (5, b"ReportReceived@0"),
        (8, b""),
        (8, b"AAAA"),
        (9, b""),
        (9, b"AAAA"),
    ],
)
def test_a_line_that_no_event_has_is_refused(place: int, line: bytes) -> None:
    lines = SEALED.split(b"\n")
    lines[place] = line
    with pytest.raises(LeafMalformedError):
        leaf.parse(b"\n".join(lines))


@pytest.mark.parametrize(
    "spoilt",
    [
        b"",
        SEALED[:-1],
        SEALED + b"\n",
        SEALED + b"more\n",
        SEALED.replace(b"\n", b"\r\n"),
        b"\n".join(SEALED.split(b"\n")[:-2]) + b"\n",
        SEALED.replace(ORIGIN.encode(), "журнал".encode()),
    ],
    ids=["empty", "no last newline", "two newlines", "a line more", "crlf", "a line less", "not ascii"],
)
def test_a_leaf_with_other_lines_is_refused(spoilt: bytes) -> None:
    with pytest.raises(LeafMalformedError):
        leaf.parse(spoilt)


@given(st.binary(max_size=3), st.integers(0, len(SEALED) - 1))
def test_no_two_texts_are_one_leaf(inserted: bytes, place: int) -> None:
    """Whatever is put into a leaf, it is refused or it is another leaf."""
    spoilt = SEALED[:place] + inserted + SEALED[place + len(inserted) :]
    try:
        found = leaf.parse(spoilt)
    except LeafMalformedError:
        return
    assert (found == leaf.parse(SEALED)) == (spoilt == SEALED)


def test_stored_bytes_are_split_at_the_first_empty_line() -> None:
    assert leaf.split(SEALED + b"\n" + b"rest\n\nof it") == (SEALED, b"rest\n\nof it")
    for spoilt in (b"", SEALED, b"other/leaf@v1\n\n"):
        with pytest.raises(LeafMalformedError):
            leaf.split(spoilt)


# Old shapes.


def test_a_missing_step_is_an_error_and_never_a_guess() -> None:
    with pytest.raises(UpcastMissingError):
        upcast.upcast("ConsentGranted", {}, stored=0, current=1)
    with pytest.raises(UpcastMissingError):
        upcast.upcast("ConsentGranted", {}, stored=2, current=1)


def test_steps_are_taken_one_after_another(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = {
        ("ConsentGranted", 1): lambda data: {**data, "seen": [1]},
        ("ConsentGranted", 2): lambda data: {**data, "seen": [*data["seen"], 2]},
    }
    monkeypatch.setattr(upcast, "STEPS", steps)
    assert upcast.upcast("ConsentGranted", {}, stored=1, current=3) == {"seen": [1, 2]}
    assert upcast.upcast("ConsentGranted", {"a": 1}, stored=3, current=3) == {"a": 1}


def test_every_older_version_has_its_step_and_its_golden_file() -> None:
    for name, stored in EVENT_TYPES.items():
        for version in range(1, stored.schema_version):
            assert (name, version) in upcast.STEPS
            assert (GOLDEN / "events" / f"{name}.v{version}.json").exists()


def test_an_unknown_name_is_an_error() -> None:
    with pytest.raises(UnknownNameError):
        from_data("PatientCloned", b"{}", schema_version=1)


# Whole stored bytes.

FIXED = Custody(
    folder=Path("nowhere"),
    wrapping_keys={1: bytes(range(32))},
    index_key=bytes(range(32, 64)),
    stream_key=bytes(range(160, 192)),
    log_public_key=bytes(range(64, 96)),
    log_cosigner_key=bytes(1312),
    message_key=bytes(range(96, 128)),
)
DATA_KEY = bytes(range(128, 160))
RECORDED = RecordedEvent(
    event=RECEIVED,
    event_id=EVENT_ID,
    stream_id=REPORT,
    version=1,
    recorded_at=NOON,
    circumstances=Circumstances(
        actor="laboratory:invitro", on_behalf_of="patient:anna", causation_id=EVENT_ID, correlation_id=STREAM
    ),
)


@pytest.fixture
def fixed(ledger: Ledger) -> DataKeys:
    return DataKeys(ledger.pool, FIXED)


def test_bytes_that_were_stored_years_ago_still_open(fixed: DataKeys, sql: psycopg.Connection) -> None:
    """The leaf, the seal, the commitment and the wrapping of the key, in bytes that were written once."""

    def generate() -> bytes:
        about = f"letopis/data-key@v1\n{KEY_ID}\n{ANNA}\nresults\n1\n".encode()
        wrapped = FIXED.wrap(DATA_KEY, about=about)
        put(sql, wrapped)
        stored = EventMapper(ORIGIN, fixed).to_stored_event(dataclasses.replace(RECORDED, subject=ANNA))
        sql.execute("DELETE FROM ledger.data_keys")
        fixed.forget()
        return base64.encodebytes(wrapped) + b"\n" + base64.encodebytes(stored.state)

    wrapped, _, state = golden("stored/ReportReceived.v1.base64", generate).partition(b"\n\n")
    put(sql, base64.decodebytes(wrapped))
    stored = StoredEvent(REPORT, 1, "ReportReceived", base64.decodebytes(state))
    found = EventMapper(ORIGIN, fixed).to_domain_event(stored)
    expected = dataclasses.replace(RECORDED, key_id=KEY_ID, leaf=leaf.split(stored.state)[0])
    assert found == expected


def put(sql: psycopg.Connection, wrapped: bytes) -> None:
    sql.execute(
        "INSERT INTO ledger.data_keys (key_id, subject, purpose, epoch, wrapped)"
        " VALUES (%s, %s, 'results', 1, %s)",
        (KEY_ID, ANNA, wrapped),
    )


def test_open_bytes_that_were_stored_years_ago_are_still_read(ledger: Ledger) -> None:
    recorded = dataclasses.replace(RECORDED, event=REGISTERED)
    state = golden(
        "stored/LaboratoryRegistered.v1.txt", lambda: ledger.mapper.to_stored_event(recorded).state
    )
    found = ledger.mapper.to_domain_event(StoredEvent(REPORT, 1, "LaboratoryRegistered", state))
    assert found == dataclasses.replace(recorded, leaf=leaf.split(state)[0])


def test_equal_events_have_unequal_leaves(ledger: Ledger) -> None:
    """Leaves are public: without a salt, whoever guesses an open event could confirm the guess."""
    recorded = dataclasses.replace(RECORDED, event=REGISTERED)
    digests = {
        leaf.parse(leaf.split(ledger.mapper.to_stored_event(recorded).state)[0]).digest for _ in range(3)
    }
    assert len(digests) == 3


def test_a_personal_event_says_nothing_in_its_stored_bytes(ledger: Ledger) -> None:
    state = ledger.mapper.to_stored_event(dataclasses.replace(RECORDED, subject=ANNA)).state
    for word in ("Соколова", "9911111111111112", "7.20", "1984"):
        assert word.encode() not in state
    assert str(ANNA).encode() not in state


def test_a_personal_event_without_a_subject_is_refused(ledger: Ledger) -> None:
    with pytest.raises(SubjectMissingError):
        ledger.mapper.to_stored_event(RECORDED)


def test_stored_bytes_that_disagree_with_their_columns_are_refused(ledger: Ledger) -> None:
    stored = ledger.mapper.to_stored_event(dataclasses.replace(RECORDED, event=REGISTERED))
    assert ledger.mapper.to_domain_event(stored).event == REGISTERED
    changes: list[dict[str, Any]] = [
        {"originator_id": STREAM},
        {"originator_version": 2},
        {"topic": "LaboratoryKeyAdded"},
        {"state": rewritten(stored, origin="letopis.other/log").state},
        {"state": stored.state[:-2] + b" }"},
        {"state": stored.state.replace(b"laboratory:invitro", b"laboratory:INVITRO")},
        {"state": b""},
        {"state": b"{}"},
    ]
    for change in changes:
        with pytest.raises(StoredBytesDifferError):
            ledger.mapper.to_domain_event(dataclasses.replace(stored, **change))


@pytest.mark.parametrize(
    "state",
    [
        b"letopis/leaf@v1\n\n",
        SEALED.replace(b"\n7\n", b"\nseven\n") + b"\nrest",
        SEALED.replace(b"ReportReceived", b"\xff\xfe") + b"\nrest",
    ],
    ids=["too few lines", "version", "name"],
)
def test_any_damage_to_a_leaf_is_one_kind_of_error(ledger: Ledger, state: bytes) -> None:
    with pytest.raises(StoredBytesDifferError):
        ledger.mapper.to_domain_event(StoredEvent(STREAM, 7, "ReportReceived", state))
