"""An envelope id is used once: the same content again is a repeat, other content a replay."""

from functools import reduce

from domain import submission
from domain.submission import (
    EnvelopeReplayedError,
    NotInQuarantineError,
    ReleaseReason,
    ReportOutcome,
    SubmissionAccepted,
    SubmissionQuarantined,
    SubmissionRefused,
    SubmissionReleased,
    SubmittedReport,
)
from tests.examples import COMMITMENT, REPORT, SUBMITTED
from tests.scenario import given

ACCEPTED = SubmissionAccepted(
    reports=(SubmittedReport(report_id=REPORT, version=1, outcome=ReportOutcome.RECORDED),)
)
QUARANTINED = SubmissionQuarantined(code="not-json", field=None)
REFUSED = SubmissionRefused(code="key-unknown", field="kid", size_bytes=10)


def test_what_arrives_first_is_no_repeat() -> None:
    given().when(submission.is_repeat, content_commitment=COMMITMENT).then_answered(False)


def test_the_same_content_again_is_a_repeat_whatever_became_of_it() -> None:
    for outcome in (ACCEPTED, QUARANTINED):
        given(SUBMITTED, outcome).when(submission.is_repeat, content_commitment=COMMITMENT).then_answered(
            True
        )


def test_other_content_under_a_used_id_is_a_replay() -> None:
    given(SUBMITTED, ACCEPTED).when(submission.is_repeat, content_commitment="00").then_refused(
        EnvelopeReplayedError
    )


def test_a_refused_attempt_leaves_the_id_free() -> None:
    given(REFUSED).when(submission.is_repeat, content_commitment=COMMITMENT).then_answered(False)


def test_the_state_says_what_became_of_the_submission() -> None:
    state = submission.evolve(None, SUBMITTED)
    assert submission.evolve(state, ACCEPTED).accepted == ACCEPTED.reports
    assert submission.evolve(state, QUARANTINED).problem == ("not-json", None)
    assert submission.evolve(None, REFUSED).problem == ("key-unknown", "kid")


def test_when_the_key_was_erased_the_envelope_id_alone_decides() -> None:
    given(SUBMITTED, ACCEPTED).when(submission.is_repeat, content_commitment=None).then_answered(True)
    given().when(submission.is_repeat, content_commitment=None).then_answered(False)


# Quarantine.


def test_what_lies_in_quarantine_can_be_released_once() -> None:
    given(SUBMITTED, QUARANTINED).when(submission.release, reason=ReleaseReason.TEST_MESSAGE).then(
        SubmissionReleased(reason=ReleaseReason.TEST_MESSAGE)
    )
    released = SubmissionReleased(reason=ReleaseReason.TEST_MESSAGE)
    given(SUBMITTED, QUARANTINED, released).when(
        submission.release, reason=ReleaseReason.SENT_AGAIN
    ).then_refused(NotInQuarantineError)


def test_only_what_lies_in_quarantine_is_read_again() -> None:
    given(SUBMITTED, QUARANTINED).when(submission.received_in_quarantine).then_answered(SUBMITTED)
    for events in ((), (SUBMITTED, ACCEPTED), (SUBMITTED, QUARANTINED, ACCEPTED), (REFUSED,)):
        given(*events).when(submission.received_in_quarantine).then_refused(NotInQuarantineError)


def test_what_still_cannot_be_used_stays_and_another_reason_is_recorded() -> None:
    again = given(SUBMITTED, QUARANTINED)
    again.when(submission.quarantine_again, code="not-json", field=None).then_nothing()
    again.when(submission.quarantine_again, code="value-not-allowed", field="Bundle.type").then(
        SubmissionQuarantined(code="value-not-allowed", field="Bundle.type")
    )


def test_once_accepted_there_is_no_problem_any_more() -> None:
    state = reduce(submission.evolve, (SUBMITTED, QUARANTINED, ACCEPTED), None)
    assert state is not None and state.problem is None and state.accepted == ACCEPTED.reports
