"""The benchmark of the list at its smallest: every question is asked, finds rows, and leaves the indexes as they were."""

import psycopg
import pytest

from api import bench_cabinet
from api.bench_cabinet import Effort, OtherRowsError
from ledger.store import Ledger
from tests.scenario import rows

_INDEXES = "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'cabinet' ORDER BY 1"


def test_every_question_is_measured_with_its_parts(
    ledger: Ledger, database: str, sql: psycopg.Connection
) -> None:
    before = sql.execute(_INDEXES).fetchall()
    # A folder that is kept is filled once, and holds one size.
    for _ in range(2):
        bench_cabinet.fill_once(ledger, database, Effort(rows=900, own=150))
    with pytest.raises(OtherRowsError):
        bench_cabinet.fill_once(ledger, database, Effort(rows=1000, own=150))
    assert sql.execute(_INDEXES).fetchall() == before
    assert rows(ledger, "SELECT count(*) FROM cabinet.reports") == [(900,)]
    found = bench_cabinet.measure(ledger, Effort(rounds=2))
    counts = {name: figures["rows"] for name, figures in found.items()}
    assert counts["list"] == 50 and counts["search none"] == 0
    assert all(counts[name] for name in ("by status", "by type", "by date", "search"))
    for figures in found.values():
        assert set(figures["parts_ms"]) == {"database", "keys", "unseal", "template"}
