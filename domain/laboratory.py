"""Laboratory: an organisation that may submit reports; what it is, what it may send, and its keys."""

from dataclasses import dataclass, replace
from datetime import date
from typing import assert_never

from domain.organisation import USUAL_FORMATS, Format, OrganisationKind
from domain.study_type import StudyType

# Events: what happened.


@dataclass(frozen=True, slots=True, kw_only=True)
class LaboratoryRegistered:
    """The laboratory may be linked by patients. `handle` is its short name in commands and envelopes."""

    handle: str
    name: str
    inn: str
    ogrn: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LaboratoryKindStated:
    """What kind of organisation it is: this decides which formats are expected of it."""

    kind: OrganisationKind


@dataclass(frozen=True, slots=True, kw_only=True)
class LaboratoryOidStated:
    """The organisation's number in the registry of medical organisations (НСИ 1.2.643.5.1.13.13.11.1461)."""

    oid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LaboratoryAccredited:
    """The laboratory showed a certificate of accreditation; without `valid_until` it has no end. The
    latest stated is the one that counts."""

    certificate_number: str
    valid_until: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LaboratoryFormatsAllowed:
    """From this event on it may send these formats and no others; none stands for the usual ones."""

    formats: tuple[Format, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LaboratoryStudyTypesAllowed:
    """From this event on it may send studies of these types and no others; none stands for all."""

    study_types: tuple[StudyType, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DepartmentAdded:
    """Reports of this department belong in this section of the cabinet. `code` and `name` are as they
    stand in the laboratory's reports."""

    code: str
    name: str
    section: StudyType


@dataclass(frozen=True, slots=True, kw_only=True)
class DepartmentRemoved:
    """From this event on the department decides nothing."""

    code: str


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


@dataclass(frozen=True, slots=True, kw_only=True)
class LaboratoryCertificateAdded:
    """What comes over HTTP with this client certificate (SHA-256 of its DER form, hex) is the laboratory's."""

    certificate_sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LaboratoryCertificateRevoked:
    """From this event on nothing is accepted for this client certificate."""

    certificate_sha256: str


# What is stated of a laboratory, once or again.
Statement = (
    LaboratoryKindStated
    | LaboratoryOidStated
    | LaboratoryAccredited
    | LaboratoryFormatsAllowed
    | LaboratoryStudyTypesAllowed
    | DepartmentAdded
)
LaboratoryEvent = (
    LaboratoryRegistered
    | Statement
    | DepartmentRemoved
    | LaboratoryKeyAdded
    | LaboratoryKeyRevoked
    | LaboratorySenderAdded
    | LaboratorySenderRevoked
    | LaboratoryCertificateAdded
    | LaboratoryCertificateRevoked
)

# State.


@dataclass(frozen=True, slots=True, kw_only=True)
class Laboratory:
    """`keys` are those in force: key id and public key. `senders` likewise: application, facility and
    certificate. `formats_allowed` and `study_types` are what was allowed in so many words."""

    handle: str
    name: str
    inn: str
    ogrn: str
    kind: OrganisationKind | None = None
    oid: str | None = None
    accreditation: LaboratoryAccredited | None = None
    formats_allowed: tuple[Format, ...] = ()
    study_types: tuple[StudyType, ...] = ()
    departments: tuple[DepartmentAdded, ...] = ()
    keys: tuple[tuple[str, str], ...] = ()
    senders: tuple[LaboratorySenderAdded, ...] = ()
    certificates: tuple[str, ...] = ()

    @property
    def formats(self) -> tuple[Format, ...]:
        """What it may send; one whose kind nobody stated may send everything."""
        usual = USUAL_FORMATS[self.kind] if self.kind else tuple(Format)
        return self.formats_allowed or usual

    def department(self, code: str) -> DepartmentAdded | None:
        return next((one for one in self.departments if one.code == code), None)

    def without_department(self, code: str) -> tuple[DepartmentAdded, ...]:
        return tuple(one for one in self.departments if one.code != code)

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
        return Laboratory(handle=event.handle, name=event.name, inn=event.inn, ogrn=event.ogrn)
    assert laboratory is not None
    if isinstance(event, Statement):
        return _stated(laboratory, event)
    match event:
        case DepartmentRemoved():
            return replace(laboratory, departments=laboratory.without_department(event.code))
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
        case LaboratoryCertificateAdded():
            return replace(laboratory, certificates=(*laboratory.certificates, event.certificate_sha256))
        case LaboratoryCertificateRevoked():
            kept_certificates = tuple(c for c in laboratory.certificates if c != event.certificate_sha256)
            return replace(laboratory, certificates=kept_certificates)
        case _:
            assert_never(event)


def _stated(laboratory: Laboratory, event: Statement) -> Laboratory:
    match event:
        case LaboratoryKindStated():
            return replace(laboratory, kind=event.kind)
        case LaboratoryOidStated():
            return replace(laboratory, oid=event.oid)
        case LaboratoryAccredited():
            return replace(laboratory, accreditation=event)
        case LaboratoryFormatsAllowed():
            return replace(laboratory, formats_allowed=event.formats)
        case LaboratoryStudyTypesAllowed():
            return replace(laboratory, study_types=event.study_types)
        case DepartmentAdded():
            return replace(laboratory, departments=(*laboratory.without_department(event.code), event))
        case _:
            assert_never(event)


# Decisions.


class LaboratoryAlreadyRegisteredError(Exception):
    """A laboratory with this handle is registered already."""


class DepartmentUnknownError(Exception):
    """The laboratory has no department with this code."""


class LaboratoryKeyUnknownError(Exception):
    """The laboratory has no such key in force."""


class LaboratorySenderUnknownError(Exception):
    """The laboratory has no such sender of HL7 v2 messages in force."""


class LaboratoryCertificateUnknownError(Exception):
    """The laboratory has no such client certificate in force."""


class TrustEndedError(Exception):
    """What stood for the laboratory, a key, a certificate or a sender, is not in force any more."""


HL7_SENDER = "hl7-sender"
CERTIFICATE = "certificate:"


def require_trust(laboratory: Laboratory | None, key_id: str) -> None:
    """See that what stands for a submission is in force where it is recorded: the thumbprint of a key, the
    fingerprint of a certificate behind `certificate:`, or `hl7-sender` for a sender without one."""
    if laboratory is None or key_id not in _trusted(laboratory):
        raise TrustEndedError


def _trusted(laboratory: Laboratory) -> set[str]:
    of_senders = {one.certificate_sha256 for one in laboratory.senders}
    open_senders = {HL7_SENDER} if None in of_senders else set[str]()
    certificates = {*laboratory.certificates, *of_senders} - {None}
    keys = {key_id for key_id, _ in laboratory.keys}
    return keys | open_senders | {f"{CERTIFICATE}{one}" for one in certificates}


def register(
    laboratory: Laboratory | None, registered: LaboratoryRegistered, *stated: Statement | LaboratoryKeyAdded
) -> tuple[LaboratoryEvent, ...]:
    """A new laboratory, with what else is stated of it at once."""
    if laboratory is not None:
        raise LaboratoryAlreadyRegisteredError
    return (registered, *stated)


def state(laboratory: Laboratory, stated: Statement) -> tuple[Statement, ...]:
    """What is stated of a laboratory counts from now on; what is so already is not stated again."""
    return () if evolve(laboratory, stated) == laboratory else (stated,)


def remove_department(laboratory: Laboratory, *, code: str) -> DepartmentRemoved:
    if laboratory.department(code) is None:
        raise DepartmentUnknownError
    return DepartmentRemoved(code=code)


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


def add_certificate(
    laboratory: Laboratory, *, certificate_sha256: str
) -> tuple[LaboratoryCertificateAdded, ...]:
    """As with keys, the next certificate is in force before the last one is revoked."""
    if certificate_sha256 in laboratory.certificates:
        return ()
    return (LaboratoryCertificateAdded(certificate_sha256=certificate_sha256),)


def revoke_certificate(laboratory: Laboratory, *, certificate_sha256: str) -> LaboratoryCertificateRevoked:
    if certificate_sha256 not in laboratory.certificates:
        raise LaboratoryCertificateUnknownError
    return LaboratoryCertificateRevoked(certificate_sha256=certificate_sha256)
