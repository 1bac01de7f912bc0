"""A report is a chain of versions; each content is recorded once, and the report gets its patient once."""

from dataclasses import replace

from domain import report
from domain.report import ReportMatched
from tests.examples import ANNA, BORIS, CONTENT, FINAL_CONTENT, HELD, INVITRO, MARK, RECEIVED, REVISED, SUBMISSION
from tests.scenario import given

FROM = {"laboratory_id": INVITRO, "submission_id": SUBMISSION}
FIRST = {**FROM, "content": CONTENT, "content_mark": MARK}
SECOND = {**FROM, "content": FINAL_CONTENT, "content_mark": REVISED.content_mark}


def test_the_first_version_goes_to_the_recognised_patient() -> None:
    given().when(report.receive, **FIRST, match=(ANNA, "enp")).then(RECEIVED)


def test_a_first_version_of_nobody_waits() -> None:
    waiting = replace(RECEIVED, patient_id=None, matched_by=None)
    given().when(report.receive, **FIRST, match=None).then(waiting)


def test_another_content_is_a_revision() -> None:
    given(RECEIVED).when(report.receive, **SECOND, match=None).then(REVISED)


def test_a_revision_never_changes_whose_report_it_is() -> None:
    given(RECEIVED).when(report.receive, **SECOND, match=(BORIS, "snils")).then(REVISED)
    assert report.evolve(report.evolve(None, RECEIVED), REVISED).patient_id == ANNA


def test_a_version_that_was_seen_changes_nothing() -> None:
    given(RECEIVED).when(report.receive, **FIRST, match=None).then_nothing()
    # Late and out of order, too: the first content arrives again after the second.
    given(RECEIVED, REVISED).when(report.receive, **FIRST, match=None).then_nothing()
    given(RECEIVED, REVISED).when(report.receive, **SECOND, match=None).then_nothing()


def test_the_current_version_is_the_latest_and_none_is_lost() -> None:
    state = report.evolve(report.evolve(None, RECEIVED), REVISED)
    assert state.current == FINAL_CONTENT
    assert state.versions == (CONTENT, FINAL_CONTENT)


def test_a_report_that_waits_finds_its_patient() -> None:
    found = ReportMatched(patient_id=ANNA, matched_by="snils")
    given(HELD).when(report.match, patient_id=ANNA, matched_by="snils").then(found)
    given(HELD, REVISED).when(report.match, patient_id=ANNA, matched_by="snils").then(found)


def test_a_report_that_has_a_patient_is_left_alone() -> None:
    given(RECEIVED).when(report.match, patient_id=BORIS, matched_by="enp").then_nothing()
    matched = ReportMatched(patient_id=ANNA, matched_by="snils")
    given(HELD, matched).when(report.match, patient_id=BORIS, matched_by="enp").then_nothing()


def test_replay_keeps_the_laboratory_and_the_marks_in_order() -> None:
    state = report.evolve(report.evolve(None, RECEIVED), REVISED)
    assert (state.laboratory_id, state.marks) == (INVITRO, (MARK, REVISED.content_mark))
