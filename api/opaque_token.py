"""Opaque tokens: a few bytes of ours that go out with a message and come back, readable and makeable by us alone.

Sealed deterministically (AES-SIV, RFC 5297), so the same message carries the same token at every try. Letters and
digits without case: a token may stand in an address of e-mail, and there are relays that make those lower-case.
"""

import base64
import binascii

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from ledger import sealing


def seal(message_key: bytes, use: bytes, content: bytes) -> str:
    """A token that opens for the same use only."""
    return base64.b32encode(_cipher(message_key, use).encrypt(content, None)).decode().rstrip("=").lower()


def unseal(message_key: bytes, use: bytes, token: str) -> bytes | None:
    """What was sealed; None if we did not make the token."""
    padded = token.upper() + "=" * (-len(token) % 8)
    try:
        return _cipher(message_key, use).decrypt(base64.b32decode(padded), None)
    except (InvalidTag, binascii.Error, ValueError):
        return None


def _cipher(message_key: bytes, use: bytes) -> AESSIV:
    return AESSIV(sealing.derive(message_key, b"opaque-token", use))
