"""An appeal to an organisation: with a consent, until an answer, made again after a correction, and never for nothing."""

from dataclasses import replace
from datetime import timedelta

import pytest

from domain import appeal
from domain.appeal import (
    AppealAnswered,
    AppealAnswerExplained,
    AppealConsentMissingError,
    AppealContentStated,
    AppealEscalated,
    AppealEvent,
    AppealField,
    AppealNotCorrectedError,
    AppealNotNeededError,
    AppealNotOpenError,
    AppealOpenError,
    AppealReminded,
    AppealRepeated,
    AppealStatus,
    AppealStatusAskedError,
    AppealStatusRequested,
    AppealSubmitted,
    AppealTaken,
    AppealUnknownError,
    AppealWithdrawn,
    Basis,
    Outcome,
    RefusalReason,
    RefusalReasonMissingError,
)
from domain.consent import Consent, ConsentDocument, ConsentKind, Scope
from tests.examples import ANNA, APPEAL_CONTENT, CLINIC, NOON, REQUESTED
from tests.scenario import Given, given

DAY = timedelta(days=1)
CONSENT_ID = REQUESTED.consent_id
DOCUMENT = ConsentDocument(kind=ConsentKind.ELECTRONIC_TRANSFER, version=1, language="ru", sha256="ab" * 32)
CONSENT = Consent(patient_id=ANNA, document=DOCUMENT, scope=Scope(organisations=(CLINIC,)), in_force=True)
BASIS = Basis(consent=CONSENT, consent_id=CONSENT_ID, consent_version=3)
SUBMITTED = AppealSubmitted(
    patient_id=ANNA,
    organisation_id=CLINIC,
    number="7K3-M9Q-2DX",
    answer_due=NOON + 7 * DAY,
    consent_id=CONSENT_ID,
    consent_version=3,
)
ACTIVATED = AppealAnswered(outcome=Outcome.ACTIVATED)
WRONG_DATE = AppealAnswered(
    outcome=Outcome.REFUSED, reason=RefusalReason.DATA_DIFFER, field=AppealField.BIRTH_DATE
)
NOT_THERE = AppealAnswered(outcome=Outcome.REFUSED, reason=RefusalReason.PATIENT_NOT_FOUND)
CORRECTED = replace(APPEAL_CONTENT, birth_date="1984-02-28")
APPEALED: tuple[AppealEvent, ...] = (SUBMITTED, APPEAL_CONTENT)
ENDED = {
    "activated": given(*APPEALED, ACTIVATED),
    "refused": given(*APPEALED, NOT_THERE),
    "withdrawn": given(*APPEALED, AppealWithdrawn()),
}


def submits(history: Given, *, content: AppealContentStated = APPEAL_CONTENT, basis: Basis = BASIS):  # type: ignore[no-untyped-def]
    return history.when(
        appeal.submit,
        patient_id=ANNA,
        organisation_id=CLINIC,
        number="7K3-M9Q-2DX",
        content=content,
        basis=basis,
        now=NOON,
    )


def repeated(at: timedelta = timedelta()) -> AppealRepeated:
    return AppealRepeated(answer_due=NOON + at + 7 * DAY, consent_id=CONSENT_ID, consent_version=3)


# Appealing.


def test_an_appeal_gives_the_organisation_seven_days() -> None:
    submits(given()).then(SUBMITTED, APPEAL_CONTENT)


@pytest.mark.parametrize(
    "consent",
    [
        None,
        replace(CONSENT, in_force=False),
        replace(CONSENT, scope=Scope()),
        replace(CONSENT, scope=Scope(organisations=(CLINIC,), until=NOON)),
    ],
    ids=["none", "withdrawn", "names no organisation", "over"],
)
def test_without_the_consent_to_this_organisation_nothing_is_submitted_and_nothing_activated(
    consent: Consent | None,
) -> None:
    basis = replace(BASIS, consent=consent)
    submits(given(), basis=basis).then_refused(AppealConsentMissingError)
    given(*APPEALED).when(appeal.activate, basis=basis, now=NOON).then_refused(AppealConsentMissingError)


def test_a_second_appeal_waits_for_the_answer_to_the_first() -> None:
    submits(given(*APPEALED)).then_refused(AppealOpenError)
    submits(given(*APPEALED, AppealTaken()), content=CORRECTED).then_refused(AppealOpenError)


def test_after_an_activation_there_is_nothing_to_appeal_for() -> None:
    submits(ENDED["activated"]).then_refused(AppealNotNeededError)


def test_an_appeal_that_was_found_wrong_is_made_again_only_corrected() -> None:
    refused = given(*APPEALED, WRONG_DATE)
    submits(refused).then_refused(AppealNotCorrectedError)
    submits(refused, content=CORRECTED).then(repeated(), CORRECTED)


@pytest.mark.parametrize("ended", ["refused", "withdrawn"])
def test_an_appeal_that_was_not_found_wrong_may_be_made_again_as_it_is(ended: str) -> None:
    submits(ENDED[ended]).then(repeated())


# Answering.


def test_taking_an_appeal_up_is_said_once_and_is_no_answer() -> None:
    given(*APPEALED).when(appeal.take).then(AppealTaken())
    given(*APPEALED, AppealTaken()).when(appeal.take).then_nothing()
    given(*APPEALED, AppealTaken()).when(appeal.pass_time, now=NOON + 7 * DAY).then(AppealReminded())


def test_an_activation_is_said_once() -> None:
    given(*APPEALED).when(appeal.activate, basis=BASIS, now=NOON).then(ACTIVATED)
    given(*APPEALED, ACTIVATED).when(appeal.activate, basis=BASIS, now=NOON).then_nothing()


def test_a_refusal_says_why() -> None:
    open_appeal = given(*APPEALED)
    says = {"reason": RefusalReason.DATA_DIFFER, "field": AppealField.BIRTH_DATE, "text": "  "}
    open_appeal.when(appeal.refuse, **says).then(WRONG_DATE)
    open_appeal.when(appeal.refuse, **says | {"text": " 28.02 "}).then(
        WRONG_DATE, AppealAnswerExplained(text="28.02")
    )
    open_appeal.when(appeal.refuse, **says | {"field": None}).then_refused(RefusalReasonMissingError)
    open_appeal.when(appeal.refuse, **says | {"reason": RefusalReason.OTHER}).then_refused(
        RefusalReasonMissingError
    )
    open_appeal.when(appeal.refuse, **says | {"reason": RefusalReason.PATIENT_NOT_FOUND}).then(NOT_THERE)


@pytest.mark.parametrize("ended", ["activated", "refused", "withdrawn"])
def test_what_has_ended_is_not_decided_again(ended: str) -> None:
    says = {"reason": RefusalReason.OTHER, "field": None, "text": "поздно"}
    ENDED[ended].when(appeal.refuse, **says).then_refused(AppealNotOpenError)
    ENDED[ended].when(appeal.take).then_refused(AppealNotOpenError)
    ENDED[ended].when(appeal.ask_status, now=NOON).then_refused(AppealNotOpenError)
    ENDED[ended].when(appeal.pass_time, now=NOON + 400 * DAY).then_nothing()
    if ended != "activated":
        ENDED[ended].when(appeal.activate, basis=BASIS, now=NOON).then_refused(AppealNotOpenError)


def test_what_was_taken_back_can_be_taken_back_once() -> None:
    given(*APPEALED).when(appeal.withdraw).then(AppealWithdrawn())
    ENDED["withdrawn"].when(appeal.withdraw).then_nothing()
    ENDED["refused"].when(appeal.withdraw).then_refused(AppealNotOpenError)


def test_of_an_appeal_that_is_not_nothing_is_decided() -> None:
    given().when(appeal.take).then_refused(AppealUnknownError)
    given().when(appeal.withdraw).then_refused(AppealUnknownError)
    given().when(appeal.pass_time, now=NOON).then_nothing()


# Time.


def test_the_status_is_asked_for_once_a_day() -> None:
    asked = AppealStatusRequested(asked_at=NOON)
    given(*APPEALED).when(appeal.ask_status, now=NOON).then(asked)
    soon, later = NOON + DAY - timedelta(seconds=1), NOON + DAY
    given(*APPEALED, asked).when(appeal.ask_status, now=soon).then_refused(AppealStatusAskedError)
    given(*APPEALED, asked).when(appeal.ask_status, now=later).then(AppealStatusRequested(asked_at=later))


@pytest.mark.parametrize(
    ("days", "said_before", "said_now"),
    [
        (6.99, [], []),
        (-1, [], []),
        (7, [], [AppealReminded()]),
        (400, [], [AppealReminded()]),
        (7, [AppealReminded()], []),
        (13.99, [AppealReminded()], []),
        (-1, [AppealReminded()], []),
        (14, [AppealReminded()], [AppealEscalated()]),
        (400, [AppealReminded()], [AppealEscalated()]),
        (400, [AppealReminded(), AppealEscalated()], []),
        (-1, [AppealReminded(), AppealEscalated()], []),
    ],
)
def test_time_without_an_answer_reminds_once_and_then_escalates_once(
    days: float, said_before: list[AppealEvent], said_now: list[AppealEvent]
) -> None:
    history = given(*APPEALED, *said_before)
    history.when(appeal.pass_time, now=NOON + days * DAY).then(*said_now)


def test_a_repeated_appeal_begins_its_time_anew() -> None:
    again = (AppealReminded(), AppealEscalated(), NOT_THERE, repeated(30 * DAY))
    given(*APPEALED, *again).when(appeal.pass_time, now=NOON + 36 * DAY).then_nothing()
    given(*APPEALED, *again).when(appeal.pass_time, now=NOON + 37 * DAY).then(AppealReminded())
    state = appeal.evolve(appeal.evolve(None, SUBMITTED), APPEAL_CONTENT)
    for event in again:
        state = appeal.evolve(state, event)
    assert (state.number, state.status, state.content) == (
        SUBMITTED.number,
        AppealStatus.SUBMITTED,
        APPEAL_CONTENT,
    )
