"""A cosignature is made and taken exactly as C2SP tlog-cosignature has it, for both kinds of key."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger import checkpoint, cosignature, note
from ledger.cosignature import TIME_MAX, CosignatureVerifier, Cosigner, Kind
from ledger.note import InvalidKeyError, InvalidNoteError, Signature
from tests.small_log import LOG, LOG_ML_DSA, WITNESS, WITNESS_ML_DSA

# reliability.md 3.3: leaves of RFC 6962's vectors, keys of counted bytes; accepted by an independent verifier.
TEXT = "ledger.example/analyses\n8\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=\n"
AT = 1_700_000_000
ED25519_LINE = (
    "— witness.example/w1 IDJKvgAAAABlU/EARJ3GSlho96Zf8OlT5KSMn5TqxU7/x4l50LgzTX6OUeIVxYpFXz/xtjgbyRswJ5W5Z/j/pyNu"
    "gJ2Cpsl8wOEHBQ==\n"
)
# That note with the log's own ML-DSA-44 line and both lines of the witness. ML-DSA signs with fresh randomness, so
# the file was written once, with these keys.
COSIGNED = (Path(__file__).parents[1] / "golden/evidence/cosigned-checkpoint.note").read_bytes()
BOTH = pytest.mark.parametrize("cosigner", [WITNESS, WITNESS_ML_DSA], ids=lambda one: one.kind.name)
ALL = [WITNESS.verifier, WITNESS_ML_DSA.verifier, LOG_ML_DSA.verifier]


def refuse(text: str, line: Signature, verifier: CosignatureVerifier) -> None:
    with pytest.raises(InvalidNoteError):
        cosignature.verify(text, line, verifier)


# Vectors.


def test_the_vector_of_ed25519_is_made_and_verified() -> None:
    line = cosignature.cosign(TEXT, cosigner=WITNESS, at=AT)
    assert line.line == ED25519_LINE
    assert cosignature.verify(TEXT, line, WITNESS.verifier) == AT
    assert WITNESS.verifier.vkey == "witness.example/w1+20324abe+BCmsuuFBvMrwsi4alNNNC8c2HlJtC/4SyJeUvJMilm3X"


def test_the_message_of_ml_dsa_44_is_the_structure_of_the_specification() -> None:
    line = cosignature.cosign(TEXT, cosigner=WITNESS_ML_DSA, at=AT)
    root = note.decode_base64("XcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=")
    message = (
        b"subtree/v1\n\x00"
        b"\x12witness.example/w1"
        b"\x00\x00\x00\x00\x65\x53\xf1\x00"
        b"\x17ledger.example/analyses"
        b"\x00\x00\x00\x00\x00\x00\x00\x00"
        b"\x00\x00\x00\x00\x00\x00\x00\x08"
    ) + root
    assert line.signature[:8] == b"\x00\x00\x00\x00\x65\x53\xf1\x00"
    public_key = MLDSA44PublicKey.from_public_bytes(WITNESS_ML_DSA.verifier.public_key)
    public_key.verify(line.signature[8:], message)


def test_the_cosigned_checkpoint_of_the_documentation_is_verified() -> None:
    opened = note.parse(COSIGNED)
    assert opened.text == TEXT
    assert cosignature.verify_all(opened, ALL) == dict.fromkeys(ALL, AT)
    assert note.open(COSIGNED, [LOG.verifier]).text == TEXT
    assert ED25519_LINE.encode() in COSIGNED


# Keys.


@BOTH
def test_a_key_is_the_same_after_it_was_written_and_read(cosigner: Cosigner) -> None:
    assert Cosigner.from_skey(cosigner.skey) == cosigner
    assert CosignatureVerifier.from_vkey(cosigner.verifier.vkey) == cosigner.verifier
    assert cosigner.seed.hex() not in repr(cosigner)


@pytest.mark.parametrize(
    "vkey",
    [
        "",
        LOG.verifier.vkey,  # a log's key is no cosigner's
        WITNESS.verifier.vkey.replace("20324abe", "20324abf"),
        WITNESS.verifier.vkey.replace("w1", "w2"),
        WITNESS.verifier.vkey.upper(),
        WITNESS.verifier.vkey + "\n",
        WITNESS.verifier.vkey[:-4],
        WITNESS_ML_DSA.verifier.vkey[:-4],
        f"witness.example/w1+20324abe+{note.encode_base64(Kind.ED25519.value + WITNESS_ML_DSA.verifier.public_key)}",
    ],
)
def test_a_vkey_in_another_form_is_refused(vkey: str) -> None:
    with pytest.raises(InvalidKeyError):
        CosignatureVerifier.from_vkey(vkey)


def test_a_name_longer_than_its_length_byte_can_say_is_refused() -> None:
    assert Cosigner("ё" * 127, bytes(32), Kind.ML_DSA_44).verifier.key_id
    with pytest.raises(InvalidKeyError):
        Cosigner("ё" * 128, bytes(32), Kind.ML_DSA_44)


# What is refused.


@BOTH
def test_a_cosignature_is_of_one_text_one_time_and_one_key(cosigner: Cosigner) -> None:
    line = cosignature.cosign(TEXT, cosigner=cosigner, at=AT)
    stranger = Cosigner(cosigner.name, bytes(32), cosigner.kind)
    later = Signature(line.name, line.key_id, (AT + 1).to_bytes(8) + line.signature[8:])
    for changed in (
        TEXT.replace("8", "9"),
        TEXT.replace("Xcna", "Xcnb"),
        TEXT.replace("analyses", "analysis"),
    ):
        refuse(changed, line, cosigner.verifier)
    refuse(TEXT, later, cosigner.verifier)
    refuse(TEXT, line, stranger.verifier)
    refuse(TEXT, Signature(line.name, stranger.verifier.key_id, line.signature), stranger.verifier)


def test_an_ml_dsa_44_cosignature_is_of_one_cosigner_even_with_the_same_key() -> None:
    other = Cosigner("witness.example/w2", WITNESS_ML_DSA.seed, Kind.ML_DSA_44)
    line = cosignature.cosign(TEXT, cosigner=WITNESS_ML_DSA, at=AT)
    refuse(TEXT, Signature(other.name, other.verifier.key_id, line.signature), other.verifier)


def test_extension_lines_are_under_ed25519_and_not_under_ml_dsa_44() -> None:
    extended = f"{TEXT}extension\n"
    ed25519 = cosignature.cosign(TEXT, cosigner=WITNESS, at=AT)
    ml_dsa = cosignature.cosign(TEXT, cosigner=WITNESS_ML_DSA, at=AT)
    refuse(extended, ed25519, WITNESS.verifier)
    assert cosignature.verify(extended, ml_dsa, WITNESS_ML_DSA.verifier) == AT


@BOTH
@settings(max_examples=60)
@given(place=st.integers(0), bit=st.integers(0, 7))
def test_a_cosignature_with_any_bit_flipped_is_refused(cosigner: Cosigner, place: int, bit: int) -> None:
    line = cosignature.cosign(TEXT, cosigner=cosigner, at=AT)
    spoilt = bytearray(line.signature)
    spoilt[place % len(spoilt)] ^= 1 << bit
    refuse(TEXT, Signature(line.name, line.key_id, bytes(spoilt)), cosigner.verifier)


@BOTH
def test_a_cosignature_of_another_length_is_refused(cosigner: Cosigner) -> None:
    line = cosignature.cosign(TEXT, cosigner=cosigner, at=AT)
    for signature in (
        line.signature[:-1],
        line.signature + b"\0",
        line.signature[:8],
        b"",
        line.signature[8:],
    ):
        refuse(TEXT, Signature(line.name, line.key_id, signature), cosigner.verifier)


@BOTH
def test_a_time_is_at_most_what_63_bits_hold(cosigner: Cosigner) -> None:
    line = cosignature.cosign(TEXT, cosigner=cosigner, at=TIME_MAX)
    assert cosignature.verify(TEXT, line, cosigner.verifier) == TIME_MAX
    for at in (-1, TIME_MAX + 1):
        with pytest.raises(InvalidNoteError):
            cosignature.cosign(TEXT, cosigner=cosigner, at=at)
    refuse(TEXT, Signature(line.name, line.key_id, b"\xff" * 8 + line.signature[8:]), cosigner.verifier)


def test_a_key_cosigns_a_note_once_and_unknown_keys_are_passed_over() -> None:
    once = note.parse(COSIGNED)
    again = note.parse(
        cosignature.with_lines(COSIGNED, [cosignature.cosign(TEXT, cosigner=WITNESS, at=AT + 1)])
    )
    assert cosignature.verify_all(once, [WITNESS.verifier]) == {WITNESS.verifier: AT}
    assert cosignature.verify_all(again, [WITNESS_ML_DSA.verifier]) == {WITNESS_ML_DSA.verifier: AT}
    with pytest.raises(InvalidNoteError):
        cosignature.verify_all(again, [WITNESS.verifier])


def test_the_log_s_own_reading_of_its_checkpoint_is_not_disturbed_by_cosignatures() -> None:
    assert checkpoint.verify(COSIGNED, LOG.verifier).tree_size == 8
