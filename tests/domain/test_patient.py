"""A patient confirms the phone, says who they are, and links one policy, in this order."""

from dataclasses import replace
from datetime import date

import pytest

from domain import patient
from domain.patient import (
    EmailStated,
    PasswordSet,
    PatientRegistered,
    PhoneConfirmed,
    PhoneNotConfirmedError,
    PhoneStated,
    PolicyAlreadyLinkedError,
    PolicyLinked,
    PolicyMissingError,
    PolicyUnlinked,
    ProfileMissingError,
)
from domain.policy import Policy, PolicyKind, single_policy
from tests.examples import ENP, PROFILE
from tests.scenario import given

OTHER_ENP = "9900000000000010"
POLICY, OTHER_POLICY = single_policy(ENP), single_policy(OTHER_ENP)
OLD = Policy(kind=PolicyKind.OLD, number="123456", series="АБ")
TEMPORARY = Policy(
    kind=PolicyKind.TEMPORARY, number="123456789", issued_on="2026-11-02", valid_until="2027-01-13"
)
REGISTERED = PatientRegistered(locale="ru")
STATED = (REGISTERED, PhoneStated(phone="+79990000001"))
CONFIRMED = (*STATED, PhoneConfirmed())
NAMED = (*CONFIRMED, PROFILE)
EMAIL = EmailStated(email="anna@example.test")


def test_a_phone_is_confirmed_once() -> None:
    given(*STATED).when(patient.confirm_phone).then(PhoneConfirmed())
    given(*CONFIRMED).when(patient.confirm_phone).then_nothing()


def test_a_patient_with_a_confirmed_phone_says_who_they_are() -> None:
    given(*CONFIRMED).when(patient.state_profile, PROFILE).then(PROFILE)


def test_saying_the_same_again_changes_nothing() -> None:
    given(*NAMED).when(patient.state_profile, PROFILE).then_nothing()
    given(*CONFIRMED, EMAIL).when(patient.state_email, EMAIL.email).then_nothing()


def test_a_name_and_an_address_can_be_changed() -> None:
    married = replace(PROFILE, family="Иванова")
    given(*NAMED).when(patient.state_profile, married).then(married)
    moved = EmailStated(email="anna@other.test")
    given(*CONFIRMED, EMAIL).when(patient.state_email, moved.email).then(moved)


def test_an_address_for_notices_is_given() -> None:
    given(*CONFIRMED).when(patient.state_email, EMAIL.email).then(EMAIL)


@pytest.mark.parametrize(
    ("decide", "said"),
    [
        (patient.state_profile, PROFILE),
        (patient.state_email, EMAIL.email),
        (patient.link_policy, POLICY),
    ],
)
def test_nothing_is_said_before_the_phone_is_confirmed(decide: object, said: object) -> None:
    assert callable(decide)
    given(*STATED).when(decide, said).then_refused(PhoneNotConfirmedError)


def test_a_named_patient_links_a_policy() -> None:
    given(*NAMED).when(patient.link_policy, POLICY).then(PolicyLinked(number=ENP))


def test_a_policy_belongs_to_a_named_person() -> None:
    given(*CONFIRMED).when(patient.link_policy, POLICY).then_refused(ProfileMissingError)


def test_linking_the_linked_policy_changes_nothing() -> None:
    given(*NAMED, PolicyLinked(number=ENP)).when(patient.link_policy, POLICY).then_nothing()


def test_a_second_policy_is_refused_until_the_first_is_unlinked() -> None:
    linked = (*NAMED, PolicyLinked(number=ENP))
    given(*linked).when(patient.link_policy, OTHER_POLICY).then_refused(PolicyAlreadyLinkedError)
    given(*linked, PolicyUnlinked()).when(patient.link_policy, OTHER_POLICY).then(
        PolicyLinked(number=OTHER_ENP)
    )


def test_a_policy_of_another_kind_is_linked_with_what_belongs_to_it() -> None:
    linked = PolicyLinked(number="123456", kind=PolicyKind.OLD, series="АБ")
    given(*NAMED).when(patient.link_policy, OLD).then(linked)
    given(*NAMED, linked).when(patient.link_policy, OLD).then_nothing()
    given(*NAMED, linked).when(patient.link_policy, POLICY).then_refused(PolicyAlreadyLinkedError)


def test_a_policy_is_unlinked_once() -> None:
    given(*NAMED, PolicyLinked(number=ENP)).when(patient.unlink_policy).then(PolicyUnlinked())
    given(*NAMED).when(patient.unlink_policy).then_refused(PolicyMissingError)


def test_a_temporary_certificate_ends_after_its_last_day() -> None:
    linked = PolicyLinked(
        number="123456789",
        kind=PolicyKind.TEMPORARY,
        issued_on=TEMPORARY.issued_on,
        valid_until=TEMPORARY.valid_until,
    )
    given(*NAMED).when(patient.link_policy, TEMPORARY).then(linked)
    given(*NAMED, linked).when(patient.end_policy, date(2027, 1, 13)).then_nothing()
    given(*NAMED, linked).when(patient.end_policy, date(2027, 1, 14)).then(PolicyUnlinked(reason="ended"))
    ended = (*NAMED, linked, PolicyUnlinked(reason="ended"))
    given(*ended).when(patient.end_policy, date(2028, 1, 1)).then_nothing()
    given(*ended).when(patient.require_policy).then_refused(PolicyMissingError)


def test_a_permanent_policy_does_not_end_by_itself() -> None:
    given(*NAMED, PolicyLinked(number=ENP)).when(patient.end_policy, date(2099, 1, 1)).then_nothing()
    given(*NAMED).when(patient.end_policy, date(2099, 1, 1)).then_nothing()


def test_what_needs_a_policy_is_refused_without_one() -> None:
    given(*NAMED).when(patient.require_policy).then_refused(PolicyMissingError)
    given(*NAMED, PolicyLinked(number=ENP), PolicyUnlinked()).when(patient.require_policy).then_refused(
        PolicyMissingError
    )
    given(*NAMED, PolicyLinked(number=ENP)).when(patient.require_policy).then_answered(ENP)


def test_a_new_password_changes_nothing_that_decisions_look_at() -> None:
    state = patient.evolve(None, REGISTERED)
    assert patient.evolve(state, PasswordSet()) == state


def test_a_new_phone_is_to_be_confirmed_anew() -> None:
    moved = (*CONFIRMED, PhoneStated(phone="+79990000002"))
    given(*moved).when(patient.state_email, EMAIL.email).then_refused(PhoneNotConfirmedError)
    given(*moved).when(patient.confirm_phone).then(PhoneConfirmed())
    given(*moved, PhoneConfirmed()).when(patient.state_email, EMAIL.email).then(EMAIL)


def test_a_cabinet_whose_personal_events_were_erased_is_still_a_cabinet() -> None:
    given(REGISTERED, PhoneConfirmed()).when(patient.state_profile, PROFILE).then(PROFILE)
