"""What is to be destroyed, what holds it back, and who may call it off."""

from dataclasses import replace
from datetime import date, timedelta
from uuid import UUID

import pytest

from domain import erasure
from domain.erasure import (
    AlreadyErasedError,
    Destroyed,
    ErasureCalledOff,
    ErasureGround,
    ErasureHeldError,
    ErasureNotOrderedError,
    ErasureOrdered,
    HoldNotFoundError,
    HoldReason,
    PatientErased,
)
from tests.examples import ANNA

DUE = date(2026, 12, 26)
HOLD = UUID(int=7)
NOTHING = Destroyed(keys=0, documents=0, marks=0, reports=0)
ORDERED = ErasureOrdered(patient_id=ANNA, ground=ErasureGround.WITHDRAWAL, due=DUE)
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
    by_court = replace(ORDERED, ground=ErasureGround.ORDER)
    assert order(folded(ORDERED), ErasureGround.ORDER) == (by_court,)
    assert order(folded(by_court), ErasureGround.WITHDRAWAL) == ()


def test_a_new_consent_calls_off_what_the_patient_began_and_nothing_else() -> None:
    called_off = (ErasureCalledOff(patient_id=ANNA),)
    assert erasure.call_off(folded(ORDERED), patient_id=ANNA) == called_off
    assert erasure.call_off(folded(ORDERED, *called_off), patient_id=ANNA) == ()
    by_court = replace(ORDERED, ground=ErasureGround.ORDER)
    assert erasure.call_off(folded(by_court), patient_id=ANNA) == ()
    assert erasure.call_off(folded(ORDERED, ERASED), patient_id=ANNA) == ()


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
