"""Text signed by one or more keys (C2SP signed-note), read as strictly as it is written.

    <text, ends in LF>
    <empty line>
    — <key name> <base64(4-byte key id || signature)>

Only Ed25519 (signature type 0x01) is signed and verified here; lines of any other key are carried along
and never trusted. One note has one spelling: Go's note.Open takes base64 with loose trailing bits, this
does not, so that a signed note can be compared byte for byte.
"""

import re
from base64 import b64decode, b64encode
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from typing import NoReturn

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

ED25519 = b"\x01"
KEY_SIZE_BYTES = 32
KEY_ID_SIZE_BYTES = 4
# The limits of Go's note package: far above the 16 signatures that a verifier MUST take, each of them
# up to 5 kB, and the same for both verifiers, so that neither refuses what the other takes.
NOTE_SIZE_BYTES_MAX = 1_000_000
SIGNATURES_MAX = 100

_SIGNATURE_START = "\N{EM DASH} "


class InvalidNoteError(Exception):
    """The note is malformed, or no trusted key signed it, or a trusted key's signature is wrong."""


class InvalidKeyError(Exception):
    """The text is not a key in the form of C2SP signed-note, or two keys cannot be told apart."""


# Keys.


@dataclass(frozen=True, slots=True)
class Verifier:
    """A public key under its name. Parse it from a vkey: <name>+<8 hex of key id>+<base64(0x01 || key)>."""

    name: str
    public_key: bytes
    key_id: bytes = field(init=False)

    def __post_init__(self) -> None:
        """Derive the key id: SHA-256(name || LF || type || public key)[:4]."""
        if not is_key_name(self.name):
            _refuse_key("a key name is empty, or holds a space, a plus or a control character")
        if len(self.public_key) != KEY_SIZE_BYTES:
            _refuse_key("an Ed25519 public key has 32 bytes")
        digest = sha256(self.name.encode() + b"\n" + ED25519 + self.public_key).digest()
        object.__setattr__(self, "key_id", digest[:KEY_ID_SIZE_BYTES])

    @property
    def vkey(self) -> str:
        """The form in which the key is given to those who verify."""
        return f"{self.name}+{self.key_id.hex()}+{encode_base64(ED25519 + self.public_key)}"

    @classmethod
    def from_vkey(cls, vkey: str) -> "Verifier":
        """The key of a vkey whose id is right."""
        name, _, rest = vkey.partition("+")
        verifier = cls(name, _key_bytes(rest.partition("+")[2]))
        if verifier.vkey != vkey:
            _refuse_key("the key id is not the one of this name and key")
        return verifier

    def verify(self, text: str, signature: bytes) -> bool:
        """Whether this key signed this text."""
        try:
            Ed25519PublicKey.from_public_bytes(self.public_key).verify(signature, text.encode())
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True, slots=True)
class Signer:
    """A private key under its name: the 32-byte seed of RFC 8032, never shown."""

    name: str
    seed: bytes = field(repr=False)
    verifier: Verifier = field(init=False)

    def __post_init__(self) -> None:
        """Derive the public key."""
        if len(self.seed) != KEY_SIZE_BYTES:
            _refuse_key("an Ed25519 seed has 32 bytes")
        public_key = Ed25519PrivateKey.from_private_bytes(self.seed).public_key().public_bytes_raw()
        object.__setattr__(self, "verifier", Verifier(self.name, public_key))

    @property
    def skey(self) -> str:
        """PRIVATE+KEY+<name>+<8 hex of key id>+<base64(0x01 || seed)>: a secret, for the key's own file."""
        return f"PRIVATE+KEY+{self.name}+{self.verifier.key_id.hex()}+{encode_base64(ED25519 + self.seed)}"

    @classmethod
    def from_skey(cls, skey: str) -> "Signer":
        """The key of an skey whose id is right."""
        prefix = "PRIVATE+KEY+"
        name, _, rest = skey.removeprefix(prefix).partition("+")
        signer = cls(name, _key_bytes(rest.partition("+")[2]))
        if signer.skey != skey:
            _refuse_key("the key id is not the one of this name and key")
        return signer

    def sign(self, text: str) -> bytes:
        """The 64 bytes of the Ed25519 signature over the text."""
        return _private_key(self.seed).sign(text.encode())


@lru_cache(maxsize=8)
def _private_key(seed: bytes) -> Ed25519PrivateKey:
    """Making it from its seed takes as long as signing."""
    return Ed25519PrivateKey.from_private_bytes(seed)


def is_key_name(name: str) -> bool:
    return _is_note_text(name) and name != "" and "+" not in name and not any(map(str.isspace, name))


def _key_bytes(text: str) -> bytes:
    try:
        key = decode_base64(text)
    except ValueError:
        key = b""
    if key[:1] != ED25519:
        _refuse_key("this is not an Ed25519 key of signature type 1")
    return key[1:]


# Notes.


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line: who is said to have signed, with which key, and the bytes."""

    name: str
    key_id: bytes
    signature: bytes

    @property
    def line(self) -> str:
        """The line as it stands in a note."""
        return f"{_SIGNATURE_START}{self.name} {encode_base64(self.key_id + self.signature)}\n"


@dataclass(frozen=True, slots=True)
class Note:
    """A text and the signatures under it."""

    text: str
    signatures: tuple[Signature, ...]


def sign(text: str, signer: Signer) -> bytes:
    """The note of this text, signed."""
    if not text.endswith("\n") or not _is_note_text(text):
        _refuse("the text does not end in a newline, or holds a control character")
    signature = Signature(signer.name, signer.verifier.key_id, signer.sign(text))
    return f"{text}\n{signature.line}".encode()


def parse(note: bytes) -> Note:
    """The note's parts. NOTHING in them is verified: use `open`, unless the note is already known."""
    if len(note) > NOTE_SIZE_BYTES_MAX:
        _refuse("the note is too large")
    try:
        content = note.decode("utf-8")
    except UnicodeDecodeError:
        _refuse("the note is not UTF-8")
    if not _is_note_text(content):
        _refuse("the note holds a control character")
    # The text is separated from the signatures by the LAST empty line.
    text, separator, lines = content.rpartition("\n\n")
    if not separator or not lines.endswith("\n"):
        _refuse("the note has no signature lines")
    if lines.count("\n") > SIGNATURES_MAX:
        _refuse("the note has too many signatures")
    return Note(f"{text}\n", tuple(_parse_signature(line) for line in lines[:-1].split("\n")))


def open(note: bytes, verifiers: Iterable[Verifier]) -> Note:  # noqa: A001 - the verb of the specification
    """The note's text, with those signatures only that a known key made, one for each key.

    Verifiers MUST ignore unknown keys, even one that shares the name or the id of a known key. A line of
    a known key MUST be right, and at least one such line MUST be there. It may be there once: a second one
    would be a second spelling of the note.
    """
    known = _by_name_and_id(verifiers)
    unverified = parse(note)
    verified = dict[Verifier, Signature]()
    for signature in unverified.signatures:
        verifier = known.get((signature.name, signature.key_id))
        if verifier is None:
            continue
        if verifier in verified:
            _refuse("a known key signed twice")
        if not verifier.verify(unverified.text, signature.signature):
            _refuse("the signature of a known key is wrong")
        verified[verifier] = signature
    if not verified:
        _refuse("no known key signed the note")
    return Note(unverified.text, tuple(verified.values()))


def _by_name_and_id(verifiers: Iterable[Verifier]) -> dict[tuple[str, bytes], Verifier]:
    known = dict[tuple[str, bytes], Verifier]()
    for verifier in verifiers:
        if known.setdefault((verifier.name, verifier.key_id), verifier) != verifier:
            _refuse_key("two keys share a name and a key id")
    return known


def _parse_signature(line: str) -> Signature:
    name, _, encoded = line.removeprefix(_SIGNATURE_START).partition(" ")
    if not line.startswith(_SIGNATURE_START) or not is_key_name(name):
        _refuse("a signature line has another form")
    try:
        signed = decode_base64(encoded)
    except ValueError:
        _refuse("a signature is not canonical base64")
    if len(signed) <= KEY_ID_SIZE_BYTES:
        _refuse("a signature is too short")
    return Signature(name, signed[:KEY_ID_SIZE_BYTES], signed[KEY_ID_SIZE_BYTES:])


# Text.

# No control character but LF, and nothing that UTF-8 cannot write.
_NOTE_TEXT = re.compile("[^\x00-\x09\x0b-\x1f\ud800-\udfff]*")


def _is_note_text(text: str) -> bool:
    return _NOTE_TEXT.fullmatch(text) is not None


def decode_base64(text: str) -> bytes:
    """Standard base64 with padding and no loose trailing bits (RFC 4648 sections 3.5 and 4)."""
    decoded = b64decode(text, validate=True)
    if encode_base64(decoded) != text:
        message = "not canonical base64"
        raise ValueError(message)
    return decoded


def encode_base64(content: bytes) -> str:
    """Standard base64 with padding, on one line."""
    return b64encode(content).decode("ascii")


def _refuse(reason: str) -> NoReturn:
    raise InvalidNoteError(reason)


def _refuse_key(reason: str) -> NoReturn:
    raise InvalidKeyError(reason)
