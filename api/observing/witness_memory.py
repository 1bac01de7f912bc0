"""A witness's folder: its keys, and for each log the largest tree that it cosigned.

    witness.key                         PRIVATE+KEY+… lines, one a key, mode 0600
    lock                                held by the one process that works with the folder
    <hex SHA-256 of origin>/checkpoint  the note of that tree, with the log's lines and the witness's own
    <hex SHA-256 of origin>/refused/    signed checkpoints that did not extend it: evidence, see docs/evidence/witness.md

What is cosigned is on the disk before anybody gets the cosignature. NEVER bring this folder back from a backup: the
witness would cosign a second time what it has forgotten. A witness that lost its memory is ended, and a new one
begins with new keys.
"""

import fcntl
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from threading import Lock

import structlog

from ledger import cosignature, note, witness
from ledger.checkpoint import Checkpoint
from ledger.checkpoint import parse as parse_checkpoint
from ledger.cosignature import Cosigner, Kind
from ledger.durable import make_durable
from ledger.note import InvalidKeyError, InvalidNoteError, Signature
from ledger.witness_policy import LogKey

KEY_FILE = "witness.key"
# A clock may be set back a little; by more than this it is wrong, now or before.
CLOCK_BACK_SECONDS_MAX = 300
REFUSED_MAX = 1000

log = structlog.get_logger()


class WitnessFolderBusyError(Exception):
    """Another process works with this folder: two witnesses with one key could cosign a fork."""


class WitnessKeysMissingError(Exception):
    """The folder has no keys, or they can't be read: make them with `letopis witness keygen`."""


class WitnessKeysExistError(Exception):
    """The folder has keys already: a witness keeps its keys for life."""


class WitnessMemoryDamagedError(Exception):
    """The checkpoint that this witness cosigned last can't be read as its own. It must not go on from nothing: end
    it, tell those who trust its keys, and begin a new one with new keys in a new folder."""


class WitnessClockError(Exception):
    """The clock stands before the time of the last cosignature."""


def origin_hash(origin: str) -> str:
    """By which a log is named in a witness's folder and on its pages."""
    return sha256(origin.encode()).hexdigest()


def make_keys(folder: Path, name: str, seeds: Callable[[int], bytes]) -> list[Cosigner]:
    """One key of each kind, on the disk before they are shown. The folder is made if need be."""
    cosigners = [Cosigner(name, seeds(cosignature.SEED_SIZE_BYTES), kind) for kind in Kind]
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        descriptor = os.open(folder / KEY_FILE, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise WitnessKeysExistError(folder) from None
    with os.fdopen(descriptor, "w") as file:
        file.writelines(f"{cosigner.skey}\n" for cosigner in cosigners)
        file.flush()
        os.fsync(file.fileno())
    make_durable(folder)
    return cosigners


def read_keys(folder: Path) -> list[Cosigner]:
    """The keys of the folder, in their order: the Ed25519 one first."""
    try:
        lines = (folder / KEY_FILE).read_text(encoding="utf-8").splitlines()
        cosigners = [Cosigner.from_skey(line) for line in lines]
    except (FileNotFoundError, InvalidKeyError, UnicodeDecodeError):
        raise WitnessKeysMissingError(folder) from None
    if not cosigners:
        raise WitnessKeysMissingError(folder)
    return cosigners


@dataclass(frozen=True, slots=True)
class Held:
    """The largest tree that was cosigned: its note, what the note says, and when it was cosigned."""

    note: bytes
    checkpoint: Checkpoint
    at: int


class WitnessMemory:
    """A witness at work: takes requests one at a time, from any number of threads."""

    def __init__(
        self,
        folder: Path,
        cosigners: Sequence[Cosigner],
        logs: Sequence[LogKey],
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._folder = folder
        self._cosigners = tuple(cosigners)
        self._logs = tuple(logs)
        self._now = now
        self._turn = Lock()
        self._held = dict[str, Held]()
        for origin in {key.name for key in logs}:
            held = self._read(origin)
            if held is not None:
                self._held[origin_hash(origin)] = held

    def add(self, body: bytes) -> tuple[Signature, ...]:
        """Cosign the checkpoint of this request, or raise what is wrong with it (ledger/witness.py).

        The check, the cosignature and the record of it are one step: two requests at a time could otherwise each
        be right by itself, and the later record would forget the larger tree."""
        request = witness.parse(body)
        found = witness.submitted(request, self._logs)
        place = origin_hash(found.checkpoint.origin)
        with self._turn:
            held = self._held.get(place)
            try:
                witness.check_extends(found.checkpoint, request, held.checkpoint if held else None)
            except (witness.InconsistentError, witness.OldSizeDiffersError) as refusal:
                self._keep_refused(place, found, held, refusal)
                raise
            at = self._time(held)
            lines = witness.cosigned(found, self._cosigners, at=at)
            signed = f"{found.text}\n".encode()
            kept = cosignature.with_lines(signed, (*found.log_lines, *lines))
            write_durably(self._folder / place / "checkpoint", kept)
            self._held[place] = Held(kept, found.checkpoint, at)
        log.info("witness.cosigned", log=found.checkpoint.origin, size=found.checkpoint.tree_size)
        return lines

    def latest(self, place: str) -> bytes | None:
        """The note that was cosigned last for the log of this hash."""
        held = self._held.get(place)
        return held.note if held else None

    def _time(self, held: Held | None) -> int:
        """Never before the last time: «the largest that I know at this time» would contradict what was said."""
        now = int(self._now())
        if held and held.at - now > CLOCK_BACK_SECONDS_MAX:
            raise WitnessClockError
        return max(now, held.at) if held else now

    def _read(self, origin: str) -> Held | None:
        path = self._folder / origin_hash(origin) / "checkpoint"
        try:
            kept = path.read_bytes()
        except FileNotFoundError:
            return None
        try:
            opened = note.parse(kept)
            checkpoint = parse_checkpoint(opened.text)
            times = cosignature.verify_all(opened, (one.verifier for one in self._cosigners))
        except InvalidNoteError:
            raise WitnessMemoryDamagedError(path) from None
        if len(times) != len(self._cosigners) or checkpoint.origin != origin:
            raise WitnessMemoryDamagedError(path)
        return Held(kept, checkpoint, max(times.values()))

    def _keep_refused(
        self, place: str, found: witness.Submitted, held: Held | None, refusal: Exception
    ) -> None:
        """Two notes, signed by one log, that may contradict each other: with equal sizes they do."""
        is_fork = (
            held is not None
            and found.checkpoint.tree_size == held.checkpoint.tree_size
            and found.checkpoint.root_hash != held.checkpoint.root_hash
        )
        if held is None or not (is_fork or isinstance(refusal, witness.InconsistentError)):
            return
        log.error(
            "witness.fork" if is_fork else "witness.inconsistent",
            log=found.checkpoint.origin,
            held_size=held.checkpoint.tree_size,
            refused_size=found.checkpoint.tree_size,
        )
        kept = self._folder / place / "refused"
        name = sha256(found.text.encode()).hexdigest()[:32]
        if (kept / f"{name}.refused").exists() or len(list(kept.glob("*.refused"))) >= REFUSED_MAX:
            return
        refused = cosignature.with_lines(f"{found.text}\n".encode(), found.log_lines)
        write_durably(kept / f"{name}.held", held.note)
        write_durably(kept / f"{name}.refused", refused)


@contextmanager
def opened_memory(
    folder: Path, logs: Sequence[LogKey], *, now: Callable[[], float] = time.time
) -> Iterator[WitnessMemory]:
    """The witness of this folder, for this process alone."""
    with (folder / "lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise WitnessFolderBusyError(folder) from None
        yield WitnessMemory(folder, read_keys(folder), logs, now=now)


# Files.


def write_durably(path: Path, content: bytes) -> None:
    """Whole or not at all, and on the disk when this returns: written under another name, then renamed."""
    if not path.parent.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        make_durable(path.parent.parent)
    draft = path.with_name(f"{path.name}.draft")
    with draft.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    make_durable(path.parent)
