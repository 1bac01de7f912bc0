"""The leaf: what the log commits to of one event. Text, strict, without personal data.

    letopis/leaf@v1
    <log origin>
    <event id>
    <stream id>
    <version in the stream>
    <stored name>@<schema version>
    <recorded at, UTC, microseconds>
    <id of the data key, or ->
    <base64 of SHA-256 over the rest of the stored bytes>
    <base64 of the keyed commitment to the plaintext, or ->

The first eight lines are also associated data of the seal. The leaf is the beginning of the stored
bytes of its event, so it is hashed as it lies and never written a second time. The rest of the stored
bytes begins with a random salt: leaves are public, and without it a digest of clear data could be
guessed and confirmed by trying.
"""

import base64
import hashlib
import re
from binascii import b2a_base64
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

FIRST_LINE = "letopis/leaf@v1"


class LeafMalformedError(Exception):
    """Stored bytes do not begin with a leaf of a known version."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """The fields of a leaf, in the order of its lines."""

    origin: str
    event_id: UUID
    stream_id: UUID
    version: int
    name: str
    schema_version: int
    recorded_at: datetime
    key_id: UUID | None
    digest: bytes
    commitment: bytes | None


def header(
    *,
    origin: str,
    event_id: UUID,
    stream_id: UUID,
    version: int,
    name: str,
    schema_version: int,
    recorded_at: datetime,
    key_id: UUID | None,
) -> bytes:
    """The first eight lines."""
    return (
        f"{FIRST_LINE}\n{origin}\n{event_id}\n{stream_id}\n{version}\n{name}@{schema_version}\n"
        f"{recorded_at.astimezone(UTC).isoformat(timespec='microseconds')[:26]}Z\n{key_id or '-'}\n"
    ).encode()


def complete(head: bytes, *, rest: bytes, commitment: bytes | None) -> bytes:
    """The whole leaf, given its header and the rest of the stored bytes."""
    commitment_line = b2a_base64(commitment) if commitment else b"-\n"
    return head + b2a_base64(hashlib.sha256(rest).digest()) + commitment_line


_UUID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_DIGEST = "[A-Za-z0-9+/]{43}="
_ENDING = "\n".join(
    (
        "([1-9][0-9]*)",
        r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z)",
        f"(-|{_UUID})",
        f"({_DIGEST})",
        f"(-|{_DIGEST})",
        "",
    )
)


def pattern(origin: str | None = None, *, ids: str = _UUID) -> re.Pattern[bytes]:
    """A leaf at the beginning of stored bytes, of this log or of any. Its groups are the fields of Leaf,
    in order. Who compares event id and stream id with what they must be may give a faster form of `ids`."""
    lines = (
        re.escape(FIRST_LINE),
        f"({re.escape(origin) if origin else '[A-Za-z0-9._/-]{1,200}'})",
        f"({ids})",
        f"({ids})",
        "([1-9][0-9]*)",
        f"([A-Za-z]+)@{_ENDING}",
    )
    return re.compile("\n".join(lines).encode())


def beginning(origin: str, event_id: str, stream_id: str, version: int, name: str) -> bytes:
    """A leaf up to where its schema version stands, for who knows what must be there: compared, it need not be parsed."""
    return f"{FIRST_LINE}\n{origin}\n{event_id}\n{stream_id}\n{version}\n{name}@".encode()


def ending() -> re.Pattern[bytes]:
    """What stands behind the `beginning`: schema version, time, key, digest and commitment."""
    return re.compile(_ENDING.encode())


_ANY = pattern()


def split(state: bytes) -> tuple[bytes, bytes]:
    """The leaf of stored bytes, and the rest: an empty line is between them."""
    match = _ANY.match(state)
    if match is None or state[match.end() : match.end() + 1] != b"\n":
        raise LeafMalformedError
    return state[: match.end()], state[match.end() + 1 :]


def key_id_of(state: bytes) -> UUID | None:
    """Whose key seals the body of stored bytes that were made here; None if it is clear."""
    line = state.split(b"\n", 8)[7]
    return None if line == b"-" else UUID(line.decode())


def parse(leaf: bytes) -> Leaf:
    """The fields of a leaf. Strict: what it was parsed from is what it would be written as."""
    match = _ANY.fullmatch(leaf)
    if match is None:
        raise LeafMalformedError
    lines = [group.decode() for group in match.groups()]
    try:
        found = Leaf(
            origin=lines[0],
            event_id=UUID(lines[1]),
            stream_id=UUID(lines[2]),
            version=int(lines[3]),
            name=lines[4],
            schema_version=int(lines[5]),
            recorded_at=datetime.fromisoformat(lines[6]),
            key_id=None if lines[7] == "-" else UUID(lines[7]),
            digest=base64.b64decode(lines[8]),
            commitment=None if lines[9] == "-" else base64.b64decode(lines[9]),
        )
    except ValueError:
        raise LeafMalformedError from None
    if leaf != _format(found):
        raise LeafMalformedError
    return found


def _format(leaf: Leaf) -> bytes:
    head = header(
        origin=leaf.origin,
        event_id=leaf.event_id,
        stream_id=leaf.stream_id,
        version=leaf.version,
        name=leaf.name,
        schema_version=leaf.schema_version,
        recorded_at=leaf.recorded_at,
        key_id=leaf.key_id,
    )
    commitment = base64.b64encode(leaf.commitment) if leaf.commitment is not None else b"-"
    return head + base64.b64encode(leaf.digest) + b"\n" + commitment + b"\n"
