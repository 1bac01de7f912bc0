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


LaboratoryEvent = LaboratoryRegistered | LaboratoryKeyAdded | LaboratoryKeyRevoked

# State.


@dataclass(frozen=True, slots=True, kw_only=True)
class Laboratory:
    """`keys` are those in force: key id and public key."""

    handle: str
    name: str
    inn: str
    keys: tuple[tuple[str, str], ...] = ()

    def key(self, key_id: str) -> str | None:
        """The public key in force under this id."""
        return dict(self.keys).get(key_id)


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
        case _:
            assert_never(event)


# Decisions.


class LaboratoryAlreadyRegisteredError(Exception):
    """A laboratory with this handle is registered already."""


class LaboratoryKeyUnknownError(Exception):
    """The laboratory has no such key in force."""


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
