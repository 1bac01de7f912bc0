"""A log that is read in stretches, by several processes: what is sound is sound in them, and nothing is that is not.

That every edit is found, and called the same as in one pass, is in test_verify.py.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID, uuid4

import orjson
import pytest

from ledger.custody import Custody
from ledger.store import Ledger, Write
from projections import PROJECTIONS, verify, verify_stretches
from projections.follow import Follower
from tests.examples import READ
from tests.projections.test_verify import SIZE, Log, finished, log, small, small_stretches, submit
from tests.scenario import TESTER

ROOT = Path(__file__).parents[2]
__all__ = ["finished", "log"]  # fixtures


@pytest.fixture
def no_one_pass(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Whoever would read it all in one pass after all, fails."""
    with small_stretches():
        monkeypatch.delattr(verify._Reading, "_read_in_one_pass")
        yield


@pytest.mark.parametrize("processes", [0, 2])
def test_a_sound_log_is_sound_in_stretches(log: Log, no_one_pass: None, processes: int) -> None:
    seen: list[int] = []
    found = verify.verify(log.conninfo, log=log.key, processes=processes, seen=seen.append)
    assert (found.finding, found.events, found.tree_size, found.documents) == (None, SIZE, SIZE, 2)
    assert seen == [256, 512, SIZE]


def test_it_says_the_same_as_one_pass(log: Log) -> None:
    with small_stretches():
        assert log.verify(processes=0) == log.verify(processes=1)


def test_streams_go_on_from_stretch_to_stretch_and_events_wait_behind_the_last(
    log: Log, custody: Custody, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream_id = uuid4()
    with Ledger(log.conninfo, custody) as ledger:
        for version in range(3):
            ledger.append(Write(stream_id, version, (READ,)), circumstances=TESTER)
            small(ledger, 256)
        submit(ledger, UUID(int=9))
        Follower(ledger, PROJECTIONS).catch_up()
        ledger.append(Write(stream_id, 3, (READ,)), circumstances=TESTER)
        small(ledger, 5)
    with small_stretches():
        one_pass = log.verify(processes=1)
        monkeypatch.delattr(verify._Reading, "_read_in_one_pass")
        assert log.verify(processes=0) == one_pass
    assert (one_pass.finding, one_pass.events) == (None, SIZE + 3 * 257 + 1 + 6)


def test_a_log_that_ends_with_a_whole_stretch(log: Log, custody: Custody, no_one_pass: None) -> None:
    with Ledger(log.conninfo, custody) as ledger:
        small(ledger, 3 * 256 - SIZE)
        Follower(ledger, PROJECTIONS).catch_up()
    assert log.verify(processes=0).tree_size == 3 * 256


def test_a_wrong_number_of_a_submission_in_a_later_stretch_is_found(log: Log) -> None:
    log.change("UPDATE ledger.numbers SET number = 3 WHERE number = 2")
    with small_stretches():
        found = log.verify(processes=0)
    assert found == log.verify(processes=1)
    assert found.finding is not None and found.finding.leaf_index == SIZE - 1


def test_versions_of_a_stream_are_joined_over_stretches() -> None:
    for first, is_sound in ((3, True), (2, False), (4, False), (1, False)):
        with verify_stretches._Versions.opened() as versions:
            versions.add({"a": said({"a0": 2}), "b": said({"b0": 1})})
            versions.add({"a": said({"a1": 1}, a0=(first, 5))})
            versions.add({"a": said({}, a0=(6, 6))})
            assert versions.are_without_gap() == is_sound
    with verify_stretches._Versions.opened() as versions:
        versions.add({"c": said({}, c0=(2, 2))})
        assert not versions.are_without_gap()
    with verify_stretches._Versions.opened() as versions:
        versions.add({"d": said({"d0": 1, "d1": 3})})
        versions.add({"d": said({"d1": 1})})
        assert not versions.are_without_gap()


def said(begun: dict[str, int], **going_on: tuple[int, int]) -> bytes:
    """What a stretch says of the streams that begin in it, and of those that go on."""
    return orjson.dumps((begun, going_on))


def test_a_process_that_is_lost_costs_time_and_nothing_else(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = subprocess.Popen

    def lost(*arguments: object, **options: object) -> subprocess.Popen[bytes]:
        process = started(*arguments, **options)
        os.kill(process.pid, signal.SIGKILL)
        return process

    monkeypatch.setattr(subprocess, "Popen", lost)
    with small_stretches():
        assert log.verify(processes=2) == log.verify(processes=1)


def test_where_the_database_is_stands_in_no_command_line(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    started, said = subprocess.Popen, list[bytes]()

    def looked_at(*arguments: object, **options: object) -> subprocess.Popen[bytes]:
        process = started(*arguments, **options)
        said.append(Path(f"/proc/{process.pid}/cmdline").read_bytes())
        return process

    monkeypatch.setattr(subprocess, "Popen", looked_at)
    with small_stretches():
        log.verify(processes=2)
    assert len(said) == 2
    assert not [line for line in said if log.conninfo.encode() in line or b"dbname" in line]


_ASKS_AND_IS_KILLED = """
import os, sys, time
from pathlib import Path
from ledger.note import Verifier
from projections import verify_stretches
from projections.verify import verify

def wait(_):
    print(Path(f"/proc/self/task/{os.getpid()}/children").read_text(), flush=True)
    time.sleep(60)

verify_stretches.ROWS, verify_stretches.FEWEST = 1, 0
verify(sys.stdin.readline().strip(), log=Verifier.from_vkey(sys.stdin.readline().strip()), processes=2, seen=wait)
"""


def test_processes_end_with_whoever_asked(log: Log) -> None:
    asked = subprocess.Popen(
        [sys.executable, "-c", _ASKS_AND_IS_KILLED],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    with asked:
        assert asked.stdin is not None and asked.stdout is not None
        asked.stdin.write(f"{log.conninfo}\n{log.key.vkey}\n")
        asked.stdin.flush()
        children = [Path("/proc") / one for one in asked.stdout.readline().split()]
        assert len(children) == 2 and all(one.exists() for one in children)
        asked.kill()
    until = time.monotonic() + 60
    while any(is_running(one) for one in children):
        assert time.monotonic() < until
        time.sleep(0.05)


def is_running(process: Path) -> bool:
    """One that has ended may wait for whoever counts orphans."""
    try:
        return process.joinpath("stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
