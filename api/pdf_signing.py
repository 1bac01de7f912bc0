"""Signatures in PDFs: PAdES baseline B (ETSI EN 319 142-1), the same bytes for the same document.

The key and its certificate lie in one PEM file beside the other secrets: made here at the first need, self-signed, or
the operator's own (`LETOPIS_PDF_SIGNING`). A signature of ours shows that the file is as it left this system; it is no
qualified signature (63-ФЗ, art. 5), and nothing here says so.

RSA by PKCS #1 v1.5 has no random part, the time of signing is the document's own, and the second half of the file's
identifier follows from its bytes: so what left once can be made again, byte for byte.
"""

import asyncio
import io
import os
import secrets
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

from asn1crypto import keys as asn1_keys  # type: ignore[import-untyped]
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign.fields import SigFieldSpec, SigSeedSubFilter
from pyhanko.sign.signers import SimpleSigner
from pyhanko.sign.signers.cms_embedder import PdfCMSEmbedder, SigIOSetup, SigObjSetup
from pyhanko.sign.signers.pdf_byterange import SignatureObject
from pyhanko_certvalidator.registry import SimpleCertificateStore

from ledger import custody

FILE_NAME = "pdf-signing.pem"
FIELD = "Letopis"
RSA_BITS = 3072
RSA_BITS_MIN = 2048
# A document outlives whoever signs it: a self-signed certificate ends when nobody asks any more.
_DAYS = 25 * 366
_DIGEST = "sha256"
# The library remembers encodings in the certificates it is given, and wants an event loop of its own: one thread for all
# that is signed, which loses nothing, for it holds the interpreter anyway.
_HAND = ThreadPoolExecutor(max_workers=1, thread_name_prefix="signing")
# What a CMS holds besides certificates, with room to spare.
_CMS_BYTES = 4096


class PdfKeyUnfitError(Exception):
    """The file has no RSA key of at least 2048 bits with a certificate of its own behind it, in PEM."""


@dataclass(frozen=True, slots=True)
class Signatory:
    """Whose signature it is: their key, its certificate, and those that stand behind it."""

    key: rsa.RSAPrivateKey
    certificates: tuple[x509.Certificate, ...]

    @property
    def name(self) -> str:
        """As the certificate names its owner."""
        subject = self.certificates[0].subject
        names = subject.get_attributes_for_oid(NameOID.COMMON_NAME) or list(subject)
        return str(names[0].value) if names else "—"

    @property
    def is_self_signed(self) -> bool:
        return self.certificates[0].issuer == self.certificates[0].subject

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the certificate, as people compare it."""
        digest = self.certificates[0].fingerprint(hashes.SHA256()).hex().upper()
        return " ".join(digest[at : at + 4] for at in range(0, len(digest), 4))

    @property
    def certificate_pem(self) -> bytes:
        """What whoever checks a signature is given to trust."""
        return self.certificates[0].public_bytes(serialization.Encoding.PEM)


def signatory_of(folder: Path, *, name: str) -> Signatory:
    """Who signs with these secrets; a key is made if there is none. `name` is the log's, and so the certificate's."""
    path = folder / FILE_NAME
    if not path.exists():
        custody.create_file(path, _self_signed(name))
    return _read(path, path.stat().st_mtime_ns)


def install(folder: Path, pem: Path) -> None:
    """From now on the operator's own key signs: it lies with the other secrets, so that every process signs alike."""
    content = pem.read_bytes()
    parse(content)
    path = folder / FILE_NAME
    if path.exists() and path.read_bytes() == content:
        return
    draft = path.with_suffix(f".{os.getpid()}.{secrets.token_hex(4)}")
    custody.create_file(draft, content)
    draft.replace(path)


@lru_cache(maxsize=8)
def _read(path: Path, _changed_at: int) -> Signatory:
    """Read once for each content of the file: to check an RSA key takes longer than to sign."""
    return parse(path.read_bytes())


def parse(pem: bytes) -> Signatory:
    try:
        key = serialization.load_pem_private_key(pem, password=None)
        certificates = tuple(x509.load_pem_x509_certificates(pem))
    except (ValueError, TypeError) as error:
        raise PdfKeyUnfitError from error
    if not isinstance(key, rsa.RSAPrivateKey) or key.key_size < RSA_BITS_MIN or not certificates:
        raise PdfKeyUnfitError
    if certificates[0].public_key() != key.public_key():
        raise PdfKeyUnfitError
    return Signatory(key, certificates)


def _self_signed(name: str) -> bytes:
    key = rsa.generate_private_key(65537, RSA_BITS)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])
    now = datetime.now(UTC)
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=True,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        # Documents are dated by their results, which may be older than this key.
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(now + timedelta(days=_DAYS))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private + certificate.public_bytes(serialization.Encoding.PEM)


# Signing.


def signed(pdf: bytes, signatory: Signatory, *, at: datetime, reason: str) -> bytes:
    """The same file with a signature behind it, as an incremental update: what was there stays byte for byte, and so
    does what it keeps to."""
    return _HAND.submit(_signed, pdf, signatory, at, reason).result()


def _signed(pdf: bytes, signatory: Signatory, at: datetime, reason: str) -> bytes:
    writer = _Update(io.BytesIO(pdf))
    writer.identify(pdf)
    steps = PdfCMSEmbedder(new_field_spec=SigFieldSpec(FIELD)).write_cms(field_name=FIELD, writer=writer)
    next(steps)
    placeholder = SignatureObject(
        timestamp=at.astimezone(UTC),
        subfilter=SigSeedSubFilter.PADES,
        reason=reason,
        bytes_reserved=2 * (_CMS_BYTES + sum(map(len, _as_der(signatory)))),
    )
    steps.send(SigObjSetup(sig_placeholder=placeholder))
    to_sign, output = steps.send(SigIOSetup(md_algorithm=_DIGEST, in_place=False))
    steps.send(asyncio.run(_signer(signatory).async_sign(to_sign.document_digest, _DIGEST, use_pades=True)))
    assert isinstance(output, io.BytesIO)
    return output.getvalue()


class _Update(IncrementalPdfFileWriter):
    """An update that tells of no other time and of no chance."""

    def identify(self, pdf: bytes) -> None:
        # ISO 32000-1, 14.4: the second part changes with the content.
        changed = generic.ByteStringObject(sha256(pdf).digest()[:16])
        self._document_id = generic.ArrayObject([self._document_id[0], changed])

    def _update_meta(self) -> None:
        """A signature changes nothing of what the document is, nor of when it was made."""


class _Signer(SimpleSigner):
    """Signs with a key that was opened before: opened for each signature anew, it is checked for 200 ms."""

    opened: rsa.RSAPrivateKey

    def sign_raw(self, data: bytes, digest_algorithm: str) -> bytes:
        assert digest_algorithm == _DIGEST
        return self.opened.sign(data, padding.PKCS1v15(), hashes.SHA256())


@lru_cache(maxsize=8)
def _signer(signatory: Signatory) -> _Signer:
    own, *others = (asn1_x509.Certificate.load(der) for der in _as_der(signatory))
    store = SimpleCertificateStore()  # type: ignore[no-untyped-call]
    store.register_multiple(others)
    private = signatory.key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    signer = _Signer(
        signing_cert=own, signing_key=asn1_keys.PrivateKeyInfo.load(private), cert_registry=store
    )
    signer.opened = signatory.key
    return signer


def _as_der(signatory: Signatory) -> list[bytes]:
    return [one.public_bytes(serialization.Encoding.DER) for one in signatory.certificates]
