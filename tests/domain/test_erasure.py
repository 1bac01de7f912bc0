"""What is to be destroyed, what holds it back, and who may call it off."""

from dataclasses import replace
from datetime import date, timedelta
from uuid import UUID

import pytest

from domain import erasure
from domain.erasure import (
    AlreadyConfirmedError,
    AlreadyErasedError,
    CallOffReason,
    Destroyed,
    ErasureCalledOff,
    ErasureConfirmed,
    ErasureGround,
    ErasureHeldError,
    ErasureNotConfirmedError,
    ErasureNotOrderedError,
    ErasureOrdered,
    HoldNotFoundError,
    HoldReason,
    PatientErased,
    SamePersonError,
)
from tests.examples import ANNA

DUE = date(2026, 12, 26)
HOLD = UUID(int=7)
NOTHING = Destroyed(keys=0, documents=0, marks=0, reports=0)
ORDERED = ErasureOrdered(patient_id=ANNA, ground=ErasureGround.WITHDRAWAL, due=DUE)
BY_COURT = replace(ORDERED, ground=ErasureGround.ORDER)
CONFIRMED = ErasureConfirmed(patient_id=ANNA)
HELD = erasure.ErasureHeld(patient_id=ANNA, hold_id=HOLD, reason=HoldReason.LEGAL_CLAIM, until=DUE)
ERASED = PatientErased(patient_id=ANNA, ground=ErasureGround.WITHDRAWAL, destroyed=NOTHING, epochs=(1,))


def folded(*events: erasure.ErasureEvent) -> erasure.Erasure | None:
    state = None
    for event in events:
        state = erasure.evolve(state, event)
    return state


def order(state: erasure.Erasure | None, ground: ErasureGround) -> tuple[ErasureOrdered, ...]:
    return erasure.order(state, patient_id=ANNA, ground=ground, due=DUE)


def erase(state: erasure.Erasure | None, today: date = DUE) -> PatientErased:
    return erasure.erase(state, destroyed=NOTHING, epochs=(1,), today=today)


def test_the_same_order_changes_nothing_and_a_withdrawal_puts_off_no_authority() -> None:
    assert order(None, ErasureGround.WITHDRAWAL) == (ORDERED,)
    assert order(folded(ORDERED), ErasureGround.WITHDRAWAL) == ()
    assert order(folded(ORDERED), ErasureGround.ORDER) == (BY_COURT,)
    assert order(folded(BY_COURT, CONFIRMED), ErasureGround.WITHDRAWAL) == ()


def test_a_new_consent_calls_off_what_the_patient_began_and_nothing_else() -> None:
    called_off = (ErasureCalledOff(patient_id=ANNA),)
    assert erasure.call_off(folded(ORDERED), patient_id=ANNA) == called_off
    assert erasure.call_off(folded(ORDERED, *called_off), patient_id=ANNA) == ()
    assert erasure.call_off(folded(BY_COURT), patient_id=ANNA) == ()
    assert erasure.call_off(folded(ORDERED, ERASED), patient_id=ANNA) == ()


def confirm(state: erasure.Erasure | None, by: str) -> ErasureConfirmed:
    return erasure.confirm(state, patient_id=ANNA, by=by, ordered_by="olga")


def test_what_an_officer_orders_waits_for_another_person() -> None:
    with pytest.raises(ErasureNotOrderedError):
        confirm(folded(ORDERED), "pavel")
    with pytest.raises(SamePersonError):
        confirm(folded(BY_COURT), "olga")
    with pytest.raises(ErasureNotConfirmedError):
        erase(folded(BY_COURT))
    assert confirm(folded(BY_COURT), "pavel") == CONFIRMED
    assert erase(folded(BY_COURT, CONFIRMED)).ground is ErasureGround.ORDER
    with pytest.raises(AlreadyConfirmedError):
        confirm(folded(BY_COURT, CONFIRMED), "pavel")
    with pytest.raises(AlreadyErasedError):
        confirm(folded(ORDERED, BY_COURT, ERASED), "pavel")
    term_ended = replace(BY_COURT, ground=ErasureGround.TERM_ENDED)
    with pytest.raises(ErasureNotConfirmedError):
        erase(folded(BY_COURT, CONFIRMED, term_ended))


def test_an_order_that_nobody_confirms_puts_off_nothing_that_the_patient_began() -> None:
    assert order(folded(BY_COURT), ErasureGround.WITHDRAWAL) == (ORDERED,)
    assert erase(folded(ORDERED, BY_COURT)).ground is ErasureGround.WITHDRAWAL
    sooner = replace(BY_COURT, due=DUE - timedelta(days=1))
    assert erase(folded(ORDERED, sooner, CONFIRMED)).ground is ErasureGround.ORDER
    called_off = erasure.call_off(folded(ORDERED, BY_COURT, CONFIRMED), patient_id=ANNA)
    assert erase(folded(ORDERED, BY_COURT, CONFIRMED, *called_off)).ground is ErasureGround.ORDER


def test_an_officers_order_is_called_off_alone() -> None:
    def call_off(state: erasure.Erasure | None) -> ErasureCalledOff:
        return erasure.call_off_order(state, patient_id=ANNA, reason=CallOffReason.MISTAKE)

    with pytest.raises(ErasureNotOrderedError):
        call_off(folded(ORDERED))
    state = folded(ORDERED, BY_COURT, CONFIRMED, call_off(folded(BY_COURT)))
    assert erase(state).ground is ErasureGround.WITHDRAWAL
    with pytest.raises(ErasureNotOrderedError):
        erase(folded(BY_COURT, call_off(folded(BY_COURT))))
    with pytest.raises(AlreadyErasedError):
        call_off(folded(ORDERED, BY_COURT, ERASED))


def test_a_hold_holds_until_the_end_of_its_day_or_its_release() -> None:
    with pytest.raises(ErasureHeldError):
        erase(folded(ORDERED, HELD))
    assert erase(folded(ORDERED, HELD), DUE + timedelta(days=1)) == ERASED
    with pytest.raises(ErasureHeldError):
        erase(folded(ORDERED, replace(HELD, until=None)), DUE + timedelta(days=9999))
    released = erasure.release_hold(folded(HELD), patient_id=ANNA, hold_id=HOLD)
    assert erase(folded(ORDERED, HELD, released)) == ERASED
    with pytest.raises(HoldNotFoundError):
        erasure.release_hold(folded(HELD, released), patient_id=ANNA, hold_id=HOLD)


def test_nothing_is_destroyed_unordered_or_twice_nor_ordered_or_held_afterwards() -> None:
    with pytest.raises(ErasureNotOrderedError):
        erase(None)
    gone = folded(ORDERED, ERASED)
    with pytest.raises(AlreadyErasedError):
        erase(gone)
    with pytest.raises(AlreadyErasedError):
        order(gone, ErasureGround.ORDER)
    with pytest.raises(AlreadyErasedError):
        erasure.hold(gone, patient_id=ANNA, hold_id=HOLD, reason=HoldReason.OPEN_MATTER, until=None)


def test_it_is_complete_once_every_epoch_is_destroyed() -> None:
    gone = folded(ORDERED, replace(ERASED, epochs=(1, 2)))
    assert erasure.complete(gone, destroyed_epochs=frozenset({1})) == ()
    (completed,) = erasure.complete(gone, destroyed_epochs=frozenset({1, 2, 3}))
    assert completed.epochs == (1, 2)
    assert erasure.complete(erasure.evolve(gone, completed), destroyed_epochs=frozenset({1, 2})) == ()
