"""A signed statement of how large the log is and what its root is (C2SP tlog-checkpoint).

    <origin>
    <tree size>
    <base64(root hash)>

as the text of a signed note. Extension lines are accepted, for another log may write them, and dropped: a
monitor cannot audit them, so this log never writes any.
"""

import re
from dataclasses import dataclass

from ledger import note
from ledger.merkle import EMPTY_ROOT, HASH_SIZE_BYTES, TREE_SIZE_MAX
from ledger.note import InvalidNoteError, Signer, Verifier, decode_base64, encode_base64


class InvalidCheckpointError(InvalidNoteError):
    """The text of the note is not a checkpoint, or it is the checkpoint of another log."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The log named `origin` had `tree_size` entries, and this was the root of their tree."""

    origin: str
    tree_size: int
    root_hash: bytes

    def __post_init__(self) -> None:
        """Refuse what no log can be: the same rules for what is written and for what is read."""
        _require(re.fullmatch("[^\x00-\x1f]+", self.origin) is not None, "the origin is not one line")
        _require(0 <= self.tree_size <= TREE_SIZE_MAX, "the tree size is out of range")
        _require(len(self.root_hash) == HASH_SIZE_BYTES, "the root hash has not 32 bytes")
        _require(
            self.tree_size > 0 or self.root_hash == EMPTY_ROOT, "the root is not the one of the empty tree"
        )


# [0-9], because str.isdigit and \d take digits of other scripts too.
_DECIMAL = re.compile("0|[1-9][0-9]{0,18}")


def parse_decimal(text: str) -> int:
    """A size or an index: ASCII digits, no sign, no leading zero, at most 19 digits."""
    if _DECIMAL.fullmatch(text) is None:
        message = "not a canonical decimal"
        raise ValueError(message)
    return int(text)


def to_text(checkpoint: Checkpoint) -> str:
    """The three lines of a checkpoint."""
    root = encode_base64(checkpoint.root_hash)
    return f"{checkpoint.origin}\n{checkpoint.tree_size}\n{root}\n"


def parse(text: str) -> Checkpoint:
    """The checkpoint in a note's text; extension lines must not be empty, and are dropped."""
    lines = text.split("\n")
    _require(len(lines) > 3 and lines.pop() == "", "the text has not three lines")
    _require(all(lines), "the text has an empty line")
    origin, size, root, *_ = lines
    try:
        return Checkpoint(origin, parse_decimal(size), decode_base64(root))
    except ValueError as error:
        reason = "the tree size or the root hash is not in canonical form"
        raise InvalidCheckpointError(reason) from error


def sign(checkpoint: Checkpoint, signer: Signer) -> bytes:
    """The checkpoint as a note signed by its log, under the key name that is the origin.

    The caller answers for the one rule that no format can keep: a log MUST NOT sign two checkpoints
    that are inconsistent.
    """
    _require(signer.name == checkpoint.origin, "the key belongs to another log")
    return note.sign(to_text(checkpoint), signer)


def verify(signed: bytes, log: Verifier) -> Checkpoint:
    """The checkpoint, if this log signed it and it speaks of this log.

    The key name SHOULD be the origin (C2SP); here it must be, so that whoever holds the log's vkey knows
    which origin to expect. Cosignatures of witnesses may follow, and are for note.open.
    """
    checkpoint = parse(note.open(signed, [log]).text)
    _require(checkpoint.origin == log.name, "the checkpoint is of another log")
    return checkpoint


def _require(condition: bool, reason: str) -> None:
    if not condition:
        raise InvalidCheckpointError(reason)
