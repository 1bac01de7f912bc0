"""A ward who has grown up is handed the cabinet: the phone opens it, at once and for nobody else."""

from dataclasses import replace
from uuid import uuid4

import pytest

from domain.patient import PatientRegistered, PhoneStated
from domain.takeover import (
    ClaimantDescribed,
    ClaimantHasProfileError,
    ClaimDetailsDifferError,
    ClaimNotWaitingError,
    ClaimRefusal,
)
from domain.values import PatientId
from ledger import commands, external_accounts, guardianship, takeover
from ledger.store import Ledger
from tests.examples import PROFILE, WARD
from tests.ledger.test_guardianship import DAY, OPERATOR, asked, person
from tests.scenario import TESTER

PHONE = "+79027654321"
DESCRIBED = ClaimantDescribed(snils=WARD.snils, birth_date=WARD.birth_date, document_number="4500 000001")


def kept(ledger: Ledger) -> PatientId:
    """A ward's cabinet that a guardian opened."""
    return guardianship.confirm(ledger, asked(ledger, person(ledger)), OPERATOR, on=DAY)


def newcomer(ledger: Ledger) -> PatientId:
    claimant_id = PatientId(uuid4())
    commands.register_patient(ledger, patient_id=claimant_id, phone=PHONE, locale="ru")
    return claimant_id


def test_the_phone_goes_over_to_the_wards_cabinet(ledger: Ledger) -> None:
    ward_id, claimant_id = kept(ledger), newcomer(ledger)
    takeover.claim(ledger, claimant_id, DESCRIBED, TESTER)
    takeover.claim(ledger, claimant_id, DESCRIBED, TESTER)
    claim_id = takeover.claim_stream(ledger, claimant_id)
    assert takeover.hand_over(ledger, claim_id, OPERATOR) == (claimant_id, ward_id)
    assert ledger.find("phone", PHONE) == ward_id
    ward = commands.load_patient(ledger, ward_id)
    assert (ward.phone, ward.phone_confirmed, ward.is_ward) == (PHONE, True, False)
    with pytest.raises(ClaimNotWaitingError):
        takeover.hand_over(ledger, claim_id, OPERATOR)


def test_only_a_wards_own_cabinet_goes_over(ledger: Ledger) -> None:
    kept(ledger)
    claimant_id = newcomer(ledger)
    claim_id = takeover.claim_stream(ledger, claimant_id)
    owned = person(ledger, replace(PROFILE, snils="11223344695", birth_date=WARD.birth_date))
    for snils, birth_date in (
        (WARD.snils, "2019-05-18"),
        ("90007899900", WARD.birth_date),
        # Somebody's who has a phone of their own.
        ("11223344695", WARD.birth_date),
    ):
        takeover.claim(ledger, claimant_id, replace(DESCRIBED, snils=snils, birth_date=birth_date), TESTER)
        with pytest.raises(ClaimDetailsDifferError):
            takeover.hand_over(ledger, claim_id, OPERATOR)
    assert ledger.find("phone", PHONE) == claimant_id and owned != claimant_id
    takeover.refuse(ledger, claim_id, ClaimRefusal.DETAILS_DIFFER, OPERATOR)
    state = takeover.load(ledger, claimant_id)
    assert state is not None and state.refusal is ClaimRefusal.DETAILS_DIFFER and not state.is_waiting


def test_a_cabinet_that_is_in_use_is_not_given_up_for_another(ledger: Ledger) -> None:
    kept(ledger)
    claimant_id = newcomer(ledger)
    takeover.claim(ledger, claimant_id, DESCRIBED, TESTER)
    other = replace(PROFILE, snils="11223344695")
    commands.state_profile(ledger, claimant_id, other, TESTER)
    with pytest.raises(ClaimantHasProfileError):
        takeover.hand_over(ledger, takeover.claim_stream(ledger, claimant_id), OPERATOR)
    with pytest.raises(ClaimantHasProfileError):
        takeover.claim(ledger, claimant_id, replace(DESCRIBED, document_number="1"), TESTER)


def test_a_ward_can_not_be_handed_over_twice(ledger: Ledger) -> None:
    ward_id, claimant_id = kept(ledger), newcomer(ledger)
    second = PatientId(uuid4())
    commands.register_patient(ledger, patient_id=second, phone="+79020000002", locale="ru")
    for one in (claimant_id, second):
        takeover.claim(ledger, one, DESCRIBED, TESTER)
    takeover.hand_over(ledger, takeover.claim_stream(ledger, claimant_id), OPERATOR)
    with pytest.raises(ClaimDetailsDifferError):
        takeover.hand_over(ledger, takeover.claim_stream(ledger, second), OPERATOR)
    kinds = [type(recorded.event) for recorded in ledger.read(ward_id)]
    assert kinds[0] is PatientRegistered and kinds.count(PhoneStated) == 1


def test_an_account_elsewhere_opens_the_cabinet_that_was_left_no_more(ledger: Ledger) -> None:
    ward_id, claimant_id = kept(ledger), newcomer(ledger)
    external_accounts.link(ledger, claimant_id, provider="esia", account="1000123456", by=TESTER)
    takeover.claim(ledger, claimant_id, DESCRIBED, TESTER)
    takeover.hand_over(ledger, takeover.claim_stream(ledger, claimant_id), OPERATOR)
    assert external_accounts.find_linked(ledger, "esia", "1000123456") is None
    assert external_accounts.load_external(ledger, claimant_id).linked == ()
    external_accounts.link(ledger, ward_id, provider="esia", account="1000123456", by=TESTER)
    assert external_accounts.find_linked(ledger, "esia", "1000123456") == ward_id
