"""That a run of leaves, and no others, stands at its places of the log: one proof for all of them.

    letopis/tlog-range@v1
    range <first leaf index> <leaf index behind the last>
    <base64 hash>*                      (whole subtrees outside the range, from left to right)
    <empty line>
    <checkpoint, verbatim>

With the leaf hashes of the range the hashes make the root, by the recursion of RFC 6962, 2.1. A leaf that was left
out, put in, changed or moved makes another.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ledger.checkpoint import Checkpoint, parse_decimal
from ledger.checkpoint import verify as verify_checkpoint
from ledger.merkle import HASH_SIZE_BYTES, InvalidProofError, OutsideTreeError, Subtree, node_hash, read_root
from ledger.note import NOTE_SIZE_BYTES_MAX, Verifier, decode_base64, encode_base64

FIRST_LINE = "letopis/tlog-range@v1"
# At most one whole subtree of each size on either side.
HASHES_MAX = 126
_HEAD_SIZE_BYTES_MAX = 2**13


@dataclass(frozen=True, slots=True)
class RangeProof:
    """Of the leaves from `first` up to, not including, `end`, in the tree of the checkpoint (the signed note)."""

    first: int
    end: int
    hashes: tuple[bytes, ...]
    checkpoint: bytes


def to_bytes(proof: RangeProof) -> bytes:
    """The proof file."""
    lines = [FIRST_LINE, f"range {proof.first} {proof.end}", *map(encode_base64, proof.hashes), "", ""]
    return "\n".join(lines).encode() + proof.checkpoint


def parse(content: bytes) -> RangeProof:
    """The parts of a proof file. NOTHING in them is verified: see `verify`."""
    _require(len(content) <= _HEAD_SIZE_BYTES_MAX + NOTE_SIZE_BYTES_MAX, "the proof is too large")
    head, separator, checkpoint = content.partition(b"\n\n")
    _require(separator != b"" and len(head) <= _HEAD_SIZE_BYTES_MAX, "the proof has no checkpoint")
    try:
        first_line, place, *hashes = head.decode("ascii").split("\n")
        _require(first_line == FIRST_LINE, "this is not a proof of a range of version 1")
        word, first, end = place.split(" ")
        _require(word == "range", "the proof names no range")
        found = RangeProof(
            parse_decimal(first), parse_decimal(end), tuple(map(decode_base64, hashes)), checkpoint
        )
    except ValueError as error:
        reason = "a line of the proof is not in canonical form"
        raise InvalidProofError(reason) from error
    _require(len(found.hashes) <= HASHES_MAX, "the proof has too many hashes")
    _require(all(len(value) == HASH_SIZE_BYTES for value in found.hashes), "a hash has not 32 bytes")
    return found


def prove_range(first: int, end: int, tree_size: int, read: Subtree) -> list[bytes]:
    """The hashes of the whole subtrees outside the range, from left to right."""
    if not 0 <= first < end <= tree_size:
        raise OutsideTreeError
    found = list[bytes]()
    # The parts of the tree that are still to be looked at, the leftmost last.
    waiting = [(0, tree_size)]
    while waiting:
        start, stop = waiting.pop()
        if stop <= first or start >= end:
            # A node of the tree that begins at `start`: its own root, moved to the beginning.
            found.append(read_root(stop - start, _from(start, read)))
        elif stop - start > 1 and not (first <= start and stop <= end):
            middle = _middle(start, stop)
            waiting += [(middle, stop), (start, middle)]
    return found


def _from(start: int, read: Subtree) -> Subtree:
    """The tree's subtrees, counted from this leaf: it stands at a multiple of every subtree behind it."""
    return lambda level, index: read(level, index + (start >> level))


def _middle(start: int, stop: int) -> int:
    return start + (1 << ((stop - start - 1).bit_length() - 1))


def verify(content: bytes, leaf_hashes: Iterable[bytes], log: Verifier) -> Checkpoint:
    """The checkpoint of a tree that holds these leaves at these places. Refuses with InvalidProofError, or with
    InvalidNoteError when it is the checkpoint that is wrong. Leaf hashes are taken one by one."""
    proof = parse(content)
    checkpoint = verify_checkpoint(proof.checkpoint, log)
    root = range_root(
        leaf_hashes, proof.hashes, first=proof.first, end=proof.end, tree_size=checkpoint.tree_size
    )
    _require(root == checkpoint.root_hash, "the leaves make another root")
    return checkpoint


def range_root(
    leaf_hashes: Iterable[bytes], proof: Iterable[bytes], *, first: int, end: int, tree_size: int
) -> bytes:
    """The root that the leaves of the range make with the hashes beside them. Remembers one hash a level."""
    _require(0 <= first < end <= tree_size, "the range is outside the tree")
    leaves, beside = iter(leaf_hashes), iter(proof)

    def root(start: int, stop: int) -> bytes:
        if stop <= first or start >= end:
            return _next(beside, "the proof is too short")
        if stop - start == 1:
            return _next(leaves, "leaves are missing")
        middle = _middle(start, stop)
        return node_hash(root(start, middle), root(middle, stop))

    found = root(0, tree_size)
    _require(next(beside, None) is None, "the proof is too long")
    _require(next(leaves, None) is None, "there are more leaves than the range has")
    return found


def _next(hashes: Iterator[bytes], reason: str) -> bytes:
    found = next(hashes, b"")
    _require(len(found) == HASH_SIZE_BYTES, reason)
    return found


def _require(condition: bool, reason: str) -> None:
    if not condition:
        raise InvalidProofError(reason)
