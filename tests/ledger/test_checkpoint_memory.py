"""The signer's memory is replaced whole or not at all, and only by who knows what is there."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from ledger import custody
from ledger.checkpoint_memory import CheckpointMemory, MemoryMovedError


def test_nothing_is_remembered_at_first(tmp_path: Path) -> None:
    assert CheckpointMemory(tmp_path).read() is None


def test_who_knows_what_is_there_replaces_it(tmp_path: Path) -> None:
    memory = CheckpointMemory(tmp_path)
    memory.replace(None, b"one")
    memory.replace(b"one", b"two")
    assert memory.read() == b"two"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["last-checkpoint", "last-checkpoint.lock"]


@pytest.mark.parametrize("expected", [None, b"", b"zero"])
def test_who_does_not_is_refused(tmp_path: Path, expected: bytes | None) -> None:
    memory = CheckpointMemory(tmp_path)
    memory.replace(None, b"one")
    with pytest.raises(MemoryMovedError):
        memory.replace(expected, b"two")
    assert memory.read() == b"one"


def test_of_many_who_know_the_same_one_wins(tmp_path: Path) -> None:
    CheckpointMemory(tmp_path).replace(None, b"before")
    ready = Barrier(8)

    def swap(number: int) -> bytes | None:
        ready.wait()
        try:
            CheckpointMemory(tmp_path).replace(b"before", b"%d" % number)
        except MemoryMovedError:
            return None
        return b"%d" % number

    with ThreadPoolExecutor(8) as threads:
        won = [one for one in threads.map(swap, range(8)) if one is not None]
    assert [CheckpointMemory(tmp_path).read()] == won


def test_a_disk_that_is_full_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    memory = CheckpointMemory(tmp_path)
    memory.replace(None, b"one")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(custody.os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        memory.replace(b"one", b"two")
    monkeypatch.undo()
    assert memory.read() == b"one"
    memory.replace(b"one", b"two")
