"""Permission: the one decision of what lets a report reach its patient, and a notice of it be sent.

All that it looks at is given, the time too: who decides again from the same grounds decides the same.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from domain.consent import Consent
from domain.identity import Identity
from domain.linkage import Linkage
from domain.patient import Patient
from domain.receiving import Receiving
from domain.study_type import StudyType
from domain.values import OrganisationId

# Why a report of a patient who is recognised waits: stable codes.
ORGANISATION_NOT_LINKED = "organisation-not-linked"
CONSENT_MISSING = "consent-missing"
CONSENT_EXPIRED = "consent-expired"
TRANSFER_CONSENT_MISSING = "transfer-consent-missing"
TRANSFER_CONSENT_EXPIRED = "transfer-consent-expired"
OUT_OF_CONSENT_SCOPE = "out-of-consent-scope"
NOT_WANTED = "not-wanted"
SERVICE_SUSPENDED = "service-suspended"
IDENTITY_UNCONFIRMED = "identity-unconfirmed"
POLICY_UNLINKED = "policy-unlinked"

BARRIERS = (
    ORGANISATION_NOT_LINKED,
    CONSENT_MISSING,
    CONSENT_EXPIRED,
    TRANSFER_CONSENT_MISSING,
    TRANSFER_CONSENT_EXPIRED,
    OUT_OF_CONSENT_SCOPE,
    IDENTITY_UNCONFIRMED,
    POLICY_UNLINKED,
    SERVICE_SUSPENDED,
    NOT_WANTED,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LookedAt:
    """A stream that a decision looked at, and how far it went then: its last event is the one that counted.
    `what` is a stable word."""

    what: str
    stream_id: UUID
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """What a decision rested on, so that it can be made again: the streams, and the time that terms were
    compared with. What the report says stands in its own stream, sealed; it is not repeated in the clear."""

    at: datetime
    looked_at: tuple[LookedAt, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Grounds:
    """What a patient permits an organisation, as it stands at a time."""

    at: datetime
    patient: Patient | None = None
    identity: Identity | None = None
    linkage: Linkage | None = None
    personal_data: Consent | None = None
    transfer: Consent | None = None
    notices: Consent | None = None
    receiving: Receiving | None = None


def barrier(
    grounds: Grounds, *, organisation_id: OrganisationId, study_types: frozenset[StudyType]
) -> str | None:
    """What keeps a report of these types from its patient; None if nothing does. What the patient can mend
    first is named first."""
    if grounds.linkage is None or not grounds.linkage.linked:
        return ORGANISATION_NOT_LINKED
    if grounds.personal_data is None or not grounds.personal_data.holds_at(grounds.at):
        return CONSENT_EXPIRED if _is_over(grounds.personal_data, grounds.at) else CONSENT_MISSING
    if grounds.transfer is None or not grounds.transfer.holds_at(grounds.at):
        is_over = _is_over(grounds.transfer, grounds.at)
        return TRANSFER_CONSENT_EXPIRED if is_over else TRANSFER_CONSENT_MISSING
    if not grounds.transfer.covers(organisation_id, study_types):
        return OUT_OF_CONSENT_SCOPE
    if not _is_identified(grounds):
        is_suspended = grounds.identity is not None and grounds.identity.suspended is not None
        return SERVICE_SUSPENDED if is_suspended else IDENTITY_UNCONFIRMED
    if grounds.patient is None or grounds.patient.policy is None:
        return POLICY_UNLINKED
    if grounds.receiving is not None and not grounds.receiving.wants(organisation_id, study_types):
        return NOT_WANTED
    return None


def notice_barrier(grounds: Grounds, *, channel: str) -> str | None:
    """Why nothing is sent by the channel; None if the patient permits it and can be reached. An address is personal
    data too, so both consents must hold."""
    for consent in (grounds.notices, grounds.personal_data):
        if consent is None:
            return "consent-missing"
        if not consent.holds_at(grounds.at):
            return "consent-expired" if _is_over(consent, grounds.at) else "consent-withdrawn"
    if grounds.receiving is not None and not grounds.receiving.notices(channel):
        return "not-wanted"
    has_address = grounds.patient is not None and grounds.patient.email is not None
    return None if has_address else "email-missing"


def _is_identified(grounds: Grounds) -> bool:
    """Whether the patient is known to be the person of their profile, and is served."""
    known, identity = grounds.patient, grounds.identity
    return known is not None and identity is not None and identity.is_confirmed_for(known)


def _is_over(consent: Consent | None, at: datetime) -> bool:
    """Whether it ended by its term. One that was withdrawn before is withdrawn."""
    return consent is not None and consent.is_over_at(at) and not consent.is_withdrawn
