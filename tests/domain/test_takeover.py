"""A cabinet that a guardian kept goes over to its ward, and to nobody else."""

from dataclasses import replace

from domain import takeover
from domain.patient import Patient
from domain.takeover import (
    CabinetClaimed,
    CabinetClaimRefused,
    CabinetHandedOver,
    ClaimantDescribed,
    ClaimantHasProfileError,
    ClaimDetailsDifferError,
    ClaimNotWaitingError,
    ClaimRefusal,
)
from tests.examples import ANNA, BORIS, PROFILE
from tests.scenario import given

DESCRIBED = ClaimantDescribed(
    snils=PROFILE.snils, birth_date=PROFILE.birth_date, document_number="4500 000001"
)
CLAIMED = (CabinetClaimed(claimant_id=ANNA), DESCRIBED)
HANDED = CabinetHandedOver(claimant_id=ANNA, ward_id=BORIS)
REFUSED = CabinetClaimRefused(claimant_id=ANNA, reason=ClaimRefusal.DETAILS_DIFFER)
BARE = Patient(locale="ru", phone="+79990000001", phone_confirmed=True)
WARD = Patient(locale="ru", profile=PROFILE, is_ward=True)
CLAIM = {"claimant_id": ANNA, "claimant": BARE, "described": DESCRIBED}
HAND = {"claimant": BARE, "ward_id": BORIS, "ward": WARD}


def test_a_claim_is_made_once_corrected_while_it_waits_and_made_again_after_a_refusal() -> None:
    given().when(takeover.claim, **CLAIM).then(*CLAIMED)
    given(*CLAIMED).when(takeover.claim, **CLAIM).then_nothing()
    other = replace(DESCRIBED, document_number="4500 000002")
    given(*CLAIMED).when(takeover.claim, **CLAIM | {"described": other}).then(CLAIMED[0], other)
    given(*CLAIMED, REFUSED).when(takeover.claim, **CLAIM).then(*CLAIMED)


def test_only_a_bare_cabinet_with_a_phone_is_given_up_for_the_wards() -> None:
    used = replace(BARE, profile=PROFILE)
    given().when(takeover.claim, **CLAIM | {"claimant": used}).then_refused(ClaimantHasProfileError)
    for claimant in (used, replace(BARE, phone_confirmed=False)):
        given(*CLAIMED).when(takeover.hand_over, **HAND | {"claimant": claimant}).then_refused(
            ClaimantHasProfileError
        )


def test_only_a_wards_cabinet_with_the_same_snils_and_birth_date_goes_over() -> None:
    given(*CLAIMED).when(takeover.hand_over, **HAND).then(HANDED)
    for ward in (
        replace(WARD, is_ward=False),
        replace(WARD, profile=None),
        replace(WARD, profile=replace(PROFILE, birth_date="1984-02-28")),
        replace(WARD, profile=replace(PROFILE, snils="90000005900")),
    ):
        given(*CLAIMED).when(takeover.hand_over, **HAND | {"ward": ward}).then_refused(
            ClaimDetailsDifferError
        )
    given(CLAIMED[0]).when(takeover.hand_over, **HAND).then_refused(ClaimDetailsDifferError)


def test_what_is_decided_is_not_decided_again() -> None:
    for known in ((), (*CLAIMED, HANDED), (*CLAIMED, REFUSED)):
        given(*known).when(takeover.hand_over, **HAND).then_refused(ClaimNotWaitingError)
        given(*known).when(takeover.refuse, reason=ClaimRefusal.DETAILS_DIFFER).then_refused(
            ClaimNotWaitingError
        )
    given(*CLAIMED).when(takeover.refuse, reason=ClaimRefusal.DETAILS_DIFFER).then(REFUSED)
