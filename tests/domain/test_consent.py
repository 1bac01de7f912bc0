"""A patient agrees to the current text of one document, and may take that back."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from domain import consent
from domain.consent import (
    ConsentDocument,
    ConsentExpired,
    ConsentGranted,
    ConsentKind,
    ConsentNotInForceError,
    ConsentWithdrawn,
    DocumentNotCurrentError,
    OrganisationNotNamedError,
    Scope,
    TermInThePastError,
)
from domain.study_type import StudyType
from domain.values import OrganisationId
from tests.examples import ANNA, CLINIC, DOCUMENT, LATER
from tests.scenario import given

MOMENT = timedelta(microseconds=1)
NEWER = replace(DOCUMENT, version=3)
GRANTED = ConsentGranted(patient_id=ANNA, document=DOCUMENT)
GRANTED_NEWER = ConsentGranted(patient_id=ANNA, document=NEWER)
WITHDRAWN = ConsentWithdrawn(patient_id=ANNA, kind=DOCUMENT.kind)


def agree(agreed: ConsentDocument, current: ConsentDocument) -> dict[str, object]:
    return {"patient_id": ANNA, "agreed": agreed, "current": current, "at": LATER}


def test_a_patient_agrees_to_the_current_text() -> None:
    given().when(consent.grant, **agree(DOCUMENT, DOCUMENT)).then(GRANTED)


def test_agreeing_to_the_same_text_twice_changes_nothing() -> None:
    given(GRANTED).when(consent.grant, **agree(DOCUMENT, DOCUMENT)).then_nothing()


def test_a_new_text_is_agreed_to_anew() -> None:
    given(GRANTED).when(consent.grant, **agree(NEWER, NEWER)).then(GRANTED_NEWER)


def test_after_a_withdrawal_the_same_text_can_be_agreed_to_again() -> None:
    given(GRANTED, WITHDRAWN).when(consent.grant, **agree(DOCUMENT, DOCUMENT)).then(GRANTED)


@pytest.mark.parametrize(
    "other",
    [
        NEWER,
        replace(DOCUMENT, sha256="00" * 32),
        replace(DOCUMENT, language="en"),
        replace(DOCUMENT, kind=ConsentKind.NOTIFICATIONS),
    ],
    ids=["version", "bytes", "language", "kind"],
)
def test_a_text_that_is_not_the_current_one_is_refused(other: ConsentDocument) -> None:
    given().when(consent.grant, **agree(DOCUMENT, other)).then_refused(DocumentNotCurrentError)
    given(GRANTED).when(consent.grant, **agree(DOCUMENT, other)).then_refused(DocumentNotCurrentError)


def test_a_consent_in_force_is_withdrawn() -> None:
    given(GRANTED).when(consent.withdraw).then(WITHDRAWN)
    given(GRANTED, WITHDRAWN, GRANTED_NEWER).when(consent.withdraw).then(WITHDRAWN)


def test_a_consent_that_was_never_given_cannot_be_withdrawn() -> None:
    given().when(consent.withdraw).then_refused(ConsentNotInForceError)


def test_a_withdrawn_consent_cannot_be_withdrawn_again() -> None:
    given(GRANTED, WITHDRAWN).when(consent.withdraw).then_refused(ConsentNotInForceError)


OTHER_CLINIC = OrganisationId(UUID(int=7))
BLOOD, URINE = frozenset({StudyType.BLOOD_COUNT}), frozenset({StudyType.URINALYSIS})


def test_a_consent_that_names_no_organisation_covers_every_one() -> None:
    state = consent.evolve(None, GRANTED)
    assert state.covers(CLINIC, BLOOD)
    assert state.covers(OTHER_CLINIC, frozenset())


def test_a_consent_covers_only_the_organisations_that_it_names() -> None:
    state = consent.evolve(None, replace(GRANTED, organisations=(CLINIC,)))
    assert state.covers(CLINIC, BLOOD)
    assert not state.covers(OTHER_CLINIC, BLOOD)


def test_a_consent_covers_only_the_study_types_that_it_names() -> None:
    state = consent.evolve(None, replace(GRANTED, study_types=(StudyType.BLOOD_COUNT,)))
    assert state.covers(CLINIC, BLOOD)
    assert not state.covers(CLINIC, URINE)
    assert not state.covers(CLINIC, BLOOD | URINE), "a sheet is shown whole or not"
    assert not state.covers(CLINIC, frozenset()), "what can't be told is not covered"


def test_a_consent_ends_with_its_term_and_needs_no_event_for_it() -> None:
    state = consent.evolve(None, replace(GRANTED, until=LATER))
    assert state.holds_at(LATER - MOMENT)
    assert not state.holds_at(LATER)
    assert state.in_force, "nobody has said so yet"


def test_that_a_term_is_over_is_said_once_and_not_before() -> None:
    ended = ConsentExpired(patient_id=ANNA, kind=DOCUMENT.kind, until=LATER)
    limited = replace(GRANTED, until=LATER)
    given(limited).when(consent.expire, at=LATER).then(ended)
    given(limited).when(consent.expire, at=LATER - MOMENT).then_nothing()
    given(limited, ended).when(consent.expire, at=LATER).then_nothing()
    given(limited, WITHDRAWN).when(consent.expire, at=LATER).then_nothing()
    given(GRANTED).when(consent.expire, at=LATER).then_nothing()


def test_another_scope_replaces_the_one_before() -> None:
    scope = Scope(study_types=(StudyType.BLOOD_COUNT,), until=LATER + MOMENT)
    named = replace(GRANTED, study_types=scope.study_types, until=scope.until, factors=("password",))
    arguments = agree(DOCUMENT, DOCUMENT) | {"scope": scope, "factors": ("password",)}
    given(GRANTED).when(consent.grant, **arguments).then(named)
    given(named).when(consent.grant, **arguments).then_nothing()
    given(named).when(consent.grant, **agree(DOCUMENT, DOCUMENT)).then(GRANTED)


def test_after_its_term_the_same_consent_is_given_anew() -> None:
    given(replace(GRANTED, until=LATER)).when(consent.grant, **agree(DOCUMENT, DOCUMENT)).then(GRANTED)


def test_a_term_that_is_over_before_it_begins_is_refused() -> None:
    arguments = agree(DOCUMENT, DOCUMENT) | {"scope": Scope(until=LATER)}
    given().when(consent.grant, **arguments).then_refused(TermInThePastError)


def test_electronic_transfer_is_permitted_to_one_organisation_and_taken_back_from_it() -> None:
    document = replace(DOCUMENT, kind=ConsentKind.ELECTRONIC_TRANSFER)
    agreed = agree(document, document)
    given().when(consent.grant, **agreed).then_refused(OrganisationNotNamedError)
    both = Scope(organisations=(CLINIC, OTHER_CLINIC))
    given().when(consent.grant, **agreed | {"scope": both}).then_refused(OrganisationNotNamedError)
    granted = replace(GRANTED, document=document, organisations=(CLINIC,))
    given().when(consent.grant, **agreed | {"scope": Scope(organisations=(CLINIC,))}).then(granted)
    given(granted).when(consent.withdraw).then(
        ConsentWithdrawn(patient_id=ANNA, kind=document.kind, organisation_id=CLINIC)
    )


def test_what_was_agreed_to_is_remembered_after_the_withdrawal() -> None:
    state = consent.evolve(consent.evolve(None, GRANTED), WITHDRAWN)
    assert state.document == DOCUMENT
