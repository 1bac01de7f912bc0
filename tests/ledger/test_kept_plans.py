"""What each append looks at costs the same however large the ledger is, also before anybody has analysed its tables: as
after an import, or on the first day."""

from typing import Any

import psycopg
import pytest

EVENTS = 30_000
STREAMS = 20
# A B-tree of so many entries is three pages deep; then the page of the row.
PAGES_EACH = 8
# Streams of two events each, as long as an event may be before its bytes lie apart: the planner reckons by pages.
_FILL = """
INSERT INTO ledger.events (originator_id, originator_version, topic, state, notification_id)
SELECT md5((n / 2)::text)::uuid, 1 + n % 2, 'SubmissionReceived', repeat('x', 1850)::bytea, n
FROM generate_series(1000, 1000 + %s) AS n
"""
_NAMED = f"ARRAY(SELECT md5(n::text)::uuid FROM generate_series(1000, 1000 + {STREAMS - 1}) AS n)"
_VERSIONS = f"array_fill(0::bigint, ARRAY[{STREAMS}])"
_MARKS = f"ARRAY(SELECT md5(n::text)::bytea FROM generate_series(1000, 1000 + {STREAMS - 1}) AS n)"
_KINDS = f"array_fill('enp'::text, ARRAY[{STREAMS}])"


@pytest.fixture
def grown(sql: psycopg.Connection) -> psycopg.Connection:
    """A ledger of many events and marks of which there are no statistics."""
    sql.execute("ALTER TABLE ledger.events SET (autovacuum_enabled = false)")
    sql.execute("ALTER TABLE ledger.blind_index SET (autovacuum_enabled = false)")
    sql.execute("SET session_replication_role = replica")
    sql.execute(_FILL.replace("%s", str(EVENTS)).encode())
    sql.execute(
        "INSERT INTO ledger.blind_index (kind, mark, subject)"
        " SELECT 'enp', md5(n::text)::bytea, gen_random_uuid() FROM generate_series(1, 100000) AS n"
    )
    sql.execute("SET session_replication_role = origin")
    return sql


@pytest.mark.parametrize(
    "call",
    [
        f"ledger.events_behind({_NAMED}, {_VERSIONS}, 9223372036854775807)",
        f"ledger.require_guards({_NAMED}, {_VERSIONS})",
        f"ledger.require_unerased({_NAMED}, {_NAMED})",
        f"ledger.owners({_KINDS}, {_MARKS})",
    ],
    ids=lambda call: str(call).partition("(")[0].removeprefix("ledger."),
)
def test_each_place_is_one_look_into_an_index(grown: psycopg.Connection, call: str) -> None:
    explain = f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) SELECT * FROM {call}".encode()
    grown.execute(explain)  # plans are made, and what they read of catalogues
    row = grown.execute(explain).fetchone()
    assert row is not None
    plan: dict[str, Any] = row[0][0]["Plan"]
    pages = plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
    assert STREAMS <= pages <= STREAMS * 2 * PAGES_EACH, pages
