"""A study is asked for, its sample is taken, and only a report that is plainly the one asked for fulfils it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from domain import study_request
from domain.code_map import FSLI, LOINC
from domain.report_content import ReportContent, ReportStatus, Specimen
from domain.study_catalogue import STUDIES
from domain.study_request import (
    BY_CODE,
    BY_NUMBER,
    Coverage,
    PaymentWord,
    RequestClosedError,
    RequestStatus,
    SampleAlreadyTakenError,
    SampleInFutureError,
    SampleReachedLaboratory,
    SampleTaken,
    SamplingScheduled,
    StudyChosen,
    StudyNotAvailableError,
    StudyNotUrgentError,
    StudyPaid,
    StudyRequest,
    StudyRequestCancelled,
    StudyRequested,
    StudyRequestEvent,
    StudyRequestFulfilled,
    answered_by,
)
from domain.study_type import StudyType
from domain.values import Coding, Concept, Identifier
from tests.examples import ANNA, CLINIC, LATER, MINIMAL_CONTENT, NOON, REPORT
from tests.scenario import given

TSH = STUDIES["3016-3"]
REQUESTED = StudyRequested(patient_id=ANNA, organisation_id=CLINIC)
CHOSEN = StudyChosen(number="7K2QM-0XRTA", code=TSH.code, coverage=Coverage.POLICY)
ASKED = (REQUESTED, CHOSEN)
BOOKED = SamplingScheduled(point="П-1", starts_at=NOON)
TAKEN = SampleTaken(taken_at=NOON)
REACHED = SampleReachedLaboratory(reached_at=LATER)
FULFILLED = StudyRequestFulfilled(report_id=REPORT, found_by=BY_CODE)
CANCELLED = StudyRequestCancelled(reason="patient")
SAID = StudyPaid(said_by=PaymentWord.PATIENT, receipt_number="4471")
CONFIRMED = StudyPaid(said_by=PaymentWord.ORGANISATION)


def state(*events: StudyRequestEvent) -> StudyRequest:
    found = None
    for event in events:
        found = study_request.evolve(found, event)
    assert found is not None
    return found


def ask(**changed: object) -> object:
    plain: dict[str, object] = {
        "patient_id": ANNA,
        "organisation_id": CLINIC,
        "study": TSH,
        "number": CHOSEN.number,
        "coverage": Coverage.POLICY,
        "available": frozenset(StudyType),
    }
    return study_request.request(**plain | changed)  # type: ignore[arg-type]


def test_a_study_is_asked_of_an_organisation_that_makes_it() -> None:
    assert ask() == ASKED
    with pytest.raises(StudyNotAvailableError):
        ask(available=frozenset({StudyType.BLOOD_COUNT}))


def test_only_some_studies_are_made_out_of_turn() -> None:
    with pytest.raises(StudyNotUrgentError):
        ask(is_urgent=True)
    urgent = ask(is_urgent=True, study=STUDIES["58410-2"])
    assert isinstance(urgent, tuple) and urgent[0] == replace(REQUESTED, is_urgent=True)


def test_a_time_is_chosen_and_changed_until_the_sample_is_taken() -> None:
    given(*ASKED).when(study_request.schedule, point="П-1", starts_at=NOON).then(BOOKED)
    given(*ASKED, BOOKED).when(study_request.schedule, point="П-1", starts_at=NOON).then_nothing()
    given(*ASKED, BOOKED).when(study_request.schedule, point="П-1", starts_at=LATER).then(
        replace(BOOKED, starts_at=LATER)
    )
    given(*ASKED, TAKEN).when(study_request.schedule, point="П-1", starts_at=LATER).then_refused(
        SampleAlreadyTakenError
    )


def test_a_sample_is_taken_once_and_not_in_the_future() -> None:
    given(*ASKED).when(study_request.take_sample, taken_at=NOON, now=LATER).then(TAKEN)
    given(*ASKED, TAKEN).when(study_request.take_sample, taken_at=LATER, now=LATER).then_nothing()
    given(*ASKED).when(study_request.take_sample, taken_at=LATER, now=NOON).then_refused(SampleInFutureError)


def test_what_is_at_the_laboratory_was_taken_before() -> None:
    given(*ASKED, TAKEN).when(study_request.reach_laboratory, at=LATER).then(REACHED)
    given(*ASKED).when(study_request.reach_laboratory, at=LATER).then(SampleTaken(taken_at=LATER), REACHED)
    given(*ASKED, TAKEN, REACHED).when(study_request.reach_laboratory, at=LATER).then_nothing()


def test_the_organisations_word_of_payment_outweighs_the_patients() -> None:
    given(*ASKED).when(study_request.pay, SAID).then(SAID)
    given(*ASKED, SAID).when(study_request.pay, replace(SAID, receipt_number="1")).then_nothing()
    given(*ASKED, SAID).when(study_request.pay, CONFIRMED).then(CONFIRMED)
    given(*ASKED, CONFIRMED).when(study_request.pay, SAID).then_nothing()
    given(*ASKED, CONFIRMED).when(study_request.pay, CONFIRMED).then_nothing()


def test_what_is_paid_or_urgent_presses() -> None:
    assert not state(*ASKED).is_pressing
    assert state(*ASKED, SAID).is_pressing
    assert state(replace(REQUESTED, is_urgent=True), CHOSEN).is_pressing


def test_a_patient_cancels_before_the_sample_and_the_organisation_at_any_time() -> None:
    given(*ASKED, BOOKED).when(study_request.cancel, reason="patient").then(CANCELLED)
    given(*ASKED, TAKEN).when(study_request.cancel, reason="patient").then_refused(SampleAlreadyTakenError)
    given(*ASKED, TAKEN).when(study_request.cancel, reason="organisation").then(
        StudyRequestCancelled(reason="organisation")
    )


@pytest.mark.parametrize("end", [FULFILLED, CANCELLED], ids=["fulfilled", "cancelled"])
def test_a_closed_request_stays_as_it_is(end: StudyRequestEvent) -> None:
    closed = given(*ASKED, TAKEN, end)
    closed.when(study_request.schedule, point="П-1", starts_at=LATER).then_refused(RequestClosedError)
    closed.when(study_request.pay, SAID).then_refused(RequestClosedError)
    closed.when(study_request.take_sample, taken_at=NOON, now=LATER).then_refused(RequestClosedError)
    closed.when(study_request.reach_laboratory, at=LATER).then_refused(RequestClosedError)
    closed.when(study_request.cancel, reason="organisation").then_refused(RequestClosedError)
    closed.when(study_request.fulfil, report_id=REPORT, found_by=BY_CODE).then_nothing()


def test_it_is_late_when_the_usual_term_from_the_sample_is_over() -> None:
    taken = state(*ASKED, TAKEN)
    due = NOON + timedelta(days=TSH.usual_days)
    assert taken.due_at == due and not taken.is_overdue(due)
    assert taken.is_overdue(due + timedelta(seconds=1))
    assert not state(*ASKED).is_overdue(datetime(2099, 1, 1, tzinfo=UTC)), "no sample, no term"
    assert not state(*ASKED, TAKEN, FULFILLED).is_overdue(datetime(2099, 1, 1, tzinfo=UTC))


def test_a_request_whose_sealed_part_was_erased_is_still_a_request() -> None:
    bare = state(REQUESTED, TAKEN)
    assert bare.status is RequestStatus.SAMPLED and bare.study is None and bare.due_at is None
    assert answered_by(bare, content(code=TSH.code)) is None


# Which report fulfils it.


def content(
    *,
    code: str | None = None,
    number: str | None = None,
    status: ReportStatus = ReportStatus.FINAL,
    **more: object,
) -> ReportContent:
    coded = Concept(codings=(Coding(system=LOINC, code=code),)) if code else None
    numbers = (Identifier(system="urn:lab:orders", value=number),) if number else ()
    return replace(MINIMAL_CONTENT, status=status, code=coded, identifiers=numbers, **more)  # type: ignore[arg-type]


def test_the_number_of_the_request_is_enough() -> None:
    assert answered_by(state(*ASKED), content(number="7k2qm0xrta")) == BY_NUMBER
    assert answered_by(state(*ASKED), content(number="7K2QM-0XRTB")) is None


def test_the_code_is_enough_once_the_sample_was_taken() -> None:
    assert answered_by(state(*ASKED), content(code=TSH.code)) is None
    assert answered_by(state(*ASKED, TAKEN), content(code=TSH.code)) == BY_CODE
    assert answered_by(state(*ASKED, TAKEN), content(code="3024-7")) is None
    assert answered_by(state(*ASKED, TAKEN), content()) is None


def test_the_russian_code_of_a_study_is_its_code_too() -> None:
    haemoglobin = state(REQUESTED, replace(CHOSEN, code="718-7"), TAKEN)
    sent = replace(content(), code=Concept(codings=(Coding(system=FSLI, code="1017128"),)))
    assert answered_by(haemoglobin, sent) == BY_CODE


@pytest.mark.parametrize("status", sorted(set(ReportStatus) - study_request.COMPLETE))
def test_what_is_not_complete_fulfils_nothing(status: ReportStatus) -> None:
    sent = content(code=TSH.code, number=CHOSEN.number, status=status)
    assert answered_by(state(*ASKED, TAKEN), sent) is None


def test_a_report_of_an_earlier_sample_is_another_one() -> None:
    taken = state(*ASKED, TAKEN)
    assert answered_by(taken, content(code=TSH.code, effective_at="2026-11-01T08:00:00+03:00")) is None
    assert (
        answered_by(taken, content(code=TSH.code, specimens=(Specimen(collected_at="2026-11-20"),))) is None
    )
    assert answered_by(taken, content(code=TSH.code, effective_at="2026-11-22T23:00:00-10:00")) == BY_CODE
    assert answered_by(taken, content(code=TSH.code, effective_at="2026-11")) == BY_CODE


@pytest.mark.parametrize("study", STUDIES.values(), ids=lambda study: study.code)
def test_the_catalogue_says_all_of_each_study(study: study_request.Study) -> None:
    assert all(study.names) and 1 <= study.usual_days <= 30
