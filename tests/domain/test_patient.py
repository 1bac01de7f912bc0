"""A patient confirms the phone, says who they are, and links one policy, in this order."""

from dataclasses import replace
from datetime import date
from functools import reduce
from typing import Any

import pytest
from hypothesis import given as given_any
from hypothesis import strategies as st

from domain import patient
from domain.channel import Channel
from domain.patient import (
    ContactReachable,
    ContactUnreachable,
    EmailChangedError,
    EmailConfirmed,
    EmailStated,
    PasswordSet,
    Patient,
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


# Contacts

CONFIRMED_EMAIL = (*CONFIRMED, EMAIL, EmailConfirmed())
NEW_EMAIL = EmailStated(email="anna@other.test")
LOST = ContactUnreachable(channel=Channel.EMAIL, reason="5.1.1")


def state(*events: Any) -> Patient:
    known = reduce(patient.evolve, events, None)
    assert known is not None
    return known


def test_an_address_is_used_once_its_code_came_back() -> None:
    stated = state(*CONFIRMED, EMAIL)
    assert (stated.email, stated.is_email_confirmed, stated.email_stated) == (EMAIL.email, False, EMAIL.email)
    given(*CONFIRMED, EMAIL).when(patient.confirm_email, EMAIL.email).then(EmailConfirmed())
    assert state(*CONFIRMED_EMAIL).is_email_confirmed


def test_an_address_from_before_codes_is_not_confirmed() -> None:
    """Histories of before hold statements only: whoever typed them may have mistyped them."""
    known = state(*CONFIRMED, EMAIL, NEW_EMAIL)
    assert (known.email, known.is_email_confirmed) == (NEW_EMAIL.email, False)


def test_the_confirmed_address_stays_until_the_new_one_is_confirmed() -> None:
    waiting = state(*CONFIRMED_EMAIL, NEW_EMAIL)
    assert (waiting.email, waiting.is_email_confirmed) == (EMAIL.email, True)
    given(*CONFIRMED_EMAIL, NEW_EMAIL).when(patient.confirm_email, NEW_EMAIL.email).then(EmailConfirmed())
    changed = state(*CONFIRMED_EMAIL, NEW_EMAIL, EmailConfirmed())
    assert (changed.email, changed.email_stated) == (NEW_EMAIL.email, None)


def test_the_address_in_use_said_again_gives_the_other_up() -> None:
    given(*CONFIRMED_EMAIL, NEW_EMAIL).when(patient.state_email, EMAIL.email).then(EMAIL)
    assert state(*CONFIRMED_EMAIL, NEW_EMAIL, EMAIL).email_stated is None


def test_the_code_of_an_address_that_was_given_up_confirms_nothing() -> None:
    third = EmailStated(email="anna@third.test")
    history = (*CONFIRMED_EMAIL, NEW_EMAIL, third)
    given(*history).when(patient.confirm_email, NEW_EMAIL.email).then_refused(EmailChangedError)
    given(*history).when(patient.confirm_email, EMAIL.email).then_nothing()


def test_a_contact_is_lost_once_and_found_by_its_code() -> None:
    given(*CONFIRMED_EMAIL).when(patient.lose, Channel.EMAIL, reason="5.1.1").then(LOST)
    given(*CONFIRMED_EMAIL, LOST).when(patient.lose, Channel.EMAIL, reason="5.2.2").then_nothing()
    given(*CONFIRMED_EMAIL, LOST).when(patient.confirm_email, EMAIL.email).then(
        ContactReachable(channel=Channel.EMAIL)
    )
    given(*CONFIRMED_EMAIL).when(patient.reach, Channel.EMAIL).then_nothing()


def test_there_is_nothing_to_lose_without_an_address() -> None:
    given(*CONFIRMED).when(patient.lose, Channel.EMAIL, reason="5.1.1").then_nothing()
    given(*CONFIRMED).when(patient.lose, Channel.PUSH, reason="410").then_nothing()


def test_a_new_contact_is_not_the_lost_one() -> None:
    no_sms = ContactUnreachable(channel=Channel.SMS, reason="unknown")
    assert state(*CONFIRMED_EMAIL, no_sms, LOST).unreachable == {Channel.EMAIL, Channel.SMS}
    assert state(*CONFIRMED, no_sms, PhoneStated(phone="+79990000002")).unreachable == frozenset()
    assert state(*CONFIRMED_EMAIL, LOST, NEW_EMAIL).unreachable == {Channel.EMAIL}, "it is still in use"
    assert state(*CONFIRMED_EMAIL, LOST, NEW_EMAIL, EmailConfirmed()).unreachable == frozenset()


_HISTORY = st.lists(
    st.one_of(
        st.builds(EmailStated, email=st.sampled_from(("a@x.test", "b@x.test", "c@x.test"))),
        st.just(EmailConfirmed()),
        st.just(LOST),
        st.just(ContactReachable(channel=Channel.EMAIL)),
    ),
    max_size=12,
)


@given_any(_HISTORY)
def test_notices_go_only_to_an_address_that_was_confirmed_whatever_was_stated(history: list[Any]) -> None:
    """A law: once confirmed, the address in use changes with a confirmation and with nothing else."""
    known = state(*CONFIRMED)
    for event in history:
        before, known = known, patient.evolve(known, event)
        if before.is_email_confirmed and known.email != before.email:
            assert isinstance(event, EmailConfirmed) and known.email == before.email_stated
        if not before.is_email_confirmed and known.is_email_confirmed:
            assert isinstance(event, EmailConfirmed) and known.email is not None
