"""A card's number that a patient states waits for a person, who confirms or refuses it once (S23)."""

import pytest

from domain import medical_card
from domain.medical_card import (
    CardClaimed,
    CardConfirmed,
    CardNotClaimedError,
    CardNumberMalformedError,
    CardNumberStated,
    CardRefusal,
    CardRefused,
)
from tests.examples import ANNA, INVITRO
from tests.scenario import given

WHOM = {"patient_id": ANNA, "laboratory_id": INVITRO}
CLAIMED = (CardClaimed(**WHOM), CardNumberStated(number="П-0042"))
CONFIRMED = CardConfirmed(**WHOM)
REFUSED = CardRefused(**WHOM, reason=CardRefusal.OTHER_PERSON)


def test_a_number_is_claimed_once_and_another_takes_its_place() -> None:
    given().when(medical_card.claim, **WHOM, number=" П-0042 ").then(*CLAIMED)
    given(*CLAIMED).when(medical_card.claim, **WHOM, number="П-0042").then_nothing()
    other = (CLAIMED[0], CardNumberStated(number="7"))
    given(*CLAIMED).when(medical_card.claim, **WHOM, number="7").then(*other)
    given(*CLAIMED, CONFIRMED).when(medical_card.claim, **WHOM, number="П-0042").then_nothing()
    given(*CLAIMED, REFUSED).when(medical_card.claim, **WHOM, number="П-0042").then(*CLAIMED)


@pytest.mark.parametrize("number", ["", "  ", "000", "нет", "1" * 65])
def test_what_names_nobody_is_no_number(number: str) -> None:
    given().when(medical_card.claim, **WHOM, number=number).then_refused(CardNumberMalformedError)


def test_it_is_decided_once() -> None:
    given(*CLAIMED).when(medical_card.confirm).then(CONFIRMED)
    given(*CLAIMED).when(medical_card.refuse, reason=CardRefusal.OTHER_PERSON).then(REFUSED)
    for ended in ((), (*CLAIMED, CONFIRMED), (*CLAIMED, REFUSED)):
        given(*ended).when(medical_card.confirm).then_refused(CardNotClaimedError)
        given(*ended).when(medical_card.refuse, reason=CardRefusal.NOT_KNOWN).then_refused(
            CardNotClaimedError
        )


def test_a_number_that_was_erased_can_not_be_confirmed() -> None:
    given(CLAIMED[0]).when(medical_card.confirm).then_refused(CardNotClaimedError)
