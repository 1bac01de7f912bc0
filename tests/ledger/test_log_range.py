"""A proof of a range holds for its leaves at their places, and for nothing else."""

from collections.abc import Sequence
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import checkpoint, log_range, merkle
from ledger.checkpoint import Checkpoint
from ledger.log_range import RangeProof
from ledger.merkle import InvalidProofError, OutsideTreeError, Subtree
from ledger.note import Signer

LEAVES = [merkle.leaf_hash(bytes([place])) for place in range(70)]
LOG = Signer("ledger.example/analyses", bytes(range(32)))


def subtrees(leaves: Sequence[bytes]) -> Subtree:
    return lambda level, index: merkle.root_hash(leaves[index << level : (index + 1) << level])


def root_of(leaves: Sequence[bytes], proof: Sequence[bytes], first: int, end: int, size: int) -> bytes:
    return log_range.range_root(leaves, proof, first=first, end=end, tree_size=size)


def test_every_range_of_every_small_tree_makes_the_root() -> None:
    for size in range(1, 24):
        read, root = subtrees(LEAVES[:size]), merkle.root_hash(LEAVES[:size])
        for first in range(size):
            for end in range(first + 1, size + 1):
                proof = log_range.prove_range(first, end, size, read)
                assert root_of(LEAVES[first:end], proof, first, end, size) == root


@given(st.data())
def test_no_other_leaves_and_no_other_place_make_the_root(data: st.DataObject) -> None:
    size = data.draw(st.integers(2, len(LEAVES)))
    first = data.draw(st.integers(0, size - 1))
    end = data.draw(st.integers(first + 1, size))
    leaves, root = LEAVES[first:end], merkle.root_hash(LEAVES[:size])
    proof = log_range.prove_range(first, end, size, subtrees(LEAVES[:size]))
    place = data.draw(st.integers(0, len(leaves) - 1))
    other = [*leaves[:place], merkle.leaf_hash(b"other"), *leaves[place + 1 :]]
    assert root_of(other, proof, first, end, size) != root
    for wrong in (leaves[:-1], [*leaves, leaves[0]]):
        with pytest.raises(InvalidProofError):
            root_of(wrong, proof, first, end, size)
    if end < size:
        with suppress(InvalidProofError):
            assert root_of(leaves, proof, first + 1, end + 1, size) != root


def test_a_range_outside_the_tree_is_refused() -> None:
    for first, end in ((0, 0), (3, 2), (0, 9), (-1, 3)):
        with pytest.raises(OutsideTreeError):
            log_range.prove_range(first, end, 8, subtrees(LEAVES[:8]))
        with pytest.raises(InvalidProofError):
            root_of([], [], first, end, 8)


def test_the_file_has_one_spelling() -> None:
    proof = tuple(log_range.prove_range(2, 5, 8, subtrees(LEAVES[:8])))
    signed = checkpoint.sign(Checkpoint(LOG.name, 8, merkle.root_hash(LEAVES[:8])), LOG)
    content = log_range.to_bytes(RangeProof(2, 5, proof, signed))
    assert log_range.to_bytes(log_range.parse(content)) == content
    assert log_range.verify(content, LEAVES[2:5], LOG.verifier).tree_size == 8
    for old, new in (
        (b"range 2 5", b"range 02 5"),
        (b"range 2 5", b"range 2 5 "),
        (b"range 2 5", b"RANGE 2 5"),
        (b"@v1", b"@v2"),
        (b"range 2 5", b"range 3 6"),
        (b"\n\n", b"\n"),
        (b"=\n", b"\n"),
    ):
        with pytest.raises(InvalidProofError):
            log_range.verify(content.replace(old, new, 1), LEAVES[2:5], LOG.verifier)
