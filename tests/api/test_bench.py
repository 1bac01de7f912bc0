"""The benchmark at its smallest: on a server of its own, with every figure that is promised."""

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from api import bench, bench_intake

EVENTS = [160, 320]


@pytest.fixture(scope="module")
def smallest() -> bench.Effort:
    intake = bench_intake.Effort(patients=3, submissions=16, batches=2, rounds=1)
    return bench.Effort(calls=16, bulk_events=1000, rounds=1, reading_rounds=1, intake=intake)


@pytest.fixture(scope="module")
def shown() -> io.StringIO:
    return io.StringIO()


@pytest.fixture(scope="module")
def found(smallest: bench.Effort, shown: io.StringIO) -> dict[str, object]:
    return bench.measure(events=EVENTS, effort=smallest, out=Console(file=shown, width=120))


def test_every_target_has_a_measured_value(found: dict[str, object]) -> None:
    targets = found["targets"]
    assert isinstance(targets, list)
    assert [target["what"] for target in targets] == [target.what for target in bench.TARGETS]
    assert all(isinstance(target["value"], float) for target in targets)


def test_each_number_of_callers_is_compared_with_the_library(found: dict[str, object]) -> None:
    append = found["append"]
    assert isinstance(append, dict)
    assert set(append) == {"1", "4", "16"}
    for figures in append.values():
        baseline = figures["baseline"]["median"]
        assert figures["ratio"] == figures["ours"]["median"] / baseline
        assert figures["recorder_ratio"] == figures["recorder"]["median"] / baseline


def test_every_size_is_rebuilt_verified_and_appended_to(found: dict[str, object]) -> None:
    at = found["at"]
    assert isinstance(at, dict)
    assert list(at) == [str(size) for size in EVENTS]
    for size, figures in at.items():
        assert set(figures) == {"rebuild_mixed", "verify_mixed", "append_16"}
        assert figures["verify_mixed"]["events"] >= int(size)
        assert set(figures["rebuild_mixed"]["share_of_wall"]) == {
            "python",
            "cryptography",
            "postgresql",
            "python_waits",
        }


def test_reports_come_in_through_http_and_are_compared_with_rows_alone(found: dict[str, object]) -> None:
    intake = found["intake"]
    assert isinstance(intake, dict)
    for name, clients, reports in (("1", 1, 1), ("16", 16, 1), ("batch", 4, 50)):
        figures = intake[name]
        assert (figures["clients"], figures["reports_per_submission"]) == (clients, reports)
        assert figures["ratio"] == figures["ours"]["median"] / figures["baseline"]["median"]
        assert 0 < figures["p50_ms"] <= figures["p99_ms"]
        assert 0 <= figures["client_share"] < 1


def test_the_cost_of_a_report_is_divided_without_rest(found: dict[str, object]) -> None:
    intake = found["intake"]
    assert isinstance(intake, dict)
    shares = intake["shares"]["shares"]
    assert set(shares) == {"jose", "parsing", "mapping", "ledger"}
    assert abs(sum(shares.values()) - 1) < 1e-9


def test_the_machine_is_named_and_every_commit_was_durable(found: dict[str, object]) -> None:
    machine = found["machine"]
    assert isinstance(machine, dict)
    assert (machine["fsync"], machine["synchronous_commit"]) == ("on", "on")
    assert {"date", "cores", "processor", "memory_mib", "python", "postgresql"} <= set(machine)


def test_the_figures_are_shown_and_can_be_kept_as_json(
    found: dict[str, object], shown: io.StringIO, tmp_path: Path
) -> None:
    kept = tmp_path / "bench.json"
    kept.write_text(json.dumps(found))
    assert json.loads(kept.read_text()) == found
    assert "Targets" in shown.getvalue()
