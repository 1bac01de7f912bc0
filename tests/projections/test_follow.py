"""One loop takes every event into every view once; what can't be taken is set aside and told."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from threading import Event as Signal
from uuid import UUID, uuid4

import psycopg
import pytest
from eventsourcing.persistence import StoredEvent

from domain.linkage import OrganisationLinked
from ledger.codec import EVENT_TYPES, name_of
from ledger.store import Ledger
from projections import AUDIT, PROJECTIONS, audit, cabinet, transparency
from projections.cabinet import CABINET
from projections.follow import (
    PAUSE_SECONDS_MAX,
    POLL_SECONDS,
    Follower,
    NotFollowedError,
    parked,
    pause_after,
    position_of,
    take,
    wait_for,
)
from projections.matching import MATCHING
from projections.projection import Projection
from projections.rebuild import check, digests, rebuild
from projections.together import ApartError, take_together
from tests.examples import (
    ANNA,
    BORIS,
    CLINIC,
    EXAMPLES,
    MATCHED,
    OTHER_REPORT,
    READ,
    RECEIVED,
    REPORT,
    REQUESTED,
    REVISED,
)
from tests.forgery import change_history, insert, rewritten
from tests.scenario import recorded, rows

LINKED = OrganisationLinked(patient_id=ANNA, organisation_id=CLINIC)


def all_digests(ledger: Ledger) -> dict[str, dict[str, str]]:
    with ledger.pool.connection() as connection:
        return {view.name: digests(connection, view, view.name) for view in PROJECTIONS}


def test_every_view_reaches_the_last_position(ledger: Ledger, follower: Follower) -> None:
    for _ in range(3):
        recorded(ledger, uuid4(), READ)
    assert follower.catch_up()
    assert {position_of(ledger, view.name) for view in PROJECTIONS} == {ledger.last_position()}
    wait_for(ledger, ledger.last_position(), PROJECTIONS, seconds=0)


def test_whoever_waits_for_a_position_that_nobody_brings_is_told(ledger: Ledger) -> None:
    recorded(ledger, REPORT, RECEIVED, MATCHED, subject=ANNA)
    with pytest.raises(NotFollowedError):
        wait_for(ledger, ledger.last_position(), PROJECTIONS, seconds=0.05)


def test_taking_events_twice_is_taking_them_once(ledger: Ledger, follower: Follower) -> None:
    recorded(ledger, REPORT, RECEIVED, MATCHED, REVISED, subject=ANNA)
    recorded(ledger, uuid4(), READ)
    follower.catch_up()
    once = all_digests(ledger)
    events = ledger.read_all()
    for view in PROJECTIONS:
        wanted = [one for one in events if view.names is None or name_of(one.event) in view.names]
        take(ledger, view, wanted, until=ledger.last_position())
        take(ledger, view, wanted[1:], until=ledger.last_position())
    assert all_digests(ledger) == once
    assert audit.count(ledger) == 4


def test_a_view_looks_at_exactly_the_events_that_change_it(ledger: Ledger, sql: psycopg.Connection) -> None:
    """An event that a view should look at and does not name would be missing from it in silence."""
    for view in PROJECTIONS:
        if view.names is not None:
            assert view.names <= EVENT_TYPES.keys()
            everything = replace(view, names=None)
            for full, _ in EXAMPLES.values():
                stream_id = uuid4()
                if type(full).__name__ == "ReportRevised" or type(full).__name__.startswith("Notification"):
                    recorded(ledger, stream_id, RECEIVED, REQUESTED)
                recorded(ledger, stream_id, full)
            Follower(ledger, [view]).catch_up()
            with ledger.pool.connection() as connection:
                named = digests(connection, view, view.name)
            for table in (*view.tables, "parked"):
                sql.execute(f"TRUNCATE {view.name}.{table}")
            sql.execute(f"UPDATE {view.name}.tracking SET position = 0")
            Follower(ledger, [everything]).catch_up()
            with ledger.pool.connection() as connection:
                assert digests(connection, view, view.name) == named


def test_a_view_that_is_behind_catches_up_alone(ledger: Ledger, follower: Follower) -> None:
    recorded(ledger, REPORT, RECEIVED, MATCHED, subject=ANNA)
    Follower(ledger, [AUDIT]).catch_up()
    recorded(ledger, REPORT, REVISED, subject=ANNA)
    follower.catch_up()
    assert audit.count(ledger) == 3
    assert len(cabinet.versions_of(ledger, ANNA, REPORT)) == 2


def test_events_in_many_small_steps_are_events_in_one_step(
    ledger: Ledger, follower: Follower, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("projections.follow.BATCH", 2)
    for _ in range(7):
        recorded(ledger, uuid4(), READ)
    follower.catch_up()
    assert audit.count(ledger) == 7
    assert rows(ledger, "SELECT count(*), max(leaf_index) FROM transparency.leaves") == [(7, 6)]


def test_only_one_follows_at_a_time(ledger: Ledger, follower: Follower, sql: psycopg.Connection) -> None:
    recorded(ledger, REPORT, RECEIVED, MATCHED, subject=ANNA)
    sql.execute("SELECT pg_advisory_lock(7597101)")
    assert not follower.catch_up()
    assert audit.count(ledger) == 0
    sql.execute("SELECT pg_advisory_unlock(7597101)")
    assert follower.catch_up()
    assert audit.count(ledger) == 2


def test_two_followers_and_a_writer_give_what_one_gives(
    ledger: Ledger, open_ledger: Callable[..., Ledger], owner: Ledger
) -> None:
    stop = Signal()
    followers = [Follower(open_ledger(), PROJECTIONS) for _ in range(2)]
    with ThreadPoolExecutor(2) as threads:
        running = [threads.submit(one.run, stop) for one in followers]
        for _ in range(20):
            recorded(ledger, uuid4(), replace(READ, report_id=REPORT))
        try:
            wait_for(ledger, ledger.last_position(), PROJECTIONS, seconds=60)
        finally:
            stop.set()
        for future in running:
            future.result()
    assert audit.count(ledger) == 20
    for view in PROJECTIONS:
        assert check(owner, view).is_equal


def test_a_follower_survives_the_loss_of_its_connections(
    ledger: Ledger, follower: Follower, sql: psycopg.Connection
) -> None:
    stop = Signal()
    running = threading.Thread(target=follower.run, args=(stop,))
    running.start()
    try:
        for _ in range(3):
            recorded(ledger, uuid4(), READ)
            # With a time to wait, for without one it only signals: a connection of the test's own would be
            # taken from the pool as good, and end under its next question.
            sql.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        wait_for(ledger, ledger.last_position(), PROJECTIONS, seconds=60)
    finally:
        stop.set()
        running.join()
    assert audit.count(ledger) == 3


# Views that stand together.


def transactions(ledger: Ledger, views: Sequence[Projection]) -> set[str]:
    """Which transactions moved the views last."""
    return {str(rows(ledger, f"SELECT xmin::text FROM {view.name}.tracking")[0][0]) for view in views}


def test_views_that_stand_together_are_moved_by_one_transaction(ledger: Ledger, follower: Follower) -> None:
    recorded(ledger, REPORT, RECEIVED, MATCHED, subject=ANNA)
    follower.step()
    assert len(transactions(ledger, PROJECTIONS)) == 1


def test_a_view_that_set_something_aside_is_moved_alone_and_keeps_no_other_from_going_together(
    ledger: Ledger, follower: Follower, sql: psycopg.Connection
) -> None:
    sql.execute("INSERT INTO matching.parked VALUES (1, %s, 'forged')", (OTHER_REPORT,))
    for stream_id in (REPORT, OTHER_REPORT):
        recorded(ledger, stream_id, RECEIVED, MATCHED, subject=ANNA)
    follower.step()
    place = [view.name for view in PROJECTIONS].index("matching")
    before, (matching, *behind) = PROJECTIONS[:place], PROJECTIONS[place:]
    apart = [transactions(ledger, some) for some in (before, [matching], behind)]
    assert [len(one) for one in apart] == [1, 1, 1] and len(set.union(*apart)) == 3
    assert [reason for _, reason in parked_rows(ledger, "matching")] == ["forged", BEHIND, BEHIND]


def test_a_view_that_stops_undoes_nothing_of_the_others(ledger: Ledger) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    recorded(ledger, REPORT, RECEIVED, MATCHED, subject=ANNA)
    follower = Follower(ledger, [AUDIT, replace(MATCHING, apply=fail, parks=False), CABINET])
    follower.step()
    assert list(follower.stalled) == ["matching"]
    assert position_of(ledger, "matching") == 0
    assert audit.count(ledger) == 2
    assert len(cabinet.reports_of(ledger, ANNA)) == 1


def test_a_view_that_is_not_where_it_was_said_to_be_is_not_taken_together(ledger: Ledger) -> None:
    recorded(ledger, REPORT, RECEIVED, MATCHED, subject=ANNA)
    events = ledger.read_all()
    take(ledger, AUDIT, events[:1], until=events[0].position or 0)
    wanted = [(CABINET, events), (AUDIT, events)]
    with ledger.pool.connection() as connection, pytest.raises(ApartError):
        take_together(connection, ledger, wanted, after=0, until=ledger.last_position())
    assert audit.count(ledger) == 1
    assert cabinet.reports_of(ledger, ANNA) == []


def test_the_longer_a_step_takes_the_longer_more_is_waited_for() -> None:
    assert pause_after(0.001) == POLL_SECONDS
    assert POLL_SECONDS < pause_after(0.05) < pause_after(0.07)
    assert pause_after(5) == PAUSE_SECONDS_MAX < 0.5


# What can't be taken.


def poison(ledger: Ledger, sql: psycopg.Connection, stream_id: UUID, name: str = "ReportRevised") -> int:
    """An event of a newer program: of a schema version, or a name, that this one does not know."""
    recorded(ledger, spare := uuid4(), LINKED)
    (stored,) = ledger.recorder.select_events(spare)
    version = sum(1 for _ in ledger.recorder.select_events(stream_id)) + 1
    fields = {"stream_id": stream_id, "version": version, "event_id": uuid4()}
    return insert(sql, rewritten(stored, name=name, schema_version=2, **fields))


def parked_rows(ledger: Ledger, view: str) -> list[tuple[int, str]]:
    return rows(ledger, f"SELECT position, reason FROM {view}.parked ORDER BY position")


def position(ledger: Ledger, stream_id: UUID, version: int) -> int:
    query = "SELECT notification_id FROM ledger.events WHERE originator_id = %s AND originator_version = %s"
    ((found,),) = rows(ledger, query, (stream_id, version))
    return int(found)


UNREADABLE, BEHIND = "UnreadableEventError", "earlier-event-parked"


def test_an_event_of_a_newer_program_is_parked_and_so_is_its_stream_and_nothing_else(
    ledger: Ledger, follower: Follower, sql: psycopg.Connection
) -> None:
    recorded(ledger, REPORT, RECEIVED, MATCHED, subject=ANNA)
    poisonous = poison(ledger, sql, REPORT)
    recorded(ledger, OTHER_REPORT, RECEIVED, MATCHED, subject=ANNA)
    recorded(ledger, REPORT, REVISED, subject=ANNA)
    follower.catch_up()
    later = position(ledger, REPORT, 4)
    assert parked_rows(ledger, "cabinet") == [(poisonous, UNREADABLE), (later, BEHIND)]
    of_reports = [
        view for view in PROJECTIONS if view.parks and "ReportRevised" in (view.names or EVENT_TYPES)
    ]
    looked_at = dict.fromkeys((view.name for view in of_reports), 2)
    assert parked(ledger, PROJECTIONS) == looked_at and {"cabinet", "audit"} <= looked_at.keys()
    # Order within the stream is kept: the revision is not there; the other report is.
    assert [v.version for v in cabinet.versions_of(ledger, ANNA, REPORT)] == [1]
    assert {row.report_id for row in cabinet.reports_of(ledger, ANNA)} == {REPORT, OTHER_REPORT}
    assert position_of(ledger, "cabinet") == ledger.last_position()


def test_an_event_of_an_unknown_name_is_parked_where_all_names_are_looked_at(
    ledger: Ledger, follower: Follower, sql: psycopg.Connection
) -> None:
    recorded(ledger, REPORT, RECEIVED, MATCHED, subject=ANNA)
    poisonous = poison(ledger, sql, REPORT, "ReportCloned")
    recorded(ledger, REPORT, REVISED, subject=ANNA)
    follower.catch_up()
    later = position(ledger, REPORT, 4)
    assert parked_rows(ledger, "audit") == [(poisonous, "UnknownNameError"), (later, BEHIND)]
    assert parked(ledger, PROJECTIONS) == {"audit": 2}
    assert cabinet.reports_of(ledger, ANNA)[0].version == 2


def test_a_parked_event_stays_parked_and_new_events_of_its_stream_follow_it(
    ledger: Ledger, follower: Follower, sql: psycopg.Connection
) -> None:
    recorded(ledger, REPORT, RECEIVED, MATCHED, subject=ANNA)
    poison(ledger, sql, REPORT)
    follower.catch_up()
    recorded(ledger, REPORT, REVISED, subject=ANNA)
    follower.catch_up()
    assert [reason for _, reason in parked_rows(ledger, "cabinet")] == [UNREADABLE, BEHIND]


def test_the_log_takes_every_event_even_one_that_nobody_can_read(
    ledger: Ledger, follower: Follower, sql: psycopg.Connection
) -> None:
    for name in ("ReportRevised", "ReportCloned"):
        poison(ledger, sql, REPORT, name)
    recorded(ledger, OTHER_REPORT, RECEIVED, subject=ANNA)
    sql.execute("DELETE FROM ledger.data_keys")
    ledger.keys.forget()
    follower.catch_up()
    signed = transparency.latest(ledger)
    assert signed is not None
    assert signed.tree_size == len(ledger.read_stored())


def test_an_event_whose_key_is_lost_is_parked_and_others_go_on(
    ledger: Ledger, follower: Follower, sql: psycopg.Connection
) -> None:
    recorded(ledger, REPORT, RECEIVED, MATCHED, subject=ANNA)
    recorded(ledger, OTHER_REPORT, RECEIVED, replace(MATCHED, patient_id=BORIS), subject=BORIS)
    sql.execute("DELETE FROM ledger.data_keys WHERE subject = %s", (ANNA,))
    ledger.keys.forget()
    follower.catch_up()
    assert [reason for _, reason in parked_rows(ledger, "cabinet")] == [UNREADABLE, BEHIND]
    assert cabinet.reports_of(ledger, ANNA) == []
    assert [row.report_id for row in cabinet.reports_of(ledger, BORIS)] == [OTHER_REPORT]


def test_a_rule_that_fails_parks_its_event_and_not_the_batch(ledger: Ledger, follower: Follower) -> None:
    """Two first versions in one report's stream: no row can be both."""
    recorded(ledger, REPORT, RECEIVED, MATCHED, RECEIVED, subject=ANNA)
    recorded(ledger, OTHER_REPORT, RECEIVED, MATCHED, subject=ANNA)
    follower.catch_up()
    second = position(ledger, REPORT, 3)
    assert parked_rows(ledger, "cabinet") == [(second, "UniqueViolation")]
    assert parked(ledger, PROJECTIONS) == {"cabinet": 1}
    assert len(cabinet.reports_of(ledger, ANNA)) == 2


def test_what_is_parked_says_nothing_of_the_data(ledger: Ledger, follower: Follower) -> None:
    recorded(ledger, REPORT, RECEIVED, RECEIVED, subject=ANNA)
    follower.catch_up()
    text = str(rows(ledger, "SELECT p::text FROM cabinet.parked p"))
    assert "UniqueViolation" in text
    assert "Соколова" not in text
    assert "Глюкоза" not in text


def repair(sql: psycopg.Connection, ledger: Ledger, poisonous: int) -> None:
    """The program learns to read the event: here, the event becomes one that it can read."""
    ((version, topic, state),) = rows(
        ledger,
        "SELECT originator_version, topic, state FROM ledger.events WHERE notification_id = %s",
        (poisonous,),
    )
    known = rewritten(StoredEvent(REPORT, version, topic, state), name="OrganisationLinked", schema_version=1)
    change_history(
        sql,
        (
            "UPDATE ledger.events SET topic = %s, state = %s WHERE notification_id = %s",
            (known.topic, known.state, poisonous),
        ),
    )


def test_a_rebuild_after_the_repair_takes_what_was_parked(
    ledger: Ledger, follower: Follower, owner: Ledger, sql: psycopg.Connection
) -> None:
    recorded(ledger, REPORT, RECEIVED, MATCHED, subject=ANNA)
    poisonous = poison(ledger, sql, REPORT)
    recorded(ledger, REPORT, REVISED, subject=ANNA)
    follower.catch_up()
    repair(sql, ledger, poisonous)
    for view in PROJECTIONS:
        rebuild(owner, view)
    assert parked(ledger, PROJECTIONS) == {}
    assert [v.version for v in cabinet.versions_of(ledger, ANNA, REPORT)] == [1, 2]
    assert audit.count(ledger) == len(ledger.read_stored())
    recorded(ledger, REPORT, REVISED, subject=ANNA)
    follower.catch_up()
    assert [v.version for v in cabinet.versions_of(ledger, ANNA, REPORT)] == [1, 2, 3]


def test_a_rebuild_without_a_repair_parks_the_same_again(
    ledger: Ledger, follower: Follower, owner: Ledger, sql: psycopg.Connection
) -> None:
    recorded(ledger, REPORT, RECEIVED, MATCHED, subject=ANNA)
    poison(ledger, sql, REPORT)
    recorded(ledger, REPORT, REVISED, subject=ANNA)
    follower.catch_up()
    before = all_digests(ledger)
    for view in PROJECTIONS:
        rebuild(owner, view)
    assert all_digests(ledger) == before


def test_a_check_agrees_with_a_view_that_has_parked_events_and_changes_nothing(
    ledger: Ledger, follower: Follower, owner: Ledger, sql: psycopg.Connection
) -> None:
    recorded(ledger, REPORT, RECEIVED, MATCHED, subject=ANNA)
    poison(ledger, sql, REPORT)
    recorded(ledger, REPORT, REVISED, subject=ANNA)
    follower.catch_up()
    before = all_digests(ledger)
    for view in PROJECTIONS:
        assert check(owner, view).is_equal
    assert all_digests(ledger) == before


# Damage must stop the log, and nothing but the log.


def followed(follower: Follower) -> None:
    """As the loop goes: an error of the database is survived, any other would end the thread."""
    with suppress(psycopg.Error):
        follower.catch_up()


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE ledger.events SET state = ''",
        "UPDATE ledger.events SET state = 'letopis/leaf@v1'",
        r"UPDATE ledger.events SET state = 'letopis/leaf@v1\012\012'",
    ],
    ids=["no bytes", "no lines", "too few lines"],
)
def test_a_damaged_row_stalls_the_log_and_the_views_go_on(
    ledger: Ledger, follower: Follower, sql: psycopg.Connection, damage: str
) -> None:
    recorded(ledger, REPORT, RECEIVED, MATCHED, subject=ANNA)
    change_history(sql, (damage + " WHERE originator_id = %s", (REPORT,)))
    recorded(ledger, OTHER_REPORT, RECEIVED, MATCHED, subject=ANNA)
    followed(follower)
    assert [row.report_id for row in cabinet.reports_of(ledger, ANNA)] == [OTHER_REPORT]
    assert rows(ledger, "SELECT count(*) FROM transparency.leaves") == [(0,)]
    assert "transparency" in follower.stalled


@pytest.mark.parametrize(
    "damage",
    [
        "DELETE FROM transparency.tiles",
        "UPDATE transparency.tiles SET hashes = ''",
    ],
)
def test_a_damaged_tree_stalls_the_log_and_the_views_go_on(
    ledger: Ledger, follower: Follower, sql: psycopg.Connection, damage: str
) -> None:
    recorded(ledger, REPORT, RECEIVED, MATCHED, subject=ANNA)
    follower.catch_up()
    sql.execute(damage.encode())
    recorded(ledger, OTHER_REPORT, RECEIVED, MATCHED, subject=ANNA)
    followed(follower)
    assert len(cabinet.reports_of(ledger, ANNA)) == 2
    assert "transparency" in follower.stalled


def test_a_stalled_log_is_tried_again_after_a_rest(
    ledger: Ledger, follower: Follower, sql: psycopg.Connection
) -> None:
    recorded(ledger, uuid4(), READ)
    ((state,),) = rows(ledger, "SELECT state FROM ledger.events")
    change_history(sql, ("UPDATE ledger.events SET state = ''", ()))
    followed(follower)
    assert rows(ledger, "SELECT count(*) FROM transparency.leaves") == [(0,)]
    change_history(sql, ("UPDATE ledger.events SET state = %s", (state,)))
    followed(follower)
    assert rows(ledger, "SELECT count(*) FROM transparency.leaves") == [(0,)]
    follower.stalled.clear()
    followed(follower)
    assert rows(ledger, "SELECT count(*) FROM transparency.leaves") == [(1,)]
