"""The replay finds what a view says that the history does not, and names the event from which on they part."""

from pathlib import Path
from threading import Event as Signal
from threading import Thread
from typing import Any
from uuid import uuid4

import orjson
import psycopg
import pytest

from domain.report import DestructionReason, ReportDestroyed
from ledger import codec, upcast
from ledger.event_types import EVENT_TYPES
from ledger.insertion import Erasure
from ledger.store import Ledger, Write
from projections import AUDIT, CABINET, PROJECTIONS, TRANSPARENCY, Projection, rebuild
from projections.differences import first_position, parting
from projections.follow import Follower, position_of
from projections.rebuild import tables_of
from projections.replay import ReplayedRows, replay
from tests.examples import ANNA, CLINIC, MATCHED, READ, RECEIVED, REGISTERED, REPORT, REVISED
from tests.scenario import TESTER, recorded, rows

Sql = psycopg.Connection
# Where a history goes that has something before and behind what is planted.
OTHERS = (READ, READ, READ)
GOLDEN = Path(__file__).parents[1] / "golden"
# Every view takes its time to make: one test looks at all of them.
SOME = (CABINET, AUDIT, TRANSPARENCY)


def said_of(found: list[ReplayedRows], view: Projection) -> ReplayedRows:
    return next(one for one in found if one.compared.projection == view.name)


def differing(found: list[ReplayedRows]) -> dict[str, int | None]:
    """The views that differ, each with where it parts."""
    return {one.compared.projection: first_position(one.found) for one in found if not one.compared.is_equal}


def told(ledger: Ledger, follower: Follower) -> dict[str, int]:
    """A report that is received, matched and revised among readings; the positions."""
    for _ in OTHERS:
        recorded(ledger, uuid4(), READ)
    places = {}
    for name, event in (("received", RECEIVED), ("matched", MATCHED), ("revised", REVISED)):
        places[name] = recorded(ledger, REPORT, event, subject=ANNA).last
        recorded(ledger, uuid4(), READ)
    follower.catch_up()
    return places


def test_what_is_whole_is_equal_at_one_position(ledger: Ledger, follower: Follower, owner: Ledger) -> None:
    told(ledger, follower)
    found = replay(owner, PROJECTIONS)
    assert [one.compared.projection for one in found] == [view.name for view in PROJECTIONS]
    assert differing(found) == {}
    assert {one.compared.position for one in found} == {ledger.last_position()}
    assert {(one.parked, one.stands_at) for one in found} == {(0, ledger.last_position())}
    # What was made to compare is gone.
    assert rows(owner, "SELECT count(*) FROM pg_namespace WHERE nspname LIKE '%%\\_rebuild'") == [(0,)]


def test_every_version_of_every_event_that_was_ever_stored_is_replayed(
    ledger: Ledger, follower: Follower, owner: Ledger
) -> None:
    """The golden corpus as a history. What no view can make sense of in this order is set aside by both alike."""
    corpus = sorted((GOLDEN / "events").glob("*.json"))
    for path in corpus:
        name, _, version = path.stem.rpartition(".v")
        for data in orjson.loads(path.read_bytes()).values():
            event = codec.from_data(name, orjson.dumps(data), schema_version=int(version))
            recorded(ledger, uuid4(), event)
    follower.catch_up()
    found = replay(owner, PROJECTIONS)
    assert differing(found) == {}
    assert said_of(found, AUDIT).compared.position >= 2 * len(corpus)


@pytest.mark.parametrize("name", ["received", "matched", "revised"])
def test_a_skipped_event_is_named_by_its_position(
    ledger: Ledger, follower: Follower, owner: Ledger, sql: Sql, name: str
) -> None:
    """The negative control of every follower: one that goes past an event without taking it."""
    for _ in OTHERS:
        recorded(ledger, uuid4(), READ)
    place = 0
    for part, event in (("received", RECEIVED), ("matched", MATCHED), ("revised", REVISED)):
        follower.catch_up()
        here = recorded(ledger, REPORT, event, subject=ANNA).last
        if part == name:
            place = here
            sql.execute("UPDATE cabinet.tracking SET position = %s", (here,))
        follower.catch_up()
    recorded(ledger, uuid4(), READ)
    follower.catch_up()
    assert differing(replay(owner, SOME)) == {"cabinet": place}


def test_an_upcaster_that_is_wrong_is_named_by_the_first_event_that_it_reads(
    ledger: Ledger, follower: Follower, owner: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        recorded(ledger, uuid4(), REGISTERED)
    old = recorded(ledger, uuid4(), READ).last
    recorded(ledger, uuid4(), READ)
    follower.catch_up()
    newer = {**EVENT_TYPES, "ReportRead": EVENT_TYPES["ReportRead"]._replace(schema_version=2)}
    monkeypatch.setattr(codec, "EVENT_TYPES", newer)

    def step(data: dict[str, Any]) -> dict[str, Any]:
        return {**data, "report_version": 9}

    monkeypatch.setattr(upcast, "STEPS", {("ReportRead", 1): step})
    found = differing(replay(owner, SOME))
    assert found["audit"] == old


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("UPDATE cabinet.reports SET status = 'registered'", "revised"),
        ("DELETE FROM cabinet.reports", "received"),
        ("UPDATE cabinet.versions SET status = 'amended' WHERE version = 1", "received"),
        ("UPDATE cabinet.reports SET patient_id = gen_random_uuid()", "matched"),
        ("DELETE FROM cabinet.versions WHERE version = 2", "revised"),
    ],
)
def test_an_edited_row_is_named_by_the_event_that_says_what_should_stand_there(  # noqa: PLR0917 - fixtures
    ledger: Ledger, follower: Follower, owner: Ledger, sql: Sql, statement: str, named: str
) -> None:
    places = told(ledger, follower)
    sql.execute(statement.encode())
    assert differing(replay(owner, SOME)) == {"cabinet": places[named]}


def test_a_row_that_no_event_wrote_is_found_and_not_explained(
    ledger: Ledger, follower: Follower, owner: Ledger, sql: Sql
) -> None:
    told(ledger, follower)
    sql.execute(
        "INSERT INTO cabinet.linkages VALUES (%s, %s, true, now())",
        (ANNA, CLINIC),
    )
    found = said_of(replay(owner, SOME), CABINET)
    (one,) = found.found
    assert (one.table, one.position, one.is_extra, one.is_missing) == ("linkages", None, True, False)
    assert str(ANNA) in one.key


def test_what_only_the_live_view_set_aside_is_named(
    ledger: Ledger, follower: Follower, owner: Ledger, sql: Sql
) -> None:
    """A fault of an older program that today's has not: its rows are missing, and its park shows why."""
    places = told(ledger, follower)
    sql.execute("INSERT INTO audit.parked VALUES (%s, %s, 'KeyError')", (places["matched"], REPORT))
    sql.execute("DELETE FROM audit.entries WHERE position = %s", (places["matched"],))
    found = said_of(replay(owner, SOME), AUDIT)
    assert found.parked == 1
    assert {(one.table, one.position) for one in found.found} == {
        ("parked", places["matched"]),
        ("entries", places["matched"]),
    }


def test_a_log_that_gave_a_leaf_away_parts_at_that_leaf(
    ledger: Ledger, follower: Follower, owner: Ledger, sql: Sql
) -> None:
    places = told(ledger, follower)
    sql.execute("DELETE FROM transparency.leaves WHERE position = %s", (places["matched"],))
    found = said_of(replay(owner, SOME), TRANSPARENCY)
    assert first_position(found.found) == places["matched"]


def test_a_view_that_has_stopped_differs_from_where_it_stopped(
    ledger: Ledger, follower: Follower, owner: Ledger, sql: Sql, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("projections.replay.STILL_SECONDS", 0.05)
    recorded(ledger, uuid4(), READ)
    follower.catch_up()
    Follower(ledger, tuple(view for view in SOME if view is not AUDIT)).catch_up()
    late = recorded(ledger, uuid4(), READ).last
    Follower(ledger, tuple(view for view in SOME if view is not AUDIT)).catch_up()
    found = replay(owner, SOME)
    assert differing(found) == {"audit": late}
    assert said_of(found, AUDIT).stands_at < late


def test_it_goes_on_beside_a_follower_that_works(ledger: Ledger, owner: Ledger) -> None:
    """Nothing stands at one position for long under load; still all views are compared at one."""
    stop = Signal()
    follower = Follower(ledger, SOME)
    following = Thread(target=follower.run, args=(stop,), daemon=True)

    def write() -> None:
        while not stop.is_set():
            recorded(ledger, uuid4(), READ)

    writing = Thread(target=write, daemon=True)
    following.start()
    writing.start()
    try:
        for _ in range(2):
            found = replay(owner, SOME)
            assert differing(found) == {}
            assert len({one.compared.position for one in found}) == 1
    finally:
        stop.set()
        writing.join()
        following.join()
    assert position_of(ledger, "cabinet") > 0


@pytest.mark.parametrize("compared_by", ["replay", "check"])
def test_what_is_destroyed_while_it_replays_is_no_difference(
    ledger: Ledger, follower: Follower, owner: Ledger, monkeypatch: pytest.MonkeyPatch, compared_by: str
) -> None:
    """The live view had it when the replay began, and the replay can't read it any more."""
    told(ledger, follower)
    plain, done, stop = rebuild.fill, list[int](), Signal()
    follows = Thread(target=follower.run, args=(stop,))

    def interrupted(*given: Any, **named: Any) -> None:
        done.append(1)
        if len(done) == 1:
            return  # Nothing is replayed yet when the live views are looked at.
        if len(done) == 2:
            destroyed = ReportDestroyed(reason=DestructionReason.RETENTION_ENDED)
            version = max(one.version for one in ledger.read(REPORT))
            write = Write(REPORT, version, (destroyed,))
            ledger.append(write, circumstances=TESTER, erased=[Erasure(ANNA)])
            follows.start()
        plain(*given, **named)

    monkeypatch.setattr(rebuild, "fill", interrupted)
    monkeypatch.setattr("projections.replay.fill", interrupted)
    try:
        found = replay(owner, SOME) if compared_by == "replay" else [rebuild.check(owner, CABINET)]
    finally:
        stop.set()
        follows.join()
    assert all(one.compared.is_equal if isinstance(one, ReplayedRows) else one.is_equal for one in found)


def test_the_rows_of_every_view_have_a_key(sql: Sql) -> None:
    """By its key a row is found on both sides: it may not be empty."""
    for view in PROJECTIONS:
        for table, order in tables_of(view).items():
            unknown = sql.execute(
                "SELECT column_name FROM information_schema.columns WHERE table_schema = %s AND table_name = %s"
                " AND column_name = ANY(%s) AND is_nullable = 'YES'",
                (view.name, table, [key.strip() for key in order.split(",")]),
            ).fetchall()
            assert unknown == [], (view.name, table)


A, B, C = {"x": 1, "y": 1}, {"x": 2, "y": 1}, {"x": 2, "y": 3}


@pytest.mark.parametrize(
    ("said", "live", "expected"),
    [
        ([(10, A), (20, B), (30, C)], C, None),
        ([(10, A), (20, B), (30, C)], A, 20),
        ([(10, A), (20, B), (30, C)], B, 30),
        ([(10, A), (20, B), (30, C)], None, 10),
        # The second was skipped, the third was taken.
        ([(10, A), (20, B), (30, C)], {"x": 1, "y": 3}, 20),
        # Edited: nothing ever said so.
        ([(10, A), (20, B), (30, C)], {"x": 7, "y": 3}, 20),
        ([(10, A), (20, B), (30, C)], {"x": 2, "y": 7}, 30),
        # It should be gone, and is not.
        ([(10, A), (20, None)], A, 20),
        ([], A, None),
    ],
)
def test_where_a_row_parts(said: list[Any], live: Any, expected: int | None) -> None:
    assert parting(said, live) == expected
