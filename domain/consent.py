"""Consent: a patient permits one kind of processing by one document, and may take it back."""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import assert_never

from domain.values import OrganisationId, PatientId

# Events: what happened.


class ConsentKind(StrEnum):
    """Each kind is its own document and its own act: 152-ФЗ forbids merging consents."""

    PERSONAL_DATA = "personal-data"
    RESULTS_TRANSFER = "results-transfer"
    NOTIFICATIONS = "notifications"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentDocument:
    """The text that was agreed to: its version, language, and SHA-256 (hex) of its bytes."""

    kind: ConsentKind
    version: int
    language: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentGranted:
    """The patient agreed to the document. No organisations named means all that are linked."""

    patient_id: PatientId
    document: ConsentDocument
    organisations: tuple[OrganisationId, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentWithdrawn:
    """The patient took the consent back. It ends from this event on, not earlier."""

    patient_id: PatientId
    kind: ConsentKind


ConsentEvent = ConsentGranted | ConsentWithdrawn

# State: what the next decision needs to know.


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    patient_id: PatientId
    document: ConsentDocument
    organisations: tuple[OrganisationId, ...]
    in_force: bool

    def permits(self, organisation_id: OrganisationId) -> bool:
        """Whether this consent, as it stands, covers the organisation."""
        return self.in_force and (not self.organisations or organisation_id in self.organisations)


def evolve(consent: Consent | None, event: ConsentEvent) -> Consent:
    """Replay one event. Never refuses: the event has already happened."""
    match event:
        case ConsentGranted():
            return Consent(
                patient_id=event.patient_id,
                document=event.document,
                organisations=event.organisations,
                in_force=True,
            )
        case ConsentWithdrawn():
            assert consent is not None
            return replace(consent, in_force=False)
        case _:
            assert_never(event)


# Decisions: the rules.


class DocumentNotCurrentError(Exception):
    """The document that was agreed to is not the current one: read the current text and agree to it."""


class ConsentNotInForceError(Exception):
    """There is no consent in force to withdraw."""


def grant(
    consent: Consent | None, *, patient_id: PatientId, agreed: ConsentDocument, current: ConsentDocument
) -> tuple[ConsentGranted, ...]:
    """Agree to a document. The same one twice changes nothing; a text that was replaced is refused."""
    if agreed != current:
        raise DocumentNotCurrentError
    if consent is not None and consent.in_force and consent.document == agreed:
        return ()
    return (ConsentGranted(patient_id=patient_id, document=agreed),)


def withdraw(consent: Consent | None) -> ConsentWithdrawn:
    if consent is None or not consent.in_force:
        raise ConsentNotInForceError
    return ConsentWithdrawn(patient_id=consent.patient_id, kind=consent.document.kind)
