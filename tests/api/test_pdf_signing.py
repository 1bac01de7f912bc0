"""Who signs PDFs: a key that is made once, or the operator's own; and what is refused as one."""

import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pikepdf
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID
from pydantic import ValidationError
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko_certvalidator import ValidationContext

from api.pdf_signing import FILE_NAME, PdfKeyUnfitError, install, parse, signatory_of, signed
from api.settings import Settings, faults_of
from ledger.custody import Custody

AT = datetime(2026, 11, 26, 7, 30, tzinfo=UTC)
Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


def pem(key: Key, *, of: Key | None = None, name: str = "АНО «Оператор»") -> bytes:
    """A key with a certificate, of itself or of another one."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key((of or key).public_key())
        .serial_number(7)
        .not_valid_before(AT - timedelta(days=1))
        .not_valid_after(AT + timedelta(days=365))
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private + certificate.public_bytes(serialization.Encoding.PEM)


@pytest.fixture(scope="module")
def own() -> bytes:
    return pem(rsa.generate_private_key(65537, 2048))


def blank() -> bytes:
    made = io.BytesIO()
    with pikepdf.new() as pdf:
        pdf.add_blank_page()
        pdf.save(made, deterministic_id=True)
    return made.getvalue()


def test_the_key_is_made_once_and_lies_with_the_other_secrets(custody: Custody) -> None:
    one = signatory_of(custody.folder, name="Letopis test")
    assert one == signatory_of(custody.folder, name="another") and one.is_self_signed
    assert (custody.folder / FILE_NAME).stat().st_mode & 0o077 == 0


def test_the_operators_own_key_takes_its_place(custody: Custody, own: bytes, tmp_path: Path) -> None:
    given = tmp_path / "own.pem"
    given.write_bytes(own)
    before = signatory_of(custody.folder, name="Letopis test")
    install(custody.folder, given)
    install(custody.folder, given)
    after = signatory_of(custody.folder, name="Letopis test")
    assert after.name == "АНО «Оператор»" and after != before
    assert (custody.folder / FILE_NAME).stat().st_mode & 0o077 == 0
    content = signed(blank(), after, at=AT, reason="Проба")
    assert content == signed(blank(), after, at=AT, reason="Проба")
    (signature,) = PdfFileReader(io.BytesIO(content)).embedded_signatures
    status = validate_pdf_signature(
        signature, ValidationContext(trust_roots=[signature.signer_cert], allow_fetching=False, moment=AT)
    )
    assert status.intact and status.valid and content.startswith(blank())


@pytest.mark.parametrize(
    "make",
    [
        lambda: b"",
        lambda: b"-----BEGIN PRIVATE KEY-----\nbroken\n-----END PRIVATE KEY-----\n",
        lambda: pem(ec.generate_private_key(ec.SECP256R1())),
        lambda: pem(rsa.generate_private_key(65537, 1024)),
        lambda: pem(rsa.generate_private_key(65537, 2048), of=rsa.generate_private_key(65537, 2048)),
    ],
    ids=["nothing", "broken", "no RSA", "too short", "a certificate of another key"],
)
def test_what_can_not_sign_is_refused_when_the_program_starts(
    make: Callable[[], bytes], tmp_path: Path
) -> None:
    path = tmp_path / "key.pem"
    path.write_bytes(make())
    with pytest.raises(PdfKeyUnfitError):
        parse(path.read_bytes())
    with pytest.raises(ValidationError) as refused:
        Settings(pdf_signing=path)
    assert any("LETOPIS_PDF_SIGNING" in one for one in faults_of(refused.value))
