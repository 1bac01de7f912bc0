"""The map of all patients' chains: one place for each patient, one root for everybody.

A compact sparse Merkle tree over labels of 256 bits. The path from the root to a patient's leaf is forced by the bits
of the label, the first bit first, so no tree has two places for one patient; a leaf lies where its prefix is shared
with no other label. SHA-256, with prefixes that neither RFC 6962 (0x00, 0x01) nor the chains (0x02) use:

    label    SHA-256("letopis/patient-label@v1" LF origin LF patient id LF)
    leaf     SHA-256(0x03 || label || length, 8 bytes, big-endian || head || nonce)
    node     SHA-256(0x04 || left || right)
    empty    32 zero bytes

The nonce, 32 bytes that only the patient is given, keeps a leaf from telling its patient's length and head to others:
labels and leaves of events are public, so without it whoever is shown a sibling could try which events make it up.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

HASH_BYTES = 32
EMPTY = bytes(HASH_BYTES)
LABEL_BITS = 256
LENGTH_MAX = 2**63 - 1


@dataclass(frozen=True, slots=True)
class MapLeaf:
    """A place that is taken: whose it is, and the hash of what is there."""

    label: bytes
    hash: bytes


@dataclass(frozen=True, slots=True)
class Subtree:
    """The hash of everything under a prefix, and how many leaves that is: a leaf that is alone stands for all of it."""

    hash: bytes = EMPTY
    leaves: int = 0


def label_of(origin: str, patient_id: UUID) -> bytes:
    return hashlib.sha256(f"letopis/patient-label@v1\n{origin}\n{patient_id}\n".encode()).digest()


def leaf_hash(label: bytes, *, length: int, head: bytes, nonce: bytes) -> bytes:
    return hashlib.sha256(b"\x03" + label + length.to_bytes(8, "big") + head + nonce).digest()


def joined(left: Subtree, right: Subtree) -> Subtree:
    """The subtree whose halves these are."""
    leaves = left.leaves + right.leaves
    if leaves <= 1:
        return left if left.leaves else right
    return Subtree(_node_hash(left.hash, right.hash), leaves)


def subtree(leaves: Sequence[MapLeaf], *, depth: int = 0) -> Subtree:
    """Of all leaves, in order of their labels, whose labels share their first `depth` bits."""
    if len(leaves) <= 1:
        return Subtree(leaves[0].hash, 1) if leaves else Subtree()
    middle = _middle(leaves, depth)
    return joined(subtree(leaves[:middle], depth=depth + 1), subtree(leaves[middle:], depth=depth + 1))


def path(leaves: Sequence[MapLeaf], label: bytes, *, depth: int = 0) -> list[bytes]:
    """The siblings on the way from a prefix of `depth` bits down to the label, the first from above first."""
    siblings = []
    while len(leaves) > 1:
        middle = _middle(leaves, depth)
        nearer, farther = leaves[:middle], leaves[middle:]
        if bit(label, depth):
            nearer, farther = farther, nearer
        depth += 1
        siblings.append(subtree(farther, depth=depth).hash)
        leaves = nearer
    return siblings


def root_of(leaf: MapLeaf, siblings: Sequence[bytes]) -> bytes:
    """The root that a leaf has with these siblings, the first from above first."""
    computed = leaf.hash
    for depth in reversed(range(len(siblings))):
        sibling = siblings[depth]
        pair = (sibling, computed) if bit(leaf.label, depth) else (computed, sibling)
        computed = _node_hash(*pair)
    return computed


def bit(label: bytes, depth: int) -> int:
    return label[depth // 8] >> (7 - depth % 8) & 1


def _middle(leaves: Sequence[MapLeaf], depth: int) -> int:
    """How many of the leaves, which are in order, go to the left."""
    low, high = 0, len(leaves)
    while low < high:
        middle = (low + high) // 2
        if bit(leaves[middle].label, depth):
            high = middle
        else:
            low = middle + 1
    return low


def _node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x04" + left + right).digest()
