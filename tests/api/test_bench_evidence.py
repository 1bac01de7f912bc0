"""The benchmark of evidence measures what it says: a log that verifies, a view that is the same, an export that is whole."""

from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from api import bench_evidence
from api.bench_replay import History
from ledger.custody import Custody


def test_everything_is_measured_beside_its_baseline(database: str, custody: Custody, tmp_path: Path) -> None:
    history = History(database, custody, is_mixed=True)
    with Progress(console=Console(quiet=True)) as progress:
        found = bench_evidence._measured(history, 300, tmp_path, progress)
    assert [one.what for one in found] == list(bench_evidence.MARKS)
    assert all(one.a_second > 0 and one.of_baseline > 0 and one.peak_mib > 10 for one in found)
