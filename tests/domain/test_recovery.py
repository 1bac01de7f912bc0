"""A forgotten password: a second proof, or a day's wait that the owner may call off."""

from datetime import UTC, datetime, timedelta

import pytest

from domain import recovery
from domain.recovery import (
    OPEN,
    WAIT,
    PasswordRecovered,
    PasswordRecoveryCancelled,
    PasswordRecoveryRequested,
    Recovery,
    RecoveryProofNeededError,
    RecoveryWaitingError,
)
from tests.examples import ANNA
from tests.scenario import given

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
REQUESTED = PasswordRecoveryRequested(patient_id=ANNA, opens_at=NOW + WAIT)
SECOND = timedelta(seconds=1)


def test_with_only_the_phone_one_has_to_wait_a_day() -> None:
    given().when(recovery.request, patient_id=ANNA, now=NOW, has_strong_factor=False).then(REQUESTED)
    assert timedelta(hours=24) == WAIT


def test_who_has_something_stronger_must_show_it() -> None:
    given().when(recovery.request, patient_id=ANNA, now=NOW, has_strong_factor=True).then_refused(
        RecoveryProofNeededError
    )
    waited = given(REQUESTED)
    waited.when(
        recovery.recover, patient_id=ANNA, now=NOW + WAIT, proofs=("sms-code",), has_strong_factor=True
    ).then_refused(RecoveryProofNeededError)


def test_asking_again_makes_the_wait_neither_shorter_nor_longer() -> None:
    for later in (SECOND, WAIT - SECOND, WAIT, WAIT + OPEN - SECOND):
        given(REQUESTED).when(
            recovery.request, patient_id=ANNA, now=NOW + later, has_strong_factor=False
        ).then_nothing()
    late = NOW + WAIT + OPEN
    given(REQUESTED).when(recovery.request, patient_id=ANNA, now=late, has_strong_factor=False).then(
        PasswordRecoveryRequested(patient_id=ANNA, opens_at=late + WAIT)
    )


@pytest.mark.parametrize("proof", ["totp", "passkey", "recovery-code"])
def test_with_a_second_proof_nobody_waits(proof: str) -> None:
    given().when(
        recovery.recover, patient_id=ANNA, now=NOW, proofs=("sms-code", proof), has_strong_factor=True
    ).then(PasswordRecovered(patient_id=ANNA, proofs=("sms-code", proof)))


@pytest.mark.parametrize(
    ("later", "is_open"), [(0 * SECOND, False), (WAIT - SECOND, False), (WAIT, True), (WAIT + OPEN, False)]
)
def test_without_one_the_password_may_be_set_after_the_wait_and_before_the_end(
    later: timedelta, *, is_open: bool
) -> None:
    when = given(REQUESTED).when(
        recovery.recover, patient_id=ANNA, now=NOW + later, proofs=("sms-code",), has_strong_factor=False
    )
    if is_open:
        when.then(PasswordRecovered(patient_id=ANNA, proofs=("sms-code", "waited")))
    else:
        when.then_refused(RecoveryWaitingError)


@pytest.mark.parametrize(
    "ended",
    [
        PasswordRecoveryCancelled(patient_id=ANNA),
        PasswordRecovered(patient_id=ANNA, proofs=("sms-code", "waited")),
    ],
)
def test_what_was_called_off_or_used_opens_nothing_more(
    ended: PasswordRecoveryCancelled | PasswordRecovered,
) -> None:
    given(REQUESTED, ended).when(
        recovery.recover, patient_id=ANNA, now=NOW + WAIT, proofs=("sms-code",), has_strong_factor=False
    ).then_refused(RecoveryWaitingError)
    given(REQUESTED, ended).when(recovery.cancel, patient_id=ANNA).then_nothing()
    given(REQUESTED).when(recovery.cancel, patient_id=ANNA).then(PasswordRecoveryCancelled(patient_id=ANNA))
    assert recovery.evolve(Recovery(opens_at=NOW), ended) == Recovery()
