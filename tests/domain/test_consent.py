"""A patient agrees to the current text of one document, and may take that back."""

from dataclasses import replace
from uuid import UUID

import pytest

from domain import consent
from domain.consent import (
    ConsentDocument,
    ConsentGranted,
    ConsentKind,
    ConsentNotInForceError,
    ConsentWithdrawn,
    DocumentNotCurrentError,
)
from domain.values import OrganisationId
from tests.examples import ANNA, CLINIC, DOCUMENT
from tests.scenario import given

NEWER = replace(DOCUMENT, version=3)
GRANTED = ConsentGranted(patient_id=ANNA, document=DOCUMENT)
GRANTED_NEWER = ConsentGranted(patient_id=ANNA, document=NEWER)
WITHDRAWN = ConsentWithdrawn(patient_id=ANNA, kind=DOCUMENT.kind)


def agree(agreed: ConsentDocument, current: ConsentDocument) -> dict[str, object]:
    return {"patient_id": ANNA, "agreed": agreed, "current": current}


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


def test_a_consent_that_names_no_organisation_covers_every_one() -> None:
    state = consent.evolve(None, GRANTED)
    assert state.permits(CLINIC)
    assert state.permits(OTHER_CLINIC)


def test_a_consent_covers_only_the_organisations_that_it_names() -> None:
    state = consent.evolve(None, replace(GRANTED, organisations=(CLINIC,)))
    assert state.permits(CLINIC)
    assert not state.permits(OTHER_CLINIC)


def test_a_withdrawn_consent_covers_nobody() -> None:
    for granted in (GRANTED, replace(GRANTED, organisations=(CLINIC,))):
        state = consent.evolve(consent.evolve(None, granted), WITHDRAWN)
        assert not state.permits(CLINIC)


def test_what_was_agreed_to_is_remembered_after_the_withdrawal() -> None:
    state = consent.evolve(consent.evolve(None, GRANTED), WITHDRAWN)
    assert state.document == DOCUMENT
