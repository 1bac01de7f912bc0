"""Cosignatures: that somebody else saw this checkpoint, and when (C2SP tlog-cosignature).

    — <cosigner's name> <base64(4-byte key id || 8-byte big-endian POSIX seconds || signature)>

as a line of a checkpoint's note. It says: of all trees of this origin that I know, each a beginning of the next,
this one is the largest at this time. Two kinds of key make it. Ed25519 (0x04) signs the time and the whole text;
ML-DSA-44 (0x06), which a quantum computer doesn't break, signs the names, the time, the size and the root, but no
extension lines. The Ed25519 form doesn't say who signs, so one such key MUST NOT serve two cosigners.

The log adds a line of the second kind under its own origin, so that its checkpoints outlive Ed25519.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum
from hashlib import sha256
from typing import NoReturn, TypeAlias

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey, MLDSA44PublicKey

from ledger import note
from ledger.checkpoint import parse
from ledger.note import (
    KEY_ID_SIZE_BYTES,
    InvalidKeyError,
    InvalidNoteError,
    Signature,
    decode_base64,
    encode_base64,
    is_key_name,
)

SEED_SIZE_BYTES = 32
TIME_SIZE_BYTES = 8
TIME_MAX = 2**63 - 1
# The ML-DSA-44 message gives one byte to the length of a name, and a name is not empty.
_NAME_SIZE_BYTES_MAX = 255
_SUBTREE_LABEL = b"subtree/v1\n\0"
_SKEY_START = "PRIVATE+KEY+"


class Kind(Enum):
    """How a cosigner signs. The value is the type byte of key ids, vkeys and skeys."""

    ED25519 = b"\x04"
    ML_DSA_44 = b"\x06"


_PUBLIC_KEY_SIZES_BYTES = {Kind.ED25519: 32, Kind.ML_DSA_44: 1312}
_SIGNATURE_SIZES_BYTES = {Kind.ED25519: 64, Kind.ML_DSA_44: 2420}


# Keys.


@dataclass(frozen=True, slots=True)
class CosignatureVerifier:
    """A cosigner's public key under its name. Its vkey: <name>+<8 hex of key id>+<base64(type || key)>."""

    name: str
    public_key: bytes = field(repr=False)
    kind: Kind
    key_id: bytes = field(init=False)

    def __post_init__(self) -> None:
        """Derive the key id: SHA-256(name || LF || type || public key)[:4]."""
        if not is_key_name(self.name) or len(self.name.encode()) > _NAME_SIZE_BYTES_MAX:
            _refuse_key(
                "a cosigner's name is empty, too long, or holds a space, a plus or a control character"
            )
        if len(self.public_key) != _PUBLIC_KEY_SIZES_BYTES[self.kind]:
            _refuse_key("a cosigner's public key has 32 bytes (Ed25519) or 1312 (ML-DSA-44)")
        digest = sha256(self.name.encode() + b"\n" + self.kind.value + self.public_key).digest()
        object.__setattr__(self, "key_id", digest[:KEY_ID_SIZE_BYTES])

    @property
    def vkey(self) -> str:
        """The form in which the key is given to those who verify."""
        return f"{self.name}+{self.key_id.hex()}+{encode_base64(self.kind.value + self.public_key)}"

    @classmethod
    def from_vkey(cls, vkey: str) -> "CosignatureVerifier":
        """The key of a vkey whose id is right."""
        name, _, rest = vkey.partition("+")
        kind, public_key = _kind_and_key(rest.partition("+")[2])
        verifier = cls(name, public_key, kind)
        if verifier.vkey != vkey:
            _refuse_key("the key id is not the one of this name and key")
        return verifier


@dataclass(frozen=True, slots=True)
class Cosigner:
    """A cosigner's private key under its name: a seed of 32 bytes (RFC 8032; FIPS 204), never shown."""

    name: str
    seed: bytes = field(repr=False)
    kind: Kind
    verifier: CosignatureVerifier = field(init=False)

    def __post_init__(self) -> None:
        """Derive the public key."""
        if len(self.seed) != SEED_SIZE_BYTES:
            _refuse_key("a cosigner's seed has 32 bytes")
        public_key = self._private_key().public_key().public_bytes_raw()
        object.__setattr__(self, "verifier", CosignatureVerifier(self.name, public_key, self.kind))

    @property
    def skey(self) -> str:
        """PRIVATE+KEY+<name>+<8 hex of key id>+<base64(type || seed)>: a secret, for the key's own file."""
        key_id = self.verifier.key_id.hex()
        return f"{_SKEY_START}{self.name}+{key_id}+{encode_base64(self.kind.value + self.seed)}"

    @classmethod
    def from_skey(cls, skey: str) -> "Cosigner":
        """The key of an skey whose id is right."""
        name, _, rest = skey.removeprefix(_SKEY_START).partition("+")
        kind, seed = _kind_and_key(rest.partition("+")[2])
        cosigner = cls(name, seed, kind)
        if cosigner.skey != skey:
            _refuse_key("the key id is not the one of this name and key")
        return cosigner

    def sign(self, message: bytes) -> bytes:
        """The bare signature of a message that `cosign` made."""
        return self._private_key().sign(message)

    def _private_key(self) -> Ed25519PrivateKey | MLDSA44PrivateKey:
        if self.kind is Kind.ED25519:
            return Ed25519PrivateKey.from_private_bytes(self.seed)
        return MLDSA44PrivateKey.from_seed_bytes(self.seed)


def _kind_and_key(text: str) -> tuple[Kind, bytes]:
    try:
        key = decode_base64(text)
        return Kind(key[:1]), key[1:]
    except ValueError:
        # `from None`: the error of the standard library would quote what may be a secret.
        reason = "this is not a key of signature type 4 (Ed25519) or 6 (ML-DSA-44)"
        raise InvalidKeyError(reason) from None


# Cosignatures.

# Who cosigned, and when, in POSIX seconds.
Cosignatures: TypeAlias = dict[CosignatureVerifier, int]


def cosign(checkpoint_text: str, *, cosigner: Cosigner, at: int) -> Signature:
    """The line that says: this is the largest consistent tree that I have seen at this time.

    The caller answers for its truth: it checked the consistency, and stored that it signs.
    """
    signature = cosigner.sign(signed_message(checkpoint_text, verifier=cosigner.verifier, at=at))
    return Signature(cosigner.name, cosigner.verifier.key_id, at.to_bytes(TIME_SIZE_BYTES) + signature)


def verify(checkpoint_text: str, signature: Signature, verifier: CosignatureVerifier) -> int:
    """The time of a line that is of this key. InvalidNoteError if this key didn't make it."""
    if (signature.name, signature.key_id) != (verifier.name, verifier.key_id):
        _refuse("the cosignature is of another key")
    time, bare = signature.signature[:TIME_SIZE_BYTES], signature.signature[TIME_SIZE_BYTES:]
    if len(bare) != _SIGNATURE_SIZES_BYTES[verifier.kind]:
        _refuse("a cosignature has another length")
    at = int.from_bytes(time)
    message = signed_message(checkpoint_text, verifier=verifier, at=at)
    try:
        if verifier.kind is Kind.ED25519:
            Ed25519PublicKey.from_public_bytes(verifier.public_key).verify(bare, message)
        else:
            MLDSA44PublicKey.from_public_bytes(verifier.public_key).verify(bare, message)
    except InvalidSignature:
        _refuse("the cosignature of a known key is wrong")
    return at


def verify_all(opened: note.Note, verifiers: Iterable[CosignatureVerifier]) -> Cosignatures:
    """Which of these keys cosigned the note, and when. Lines of other keys are passed over.

    A line of a known key MUST be right. It may stand there once: with two times for one checkpoint nobody
    could say which of them the cosigner meant, and no cosigner writes two.
    """
    known = dict[tuple[str, bytes], CosignatureVerifier]()
    for verifier in verifiers:
        if known.setdefault((verifier.name, verifier.key_id), verifier) != verifier:
            _refuse_key("two keys share a name and a key id")
    found = Cosignatures()
    for signature in opened.signatures:
        cosigner = known.get((signature.name, signature.key_id))
        if cosigner is None:
            continue
        if cosigner in found:
            _refuse("one key cosigned twice")
        found[cosigner] = verify(opened.text, signature, cosigner)
    return found


def with_lines(signed: bytes, lines: Iterable[Signature]) -> bytes:
    """The note with more signature lines at its end."""
    return signed + "".join(line.line for line in lines).encode()


def signed_message(checkpoint_text: str, *, verifier: CosignatureVerifier, at: int) -> bytes:
    """The bytes under the signature."""
    if not 0 <= at <= TIME_MAX:
        _refuse("the time of a cosignature is out of range")
    checkpoint = parse(checkpoint_text)
    if verifier.kind is Kind.ED25519:
        return f"cosignature/v1\ntime {at}\n{checkpoint_text}".encode()
    return b"".join(
        (
            _SUBTREE_LABEL,
            _short(verifier.name),
            at.to_bytes(8),
            _short(checkpoint.origin),
            (0).to_bytes(8),  # start: a checkpoint is the subtree from the first leaf on
            checkpoint.tree_size.to_bytes(8),  # end
            checkpoint.root_hash,
        )
    )


def _short(name: str) -> bytes:
    """A name behind one byte that says how long it is."""
    content = name.encode()
    if not 1 <= len(content) <= _NAME_SIZE_BYTES_MAX:
        _refuse("a name is too long for an ML-DSA-44 cosignature")
    return len(content).to_bytes(1) + content


def _refuse(reason: str) -> NoReturn:
    raise InvalidNoteError(reason)


def _refuse_key(reason: str) -> NoReturn:
    raise InvalidKeyError(reason)
