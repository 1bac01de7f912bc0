"""A witness that is killed at each step between its check and its answer, many times over: run as a program.

    python -m tests.api.witness_crashes FOLDER ROUNDS [--forgetful]

Each round a child of this process cosigns and dies by SIGKILL at the next write to the disk, in turn; what it gave
out before is read from a pipe. Then the witness is opened anew, and asked for everything smaller. The answer, one
JSON object: rounds, cosignatures given out, and how many of them the witness had forgotten. `--forgetful` plants a
witness that answers before it has stored.
"""

import json
import os
import signal
import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path
from random import Random

from api.observing import witness_memory
from api.observing.witness_memory import make_keys, opened_memory
from ledger import witness
from tests.small_log import LOG, ORIGIN, SmallLog

TREE = SmallLog(1500)
# Opening the draft, after it was written, its fsync, the rename, the fsync of the folder, and after everything.
STEPS = 6


def main(folder: Path, rounds: int, *, is_forgetful: bool) -> None:
    random = Random(7)
    make_keys(folder, "witness.example/w1", random.randbytes)
    given, given_out, forgotten = 0, 0, 0
    for round_ in range(rounds):
        ask = min(TREE.size, _held(folder) + random.randint(1, 12))
        answered = _killed(folder, ask, round_ % STEPS, is_forgetful=is_forgetful)
        given_out += answered
        given = max(given, ask if answered else 0)
        forgotten += _has_forgotten(folder, given)
    print(
        json.dumps({"rounds": rounds, "given_out": given_out, "forgotten": forgotten, "size": _held(folder)})
    )


def _killed(folder: Path, size: int, step: int, *, is_forgetful: bool) -> bool:
    """Whether the child had given the cosignature out when it was killed at this step."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        answer = lambda: os.write(writing, b"!")  # noqa: E731 - what the client would receive
        if is_forgetful:
            store = witness_memory.write_durably
            witness_memory.write_durably = lambda *a: (answer(), store(*a))  # type: ignore[assignment]
        held = _held(folder)
        with opened_memory(folder, [LOG.verifier]) as memory:
            _die_at(step)
            memory.add(TREE.request(held, size))
            answer()
            os.kill(os.getpid(), signal.SIGKILL)
    os.close(writing)
    os.waitpid(child, 0)
    with os.fdopen(reading, "rb") as pipe:
        return pipe.read() != b""


def _die_at(step: int) -> None:
    """SIGKILL before the call of this number that touches the disk."""
    number = count()

    def deadly(call: Callable[..., object]) -> Callable[..., object]:
        def called(*args: object, **named: object) -> object:
            if next(number) == step:
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*args, **named)

        return called

    os.fsync = deadly(os.fsync)  # type: ignore[assignment]
    Path.replace = deadly(Path.replace)  # type: ignore[method-assign,assignment]
    Path.open = deadly(Path.open)  # type: ignore[method-assign,assignment]
    os.open = deadly(os.open)  # type: ignore[assignment]


def _held(folder: Path) -> int:
    with opened_memory(folder, [LOG.verifier]) as memory:
        kept = memory.latest(witness_memory.origin_hash(ORIGIN))
        return int(kept.split(b"\n")[1]) if kept else 0


def _has_forgotten(folder: Path, given: int) -> bool:
    """Whether it would go on from something smaller than what it gave out."""
    with opened_memory(folder, [LOG.verifier]) as memory:
        try:
            memory.add(TREE.request(0, max(given - 1, 1)))
        except witness.OldSizeDiffersError as refusal:
            return refusal.held_size < given
    return given > 0


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), is_forgetful="--forgetful" in sys.argv)
