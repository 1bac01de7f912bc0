"""A sample is asked for where a result would arrive, is in the cabinet once, and leaves it when it was looked at (S51)."""

import pytest

from domain import sample_report
from domain.permission import BARRIERS
from domain.sample_report import (
    SampleReportArrived,
    SampleReportBarredError,
    SampleReportRemoved,
    SampleReportRequested,
    SampleReportThereError,
)
from tests.examples import ANNA, CLINIC, OTHER_REPORT, REPORT
from tests.scenario import given

WHOM = {"patient_id": ANNA, "organisation_id": CLINIC}
REQUESTED = SampleReportRequested(**WHOM)
ARRIVED = SampleReportArrived(report_id=REPORT)


def test_a_sample_is_asked_for_and_arrives_once() -> None:
    given().when(sample_report.request, **WHOM, barrier=None).then(REQUESTED)
    given(REQUESTED).when(sample_report.arrive, report_id=REPORT, held=None).then(ARRIVED)
    given(REQUESTED, ARRIVED).when(sample_report.arrive, report_id=REPORT, held=None).then_nothing()


@pytest.mark.parametrize("barrier", BARRIERS)
def test_what_would_keep_a_result_back_keeps_the_sample_back_by_its_name(barrier: str) -> None:
    given().when(sample_report.request, **WHOM, barrier=barrier).then_refused(SampleReportBarredError)


def test_one_that_was_asked_for_and_never_arrived_is_only_sent_again() -> None:
    given(REQUESTED).when(sample_report.request, **WHOM, barrier=None).then_nothing()
    given(REQUESTED).when(sample_report.request, **WHOM, barrier="not-wanted").then_nothing()


def test_a_second_one_waits_until_the_first_is_removed() -> None:
    given(REQUESTED, ARRIVED).when(sample_report.request, **WHOM, barrier=None).then_refused(
        SampleReportThereError
    )
    removed = SampleReportRemoved(report_id=REPORT)
    given(REQUESTED, ARRIVED).when(sample_report.remove).then(removed)
    given(REQUESTED, ARRIVED, removed).when(sample_report.remove).then_nothing()
    given(REQUESTED, ARRIVED, removed).when(sample_report.request, **WHOM, barrier=None).then(REQUESTED)


def test_one_that_was_kept_back_meanwhile_is_not_in_the_cabinet_and_may_be_asked_for_again() -> None:
    held = SampleReportArrived(report_id=OTHER_REPORT, held="consent-missing")
    given(REQUESTED).when(sample_report.arrive, report_id=OTHER_REPORT, held="consent-missing").then(held)
    given(REQUESTED, held).when(sample_report.remove).then_nothing()
    given(REQUESTED, held).when(sample_report.request, **WHOM, barrier=None).then(REQUESTED)
