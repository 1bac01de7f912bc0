"""A view that is made anew is the same view, and readers never see half of one."""

import threading
from dataclasses import replace
from random import Random
from threading import Event as Signal
from uuid import UUID, uuid4

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain import Event
from domain.linkage import OrganisationLinked, OrganisationUnlinked
from ledger.recorder import StreamConflictError
from ledger.store import Ledger, Write
from projections import AUDIT, CABINET, PROJECTIONS, Projection, audit, cabinet
from projections.follow import Follower, position_of, wait_for
from projections.rebuild import beside, check, rebuild
from tests.examples import (
    ANNA,
    ATTEMPTED,
    BORIS,
    CLINIC,
    EXAMPLES,
    FAILED,
    HELD,
    MATCHED,
    READ,
    RECEIVED,
    REGISTERED,
    REPORT,
    REQUESTED,
    REVISED,
    SUPPRESSED,
    UNKNOWN,
)
from tests.scenario import TESTER, recorded, rows

# Short stories of one stream each; their events are interleaved at will.
STORIES: list[tuple[Event, ...]] = [
    (RECEIVED, MATCHED, REVISED),
    (HELD, REVISED, replace(MATCHED, patient_id=BORIS)),
    (READ,),
    (REGISTERED,),
    (
        OrganisationLinked(patient_id=ANNA, organisation_id=CLINIC),
        OrganisationUnlinked(patient_id=ANNA, organisation_id=CLINIC),
    ),
    (REQUESTED, ATTEMPTED, FAILED, replace(ATTEMPTED, attempt=2), replace(UNKNOWN, attempt=2)),
    (SUPPRESSED,),
    *(
        tuple(EXAMPLES[name][0] for name in names.split())
        for names in (
            "ReportsShared ShareDescribed ShareOpened ShareExtended ShareRevoked",
            "TicketOpened TicketTaken TicketEscalated TicketAnswered TicketReopened",
            "ConsultationBooked ConsultationMoved ConsultationReminded ConclusionGiven ConsultationHeld",
            "DoctorIntroduced DoctorDescribed DoctorEnded",
            "CorrectionOwed CorrectionTold CorrectionAcknowledged",
            "TalkFirstChosen KeptReportShown",
        )
    ),
]


@pytest.mark.parametrize("view", PROJECTIONS, ids=lambda view: view.name)
def test_an_empty_view_is_checked_and_rebuilt(owner: Ledger, view: Projection) -> None:
    assert check(owner, view).is_equal
    assert rebuild(owner, view) == 0


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.sampled_from(STORIES), st.integers(1, 5)), min_size=1, max_size=5),
    st.randoms(use_true_random=False),
    st.integers(1, 4),
)
def test_the_rebuilt_view_equals_the_live_one(  # noqa: PLR0917 - hypothesis fills them from the right
    ledger: Ledger,
    follower: Follower,
    owner: Ledger,
    told: list[tuple[tuple[Event, ...], int]],
    chance: Random,
    catch_ups: int,
) -> None:
    """Any histories, interleaved in any way, followed in any steps: live == rebuilt. The database goes on
    from example to example, so later examples are rebuilt from a longer history."""
    left = [(uuid4(), list(story[:length])) for story, length in told]
    count = 0
    while left:
        stream_id, story = chance.choice(left)
        recorded(ledger, stream_id, story.pop(0))
        left = [entry for entry in left if entry[1]]
        count += 1
        if count % catch_ups == 0:
            follower.catch_up()
    follower.catch_up()
    for view in PROJECTIONS:
        found = check(owner, view)
        assert found.is_equal, found
        assert found.position == ledger.last_position()


def test_a_difference_is_found_in_its_table(
    ledger: Ledger, follower: Follower, owner: Ledger, sql: psycopg.Connection
) -> None:
    """The negative control: two digests of nothing would be equal, too."""
    recorded(ledger, REPORT, RECEIVED, MATCHED, subject=ANNA)
    follower.catch_up()
    sql.execute("UPDATE cabinet.reports SET status = 'final'")
    found = check(owner, CABINET)
    assert not found.is_equal
    assert {table for table in found.live if found.live[table] != found.rebuilt[table]} == {"reports"}


def test_a_check_compares_at_the_position_of_the_live_view(
    ledger: Ledger, follower: Follower, owner: Ledger
) -> None:
    recorded(ledger, uuid4(), READ)
    follower.catch_up()
    behind = position_of(ledger, "audit")
    recorded(ledger, uuid4(), READ)
    found = check(owner, AUDIT)
    assert found.is_equal
    assert found.position == behind


def test_a_rebuild_mends_a_view_and_catches_it_up(
    ledger: Ledger, follower: Follower, owner: Ledger, sql: psycopg.Connection
) -> None:
    recorded(ledger, REPORT, RECEIVED, MATCHED, subject=ANNA)
    follower.catch_up()
    sql.execute("DELETE FROM cabinet.reports")
    recorded(ledger, REPORT, REVISED, subject=ANNA)
    seen: list[int] = []
    assert rebuild(owner, CABINET, seen=seen.append) == ledger.last_position()
    assert cabinet.reports_of(ledger, ANNA)[0].version == 2
    assert seen[-1] == ledger.last_position()
    # The follower goes on with what took the place of the old view.
    recorded(ledger, UUID(int=1), READ)
    follower.catch_up()
    assert not cabinet.reports_of(ledger, ANNA)[0].is_new


def test_the_log_is_rebuilt_to_the_same_tree(ledger: Ledger, follower: Follower, owner: Ledger) -> None:
    for _ in range(5):
        recorded(ledger, uuid4(), READ)
    with pytest.raises(StreamConflictError):
        ledger.append(Write(ledger.read_all()[0].stream_id, 0, (READ,)), circumstances=TESTER)
    recorded(ledger, uuid4(), READ)
    follower.catch_up()
    view = next(view for view in PROJECTIONS if view.name == "transparency")
    assert check(owner, view).is_equal
    before = rows(ledger, "SELECT * FROM log.checkpoints")
    rebuild(owner, view)
    follower.catch_up()
    # What was signed stays signed, and the same tree is not signed twice.
    assert rows(ledger, "SELECT * FROM log.checkpoints") == before


@pytest.mark.parametrize(("is_kept", "expected"), [(False, set()), (True, {"entries"})])
def test_what_is_only_compared_has_no_index_where_nobody_looks_at_it(
    owner: Ledger, sql: psycopg.Connection, is_kept: bool, expected: set[str]
) -> None:
    with beside(owner, AUDIT, is_kept=is_kept) as schema:
        found = sql.execute(
            "SELECT tablename FROM pg_indexes WHERE schemaname = %s AND tablename = 'entries'", (schema,)
        )
        assert {row[0] for row in found} == expected


def test_nothing_is_left_of_a_check_or_a_rebuild(ledger: Ledger, follower: Follower, owner: Ledger) -> None:
    recorded(ledger, REPORT, RECEIVED, MATCHED, subject=ANNA)
    follower.catch_up()
    schemas = "SELECT nspname FROM pg_namespace WHERE nspname ~ '_(rebuild|old)$'"
    for view in PROJECTIONS:
        check(owner, view)
        rebuild(owner, view)
        rebuild(owner, view)
    assert rows(ledger, schemas) == []


def test_a_killed_rebuild_does_not_stand_in_the_way_of_the_next(
    owner: Ledger, sql: psycopg.Connection
) -> None:
    sql.execute("CREATE SCHEMA cabinet_rebuild; CREATE TABLE cabinet_rebuild.tracking (half int)")
    assert check(owner, CABINET).is_equal


@pytest.mark.parametrize("view", PROJECTIONS, ids=lambda view: view.name)
def test_a_rebuilt_view_has_the_rights_and_indexes_of_the_old_one(
    owner: Ledger, sql: psycopg.Connection, view: Projection
) -> None:
    def shape() -> tuple[object, ...]:
        grants = sql.execute(
            "SELECT table_name, grantee, privilege_type FROM information_schema.role_table_grants"
            " WHERE table_schema = %s AND grantee LIKE 'letopis%%' ORDER BY 1, 2, 3",
            (view.name,),
        ).fetchall()
        usage = sql.execute(
            "SELECT has_schema_privilege(r, %s, 'USAGE') FROM unnest(ARRAY['letopis_app', 'letopis_auditor']) r",
            (view.name,),
        ).fetchall()
        columns = sql.execute(
            "SELECT table_name, column_name, data_type, is_nullable, column_default"
            " FROM information_schema.columns WHERE table_schema = %s ORDER BY table_name, ordinal_position",
            (view.name,),
        ).fetchall()
        indexes = sql.execute(
            "SELECT c.relname, pg_get_indexdef(i.indexrelid) ~ 'UNIQUE', i.indisprimary,"
            " array(SELECT pg_get_indexdef(i.indexrelid, k, true) FROM generate_series(1, i.indnkeyatts) k),"
            " pg_get_expr(i.indpred, i.indrelid)"
            " FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid"
            " JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = %s ORDER BY 1, 2, 3, 4, 5",
            (view.name,),
        ).fetchall()
        checks = sql.execute(
            "SELECT conname, pg_get_constraintdef(c.oid) FROM pg_constraint c"
            " JOIN pg_namespace n ON n.oid = c.connamespace WHERE n.nspname = %s AND contype = 'c' ORDER BY 1",
            (view.name,),
        ).fetchall()
        return grants, usage, columns, indexes, checks

    before = shape()
    rebuild(owner, view)
    assert shape() == before


def test_a_rebuild_takes_its_place_while_a_follower_runs_and_readers_read(
    ledger: Ledger, follower: Follower, owner: Ledger
) -> None:
    """Three rebuilds under a running follower and a writer: no reader sees a view without rows that it
    saw before, and in the end every view is right."""
    stop, counts, errors = Signal(), [0], list[BaseException]()

    def read() -> None:
        try:
            while not stop.is_set():
                counts.append(audit.count(ledger))
        except psycopg.Error as error:
            errors.append(error)

    running = [threading.Thread(target=follower.run, args=(stop,)), threading.Thread(target=read)]
    for thread in running:
        thread.start()
    try:
        for _ in range(3):
            for _ in range(10):
                recorded(ledger, uuid4(), READ)
            for view in PROJECTIONS:
                rebuild(owner, view)
        wait_for(ledger, ledger.last_position(), PROJECTIONS, seconds=60)
        assert all(thread.is_alive() for thread in running)
    finally:
        stop.set()
        for thread in running:
            thread.join()
    assert errors == []
    assert counts == sorted(counts)
    assert audit.count(ledger) == 30
    for view in PROJECTIONS:
        assert check(owner, view).is_equal
