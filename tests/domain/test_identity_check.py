"""Who is believed to be the person of their profile: what is asked, decided, ended; and that it holds for one profile."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from functools import reduce
from typing import Any

import pytest
from hypothesis import given as drawn
from hypothesis import strategies as st

from domain import Event, patient
from domain.identity import (
    Cause,
    Identity,
    IdentityCheckRequested,
    IdentityConfirmed,
    IdentityEvent,
    IdentityExpired,
    IdentityNotWaitingError,
    IdentityRefused,
    IdentityShortfallError,
    ProfileNotSuspendedError,
    ProfileRestored,
    ProfileSuspended,
    Proof,
    ScanKind,
    ScanRemoved,
    ScanUnknownError,
    Shortfall,
    SuspensionReason,
    TooManyScansError,
    add_scan,
    confirm,
    evolve,
    expire,
    fail_proof,
    refuse,
    remove_scan,
    request_check,
    restore,
    shortfalls,
    suspend,
)
from domain.identity_document import DocumentKind
from domain.patient import (
    Patient,
    PatientRegistered,
    PhoneConfirmed,
    PhoneStated,
    PolicyLinked,
    ProfileStated,
)
from tests.examples import ANNA, ENP, IDENTITY_DOCUMENT, PROFILE, REPORT, SCAN
from tests.scenario import given

TODAY = date(2026, 11, 25)
WHOLE = replace(PROFILE, citizenship="RU", document=IDENTITY_DOCUMENT, inn="500100732259", region="77")
SCANS = (SCAN, replace(SCAN, kind=ScanKind.SNILS, scan_id=REPORT))
ASKED = IdentityCheckRequested(patient_id=ANNA, profile_number=1)
CONFIRMED = IdentityConfirmed(patient_id=ANNA, profile_number=1, proof=Proof.OPERATOR)
REFUSED = IdentityRefused(patient_id=ANNA, profile_number=1, reason=Cause.DATA_DIFFER, field="birth_date")
FINES = ProfileSuspended(patient_id=ANNA, reason=SuspensionReason.UNPAID_FINES)


def anna(*profiles: ProfileStated, phone: bool = True, policy: bool = True) -> Patient:
    """A patient who stated these profiles one after another."""
    events: list[patient.PatientEvent] = [
        PatientRegistered(locale="ru"),
        PhoneStated(phone="+79990000001"),
        *((PhoneConfirmed(),) if phone else ()),
        *profiles,
        *((PolicyLinked(number=ENP),) if policy else ()),
    ]
    found = reduce(patient.evolve, events, None)
    assert found is not None
    return found


READY = anna(WHOLE)
OF_ANNA: dict[str, Any] = {"patient_id": ANNA, "patient": READY}


# What is asked.


def test_who_has_everything_sends_the_profile_to_be_checked() -> None:
    given(*SCANS).when(request_check, **OF_ANNA, today=TODAY).then(ASKED)


@pytest.mark.parametrize("happened", [(*SCANS, ASKED), (*SCANS, ASKED, CONFIRMED)])
def test_asking_twice_changes_nothing(happened: tuple[Event, ...]) -> None:
    given(*happened).when(request_check, **OF_ANNA, today=TODAY).then_nothing()


@pytest.mark.parametrize(
    "differs", [Shortfall(Cause.DATA_DIFFER, "birth_date"), Shortfall(Cause.DOCUMENT_INVALID, "document")]
)
def test_what_the_registry_knows_otherwise_refuses_at_once_and_names_the_field(differs: Shortfall) -> None:
    refused = replace(REFUSED, reason=differs.cause, field=differs.field)
    given(*SCANS).when(request_check, **OF_ANNA, today=TODAY, differs=differs).then(ASKED, refused)


def test_after_a_refusal_it_is_sent_again() -> None:
    given(*SCANS, ASKED, REFUSED).when(request_check, **OF_ANNA, today=TODAY).then(ASKED)


EXPIRED = replace(WHOLE, document=replace(IDENTITY_DOCUMENT, issued_on=date(1999, 4, 1)))
MISSING: dict[str, tuple[Patient, tuple[Event, ...], Shortfall]] = {
    "phone": (anna(WHOLE, phone=False), SCANS, Shortfall(Cause.PHONE_NOT_CONFIRMED, "phone")),
    "profile": (anna(policy=False), SCANS, Shortfall(Cause.PROFILE_INCOMPLETE, "family")),
    "citizenship": (
        anna(replace(WHOLE, citizenship=None)),
        SCANS,
        Shortfall(Cause.PROFILE_INCOMPLETE, "citizenship"),
    ),
    "inn": (anna(replace(WHOLE, inn=None)), SCANS, Shortfall(Cause.PROFILE_INCOMPLETE, "inn")),
    "document": (anna(replace(WHOLE, document=None)), SCANS, Shortfall(Cause.PROFILE_INCOMPLETE, "document")),
    "expired": (anna(EXPIRED), SCANS, Shortfall(Cause.DOCUMENT_EXPIRED, "document")),
    "region": (
        anna(replace(WHOLE, region="01")),
        SCANS,
        Shortfall(Cause.REGION_NOT_CONNECTED, "region"),
    ),
    "scan": (READY, SCANS[1:], Shortfall(Cause.SCAN_MISSING, ScanKind.IDENTITY_DOCUMENT)),
    "removed": (
        READY,
        (*SCANS, ScanRemoved(patient_id=ANNA, scan_id=SCAN.scan_id)),
        Shortfall(Cause.SCAN_MISSING, ScanKind.IDENTITY_DOCUMENT),
    ),
    "suspended": (READY, (*SCANS, FINES), Shortfall(Cause.SUSPENDED)),
}


@pytest.mark.parametrize("name", MISSING)
def test_each_thing_that_is_missing_is_named_and_nothing_is_asked(name: str) -> None:
    known, happened, missing = MISSING[name]
    given(*happened).when(
        request_check, patient_id=ANNA, patient=known, today=TODAY, regions=("77",)
    ).then_refused(IdentityShortfallError)
    state = reduce(evolve, happened, None)
    assert state is not None
    assert shortfalls(state, known, today=TODAY, regions=("77",)) == (missing,)


def test_everything_that_is_missing_is_named_at_once() -> None:
    found = shortfalls(Identity(), anna(PROFILE, phone=False, policy=False), today=TODAY)
    assert [one.field for one in found] == [
        "phone",
        "citizenship",
        "document",
        "inn",
        "region",
        "identity-document",
        "snils",
    ]


def test_a_child_needs_no_inn() -> None:
    certificate = replace(IDENTITY_DOCUMENT, kind=DocumentKind.BIRTH_CERTIFICATE, issued_on=date(2020, 2, 1))
    child = replace(WHOLE, birth_date="2020-01-15", inn=None, document=certificate)
    assert shortfalls(reduce(evolve, SCANS, Identity()), anna(child), today=TODAY) == ()


# What is decided.


def test_an_operator_confirms_what_waits() -> None:
    given(*SCANS, ASKED).when(confirm, **OF_ANNA, proof=Proof.OPERATOR, today=TODAY).then(CONFIRMED)


@pytest.mark.parametrize("happened", [(), (ASKED, CONFIRMED), (ASKED, REFUSED)])
def test_an_operator_decides_nothing_that_does_not_wait(happened: tuple[Event, ...]) -> None:
    when = given(*happened).when
    when(confirm, **OF_ANNA, proof=Proof.OPERATOR, today=TODAY).then_refused(IdentityNotWaitingError)
    when(refuse, **OF_ANNA, reason=Cause.SCAN_UNREADABLE, field=None).then_refused(IdentityNotWaitingError)


def test_what_was_asked_of_another_profile_does_not_wait() -> None:
    married = anna(WHOLE, replace(WHOLE, family="Орлова"))
    given(ASKED).when(
        confirm, patient_id=ANNA, patient=married, proof=Proof.OPERATOR, today=TODAY
    ).then_refused(IdentityNotWaitingError)


@pytest.mark.parametrize("proof", [Proof.OIDC, Proof.IN_PERSON])
def test_who_comes_in_person_or_by_a_provider_need_not_have_asked(proof: Proof) -> None:
    given().when(confirm, **OF_ANNA, proof=proof, today=TODAY).then(replace(CONFIRMED, proof=proof))


@pytest.mark.parametrize("proof", [Proof.OIDC, Proof.IN_PERSON])
def test_nobody_is_confirmed_by_an_expired_document(proof: Proof) -> None:
    given().when(confirm, patient_id=ANNA, patient=anna(EXPIRED), proof=proof, today=TODAY).then_refused(
        IdentityShortfallError
    )


def test_a_technical_fault_of_a_proof_is_told_and_takes_nothing_away() -> None:
    failed = replace(REFUSED, reason=Cause.PROOF_FAILED, field=None)
    given().when(fail_proof, **OF_ANNA).then(failed)
    given(CONFIRMED).when(fail_proof, **OF_ANNA).then_nothing()
    given(ASKED, failed).when(confirm, **OF_ANNA, proof=Proof.OPERATOR, today=TODAY).then(CONFIRMED)


def test_a_suspension_ends_by_being_lifted_only() -> None:
    given(CONFIRMED).when(suspend, patient_id=ANNA, reason=SuspensionReason.UNPAID_FINES).then(FINES)
    given(FINES).when(suspend, patient_id=ANNA, reason=SuspensionReason.UNPAID_FINES).then_nothing()
    given(FINES).when(restore, patient_id=ANNA).then(ProfileRestored(patient_id=ANNA))
    given(CONFIRMED).when(restore, patient_id=ANNA).then_refused(ProfileNotSuspendedError)


def test_what_a_document_stood_for_ends_with_it() -> None:
    # A passport of somebody who turns 45 serves 90 days more.
    profile = replace(WHOLE, birth_date="1984-02-29")
    when = given(CONFIRMED).when
    asked: dict[str, Any] = {"patient_id": ANNA, "patient": anna(profile)}
    when(expire, **asked, today=date(2029, 5, 30)).then_nothing()
    when(expire, **asked, today=date(2029, 5, 31)).then(IdentityExpired(patient_id=ANNA))
    given(CONFIRMED, IdentityExpired(patient_id=ANNA)).when(
        expire, **asked, today=date(2029, 6, 1)
    ).then_nothing()


def test_a_scan_is_removed_once_and_there_are_not_more_than_are_kept() -> None:
    removed = ScanRemoved(patient_id=ANNA, scan_id=SCAN.scan_id)
    given(*SCANS).when(remove_scan, patient_id=ANNA, scan_id=SCAN.scan_id).then(removed)
    given(*SCANS, removed).when(remove_scan, patient_id=ANNA, scan_id=SCAN.scan_id).then_refused(
        ScanUnknownError
    )
    given(*[SCAN] * 8).when(add_scan, SCAN).then_refused(TooManyScansError)


# What it means.

SPOILED: dict[str, Callable[[ProfileStated], ProfileStated]] = {
    "name": lambda profile: replace(profile, family="Орлова"),
    "birth date": lambda profile: replace(profile, birth_date="1984-03-01"),
    "sex": lambda profile: replace(profile, sex="male"),
    "СНИЛС": lambda profile: replace(profile, snils="90000005900"),
    "document": lambda profile: replace(profile, document=replace(IDENTITY_DOCUMENT, number="000002")),
}


@pytest.mark.parametrize("name", SPOILED)
def test_what_was_confirmed_holds_for_the_profile_as_it_stood(name: str) -> None:
    state = reduce(evolve, (ASKED, CONFIRMED), Identity())
    assert state.is_confirmed_for(READY)
    assert not state.is_confirmed_for(anna(WHOLE, SPOILED[name](WHOLE)))


ACTS = ("state", "ask", "confirm", "refuse", "suspend", "restore", "expire", "fail")


def decided(act: str, state: Identity, known: Patient) -> tuple[IdentityEvent, ...]:
    of: dict[str, Any] = {"patient_id": ANNA, "patient": known}
    match act:
        case "ask":
            return request_check(state, **of, today=TODAY)
        case "confirm":
            return confirm(state, **of, proof=Proof.OPERATOR, today=TODAY)
        case "refuse":
            return refuse(state, **of, reason=Cause.SCAN_UNREADABLE, field=None)
        case "suspend":
            return suspend(state, patient_id=ANNA, reason=SuspensionReason.UNPAID_FINES)
        case "restore":
            return (restore(state, patient_id=ANNA),)
        case "expire":
            return expire(state, **of, today=date(2040, 1, 1))
        case _:
            return fail_proof(state, **of)


@drawn(st.lists(st.sampled_from(ACTS), max_size=25))
def test_nobody_is_confirmed_whose_last_profile_was_not(acts: list[str]) -> None:
    """However acts follow each other: confirmed is who was confirmed after the last statement, is not suspended,
    and has not expired since."""
    state: Identity = reduce(evolve, SCANS, Identity())
    profiles, is_confirmed, is_suspended = [WHOLE], False, False
    for number, act in enumerate(acts):
        if act == "state":
            profiles.append(replace(WHOLE, given=f"Анна{'а' * number}"))
            is_confirmed = False
        else:
            try:
                events = decided(act, state, anna(*profiles))
            except (IdentityNotWaitingError, IdentityShortfallError, ProfileNotSuspendedError):
                continue
            state = reduce(evolve, events, state)
            is_confirmed = (is_confirmed and act != "expire") or act == "confirm"
            is_suspended = (is_suspended and act != "restore") or act == "suspend"
        assert state.is_confirmed_for(anna(*profiles)) == (is_confirmed and not is_suspended)
