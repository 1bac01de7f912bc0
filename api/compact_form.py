"""The compact form of JOSE (RFC 7515 7.1, RFC 7516 7.1), read strictly and before any key is used."""

import base64
import json
from collections.abc import Mapping
from itertools import pairwise
from typing import Final, Literal

HEADER_LIMIT: Final = 4096
TEXT_LIMIT: Final = 255
_ALPHABET: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
# With what a part may end, by the rest of its length: the bits that mean nothing are zero.
_LAST: Final = (
    frozenset(_ALPHABET[index : index + 1] for index in range(64)) | {b""},
    frozenset[bytes](),
    frozenset(_ALPHABET[index : index + 1] for index in range(0, 64, 16)),
    frozenset(_ALPHABET[index : index + 1] for index in range(0, 64, 4)),
)

EnvelopeCode = Literal[
    "envelope-malformed",
    "envelope-not-for-us",
    "envelope-not-decryptable",
    "signature-invalid",
    "audience-wrong",
    "issuer-mismatch",
    "envelope-too-old",
    "envelope-from-future",
    "digest-mismatch",
    "submission-too-large",
]


class EnvelopeError(Exception):
    """The envelope is refused. `code` is stable; `field` names the place and never holds what was sent."""

    def __init__(self, code: EnvelopeCode, field: str) -> None:
        super().__init__(f"{code} ({field})")
        self.code = code
        self.field = field


def read_header(
    compact: bytes, name: str, members: frozenset[str], *, sizes: tuple[int | None, ...]
) -> dict[str, object]:
    """The header of a compact form that has these parts, each of its one size where it has one. The parts are looked at
    where they lie, and not decoded: contents are large."""
    lengths = _lengths(compact, len(sizes) + 1)
    is_other = len(lengths) != len(sizes) + 1 or lengths[0] > HEADER_LIMIT
    if is_other or compact.translate(None, _ALPHABET + b"."):
        raise EnvelopeError("envelope-malformed", name)
    end = lengths[0]
    for length, size in zip(lengths[1:], sizes, strict=True):
        end += 1 + length
        last = compact[end - 1 : end] if length else b""
        if last not in _LAST[length % 4] or size not in (None, length * 3 // 4):
            raise EnvelopeError("envelope-malformed", name)
    try:
        first = decoded(compact[: lengths[0]], name).decode()
        header = json.loads(first, object_pairs_hook=_without_repetition)
    except (ValueError, RecursionError) as error:
        raise EnvelopeError("envelope-malformed", f"{name}.header") from error
    if not isinstance(header, dict) or header.keys() - members:
        raise EnvelopeError("envelope-malformed", f"{name}.header")
    if missing := members - header.keys():
        # Our own name for it, so nothing that was sent is repeated.
        raise EnvelopeError("envelope-malformed", f"{name}.{min(missing)}")
    return header


def _lengths(compact: bytes, parts: int) -> list[int]:
    """Of its parts, and of what follows so many of them: dots are cheap to send."""
    starts = [0]
    while len(starts) <= parts and (dot := compact.find(b".", starts[-1])) >= 0:
        starts.append(dot + 1)
    return [end - start - 1 for start, end in pairwise((*starts, len(compact) + 1))]


def decoded(part: bytes, name: str) -> bytes:
    """Base64url in its one canonical form (RFC 7515 2, RFC 4648 3.5): no other bytes may mean the same."""
    if part.translate(None, _ALPHABET) or part[-1:] not in _LAST[len(part) % 4]:
        raise EnvelopeError("envelope-malformed", name)
    return base64.urlsafe_b64decode(part + b"=" * (-len(part) % 4))


def encoded(raw: bytes) -> bytes:
    return base64.urlsafe_b64encode(raw).rstrip(b"=")


def _without_repetition(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """RFC 7515 4: names in a header are unique. Python would keep the last, another reader the first."""
    members = dict(pairs)
    if len(members) != len(pairs):
        message = "a name is repeated"
        raise ValueError(message)
    return members


def require(header: dict[str, object], expected: Mapping[str, str], name: str) -> None:
    for member, value in expected.items():
        if header[member] != value:
            raise EnvelopeError("envelope-malformed", f"{name}.{member}")


def text(header: dict[str, object], member: str, name: str) -> str:
    value = header[member]
    if not (isinstance(value, str) and 0 < len(value) <= TEXT_LIMIT and value.isprintable()):
        raise EnvelopeError("envelope-malformed", f"{name}.{member}")
    return value
