"""A proof, in one file, that an entry is in the log: c2sp.org/tlog-proof@v1.

    c2sp.org/tlog-proof@v1
    extra <base64>                      (optional; not authenticated)
    index <decimal>
    <base64 hash>                       (any number; the leaf's sibling first)
    <empty line>
    <checkpoint, verbatim>

It needs no network and nothing of ours to be checked: the entry, the file and the log's vkey are enough.
"""

from dataclasses import dataclass

from ledger.checkpoint import Checkpoint, parse_decimal
from ledger.checkpoint import verify as verify_checkpoint
from ledger.merkle import HASH_SIZE_BYTES, TREE_SIZE_MAX, InvalidProofError, check_inclusion, leaf_hash
from ledger.note import NOTE_SIZE_BYTES_MAX, Verifier, decode_base64, encode_base64

_FIRST_LINE = "c2sp.org/tlog-proof@v1"
# A tree of 2**63 - 1 leaves has no longer path, and no shorter limit would hold for it.
HASHES_MAX = 63
EXTRA_SIZE_BYTES_MAX = 2**16
# The lines before the checkpoint: the hashes, and the extra bytes in base64, with room to spare.
_HEAD_SIZE_BYTES_MAX = 2**17


@dataclass(frozen=True, slots=True)
class Proof:
    """That the leaf of this index is in the tree of this checkpoint (the signed note, byte for byte)."""

    index: int
    hashes: tuple[bytes, ...]
    checkpoint: bytes
    # What a reader may need to find the entry. Never trust it: no signature covers it.
    extra: bytes = b""

    def __post_init__(self) -> None:
        """Refuse what the format cannot say: the same rules for what is written and for what is read."""
        _require(0 <= self.index < TREE_SIZE_MAX, "the index is out of range")
        _require(len(self.hashes) <= HASHES_MAX, "the proof has too many hashes")
        _require(all(len(value) == HASH_SIZE_BYTES for value in self.hashes), "a hash has not 32 bytes")
        _require(len(self.extra) <= EXTRA_SIZE_BYTES_MAX, "the extra bytes are too many")


def to_bytes(proof: Proof) -> bytes:
    """The proof file."""
    lines = [_FIRST_LINE]
    if proof.extra:
        lines.append(f"extra {encode_base64(proof.extra)}")
    lines.append(f"index {proof.index}")
    lines.extend(map(encode_base64, proof.hashes))
    return "\n".join([*lines, "", ""]).encode("ascii") + proof.checkpoint


def parse(proof_text: bytes) -> Proof:
    """The parts of a proof file. NOTHING in them is verified: see `verify`."""
    _require(len(proof_text) <= _HEAD_SIZE_BYTES_MAX + NOTE_SIZE_BYTES_MAX, "the proof is too large")
    head, separator, checkpoint = proof_text.partition(b"\n\n")
    _require(separator != b"" and len(head) <= _HEAD_SIZE_BYTES_MAX, "the proof has no checkpoint")
    try:
        return _parse_head(head.decode("ascii").split("\n"), checkpoint)
    except ValueError as error:
        reason = "a line of the proof is not in canonical form"
        raise InvalidProofError(reason) from error


def verify(proof_text: bytes, entry: bytes, log: Verifier) -> Checkpoint:
    """The checkpoint of a tree that this entry is in, if the proof holds.

    Refuses with InvalidProofError, or with InvalidNoteError when it is the checkpoint that is wrong.
    """
    proof = parse(proof_text)
    checkpoint = verify_checkpoint(proof.checkpoint, log)
    check_inclusion(
        proof.hashes,
        index=proof.index,
        tree_size=checkpoint.tree_size,
        leaf=leaf_hash(entry),
        root=checkpoint.root_hash,
    )
    return checkpoint


def _parse_head(lines: list[str], checkpoint: bytes) -> Proof:
    rest = iter(lines)
    _require(next(rest) == _FIRST_LINE, "this is not a proof of version 1")
    line = next(rest, "")
    extra = b""
    if line.startswith("extra "):
        extra = decode_base64(line.removeprefix("extra "))
        _require(extra != b"", "the extra line is empty")
        line = next(rest, "")
    _require(line.startswith("index "), "the proof has no index")
    index = parse_decimal(line.removeprefix("index "))
    return Proof(index, tuple(map(decode_base64, rest)), checkpoint, extra)


def _require(condition: bool, reason: str) -> None:
    if not condition:
        raise InvalidProofError(reason)
