"""The benchmark at its smallest: on a server of its own, with every figure that is promised."""

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from api import bench

EVENTS = [160, 320]


@pytest.fixture(scope="module")
def smallest() -> bench.Effort:
    return bench.Effort(calls=16, bulk_events=1000, rounds=1, reading_rounds=1)


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
