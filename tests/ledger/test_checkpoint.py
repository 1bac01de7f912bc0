"""A checkpoint is three lines in one spelling, signed by the log that it speaks of."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger import checkpoint, note
from ledger.checkpoint import Checkpoint, InvalidCheckpointError, parse_decimal
from ledger.merkle import EMPTY_ROOT, TREE_SIZE_MAX
from ledger.note import InvalidNoteError, Signer, Verifier

ORIGIN = "ledger.example/analyses"
LOG = Signer(ORIGIN, bytes(range(32)))
ROOT = bytes.fromhex("5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328")
CHECKPOINT = Checkpoint(ORIGIN, 8, ROOT)
# Accepted by the independent verifier, with the cosignature of a witness.
VKEY = "ledger.example/analyses+50e056f0+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4"
SIGNED = (
    "ledger.example/analyses\n8\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=\n\n"
    "— ledger.example/analyses UOBW8OQlSBpjSENhNdPT2X9v5gSCu4ye/n1nlv1RVmi4r+uYYZguiatASmYz0z+643k4eKfg"
    "xYBvhv2ohhdRJAWpUgE=\n"
).encode()
COSIGNATURE = (
    "— witness.example/w1 IDJKvgAAAABlU/EARJ3GSlho96Zf8OlT5KSMn5TqxU7/x4l50LgzTX6OUeIVxYpFXz/xtjgbyRswJ5W5"
    "Z/j/pyNugJ2Cpsl8wOEHBQ==\n"
).encode()
SOUND_TEXT = "log.example\n8\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=\n"


def test_our_vector_is_signed_byte_for_byte() -> None:
    assert checkpoint.sign(CHECKPOINT, LOG) == SIGNED


def test_our_vector_is_verified_with_and_without_its_cosignature() -> None:
    assert checkpoint.verify(SIGNED, Verifier.from_vkey(VKEY)) == CHECKPOINT
    assert checkpoint.verify(SIGNED + COSIGNATURE, Verifier.from_vkey(VKEY)) == CHECKPOINT


@given(st.integers(1, TREE_SIZE_MAX), st.binary(min_size=32, max_size=32))
def test_a_checkpoint_is_read_as_it_was_written(tree_size: int, root: bytes) -> None:
    written = Checkpoint("log.example", tree_size, root)
    assert checkpoint.parse(checkpoint.to_text(written)) == written


def test_the_checkpoint_of_an_empty_log_has_the_root_of_the_empty_tree() -> None:
    empty = Checkpoint(ORIGIN, 0, EMPTY_ROOT)
    assert checkpoint.verify(checkpoint.sign(empty, LOG), LOG.verifier) == empty
    with pytest.raises(InvalidCheckpointError, match="empty tree"):
        Checkpoint(ORIGIN, 0, ROOT)


def test_extension_lines_are_accepted_and_dropped() -> None:
    read = checkpoint.parse(f"{SOUND_TEXT}an extension\nи ещё одно\n")
    assert checkpoint.to_text(read) == SOUND_TEXT


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "log.example\n8\n",
        SOUND_TEXT.removesuffix("\n"),
        f"{SOUND_TEXT}\n",
        f"{SOUND_TEXT}\nextension\n",
        f"{SOUND_TEXT}extension\n\n",
        f"{SOUND_TEXT}extension",
        SOUND_TEXT.replace("log.example", ""),
        SOUND_TEXT.replace("\n", "\r\n"),
        SOUND_TEXT.replace("\n8\n", "\n08\n"),
        SOUND_TEXT.replace("\n8\n", "\n+8\n"),
        SOUND_TEXT.replace("\n8\n", "\n-8\n"),
        SOUND_TEXT.replace("\n8\n", "\n 8\n"),
        SOUND_TEXT.replace("\n8\n", "\n8 \n"),
        SOUND_TEXT.replace("\n8\n", "\n8_0\n"),
        SOUND_TEXT.replace("\n8\n", "\n0x8\n"),
        SOUND_TEXT.replace("\n8\n", "\n\u0668\n"),
        SOUND_TEXT.replace("\n8\n", "\n\n"),
        SOUND_TEXT.replace("\n8\n", "\n0\n"),
        SOUND_TEXT.replace("\n8\n", "\n9223372036854775808\n"),
        SOUND_TEXT.replace("\n8\n", "\n" + "9" * 5000 + "\n"),
        SOUND_TEXT.replace("Qyg=", "Qyh="),
        SOUND_TEXT.replace("Qyg=", "Qyg"),
        SOUND_TEXT.replace("Qyg=", "Qyg=="),
        SOUND_TEXT.replace("Qyg=", "Qw=="),
        SOUND_TEXT.replace("Qyg=", "Qygh"),
        SOUND_TEXT.replace("/", "_"),
        SOUND_TEXT.replace("Xcna", " Xcna"),
    ],
)
def test_a_checkpoint_in_another_form_is_refused(text: str) -> None:
    assert checkpoint.parse(SOUND_TEXT)
    with pytest.raises(InvalidCheckpointError):
        checkpoint.parse(text)


@pytest.mark.parametrize(
    ("origin", "tree_size", "root"),
    [
        ("", 8, ROOT),
        ("two\nlines", 8, ROOT),
        ("a\rb", 8, ROOT),
        (ORIGIN, -1, ROOT),
        (ORIGIN, TREE_SIZE_MAX + 1, ROOT),
        (ORIGIN, 8, ROOT[:-1]),
        (ORIGIN, 8, ROOT + b"\x00"),
    ],
)
def test_a_checkpoint_that_cannot_be_is_never_written(origin: str, tree_size: int, root: bytes) -> None:
    with pytest.raises(InvalidCheckpointError):
        Checkpoint(origin, tree_size, root)


def test_a_log_signs_only_for_itself() -> None:
    with pytest.raises(InvalidCheckpointError, match="another log"):
        checkpoint.sign(Checkpoint("other.example", 8, ROOT), LOG)


def test_a_checkpoint_of_another_log_is_refused_even_if_our_key_signed_it() -> None:
    foreign = note.sign(SOUND_TEXT, LOG)
    with pytest.raises(InvalidCheckpointError, match="another log"):
        checkpoint.verify(foreign, LOG.verifier)


def test_a_checkpoint_that_only_a_stranger_signed_is_refused() -> None:
    namesake = Signer(ORIGIN, bytes(32))
    with pytest.raises(InvalidNoteError, match="no known key"):
        checkpoint.verify(checkpoint.sign(CHECKPOINT, namesake), LOG.verifier)


def test_a_signed_text_that_is_no_checkpoint_is_refused() -> None:
    with pytest.raises(InvalidCheckpointError):
        checkpoint.verify(note.sign(f"{ORIGIN}\n", LOG), LOG.verifier)


def test_a_signed_checkpoint_with_any_bit_flipped_is_refused() -> None:
    for place in range(len(SIGNED)):
        for bit in range(8):
            with pytest.raises(InvalidNoteError):
                checkpoint.verify(
                    SIGNED[:place] + bytes([SIGNED[place] ^ 1 << bit]) + SIGNED[place + 1 :], LOG.verifier
                )


@settings(max_examples=200)
@given(st.binary(max_size=20), st.integers(0, len(SIGNED)), st.integers(0, len(SIGNED)))
def test_a_signed_checkpoint_with_any_part_replaced_is_refused(part: bytes, start: int, end: int) -> None:
    spoilt = SIGNED[:start] + part + SIGNED[max(start, end) :]
    if spoilt != SIGNED:
        with pytest.raises(InvalidNoteError):
            checkpoint.verify(spoilt, LOG.verifier)


@given(st.integers(0, 10**19 - 1))
def test_a_decimal_is_read_as_it_is_written(number: int) -> None:
    assert parse_decimal(str(number)) == number


@pytest.mark.parametrize("text", ["", "00", "01", "-0", "+1", "1.0", "1e3", "१", "²", "1\n", " 1", "1" * 20])
def test_a_decimal_in_another_spelling_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="canonical"):
        parse_decimal(text)
