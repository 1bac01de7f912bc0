"""Each filter of the audit trail has its way through an index, whatever the planner could read instead."""

import os

import psycopg

from projections.history import Asked, parameters, statement
from tests.examples import ANNA

# LETOPIS_TRAIL_ROWS=1000000 for the size of a region's year.
ROWS = int(os.environ.get("LETOPIS_TRAIL_ROWS", "20000"))
WAYS = [
    (Asked(actor="patient:17"), "entries_actor_idx"),
    (Asked(name="Kind5", before=ROWS // 2), "entries_name_idx"),
    (Asked(stream_id=ANNA), "entries_stream_idx"),
    (Asked(patient_id=ANNA), "entries_patient_idx"),
    (Asked(report_id=ANNA), "entries_report_idx"),
    (Asked(first=100, last=200), "entries_pkey"),
    (Asked(actor="patient:17", after=500), "entries_actor_idx"),
]


def test_each_filter_is_a_way_through_an_index(sql: psycopg.Connection) -> None:
    """Lines of many actors, streams and kinds."""
    sql.execute(
        "INSERT INTO audit.entries SELECT n, gen_random_uuid(), timestamptz '2026-01-01' + n * interval '30 seconds',"
        " 'Kind' || n %% 97, gen_random_uuid(), 1, 'patient:' || n %% 5003, NULL, NULL, NULL, '{}'"
        " FROM generate_series(1, %s) n",
        (ROWS,),
    )
    sql.execute("ANALYZE audit.entries")
    for asked, index in WAYS:
        plan = sql.execute(f"EXPLAIN {statement(asked)}".encode(), parameters(asked, 101)).fetchall()
        text = "\n".join(row[0] for row in plan)
        assert index in text, text
        assert "Seq Scan on entries" not in text, text
