"""HTTP Message Signatures (RFC 9421) of laboratories whose systems can't do JOSE.

One profile, and nothing else: one signature of Ed25519 that covers at least the method, the target URI, the
digest of the content (RFC 9530), its type, the idempotency key and the laboratory's name, with all six
parameters. The library builds the signature base and verifies; what the profile is narrower in than the RFC is
checked here, before a key is used.

Against replay no nonces are kept: the idempotency key is covered, and belongs to one content for ever. A
request that comes twice is answered twice and recorded once.
"""

import base64
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import http_sf
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from http_message_signatures import (
    ContentDigest,
    HTTPMessageSignaturesException,
    HTTPMessageVerifier,
    InvalidSignature,
    MappingKeyResolver,
)
from http_message_signatures.algorithms import ED25519

from api.envelope import WINDOW
from api.problems import ProblemError

TAG: Final = "letopis-submission"
LABORATORY_FIELD: Final = "letopis-laboratory"
KEY_FIELD: Final = "idempotency-key"
COVERED: Final = ("@method", "@target-uri", "content-digest", "content-type", LABORATORY_FIELD)
PARAMETERS: Final = frozenset({"created", "expires", "nonce", "keyid", "alg", "tag"})
_COMPONENTS_MAX = 20
_FIELD_MAX = 4096
_LAST_TIME = int(datetime(9999, 1, 1, tzinfo=UTC).timestamp())
_NONCE = re.compile(r"[\x21-\x7e]{16,128}")


class HeaderLines(tuple[tuple[str, str], ...]):
    """The header lines of a request as they came, names in small letters."""

    __slots__ = ()

    def items(self) -> Sequence[tuple[str, str]]:
        """As the library asks for them."""
        return self

    def values_of(self, name: str) -> list[str]:
        return [value for found, value in self if found == name]


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """What of a request can be signed, under the names that the library knows."""

    method: str
    url: str
    headers: HeaderLines


@dataclass(frozen=True, slots=True, kw_only=True)
class SignatureClaims:
    """Said and not proven yet: good for looking up the key to verify with."""

    key_id: str
    created: datetime
    expires: datetime
    components: frozenset[str]
    signature: bytes = field(repr=False)


def is_signed(headers: HeaderLines) -> bool:
    """Whether there is a signature, or half of one."""
    return any(name in ("signature", "signature-input") for name, _ in headers)


def read_claims(request: SignedRequest, *, needed: Sequence[str] = COVERED) -> SignatureClaims:
    """The one signature of the request, if it is of the profile."""
    label, (components, parameters) = _only_member(request, "signature-input")
    signed_label, (signature, extra) = _only_member(request, "signature")
    if label != signed_label or not isinstance(components, list):
        raise ProblemError("signature-malformed", "signature-input")
    if not isinstance(signature, bytes) or len(signature) != 64 or extra:
        raise ProblemError("signature-malformed", "signature")
    key_id, created, expires = _parameters(parameters)
    names = [name for name, changed in components if isinstance(name, str) and not changed]
    # A changed component ("content-type";sf) would cover something else under the same name.
    if len(names) != len(components) or len(set(names)) != len(names) or len(names) > _COMPONENTS_MAX:
        raise ProblemError("signature-malformed", "signature-input")
    for name in needed:
        if name not in names:
            raise ProblemError("signature-covers-too-little", name)
    return SignatureClaims(
        key_id=key_id, created=created, expires=expires, components=frozenset(names), signature=signature
    )


def verify_signature(
    request: SignedRequest, content: bytes, claims: SignatureClaims, *, public_key: str, now: datetime
) -> str:
    """Prove the claims with the laboratory's key (RFC 8037 `x`); the signature base that was signed. The
    signature comes first: what is refused after it was truly said by that laboratory."""
    key = Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(public_key + "=="))
    try:
        (proven,) = _verifier(claims.key_id, key).verify(request, max_age=None)
    except HTTPMessageSignaturesException as error:
        raise ProblemError("signature-invalid", "signature") from error
    if now - claims.created > WINDOW or now > claims.expires:
        raise ProblemError("envelope-too-old", "signature-input")
    if claims.created - now > WINDOW:
        raise ProblemError("envelope-from-future", "signature-input")
    try:
        ContentDigest.verify(proven.covered_components['"content-digest"'], content)
    except InvalidSignature as error:
        raise ProblemError("digest-mismatch", "content-digest") from error
    return "\n".join(f"{name}: {value}" for name, value in proven.covered_components.items())


class _Verifier(HTTPMessageVerifier):
    """Times are looked at here and not there, where they can't be told apart from a wrong signature."""

    def validate_created_and_expires(self, sig_input: Any, max_age: timedelta | None = None) -> None:
        """Done by `verify_signature`."""


def _verifier(key_id: str, key: Ed25519PublicKey) -> HTTPMessageVerifier:
    resolver = MappingKeyResolver(public_keys={key_id: key}, private_keys={})
    return _Verifier(signature_algorithm=ED25519, key_resolver=resolver)


def _only_member(request: SignedRequest, name: str) -> tuple[str, Any]:
    """The one member of a dictionary (RFC 8941): with two signatures nobody could say which one counts."""

    def reject(_: str, __: str) -> None:
        raise ProblemError("signature-malformed", name)

    value = only(request.headers, name, code="signature-malformed", size_max=_FIELD_MAX)
    try:
        found: Any = http_sf.parse(value.encode("ascii"), tltype="dictionary", on_duplicate_key=reject)
    except ValueError as error:
        raise ProblemError("signature-malformed", name) from error
    if len(found) != 1:
        raise ProblemError("signature-malformed", name)
    (member,) = found.items()
    return member  # type: ignore[no-any-return]


def only(headers: HeaderLines, name: str, *, code: str, size_max: int = 255) -> str:
    """The value of a header that stands exactly once."""
    values = headers.values_of(name)
    if len(values) != 1 or not 0 < len(values[0]) <= size_max:
        raise ProblemError(code, name)
    value = values[0].strip(" \t")
    if not (value and value.isascii() and value.isprintable()):
        raise ProblemError(code, name)
    return value


def _parameters(found: dict[str, Any]) -> tuple[str, datetime, datetime]:
    if found.keys() != PARAMETERS:
        raise ProblemError("signature-malformed", "signature-input")
    checks: dict[str, Callable[[Any], bool]] = {
        "alg": lambda value: value == "ed25519",
        "tag": lambda value: value == TAG,
        "keyid": lambda value: isinstance(value, str) and 0 < len(value) <= 255,
        "nonce": lambda value: isinstance(value, str) and _NONCE.fullmatch(value) is not None,
        "created": lambda value: type(value) is int and 0 <= value <= _LAST_TIME,
        "expires": lambda value: type(value) is int and found["created"] < value <= _LAST_TIME,
    }
    for name, is_right in checks.items():
        if not is_right(found[name]):
            raise ProblemError("signature-malformed", f"signature-input.{name}")
    created, expires = (datetime.fromtimestamp(found[name], UTC) for name in ("created", "expires"))
    return found["keyid"], created, expires
