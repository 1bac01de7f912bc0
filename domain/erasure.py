"""Erasure: a patient's data is to be destroyed, may be held back for a lawful reason, and is destroyed for good."""

from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from typing import assert_never
from uuid import UUID

from domain.values import PatientId, Purpose

# Events: what happened.


class ErasureGround(StrEnum):
    """Why the data is to be destroyed."""

    # The patient withdrew the consent to personal data: 152-ФЗ, article 21(5).
    WITHDRAWAL = "withdrawal"
    # The patient's consent to personal data came to its end.
    CONSENT_EXPIRED = "consent-expired"
    # A court, or the authority for personal data, ordered it: 152-ФЗ, article 21(3).
    ORDER = "order"
    # The purpose was reached, or the term of keeping is over: 152-ФЗ, article 21(4).
    TERM_ENDED = "term-ended"

    @property
    def is_officers(self) -> bool:
        """Whether a person ordered it, and another one must confirm it; the others follow from the patient's own acts."""
        return self in (ErasureGround.ORDER, ErasureGround.TERM_ENDED)


class CallOffReason(StrEnum):
    """Why what an officer ordered is not to be done."""

    # It was ordered of the wrong patient, or on a wrong ground.
    MISTAKE = "mistake"
    # The court or the authority took its order back.
    TAKEN_BACK = "taken-back"


class HoldReason(StrEnum):
    """Why data that is to be destroyed may not be yet."""

    # Medical records are kept by law, whatever the patient withdraws: 323-ФЗ, article 22; order 947н.
    MEDICAL_RECORDS = "medical-records"
    # A court or an investigation asked for it.
    LEGAL_CLAIM = "legal-claim"
    # The patient has open business here: an unanswered appeal, an open ticket.
    OPEN_MATTER = "open-matter"


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureOrdered:
    """The patient's data is to be destroyed by the end of `due`. With an order, `reference` is its number: the
    authority's, never a person's name. `obligation_id` is the obligation that a withdrawal began."""

    patient_id: PatientId
    ground: ErasureGround
    due: date
    obligation_id: UUID | None = None
    reference: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureConfirmed:
    """Somebody other than who ordered it, who stands in the envelope, looked at what an officer ordered and wants it."""

    patient_id: PatientId


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureCalledOff:
    """Before anything was destroyed the patient consented anew; or, with a `reason`, what an officer ordered is not to
    be done. Each calls off its own order."""

    patient_id: PatientId
    reason: CallOffReason | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureHeld:
    """Nothing is destroyed for this reason, until the end of `until` or until it is released."""

    patient_id: PatientId
    hold_id: UUID
    reason: HoldReason
    until: date | None = None
    reference: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldReleased:
    """The reason holds no more."""

    patient_id: PatientId
    hold_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Destroyed:
    """What an erasure destroyed, in numbers: data keys, stored documents, entries of the blind index, and reports whose
    content went with them."""

    keys: int
    documents: int
    marks: int
    reports: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PatientErased:
    """The keys of everything that is the patient's were destroyed with this very append: what they sealed is gone from
    the ledger, from every view, and from every copy that is made from now on. Copies that are older open until the
    key-encryption keys of `epochs` are destroyed."""

    patient_id: PatientId
    ground: ErasureGround
    destroyed: Destroyed
    epochs: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureCompleted:
    """The key-encryption keys that older copies needed were destroyed too: nothing opens any more, anywhere."""

    patient_id: PatientId
    epochs: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DestructionActDrawn:
    """The act of destruction and the extract of the journal (order 179 of Roskomnadzor) were drawn up; digests (SHA-256,
    hex) of their bytes as JSON. They are kept until the end of `keep_until`. The operator as it was named then, and for
    which purposes the destroyed data was kept: with these the same bytes can be drawn again at any time."""

    patient_id: PatientId
    number: str
    operator_name: str
    operator_address: str
    purposes: tuple[Purpose, ...]
    act_sha256: str
    extract_sha256: str
    keep_until: date


ErasureEvent = (
    ErasureOrdered
    | ErasureConfirmed
    | ErasureCalledOff
    | ErasureHeld
    | HoldReleased
    | PatientErased
    | ErasureCompleted
    | DestructionActDrawn
)

# State.


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure:
    """Two orders may stand beside each other: what follows from the patient's own acts waits for nobody, so an officer's
    order that nobody confirms must not put it off. `erased` is None until it was done. `holds` hold still, `reasons` are
    all that ever did."""

    by_consent: ErasureOrdered | None = None
    by_officer: ErasureOrdered | None = None
    is_confirmed: bool = False
    holds: tuple[ErasureHeld, ...] = ()
    reasons: frozenset[HoldReason] = frozenset()
    erased: PatientErased | None = None
    is_completed: bool = False
    acts: tuple[DestructionActDrawn, ...] = ()

    @property
    def is_ordered(self) -> bool:
        return self.by_consent is not None or self.by_officer is not None

    @property
    def ready(self) -> ErasureOrdered | None:
        """The order that is carried out: of two, the one with the nearer day."""
        ready = [self.by_consent, self.by_officer if self.is_confirmed else None]
        return min((one for one in ready if one is not None), key=lambda one: one.due, default=None)

    def holds_on(self, today: date) -> tuple[ErasureHeld, ...]:
        """The reasons that hold on that day."""
        return tuple(hold for hold in self.holds if hold.until is None or hold.until >= today)


def evolve(erasure: Erasure | None, event: ErasureEvent) -> Erasure:
    """Replay one event. Never refuses."""
    erasure = erasure or Erasure()
    match event:
        case ErasureOrdered() | ErasureConfirmed() | ErasureCalledOff():
            return _evolve_orders(erasure, event)
        case ErasureHeld():
            return replace(erasure, holds=(*erasure.holds, event), reasons=erasure.reasons | {event.reason})
        case HoldReleased():
            kept = tuple(hold for hold in erasure.holds if hold.hold_id != event.hold_id)
            return replace(erasure, holds=kept)
        case PatientErased():
            return replace(erasure, erased=event)
        case ErasureCompleted():
            return replace(erasure, is_completed=True)
        case DestructionActDrawn():
            return replace(erasure, acts=(*erasure.acts, event))
        case _:
            assert_never(event)


def _evolve_orders(erasure: Erasure, event: ErasureOrdered | ErasureConfirmed | ErasureCalledOff) -> Erasure:
    match event:
        case ErasureOrdered() if event.ground.is_officers:
            return replace(erasure, by_officer=event, is_confirmed=False)
        case ErasureOrdered():
            return replace(erasure, by_consent=event)
        case ErasureConfirmed():
            return replace(erasure, is_confirmed=True)
        case ErasureCalledOff(reason=None):
            return replace(erasure, by_consent=None)
        case ErasureCalledOff():
            return replace(erasure, by_officer=None, is_confirmed=False)
        case _:
            assert_never(event)


# Decisions: the rules.


class ErasureNotOrderedError(Exception):
    """Nothing is to be destroyed of this patient: order the erasure first."""


class ErasureNotConfirmedError(Exception):
    """An officer ordered it, and nobody else has confirmed it: somebody other than who ordered it must."""


class SamePersonError(Exception):
    """Who ordered an erasure can't confirm it: it takes another person."""


class AlreadyConfirmedError(Exception):
    """The order is confirmed already."""


class ErasureHeldError(Exception):
    """A lawful reason holds the data: release the hold, or wait for its end."""


class AlreadyOrderedError(Exception):
    """The erasure is ordered already, for another day or on another ground, and that order stands."""


class AlreadyErasedError(Exception):
    """The patient's data was destroyed already."""


class ErasureNotCompletedError(Exception):
    """Older copies of the database still open what was erased: the act is drawn once they do not."""


class HoldNotFoundError(Exception):
    """There is no such hold, or it was released."""


def order(
    erasure: Erasure | None,
    *,
    patient_id: PatientId,
    ground: ErasureGround,
    due: date,
    obligation_id: UUID | None = None,
    reference: str | None = None,
) -> tuple[ErasureOrdered, ...]:
    """Nothing, if it is ordered already on the same ground; or by the patient, where an officer's order is confirmed:
    what an authority ordered is not made later by a withdrawal."""
    _require_not_erased(erasure)
    erasure = erasure or Erasure()
    known = erasure.by_officer if ground.is_officers else erasure.by_consent
    if known is not None and known.ground is ground:
        return ()
    if not ground.is_officers and erasure.is_confirmed:
        return ()
    ordered = ErasureOrdered(
        patient_id=patient_id, ground=ground, due=due, obligation_id=obligation_id, reference=reference
    )
    return (ordered,)


def confirm(erasure: Erasure | None, *, patient_id: PatientId, by: str, ordered_by: str) -> ErasureConfirmed:
    """The second pair of eyes. `by` and `ordered_by` are the names of persons."""
    _require_not_erased(erasure)
    if erasure is None or erasure.by_officer is None:
        raise ErasureNotOrderedError
    if erasure.is_confirmed:
        raise AlreadyConfirmedError
    if by == ordered_by:
        raise SamePersonError
    return ErasureConfirmed(patient_id=patient_id)


def call_off(erasure: Erasure | None, *, patient_id: PatientId) -> tuple[ErasureCalledOff, ...]:
    """The consent was given anew. What an authority ordered, or was destroyed, is not called off by a patient."""
    if erasure is None or erasure.by_consent is None or erasure.erased is not None:
        return ()
    return (ErasureCalledOff(patient_id=patient_id),)


def call_off_order(
    erasure: Erasure | None, *, patient_id: PatientId, reason: CallOffReason
) -> ErasureCalledOff:
    """What an officer ordered is not to be done, confirmed or not: to keep data needs one person only. What the patient
    began goes on."""
    _require_not_erased(erasure)
    if erasure is None or erasure.by_officer is None:
        raise ErasureNotOrderedError
    return ErasureCalledOff(patient_id=patient_id, reason=reason)


def hold(
    erasure: Erasure | None,
    *,
    patient_id: PatientId,
    hold_id: UUID,
    reason: HoldReason,
    until: date | None,
    reference: str | None = None,
) -> ErasureHeld:
    """May be said before anything is ordered."""
    _require_not_erased(erasure)
    return ErasureHeld(
        patient_id=patient_id, hold_id=hold_id, reason=reason, until=until, reference=reference
    )


def release_hold(erasure: Erasure | None, *, patient_id: PatientId, hold_id: UUID) -> HoldReleased:
    if erasure is None or all(one.hold_id != hold_id for one in erasure.holds):
        raise HoldNotFoundError
    return HoldReleased(patient_id=patient_id, hold_id=hold_id)


def erase(
    erasure: Erasure | None, *, destroyed: Destroyed, epochs: tuple[int, ...], today: date
) -> PatientErased:
    """What is ordered, confirmed where an officer ordered it, and not held."""
    _require_not_erased(erasure)
    if erasure is None or not erasure.is_ordered:
        raise ErasureNotOrderedError
    ordered = erasure.ready
    if ordered is None:
        raise ErasureNotConfirmedError
    if erasure.holds_on(today):
        raise ErasureHeldError
    return PatientErased(
        patient_id=ordered.patient_id, ground=ordered.ground, destroyed=destroyed, epochs=epochs
    )


def complete(erasure: Erasure | None, *, destroyed_epochs: frozenset[int]) -> tuple[ErasureCompleted, ...]:
    """Once every epoch that older copies need is destroyed."""
    if erasure is None or erasure.erased is None or erasure.is_completed:
        return ()
    erased = erasure.erased
    if not set(erased.epochs) <= destroyed_epochs:
        return ()
    return (ErasureCompleted(patient_id=erased.patient_id, epochs=erased.epochs),)


def draw_act(erasure: Erasure | None, *, drawn: DestructionActDrawn) -> tuple[DestructionActDrawn, ...]:
    """Of what was destroyed everywhere; once."""
    if erasure is None or erasure.erased is None:
        raise ErasureNotOrderedError
    if not erasure.is_completed:
        raise ErasureNotCompletedError
    return () if erasure.acts else (drawn,)


def _require_not_erased(erasure: Erasure | None) -> None:
    if erasure is not None and erasure.erased is not None:
        raise AlreadyErasedError
