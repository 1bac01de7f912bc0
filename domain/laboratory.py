"""Laboratory: an organisation that may submit reports, and the keys it signs them with."""

from dataclasses import dataclass, replace
from typing import assert_never

# Events: what happened.


@dataclass(frozen=True, slots=True, kw_only=True)
class LaboratoryRegistered:
    """The laboratory may be linked by patients. `handle` is its short name in commands and envelopes."""

    handle: str
    name: str
    inn: str
    ogrn: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LaboratoryKeyAdded:
    """The laboratory signs with this Ed25519 key: `key_id` is its RFC 7638 thumbprint,
    `public_key` its raw 32 bytes in base64url (RFC 8037 `x`)."""

    key_id: str
    public_key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LaboratoryKeyRevoked:
    """From this event on nothing signed with the key is accepted."""

    key_id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LaboratorySenderAdded:
    """HL7 v2 messages of this sending application and facility (MSH-3, MSH-4) are this laboratory's. With
    a certificate (SHA-256 of its DER form, hex) they are so only over TLS with that client certificate;
    without one whoever reaches the listener can speak for the laboratory."""

    application: str
    facility: str
    certificate_sha256: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LaboratorySenderRevoked:
    """From this event on nothing is accepted from this sender."""

    application: str
    facility: str


LaboratoryEvent = (
    LaboratoryRegistered
    | LaboratoryKeyAdded
    | LaboratoryKeyRevoked
    | LaboratorySenderAdded
    | LaboratorySenderRevoked
)

# State.


@dataclass(frozen=True, slots=True, kw_only=True)
class Laboratory:
    """`keys` are those in force: key id and public key. `senders` likewise: application, facility and
    certificate."""

    handle: str
    name: str
    inn: str
    keys: tuple[tuple[str, str], ...] = ()
    senders: tuple[LaboratorySenderAdded, ...] = ()

    def key(self, key_id: str) -> str | None:
        """The public key in force under this id."""
        return dict(self.keys).get(key_id)

    def sender(self, application: str, facility: str) -> LaboratorySenderAdded | None:
        """The sender in force under these names."""
        names = (application, facility)
        return next((one for one in self.senders if (one.application, one.facility) == names), None)

    def without_sender(self, application: str, facility: str) -> tuple[LaboratorySenderAdded, ...]:
        return tuple(one for one in self.senders if one is not self.sender(application, facility))


def evolve(laboratory: Laboratory | None, event: LaboratoryEvent) -> Laboratory:
    """Replay one event. Never refuses."""
    if isinstance(event, LaboratoryRegistered):
        return Laboratory(handle=event.handle, name=event.name, inn=event.inn)
    assert laboratory is not None
    match event:
        case LaboratoryKeyAdded():
            return replace(laboratory, keys=(*laboratory.keys, (event.key_id, event.public_key)))
        case LaboratoryKeyRevoked():
            kept = tuple(key for key in laboratory.keys if key[0] != event.key_id)
            return replace(laboratory, keys=kept)
        case LaboratorySenderAdded():
            others = laboratory.without_sender(event.application, event.facility)
            return replace(laboratory, senders=(*others, event))
        case LaboratorySenderRevoked():
            return replace(laboratory, senders=laboratory.without_sender(event.application, event.facility))
        case _:
            assert_never(event)


# Decisions.


class LaboratoryAlreadyRegisteredError(Exception):
    """A laboratory with this handle is registered already."""


class LaboratoryKeyUnknownError(Exception):
    """The laboratory has no such key in force."""


class LaboratorySenderUnknownError(Exception):
    """The laboratory has no such sender of HL7 v2 messages in force."""


def register(laboratory: Laboratory | None, registered: LaboratoryRegistered) -> LaboratoryRegistered:
    if laboratory is not None:
        raise LaboratoryAlreadyRegisteredError
    return registered


def add_key(laboratory: Laboratory, *, key_id: str, public_key: str) -> tuple[LaboratoryKeyAdded, ...]:
    """Old and new keys are in force together until the old one is revoked: rotation has no gap."""
    if laboratory.key(key_id) == public_key:
        return ()
    return (LaboratoryKeyAdded(key_id=key_id, public_key=public_key),)


def revoke_key(laboratory: Laboratory, *, key_id: str, reason: str) -> LaboratoryKeyRevoked:
    if laboratory.key(key_id) is None:
        raise LaboratoryKeyUnknownError
    return LaboratoryKeyRevoked(key_id=key_id, reason=reason)


def add_sender(laboratory: Laboratory, added: LaboratorySenderAdded) -> tuple[LaboratorySenderAdded, ...]:
    """A sender that is there already gets the new certificate."""
    if laboratory.sender(added.application, added.facility) == added:
        return ()
    return (added,)


def revoke_sender(laboratory: Laboratory, *, application: str, facility: str) -> LaboratorySenderRevoked:
    if laboratory.sender(application, facility) is None:
        raise LaboratorySenderUnknownError
    return LaboratorySenderRevoked(application=application, facility=facility)
