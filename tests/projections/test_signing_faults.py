"""Whatever file step of the signer or of the export fails, or is the last one: no second root, no torn file.

Each step fails in four ways: the process is killed before it or after it; the disk answers with an error and the step
was done, or was not (a lost reply). The short form runs in this process; LETOPIS_FAULTS=all kills real processes by
strace, at every system call that touches the files.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from ledger import checkpoint, merkle, tiles
from ledger.custody import load_log_keys
from ledger.leaf import split
from ledger.note import Verifier
from ledger.store import Ledger, Write
from ledger.tiles import BundleId, TileId
from projections import transparency
from projections.export import export_log
from projections.follow import Follower
from projections.signing import Signing, sign_at_hand
from projections.transparency import TRANSPARENCY
from tests.examples import READ
from tests.scenario import TESTER, rows

STEPS = ("open", "write", "fsync", "replace", "unlink", "mkdir")
IS_WHOLE = os.environ.get("LETOPIS_FAULTS") == "all"
WAYS = ("killed-before", "killed-after", "error-not-done", "error-but-done")


class KilledError(BaseException):
    """The process was killed."""


@dataclass(slots=True)
class Fault:
    """Strikes at the step of this number; `struck` says which it was."""

    number: int
    way: str
    struck: str = ""

    def around(self, name: str, plain: Callable[..., object]) -> Callable[..., object]:
        def step(*arguments: object, **named: object) -> object:
            self.number -= 1
            if self.number != 0:
                return plain(*arguments, **named)
            self.struck = name
            if self.way in ("killed-after", "error-but-done"):
                plain(*arguments, **named)
            raise KilledError if self.way.startswith("killed") else OSError(28, "No space left on device")

        return step


@contextmanager
def striking(monkeypatch: pytest.MonkeyPatch, fault: Fault) -> Iterator[None]:
    with monkeypatch.context() as patched, suppress(KilledError, OSError):
        for name in STEPS:
            patched.setattr(os, name, fault.around(name, getattr(os, name)))
        yield


def grow(ledger: Ledger, count: int) -> None:
    ledger.append(Write(uuid4(), 0, [READ] * count), circumstances=TESTER)
    follower = Follower(ledger, (TRANSPARENCY,))
    while follower.step():
        pass


def signing_of(ledger: Ledger) -> Signing:
    assert ledger.custody.signer is not None
    return Signing(ledger.pool, load_log_keys(ledger.custody.signer), ledger.origin)


def leaf_hashes(ledger: Ledger) -> list[bytes]:
    return [merkle.leaf_hash(split(stored.state)[0]) for _, stored in ledger.read_stored(limit=10_000)]


def require_one_root_a_size(ledger: Ledger) -> None:
    """The judge: each checkpoint is the root of the leaves as they are stored, and the memory is the newest."""
    hashes = leaf_hashes(ledger)
    for size, root, note in rows(ledger, "SELECT tree_size, root_hash, note FROM log.checkpoints"):
        assert merkle.root_hash(hashes[:size]) == root
        assert checkpoint.verify(note, transparency.log_verifier(ledger)).root_hash == root
    latest = transparency.latest(ledger)
    assert latest is not None and signing_of(ledger).memory.read() == latest.note
    assert latest.tree_size == len(hashes)


@pytest.mark.parametrize("way", WAYS)
def test_wherever_signing_stops_it_goes_on_and_never_signs_a_second_root(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    signing = signing_of(ledger)
    grow(ledger, 1)
    signing.sign()
    struck = []
    for number in range(1, 100):
        grow(ledger, 1)
        fault = Fault(number, way)
        before = signing.memory.read()
        with striking(monkeypatch, fault):
            signing.sign()
        # Whole, the old one or the new one; and what is stored was remembered.
        held = signing.memory.read()
        assert held is not None
        checkpoint.verify(held, transparency.log_verifier(ledger))
        stored = transparency.latest(ledger)
        assert stored is not None and stored.note in (before, held)
        if not fault.struck:
            break
        struck.append(fault.struck)
        # It may grow before the signer is back: then two sizes are stored, and both are true.
        grow(ledger, number % 2 or 1)
        signing.sign()
        require_one_root_a_size(ledger)
    assert {"open", "write", "fsync", "replace"} <= set(struck)


def require_whole(folder: Path, log: Verifier, entries_of_all: list[bytes]) -> int:
    """The judge of a folder: its checkpoint is signed, and every file of that tree is there and right."""
    signed = checkpoint.verify((folder / "checkpoint").read_bytes(), log)
    leaves = entries_of_all[: signed.tree_size]
    hashes = list(map(merkle.leaf_hash, leaves))
    assert merkle.root_hash(hashes) == signed.root_hash
    for tile, content in tiles.changed_tiles(0, hashes, lambda *_: b""):
        assert content_of(folder, tile) == content, tile.path
    for bundle in tiles.bundles_of(signed.tree_size):
        entries = leaves[bundle.index * tiles.TILE_WIDTH :][: bundle.width]
        assert content_of(folder, bundle).startswith(tiles.encode_entries(entries)), bundle.path
    return signed.tree_size


def content_of(folder: Path, file: TileId | BundleId) -> bytes:
    """As a reader finds it: a partial file may have become a full one."""
    if (folder / file.path).exists():
        return (folder / file.path).read_bytes()
    full = type(file)(*([file.level] if isinstance(file, TileId) else []), file.index)
    content = (folder / full.path).read_bytes()
    return content[: file.width * merkle.HASH_SIZE_BYTES] if isinstance(file, TileId) else content


@pytest.mark.parametrize("way", WAYS)
def test_wherever_an_export_stops_the_folder_is_a_whole_older_log(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, way: str
) -> None:
    """From 250 leaves to 520: a tile is filled, another is new and filled, a third begins, the row above too."""
    kept, struck = tmp_path / "kept", set()
    grow(ledger, 250)
    sign_at_hand(ledger)
    export_log(ledger, kept)
    grow(ledger, 270)
    sign_at_hand(ledger)
    judged = (
        transparency.log_verifier(ledger),
        [split(one.state)[0] for _, one in ledger.read_stored(limit=1000)],
    )
    # The short form takes some of the steps, each way others of them.
    stride = 1 if IS_WHOLE else 7
    for number in range(1 + WAYS.index(way) % stride, 200, stride):
        folder = shutil.copytree(kept, tmp_path / "folder")
        fault = Fault(number, way)
        with striking(monkeypatch, fault):
            export_log(ledger, folder)
        assert require_whole(folder, *judged) in (250, 520)
        export_log(ledger, folder)
        assert require_whole(folder, *judged) == 520
        shutil.rmtree(folder)
        if not fault.struck:
            break
        struck.add(fault.struck)
    assert struck and (not IS_WHOLE or {"fsync", "replace", "mkdir"} <= struck)


def test_a_folder_of_another_history_is_left_as_it_is(ledger: Ledger, tmp_path: Path) -> None:
    grow(ledger, 3)
    sign_at_hand(ledger)
    export_log(ledger, tmp_path)
    signing = signing_of(ledger)
    other = checkpoint.sign(checkpoint.Checkpoint(ledger.origin, 2, bytes(32)), signing.signer)
    (tmp_path / "checkpoint").write_bytes(other)
    grow(ledger, 3)
    sign_at_hand(ledger)
    with pytest.raises(transparency.ForkError):
        export_log(ledger, tmp_path)
    assert (tmp_path / "checkpoint").read_bytes() == other
    assert not (tmp_path / "tile/0/000.p/6").exists()


# Real processes, killed by strace.

CALLS = ("openat", "write", "fsync", "rename", "flock", "close")
ACTIONS = ("signal=KILL", "error=EIO", "error=ENOSPC")


@pytest.mark.skipif(
    not IS_WHOLE or shutil.which("strace") is None,
    reason="LETOPIS_FAULTS=all, and strace: some minutes",
)
def test_a_signer_that_is_killed_at_any_system_call_never_signs_a_second_root(
    ledger: Ledger, database: str
) -> None:
    folder = ledger.custody.signer
    assert folder is not None
    grow(ledger, 1)
    sign_at_hand(ledger)
    struck = 0
    for call in CALLS:
        for action in ACTIONS:
            for number in range(1, 20):
                grow(ledger, 1)
                ended = _signed_under_strace(database, folder, f"{call}:{action}:when={number}")
                if "INJECTED" not in ended.stderr and "killed by SIGKILL" not in ended.stderr:
                    break
                struck += 1
                grow(ledger, 1)
                sign_at_hand(ledger)
                require_one_root_a_size(ledger)
    print(f"{struck} faults of real processes")
    assert struck > 20


def _signed_under_strace(database: str, folder: Path, fault: str) -> subprocess.CompletedProcess[str]:
    touched = [folder, *(folder / f"last-checkpoint{end}" for end in ("", ".draft", ".lock"))]
    paths = [word for path in touched for word in ("-P", str(path))]
    command = [
        "strace",
        "-f",
        *paths,
        "-e",
        f"inject={fault}",
        sys.executable,
        "-m",
        __name__,
        database,
        str(folder),
    ]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def _sign_once(database: str, folder: Path) -> None:
    from api.signing import signer_pool  # noqa: PLC0415 - only in the process

    with signer_pool(database) as pool, psycopg.connect(database) as connection:
        row = connection.execute("SELECT origin FROM ledger.identity").fetchone()
        assert row is not None
        Signing(pool, load_log_keys(folder), row[0]).sign()


if __name__ == "__main__":
    _sign_once(sys.argv[1], Path(sys.argv[2]))
