"""An export holds a batch of records, however many there are. LETOPIS_EXPORT_EVENTS=100000 proves it at that size."""

import os
import tracemalloc
from pathlib import Path
from uuid import uuid4

import pytest

from api.exports import folder, plan
from api.exports.plan import Asked
from domain.reading import ExportedRecords, ExportForm
from ledger.store import Ledger, Write
from projections import records
from projections.follow import Follower
from projections.transparency import TRANSPARENCY
from tests.examples import READ
from tests.scenario import TESTER

EVENTS = int(os.environ.get("LETOPIS_EXPORT_EVENTS", "4500"))
SMALL = 1500


def grow(ledger: Ledger, count: int) -> None:
    for _ in range(0, count, 1500):
        ledger.append(*[Write(uuid4(), 0, (READ, READ, READ)) for _ in range(500)], circumstances=TESTER)
    Follower(ledger, (TRANSPARENCY,)).catch_up()


def peak_of(ledger: Ledger, into: Path, form: ExportForm) -> int:
    fixed = plan.begin(ledger, Asked(records=ExportedRecords.EVENTS, form=form), TESTER)
    folder.start(into, fixed)
    tracemalloc.start()
    try:
        folder.run(ledger, into)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_does_not_grow_with_the_log(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # So that the smaller export, too, is of several batches.
    monkeypatch.setattr(records, "BATCH", 300)
    forms = (ExportForm.NDJSON, ExportForm.CSV)
    grow(ledger, SMALL)
    small = [peak_of(ledger, tmp_path / f"small-{form}", form) for form in forms]
    grow(ledger, EVENTS)
    large = [peak_of(ledger, tmp_path / f"large-{form}", form) for form in forms]
    assert all(more < 1.2 * less for more, less in zip(large, small, strict=True))
