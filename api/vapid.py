"""VAPID (RFC 8292): a push service takes notices for a browser from whom the browser named, who signs each request.

The key is derived from the ledger's secrets, so there is none more to be lost: browsers are bound to it.
"""

from base64 import urlsafe_b64encode
from functools import lru_cache
from time import monotonic, time
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    derive_private_key,
)
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from joserfc import jwt
from joserfc.jwk import ECKey

from api.push_origins import origin_of
from ledger.custody import Custody

# RFC 8292, section 2: a day at most. A token that is used again spares a signature for each notice, on both sides.
_LIFE_SECONDS: Final = 12 * 3600
_KEPT_SECONDS: Final = 3600
# NIST SP 800-186: the order of the group of P-256.
_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


@lru_cache(maxsize=8)
def key_of(custody_seed: bytes) -> EllipticCurvePrivateKey:
    """From 512 bits, so that no number of the group is likelier than another (NIST SP 800-56A, 5.6.1.2.1)."""
    return derive_private_key(int.from_bytes(custody_seed) % (_ORDER - 1) + 1, SECP256R1())


def application_server_key(custody: Custody) -> str:
    """What a browser is given when it subscribes: then it takes notices from nobody else."""
    return _public(key_of(custody.push_seed))


class Signer:
    """Says in each request who we are. A token is made once an hour for each service."""

    def __init__(self, key: EllipticCurvePrivateKey, *, contact: str) -> None:
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        self._key = ECKey.import_key(pem)
        self._public = _public(key)
        self._contact = contact
        self._kept: dict[str, tuple[float, str]] = {}

    def authorization(self, endpoint: str) -> str:
        origin = origin_of(endpoint)
        until, kept = self._kept.get(origin, (0.0, ""))
        if until <= monotonic():
            kept = f"vapid t={self._token(origin)}, k={self._public}"
            self._kept[origin] = (monotonic() + _KEPT_SECONDS, kept)
        return kept

    def get_authorization_header(self, endpoint: object, subscriber: str, expiration: int) -> str:
        """As the library asks for it, once a message."""
        del subscriber, expiration
        return self.authorization(str(endpoint))

    def _token(self, origin: str) -> str:
        claims = {"aud": origin, "exp": int(time()) + _LIFE_SECONDS, "sub": self._contact}
        return jwt.encode({"alg": "ES256", "typ": "JWT"}, claims, self._key)


def _public(key: EllipticCurvePrivateKey) -> str:
    point = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return urlsafe_b64encode(point).rstrip(b"=").decode()
