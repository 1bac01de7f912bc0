"""A monitor's folder: what it has seen of one log, and the evidence of what it found.

checkpoint          the note of the largest tree it found consistent: what other monitors are compared with
entries.json        {"size": n, "hashes": [...]}: up to where the entries were read, and the frontier of the tree there
evidence/*.json     contradictions that convict the log (letopis/fork@v1, ledger/fork_evidence.py)
evidence/*.note     notes that were refused, as they came
lock                held by the one process that works with the folder
"""

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

from api.observing.witness_memory import write_durably
from ledger import fork_evidence
from ledger.fork_evidence import Fork
from ledger.merkle import Frontier
from ledger.note import decode_base64, encode_base64

EVIDENCE_FILES_MAX = 1000


class MonitorFolderBusyError(Exception):
    """Another process works with this folder."""


class MonitorMemoryDamagedError(Exception):
    """What the monitor remembers can't be read. Move the folder away, keep it, and begin with a new one."""


class MonitorMemory:
    """What one monitor keeps of one log."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def checkpoint(self) -> bytes | None:
        try:
            return (self._folder / "checkpoint").read_bytes()
        except FileNotFoundError:
            return None

    def keep_checkpoint(self, signed: bytes) -> None:
        if signed != self.checkpoint():
            write_durably(self._folder / "checkpoint", signed)

    def frontier(self) -> Frontier:
        """Of the entries that were read."""
        try:
            found = json.loads((self._folder / "entries.json").read_bytes())
            return Frontier(int(found["size"]), tuple(map(decode_base64, found["hashes"])))
        except FileNotFoundError:
            return Frontier()
        except (ValueError, KeyError, TypeError):
            raise MonitorMemoryDamagedError(self._folder) from None

    def keep_frontier(self, frontier: Frontier) -> None:
        content = {"size": frontier.size, "hashes": list(map(encode_base64, frontier.hashes))}
        write_durably(self._folder / "entries.json", json.dumps(content).encode())

    def keep_fork(self, fork: Fork) -> str:
        return self._keep(fork_evidence.to_bytes(fork), ".json")

    def keep_note(self, signed: bytes) -> str:
        return self._keep(signed, ".note")

    def _keep(self, content: bytes, suffix: str) -> str:
        """Its path, or nothing if there is too much already. The same evidence is kept once."""
        folder = self._folder / "evidence"
        path = folder / f"{sha256(content).hexdigest()[:32]}{suffix}"
        if not path.exists():
            # Counted apart: anybody can send notes that are refused, and must not take the place of what convicts.
            if len(list(folder.glob(f"*{suffix}"))) >= EVIDENCE_FILES_MAX:
                return ""
            write_durably(path, content)
        return str(path)


@contextmanager
def opened_monitor(folder: Path) -> Iterator[MonitorMemory]:
    """The memory in this folder, which is made if need be, for this process alone."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise MonitorFolderBusyError(folder) from None
        yield MonitorMemory(folder)
