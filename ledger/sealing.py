"""How personal bytes are sealed: events, documents and rows of views. Pure, no storage.

An event's message key is derived from the data key and the event's id, so a nonce is never used
twice under one key. AES-GCM does not commit to its key, therefore a keyed digest of the plaintext
goes with it (reliability.md, 5.2).
"""

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from functools import lru_cache
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, AESSIV

NONCE_BYTES = 12
MARK_BYTES = 16


class NotUnsealedError(Exception):
    """Sealed bytes do not open: they were changed, moved, or sealed under another key."""


def derive(key: bytes, label: bytes, about: bytes) -> bytes:
    """One 32-byte key for one use: HKDF-Expand of RFC 5869, 2.3, one block, with a uniform key as PRK."""
    return hmac.digest(key, b"letopis/" + label + b"\x00" + about + b"\x01", "sha256")


def seal(data_key: bytes, *, about: UUID, header: bytes, plaintext: bytes) -> tuple[bytes, bytes]:
    """Sealed bytes and the commitment to the plaintext; `about` is the event's or document's id."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    body = nonce + AESGCM(derive(data_key, b"seal", about.bytes)).encrypt(nonce, plaintext, header)
    return body, commit(data_key, about=about, plaintext=plaintext)


def unseal(data_key: bytes, *, about: UUID, header: bytes, body: bytes) -> bytes:
    aead = AESGCM(derive(data_key, b"seal", about.bytes))
    try:
        return aead.decrypt(body[:NONCE_BYTES], body[NONCE_BYTES:], header)
    except (InvalidTag, ValueError):
        raise NotUnsealedError from None


def commit(data_key: bytes, *, about: UUID, plaintext: bytes) -> bytes:
    """What the leaf says of the plaintext: nobody can guess it without the data key."""
    return hmac.digest(derive(data_key, b"commit", about.bytes), plaintext, "sha256")


def seal_row(data_key: bytes, *, about: bytes, plaintext: bytes) -> bytes:
    """A view's value, sealed so that a rebuild gives the same bytes: AES-SIV (RFC 5297) needs no nonce."""
    return AESSIV(_row_key(data_key, about)).encrypt(plaintext, [about])


def unseal_row(data_key: bytes, *, about: bytes, sealed: bytes) -> bytes:
    try:
        return AESSIV(_row_key(data_key, about)).decrypt(sealed, [about])
    except InvalidTag:
        raise NotUnsealedError from None


def _row_key(data_key: bytes, about: bytes) -> bytes:
    return derive(data_key, b"row-1", about) + derive(data_key, b"row-2", about)


def mark(index_key: bytes, kind: str, text: str | bytes) -> bytes:
    """A blind index: equal texts have equal marks, and only the index key can make them.

    The space of СНИЛС and phones is small, so a bare hash of one would be found in minutes."""
    raw = text.encode() if isinstance(text, str) else text
    return hmac.digest(index_key, kind.encode() + b"\x00" + raw, hashlib.sha256)


def marks(key: bytes, blocks: Iterable[bytes]) -> bytes:
    """Blind marks of many texts in one go, MARK_BYTES each, one behind the other: of texts as `mark_block` gives them.
    AES-256 of a block, each by itself (FIPS 197): equal blocks have equal marks, and only the key can make them. An HMAC
    of each would take ten times as long."""
    encryptor = Cipher(algorithms.AES256(key), modes.ECB()).encryptor()  # noqa: S305 - equal is to stay equal
    return encryptor.update(b"".join(blocks))


def mark_block(text: str) -> bytes:
    """What stands for a text where `marks` are made: the same for every key, so that it can be made once."""
    return hashlib.sha256(text.encode()).digest()[:MARK_BYTES]


def stream_id(stream_key: bytes, kind: str, *parts: str) -> UUID:
    """The stream of a natural key, as a UUID of version 8 (RFC 9562, 5.8) that tells nothing of it."""
    raw = "\x00".join(str(len(part)) + ":" + part for part in parts)
    number = int.from_bytes(mark(stream_key, kind, raw)[:16], "big")
    number = number & ~(0xF << 76) | 0x8 << 76
    number = number & ~(0x3 << 62) | 0x2 << 62
    return UUID(int=number)


@lru_cache(maxsize=20_000)
def stream_of_ids(stream_key: bytes, kind: str, *ids: UUID | str) -> UUID:
    """As `stream_id`, remembered: one decision asks for a patient's streams again and again. Only of ids of ours, which
    say nothing of anybody: a natural key would stay here after an erasure, however long it is."""
    return stream_id(stream_key, kind, *map(str, ids))
