"""An append is stored as a whole or not at all, at the version that its decision looked at."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from threading import Event as Signal
from time import monotonic, sleep
from uuid import UUID, uuid4

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain import Event, laboratory
from domain.patient import PatientRegistered, PhoneStated, ProfileStated
from domain.reading import AccessLogRead, ReadingPurpose
from domain.values import PatientId, Purpose
from ledger import commands, recorder
from ledger.codec import Circumstances, RecordedEvent
from ledger.custody import Custody
from ledger.insertion import COPY_FROM, LARGE_BYTES, Append, Prepared
from ledger.keys import MintedKeys
from ledger.recorder import Document, Guard, Mark, MarkTakenError, StreamConflictError
from ledger.sealing import NotUnsealedError
from ledger.store import ForeignSecretsError, Ledger, NotMigratedError, Position, Write
from tests.examples import ANNA, BORIS, PROFILE, REGISTERED, REPORT
from tests.scenario import TESTER, recorded, rows

ONE, TWO, THREE = UUID(int=1), UUID(int=2), UUID(int=3)
SMALL = AccessLogRead(patient_id=ANNA, purpose=ReadingPurpose.AUDIT)


def append(ledger: Ledger, stream_id: UUID, version: int, *events: Event, **rest: object) -> Position:
    return ledger.append(Write(stream_id, version, events), circumstances=TESTER, **rest)  # type: ignore[arg-type]


def versions(ledger: Ledger, stream_id: UUID) -> list[int]:
    return [found.version for found in ledger.read(stream_id)]


def stored(ledger: Ledger) -> int:
    return len(ledger.read_all(limit=10_000))


# One append.


def test_events_are_read_back_in_their_order_with_their_circumstances(ledger: Ledger) -> None:
    by = Circumstances(actor="patient:1", on_behalf_of="patient:2", causation_id=ONE, correlation_id=TWO)
    position = ledger.append(Write(ONE, 0, (REGISTERED, SMALL)), circumstances=by)
    found = list(ledger.read(ONE))
    assert [one.event for one in found] == [REGISTERED, SMALL]
    assert [one.version for one in found] == [1, 2]
    assert tuple(one.event_id for one in found) == position.event_ids
    assert {one.circumstances for one in found} == {by}
    assert found[0].recorded_at == found[1].recorded_at
    assert [one.position for one in ledger.read_all()] == [position.last - 1, position.last]
    assert ledger.last_position() == position.last


def test_an_append_of_nothing_stores_nothing(ledger: Ledger) -> None:
    assert ledger.append(circumstances=TESTER) == Position(0, ())
    assert append(ledger, ONE, 0) == Position(0, ())
    assert ledger.last_position() == 0


def test_a_stream_that_is_not_has_no_state_and_version_0(ledger: Ledger) -> None:
    assert ledger.load(ONE, laboratory.evolve) == (None, 0)
    append(ledger, ONE, 0, REGISTERED)
    state, version = ledger.load(ONE, laboratory.evolve)
    assert state is not None
    assert (state.handle, version) == (REGISTERED.handle, 1)


@pytest.mark.parametrize("expected", [0, 1])
def test_whoever_looked_at_an_older_version_is_told_of_the_conflict(ledger: Ledger, expected: int) -> None:
    append(ledger, ONE, 0, SMALL, SMALL)
    with pytest.raises(StreamConflictError):
        append(ledger, ONE, expected, SMALL)
    assert versions(ledger, ONE) == [1, 2]
    append(ledger, ONE, 2, SMALL)
    assert versions(ledger, ONE) == [1, 2, 3]


def test_of_several_streams_all_are_written_or_none(ledger: Ledger) -> None:
    append(ledger, TWO, 0, SMALL)
    with pytest.raises(StreamConflictError):
        ledger.append(
            Write(ONE, 0, (SMALL,)), Write(TWO, 0, (SMALL,)), Write(THREE, 0, (SMALL,)), circumstances=TESTER
        )
    assert (versions(ledger, ONE), versions(ledger, TWO), versions(ledger, THREE)) == ([], [1], [])
    ledger.append(Write(ONE, 0, (SMALL,)), Write(TWO, 1, (SMALL,)), circumstances=TESTER)
    assert (versions(ledger, ONE), versions(ledger, TWO)) == ([1], [1, 2])


def test_positions_have_gaps_and_only_grow(ledger: Ledger) -> None:
    first = append(ledger, ONE, 0, SMALL).last
    for _ in range(3):
        with pytest.raises(StreamConflictError):
            append(ledger, ONE, 0, SMALL)
    second = append(ledger, ONE, 1, SMALL).last
    assert second > first + 1
    assert [one.position for one in ledger.read_all()] == [first, second]


def test_everything_is_read_page_by_page_by_position(ledger: Ledger) -> None:
    for number in range(7):
        append(ledger, UUID(int=number), 0, SMALL)
    pages: list[list[RecordedEvent]] = []
    after = 0
    while page := ledger.read_all(after=after, limit=3):
        pages.append(page)
        after = page[-1].position or 0
    assert [len(page) for page in pages] == [3, 3, 1]
    assert [one.stream_id.int for page in pages for one in page] == list(range(7))


def test_a_ledger_knows_its_own_secrets(custody: Custody, database: str) -> None:
    with pytest.raises(ForeignSecretsError):
        Ledger(database, replace(custody, stream_key=bytes(32)))


def test_a_database_without_a_ledger_is_said_to_be_so(
    database: str, sql: psycopg.Connection, open_ledger: Callable[..., Ledger]
) -> None:
    sql.execute("DROP SCHEMA ledger CASCADE")
    with pytest.raises(NotMigratedError):
        open_ledger()


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(-1, 1)), max_size=12))
def test_whatever_two_appenders_look_at_each_version_has_one_winner(
    ledger: Ledger, looks: list[tuple[int, int]]
) -> None:
    """Each look is at a stream, at its version or beside it: only the true version is taken."""
    streams = [uuid4() for _ in range(3)]
    expected = [0, 0, 0]
    for stream, offset in looks:
        looked_at = max(expected[stream] + offset, 0)
        if looked_at == expected[stream]:
            append(ledger, streams[stream], looked_at, SMALL)
            expected[stream] += 1
        elif looked_at < expected[stream]:
            with pytest.raises(StreamConflictError):
                append(ledger, streams[stream], looked_at, SMALL)
    for stream, version in enumerate(expected):
        assert versions(ledger, streams[stream]) == list(range(1, version + 1))


def test_nobody_appends_beyond_the_end_of_a_stream(ledger: Ledger) -> None:
    """A version that a decision cannot have looked at would leave a hole for ever."""
    with pytest.raises(StreamConflictError):
        append(ledger, ONE, 5, SMALL)


# Many at once.


def test_more_than_two_hundred_events_get_their_positions_in_order(ledger: Ledger) -> None:
    append(ledger, ONE, 0, SMALL)
    many = [replace(SMALL, patient_id=PatientId(UUID(int=number))) for number in range(COPY_FROM + 50)]
    position = append(ledger, TWO, 0, *many)
    found = ledger.read_all(after=1, limit=1000)
    assert [one.event for one in found] == many
    assert tuple(one.event_id for one in found) == position.event_ids
    assert found[-1].position == position.last
    assert append(ledger, THREE, 0, SMALL).last == position.last + 1


def test_many_events_meet_a_conflict_as_few_do(ledger: Ledger) -> None:
    append(ledger, ONE, 0, SMALL)
    with pytest.raises(StreamConflictError):
        ledger.append(Write(TWO, 0, [SMALL] * (COPY_FROM + 1)), Write(ONE, 0, (SMALL,)), circumstances=TESTER)
    assert stored(ledger) == 1


def test_large_states_are_copied_whole(ledger: Ledger) -> None:
    large = replace(REGISTERED, name="я" * 3000)
    append(ledger, ONE, 0, *[large] * 300)
    assert [one.event for one in ledger.read_all(limit=400)] == [large] * 300


# Batches: many callers share one transaction, and none is hurt by its neighbours.


@contextmanager
def append_lock_held(sql: psycopg.Connection) -> Iterator[None]:
    """Everybody who appends waits until the end; so callers queue and are then stored as a batch."""
    with sql.transaction():
        sql.execute("SELECT pg_advisory_xact_lock(7597119)")
        yield


def wait_until(condition: Callable[[], bool]) -> None:
    give_up = monotonic() + 60
    while not condition():
        assert monotonic() < give_up
        sleep(0.005)


def batched(ledger: Ledger, database: str, calls: list[Callable[[], Position]]) -> list[Future[Position]]:
    """Run the calls so that the first leads alone and all others are one batch after it, in this order."""
    with psycopg.connect(database, autocommit=True) as holder, ThreadPoolExecutor(len(calls) + 1) as threads:
        with append_lock_held(holder):
            futures = [threads.submit(append, ledger, uuid4(), 0, SMALL)]
            wait_until(lambda: ledger.recorder._is_led and not ledger.recorder._queue)
            for number, call in enumerate(calls, 1):
                futures.append(threads.submit(call))
                wait_until(lambda number=number: len(ledger.recorder._queue) == number)  # type: ignore[misc]
        return futures[1:]


def transactions(ledger: Ledger) -> int:
    """In how many transactions the stored events came."""
    return len(rows(ledger, "SELECT DISTINCT xmin::text FROM ledger.events"))


def test_callers_that_wait_are_stored_together_in_one_transaction(ledger: Ledger, database: str) -> None:
    calls = [lambda n=n: append(ledger, UUID(int=n), 0, SMALL, SMALL) for n in range(5)]  # type: ignore[misc]
    found = [future.result() for future in batched(ledger, database, calls)]
    assert transactions(ledger) == 2
    for number, position in enumerate(found):
        by_id = {one.event_id: one for one in ledger.read_all()}
        assert [by_id[event_id].stream_id.int for event_id in position.event_ids] == [number, number]
        assert by_id[position.event_ids[-1]].position == position.last


def test_a_conflict_hurts_nobody_else_in_the_batch(ledger: Ledger, database: str) -> None:
    append(ledger, TWO, 0, SMALL)
    futures = batched(
        ledger,
        database,
        [
            lambda: append(ledger, ONE, 0, SMALL),
            lambda: append(ledger, TWO, 0, SMALL),
            lambda: append(ledger, THREE, 0, SMALL),
        ],
    )
    futures[0].result()
    with pytest.raises(StreamConflictError):
        futures[1].result()
    futures[2].result()
    assert [versions(ledger, stream) for stream in (ONE, TWO, THREE)] == [[1], [1], [1]]


def test_of_two_in_one_batch_that_want_one_version_the_first_wins(ledger: Ledger, database: str) -> None:
    other = replace(SMALL, patient_id=BORIS)
    futures = batched(
        ledger, database, [lambda: append(ledger, ONE, 0, SMALL), lambda: append(ledger, ONE, 0, other)]
    )
    futures[0].result()
    with pytest.raises(StreamConflictError):
        futures[1].result()
    assert [one.event for one in ledger.read(ONE)] == [SMALL]


def test_a_broken_guard_hurts_nobody_else_in_the_batch(ledger: Ledger, database: str) -> None:
    append(ledger, TWO, 0, SMALL)
    futures = batched(
        ledger,
        database,
        [
            lambda: append(ledger, ONE, 0, SMALL, guards=[Guard(TWO, 0)]),
            lambda: append(ledger, THREE, 0, SMALL, guards=[Guard(TWO, 1)]),
            lambda: append(ledger, REPORT, 0, SMALL),
        ],
    )
    with pytest.raises(StreamConflictError):
        futures[0].result()
    futures[1].result()
    futures[2].result()
    assert [versions(ledger, stream) for stream in (ONE, THREE, REPORT)] == [[], [1], [1]]


def test_a_taken_mark_hurts_nobody_else_in_the_batch(ledger: Ledger, database: str) -> None:
    append(ledger, TWO, 0, SMALL, marks=[ledger.mark("phone", "1", ANNA)])
    futures = batched(
        ledger,
        database,
        [
            lambda: append(ledger, ONE, 0, SMALL, marks=[ledger.mark("phone", "1", BORIS)]),
            lambda: append(ledger, THREE, 0, SMALL, marks=[ledger.mark("phone", "2", BORIS)]),
        ],
    )
    with pytest.raises(MarkTakenError):
        futures[0].result()
    futures[1].result()
    assert ledger.find("phone", "2") == BORIS


def test_an_append_that_the_database_refuses_hurts_nobody_else_in_the_batch(
    ledger: Ledger, database: str
) -> None:
    futures = batched(
        ledger,
        database,
        [
            lambda: append(ledger, ONE, 0, SMALL, marks=[Mark("\x00", b"", ANNA)]),
            lambda: append(ledger, TWO, 0, SMALL),
        ],
    )
    with pytest.raises(psycopg.Error):
        futures[0].result()
    futures[1].result()
    assert [versions(ledger, stream) for stream in (ONE, TWO)] == [[], [1]]


def test_a_batch_is_no_larger_than_its_limit(ledger: Ledger, database: str) -> None:
    per_call = recorder.BATCH_EVENTS // 2 - 50
    calls = [lambda n=n: append(ledger, UUID(int=n), 0, *[SMALL] * per_call) for n in range(5)]  # type: ignore[misc]
    for future in batched(ledger, database, calls):
        future.result()
    assert stored(ledger) == 5 * per_call + 1
    assert transactions(ledger) == 1 + 3


def test_a_lead_that_is_interrupted_leaves_a_ledger_that_others_can_append_to(ledger: Ledger) -> None:
    class LeadInterruptedError(BaseException):
        pass

    class Interrupting(list[Mark]):
        def __iter__(self) -> Iterator[Mark]:
            raise LeadInterruptedError

    with pytest.raises(LeadInterruptedError):
        append(ledger, ONE, 0, SMALL, marks=Interrupting([ledger.mark("phone", "1", ANNA)]))
    append(ledger, TWO, 0, SMALL)
    assert stored(ledger) == 1


class InterruptedWake:
    """The wake of a caller who is interrupted, as by Ctrl-C, at the moment when it is to lead."""

    def __init__(self) -> None:
        self.released = Signal()
        self.is_held = False

    def acquire(self, blocking: bool = True) -> bool:
        if not blocking or not self.is_held:
            self.is_held = True
            return True
        self.released.wait()
        raise KeyboardInterrupt

    def release(self) -> None:
        self.released.set()


def test_a_successor_that_is_interrupted_leaves_nobody_asleep(ledger: Ledger, database: str) -> None:
    store, queue, gate = ledger.recorder.store, ledger.recorder._queue, Signal()
    slow = Append(lambda: Prepared(()) if gate.wait() else None)  # type: ignore[arg-type, return-value]
    with psycopg.connect(database, autocommit=True) as holder, ThreadPoolExecutor(4) as threads:
        with append_lock_held(holder):
            threads.submit(append, ledger, ONE, 0, SMALL)
            wait_until(lambda: ledger.recorder._is_led and not queue)
            threads.submit(store, slow)
            wait_until(lambda: len(queue) == 1)
            served = threads.submit(append, ledger, TWO, 0, SMALL)
            wait_until(lambda: len(queue) == 2)
        wait_until(lambda: not queue)
        interrupted = threads.submit(store, Append(lambda: Prepared(()), wake=InterruptedWake()))
        wait_until(lambda: len(queue) == 1)
        gate.set()
        with pytest.raises(KeyboardInterrupt):
            interrupted.result(timeout=60)
        asleep = list(ledger.recorder._served)
        for request in asleep:
            request.wake.release()
        assert not asleep and served.result(timeout=60).last > 0
    append(ledger, THREE, 0, SMALL)
    assert stored(ledger) == 3


# Marks: a number belongs to one subject.


def test_a_number_belongs_to_whoever_had_it_first(ledger: Ledger) -> None:
    append(ledger, ONE, 0, SMALL, marks=[ledger.mark("phone", "+79990000001", ANNA)])
    with pytest.raises(MarkTakenError) as taken:
        append(ledger, TWO, 0, SMALL, marks=[ledger.mark("phone", "+79990000001", BORIS)])
    assert taken.value.kind == "phone"
    assert versions(ledger, TWO) == []
    assert ledger.find("phone", "+79990000001") == ANNA
    assert ledger.find("snils", "+79990000001") is None


def test_no_number_is_stored_as_it_is(ledger: Ledger) -> None:
    append(ledger, ONE, 0, SMALL, marks=[ledger.mark("phone", "+79990000001", ANNA)])
    ((mark,),) = rows(ledger, "SELECT mark FROM ledger.blind_index")
    assert b"9990000001" not in mark


def test_of_several_marks_the_taken_one_is_named(ledger: Ledger) -> None:
    append(ledger, ONE, 0, SMALL, marks=[ledger.mark("snils", "1", ANNA)])
    marks = [ledger.mark("phone", "2", BORIS), ledger.mark("snils", "1", BORIS)]
    with pytest.raises(MarkTakenError) as taken:
        append(ledger, TWO, 0, SMALL, marks=marks)
    assert taken.value.kind == "snils"


def cabinet_of_anna(ledger: Ledger) -> None:
    recorded(ledger, ANNA, PatientRegistered(locale="ru"), PhoneStated(phone="+79990000001"))
    recorded(ledger, ANNA, *commands.patient.confirm_phone(commands.load_patient(ledger, ANNA)))


def test_a_patient_may_return_to_an_earlier_snils(ledger: Ledger) -> None:
    """A slip of the finger that has a right check digit, corrected, is not somebody else's number."""
    cabinet_of_anna(ledger)
    slip: ProfileStated = replace(PROFILE, snils="90000005900")
    for profile in (PROFILE, slip, PROFILE):
        commands.state_profile(ledger, ANNA, profile, TESTER)
    assert ledger.find("snils", PROFILE.snils) == ANNA
    assert ledger.find("snils", slip.snils) is None


def test_only_the_owner_of_a_number_releases_it(ledger: Ledger) -> None:
    append(ledger, ONE, 0, SMALL, marks=[ledger.mark("phone", "1", ANNA)])
    append(ledger, TWO, 0, SMALL, released=[ledger.mark("phone", "1", BORIS)])
    assert ledger.find("phone", "1") == ANNA
    append(ledger, TWO, 1, SMALL, released=[ledger.mark("phone", "1", ANNA)])
    assert ledger.find("phone", "1") is None


def test_a_number_is_not_released_by_an_append_that_is_not_stored(ledger: Ledger) -> None:
    append(ledger, ONE, 0, SMALL, marks=[ledger.mark("phone", "1", ANNA)])
    with pytest.raises(StreamConflictError):
        append(ledger, ONE, 0, SMALL, released=[ledger.mark("phone", "1", ANNA)])
    assert ledger.find("phone", "1") == ANNA


# Guards: what a decision looked at has not moved on.


def test_an_append_holds_only_while_what_it_rests_on_stands(ledger: Ledger) -> None:
    append(ledger, TWO, 0, SMALL)
    with pytest.raises(StreamConflictError):
        append(ledger, ONE, 0, SMALL, guards=[Guard(TWO, 0)])
    append(ledger, ONE, 0, SMALL, guards=[Guard(TWO, 1), Guard(THREE, 0)])
    assert versions(ledger, ONE) == [1]


def test_what_moves_on_while_the_append_waits_breaks_the_guard(ledger: Ledger, database: str) -> None:
    futures = batched(
        ledger,
        database,
        [
            lambda: append(ledger, ONE, 0, SMALL),
            lambda: append(ledger, TWO, 0, SMALL, guards=[Guard(ONE, 0)]),
        ],
    )
    futures[0].result()
    with pytest.raises(StreamConflictError):
        futures[1].result()


def test_another_process_that_moves_a_guarded_stream_is_noticed(
    ledger: Ledger, open_ledger: Callable[..., Ledger], sql: psycopg.Connection
) -> None:
    """The other process's append commits between the decision and its storing, under the same lock."""
    other = open_ledger()
    with ThreadPoolExecutor(2) as threads:
        with append_lock_held(sql):
            moving = threads.submit(append, other, ONE, 0, SMALL)
            wait_until(lambda: waiting(sql) == 1)
            guarded = threads.submit(append, ledger, TWO, 0, SMALL, guards=[Guard(ONE, 0)])
            wait_until(lambda: waiting(sql) == 2)
        moving.result()
        with pytest.raises(StreamConflictError):
            guarded.result()
    assert versions(ledger, TWO) == []


def waiting(sql: psycopg.Connection) -> int:
    row = sql.execute(
        "SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database"
        " WHERE locktype = 'advisory' AND NOT granted AND d.datname = current_database()"
    ).fetchone()
    assert row is not None
    return int(row[0])


# Documents: bytes beside the events that name them.


def test_a_document_is_stored_with_its_event_and_key_or_not_at_all(ledger: Ledger) -> None:
    append(ledger, ONE, 0, SMALL)
    refused, keys = sealed(ledger, ONE, b"refused")
    with pytest.raises(StreamConflictError):
        append(ledger, ONE, 0, SMALL, documents=[refused], keys=keys)
    with pytest.raises(KeyError):
        ledger.read_document(refused.document_id)
    assert rows(ledger, "SELECT * FROM ledger.data_keys") == []
    kept, keys = sealed(ledger, ONE, b"kept" * 100_000)
    append(ledger, ONE, 1, SMALL, documents=[kept], keys=keys)
    assert ledger.read_document(kept.document_id) == b"kept" * 100_000
    assert rows(ledger, "SELECT document_id, key_id FROM ledger.documents") == [
        (kept.document_id, kept.key_id)
    ]


def sealed(ledger: Ledger, subject: UUID, content: bytes) -> tuple[Document, MintedKeys]:
    keys = ledger.new_keys(Write(subject, 0, (), subject))
    return ledger.seal_document(subject, content, keys), keys


def test_a_document_moved_to_another_id_or_key_does_not_open(ledger: Ledger, sql: psycopg.Connection) -> None:
    for stream_id in (ONE, TWO):
        document, keys = sealed(ledger, stream_id, b"%d" % stream_id.int)
        append(ledger, stream_id, 0, SMALL, documents=[document], keys=keys)
    sql.execute(
        "UPDATE ledger.documents SET document_id = %s WHERE document_id = %s", (THREE, document.document_id)
    )
    with pytest.raises(NotUnsealedError):
        ledger.read_document(THREE)
    sql.execute(
        "UPDATE ledger.documents SET key_id = (SELECT key_id FROM ledger.data_keys WHERE subject = %s)",
        (ONE,),
    )
    with pytest.raises(NotUnsealedError):
        ledger.read_document(THREE)


def test_many_events_with_documents_keys_and_marks_are_stored_in_one_transaction(ledger: Ledger) -> None:
    keys = ledger.new_keys(Write(ONE, 0, (), ONE))
    contents = [b"0", b"1" * (2 * LARGE_BYTES), b"2", b"3" * (3 * LARGE_BYTES)]
    documents = [ledger.seal_document(ONE, content, keys) for content in contents]
    position = append(
        ledger,
        ONE,
        0,
        *[SMALL] * (COPY_FROM + 1),
        documents=documents,
        keys=keys,
        marks=[ledger.mark("phone", "1", ANNA)],
    )
    assert len(position.event_ids) == COPY_FROM + 1
    assert [ledger.read_document(one.document_id) for one in documents] == contents
    assert transactions(ledger) == 1


# Who may do what.

CHANGES = [
    "UPDATE ledger.events SET topic = 'Other'",
    "DELETE FROM ledger.events",
    "TRUNCATE ledger.events",
    "UPDATE ledger.identity SET origin = 'other'",
    "DELETE FROM ledger.identity",
    "TRUNCATE ledger.identity",
    "UPDATE log.checkpoints SET tree_size = 0",
    "DELETE FROM log.checkpoints",
    "TRUNCATE log.checkpoints",
]


@pytest.mark.parametrize("role", ["owner", "letopis_app", "letopis_auditor"])
def test_nobody_changes_history(ledger: Ledger, sql: psycopg.Connection, role: str) -> None:
    append(ledger, ONE, 0, SMALL)
    if role != "owner":
        sql.execute(f"SET ROLE {role}".encode())
    for change in CHANGES:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            sql.execute(change.encode())
    assert [one.event for one in ledger.read_all()] == [SMALL]


def granted(sql: psycopg.Connection, role: str, table: str) -> set[str]:
    found = sql.execute(
        "SELECT p FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) p"
        " WHERE has_table_privilege(%s, %s, p)",
        (role, table),
    )
    return {row[0] for row in found}


# What each role may do with whole tables: the application, the auditor.
RIGHTS: list[tuple[str, set[str], set[str]]] = [
    ("ledger.events", {"SELECT"}, {"SELECT"}),
    ("ledger.documents", {"SELECT", "INSERT"}, {"SELECT"}),
    ("ledger.identity", {"SELECT"}, {"SELECT"}),
    ("ledger.blind_index", {"SELECT", "INSERT", "DELETE"}, set()),
    ("ledger.data_keys", {"SELECT", "INSERT"}, set()),
    ("log.checkpoints", {"SELECT"}, {"SELECT"}),
    ("log.published", {"SELECT"}, {"SELECT"}),
    ("access.credentials", {"SELECT", "INSERT", "UPDATE", "DELETE"}, set()),
    ("audit.entries", {"SELECT", "INSERT", "UPDATE", "DELETE"}, {"SELECT"}),
    ("transparency.tiles", {"SELECT", "INSERT", "UPDATE", "DELETE"}, {"SELECT"}),
]


def test_each_role_may_do_its_own_work_and_nothing_more(sql: psycopg.Connection) -> None:
    found = [
        (table, granted(sql, "letopis_app", table), granted(sql, "letopis_auditor", table))
        for table, _, _ in RIGHTS
    ]
    assert found == RIGHTS


@pytest.mark.parametrize(
    ("table", "privilege", "columns"),
    [
        ("ledger.events", "INSERT", {"originator_id", "originator_version", "topic", "state"}),
        ("ledger.data_keys", "UPDATE", {"epoch", "wrapped", "erased_at"}),
    ],
)
def test_the_application_writes_these_columns_alone(
    sql: psycopg.Connection, table: str, privilege: str, columns: set[str]
) -> None:
    """No position but the sequence's, and a key stays its subject's."""
    found = sql.execute(
        "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0"
        " AND has_column_privilege('letopis_app', attrelid, attnum, %s)",
        (table, privilege),
    )
    assert {row[0] for row in found} == columns


def test_an_auditor_sees_which_keys_there_are_and_never_a_key(
    ledger: Ledger, sql: psycopg.Connection
) -> None:
    ledger.keys.key_of(ANNA, Purpose.RESULTS)
    sql.execute("SET ROLE letopis_auditor")
    found = sql.execute("SELECT subject, purpose, epoch, erased_at FROM ledger.data_keys").fetchall()
    assert found == [(ANNA, "results", 1, None)]
    for query in ("SELECT wrapped FROM ledger.data_keys", "SELECT * FROM ledger.data_keys"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            sql.execute(query.encode())


def test_no_role_of_ours_can_log_in_or_make_tables(sql: psycopg.Connection) -> None:
    found = sql.execute(
        "SELECT rolcanlogin OR rolsuper OR rolcreaterole OR rolcreatedb,"
        " has_schema_privilege(rolname, 'ledger', 'CREATE'), has_schema_privilege(rolname, 'public', 'CREATE')"
        " FROM pg_roles WHERE rolname IN ('letopis_app', 'letopis_auditor')"
    ).fetchall()
    assert found == [(False, False, False)] * 2


def test_a_stream_is_read_as_it_was_when_the_ledger_ended_earlier(ledger: Ledger) -> None:
    first = recorded(ledger, ONE, SMALL)
    recorded(ledger, TWO, SMALL)
    recorded(ledger, ONE, SMALL)
    count: Callable[[int | None, Event], int] = lambda known, _: (known or 0) + 1  # noqa: E731
    assert ledger.load(ONE, count, as_of=first.last) == (1, 1)
    assert ledger.load(ONE, count, as_of=first.last + 1) == (1, 1)
    assert ledger.load(ONE, count) == (2, 2)
    assert ledger.load(ONE, count, as_of=first.last - 1) == (None, 0)
