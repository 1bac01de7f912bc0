"""Obligation: what the law asks of the operator after a consent was withdrawn, and by which day."""

from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum
from typing import assert_never
from uuid import UUID

from domain.consent import ConsentKind
from domain.values import OrganisationId, PatientId
from domain.working_days import working_days_after

# Events: what happened.


class Duty(StrEnum):
    """What is to be done."""

    STOP_PROCESSING = "stop-processing"
    STOP_RECEIVING = "stop-receiving"
    STOP_NOTICES = "stop-notices"
    STOP_SENDING = "stop-sending"
    DESTROY_DATA = "destroy-data"
    TELL_ORGANISATION = "tell-organisation"


class Ground(StrEnum):
    """By what law, or why a term is another: parts of article 21 of 152-ФЗ."""

    WITHDRAWAL = "152-fz-21-5"
    DEMAND_TO_STOP = "152-fz-21-5.1"
    BLOCKED_UNTIL_DESTROYED = "152-fz-21-6"


class Proof(StrEnum):
    """By what act an obligation was met."""

    CONSENT_WITHDRAWN = "consent-withdrawn"
    LETTER = "letter"
    ELECTRONIC_MESSAGE = "electronic-message"
    DATA_DESTROYED = "data-destroyed"


@dataclass(frozen=True, slots=True, kw_only=True)
class ObligationArose:
    """The withdrawal that is at `consent_version` of the consent's stream obliges to this, until the end of
    `due`."""

    patient_id: PatientId
    duty: Duty
    ground: Ground
    due: date
    consent_id: UUID
    consent_version: int
    organisation_id: OrganisationId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ObligationExtended:
    """The law allows a later day, and says why."""

    ground: Ground
    due: date


@dataclass(frozen=True, slots=True, kw_only=True)
class ObligationMet:
    """It was done. With `consent-withdrawn` as proof the withdrawal itself did it: every decision looks at the
    consent, and none after it finds it in force."""

    proof: Proof


@dataclass(frozen=True, slots=True, kw_only=True)
class ObligationLifted:
    """The patient consented anew before it was done: nothing is to be done any more."""

    consent_id: UUID
    consent_version: int


ObligationEvent = ObligationArose | ObligationExtended | ObligationMet | ObligationLifted

# State.


@dataclass(frozen=True, slots=True, kw_only=True)
class Obligation:
    duty: Duty
    ground: Ground
    arose: ObligationArose
    due: date
    is_open: bool = True

    def is_overdue_on(self, today: date) -> bool:
        return self.is_open and today > self.due


def evolve(obligation: Obligation | None, event: ObligationEvent) -> Obligation:
    """Replay one event. Never refuses."""
    if isinstance(event, ObligationArose):
        return Obligation(duty=event.duty, ground=event.ground, arose=event, due=event.due)
    assert obligation is not None
    match event:
        case ObligationExtended():
            return replace(obligation, due=event.due, ground=event.ground)
        case ObligationMet() | ObligationLifted():
            return replace(obligation, is_open=False)
        case _:
            assert_never(event)


# Decisions: the rules.


class ObligationClosedError(Exception):
    """There is nothing to do any more."""


class NotExtendableError(Exception):
    """The law allows no later day, or it was used already."""


class ProofNotFittingError(Exception):
    """This act does not meet this obligation."""


DAYS_TO_DESTROY, WORKING_DAYS_TO_STOP, WORKING_DAYS_MORE = 30, 10, 5
# Six months from the withdrawal; the shortest six months there are.
DAYS_BLOCKED = 181

_BY_ITSELF = {
    ConsentKind.PERSONAL_DATA: (Duty.STOP_PROCESSING,),
    ConsentKind.RESULTS_TRANSFER: (Duty.STOP_RECEIVING,),
    ConsentKind.NOTIFICATIONS: (Duty.STOP_NOTICES,),
    ConsentKind.ELECTRONIC_TRANSFER: (),
    ConsentKind.RESULTS_BY_EMAIL: (Duty.STOP_SENDING,),
}

# What is not met by the withdrawal itself: by which act it is.
_MET_BY = {
    Duty.TELL_ORGANISATION: (Proof.LETTER, Proof.ELECTRONIC_MESSAGE),
    Duty.DESTROY_DATA: (Proof.DATA_DESTROYED,),
}


def duties_of(kind: ConsentKind) -> tuple[Duty, ...]:
    """What the withdrawal of a consent obliges to."""
    more = {
        ConsentKind.PERSONAL_DATA: (Duty.DESTROY_DATA,),
        ConsentKind.ELECTRONIC_TRANSFER: (Duty.TELL_ORGANISATION,),
    }
    return (*_BY_ITSELF[kind], *more.get(kind, ()))


def arise(
    duty: Duty,
    *,
    patient_id: PatientId,
    consent_id: UUID,
    consent_version: int,
    organisation_id: OrganisationId | None,
    on: date,
) -> tuple[ObligationArose | ObligationMet, ...]:
    """What begins with a withdrawal on that day. What the withdrawal itself does is met at once."""
    is_destroying = duty is Duty.DESTROY_DATA
    arose = ObligationArose(
        patient_id=patient_id,
        duty=duty,
        ground=Ground.WITHDRAWAL if is_destroying else Ground.DEMAND_TO_STOP,
        due=on + timedelta(days=DAYS_TO_DESTROY)
        if is_destroying
        else working_days_after(on, WORKING_DAYS_TO_STOP),
        consent_id=consent_id,
        consent_version=consent_version,
        organisation_id=organisation_id,
    )
    is_met = any(duty in met for met in _BY_ITSELF.values())
    return (arose, ObligationMet(proof=Proof.CONSENT_WITHDRAWN)) if is_met else (arose,)


def extend(obligation: Obligation) -> ObligationExtended:
    """To the later day of the law, once: data that can't be destroyed yet are blocked and destroyed within six
    months (21(6)); what was asked to stop may take five working days more (21(5.1))."""
    if not obligation.is_open:
        raise ObligationClosedError
    if obligation.due != obligation.arose.due:
        raise NotExtendableError
    if obligation.duty is Duty.DESTROY_DATA:
        begun = obligation.due - timedelta(days=DAYS_TO_DESTROY)
        due = begun + timedelta(days=DAYS_BLOCKED)
        return ObligationExtended(ground=Ground.BLOCKED_UNTIL_DESTROYED, due=due)
    due = working_days_after(obligation.due, WORKING_DAYS_MORE)
    return ObligationExtended(ground=Ground.DEMAND_TO_STOP, due=due)


def meet(obligation: Obligation, *, proof: Proof) -> ObligationMet:
    """Only an act that does it: an organisation is told by a message to it, data is destroyed by an erasure."""
    if not obligation.is_open:
        raise ObligationClosedError
    if proof not in _MET_BY.get(obligation.duty, ()):
        raise ProofNotFittingError
    return ObligationMet(proof=proof)


def lift(
    obligation: Obligation | None, *, consent_id: UUID, consent_version: int
) -> tuple[ObligationLifted, ...]:
    """The consent was given anew, at that version of its stream."""
    if obligation is None or not obligation.is_open:
        return ()
    return (ObligationLifted(consent_id=consent_id, consent_version=consent_version),)
