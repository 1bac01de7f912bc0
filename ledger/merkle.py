"""Merkle tree hashes, inclusion proofs and consistency proofs (RFC 6962 section 2.1, RFC 9162 section 2.1).

Everything here is a pure function of hashes. Each proof is made and checked side by side; the formula of
the RFC stands at the code that follows it, with D[a:b] the leaves from a up to, not including, b.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import TypeAlias

HASH_SIZE_BYTES = 32
# Independent verifiers count leaves in a signed 64-bit integer; a larger tree could not be checked.
TREE_SIZE_MAX = 2**63 - 1
EMPTY_ROOT = sha256(b"").digest()  # MTH({}) = SHA-256("")

# subtree(level, index): the hash of the complete subtree of 2**level leaves that starts at leaf
# index * 2**level. It is asked only for subtrees that lie wholly inside the tree.
Subtree: TypeAlias = Callable[[int, int], bytes]


class InvalidProofError(Exception):
    """The proof does not show what it is said to show."""


class OutsideTreeError(Exception):
    """The leaf, or the older tree, is not part of the tree."""


def leaf_hash(entry: bytes) -> bytes:
    """SHA-256(0x00 || d): RFC 9162 section 2.1.1. The first byte keeps a node from passing for a leaf."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 || left || right)."""
    return sha256(b"\x01" + left + right).digest()


def root_hash(leaf_hashes: Iterable[bytes]) -> bytes:
    """MTH(D[n]) of leaves that are all at hand."""
    return Frontier().extend(leaf_hashes).root()


def read_root(tree_size: int, read: Subtree) -> bytes:
    """MTH(D[n]) from stored subtrees, in O(log n) reads."""
    if not 0 <= tree_size <= TREE_SIZE_MAX:
        raise OutsideTreeError
    return _range_hash(0, tree_size, read) if tree_size else EMPTY_ROOT


def _range_hash(start: int, end: int, read: Subtree) -> bytes:
    """MTH(D[start:end]) of a range that the recursion MTH(D[n]) = node(MTH(D[0:k]), MTH(D[k:n])) meets."""
    size = end - start
    if size & (size - 1) == 0:
        return read(size.bit_length() - 1, start // size)
    middle = _middle(start, end)
    return node_hash(_range_hash(start, middle, read), _range_hash(middle, end, read))


def _middle(start: int, end: int) -> int:
    """Where D[start:end] is split: k leaves to the left, the largest power of two smaller than its size."""
    return start + (1 << ((end - start - 1).bit_length() - 1))


def prove_inclusion(index: int, tree_size: int, read: Subtree) -> list[bytes]:
    """PATH(index, D[tree_size]), the leaf's sibling first: RFC 9162 section 2.1.3.1."""
    if not 0 <= index < tree_size <= TREE_SIZE_MAX:
        raise OutsideTreeError
    start, end, from_root = 0, tree_size, list[bytes]()
    while end - start > 1:  # PATH(0, {d(0)}) = {}
        middle = _middle(start, end)
        if index < middle:  # PATH(m, D[n]) = PATH(m, D[0:k]) : MTH(D[k:n])
            from_root.append(_range_hash(middle, end, read))
            end = middle
        else:  # PATH(m, D[n]) = PATH(m - k, D[k:n]) : MTH(D[0:k])
            from_root.append(_range_hash(start, middle, read))
            start = middle
    return from_root[::-1]


def check_inclusion(proof: Sequence[bytes], *, index: int, tree_size: int, leaf: bytes, root: bytes) -> None:
    """Refuse a proof that does not lead from the leaf hash to the root: RFC 9162 section 2.1.3.2."""
    _require(0 <= index < tree_size <= TREE_SIZE_MAX, "the index is outside the tree")
    _require_hashes(leaf, root, *proof)
    computed = leaf
    for sibling, is_left in _climb(index, tree_size - 1, proof):
        computed = node_hash(sibling, computed) if is_left else node_hash(computed, sibling)
    _require(computed == root, "the proof leads to another root")


def prove_consistency(old_size: int, new_size: int, read: Subtree) -> list[bytes]:
    """PROOF(old_size, D[new_size]): RFC 9162 section 2.1.4.1; empty from size 0 (C2SP tlog-witness)."""
    if not 0 <= old_size <= new_size <= TREE_SIZE_MAX:
        raise OutsideTreeError
    start, end, from_root = 0, new_size, list[bytes]()
    while 0 < old_size < end:
        middle = _middle(start, end)
        if old_size <= middle:  # SUBPROOF(m, D[n], b) = SUBPROOF(m, D[0:k], b) : MTH(D[k:n])
            from_root.append(_range_hash(middle, end, read))
            end = middle
        else:  # SUBPROOF(m, D[n], b) = SUBPROOF(m - k, D[k:n], false) : MTH(D[0:k])
            from_root.append(_range_hash(start, middle, read))
            start = middle
    if start > 0:  # SUBPROOF(m, D[m], false) = {MTH(D[m])}, but SUBPROOF(m, D[m], true) = {}
        from_root.append(_range_hash(start, end, read))
    return from_root[::-1]


def check_consistency(
    proof: Sequence[bytes], *, old_size: int, old_root: bytes, new_size: int, new_root: bytes
) -> None:
    """Refuse a proof that does not lead to both roots: RFC 9162 section 2.1.4.2."""
    _require(0 <= old_size <= new_size <= TREE_SIZE_MAX, "the old tree is larger, or a size is impossible")
    _require_hashes(old_root, new_root, *proof)
    _require(old_size > 0 or old_root == EMPTY_ROOT, "the old root is not that of the empty tree")
    if old_size in {0, new_size}:
        _require(len(proof) == 0, "the proof is too long")
        _require(old_size < new_size or old_root == new_root, "two trees of one size differ")
        return
    # A complete old tree is itself the first node of the path, so the proof leaves it out.
    path = [old_root, *proof] if old_size & (old_size - 1) == 0 else list(proof)
    _require(len(path) > 0, "the proof is too short")
    node, last = old_size - 1, new_size - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    old_computed = new_computed = path[0]
    for sibling, is_left in _climb(node, last, path[1:]):
        if is_left:
            old_computed = node_hash(sibling, old_computed)
        new_computed = node_hash(sibling, new_computed) if is_left else node_hash(new_computed, sibling)
    _require(old_computed == old_root, "the proof leads to another old root")
    _require(new_computed == new_root, "the proof leads to another new root")


def _climb(node: int, last: int, siblings: Sequence[bytes]) -> Iterator[tuple[bytes, bool]]:
    """Each sibling on the way up from a node of a row that ends at `last`, and whether it is the left one."""
    for sibling in siblings:
        _require(last > 0, "the proof is too long")
        is_left = node & 1 == 1 or node == last
        yield sibling, is_left
        while is_left and not node & 1 and node:  # a last node without a sibling rises unchanged
            node, last = node >> 1, last >> 1
        node, last = node >> 1, last >> 1
    _require(last == 0, "the proof is too short")


def _require(condition: bool, reason: str) -> None:
    if not condition:
        raise InvalidProofError(reason)


def _require_hashes(*hashes: bytes) -> None:
    _require({len(value) for value in hashes} == {HASH_SIZE_BYTES}, "a hash does not have 32 bytes")


@dataclass(frozen=True, slots=True)
class Frontier:
    """All that a growing tree must remember: the complete subtrees that the binary form of its size names.

    The hashes stand from left to right, the largest first: a tree of 6 keeps MTH(D[0:4]) and MTH(D[4:6]).
    """

    size: int = 0
    hashes: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        """A frontier that comes back from storage must at least fit its size."""
        if not 0 <= self.size <= TREE_SIZE_MAX or len(self.hashes) != self.size.bit_count():
            message = "the hashes of a frontier do not fit its size"
            raise ValueError(message)

    def append(self, leaf: bytes) -> "Frontier":
        """The frontier with one more leaf hash."""
        return self.extend((leaf,))

    def extend(self, hashes: Iterable[bytes], *, level: int = 0) -> "Frontier":
        """The frontier with more leaf hashes, or with the roots of complete subtrees of 2^level leaves, of
        which the tree so far must be a multiple. Computed row by row: few long loops are fast in Python."""
        row = list(hashes)
        if not set(map(len, row)) <= {HASH_SIZE_BYTES}:
            message = "a hash does not have 32 bytes"
            raise ValueError(message)
        if self.size & ((1 << level) - 1):
            message = "the tree does not end where a subtree of this level begins"
            raise ValueError(message)
        new_size = self.size + (len(row) << level)
        kept, unpaired = list(self.hashes), list[bytes]()
        while row:
            if self.size >> level & 1:
                row.insert(0, kept.pop())
            if len(row) & 1:
                unpaired.append(row.pop())
            pairs = zip(row[::2], row[1::2], strict=True)
            row = [sha256(b"\x01" + left + right).digest() for left, right in pairs]
            level += 1
        return Frontier(new_size, (*kept, *reversed(unpaired)))

    def root(self) -> bytes:
        """MTH(D[size]): the subtrees, joined from the right."""
        root = self.hashes[-1] if self.hashes else EMPTY_ROOT
        for left in reversed(self.hashes[:-1]):
            root = node_hash(left, root)
        return root
