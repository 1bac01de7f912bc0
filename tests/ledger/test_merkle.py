"""The tree is the one of RFC 6962: published vectors, every small tree, and no proof with a wrong bit."""

from collections.abc import Sequence
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.merkle import (
    EMPTY_ROOT,
    TREE_SIZE_MAX,
    Frontier,
    InvalidProofError,
    OutsideTreeError,
    check_consistency,
    check_inclusion,
    leaf_hash,
    node_hash,
    prove_consistency,
    prove_inclusion,
    read_root,
    root_hash,
)

# The entries that certificate-transparency implementations have shared since 2013.
SHARED_ENTRIES = [
    bytes.fromhex(entry)
    for entry in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
SHARED_LEAVES = [leaf_hash(entry) for entry in SHARED_ENTRIES]
SIZE_MAX = 70
LEAVES = [leaf_hash(b"entry %d" % index) for index in range(SIZE_MAX)]


def recursive_root(leaves: Sequence[bytes]) -> bytes:
    """MTH(D[n]) word for word as in RFC 6962 section 2.1, to judge the faster code by."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return sha256(b"\x01" + recursive_root(leaves[:k]) + recursive_root(leaves[k:])).digest()


def recursive_path(m: int, leaves: Sequence[bytes]) -> list[bytes]:
    """PATH(m, D[n]) word for word as in RFC 6962 section 2.1.1."""
    if len(leaves) == 1:
        return []
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    if m < k:
        return [*recursive_path(m, leaves[:k]), recursive_root(leaves[k:])]
    return [*recursive_path(m - k, leaves[k:]), recursive_root(leaves[:k])]


def recursive_subproof(m: int, leaves: Sequence[bytes], b: bool) -> list[bytes]:
    """SUBPROOF(m, D[n], b) word for word as in RFC 6962 section 2.1.2."""
    if m == len(leaves):
        return [] if b else [recursive_root(leaves)]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    if m <= k:
        return [*recursive_subproof(m, leaves[:k], b), recursive_root(leaves[k:])]
    return [*recursive_subproof(m - k, leaves[k:], b=False), recursive_root(leaves[:k])]


class StoredSubtrees:
    """Complete subtrees of some leaves, and how often they were asked for."""

    def __init__(self, leaves: Sequence[bytes]) -> None:
        self.rows = [list(leaves)]
        while len(self.rows[-1]) > 1:
            row = self.rows[-1]
            self.rows.append([node_hash(row[i], row[i + 1]) for i in range(0, len(row) - 1, 2)])
        self.reads = 0

    def __call__(self, level: int, index: int) -> bytes:
        self.reads += 1
        return self.rows[level][index]


STORED = StoredSubtrees(LEAVES)
ROOTS = [recursive_root(LEAVES[:size]) for size in range(SIZE_MAX + 1)]


def flipped(value: bytes, bit: int) -> bytes:
    return bytes(byte ^ (1 << bit % 8 if place == bit // 8 else 0) for place, byte in enumerate(value))


# Published vectors.


@pytest.mark.parametrize(
    ("size", "root"),
    [
        (0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        (1, "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"),
        (2, "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"),
        (3, "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"),
        (8, "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"),
    ],
)
def test_the_roots_are_the_published_ones(size: int, root: str) -> None:
    assert root_hash(SHARED_LEAVES[:size]).hex() == root
    assert read_root(size, StoredSubtrees(SHARED_LEAVES)).hex() == root


def test_the_path_of_the_first_leaf_in_eight_is_the_published_one() -> None:
    path = prove_inclusion(0, 8, StoredSubtrees(SHARED_LEAVES))
    assert [value.hex()[:12] for value in path] == ["96a296d224f2", "5f083f0a1a33", "6b47aaf29ee3"]


def test_the_consistency_proof_from_three_to_eight_is_the_published_one() -> None:
    proof = prove_consistency(3, 8, StoredSubtrees(SHARED_LEAVES))
    assert [value.hex()[:12] for value in proof] == [
        "0298d122906d",
        "07506a85fd9d",
        "fac54203e7cc",
        "6b47aaf29ee3",
    ]


# Every small tree.


@pytest.mark.parametrize("size", range(SIZE_MAX + 1))
def test_the_root_of_every_small_tree_is_the_recursive_one(size: int) -> None:
    assert root_hash(LEAVES[:size]) == ROOTS[size]
    assert read_root(size, STORED) == ROOTS[size]


@pytest.mark.parametrize("size", range(1, SIZE_MAX + 1))
def test_every_leaf_of_every_small_tree_is_proved_by_its_path(size: int) -> None:
    for index in range(size):
        proof = prove_inclusion(index, size, STORED)
        assert proof == recursive_path(index, LEAVES[:size])
        check_inclusion(proof, index=index, tree_size=size, leaf=LEAVES[index], root=ROOTS[size])


@pytest.mark.parametrize("size", range(SIZE_MAX + 1))
def test_every_older_tree_of_every_small_tree_is_proved_to_be_its_prefix(size: int) -> None:
    for old_size in range(size + 1):
        proof = prove_consistency(old_size, size, STORED)
        assert proof == (recursive_subproof(old_size, LEAVES[:size], b=True) if old_size else [])
        check_consistency(
            proof, old_size=old_size, old_root=ROOTS[old_size], new_size=size, new_root=ROOTS[size]
        )


def test_proofs_of_a_large_tree_read_few_hashes() -> None:
    """The seam promises O(log n) reads: a tree of 2**40 + 2**20 + 1 equal leaves needs no memory."""
    rows = [leaf_hash(b"")]
    for _ in range(41):
        rows.append(node_hash(rows[-1], rows[-1]))
    reads = 0

    def read(level: int, _index: int) -> bytes:
        nonlocal reads
        reads += 1
        return rows[level]

    size = 2**40 + 2**20 + 1
    old_size = 2**39 + 12345
    root, old_root = read_root(size, read), read_root(old_size, read)
    reads = 0
    check_inclusion(
        prove_inclusion(2**40 - 7, size, read), index=2**40 - 7, tree_size=size, leaf=rows[0], root=root
    )
    check_consistency(
        prove_consistency(old_size, size, read),
        old_size=old_size,
        old_root=old_root,
        new_size=size,
        new_root=root,
    )
    assert reads <= 2 * 2 * 41


# Refusals.


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 13, 64, 70])
def test_an_inclusion_proof_with_a_bit_of_any_hash_flipped_is_refused(size: int) -> None:
    for index in range(size):
        proof = prove_inclusion(index, size, STORED)
        for place in range(len(proof)):
            for bit in range(index % 23, 256, 23):
                spoilt = [*proof[:place], flipped(proof[place], bit), *proof[place + 1 :]]
                with pytest.raises(InvalidProofError):
                    check_inclusion(spoilt, index=index, tree_size=size, leaf=LEAVES[index], root=ROOTS[size])


@pytest.mark.parametrize("size", [2, 3, 7, 8, 13, 64, 70])
def test_a_consistency_proof_with_a_bit_of_any_hash_flipped_is_refused(size: int) -> None:
    for old_size in range(1, size):
        proof = prove_consistency(old_size, size, STORED)
        for place in range(len(proof)):
            for bit in range(old_size % 23, 256, 23):
                spoilt = [*proof[:place], flipped(proof[place], bit), *proof[place + 1 :]]
                with pytest.raises(InvalidProofError):
                    check_consistency(
                        spoilt,
                        old_size=old_size,
                        old_root=ROOTS[old_size],
                        new_size=size,
                        new_root=ROOTS[size],
                    )


@pytest.mark.parametrize("size", range(1, 20))
def test_an_inclusion_proof_shows_no_other_leaf_index_or_size(size: int) -> None:
    for index in range(size):
        proof = prove_inclusion(index, size, STORED)
        for other in range(size):
            if other != index:
                with pytest.raises(InvalidProofError):
                    check_inclusion(proof, index=other, tree_size=size, leaf=LEAVES[index], root=ROOTS[size])
                with pytest.raises(InvalidProofError):
                    check_inclusion(proof, index=index, tree_size=size, leaf=LEAVES[other], root=ROOTS[size])
        for wrong in (proof[:-1], proof[1:], [*proof, LEAVES[0]], [LEAVES[0], *proof], [*proof, *proof]):
            if wrong != proof:
                with pytest.raises(InvalidProofError):
                    check_inclusion(wrong, index=index, tree_size=size, leaf=LEAVES[index], root=ROOTS[size])


@pytest.mark.parametrize("size", range(1, 20))
def test_a_consistency_proof_shows_no_other_tree(size: int) -> None:
    for old_size in range(size + 1):
        proof = prove_consistency(old_size, size, STORED)
        old_root, new_root = ROOTS[old_size], ROOTS[size]
        spoilt = [
            ([*proof, LEAVES[0]], old_size, old_root, size, new_root),
            ([LEAVES[0], *proof], old_size, old_root, size, new_root),
            (proof, old_size, flipped(old_root, 3), size, new_root),
            (proof, old_size, old_root, old_size - 1, new_root),
            (proof, size + 1, old_root, size, new_root),
        ]
        if old_size:  # every tree grows from the empty one
            spoilt.append((proof, old_size, old_root, size, flipped(new_root, 3)))
        if proof:
            spoilt += [(cut, old_size, old_root, size, new_root) for cut in (proof[:-1], proof[1:], [])]
        for wrong, wrong_old_size, wrong_old_root, wrong_size, wrong_root in spoilt:
            with pytest.raises(InvalidProofError):
                check_consistency(
                    wrong,
                    old_size=wrong_old_size,
                    old_root=wrong_old_root,
                    new_size=wrong_size,
                    new_root=wrong_root,
                )


@pytest.mark.parametrize(
    ("index", "size"), [(-1, 4), (4, 4), (5, 4), (0, 0), (0, -1), (1, TREE_SIZE_MAX + 1)]
)
def test_a_leaf_outside_the_tree_is_neither_proved_nor_believed(index: int, size: int) -> None:
    with pytest.raises(OutsideTreeError):
        prove_inclusion(index, size, STORED)
    with pytest.raises(InvalidProofError, match="outside"):
        check_inclusion([], index=index, tree_size=size, leaf=LEAVES[0], root=LEAVES[0])


@pytest.mark.parametrize(("old_size", "new_size"), [(-1, 4), (5, 4), (1, 0), (0, -1), (1, TREE_SIZE_MAX + 1)])
def test_a_tree_that_shrinks_is_neither_proved_nor_believed(old_size: int, new_size: int) -> None:
    with pytest.raises(OutsideTreeError):
        prove_consistency(old_size, new_size, STORED)
    with pytest.raises(InvalidProofError, match="larger"):
        check_consistency([], old_size=old_size, old_root=ROOTS[1], new_size=new_size, new_root=ROOTS[1])


def test_nothing_grows_from_an_empty_tree_with_a_root_that_is_not_its_own() -> None:
    check_consistency([], old_size=0, old_root=EMPTY_ROOT, new_size=5, new_root=ROOTS[5])
    for old_root, new_size, new_root in [
        (ROOTS[1], 5, ROOTS[5]),
        (ROOTS[1], 0, ROOTS[1]),
        (EMPTY_ROOT, 0, ROOTS[1]),
    ]:
        with pytest.raises(InvalidProofError):
            check_consistency([], old_size=0, old_root=old_root, new_size=new_size, new_root=new_root)


def test_a_hash_of_another_length_is_refused() -> None:
    proof = prove_inclusion(2, 3, STORED)
    for wrong in (proof[0][:-1], proof[0] + b"\x00", b""):
        with pytest.raises(InvalidProofError, match="32 bytes"):
            check_inclusion([wrong], index=2, tree_size=3, leaf=LEAVES[2], root=ROOTS[3])
        with pytest.raises(InvalidProofError, match="32 bytes"):
            check_inclusion(proof, index=2, tree_size=3, leaf=wrong, root=ROOTS[3])
        with pytest.raises(InvalidProofError, match="32 bytes"):
            check_consistency([wrong], old_size=2, old_root=ROOTS[2], new_size=3, new_root=ROOTS[3])


def test_an_inner_node_does_not_pass_for_an_entry() -> None:
    """Without the first byte 0x00 or 0x01, the two hashes below a node would be an entry of half the tree."""
    forged_entry = LEAVES[0] + LEAVES[1]
    with pytest.raises(InvalidProofError):
        check_inclusion(
            [node_hash(LEAVES[2], LEAVES[3])],
            index=0,
            tree_size=2,
            leaf=leaf_hash(forged_entry),
            root=ROOTS[4],
        )


def test_the_proof_of_an_impossibly_large_tree_ends_quickly() -> None:
    with pytest.raises(InvalidProofError, match="short"):
        check_inclusion([], index=0, tree_size=TREE_SIZE_MAX, leaf=LEAVES[0], root=LEAVES[0])
    with pytest.raises(InvalidProofError, match="long"):
        check_inclusion([LEAVES[0]] * 64, index=0, tree_size=TREE_SIZE_MAX, leaf=LEAVES[0], root=LEAVES[0])


@pytest.mark.parametrize("size", [-1, TREE_SIZE_MAX + 1])
def test_a_tree_of_an_impossible_size_has_no_root(size: int) -> None:
    with pytest.raises(OutsideTreeError):
        read_root(size, STORED)


# The frontier.


@given(st.lists(st.integers(min_value=0, max_value=40), max_size=12))
def test_a_frontier_grown_in_any_steps_has_the_recursive_root(steps: list[int]) -> None:
    frontier, leaves = Frontier(), list[bytes]()
    for step in steps:
        more = [leaf_hash(b"%d" % index) for index in range(len(leaves), len(leaves) + step)]
        frontier, leaves = frontier.extend(more), leaves + more
        assert frontier.size == len(leaves)
        assert frontier.root() == recursive_root(leaves)
        assert Frontier(frontier.size, frontier.hashes) == frontier


def test_a_frontier_grown_leaf_by_leaf_is_the_one_grown_at_once() -> None:
    frontier = Frontier()
    for size, leaf in enumerate(LEAVES, start=1):
        frontier = frontier.append(leaf)
        assert frontier == Frontier().extend(LEAVES[:size])
        assert frontier.root() == ROOTS[size]


def test_a_frontier_keeps_its_subtrees_from_left_to_right() -> None:
    assert Frontier().extend(LEAVES[:6]).hashes == (ROOTS[4], node_hash(LEAVES[4], LEAVES[5]))


@pytest.mark.parametrize(
    ("size", "hashes"), [(1, 0), (3, 1), (4, 2), (0, 1), (-1, 1), (TREE_SIZE_MAX + 1, 1)]
)
def test_a_frontier_that_does_not_fit_its_size_is_refused(size: int, hashes: int) -> None:
    with pytest.raises(ValueError, match="do not fit"):
        Frontier(size, tuple(LEAVES[:hashes]))


def test_a_frontier_takes_hashes_and_not_entries() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Frontier().extend([LEAVES[0], b"an entry"])


@pytest.mark.parametrize("level", [1, 3, 8])
@pytest.mark.parametrize("before", range(4))
def test_a_frontier_extended_by_roots_of_subtrees_is_that_of_the_leaves(level: int, before: int) -> None:
    width = 1 << level
    leaves = [sha256(bytes([number % 256, number // 256])).digest() for number in range(8 * width)]
    held, more = leaves[: before * width], leaves[before * width :]
    roots = [root_hash(more[start : start + width]) for start in range(0, len(more), width)]
    frontier = Frontier().extend(held)
    assert frontier.extend(roots, level=level) == frontier.extend(more)


def test_a_subtree_begins_only_where_one_of_its_level_can() -> None:
    leaf = bytes(32)
    with pytest.raises(ValueError, match="does not end where"):
        Frontier().extend([leaf]).extend([leaf], level=1)
