"""Permission: the one decision of what lets a report reach its patient, and a notice of it be sent.

All that it looks at is given, the time too: who decides again from the same grounds decides the same.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from domain.channel import Channel
from domain.consent import Consent
from domain.identity import Identity
from domain.linkage import Linkage
from domain.patient import Patient
from domain.push_subscription import PushSubscriptions
from domain.receiving import EVERYTHING_WANTED, DocumentFormat, Receiving
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
# Why a person is not told by a channel.
CONSENT_WITHDRAWN = "consent-withdrawn"
CONSENT_OUTDATED = "consent-outdated"
EMAIL_MISSING = "email-missing"
EMAIL_UNCONFIRMED = "email-unconfirmed"
EMAIL_UNREACHABLE = "email-unreachable"
PHONE_UNCONFIRMED = "phone-unconfirmed"
PHONE_UNREACHABLE = "phone-unreachable"
PUSH_MISSING = "push-missing"
# In a basis: the guardianship by which another than the patient is told.
GUARDIANSHIP = "guardianship"
# Why no document goes along with an e-mail.
DOCUMENTS_CONSENT_MISSING = "documents-consent-missing"
DOCUMENTS_CONSENT_EXPIRED = "documents-consent-expired"
DOCUMENTS_CONSENT_WITHDRAWN = "documents-consent-withdrawn"

# The first edition of the consent to notices names e-mail only; from this one on it names every channel.
EVERY_CHANNEL_SINCE = 2

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

    def of(self, what: str) -> UUID | None:
        """The stream that was looked at as this, if one was."""
        return next((one.stream_id for one in self.looked_at if one.what == what), None)


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
    documents: Consent | None = None
    receiving: Receiving | None = None
    pushes: PushSubscriptions | None = None


def barrier(
    grounds: Grounds, *, organisation_id: OrganisationId, study_types: frozenset[StudyType]
) -> str | None:
    """What keeps a report of these types from its patient; None if nothing does. What the patient can mend
    first is named first."""
    return next(barriers(grounds, organisation_id=organisation_id, study_types=study_types), None)


def barriers(
    grounds: Grounds, *, organisation_id: OrganisationId, study_types: frozenset[StudyType]
) -> Iterator[str]:
    """Everything that keeps a report from its patient, in the order in which it counts."""
    if grounds.linkage is None or not grounds.linkage.linked:
        yield ORGANISATION_NOT_LINKED
    if grounds.personal_data is None or not grounds.personal_data.holds_at(grounds.at):
        yield CONSENT_EXPIRED if _is_over(grounds.personal_data, grounds.at) else CONSENT_MISSING
    if grounds.transfer is None or not grounds.transfer.holds_at(grounds.at):
        is_over = _is_over(grounds.transfer, grounds.at)
        yield TRANSFER_CONSENT_EXPIRED if is_over else TRANSFER_CONSENT_MISSING
    elif not grounds.transfer.covers(organisation_id, study_types):
        yield OUT_OF_CONSENT_SCOPE
    if not _is_identified(grounds):
        is_suspended = grounds.identity is not None and grounds.identity.suspended is not None
        yield SERVICE_SUSPENDED if is_suspended else IDENTITY_UNCONFIRMED
    if grounds.patient is None or grounds.patient.policy is None:
        yield POLICY_UNLINKED
    if grounds.receiving is not None and not grounds.receiving.wants(organisation_id, study_types):
        yield NOT_WANTED


def notice_barrier(grounds: Grounds, *, channel: Channel) -> str | None:
    """Why nothing is sent by the channel; None if the patient permits it and can be reached. An address is personal
    data too, so both consents must hold."""
    return next(notice_barriers(grounds, channel=channel), None)


def notice_barriers(grounds: Grounds, *, channel: Channel) -> Iterator[str]:
    """Everything for which nothing is sent by the channel, in the order in which it counts."""
    yield from notices_consent_barriers(grounds)
    if not (grounds.receiving or EVERYTHING_WANTED).notices(channel):
        yield NOT_WANTED
    if not names_channel(grounds.notices, channel):
        yield CONSENT_OUTDATED
    yield from address_barriers(grounds, channel)


def names_channel(notices: Consent | None, channel: Channel) -> bool:
    """Whether the text that was agreed to names the channel."""
    return channel is Channel.EMAIL or (
        notices is not None and notices.document.version >= EVERY_CHANNEL_SINCE
    )


def notices_consent_barrier(grounds: Grounds) -> str | None:
    """Why a patient may be told nothing by any channel, and nobody of them; None if both consents hold."""
    return next(notices_consent_barriers(grounds), None)


def notices_consent_barriers(grounds: Grounds) -> Iterator[str]:
    """As `notices_consent_barrier`, of each of the consents."""
    for consent in (grounds.notices, grounds.personal_data):
        if consent is None:
            yield CONSENT_MISSING
        elif not consent.holds_at(grounds.at):
            yield CONSENT_EXPIRED if _is_over(consent, grounds.at) else CONSENT_WITHDRAWN


def address_barrier(grounds: Grounds, channel: Channel) -> str | None:
    """Why the patient can't be reached: no address, one that nobody has confirmed, or one where nothing arrives."""
    return next(address_barriers(grounds, channel), None)


def address_barriers(grounds: Grounds, channel: Channel) -> Iterator[str]:
    """As `address_barrier`, everything that there is."""
    known = grounds.patient
    is_unreachable = known is not None and channel in known.unreachable
    if channel is Channel.PUSH:
        if grounds.pushes is None or not grounds.pushes.subscriptions:
            yield PUSH_MISSING
    elif channel is Channel.SMS:
        # A number where nothing arrives need not be confirmed first.
        if is_unreachable:
            yield PHONE_UNREACHABLE
        if known is None or known.phone is None or not known.phone_confirmed:
            yield PHONE_UNCONFIRMED
    elif known is None or known.email is None:
        yield EMAIL_MISSING
    else:
        if not known.is_email_confirmed:
            yield EMAIL_UNCONFIRMED
        if is_unreachable:
            yield EMAIL_UNREACHABLE


def document_barrier(grounds: Grounds) -> str | None:
    """Why no document may go along with an e-mail; None if the patient permits it. It says what the notice must not,
    so it needs a consent of its own."""
    consent = grounds.documents
    if consent is None:
        return DOCUMENTS_CONSENT_MISSING
    if consent.holds_at(grounds.at):
        return None
    return DOCUMENTS_CONSENT_EXPIRED if _is_over(consent, grounds.at) else DOCUMENTS_CONSENT_WITHDRAWN


def document_notice_barrier(grounds: Grounds, *, channel: Channel) -> str | None:
    """Why a document that its patient asked for by name is not sent, or the password of one is not told. What they
    chose of notices does not count for it; that both consents hold, and that the address is good, does."""
    personal_data = grounds.personal_data
    if personal_data is None:
        return CONSENT_MISSING
    if not personal_data.holds_at(grounds.at):
        return CONSENT_EXPIRED if _is_over(personal_data, grounds.at) else CONSENT_WITHDRAWN
    return document_barrier(grounds) or address_barrier(grounds, channel)


def document_of_notice(grounds: Grounds) -> DocumentFormat | None:
    """The form of the document that goes along by itself with an e-mail to the patient: only if they chose that, and
    permit it (S40, S41)."""
    receiving = grounds.receiving
    if receiving is None or not receiving.settings.sends_documents or document_barrier(grounds) is not None:
        return None
    return receiving.settings.document_format


def _is_identified(grounds: Grounds) -> bool:
    """Whether the patient is known to be the person of their profile, and is served."""
    known, identity = grounds.patient, grounds.identity
    return known is not None and identity is not None and identity.is_confirmed_for(known)


def _is_over(consent: Consent | None, at: datetime) -> bool:
    """Whether it ended by its term. One that was withdrawn before is withdrawn."""
    return consent is not None and consent.is_over_at(at) and not consent.is_withdrawn
