"""A proof file shows, with the log's vkey and nothing else, that an entry is in the log."""

from base64 import b64encode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger import checkpoint, proof
from ledger.checkpoint import Checkpoint
from ledger.merkle import InvalidProofError, leaf_hash, node_hash, prove_inclusion, root_hash
from ledger.note import InvalidNoteError, Signer
from ledger.proof import Proof

LOG = Signer("ledger.example/analyses", bytes(range(32)))
ENTRIES = [b"entry %d" % index for index in range(13)]
LEAVES = [leaf_hash(entry) for entry in ENTRIES]
COSIGNATURE = "— witness.example/w1 AAAAAAE=\n".encode()


def read(level: int, index: int) -> bytes:
    return root_hash(LEAVES[index << level : (index + 1) << level])


def proof_of(index: int, size: int = len(ENTRIES), extra: bytes = b"") -> bytes:
    signed = checkpoint.sign(Checkpoint(LOG.name, size, root_hash(LEAVES[:size])), LOG)
    return proof.to_bytes(Proof(index, tuple(prove_inclusion(index, size, read)), signed, extra))


def refuse(spoilt: bytes, entry: bytes = ENTRIES[5]) -> None:
    with pytest.raises((InvalidProofError, InvalidNoteError)):
        proof.verify(spoilt, entry, LOG.verifier)


SOUND = proof_of(5)


def test_a_proof_file_is_written_as_the_specification_has_it() -> None:
    hashes = [LEAVES[4], node_hash(LEAVES[6], LEAVES[7]), root_hash(LEAVES[:4]), root_hash(LEAVES[8:])]
    lines = ["c2sp.org/tlog-proof@v1", "extra b3JkZXI=", "index 5"]
    lines += [b64encode(value).decode() for value in hashes]
    signed = checkpoint.sign(Checkpoint(LOG.name, 13, root_hash(LEAVES)), LOG)
    assert proof_of(5, extra=b"order") == ("\n".join(lines) + "\n\n").encode() + signed


@pytest.mark.parametrize("size", range(1, 14))
def test_every_entry_of_every_log_is_proved(size: int) -> None:
    for index in range(size):
        checked = proof.verify(proof_of(index, size), ENTRIES[index], LOG.verifier)
        assert checked == Checkpoint(LOG.name, size, root_hash(LEAVES[:size]))


def test_cosignatures_stay_in_the_proof_verbatim() -> None:
    assert proof.verify(SOUND + COSIGNATURE, ENTRIES[5], LOG.verifier).tree_size == len(ENTRIES)
    assert proof.parse(SOUND + COSIGNATURE).checkpoint.endswith(COSIGNATURE)


@given(
    st.integers(0, 2**63 - 2),
    st.lists(st.binary(min_size=32, max_size=32), max_size=63),
    st.binary(max_size=50),
)
def test_a_proof_is_read_as_it_was_written(index: int, hashes: list[bytes], extra: bytes) -> None:
    written = Proof(index, tuple(hashes), b"checkpoint\n\nsignatures\n", extra)
    assert proof.parse(proof.to_bytes(written)) == written


def test_the_largest_proof_that_is_written_is_also_read() -> None:
    largest = Proof(2**63 - 2, (LEAVES[0],) * 63, SOUND, b"e" * 2**16)
    assert proof.parse(proof.to_bytes(largest)) == largest


@pytest.mark.parametrize(
    ("index", "hashes", "extra"),
    [
        (-1, (), b""),
        (2**63 - 1, (), b""),
        (0, (LEAVES[0],) * 64, b""),
        (0, (b"short",), b""),
        (0, (), b"e" * (2**16 + 1)),
    ],
)
def test_a_proof_that_the_format_cannot_say_is_never_written(
    index: int, hashes: tuple[bytes, ...], extra: bytes
) -> None:
    with pytest.raises(InvalidProofError):
        Proof(index, hashes, b"", extra)


def test_a_proof_shows_no_other_entry() -> None:
    for entry in (*ENTRIES[:5], *ENTRIES[6:], ENTRIES[5] + b" ", b"", LEAVES[4] + LEAVES[5]):
        refuse(SOUND, entry)


def test_a_proof_under_another_key_is_refused() -> None:
    with pytest.raises(InvalidNoteError):
        proof.verify(SOUND, ENTRIES[5], Signer(LOG.name, bytes(32)).verifier)


def test_a_proof_of_a_larger_tree_does_not_hold_for_a_smaller_one() -> None:
    head = SOUND.partition(b"\n\n")[0]
    refuse(head + b"\n\n" + proof_of(5, 12).partition(b"\n\n")[2])


def test_an_extra_line_is_not_believed_nor_harmful() -> None:
    with_extra = SOUND.replace(b"\nindex", b"\nextra b3JkZXI=\nindex")
    assert proof.verify(with_extra, ENTRIES[5], LOG.verifier)
    assert proof.parse(with_extra).extra == b"order"


@pytest.mark.parametrize(
    ("sound", "spoilt"),
    [
        (b"proof@v1", b"proof@v2"),
        (b"c2sp.org", b" c2sp.org"),
        (b"index 5", b"index 05"),
        (b"index 5", b"index +5"),
        (b"index 5", b"index  5"),
        (b"index 5", b"index 5 "),
        (b"index 5", b"index 6"),
        (b"index 5", b"index 13"),
        (b"index 5", b"index -1"),
        (b"index 5", b"index " + b"5" * 5000),
        (b"index 5", b"Index 5"),
        (b"index 5\n", b""),
        (b"index 5", b"extra \nindex 5"),
        (b"index 5", b"extra AB==\nindex 5"),
        (b"index 5", b"extra b3JkZXI\nindex 5"),
        (b"index 5", b"extra b3JkZXI=\nextra b3JkZXI=\nindex 5"),
        (b"index 5", b"index 5\nextra b3JkZXI="),
        (b"index 5", b"index 5\nindex 5"),
        (b"index 5\n", b"index 5\n\n"),
        (b"index 5\n", b"index 5\r\n"),
        (b"\n", b"\r\n"),
        (b"\n\n", b"\n"),
        (b"\n\n", b"\n\n\n"),
        (b64encode(LEAVES[4]), b64encode(LEAVES[4]).rstrip(b"=")),
        (b64encode(LEAVES[4]), b64encode(LEAVES[4]) + b"="),
        (b64encode(LEAVES[4]), b64encode(LEAVES[4][:-1])),
        (b64encode(LEAVES[4]), b64encode(LEAVES[4]) + b"\n" + b64encode(LEAVES[4])),
        (b64encode(LEAVES[4]) + b"\n", b""),
    ],
)
def test_a_proof_in_another_form_is_refused(sound: bytes, spoilt: bytes) -> None:
    assert sound in SOUND
    refuse(SOUND.replace(sound, spoilt))


def test_hashes_in_another_order_are_refused() -> None:
    lines = SOUND.split(b"\n")
    assert len(lines[2]) == len(lines[3])
    refuse(b"\n".join([*lines[:2], lines[3], lines[2], *lines[4:]]))


def test_a_proof_with_any_bit_flipped_is_refused() -> None:
    for place in range(len(SOUND)):
        for bit in range(8):
            refuse(SOUND[:place] + bytes([SOUND[place] ^ 1 << bit]) + SOUND[place + 1 :])


def test_a_proof_with_any_byte_cut_out_or_any_end_cut_off_is_refused() -> None:
    for place in range(len(SOUND)):
        refuse(SOUND[:place] + SOUND[place + 1 :])
        refuse(SOUND[:place])


@settings(max_examples=200)
@given(st.binary(max_size=20), st.integers(0, len(SOUND)), st.integers(0, len(SOUND)))
def test_a_proof_with_any_part_replaced_is_refused(part: bytes, start: int, end: int) -> None:
    spoilt = SOUND[:start] + part + SOUND[max(start, end) :]
    if spoilt != SOUND:
        refuse(spoilt)


def test_a_proof_too_large_to_be_one_is_refused_unread() -> None:
    refuse(SOUND + b"\n" * 2_000_000)
    refuse(SOUND.replace(b"index", b"extra " + b"A" * 400_000 + b"\nindex"))
