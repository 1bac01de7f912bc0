"""DKIM: another's verifier believes our signature, and none of what was changed after it."""

import base64
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import dkim
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from api.dkim import DkimKeyUnfitError, Signer
from tests.api.test_letter import SEALED, written

AT = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
STOPS = ("https://letopis.example/unsubscribe/abc",)
Key = rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey


def key_file(folder: Path, key: Key) -> Path:
    path = folder / "dkim.pem"
    pem = serialization.Encoding.PEM
    path.write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    return path


def signer(folder: Path, key: Key) -> Signer:
    return Signer.of_file(key_file(folder, key), selector="s1", domain="letopis.example")


def is_believed(message: bytes, key: rsa.RSAPrivateKey) -> bool:
    public = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    record = b"v=DKIM1; k=rsa; p=" + base64.b64encode(public)
    asked: list[bytes] = []

    def dns(name: bytes, timeout: int = 5) -> bytes:
        asked.append(name)
        return record

    believed: bool = dkim.verify(message, dnsfunc=dns)
    assert asked == [b"s1._domainkey.letopis.example."]
    return believed


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def test_anothers_verifier_believes_the_signature(tmp_path: Path, key: rsa.RSAPrivateKey) -> None:
    for letter in (written(), written(unsubscribe=STOPS, attachment=SEALED), written(subject="Привет " * 30)):
        assert is_believed(signer(tmp_path, key).signed(letter, at=AT), key)


@pytest.mark.parametrize(
    ("found", "changed"),
    [
        (b"Subject: ", b"Subject: X"),
        (b"To: anna", b"To: eve"),
        (b"unsubscribe/abc", b"unsubscribe/abd"),
        (b"From: ", b"From: eve@example.test\r\nFrom: "),
        (b"--=_words--", b"--=_words--\r\nmore"),
        # A second one, which a mail program may show in the place of ours.
        (b"DKIM-Signature: ", b"Subject: Other\r\nDKIM-Signature: "),
        (b"DKIM-Signature: ", b"To: eve@example.test\r\nDKIM-Signature: "),
        (b"DKIM-Signature: ", b"Content-Type: text/html\r\nDKIM-Signature: "),
        # None of which we have.
        (b"DKIM-Signature: ", b"Reply-To: eve@example.test\r\nDKIM-Signature: "),
        (b"DKIM-Signature: ", b"Cc: eve@example.test\r\nDKIM-Signature: "),
    ],
)
def test_what_was_changed_after_it_is_not_believed(
    tmp_path: Path, key: rsa.RSAPrivateKey, found: bytes, changed: bytes
) -> None:
    signed = signer(tmp_path, key).signed(written(unsubscribe=STOPS), at=AT)
    assert found in signed
    assert not is_believed(signed.replace(found, changed, 1), key)


def test_the_same_letter_is_signed_the_same(tmp_path: Path, key: rsa.RSAPrivateKey) -> None:
    assert signer(tmp_path, key).signed(written(), at=AT) == signer(tmp_path, key).signed(written(), at=AT)
    ours = signer(tmp_path, key).signed(written(), at=AT)
    assert b"h=from:from:to:" in ours, "so that no second From can be added"
    assert b":content-transfer-encoding;" in ours, "which we have not, so that none can be added"
    assert max(map(len, ours.split(b"\r\n"))) <= 78


def test_ed25519_is_signed_as_another_reads_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """RFC 8463. The verifier leaves the curve to a library that is not installed; here it is another's."""
    private = ed25519.Ed25519PrivateKey.generate()
    found = (private.public_key(), 256, b"ed25519", False)

    class Key:
        def verify(self, hashed: bytes, signature: bytes) -> None:
            found[0].verify(signature, hashed)

    library = SimpleNamespace(exceptions=SimpleNamespace(BadSignatureError=InvalidSignature))
    monkeypatch.setattr(dkim, "nacl", library, raising=False)
    monkeypatch.setattr(dkim, "load_pk_from_dns", lambda *_, **__: (Key(), *found[1:]))
    signed = signer(tmp_path, private).signed(written(unsubscribe=STOPS), at=AT)
    assert b"a=ed25519-sha256" in signed and dkim.verify(signed)
    assert not dkim.verify(signed.replace(b"Subject: ", b"Subject: X", 1))


def test_a_key_that_verifiers_would_not_believe_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DkimKeyUnfitError):
        signer(tmp_path, ec.generate_private_key(ec.SECP256R1()))
    (tmp_path / "dkim.pem").write_text("no key")
    with pytest.raises(DkimKeyUnfitError):
        Signer.of_file(tmp_path / "dkim.pem", selector="s1", domain="letopis.example")
