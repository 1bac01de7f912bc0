"""The envelope of a submission: what is sealed opens, and nothing else does."""

import base64
import hashlib
import json
import struct
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import aes_key_unwrap
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc import jwe, jws
from joserfc.jwk import OctKey, OKPKey, RSAKey

from api.envelope import EnvelopeError, OpenedEnvelope, SignedContent, seal, unseal, verify
from api.envelope_keys import KeyUnusableError, generate_key, load_key, private_jwk, public_jwk

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
CONTENT = '{"resourceType": "Bundle", "note": "Гемоглобин"}'.encode()
LABORATORY = generate_key("Ed25519")
OURS = generate_key("X25519")
ISSUER = "urn:ogrn:1027700132195"
AUDIENCE = "letopis"
SIZE_LIMIT = 100_000


def sealed(content: bytes = CONTENT, **changes: Any) -> bytes:
    arguments: dict[str, Any] = {
        "content_type": "application/fhir+json",
        "signing_key": LABORATORY,
        "key_id": LABORATORY.thumbprint(),
        "issuer": ISSUER,
        "audience": AUDIENCE,
        "envelope_id": "2026-11-20/0001",
        "issued_at": NOON,
        "recipient_key": OURS,
    }
    return seal(content, **(arguments | changes))


def unsealed(envelope: bytes, *, size_limit: int = SIZE_LIMIT) -> SignedContent:
    return unseal(envelope, recipient_keys={OURS.thumbprint(): OURS}, size_limit=size_limit)


def opened(envelope: bytes, **changes: Any) -> OpenedEnvelope:
    arguments: dict[str, Any] = {"key": LABORATORY, "issuer": ISSUER, "audience": AUDIENCE, "now": NOON}
    return verify(unsealed(envelope), **(arguments | changes))


def refusal(act: Callable[[], object]) -> str:
    with pytest.raises(EnvelopeError) as refused:
        act()
    return refused.value.code


def b64(raw: bytes) -> bytes:
    return base64.urlsafe_b64encode(raw).rstrip(b"=")


def unb64(part: bytes | str) -> bytes:
    part = part.encode() if isinstance(part, str) else part
    return base64.urlsafe_b64decode(part + b"=" * (-len(part) % 4))


def with_outer_header(header: dict[str, Any] | bytes) -> bytes:
    _, *others = sealed().split(b".")
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return b".".join([b64(text), *others])


def outer_header() -> dict[str, Any]:
    header: dict[str, Any] = json.loads(unb64(sealed().split(b".")[0]))
    return header


def inner_header() -> dict[str, Any]:
    header: dict[str, Any] = json.loads(unb64(unsealed(sealed()).compact.split(b".")[0]))
    return header


def encrypted(signed: bytes) -> bytes:
    header = {k: outer_header()[k] for k in ("alg", "enc", "typ", "kid")}
    algorithms = ["ECDH-ES+A256KW", "A256GCM"]
    return jwe.encrypt_compact(header, signed, OURS, algorithms=algorithms).encode()


def signed_by_hand(header: dict[str, Any] | bytes, *, key: OKPKey = LABORATORY) -> bytes:
    """Truly signed by the laboratory, whatever its header says."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    signing_input = b64(text) + b"." + b64(CONTENT)
    assert key.private_key is not None
    return encrypted(signing_input + b"." + b64(key.private_key.sign(signing_input)))  # type: ignore[union-attr]


def test_what_a_laboratory_seals_opens_to_the_same_bytes_and_claims() -> None:
    assert opened(sealed()) == OpenedEnvelope(
        content=CONTENT,
        content_type="application/fhir+json",
        issuer=ISSUER,
        key_id=LABORATORY.thumbprint(),
        envelope_id="2026-11-20/0001",
        issued_at=NOON,
    )


@given(content=st.binary(max_size=2000))
@settings(max_examples=30, deadline=None)
def test_any_bytes_survive_the_envelope(content: bytes) -> None:
    assert opened(sealed(content)).content == content


def test_a_content_of_a_megabyte_passes_when_the_limit_allows_it() -> None:
    content = bytes(range(256)) * 4096
    signed = unsealed(sealed(content), size_limit=len(content))
    assert verify(signed, key=LABORATORY, issuer=ISSUER, audience=AUDIENCE, now=NOON).content == content


def test_public_keys_are_enough_to_seal_and_to_verify() -> None:
    ours = load_key(public_jwk(OURS), "X25519", private=False)
    theirs = load_key(public_jwk(LABORATORY), "Ed25519", private=False)
    assert opened(sealed(recipient_key=ours), key=theirs).content == CONTENT


def test_an_independent_reading_of_the_rfcs_opens_the_envelope() -> None:
    """RFC 7516 5.2, RFC 7518 4.6.2 (Concat KDF), RFC 3394, RFC 8037, without joserfc."""
    protected, wrapped, nonce, ciphertext, tag = sealed().split(b".")
    header = json.loads(unb64(protected))
    ours = json.loads(private_jwk(OURS))
    ephemeral = X25519PublicKey.from_public_bytes(unb64(header["epk"]["x"]))
    shared = X25519PrivateKey.from_private_bytes(unb64(ours["d"])).exchange(ephemeral)
    algorithm = b"ECDH-ES+A256KW"
    other_info = struct.pack(">I", len(algorithm)) + algorithm + struct.pack(">III", 0, 0, 256)
    key = aes_key_unwrap(hashlib.sha256(b"\0\0\0\1" + shared + other_info).digest(), unb64(wrapped))
    signed = AESGCM(key).decrypt(unb64(nonce), unb64(ciphertext) + unb64(tag), protected)

    head, payload, signature = signed.split(b".")
    public = Ed25519PublicKey.from_public_bytes(unb64(json.loads(public_jwk(LABORATORY))["x"]))
    public.verify(unb64(signature), head + b"." + payload)
    assert unb64(payload) == CONTENT
    assert unb64(json.loads(unb64(head))["digest"]) == hashlib.sha256(CONTENT).digest()


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_no_byte_of_an_envelope_can_be_changed(data: st.DataObject) -> None:
    envelope = bytearray(FIXED)
    position = data.draw(st.integers(0, len(envelope) - 1))
    envelope[position] ^= data.draw(st.integers(1, 255))
    with pytest.raises(EnvelopeError):
        opened(bytes(envelope))


FIXED = sealed()


def test_no_bit_of_the_parts_around_the_ciphertext_can_be_changed() -> None:
    protected, wrapped, nonce, ciphertext, tag = FIXED.split(b".")
    middle = len(protected) + len(wrapped) + len(nonce) + 3
    around = [*range(0, middle, 3), *range(len(FIXED) - len(tag) - 2, len(FIXED))]
    assert ciphertext
    for position in around:
        changed = bytearray(FIXED)
        changed[position] ^= 1 << position % 8
        with pytest.raises(EnvelopeError):
            opened(bytes(changed))


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_no_byte_of_the_signed_form_can_be_changed(data: st.DataObject) -> None:
    """Whoever has the recipient's public key can encrypt anew; the signature must hold alone."""
    compact = bytearray(SIGNED_FORM)
    position = data.draw(st.integers(0, len(compact) - 1))
    compact[position] ^= data.draw(st.integers(1, 255))
    with pytest.raises(EnvelopeError):
        opened(encrypted(bytes(compact)))


SIGNED_FORM = unsealed(FIXED).compact


@given(st.binary(max_size=300))
@settings(max_examples=100, deadline=None)
def test_noise_is_malformed(noise: bytes) -> None:
    assert refusal(lambda: unsealed(noise)) == "envelope-malformed"


@pytest.mark.parametrize(
    "change",
    [
        {"alg": "RSA1_5"},
        {"alg": "dir"},
        {"alg": "PBES2-HS512+A256KW", "p2c": 2_147_483_647, "p2s": "AAAA"},
        {"alg": "PBES2-HS512+A256KW"},
        {"alg": "ECDH-ES"},
        {"enc": "A128GCM"},
        {"zip": "DEF"},
        {"typ": "JWT"},
        {"crit": ["exp"], "exp": 1},
        {"jwk": {"kty": "OKP", "crv": "X25519", "x": "AA"}},
        {"jku": "https://attacker.example/keys"},
        {"x5u": "https://attacker.example/certificate"},
        {"x5c": ["MIIB"]},
        {"epk": {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}},
        {"epk": {"kty": "OKP", "crv": "X25519", "x": "AA"}},
        {"epk": "AA"},
        {"kid": ["a", "b"]},
        {"kid": ""},
        {"apu": "AA"},
    ],
    ids=" ".join,
)
def test_an_outer_header_other_than_ours_is_malformed(change: dict[str, Any]) -> None:
    assert refusal(lambda: unsealed(with_outer_header(outer_header() | change))) == "envelope-malformed"


def test_an_outer_header_without_a_type_is_malformed() -> None:
    header = outer_header()
    del header["typ"]
    assert refusal(lambda: unsealed(with_outer_header(header))) == "envelope-malformed"


@pytest.mark.parametrize("missing", ["typ", "kid", "cty", "iss", "aud", "iat", "jti", "digest"])
def test_what_a_header_lacks_is_named(missing: str) -> None:
    """Of nine members one was missing, and which was left to guess."""
    header = inner_header()
    del header[missing]
    with pytest.raises(EnvelopeError) as refused:
        unsealed(signed_by_hand(header))
    assert (refused.value.code, refused.value.field) == ("envelope-malformed", f"jws.{missing}")


@pytest.mark.parametrize(
    "text",
    [b"[]", b"", b"\xff", b"[" * 3000, b'{"a": NaN', b"{" + b" " * 5000 + b"}", b"1" * 3000],
    ids=["list", "empty", "not UTF-8", "deep", "cut off", "long", "number"],
)
def test_an_outer_header_that_is_no_object_is_malformed(text: bytes) -> None:
    assert refusal(lambda: unsealed(with_outer_header(text))) == "envelope-malformed"


def test_a_name_repeated_in_a_header_is_malformed() -> None:
    outer = json.dumps(outer_header())[:-1].encode() + b', "alg": "ECDH-ES+A256KW"}'
    assert refusal(lambda: unsealed(with_outer_header(outer))) == "envelope-malformed"
    inner = json.dumps(inner_header())[:-1].encode() + b', "iss": "' + ISSUER.encode() + b'"}'
    assert refusal(lambda: unsealed(signed_by_hand(inner))) == "envelope-malformed"


@pytest.mark.parametrize(
    "change",
    [
        {"alg": "none"},
        {"alg": "HS256"},
        {"alg": "EdDSA"},
        {"typ": "JWT"},
        {"jwk": json.loads(public_jwk(LABORATORY))},
        {"jku": "https://attacker.example/keys"},
        {"x5u": "https://attacker.example/certificate"},
        {"x5c": ["MIIB"]},
        {"crit": ["b64"], "b64": False},
        {"b64": False},
        {"iat": "1763640000"},
        {"iat": True},
        {"iat": -1},
        {"iat": 10**30},
        {"iat": 1763640000.5},
        {"aud": [AUDIENCE, "somebody else"]},
        {"iss": "a\nb"},
        {"jti": ""},
        {"jti": "x" * 256},
        {"sub": "anyone"},
    ],
    ids=" ".join,
)
def test_an_inner_header_other_than_ours_is_malformed_even_when_it_is_signed(change: dict[str, Any]) -> None:
    envelope = signed_by_hand(inner_header() | change)
    assert refusal(lambda: unsealed(envelope)) == "envelope-malformed"


def test_the_hand_made_signature_is_good_when_nothing_is_changed() -> None:
    """Without this the test above could pass for a wrong reason."""
    assert opened(signed_by_hand(inner_header())).content == CONTENT


def test_an_unsigned_form_is_malformed() -> None:
    unsigned = b64(json.dumps(inner_header() | {"alg": "none"}).encode()) + b"." + b64(CONTENT) + b"."
    assert refusal(lambda: unsealed(encrypted(unsigned))) == "envelope-malformed"


def test_a_form_signed_with_the_public_key_as_a_secret_is_malformed() -> None:
    secret = OctKey.import_key(unb64(json.loads(public_jwk(LABORATORY))["x"]))
    header = {"alg": "HS256", "typ": "letopis-submission+jws"}
    forged = jws.serialize_compact(header, CONTENT, secret, algorithms=["HS256"])
    assert refusal(lambda: unsealed(encrypted(forged.encode()))) == "envelope-malformed"


def test_an_rsa_envelope_is_malformed() -> None:
    key = RSAKey.generate_key(2048)
    forged = jwe.encrypt_compact(
        {"alg": "RSA-OAEP", "enc": "A256GCM", "kid": OURS.thumbprint()},
        b"x",
        key,
        algorithms=["RSA-OAEP", "A256GCM"],
    )
    assert refusal(lambda: unsealed(forged.encode())) == "envelope-malformed"


def test_an_envelope_for_another_recipient_is_not_for_us() -> None:
    other = generate_key("X25519")
    assert refusal(lambda: unsealed(sealed(recipient_key=other))) == "envelope-not-for-us"


def test_an_envelope_for_another_that_bears_our_name_cannot_be_decrypted() -> None:
    other = generate_key("X25519")
    keys = {other.thumbprint(): OURS}
    envelope = sealed(recipient_key=other)
    code = refusal(lambda: unseal(envelope, recipient_keys=keys, size_limit=SIZE_LIMIT))
    assert code == "envelope-not-decryptable"


def test_an_ephemeral_key_of_low_order_cannot_be_decrypted() -> None:
    weak = {"kty": "OKP", "crv": "X25519", "x": b64(bytes(32)).decode()}
    envelope = with_outer_header(outer_header() | {"epk": weak})
    assert refusal(lambda: unsealed(envelope)) == "envelope-not-decryptable"


def test_a_form_for_several_recipients_is_malformed() -> None:
    """The JSON serialization of RFC 7516 7.2 is the only one that can have more than one."""
    protected, wrapped, nonce, ciphertext, tag = (part.decode() for part in sealed().split(b"."))
    general = {
        "protected": protected,
        "recipients": [{"encrypted_key": wrapped}, {"encrypted_key": wrapped}],
        "iv": nonce,
        "ciphertext": ciphertext,
        "tag": tag,
    }
    assert refusal(lambda: unsealed(json.dumps(general).encode())) == "envelope-malformed"


@pytest.mark.parametrize("addition", [b"=", b"\n", b".", b" ", b"." * 50_000])
def test_there_is_one_way_to_write_an_envelope(addition: bytes) -> None:
    assert refusal(lambda: unsealed(sealed() + addition)) == "envelope-malformed"
    assert refusal(lambda: unsealed(addition + sealed())) == "envelope-malformed"


def test_the_unused_bits_at_the_end_of_a_part_are_zero() -> None:
    """The tag has 16 bytes, so its last character carries 4 bits that mean nothing (RFC 4648 3.5)."""
    alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    envelope = sealed()
    same_bytes = envelope[:-1] + alphabet[alphabet.index(envelope[-1]) + 1 :][:1]
    assert unb64(same_bytes.split(b".")[4]) == unb64(envelope.split(b".")[4])
    assert refusal(lambda: unsealed(same_bytes)) == "envelope-malformed"


def test_too_much_is_refused_before_and_after_it_is_decrypted() -> None:
    assert refusal(lambda: unsealed(b"A" * 1_000_000)) == "submission-too-large"
    envelope = sealed(b"x" * 1001)
    assert refusal(lambda: unsealed(envelope, size_limit=1000)) == "submission-too-large"
    assert unsealed(envelope, size_limit=1001)


def test_a_signature_by_another_key_is_invalid() -> None:
    assert refusal(lambda: opened(sealed(signing_key=generate_key("Ed25519")))) == "signature-invalid"


def test_a_key_of_another_kind_verifies_nothing() -> None:
    assert refusal(lambda: opened(sealed(), key=OURS)) == "signature-invalid"


def test_an_envelope_for_another_audience_is_refused() -> None:
    assert refusal(lambda: opened(sealed(audience="another ledger"))) == "audience-wrong"


def test_a_laboratory_cannot_speak_for_another() -> None:
    assert refusal(lambda: opened(sealed(issuer="urn:ogrn:1037739877295"))) == "issuer-mismatch"


def test_the_window_is_ten_minutes_to_both_sides() -> None:
    edge, beyond = timedelta(minutes=10), timedelta(minutes=10, seconds=1)
    assert opened(sealed(issued_at=NOON - edge))
    assert opened(sealed(issued_at=NOON + edge))
    assert refusal(lambda: opened(sealed(issued_at=NOON - beyond))) == "envelope-too-old"
    assert refusal(lambda: opened(sealed(issued_at=NOON + beyond))) == "envelope-from-future"


def test_a_signed_digest_of_other_bytes_is_a_mismatch() -> None:
    wrong = b64(hashlib.sha256(b"other").digest()).decode()
    assert refusal(lambda: opened(signed_by_hand(inner_header() | {"digest": wrong}))) == "digest-mismatch"


def test_claims_are_not_trusted_when_the_caller_alters_them() -> None:
    """`verify` compares what it was given with the signed bytes only through the compact form."""
    signed = unsealed(sealed())
    assert refusal(
        lambda: verify(
            replace(signed, digest="x"), key=LABORATORY, issuer=ISSUER, audience=AUDIENCE, now=NOON
        )
    ) == ("digest-mismatch")


def test_neither_content_nor_form_is_shown_in_logs() -> None:
    envelope = sealed()
    assert "Гемоглобин" not in repr(opened(envelope))
    assert SIGNED_FORM.decode() not in repr(unsealed(envelope))


# Keys.


@pytest.mark.parametrize("curve", ["Ed25519", "X25519"])
def test_a_key_comes_back_from_its_file(curve: Any) -> None:
    key = generate_key(curve)
    loaded = load_key(private_jwk(key), curve, private=True)
    assert (private_jwk(loaded), loaded.kid) == (private_jwk(key), key.thumbprint())


def test_a_public_key_says_nothing_of_the_private_one() -> None:
    assert set(json.loads(public_jwk(LABORATORY))) == {"kty", "crv", "x", "kid", "use"}


def test_the_thumbprint_is_that_of_rfc_8037() -> None:
    text = '{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}'
    key = load_key(text, "Ed25519", private=False)
    assert key.kid == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"  # RFC 8037 A.3


SIGNING, RECEIVING = json.loads(private_jwk(LABORATORY)), json.loads(private_jwk(OURS))
NOT_OURS = {
    "empty": "",
    "list": "[]",
    "nothing in it": "{}",
    "secret": '{"kty": "oct", "k": "AAAA"}',
    "short": '{"kty": "OKP", "crv": "Ed25519", "x": "AA"}',
    "not text": '{"kty": "OKP", "crv": "Ed25519", "x": 5}',
    "public": public_jwk(LABORATORY),
    "other curve": json.dumps(RECEIVING),
    "other name": json.dumps(SIGNING | {"kid": "another"}),
    "other public half": json.dumps(SIGNING | {"x": RECEIVING["x"]}),
}


@pytest.mark.parametrize("text", NOT_OURS.values(), ids=NOT_OURS.keys())
def test_a_file_that_is_not_a_whole_private_signing_key_is_refused(text: str) -> None:
    with pytest.raises(KeyUnusableError):
        load_key(text, "Ed25519", private=True)
