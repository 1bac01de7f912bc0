"""What each append looks at costs the same however large the ledger is, whatever its statistics say: none on the first day
or after an import, old ones before the next analysis."""

from typing import Any

import psycopg
import pytest

EVENTS = 30_000
ERASURES = 3_000
STREAMS = 20
# A B-tree of so many entries is three pages deep; then the page of the row, and as much for a second look.
PAGES_EACH = 16
# Streams of two events each, as long as an event may be before its bytes lie apart: the planner reckons by pages.
_FILL = """
INSERT INTO ledger.events (originator_id, originator_version, topic, state, notification_id)
SELECT md5((n / 2)::text)::uuid, 1 + n % 2, 'SubmissionReceived', repeat('x', 1850)::bytea, n
FROM generate_series(1000, 1000 + {events}) AS n
"""
# A few long streams, as of a ledger that has just begun.
_FILL_YOUNG = """
INSERT INTO ledger.events (originator_id, originator_version, topic, state, notification_id)
SELECT md5('young' || n % {streams})::uuid, 1 + n / {streams}, 'SubmissionReceived', 'x', n
FROM generate_series(0, {events} - 1) AS n
"""
_ERASE = """
INSERT INTO ledger.events (originator_id, originator_version, topic, state, notification_id)
SELECT gen_random_uuid(), 1, 'PatientErased', 'x', 1000000 + n FROM generate_series(1, {erasures}) AS n
"""
_NAMED = f"ARRAY(SELECT md5(n::text)::uuid FROM generate_series(1000, {999 + STREAMS}) AS n)"
_BEHIND = f"ledger.events_behind({_NAMED}, array_fill(0::bigint, ARRAY[{STREAMS}]), 9223372036854775807)"


@pytest.fixture
def bare(sql: psycopg.Connection) -> psycopg.Connection:
    """A ledger without statistics, that takes what no ledger has."""
    sql.execute("ALTER TABLE ledger.events SET (autovacuum_enabled = false)")
    # The database is recycled: an analysis of what an earlier test left there would be believed.
    sql.execute("DELETE FROM pg_statistic WHERE starelid = 'ledger.events'::regclass")
    sql.execute("SET session_replication_role = replica")  # no triggers: nothing of it is a real event
    return sql


@pytest.fixture
def grown(bare: psycopg.Connection) -> psycopg.Connection:
    """A ledger of many events of which there are no statistics."""
    bare.execute(_FILL.format(events=EVENTS).encode())
    return bare


def pages_read(connection: psycopg.Connection, call: str) -> int:
    explain = f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) SELECT * FROM {call}".encode()
    connection.execute(explain)  # plans are made, and what they read of catalogues
    row = connection.execute(explain).fetchone()
    assert row is not None
    plan: dict[str, Any] = row[0][0]["Plan"]
    return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])


def test_a_stream_is_read_by_one_look_before_anything_was_analysed(grown: psycopg.Connection) -> None:
    assert STREAMS <= pages_read(grown, _BEHIND) <= STREAMS * PAGES_EACH


@pytest.mark.parametrize(("streams", "events"), [(1, 40), (1, 3000), (2, 300), (5, 3000)])
def test_a_stream_is_read_by_one_look_after_an_analysis_of_a_few_long_ones(
    bare: psycopg.Connection, streams: int, events: int
) -> None:
    bare.execute(_FILL_YOUNG.format(streams=streams, events=events).encode())
    bare.execute("ANALYZE ledger.events")
    bare.execute("DELETE FROM ledger.events")
    bare.execute(_FILL.format(events=EVENTS).encode())
    assert STREAMS <= pages_read(bare, _BEHIND) <= STREAMS * PAGES_EACH


def test_whether_somebody_was_erased_is_one_look_also_when_nobody_was_at_the_analysis(
    grown: psycopg.Connection,
) -> None:
    grown.execute("ANALYZE ledger.events")
    call = f"ledger.require_unerased({_NAMED}, {_NAMED})"
    assert STREAMS <= pages_read(grown, call) <= STREAMS * PAGES_EACH
    grown.execute(_ERASE.format(erasures=ERASURES).encode())
    assert pages_read(grown, call) <= STREAMS * PAGES_EACH
