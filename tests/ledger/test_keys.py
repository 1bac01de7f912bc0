"""A subject has one data key for each purpose; an erased key and a lost one are never mistaken."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier
from typing import Any
from uuid import UUID

import psycopg
import pytest
from eventsourcing.persistence import StoredEvent

from domain import report
from domain.patient import PhoneStated
from domain.values import Purpose
from ledger import leaf
from ledger.codec import Circumstances, Erased, RecordedEvent, UnreadableEventError
from ledger.keys import DataKey, KeyErasedError, KeyLostError
from ledger.recorder import StreamConflictError
from ledger.store import Ledger, StreamErasedError, Write
from tests.examples import ANNA, BORIS, MATCHED, NOON, OTHER_REPORT, PROFILE, RECEIVED, REPORT, REVISED
from tests.forgery import body, clear_part, rewritten
from tests.scenario import TESTER, recorded

RESULTS = Purpose.RESULTS
ERASE = "UPDATE ledger.data_keys SET wrapped = NULL, erased_at = now() WHERE key_id = %s"


def test_a_key_is_made_once_and_found_again(ledger: Ledger) -> None:
    made = ledger.keys.key_of(ANNA, RESULTS)
    assert ledger.keys.key_of(ANNA, RESULTS) == made
    ledger.keys.forget()
    assert ledger.keys.key_of(ANNA, RESULTS) == made
    assert ledger.keys.open(made.key_id) == made.secret


def test_subjects_and_purposes_have_keys_of_their_own(ledger: Ledger) -> None:
    keys = [
        ledger.keys.key_of(ANNA, RESULTS),
        ledger.keys.key_of(ANNA, Purpose.IDENTITY),
        ledger.keys.key_of(BORIS, RESULTS),
    ]
    assert len({key.key_id for key in keys}) == len({key.secret for key in keys}) == 3


def test_processes_and_threads_that_meet_get_one_key(
    open_ledger: Callable[..., Ledger], sql: psycopg.Connection
) -> None:
    ledgers = [open_ledger(), open_ledger()]
    ready = Barrier(8)

    def ask(number: int) -> list[DataKey]:
        ready.wait()
        return [ledgers[number % 2].keys.key_of(UUID(int=subject), RESULTS) for subject in range(10)]

    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(ask, range(8)))
    assert all(keys == found[0] for keys in found)
    assert sql.execute("SELECT count(*) FROM ledger.data_keys").fetchone() == (10,)


def test_no_secret_lies_in_the_database(ledger: Ledger, sql: psycopg.Connection) -> None:
    key = ledger.keys.key_of(ANNA, RESULTS)
    row = sql.execute("SELECT wrapped FROM ledger.data_keys").fetchone()
    assert row is not None
    assert key.secret not in row[0]


@pytest.mark.parametrize("column", ["wrapped", "subject", "purpose", "key_id"])
def test_a_wrapped_key_that_was_moved_to_another_row_does_not_open(
    ledger: Ledger, sql: psycopg.Connection, column: str
) -> None:
    mine, other = ledger.keys.key_of(ANNA, RESULTS), ledger.keys.key_of(BORIS, Purpose.IDENTITY)
    moved: Any = {
        "wrapped": "(SELECT wrapped FROM ledger.data_keys WHERE subject = %(other)s)",
        "subject": "gen_random_uuid()",
        "purpose": "'contacts'",
        "key_id": "'00000000-0000-4000-8000-000000000009'",
    }[column]
    sql.execute(
        f"UPDATE ledger.data_keys SET {column} = {moved} WHERE subject = %(mine)s",
        {"mine": ANNA, "other": BORIS},
    )
    ledger.keys.forget()
    key_id = UUID("00000000-0000-4000-8000-000000000009") if column == "key_id" else mine.key_id
    with pytest.raises(KeyLostError):
        ledger.keys.open(key_id)
    assert ledger.keys.open(other.key_id) == other.secret


def test_an_erased_key_is_erased_and_a_missing_row_is_lost(ledger: Ledger, sql: psycopg.Connection) -> None:
    erased, lost = ledger.keys.key_of(ANNA, RESULTS), ledger.keys.key_of(BORIS, RESULTS)
    sql.execute(ERASE, (erased.key_id,))
    sql.execute("DELETE FROM ledger.data_keys WHERE key_id = %s", (lost.key_id,))
    ledger.keys.forget()
    with pytest.raises(KeyErasedError):
        ledger.keys.open(erased.key_id)
    with pytest.raises(KeyLostError):
        ledger.keys.open(lost.key_id)
    assert ledger.keys.find_all([erased.key_id]) == {erased.key_id: None}
    with pytest.raises(KeyLostError):
        ledger.keys.find_all([erased.key_id, lost.key_id])


def test_erasure_says_when(ledger: Ledger, sql: psycopg.Connection) -> None:
    ledger.keys.key_of(ANNA, RESULTS)
    for half in ("wrapped = NULL", "erased_at = now()"):
        with pytest.raises(psycopg.errors.CheckViolation):
            sql.execute(f"UPDATE ledger.data_keys SET {half}".encode())


def test_after_an_erasure_the_subject_gets_no_new_key_for_any_purpose(
    ledger: Ledger, sql: psycopg.Connection
) -> None:
    old = ledger.keys.key_of(ANNA, RESULTS)
    sql.execute(ERASE, (old.key_id,))
    ledger.keys.forget()
    for purpose in Purpose:
        with pytest.raises(KeyErasedError):
            ledger.keys.key_of(ANNA, purpose)


# What is sealed under them.


def stored(ledger: Ledger, stream_id: UUID) -> StoredEvent:
    (found,) = ledger.recorder.select_events(stream_id)
    return found


def test_an_event_whose_key_was_erased_says_only_that(ledger: Ledger, sql: psycopg.Connection) -> None:
    recorded(ledger, REPORT, RECEIVED, subject=ANNA)
    recorded(ledger, OTHER_REPORT, RECEIVED, subject=BORIS)
    key = ledger.keys.key_of(ANNA, RESULTS)
    sql.execute(ERASE, (key.key_id,))
    ledger.keys.forget()
    first, second = ledger.read_all()
    assert first.event == Erased("ReportReceived", key.key_id)
    assert second.event == RECEIVED
    with pytest.raises(StreamErasedError):
        ledger.load(REPORT, lambda state, _event: state)


def test_what_was_erased_is_left_out_of_a_state_whose_beginning_is_there(
    ledger: Ledger, sql: psycopg.Connection
) -> None:
    recorded(ledger, REPORT, RECEIVED, subject=REPORT)
    recorded(ledger, REPORT, MATCHED, REVISED, subject=ANNA)
    sql.execute(ERASE, (ledger.keys.key_of(ANNA, RESULTS).key_id,))
    ledger.keys.forget()
    state, version = ledger.load(REPORT, report.evolve)
    assert state is not None
    assert (state.patient_id, state.current, version) == (ANNA, RECEIVED.content, 3)


def test_an_event_whose_key_is_lost_is_an_error(ledger: Ledger, sql: psycopg.Connection) -> None:
    recorded(ledger, REPORT, RECEIVED, subject=ANNA)
    sql.execute("DELETE FROM ledger.data_keys")
    ledger.keys.forget()
    with pytest.raises(UnreadableEventError):
        ledger.read_all()


BEFORE = RecordedEvent(
    event=RECEIVED,
    event_id=UUID(int=1),
    stream_id=REPORT,
    version=1,
    recorded_at=NOON,
    circumstances=Circumstances(actor="laboratory:1"),
    subject=ANNA,
)


@pytest.mark.parametrize(
    "place",
    [
        {"event_id": UUID(int=2)},
        {"stream_id": OTHER_REPORT},
        {"version": 2},
        {"subject": BORIS},
        {"circumstances": Circumstances(actor="laboratory:2")},
        {"recorded_at": NOON.replace(hour=13)},
    ],
    ids=lambda place: next(iter(place)),
)
def test_sealed_data_moved_under_another_leaf_does_not_open(ledger: Ledger, place: dict[str, Any]) -> None:
    """Somebody who can write rows and compute digests, but has no key, puts one body into another event."""
    elsewhere = replace(BEFORE, **place)
    here, there = ledger.mapper.to_stored_event(BEFORE), ledger.mapper.to_stored_event(elsewhere)
    assert ledger.mapper.to_domain_event(there).event == RECEIVED
    commitment = leaf.parse(leaf.split(here.state)[0]).commitment
    forged = rewritten(there, rest=clear_part(there) + body(here), commitment=commitment)
    with pytest.raises(UnreadableEventError, match="NotUnsealedError"):
        ledger.mapper.to_domain_event(forged)


def test_a_commitment_that_does_not_fit_the_data_is_noticed(ledger: Ledger) -> None:
    made = ledger.mapper.to_stored_event(BEFORE)
    with pytest.raises(UnreadableEventError):
        ledger.mapper.to_domain_event(rewritten(made, commitment=bytes(32)))


def test_the_message_of_an_unreadable_event_holds_no_data(ledger: Ledger) -> None:
    made = ledger.mapper.to_stored_event(BEFORE)
    spoilt = made.state[:-1] + bytes([made.state[-1] ^ 1])
    with pytest.raises(UnreadableEventError) as error:
        ledger.mapper.to_domain_event(replace(made, state=spoilt))
    assert "Соколова" not in str(error.value)
    assert error.value.__cause__ is None


def test_a_reader_that_must_not_stop_passes_a_key_that_does_not_open(
    ledger: Ledger, sql: psycopg.Connection
) -> None:
    recorded(ledger, REPORT, RECEIVED, subject=ANNA)
    sql.execute("UPDATE ledger.data_keys SET subject = %s", (BORIS,))
    ledger.keys.forget()
    rows = [(stored(ledger, REPORT), 1)]
    assert len(ledger.mapper.to_readable(rows)) == 1


# Keys of subjects that begin with an append.


def data_keys(sql: psycopg.Connection) -> list[tuple[Any, ...]]:
    return sql.execute("SELECT subject, purpose FROM ledger.data_keys ORDER BY purpose").fetchall()


def test_the_key_of_a_new_subject_is_stored_with_its_first_events(
    ledger: Ledger, sql: psycopg.Connection
) -> None:
    write = Write(ANNA, 0, (PhoneStated(phone="+79990000001"), PROFILE), ANNA)
    ledger.append(write, circumstances=TESTER)
    assert data_keys(sql) == [(ANNA, "contacts"), (ANNA, "identity")]
    ledger.keys.forget()
    assert [one.event for one in ledger.read(ANNA)] == list(write.events)


def test_the_key_of_a_new_subject_is_not_stored_if_its_events_are_not(
    ledger: Ledger, sql: psycopg.Connection
) -> None:
    stated = PhoneStated(phone="+79990000001")
    recorded(ledger, BORIS, stated)
    with pytest.raises(StreamConflictError):
        ledger.append(
            Write(ANNA, 0, (stated,), ANNA), Write(BORIS, 0, (stated,), BORIS), circumstances=TESTER
        )
    assert data_keys(sql) == [(BORIS, "contacts")]


def test_two_that_begin_one_subject_at_once_leave_one_key(
    open_ledger: Callable[..., Ledger], sql: psycopg.Connection
) -> None:
    ledgers, ready = [open_ledger(), open_ledger()], Barrier(6)

    def begin(number: int) -> bool:
        ready.wait()
        write = Write(ANNA, 0, (PhoneStated(phone=f"+7{number}"),), ANNA)
        try:
            ledgers[number % 2].append(write, circumstances=TESTER)
        except StreamConflictError:
            return False
        return True

    with ThreadPoolExecutor(6) as threads:
        won = list(threads.map(begin, range(6)))
    assert won.count(True) == 1
    assert data_keys(sql) == [(ANNA, "contacts")]
    (event,) = ledgers[0].read(ANNA)
    assert event.event == PhoneStated(phone=f"+7{won.index(True)}")
