"""Sealed bytes open only where they were sealed: one key, one event, one header."""

from uuid import UUID

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from hypothesis import given
from hypothesis import strategies as st

from ledger import sealing
from ledger.sealing import NotUnsealedError

KEY, OTHER_KEY = bytes(range(32)), bytes(range(1, 33))
EVENT, OTHER_EVENT = UUID(int=1), UUID(int=2)
PLAINTEXT = b'{"phone":"+79990000001"}'
SEALED, COMMITMENT = sealing.seal(KEY, about=EVENT, header=b"header", plaintext=PLAINTEXT)


def test_what_was_sealed_opens() -> None:
    assert sealing.unseal(KEY, about=EVENT, header=b"header", body=SEALED) == PLAINTEXT


def test_sealing_twice_gives_other_bytes_and_the_same_commitment() -> None:
    again, commitment = sealing.seal(KEY, about=EVENT, header=b"header", plaintext=PLAINTEXT)
    assert again != SEALED
    assert commitment == COMMITMENT


@pytest.mark.parametrize(
    ("key", "event", "header"),
    [(OTHER_KEY, EVENT, b"header"), (KEY, OTHER_EVENT, b"header"), (KEY, EVENT, b"other header")],
    ids=["another key", "another event", "another header"],
)
def test_sealed_bytes_that_were_moved_do_not_open(key: bytes, event: UUID, header: bytes) -> None:
    with pytest.raises(NotUnsealedError):
        sealing.unseal(key, about=event, header=header, body=SEALED)


@given(st.integers(0, len(SEALED) - 1), st.integers(1, 255))
def test_a_changed_byte_anywhere_is_noticed(place: int, change: int) -> None:
    spoilt = SEALED[:place] + bytes([SEALED[place] ^ change]) + SEALED[place + 1 :]
    with pytest.raises(NotUnsealedError):
        sealing.unseal(KEY, about=EVENT, header=b"header", body=spoilt)


@pytest.mark.parametrize("length", [0, 1, 7, 8, 12, 27, len(SEALED) - 1])
def test_cut_bytes_do_not_open(length: int) -> None:
    with pytest.raises(NotUnsealedError):
        sealing.unseal(KEY, about=EVENT, header=b"header", body=SEALED[:length])


def test_the_commitment_is_to_the_key_the_event_and_the_plaintext() -> None:
    assert sealing.commit(KEY, about=EVENT, plaintext=PLAINTEXT) == COMMITMENT
    others = {
        sealing.commit(OTHER_KEY, about=EVENT, plaintext=PLAINTEXT),
        sealing.commit(KEY, about=OTHER_EVENT, plaintext=PLAINTEXT),
        sealing.commit(KEY, about=EVENT, plaintext=PLAINTEXT + b" "),
        COMMITMENT,
    }
    assert len(others) == 4


def test_keys_for_different_uses_are_different() -> None:
    labels = (b"seal", b"commit", b"row-1", b"row-2")
    assert len({sealing.derive(KEY, label, EVENT.bytes) for label in labels} | {KEY}) == 5


def test_the_derived_key_is_hkdf_expand_of_rfc_5869() -> None:

    expected = HKDFExpand(SHA256(), 32, b"letopis/seal\x00" + EVENT.bytes).derive(KEY)
    assert sealing.derive(KEY, b"seal", EVENT.bytes) == expected


# Rows of views.

ROW = sealing.seal_row(KEY, about=b"cabinet/1", plaintext=PLAINTEXT)


def test_a_row_sealed_again_has_the_same_bytes() -> None:
    assert sealing.seal_row(KEY, about=b"cabinet/1", plaintext=PLAINTEXT) == ROW


def test_a_row_opens_in_its_place() -> None:
    assert sealing.unseal_row(KEY, about=b"cabinet/1", sealed=ROW) == PLAINTEXT


def test_a_row_that_was_moved_changed_or_sealed_by_another_key_does_not_open() -> None:
    spoilt = ROW[:-1] + bytes([ROW[-1] ^ 1])
    for key, about, sealed in (
        (OTHER_KEY, b"cabinet/1", ROW),
        (KEY, b"cabinet/2", ROW),
        (KEY, b"cabinet/1", spoilt),
        (KEY, b"cabinet/1", ROW[:10]),
    ):
        with pytest.raises(NotUnsealedError):
            sealing.unseal_row(key, about=about, sealed=sealed)


def test_equal_values_in_two_rows_are_not_equal_bytes() -> None:
    assert sealing.seal_row(KEY, about=b"cabinet/2", plaintext=PLAINTEXT) != ROW


# Marks and streams.


def test_a_mark_depends_on_the_key_the_kind_and_the_number() -> None:
    marks = {
        sealing.mark(KEY, "phone", "+79990000001"),
        sealing.mark(OTHER_KEY, "phone", "+79990000001"),
        sealing.mark(KEY, "snils", "+79990000001"),
        sealing.mark(KEY, "phone", "+79990000002"),
    }
    assert len(marks) == 4
    assert sealing.mark(KEY, "phone", "+79990000001") in marks
    assert sealing.mark(KEY, "phone", b"+79990000001") in marks


def test_a_mark_of_many_is_that_of_fips_197_and_the_same_by_itself() -> None:
    """FIPS 197, appendix C.3."""
    key, block = bytes(range(32)), bytes.fromhex("00112233445566778899aabbccddeeff")
    expected = bytes.fromhex("8ea2b7ca516745bfeafc49904b496089")
    assert sealing.marks(key, [block]) == expected
    others = [sealing.mark_block("глюкоза"), sealing.mark_block("натрий")]
    together = sealing.marks(key, [others[0], block, others[1], others[0]])
    assert together[16:32] == expected
    assert together[:16] == together[48:] != together[32:48]
    assert sealing.marks(OTHER_KEY, [block]) != expected


@given(st.text(max_size=9), st.lists(st.text(max_size=9), max_size=3))
def test_a_stream_id_is_a_uuid_of_version_8(kind: str, parts: list[str]) -> None:
    found = sealing.stream_id(KEY, kind, *parts)
    assert found.version == 8
    assert found.variant == "specified in RFC 4122"
    assert found == sealing.stream_id(KEY, kind, *parts)


@given(
    st.lists(st.sampled_from(["", "0", "1", "\x00", "1:", "a", "\x001:a"]), max_size=4),
    st.lists(st.sampled_from(["", "0", "1", "\x00", "1:", "a", "\x001:a"]), max_size=4),
)
def test_different_parts_never_run_together_into_one_stream(one: list[str], other: list[str]) -> None:
    same = sealing.stream_id(KEY, "report", *one) == sealing.stream_id(KEY, "report", *other)
    assert same == (one == other)


def test_a_stream_is_of_one_kind() -> None:
    assert sealing.stream_id(KEY, "linkage", "1") != sealing.stream_id(KEY, "consent", "1")
