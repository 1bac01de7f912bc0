"""Consent: a patient permits one kind of processing by one document, and may take it back."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import assert_never

from domain.study_type import StudyType
from domain.values import OrganisationId, PatientId

# Events: what happened.


class ConsentKind(StrEnum):
    """Each kind is its own document and its own act: 152-ФЗ forbids merging consents."""

    PERSONAL_DATA = "personal-data"
    RESULTS_TRANSFER = "results-transfer"
    NOTIFICATIONS = "notifications"
    ELECTRONIC_TRANSFER = "electronic-transfer"
    RESULTS_BY_EMAIL = "results-by-email"


# What a cabinet works by; electronic transfer is given to each organisation by itself (S97), and results by e-mail
# are an offer that nothing else waits for (S40).
OF_CABINET = (ConsentKind.PERSONAL_DATA, ConsentKind.RESULTS_TRANSFER, ConsentKind.NOTIFICATIONS)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentDocument:
    """The text that was agreed to: its version, language, and SHA-256 (hex) of its bytes."""

    kind: ConsentKind
    version: int
    language: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentGranted:
    """The patient agreed to the document. No organisations named means all that are linked, no study types
    all of them, no term until it is taken back. `factors` proved who they were a moment before."""

    patient_id: PatientId
    document: ConsentDocument
    organisations: tuple[OrganisationId, ...] = ()
    study_types: tuple[StudyType, ...] = ()
    until: datetime | None = None
    factors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentWithdrawn:
    """The patient took the consent back. It ends from this event on, not earlier. `organisation_id` is whose it
    was, where each organisation has its own."""

    patient_id: PatientId
    kind: ConsentKind
    organisation_id: OrganisationId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentExpired:
    """The term of the consent is over. It ended at its time, not by this event, which tells of it."""

    patient_id: PatientId
    kind: ConsentKind
    until: datetime


ConsentEvent = ConsentGranted | ConsentWithdrawn | ConsentExpired

# State: what the next decision needs to know.


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What a consent is limited to: nothing named means without limit."""

    organisations: tuple[OrganisationId, ...] = ()
    study_types: tuple[StudyType, ...] = ()
    until: datetime | None = None


WHOLE = Scope()


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """`in_force` until it is withdrawn or said to be over; whether its term runs at a time, `holds_at` says."""

    patient_id: PatientId
    document: ConsentDocument
    scope: Scope
    in_force: bool
    is_withdrawn: bool = False

    def holds_at(self, at: datetime) -> bool:
        """Whether it is in force at this time. The term ends with its last moment."""
        return self.in_force and not self.is_over_at(at)

    def is_over_at(self, at: datetime) -> bool:
        """Whether its term is over."""
        return self.scope.until is not None and at >= self.scope.until

    def covers(self, organisation_id: OrganisationId, study_types: frozenset[StudyType]) -> bool:
        """Whether its scope covers a report of the organisation. One whose types can't be told is covered
        only by a consent that names none."""
        organisations, chosen = self.scope.organisations, frozenset(self.scope.study_types)
        is_from_named = not organisations or organisation_id in organisations
        return is_from_named and (not chosen or (bool(study_types) and study_types <= chosen))


def evolve(consent: Consent | None, event: ConsentEvent) -> Consent:
    """Replay one event. Never refuses: the event has already happened."""
    match event:
        case ConsentGranted():
            return Consent(
                patient_id=event.patient_id,
                document=event.document,
                scope=Scope(
                    organisations=event.organisations, study_types=event.study_types, until=event.until
                ),
                in_force=True,
            )
        case ConsentWithdrawn():
            assert consent is not None
            return replace(consent, in_force=False, is_withdrawn=True)
        case ConsentExpired():
            assert consent is not None
            return replace(consent, in_force=False)
        case _:
            assert_never(event)


# Decisions: the rules.


class DocumentNotCurrentError(Exception):
    """The document that was agreed to is not the current one: read the current text and agree to it."""


class ConsentNotInForceError(Exception):
    """There is no consent in force to withdraw."""


class OrganisationNotNamedError(Exception):
    """A consent to electronic transfer is given to one organisation."""


class TermInThePastError(Exception):
    """The consent would be over before it begins."""


def grant(
    consent: Consent | None,
    *,
    patient_id: PatientId,
    agreed: ConsentDocument,
    current: ConsentDocument,
    at: datetime,
    scope: Scope = WHOLE,
    factors: tuple[str, ...] = (),
) -> tuple[ConsentGranted, ...]:
    """Agree to a document. The same one twice changes nothing; a text that was replaced is refused. A new text
    or another scope replaces what was agreed to before, which holds until then for what it said."""
    if agreed != current:
        raise DocumentNotCurrentError
    if agreed.kind is ConsentKind.ELECTRONIC_TRANSFER and len(scope.organisations) != 1:
        raise OrganisationNotNamedError
    if scope.until is not None and scope.until <= at:
        raise TermInThePastError
    if consent is not None and consent.holds_at(at) and (consent.document, consent.scope) == (agreed, scope):
        return ()
    return (
        ConsentGranted(
            patient_id=patient_id,
            document=agreed,
            organisations=scope.organisations,
            study_types=scope.study_types,
            until=scope.until,
            factors=factors,
        ),
    )


def withdraw(consent: Consent | None) -> ConsentWithdrawn:
    if consent is None or not consent.in_force:
        raise ConsentNotInForceError
    kind = consent.document.kind
    is_of_one = kind is ConsentKind.ELECTRONIC_TRANSFER
    organisation_id = consent.scope.organisations[0] if is_of_one else None
    return ConsentWithdrawn(patient_id=consent.patient_id, kind=kind, organisation_id=organisation_id)


def expire(consent: Consent, *, at: datetime) -> tuple[ConsentExpired, ...]:
    """Say that the term is over, once."""
    until = consent.scope.until
    if until is None or not consent.in_force or not consent.is_over_at(at):
        return ()
    return (ConsentExpired(patient_id=consent.patient_id, kind=consent.document.kind, until=until),)
