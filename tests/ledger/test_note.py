"""A signed note is taken in one spelling only, and only when a known key made its signature."""

from base64 import b64decode, b64encode
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger import note
from ledger.note import InvalidKeyError, InvalidNoteError, Signature, Signer, Verifier, decode_base64

# The examples of the C2SP specification and of Go's note package.
SPECIFICATION_VKEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
SPECIFICATION_NOTE = (
    "This is an example message.\n\n— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1"
    "ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
).encode()
GO_SKEY = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
GO_VKEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_TEXT = (
    "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
)
GO_LINE = (
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6Ryy"
    "BwJnAM=\n"
)

LOG = Signer("ledger.example/analyses", bytes(range(32)))
WITNESS = Signer("witness.example/w1", bytes(range(32, 64)))
TEXT = "первая строка\n\nпосле пустой строки\n"
NOTE = note.sign(TEXT, LOG)


def line_of(signer: Signer, text: str = TEXT) -> bytes:
    return Signature(signer.name, signer.verifier.key_id, signer.sign(text)).line.encode()


def refuse(spoilt: bytes, *verifiers: Verifier) -> None:
    with pytest.raises(InvalidNoteError):
        note.open(spoilt, verifiers or [LOG.verifier])


# Published vectors.


def test_the_example_of_the_specification_is_verified() -> None:
    opened = note.open(SPECIFICATION_NOTE, [Verifier.from_vkey(SPECIFICATION_VKEY)])
    assert opened.text == "This is an example message.\n"
    assert [signature.name for signature in opened.signatures] == ["example.com/foo"]


def test_the_example_of_go_is_signed_and_verified() -> None:
    assert note.sign(GO_TEXT, Signer.from_skey(GO_SKEY)) == f"{GO_TEXT}\n{GO_LINE}".encode()
    opened = note.open(f"{GO_TEXT}\n{GO_LINE}".encode(), [Verifier.from_vkey(GO_VKEY)])
    assert opened.text == GO_TEXT
    assert Signer.from_skey(GO_SKEY).verifier.vkey == GO_VKEY


# Keys.


def test_a_key_is_the_same_after_it_was_written_and_read() -> None:
    assert (
        LOG.verifier.vkey == "ledger.example/analyses+50e056f0+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4"
    )
    assert Verifier.from_vkey(LOG.verifier.vkey) == LOG.verifier
    assert Signer.from_skey(LOG.skey) == LOG


def test_a_key_id_is_of_the_name_the_type_and_the_key() -> None:
    hashed = b"ledger.example/analyses\n\x01" + LOG.verifier.public_key
    assert LOG.verifier.key_id == sha256(hashed).digest()[:4]


def test_a_signer_does_not_show_its_seed() -> None:
    assert repr(LOG.seed) not in repr(LOG)
    assert LOG.seed.hex() not in repr(LOG)


@pytest.mark.parametrize(
    "vkey",
    [
        "",
        "example.com/foo",
        "example.com/foo+530d903a",
        "example.com/foo+530D903A+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "example.com/foo+530d903b+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "example.com/fop+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2l",
        "example.com/foo+530d903a+BOkyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k\n",
        "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3Q==",
        "example.com/foo+530d903a+",
        "example.com/foo+530d903a+ключ",
        "+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "exam ple+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "\ud800+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
    ],
)
def test_a_vkey_in_another_form_is_refused(vkey: str) -> None:
    with pytest.raises(InvalidKeyError):
        Verifier.from_vkey(vkey)


@pytest.mark.parametrize(
    "skey",
    [GO_SKEY.removeprefix("PRIVATE+KEY+"), GO_SKEY.replace("c74f", "c74e"), GO_SKEY[:-4], GO_VKEY, ""],
)
def test_an_skey_in_another_form_is_refused(skey: str) -> None:
    with pytest.raises(InvalidKeyError) as refusal:
        Signer.from_skey(skey)
    assert "AYEKFAL" not in str(refusal.value)


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\u00a0b", "a\u2003b", "a\nb", "a\x00b", "a\x85b"])
def test_a_key_name_is_one_word_without_plus(name: str) -> None:
    with pytest.raises(InvalidKeyError):
        Signer(name, bytes(32))


@pytest.mark.parametrize("size", [0, 31, 33, 64])
def test_a_key_of_another_size_is_refused(size: int) -> None:
    with pytest.raises(InvalidKeyError):
        Signer("log.example", bytes(size))
    with pytest.raises(InvalidKeyError):
        Verifier("log.example", bytes(size))


# Signing and opening.


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]) | st.just("\n")))
def test_every_text_is_given_back_as_it_was_signed(text: str) -> None:
    assert note.open(note.sign(f"{text}\n", LOG), [LOG.verifier]).text == f"{text}\n"


@pytest.mark.parametrize("text", ["", "no newline", "a\rb\n", "crlf\r\n", "tab\t\n", "nul\x00\n", "\ud800\n"])
def test_a_text_that_a_note_cannot_carry_is_not_signed(text: str) -> None:
    with pytest.raises(InvalidNoteError):
        note.sign(text, LOG)


def test_the_last_empty_line_ends_the_text() -> None:
    assert note.open(NOTE, [LOG.verifier]).text == TEXT
    assert note.parse(b"a\n\n\n\n" + line_of(LOG)).text == "a\n\n\n"


def test_unknown_keys_are_ignored_even_under_a_known_name_or_id() -> None:
    same_name = Signer(LOG.name, bytes(32))
    same_id = Signature("other.example", LOG.verifier.key_id, b"any").line.encode()
    signed = NOTE + line_of(WITNESS) + line_of(same_name) + same_id
    opened = note.open(signed, [LOG.verifier])
    assert opened.signatures == note.parse(NOTE).signatures


def test_all_known_keys_are_reported_and_each_one_once() -> None:
    opened = note.open(NOTE + line_of(WITNESS), [WITNESS.verifier, LOG.verifier, LOG.verifier])
    assert [signature.name for signature in opened.signatures] == [LOG.name, WITNESS.name]


def test_a_known_key_signs_once() -> None:
    """A second line of it would be a second spelling; one of an unknown key is passed over like any other."""
    refuse(NOTE + line_of(LOG))
    refuse(NOTE + line_of(WITNESS) * 2, LOG.verifier, WITNESS.verifier)
    assert note.open(NOTE + line_of(WITNESS) * 2, [LOG.verifier]).text == TEXT


def test_a_wrong_signature_of_a_known_key_refuses_the_note() -> None:
    wrong = line_of(WITNESS, "another text\n")
    assert note.open(NOTE + wrong, [LOG.verifier]).text == TEXT
    refuse(NOTE + wrong, LOG.verifier, WITNESS.verifier)
    refuse(NOTE + line_of(LOG, "another text\n"))
    for size in (1, 63, 65, 128):
        refuse(NOTE + Signature(LOG.name, LOG.verifier.key_id, bytes(size)).line.encode())


def test_a_note_that_no_known_key_signed_is_refused() -> None:
    refuse(NOTE, WITNESS.verifier)
    with pytest.raises(InvalidNoteError, match="no known key"):
        note.open(NOTE, [])


def test_two_keys_that_cannot_be_told_apart_are_refused() -> None:
    # Ids have 32 bits, so a collision can be made; here it is forced.
    double = Signer(LOG.name, bytes(32)).verifier
    object.__setattr__(double, "key_id", LOG.verifier.key_id)
    with pytest.raises(InvalidKeyError, match="share"):
        note.open(NOTE, [LOG.verifier, double])


def test_a_hundred_signatures_of_up_to_5_kb_are_taken_and_no_more() -> None:
    other = [Signature(f"w{index}.example", b"\x00" * 4, bytes(5000)).line.encode() for index in range(100)]
    assert note.open(b"".join([NOTE, *other[:99]]), [LOG.verifier]).text == TEXT
    refuse(b"".join([NOTE, *other]))


def test_a_note_of_more_than_a_million_bytes_is_refused() -> None:
    text = "x" * (1_000_000 - len(line_of(LOG)) - 2) + "\n"
    assert note.open(note.sign(text, LOG), [LOG.verifier]).text == text
    with pytest.raises(InvalidNoteError, match="large"):
        note.open(note.sign(f"x{text}", LOG), [LOG.verifier])


# Mutations.


def test_a_note_with_any_bit_flipped_is_refused() -> None:
    for place in range(len(NOTE)):
        for bit in range(8):
            refuse(NOTE[:place] + bytes([NOTE[place] ^ 1 << bit]) + NOTE[place + 1 :])


def test_a_note_with_any_byte_cut_out_doubled_or_inserted_is_refused() -> None:
    for place in range(len(NOTE)):
        refuse(NOTE[:place] + NOTE[place + 1 :])
        refuse(NOTE[:place] + NOTE[place : place + 1] + NOTE[place:])
        refuse(NOTE[:place] + b"\r" + NOTE[place:])
        refuse(NOTE[:place])


@settings(max_examples=200)
@given(st.binary(max_size=40), st.integers(0, len(NOTE)), st.integers(0, len(NOTE)))
def test_a_note_with_any_part_replaced_is_refused(part: bytes, start: int, end: int) -> None:
    spoilt = NOTE[:start] + part + NOTE[max(start, end) :]
    if spoilt != NOTE:
        refuse(spoilt)


@pytest.mark.parametrize("end", [b"", b"\r\n", b"\n\n", b" \n", b"\n\xe2\x80\x94 \n", b"\nx\n"])
def test_a_note_ends_with_one_newline(end: bytes) -> None:
    refuse(NOTE[:-1] + end)


def test_a_line_of_an_unknown_key_must_be_well_formed_too() -> None:
    sound = "— other.example AAAAAAE="
    assert note.open(NOTE + f"{sound}\n".encode(), [LOG.verifier])
    for line in (
        "- other.example AAAAAAE=",
        "—other.example AAAAAAE=",
        "—  AAAAAAE=",
        "— other.example",
        "— other.example ",
        "— other.example  AAAAAAE=",
        "— other.example AAAAAAE= ",
        "— other.example AAAAAAE",
        "— other.example AAAAAAF=",
        "— other.example AAAAAA==",
        "— other.example AAAA_AE=",
        "— oth+er AAAAAAE=",
        "— oth\u00a0er AAAAAAE=",
        "— other.example ААААААЕ=",
    ):
        refuse(NOTE + f"{line}\n".encode())


def test_bytes_that_are_not_utf_8_are_refused() -> None:
    for wrong in (b"\xff", b"\xc0\x8a", b"\xed\xa0\x80", b"\xf4\x90\x80\x80"):
        refuse(wrong + NOTE)


def test_a_signature_has_one_spelling_in_base64() -> None:
    """Two characters that differ in loose bits only decode to the same bytes; only one is canonical."""
    encoded = NOTE.decode().removesuffix("=\n")
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    loose = alphabet[alphabet.index(encoded[-1]) + 1]
    last_line = f"{encoded[:-1]}{loose}=\n".splitlines()[-1]
    assert b64decode(last_line.split()[-1]) == b64decode(NOTE.split()[-1])
    refuse(f"{encoded[:-1]}{loose}=\n".encode())


@given(st.binary(max_size=80))
def test_base64_is_read_as_it_is_written(content: bytes) -> None:
    assert decode_base64(b64encode(content).decode()) == content


@pytest.mark.parametrize(
    "text", ["A", "AA", "AAA", "AA=", "AB==", "AAB=", "AA==\n", "AA==AA==", "A A=", "====", "AA-_"]
)
def test_base64_in_another_spelling_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - most of the messages are those of the library
        decode_base64(text)
