"""What the law asks for after a withdrawal: by which day, by which acts, and when not any more."""

from datetime import date
from uuid import UUID

import pytest

from domain import obligation
from domain.consent import ConsentKind
from domain.obligation import (
    Duty,
    Ground,
    NotExtendableError,
    ObligationArose,
    ObligationClosedError,
    ObligationExtended,
    ObligationLifted,
    ObligationMet,
    Proof,
    ProofNotFittingError,
    arise,
    duties_of,
)
from tests.examples import ANNA, CLINIC
from tests.scenario import given

CONSENT = UUID(int=12)
FRIDAY = date(2026, 11, 27)


def arisen(duty: Duty, on: date = FRIDAY) -> tuple[ObligationArose | ObligationMet, ...]:
    return arise(duty, patient_id=ANNA, consent_id=CONSENT, consent_version=2, organisation_id=CLINIC, on=on)


def test_each_withdrawal_obliges_to_stop_and_one_to_destroy() -> None:
    assert {kind: duties_of(kind) for kind in ConsentKind} == {
        ConsentKind.PERSONAL_DATA: (Duty.STOP_PROCESSING, Duty.DESTROY_DATA),
        ConsentKind.RESULTS_TRANSFER: (Duty.STOP_RECEIVING,),
        ConsentKind.NOTIFICATIONS: (Duty.STOP_NOTICES,),
        ConsentKind.ELECTRONIC_TRANSFER: (Duty.TELL_ORGANISATION,),
        ConsentKind.RESULTS_BY_EMAIL: (Duty.STOP_SENDING,),
    }


@pytest.mark.parametrize(
    "duty", [Duty.STOP_PROCESSING, Duty.STOP_RECEIVING, Duty.STOP_NOTICES, Duty.STOP_SENDING]
)
def test_what_the_withdrawal_itself_does_is_met_at_once(duty: Duty) -> None:
    arose, met = arisen(duty)
    assert isinstance(arose, ObligationArose) and met == ObligationMet(proof=Proof.CONSENT_WITHDRAWN)
    assert arose.ground is Ground.DEMAND_TO_STOP


@pytest.mark.parametrize(
    ("duty", "on", "due"),
    [
        (Duty.DESTROY_DATA, FRIDAY, date(2026, 12, 27)),
        (Duty.TELL_ORGANISATION, FRIDAY, date(2026, 12, 11)),
        # Over the holidays of January the ten working days are long.
        (Duty.TELL_ORGANISATION, date(2026, 12, 30), date(2027, 1, 21)),
    ],
)
def test_the_day_is_counted_as_the_law_counts_it(duty: Duty, on: date, due: date) -> None:
    (arose,) = arisen(duty, on)
    assert isinstance(arose, ObligationArose) and arose.due == due


def test_data_that_can_not_be_destroyed_yet_are_blocked_for_six_months_at_most() -> None:
    extended = ObligationExtended(ground=Ground.BLOCKED_UNTIL_DESTROYED, due=date(2027, 5, 27))
    given(*arisen(Duty.DESTROY_DATA)).when(obligation.extend).then(extended)
    given(*arisen(Duty.DESTROY_DATA), extended).when(obligation.extend).then_refused(NotExtendableError)


def test_what_was_asked_to_stop_may_take_five_working_days_more() -> None:
    extended = ObligationExtended(ground=Ground.DEMAND_TO_STOP, due=date(2026, 12, 18))
    given(*arisen(Duty.TELL_ORGANISATION)).when(obligation.extend).then(extended)


def test_only_a_real_act_meets_an_obligation() -> None:
    told = given(*arisen(Duty.TELL_ORGANISATION))
    told.when(obligation.meet, proof=Proof.LETTER).then(ObligationMet(proof=Proof.LETTER))
    told.when(obligation.meet, proof=Proof.CONSENT_WITHDRAWN).then_refused(ProofNotFittingError)
    destroyed = given(*arisen(Duty.DESTROY_DATA))
    destroyed.when(obligation.meet, proof=Proof.LETTER).then_refused(ProofNotFittingError)


def test_what_is_met_or_lifted_is_closed() -> None:
    lifted = ObligationLifted(consent_id=CONSENT, consent_version=3)
    for end in (ObligationMet(proof=Proof.LETTER), lifted):
        closed = given(*arisen(Duty.TELL_ORGANISATION), end)
        closed.when(obligation.meet, proof=Proof.LETTER).then_refused(ObligationClosedError)
        closed.when(obligation.extend).then_refused(ObligationClosedError)
        closed.when(obligation.lift, consent_id=CONSENT, consent_version=3).then_nothing()


def test_a_consent_that_is_given_anew_lifts_what_is_open() -> None:
    lifted = ObligationLifted(consent_id=CONSENT, consent_version=3)
    given(*arisen(Duty.DESTROY_DATA)).when(obligation.lift, consent_id=CONSENT, consent_version=3).then(
        lifted
    )
    given().when(obligation.lift, consent_id=CONSENT, consent_version=3).then_nothing()


def test_an_obligation_is_overdue_after_its_day() -> None:
    state = obligation.evolve(None, arisen(Duty.DESTROY_DATA)[0])
    assert not state.is_overdue_on(state.due)
    assert state.is_overdue_on(date(2026, 12, 28))
