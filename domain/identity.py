"""Identity: somebody proves that they are the person of their profile, and is believed or told why not.

What is confirmed is the profile as it stood (`profile_number`): whoever states another is asked again.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from typing import assert_never
from uuid import UUID

from domain.identity_document import DocumentKind, valid_until
from domain.patient import Patient, ProfileStated
from domain.submission import StoredDocument
from domain.values import PatientId

# Events: what happened. None says anything personal: whose profile it was is in the patient's own stream.


class ScanKind(StrEnum):
    """Of what a patient uploads a picture (S20)."""

    IDENTITY_DOCUMENT = "identity-document"
    SNILS = "snils"
    # Of kinship or appointment: asked for by who represents somebody, not for one's own identity.
    GUARDIANSHIP = "guardianship"


OWN_SCANS = (ScanKind.IDENTITY_DOCUMENT, ScanKind.SNILS)


class Proof(StrEnum):
    """By what an identity is believed: staff compared the profile with the scans, a provider of identities
    vouched for it, or staff saw the person with their document."""

    OPERATOR = "operator"
    OIDC = "oidc"
    IN_PERSON = "in-person"
    # Staff saw the document by which a guardian represents them.
    REPRESENTED = "represented"


class Cause(StrEnum):
    """Why an identity is not confirmed (S116, S118-S123)."""

    PHONE_NOT_CONFIRMED = "phone-not-confirmed"
    PROFILE_INCOMPLETE = "profile-incomplete"
    REGION_NOT_CONNECTED = "region-not-connected"
    DOCUMENT_EXPIRED = "document-expired"
    DOCUMENT_INVALID = "document-invalid"
    SCAN_MISSING = "scan-missing"
    SCAN_UNREADABLE = "scan-unreadable"
    DATA_DIFFER = "data-differ"
    PROOF_FAILED = "proof-failed"
    SUSPENDED = "suspended"


class SuspensionReason(StrEnum):
    """Why the service is suspended (S116)."""

    UNPAID_FINES = "unpaid-fines"
    INCOMPLETE_DATA = "incomplete-data"
    MISUSE_SUSPECTED = "misuse-suspected"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanAdded:
    """A picture or PDF of a document was uploaded. Its key is its own (the subject is `scan_id`): when the scan
    goes, its bytes can be opened by nobody."""

    patient_id: PatientId
    scan_id: UUID
    kind: ScanKind
    media_type: str
    document: StoredDocument


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanRemoved:
    """The scan is no longer there, and its key was destroyed."""

    patient_id: PatientId
    scan_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityCheckRequested:
    """The patient sent the profile to be checked."""

    patient_id: PatientId
    profile_number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityConfirmed:
    """The patient is the person of this profile."""

    patient_id: PatientId
    profile_number: int
    proof: Proof


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityRefused:
    """It could not be confirmed that the patient is this person; `field` is where it fails, if it is one."""

    patient_id: PatientId
    profile_number: int
    reason: Cause
    field: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityExpired:
    """The document that stood for the patient is valid no more."""

    patient_id: PatientId


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileSuspended:
    """The patient gets no results until the service is restored (S116)."""

    patient_id: PatientId
    reason: SuspensionReason


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileRestored:
    """What suspended the service is over."""

    patient_id: PatientId


IdentityEvent = (
    ScanAdded
    | ScanRemoved
    | IdentityCheckRequested
    | IdentityConfirmed
    | IdentityRefused
    | IdentityExpired
    | ProfileSuspended
    | ProfileRestored
)

# State.


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """`requested` is the profile that waits to be checked, `confirmed` the one that was believed."""

    scans: tuple[ScanAdded, ...] = ()
    requested: int | None = None
    confirmed: int | None = None
    refused: IdentityRefused | None = None
    suspended: SuspensionReason | None = None

    def is_confirmed_for(self, patient: Patient) -> bool:
        """Whether the profile as it stands now is proven to be the patient's, and the service is not suspended."""
        return self.is_believed(patient) and self.suspended is None

    def is_believed(self, patient: Patient) -> bool:
        """As `is_confirmed_for`, suspended or not."""
        return patient.profile is not None and self.confirmed == patient.profile_number

    def is_waiting_for(self, patient: Patient) -> bool:
        """Whether the profile as it stands now is to be checked."""
        return patient.profile is not None and self.requested == patient.profile_number

    def scan(self, scan_id: UUID) -> ScanAdded:
        for scan in self.scans:
            if scan.scan_id == scan_id:
                return scan
        raise ScanUnknownError


UNKNOWN = Identity()


def evolve(identity: Identity | None, event: IdentityEvent) -> Identity:
    """Replay one event. Never refuses."""
    known = identity or UNKNOWN
    match event:
        case ScanAdded():
            return replace(known, scans=(*known.scans, event))
        case ScanRemoved():
            return replace(known, scans=tuple(one for one in known.scans if one.scan_id != event.scan_id))
        case IdentityCheckRequested():
            return replace(known, requested=event.profile_number, refused=None)
        case IdentityConfirmed():
            return replace(known, requested=None, confirmed=event.profile_number, refused=None)
        case IdentityRefused():
            # A technical fault decides nothing: who waits goes on waiting.
            is_fault = event.reason is Cause.PROOF_FAILED
            return replace(known, requested=known.requested if is_fault else None, refused=event)
        case IdentityExpired():
            return replace(known, confirmed=None)
        case ProfileSuspended():
            return replace(known, suspended=event.reason)
        case ProfileRestored():
            return replace(known, suspended=None)
        case _:
            assert_never(event)


# Decisions.


@dataclass(frozen=True, slots=True)
class Shortfall:
    """One thing for which an identity can't be confirmed, and the field that it is about."""

    cause: Cause
    field: str | None = None


class IdentityShortfallError(Exception):
    """Something is missing before the identity can be checked; each thing is in `shortfalls`."""

    def __init__(self, shortfalls: tuple[Shortfall, ...]) -> None:
        super().__init__(", ".join(one.cause for one in shortfalls))
        self.shortfalls = shortfalls


class IdentityNotWaitingError(Exception):
    """Nobody waits for this decision: it was made, the profile is another now, or it was never asked for."""


class ProfileNotSuspendedError(Exception):
    """The service is not suspended."""


class ScanUnknownError(Exception):
    """There is no such scan."""


class TooManyScansError(Exception):
    """There are as many scans as are kept: remove one first."""


SCANS_MAX = 8
# What must be stated of a person before it can be checked (S114, S122).
REQUIRED_FIELDS = ("citizenship", "document", "inn", "region")


def shortfalls(
    identity: Identity, patient: Patient, *, today: date, regions: Collection[str] = ()
) -> tuple[Shortfall, ...]:
    """Everything that keeps the identity from being checked, each with its field. No regions named: all are
    connected."""
    found = [] if identity.suspended is None else [Shortfall(Cause.SUSPENDED)]
    if not patient.phone_confirmed:
        found.append(Shortfall(Cause.PHONE_NOT_CONFIRMED, "phone"))
    profile = patient.profile
    if profile is None:
        return (*found, Shortfall(Cause.PROFILE_INCOMPLETE, "family"))
    found += [Shortfall(Cause.PROFILE_INCOMPLETE, field) for field in missing_fields(profile)]
    if profile.region is not None and regions and profile.region not in regions:
        found.append(Shortfall(Cause.REGION_NOT_CONNECTED, "region"))
    if is_document_expired(profile, today):
        found.append(Shortfall(Cause.DOCUMENT_EXPIRED, "document"))
    uploaded = {scan.kind for scan in identity.scans}
    found += [Shortfall(Cause.SCAN_MISSING, kind) for kind in OWN_SCANS if kind not in uploaded]
    return tuple(found)


def missing_fields(profile: ProfileStated) -> tuple[str, ...]:
    """What is yet to be stated. Who has no passport yet need not have an ИНН."""
    kind = profile.document.kind if profile.document else None
    is_child = kind is DocumentKind.BIRTH_CERTIFICATE
    return tuple(
        field
        for field in REQUIRED_FIELDS
        if getattr(profile, field) is None and not (field == "inn" and is_child)
    )


def is_document_expired(profile: ProfileStated, today: date) -> bool:
    if profile.document is None:
        return False
    last = valid_until(profile.document, date.fromisoformat(profile.birth_date))
    return last is not None and last < today


def request_check(
    identity: Identity | None,
    *,
    patient_id: PatientId,
    patient: Patient,
    today: date,
    regions: Collection[str] = (),
    differs: Shortfall | None = None,
) -> tuple[IdentityEvent, ...]:
    """Send the profile to be checked. `differs` is the first thing that the registry of persons knows otherwise:
    then it is refused at once (S89, S90), and may be sent again when it is mended (S91)."""
    known = identity or UNKNOWN
    if known.is_waiting_for(patient) or known.is_confirmed_for(patient):
        return ()
    if found := shortfalls(known, patient, today=today, regions=regions):
        raise IdentityShortfallError(found)
    asked = IdentityCheckRequested(patient_id=patient_id, profile_number=patient.profile_number)
    if differs is None:
        return (asked,)
    return (asked, _refused(patient_id, patient, differs.cause, differs.field))


def confirm(
    identity: Identity | None, *, patient_id: PatientId, patient: Patient, proof: Proof, today: date
) -> tuple[IdentityConfirmed, ...]:
    """Believe that the patient is the person of the profile. An operator decides only what waits; who came in
    person or by a provider need not have asked."""
    known = identity or UNKNOWN
    if patient.profile is None:
        raise IdentityShortfallError((Shortfall(Cause.PROFILE_INCOMPLETE, "family"),))
    if is_document_expired(patient.profile, today):
        raise IdentityShortfallError((Shortfall(Cause.DOCUMENT_EXPIRED, "document"),))
    if proof is Proof.OPERATOR and not known.is_waiting_for(patient):
        raise IdentityNotWaitingError
    if known.is_believed(patient):
        return ()
    return (IdentityConfirmed(patient_id=patient_id, profile_number=patient.profile_number, proof=proof),)


def refuse(
    identity: Identity | None, *, patient_id: PatientId, patient: Patient, reason: Cause, field: str | None
) -> tuple[IdentityRefused, ...]:
    """Refuse what waits, with the reason and the field that it is about."""
    if not (identity or UNKNOWN).is_waiting_for(patient):
        raise IdentityNotWaitingError
    return (_refused(patient_id, patient, reason, field),)


def fail_proof(
    identity: Identity | None, *, patient_id: PatientId, patient: Patient
) -> tuple[IdentityRefused, ...]:
    """A proof from outside failed for a technical reason (S121). What was believed stays believed, and what waits to
    be checked goes on waiting."""
    if (identity or UNKNOWN).is_believed(patient):
        return ()
    return (_refused(patient_id, patient, Cause.PROOF_FAILED, None),)


def _refused(patient_id: PatientId, patient: Patient, reason: Cause, field: str | None) -> IdentityRefused:
    return IdentityRefused(
        patient_id=patient_id, profile_number=patient.profile_number, reason=reason, field=field
    )


def expire(
    identity: Identity | None, *, patient_id: PatientId, patient: Patient, today: date
) -> tuple[IdentityExpired, ...]:
    """What a document stood for ends with it."""
    known, profile = identity or UNKNOWN, patient.profile
    if profile is None or not known.is_believed(patient) or not is_document_expired(profile, today):
        return ()
    return (IdentityExpired(patient_id=patient_id),)


def suspend(
    identity: Identity | None, *, patient_id: PatientId, reason: SuspensionReason
) -> tuple[ProfileSuspended, ...]:
    """For the same reason twice changes nothing; another reason takes its place."""
    if identity is not None and identity.suspended is reason:
        return ()
    return (ProfileSuspended(patient_id=patient_id, reason=reason),)


def restore(identity: Identity | None, *, patient_id: PatientId) -> ProfileRestored:
    if identity is None or identity.suspended is None:
        raise ProfileNotSuspendedError
    return ProfileRestored(patient_id=patient_id)


def add_scan(identity: Identity | None, scan: ScanAdded) -> tuple[ScanAdded, ...]:
    if len((identity or UNKNOWN).scans) >= SCANS_MAX:
        raise TooManyScansError
    return (scan,)


def remove_scan(identity: Identity | None, *, patient_id: PatientId, scan_id: UUID) -> ScanRemoved:
    """What was added can always be taken back; what was confirmed by it stays confirmed."""
    (identity or UNKNOWN).scan(scan_id)
    return ScanRemoved(patient_id=patient_id, scan_id=scan_id)
