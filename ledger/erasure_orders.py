"""Orders of erasure: what is to be destroyed and by when, who wants it, and what holds it back. What a withdrawal ordered
waits for nobody, and is called off by a new consent; what an officer ordered waits for another person."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from uuid import UUID, uuid4

from domain import erasure
from domain.erasure import (
    AlreadyOrderedError,
    CallOffReason,
    Erasure,
    ErasureEvent,
    ErasureGround,
    ErasureOrdered,
    HoldReason,
)
from domain.obligation import DAYS_TO_DESTROY
from domain.values import PatientId
from ledger.codec import Circumstances
from ledger.commands import PatientNotFoundError, change
from ledger.store import Ledger, Position, Write


def stream_of(ledger: Ledger, patient_id: PatientId) -> UUID:
    return ledger.stream_id("erasure", str(patient_id))


def load(ledger: Ledger, patient_id: PatientId) -> Erasure | None:
    return ledger.load(stream_of(ledger, patient_id), erasure.evolve)[0]


def order(
    ledger: Ledger,
    patient_id: PatientId,
    by: Circumstances,
    *,
    ground: ErasureGround,
    due: date,
    reference: str | None = None,
) -> Position:
    """PatientNotFoundError if there is no such patient, AlreadyErasedError if nothing is left of them,
    AlreadyOrderedError if an order stands that says something else."""
    if next(ledger.read(patient_id), None) is None:
        raise PatientNotFoundError

    def decide(state: Erasure | None) -> tuple[ErasureEvent, ...]:
        ordered = erasure.order(state, patient_id=patient_id, ground=ground, due=due, reference=reference)
        stands = (state.by_officer if ground.is_officers else state.by_consent) if state is not None else None
        if not ordered and stands is not None and (stands.ground, stands.due) != (ground, due):
            raise AlreadyOrderedError
        return ordered

    return _change(ledger, patient_id, decide, by)


def confirm(ledger: Ledger, patient_id: PatientId, by: Circumstances) -> Position:
    """The second person wants it too. SamePersonError if it is who ordered it, on the page or at the command line;
    ErasureNotOrderedError, AlreadyConfirmedError, AlreadyErasedError."""

    def decide(state: Erasure | None) -> tuple[ErasureEvent, ...]:
        ordered_by = person_of(_who_ordered(ledger, patient_id))
        return (erasure.confirm(state, patient_id=patient_id, by=person_of(by.actor), ordered_by=ordered_by),)

    return _change(ledger, patient_id, decide, by)


def call_off(ledger: Ledger, patient_id: PatientId, by: Circumstances, *, reason: CallOffReason) -> Position:
    """What an officer ordered is not to be done. ErasureNotOrderedError if none did, AlreadyErasedError if it is done."""
    return _change(
        ledger,
        patient_id,
        lambda state: (erasure.call_off_order(state, patient_id=patient_id, reason=reason),),
        by,
    )


def hold(
    ledger: Ledger,
    patient_id: PatientId,
    by: Circumstances,
    *,
    reason: HoldReason,
    until: date | None = None,
    reference: str | None = None,
) -> UUID:
    """Hold the patient's data back for a lawful reason; the hold's id."""
    hold_id = uuid4()
    if next(ledger.read(patient_id), None) is None:
        raise PatientNotFoundError
    _change(
        ledger,
        patient_id,
        lambda state: (
            erasure.hold(
                state,
                patient_id=patient_id,
                hold_id=hold_id,
                reason=reason,
                until=until,
                reference=reference,
            ),
        ),
        by,
    )
    return hold_id


def release_hold(ledger: Ledger, patient_id: PatientId, hold_id: UUID, by: Circumstances) -> Position:
    """HoldNotFoundError if there is none."""
    return _change(
        ledger,
        patient_id,
        lambda state: (erasure.release_hold(state, patient_id=patient_id, hold_id=hold_id),),
        by,
    )


# What a consent that ends, and one that is given anew, add to their append.


def ordering(
    ledger: Ledger,
    patient_id: PatientId,
    *,
    ground: ErasureGround,
    at: datetime,
    obligation_id: UUID | None = None,
) -> list[Write]:
    """The consent to personal data ended: all that is the patient's is to be destroyed within the term of the law."""
    stream_id = stream_of(ledger, patient_id)
    state, version = ledger.load(stream_id, erasure.evolve)
    if state is not None and state.erased is not None:
        return []
    due = at.date() + timedelta(days=DAYS_TO_DESTROY)
    ordered = erasure.order(state, patient_id=patient_id, ground=ground, due=due, obligation_id=obligation_id)
    return [Write(stream_id, version, ordered)] if ordered else []


def calling_off(ledger: Ledger, patient_id: PatientId) -> list[Write]:
    """The patient consented anew."""
    stream_id = stream_of(ledger, patient_id)
    state, version = ledger.load(stream_id, erasure.evolve)
    called_off = erasure.call_off(state, patient_id=patient_id)
    return [Write(stream_id, version, called_off)] if called_off else []


def _who_ordered(ledger: Ledger, patient_id: PatientId) -> str:
    """The actor of the officers' last order; nobody, if there is none."""
    return next(
        (
            one.circumstances.actor
            for one in reversed(list(ledger.read(stream_of(ledger, patient_id))))
            if isinstance(one.event, ErasureOrdered) and one.event.ground.is_officers
        ),
        "",
    )


def person_of(actor: str) -> str:
    """The working name, by whichever door they came: `staff:olga`, `operator:olga`."""
    return actor.partition(":")[2]


def _change(
    ledger: Ledger,
    patient_id: PatientId,
    decide: Callable[[Erasure | None], tuple[ErasureEvent, ...]],
    by: Circumstances,
) -> Position:
    return change(ledger, stream_of(ledger, patient_id), erasure.evolve, decide, by)
