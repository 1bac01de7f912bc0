"""Events to stored bytes and back, under the names of `event_types`.

Stored bytes of an event are its leaf, an empty line, a random salt (base64), one line of circumstances
(JSON), and the body: the event's data as JSON, sealed when it is personal. The leaf's first eight lines,
the salt and the circumstances are associated data of the seal.

Fields at their default are not stored, so a default, the order of fields, and a field's type are part
of the format: whoever changes one of them raises the schema version and adds an upcast step.
"""

import hashlib
import re
import secrets
from binascii import b2a_base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, is_dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple, get_args, get_type_hints
from uuid import UUID

import orjson
from eventsourcing.persistence import Mapper, StoredEvent
from pydantic import ConfigDict, TypeAdapter, ValidationError

from domain import Event
from ledger import leaf, sealing
from ledger.event_types import EVENT_TYPES
from ledger.keys import DataKeys, KeyLostError, MintedKeys
from ledger.upcast import UpcastMissingError, upcast


def _forbid_unknown(stored: Any) -> None:
    """Data with a field that its class does not know, or of another type, is not read as if it fitted."""
    for kind in (stored, *get_args(stored)):
        if is_dataclass(kind) and not hasattr(kind, "__pydantic_config__"):
            setattr(kind, "__pydantic_config__", ConfigDict(extra="forbid", strict=True))  # noqa: B010
            for hint in get_type_hints(kind).values():
                _forbid_unknown(hint)
        elif kind is not stored:
            _forbid_unknown(kind)


for _stored in EVENT_TYPES.values():
    _forbid_unknown(_stored.event_class)

NAMES: Mapping[type, str] = {stored.event_class: name for name, stored in EVENT_TYPES.items()}
_ADAPTERS: Mapping[str, TypeAdapter[Any]] = {
    name: TypeAdapter(stored.event_class) for name, stored in EVENT_TYPES.items()
}


class UnreadableEventError(Exception):
    """A stored event can't be read back. The message names the event, never its data."""


class UnknownNameError(UnreadableEventError):
    """A stored name is not in the table: this program is older than the ledger it reads."""


class StoredBytesDifferError(UnreadableEventError):
    """Stored bytes do not agree with their leaf or their columns: the row was changed."""


class SubjectMissingError(Exception):
    """An event with personal data was to be stored without saying whose data key seals it."""


@dataclass(frozen=True, slots=True)
class Erased:
    """What is left of an event whose data key was erased: that it was, and of what kind."""

    name: str
    key_id: UUID


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An event that is stored but can't be read back; `reason` names the error, never the data."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """Who acted, for whom, why, and in which conversation. Pseudonyms only, such as `patient:<uuid>`."""

    actor: str
    on_behalf_of: str | None = None
    causation_id: UUID | None = None
    correlation_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedEvent:
    """An event and its envelope. `position` is its place in the whole ledger, increasing with gaps;
    it is None until the event is stored. `subject` says whose key seals it, when writing; `key_id` and
    `leaf` are what was stored, when reading."""

    event: Event | Erased | Unreadable
    event_id: UUID
    stream_id: UUID
    version: int
    recorded_at: datetime
    circumstances: Circumstances
    position: int | None = None
    subject: UUID | None = None
    key_id: UUID | None = None
    leaf: bytes = b""

    @property
    def originator_id(self) -> UUID:
        """The library's word for `stream_id`."""
        return self.stream_id

    @property
    def originator_version(self) -> int:
        """The library's word for `version`."""
        return self.version


class EventMapper(Mapper[UUID]):
    """Recorded events to the library's stored events and back, under one log origin."""

    def __init__(self, origin: str, keys: DataKeys) -> None:
        self._origin = origin
        self._pattern = leaf.pattern(origin)
        self._keys = keys

    def to_stored_event(  # type: ignore[override]
        self, recorded: RecordedEvent, minted: MintedKeys | None = None
    ) -> StoredEvent:
        """The stored event: leaf, salt, circumstances, body. Keys of new subjects are added to `minted`,
        to be stored with the event."""
        name = NAMES[type(recorded.event)]
        stored = EVENT_TYPES[name]
        assert not isinstance(recorded.event, Erased) and not isinstance(recorded.event, Unreadable)
        plaintext = to_data(recorded.event)
        key = None
        if stored.purpose is not None:
            if recorded.subject is None:
                raise SubjectMissingError(name)
            key = self._keys.key_of(recorded.subject, stored.purpose, minted)
        head = leaf.header(
            origin=self._origin,
            event_id=recorded.event_id,
            stream_id=recorded.stream_id,
            version=recorded.version,
            name=name,
            schema_version=stored.schema_version,
            recorded_at=recorded.recorded_at,
            key_id=key.key_id if key else None,
        )
        salted = _salt() + b"\n" + orjson.dumps(recorded.circumstances)
        body, commitment = plaintext, None
        if key is not None:
            body, commitment = sealing.seal(
                key.secret, about=recorded.event_id, header=head + salted, plaintext=plaintext
            )
        rest = salted + b"\n" + body
        state = leaf.complete(head, rest=rest, commitment=commitment) + b"\n" + rest
        return StoredEvent(recorded.stream_id, recorded.version, name, state)

    def to_domain_event(self, stored_event: StoredEvent) -> RecordedEvent:
        """The recorded event; its data is `Erased` if its key was."""
        return self.to_recorded_events([(stored_event, None)])[0]

    def to_recorded_events(self, rows: Sequence[tuple[StoredEvent, int | None]]) -> list[RecordedEvent]:
        """Many at once: their keys are looked up by one query. UnreadableEventError names the first
        that can't be read."""
        opened = [_open(self._pattern, stored, position) for stored, position in rows]
        try:
            opened_keys = self._keys.find_all([entry.key_id for entry in opened if entry.key_id is not None])
        except KeyLostError as error:
            raise UnreadableEventError(f"data key {error} is lost") from error
        return [entry.decode(opened_keys) for entry in opened]

    def to_readable(self, rows: Sequence[tuple[StoredEvent, int | None]]) -> list[RecordedEvent]:
        """As `to_recorded_events`, for a reader that must not stop: what can't be read is `Unreadable`."""
        try:
            return self.to_recorded_events(rows)
        except UnreadableEventError:
            return [self._readable(stored, position) for stored, position in rows]

    def _readable(self, stored: StoredEvent, position: int | None) -> RecordedEvent:
        try:
            return self.to_recorded_events([(stored, position)])[0]
        except UnreadableEventError as error:
            entry = stored.state.partition(b"\n\n")[0] + b"\n"
            return RecordedEvent(
                event=Unreadable(stored.topic, type(error).__name__),
                event_id=UUID(int=0),
                stream_id=_uuid(stored.originator_id),
                version=stored.originator_version,
                recorded_at=datetime.fromtimestamp(0, UTC),
                circumstances=Circumstances(actor="unknown"),
                position=position,
                leaf=entry,
            )


class _Opened(NamedTuple):
    """A stored event taken apart, before its body is unsealed."""

    name: str
    position: int | None
    stream_id: UUID
    version: int
    leaf: bytes
    head: bytes
    event_id: UUID
    schema_version: int
    recorded_at: datetime
    key_id: UUID | None
    commitment: bytes
    salted: bytes
    body: bytes

    def decode(self, keys: Mapping[UUID, bytes | None]) -> RecordedEvent:
        return RecordedEvent(
            event=self._readable_event(keys),
            event_id=self.event_id,
            stream_id=self.stream_id,
            version=self.version,
            recorded_at=self.recorded_at,
            circumstances=_circumstances(self.salted.partition(b"\n")[2]),
            position=self.position,
            key_id=self.key_id,
            leaf=self.leaf,
        )

    def _readable_event(self, keys: Mapping[UUID, bytes | None]) -> Event | Erased:
        try:
            return self._event(keys)
        except (sealing.NotUnsealedError, UpcastMissingError, ValidationError) as error:
            # The cause may quote personal data: it is not chained.
            raise UnreadableEventError(f"event {self.event_id}: {type(error).__name__}") from None

    def _event(self, keys: Mapping[UUID, bytes | None]) -> Event | Erased:
        plaintext = self.body
        if self.key_id is not None:
            secret = keys[self.key_id]
            if secret is None:
                return Erased(self.name, self.key_id)
            plaintext = sealing.unseal(
                secret, about=self.event_id, header=self.head + self.salted, body=self.body
            )
            commitment = sealing.commit(secret, about=self.event_id, plaintext=plaintext)
            if b2a_base64(commitment, newline=False) != self.commitment:
                raise StoredBytesDifferError(self.event_id)
        return from_data(self.name, plaintext, schema_version=self.schema_version)


def _uuid(originator_id: UUID | str) -> UUID:
    """The library allows text; our tables do not."""
    return originator_id if isinstance(originator_id, UUID) else UUID(originator_id)


def _salt() -> bytes:
    return b2a_base64(secrets.token_bytes(16), newline=False)


def _open(pattern: re.Pattern[bytes], stored: StoredEvent, position: int | None) -> _Opened:
    """Take stored bytes apart, and see that the leaf is of this log and agrees with the columns and with
    the digest of the rest."""
    match = pattern.match(stored.state)
    place = (str(stored.originator_id).encode(), b"%d" % stored.originator_version, stored.topic.encode())
    if match is None or match.group(3, 4, 5) != place:
        raise StoredBytesDifferError(stored.originator_id, stored.originator_version)
    rest = stored.state[match.end() + 1 :]
    parts = rest.split(b"\n", 2)
    digest = b2a_base64(hashlib.sha256(rest).digest(), newline=False)
    if stored.state[match.end() : match.end() + 1] != b"\n" or digest != match[9] or len(parts) != 3:
        raise StoredBytesDifferError(stored.originator_id, stored.originator_version)
    try:
        recorded_at = datetime.fromisoformat(match[7].decode())
    except ValueError:
        raise StoredBytesDifferError(stored.originator_id, stored.originator_version) from None
    salt, circumstances, body = parts
    return _Opened(
        name=stored.topic,
        position=position,
        stream_id=_uuid(stored.originator_id),
        version=stored.originator_version,
        leaf=stored.state[: match.end()],
        head=stored.state[: match.start(9)],
        event_id=UUID(match[2].decode()),
        schema_version=int(match[6]),
        recorded_at=recorded_at,
        key_id=None if match[8] == b"-" else UUID(match[8].decode()),
        commitment=match[10],
        salted=salt + b"\n" + circumstances,
        body=body,
    )


def _circumstances(line: bytes) -> Circumstances:
    fields = orjson.loads(line)
    causation, correlation = fields["causation_id"], fields["correlation_id"]
    return Circumstances(
        actor=fields["actor"],
        on_behalf_of=fields["on_behalf_of"],
        causation_id=UUID(causation) if causation else None,
        correlation_id=UUID(correlation) if correlation else None,
    )


def name_of(event: Event | Erased | Unreadable) -> str:
    """The stored name of an event, whatever is left of it."""
    return event.name if isinstance(event, Erased | Unreadable) else NAMES[type(event)]


def to_data(event: Event) -> bytes:
    """The event's data as the JSON that is stored, before sealing."""
    return _ADAPTERS[NAMES[type(event)]].dump_json(event, exclude_defaults=True, warnings="error")


def from_data(name: str, data: bytes, *, schema_version: int) -> Event:
    """The event of stored JSON, lifted to today's shape."""
    if name not in EVENT_TYPES:
        raise UnknownNameError(name)
    current = EVENT_TYPES[name].schema_version
    adapter = _ADAPTERS[name]
    if schema_version == current:
        return adapter.validate_json(data)  # type: ignore[no-any-return]
    lifted = upcast(name, orjson.loads(data), stored=schema_version, current=current)
    return adapter.validate_json(orjson.dumps(lifted))  # type: ignore[no-any-return]
