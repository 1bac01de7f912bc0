"""Two statements of one log that contradict each other, in one file that convicts it: letopis/fork@v1.

    {"format":"letopis/fork@v1",
     "first":"<checkpoint, verbatim>",          the tree that is not larger
     "second":"<checkpoint, verbatim>",
     "root":"<base64>",                         of the first tree's size, but in the second tree
     "consistency":["<base64>", ...]}           RFC 6962 section 2.1.2, from that root to the second

Both are signed by the log's key; the proof shows with which root the second tree begins, and the first has another.
Who has the log's vkey needs nothing else to see it: no network, no tiles, no trust in who found it.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ledger import note
from ledger.checkpoint import Checkpoint
from ledger.checkpoint import parse as parse_checkpoint
from ledger.merkle import InvalidProofError, check_consistency
from ledger.note import NOTE_SIZE_BYTES_MAX, decode_base64, encode_base64
from ledger.witness_policy import LogKey, verify_log

FORMAT = "letopis/fork@v1"
_FIELDS = {"format", "first", "second", "root", "consistency"}
_SIZE_BYTES_MAX = 4 * NOTE_SIZE_BYTES_MAX


class NotEvidenceError(Exception):
    """The file is malformed, or does not show that the log contradicted itself."""


@dataclass(frozen=True, slots=True)
class Fork:
    """Two checkpoints as signed notes, and what the second tree says of the first one's size."""

    first: bytes
    second: bytes
    root: bytes
    consistency: tuple[bytes, ...] = ()


def to_bytes(fork: Fork) -> bytes:
    """The evidence file."""
    content = {
        "format": FORMAT,
        "first": fork.first.decode(),
        "second": fork.second.decode(),
        "root": encode_base64(fork.root),
        "consistency": list(map(encode_base64, fork.consistency)),
    }
    return json.dumps(content, ensure_ascii=False, indent=1).encode() + b"\n"


def parse(content: bytes) -> Fork:
    """The parts of an evidence file. NOTHING in them is verified."""
    if len(content) > _SIZE_BYTES_MAX:
        raise NotEvidenceError("the file is too large")
    try:
        found: Any = json.loads(content)
        if not isinstance(found, dict) or set(found) != _FIELDS or found["format"] != FORMAT:
            raise NotEvidenceError("this is not evidence of version 1")
        fork = Fork(
            found["first"].encode(),
            found["second"].encode(),
            decode_base64(found["root"]),
            tuple(map(decode_base64, found["consistency"])),
        )
    except (ValueError, TypeError, AttributeError, RecursionError):
        raise NotEvidenceError("this is not evidence of version 1") from None
    return fork


def verify(content: bytes, logs: Sequence[LogKey]) -> tuple[Checkpoint, Checkpoint]:
    """The two checkpoints, if both are signed by one of these logs and can't both be true."""
    fork = parse(content)
    try:
        first, second = (_signed(signed, logs) for signed in (fork.first, fork.second))
        if first.origin != second.origin:
            raise NotEvidenceError("the checkpoints are of two logs")
        check_consistency(
            fork.consistency,
            old_size=first.tree_size,
            old_root=fork.root,
            new_size=second.tree_size,
            new_root=second.root_hash,
        )
    except (note.InvalidNoteError, InvalidProofError) as error:
        raise NotEvidenceError(str(error)) from None
    if first.root_hash == fork.root:
        raise NotEvidenceError("the second tree begins with the first: there is no contradiction")
    return first, second


def _signed(signed: bytes, logs: Iterable[LogKey]) -> Checkpoint:
    opened = note.parse(signed)
    checkpoint = parse_checkpoint(opened.text)
    verify_log(opened, [key for key in logs if key.name == checkpoint.origin])
    return checkpoint
