"""The envelope in which a laboratory submits: its signature (JWS) inside our encryption (JWE).

Sign, then encrypt: the signature covers exactly the bytes of the content, and nobody on the way learns who
sent them. The claims are in the protected header (RFC 7519 5.3), so the content stays raw bytes.

Everything that can be refused by looking is refused before a key is used, and a header holds exactly the
members named here. That one rule keeps out `jwk`, `jku`, `x5u`, `x5c` (a key of the sender's choice), `crit`,
`b64` (RFC 7797), `zip` (a bomb) and `p2c` (a CPU sink); see RFC 8725 section 3.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from joserfc import jwe, jws
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

from api.compact_form import HEADER_LIMIT, EnvelopeError, decoded, encoded, read_header, require, text

__all__ = [
    "SEALED",
    "SIGNED",
    "WINDOW",
    "EnvelopeError",
    "OpenedEnvelope",
    "SignedContent",
    "seal",
    "unseal",
    "verify",
]

SIGNED: Final = {"alg": "Ed25519", "typ": "letopis-submission+jws"}  # the name of RFC 9864, not EdDSA
SEALED: Final = {"alg": "ECDH-ES+A256KW", "enc": "A256GCM", "typ": "letopis-submission+jwe"}
WINDOW: Final = timedelta(minutes=10)

_CLAIMS: Final = ("kid", "cty", "iss", "aud", "jti", "digest")
_SIGNED_MEMBERS: Final = frozenset({*SIGNED, *_CLAIMS, "iat"})
_SEALED_MEMBERS: Final = frozenset({*SEALED, "kid", "epk"})
_LAST_NUMERIC_DATE: Final = int(datetime(9999, 1, 1, tzinfo=UTC).timestamp())


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedContent:
    """Decrypted, and nothing proven yet: these are claims, good for looking up the key to verify with."""

    key_id: str
    issuer: str
    audience: str
    envelope_id: str
    issued_at: datetime
    content_type: str
    digest: str
    compact: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedEnvelope:
    """What the laboratory signed, proven."""

    content: bytes = field(repr=False)
    content_type: str
    issuer: str
    key_id: str
    envelope_id: str
    issued_at: datetime


def seal(
    content: bytes,
    *,
    content_type: str,
    signing_key: OKPKey,
    key_id: str,
    issuer: str,
    audience: str,
    envelope_id: str,
    issued_at: datetime,
    recipient_key: OKPKey,
) -> bytes:
    """The laboratory's side: sign the content as it is and encrypt it for the one recipient."""
    claims = {"kid": key_id, "cty": content_type, "iss": issuer, "aud": audience, "jti": envelope_id}
    header = {**SIGNED, **claims, "iat": int(issued_at.timestamp()), "digest": _digest(content)}
    signed = jws.serialize_compact(header, content, signing_key, registry=_signed_registry(0))
    outer = {**SEALED, "kid": recipient_key.thumbprint()}
    return jwe.encrypt_compact(outer, signed, recipient_key, registry=_sealed_registry(0)).encode()


def unseal(envelope: bytes, *, recipient_keys: Mapping[str, OKPKey], size_limit: int) -> SignedContent:
    """Decrypt with the key that the envelope names. `size_limit` is in bytes of content."""
    if len(envelope) > _sealed_limit(size_limit):
        raise EnvelopeError("submission-too-large", "envelope")
    # Sizes: the key wrapped by RFC 3394, then nonce and tag of A256GCM.
    header = read_header(envelope, "jwe", _SEALED_MEMBERS, sizes=(40, 12, None, 16))
    require(header, SEALED, "jwe")
    _require_ephemeral_key(header["epk"])
    key = recipient_keys.get(text(header, "kid", "jwe"))
    if key is None:
        raise EnvelopeError("envelope-not-for-us", "jwe.kid")
    try:
        opened = jwe.decrypt_compact(envelope, key, registry=_sealed_registry(len(envelope)))
    except (JoseError, ValueError) as error:  # ValueError: an ephemeral key of low order (RFC 7748 6.1)
        raise EnvelopeError("envelope-not-decryptable", "jwe") from error
    # It and the library's object hold each other: the whole content would stay until the interpreter looks for circles.
    opened.recipient = None
    return _claims(opened.plaintext or b"", size_limit)


def verify(
    signed: SignedContent,
    *,
    key: OKPKey,
    issuer: str,
    audience: str,
    now: datetime,
    window: timedelta = WINDOW,
) -> OpenedEnvelope:
    """Prove the claims with the key that `issuer` registered. The signature comes first: what is refused
    after it was truly said by that laboratory, and may be recorded against it.
    """
    try:
        verified = jws.deserialize_compact(
            signed.compact, key, registry=_signed_registry(len(signed.compact))
        )
    except (JoseError, ValueError) as error:
        raise EnvelopeError("signature-invalid", "jws.signature") from error
    if signed.issuer != issuer:
        raise EnvelopeError("issuer-mismatch", "jws.iss")
    if signed.audience != audience:
        raise EnvelopeError("audience-wrong", "jws.aud")
    if now - signed.issued_at > window:
        raise EnvelopeError("envelope-too-old", "jws.iat")
    if signed.issued_at - now > window:
        raise EnvelopeError("envelope-from-future", "jws.iat")
    if _digest(verified.payload) != signed.digest:
        raise EnvelopeError("digest-mismatch", "jws.digest")
    return OpenedEnvelope(
        content=verified.payload,
        content_type=signed.content_type,
        issuer=signed.issuer,
        key_id=signed.key_id,
        envelope_id=signed.envelope_id,
        issued_at=signed.issued_at,
    )


# Reading what a stranger sent.


def _claims(compact: bytes, size_limit: int) -> SignedContent:
    header = read_header(compact, "jws", _SIGNED_MEMBERS, sizes=(None, 64))
    require(header, SIGNED, "jws")
    if (compact.rindex(b".") - compact.index(b".") - 1) * 3 // 4 > size_limit:
        raise EnvelopeError("submission-too-large", "content")
    key_id, content_type, issuer, audience, envelope_id, digest = (text(header, n, "jws") for n in _CLAIMS)
    issued = header["iat"]
    if type(issued) is not int or not 0 <= issued <= _LAST_NUMERIC_DATE:
        raise EnvelopeError("envelope-malformed", "jws.iat")
    return SignedContent(
        key_id=key_id,
        issuer=issuer,
        audience=audience,
        envelope_id=envelope_id,
        issued_at=datetime.fromtimestamp(issued, UTC),
        content_type=content_type,
        digest=digest,
        compact=compact,
    )


def _require_ephemeral_key(key: object) -> None:
    if not (isinstance(key, dict) and key.keys() == {"kty", "crv", "x"} and isinstance(key["x"], str)):
        raise EnvelopeError("envelope-malformed", "jwe.epk")
    point = decoded(key["x"].encode(errors="replace"), "jwe.epk")
    if (key["kty"], key["crv"], len(point)) != ("OKP", "X25519", 32):
        raise EnvelopeError("envelope-malformed", "jwe.epk")


def _digest(content: bytes) -> str:
    return encoded(hashlib.sha256(content).digest()).decode()


# joserfc: a registry pins the algorithms and the sizes. Its own limits are 64 kB and 128 kB, and its
# argument `algorithms` would put a default registry in place of ours.


def _sealed_limit(content_size: int) -> int:
    signed = HEADER_LIMIT + -(-content_size * 4 // 3) + 100
    return HEADER_LIMIT + -(-signed * 4 // 3) + 200


def _signed_registry(size: int) -> jws.JWSRegistry:
    registry = jws.JWSRegistry(algorithms=[SIGNED["alg"]], strict_check_header=False)
    registry.max_header_length = HEADER_LIMIT
    registry.max_payload_length = size
    return registry


def _sealed_registry(size: int) -> jwe.JWERegistry:
    registry = jwe.JWERegistry(algorithms=[SEALED["alg"], SEALED["enc"]])
    registry.max_protected_header_length = HEADER_LIMIT
    registry.max_ciphertext_length = size
    return registry
