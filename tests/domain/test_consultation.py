"""A consultation is booked, prepared, moved, reminded of, held or missed; what came of it is amended, never lost."""

from dataclasses import replace
from datetime import timedelta
from functools import partial, reduce
from uuid import UUID

import pytest

from domain import consultation
from domain import consultation_outcome as outcome
from domain import consultation_preparation as preparation
from domain.consultation import (
    BEFORE,
    CancelReason,
    Consultation,
    ConsultationCancelled,
    ConsultationDocumentedError,
    ConsultationEvent,
    ConsultationHeld,
    ConsultationMoved,
    ConsultationOverError,
    ConsultationReminded,
    ConsultationTooEarlyError,
    ConsultationUnknownError,
    PatientMissed,
    Reminder,
    TooLateToMoveError,
    cancel,
    document,
    hold,
    miss,
    move,
    prepare,
    remind,
    take_referral,
)
from domain.consultation_outcome import (
    ConclusionGiven,
    HistoryTaken,
    NextVisitSuggested,
    PrescriptionGiven,
    PrescriptionIncompleteError,
    PrescriptionStopped,
    PrescriptionUnknownError,
    ReferralGiven,
    ReferralTaken,
    ReferralTakenError,
    ReferralUnknownError,
    TextMissingError,
    TooManyPartsError,
)
from domain.consultation_preparation import (
    ConsultationPrepared,
    ConsultationScanAttached,
    ConsultationScanRemoved,
    ConsultationScanUnknownError,
    QuestionsUnfitError,
    ResultsAttached,
    TooManyAttachedError,
)
from domain.doctor import ConsultationFormat
from domain.study_type import StudyType
from tests.examples import CONSULTATION, NOON, OTHER_REPORT, REPORT, SUBMITTED
from tests.scenario import given

HOUR = timedelta(hours=1)
START = NOON + timedelta(days=3)
BOOKED = replace(CONSULTATION, starts_at=START, chosen_at=NOON)
CANCELLED = ConsultationCancelled(reason=CancelReason.PATIENT)
HELD, MISSED = ConsultationHeld(), PatientMissed()
CONCLUDED = ConclusionGiven(text="Дефицит железа.")
DRUG = PrescriptionGiven(number=1, drug="Железа сульфат", dose="100 мг", course="3 месяца")
REFERRED = ReferralGiven(number=1, code="3016-3")
SCAN = ConsultationScanAttached(scan_id=REPORT, media_type="image/png", document=SUBMITTED.document)
UNTIL = START + timedelta(minutes=30) + timedelta(days=30)
MOVED = ConsultationMoved(
    starts_at=START + HOUR, minutes=30, format=ConsultationFormat.PHONE, chosen_at=NOON + HOUR
)


def state(*events: ConsultationEvent) -> Consultation:
    found: Consultation | None = reduce(consultation.evolve, events, None)  # type: ignore[arg-type]
    assert found is not None
    return found


# Preparing


def test_questions_are_said_once_and_replaced() -> None:
    asked = partial(preparation.prepare, study_type=StudyType.HORMONES, questions=[" Что  это? ", "", " "])
    said = ConsultationPrepared(study_type=StudyType.HORMONES, questions=("Что это?",))
    given(BOOKED).when(prepare, asked).then(said)
    given(BOOKED, said).when(prepare, asked).then_nothing()
    assert state(BOOKED, said, ConsultationPrepared()).preparation.questions == ()
    many = partial(preparation.prepare, study_type=None, questions=["?"] * 11)
    given(BOOKED).when(prepare, many).then_refused(QuestionsUnfitError)
    long = partial(preparation.prepare, study_type=None, questions=["?" * 501])
    given(BOOKED).when(prepare, long).then_refused(QuestionsUnfitError)


def test_nothing_is_prepared_for_what_is_over_or_is_not() -> None:
    asked = partial(preparation.prepare, study_type=None, questions=["?"])
    given(BOOKED, CANCELLED).when(prepare, asked).then_refused(ConsultationOverError)
    given(BOOKED, HELD).when(prepare, asked).then_refused(ConsultationOverError)
    given().when(prepare, asked).then_refused(ConsultationUnknownError)


def test_results_are_seen_until_thirty_days_after_the_end() -> None:
    attached = ResultsAttached(report_ids=(REPORT,), until=UNTIL, share_id=OTHER_REPORT)
    given(BOOKED).when(consultation.attach, [REPORT, REPORT], share_id=OTHER_REPORT).then(attached)
    given(BOOKED, attached).when(consultation.attach, [REPORT]).then_nothing()
    known = state(BOOKED, attached)
    assert known.preparation.shares == (OTHER_REPORT,)
    assert known.seen_reports(UNTIL - HOUR) == (REPORT,) and not known.seen_reports(UNTIL)
    assert not state(BOOKED, attached, CANCELLED).seen_reports(NOON)
    many = [UUID(int=number) for number in range(20)]
    given(BOOKED, attached).when(consultation.attach, many).then_refused(TooManyAttachedError)


def test_a_scan_is_attached_and_taken_back() -> None:
    given(BOOKED).when(prepare, lambda so_far: preparation.attach_scan(so_far, SCAN)).then(SCAN)
    gone = ConsultationScanRemoved(scan_id=REPORT)
    given(BOOKED, SCAN, HELD).when(consultation.remove_scan, REPORT).then(gone)
    given(BOOKED, SCAN, gone).when(consultation.remove_scan, REPORT).then_refused(
        ConsultationScanUnknownError
    )
    five = [replace(SCAN, scan_id=UUID(int=number)) for number in range(5)]
    given(BOOKED, *five).when(prepare, lambda so_far: preparation.attach_scan(so_far, SCAN)).then_refused(
        TooManyAttachedError
    )


# Time


def test_a_consultation_moves_until_an_hour_before() -> None:
    change = partial(move, at_least=HOUR)
    moved = given(BOOKED)
    moved.when(move, MOVED, now=START - HOUR, at_least=HOUR).then(MOVED)
    moved.when(move, MOVED, now=START - HOUR + timedelta(seconds=1), at_least=HOUR).then_refused(
        TooLateToMoveError
    )
    same = ConsultationMoved(starts_at=START, minutes=30, format=BOOKED.format, chosen_at=NOON)
    moved.when(move, same, now=NOON, at_least=HOUR).then_nothing()
    given(BOOKED, CANCELLED).when(move, MOVED, now=NOON, at_least=HOUR).then_refused(ConsultationOverError)
    assert change(state(BOOKED), MOVED, now=NOON) == (MOVED,)
    known = state(BOOKED, MOVED)
    assert (known.starts_at, known.format, known.moves) == (MOVED.starts_at, MOVED.format, 1)


def test_its_doctor_moves_it_as_long_as_nothing_came_of_it() -> None:
    for now in (NOON, START - timedelta(minutes=1), START + HOUR):
        given(BOOKED).when(move, MOVED, now=now, at_least=None).then(MOVED)
    given(BOOKED, HELD).when(move, MOVED, now=START, at_least=None).then_refused(ConsultationOverError)
    given(BOOKED, MISSED).when(move, MOVED, now=START, at_least=None).then_refused(ConsultationOverError)


def test_what_was_attached_is_seen_longer_when_it_moves() -> None:
    attached = ResultsAttached(report_ids=(REPORT,), until=UNTIL)
    later = ResultsAttached(report_ids=(REPORT,), until=UNTIL + HOUR)
    given(BOOKED, attached).when(move, MOVED, now=NOON, at_least=HOUR).then(MOVED, later)


def test_a_patient_cancels_until_it_begins_and_a_doctor_later_too() -> None:
    given(BOOKED).when(cancel, reason=CancelReason.PATIENT, now=START - timedelta(minutes=1)).then(CANCELLED)
    given(BOOKED).when(cancel, reason=CancelReason.PATIENT, now=START).then_refused(ConsultationOverError)
    technical = ConsultationCancelled(reason=CancelReason.TECHNICAL)
    given(BOOKED).when(cancel, reason=CancelReason.TECHNICAL, now=START + HOUR).then(technical)
    given(BOOKED, HELD).when(cancel, reason=CancelReason.TECHNICAL, now=START).then_refused(
        ConsultationOverError
    )


@pytest.mark.parametrize("reminder", list(Reminder))
def test_each_reminder_is_made_once_whatever_the_clock_does(reminder: Reminder) -> None:
    moment = START - BEFORE[reminder]
    made = ConsultationReminded(reminder=reminder, starts_at=START)
    given(BOOKED).when(remind, now=moment).then(made)
    for now in (moment, moment + timedelta(minutes=5), moment - timedelta(days=9), START, START + HOUR):
        given(BOOKED, made).when(remind, now=now).then_nothing()


def test_a_reminder_whose_moment_had_passed_is_not_made() -> None:
    given(BOOKED).when(remind, now=START - timedelta(hours=24, seconds=1)).then_nothing()
    given(replace(BOOKED, chosen_at=START - 5 * HOUR)).when(remind, now=START - 4 * HOUR).then_nothing()
    # A server that stood still tells the later one only.
    hour = ConsultationReminded(reminder=Reminder.HOUR_BEFORE, starts_at=START)
    given(BOOKED).when(remind, now=START - timedelta(minutes=30)).then(hour)
    given(BOOKED).when(remind, now=START).then_nothing()
    given(BOOKED, CANCELLED).when(remind, now=START - HOUR).then_nothing()
    given().when(remind, now=START).then_nothing()


def test_a_moved_time_is_reminded_of_anew() -> None:
    told = ConsultationReminded(reminder=Reminder.DAY_BEFORE, starts_at=START)
    later = replace(MOVED, starts_at=START + timedelta(days=2), chosen_at=START - 20 * HOUR)
    again = ConsultationReminded(reminder=Reminder.DAY_BEFORE, starts_at=later.starts_at)
    given(BOOKED, told, later).when(remind, now=later.starts_at - 23 * HOUR).then(again)


def test_the_meeting_is_near_from_ten_minutes_before_until_the_end() -> None:
    known = state(BOOKED)
    assert not known.is_near(START - timedelta(minutes=11))
    assert known.is_near(START - timedelta(minutes=10)) and known.is_near(START + timedelta(minutes=29))
    assert not known.is_near(START + timedelta(minutes=30))
    assert not state(BOOKED, CANCELLED).is_near(START)


# What the doctor records


def test_it_was_held_or_missed_and_a_slip_is_mended() -> None:
    given(BOOKED).when(hold, now=START).then(HELD)
    given(BOOKED, HELD).when(hold, now=START).then_nothing()
    given(BOOKED, MISSED).when(hold, now=START).then(HELD)
    given(BOOKED).when(miss, now=START).then(MISSED)
    given(BOOKED, MISSED).when(miss, now=START).then_nothing()
    given(BOOKED).when(miss, now=START - timedelta(minutes=5)).then_refused(ConsultationTooEarlyError)
    given(BOOKED).when(hold, now=START - HOUR).then_refused(ConsultationTooEarlyError)
    given(BOOKED, HELD, CONCLUDED).when(miss, now=START).then_refused(ConsultationDocumentedError)
    given(BOOKED, CANCELLED).when(hold, now=START).then_refused(ConsultationOverError)


def test_what_the_patient_is_given_says_that_it_was_held() -> None:
    conclude = partial(outcome.conclude, text="Дефицит железа. ")
    given(BOOKED).when(document, conclude, now=START).then(HELD, CONCLUDED)
    given(BOOKED, HELD).when(document, conclude, now=START).then(CONCLUDED)
    given(BOOKED, HELD, CONCLUDED).when(document, conclude, now=START + 99 * HOUR).then_nothing()
    history = partial(outcome.take_history, text="Жалоб нет")
    given(BOOKED).when(document, history, now=START).then(HistoryTaken(text="Жалоб нет"))
    given(BOOKED).when(document, conclude, now=START - HOUR).then_refused(ConsultationTooEarlyError)
    given(BOOKED, CANCELLED).when(document, conclude, now=START).then_refused(ConsultationOverError)


def test_a_conclusion_is_amended_and_the_earlier_stays() -> None:
    amended = ConclusionGiven(text="Анемия.")
    known = state(BOOKED, HELD, CONCLUDED, amended).outcome
    assert known.conclusions == ("Дефицит железа.", "Анемия.")
    for text in ("", " \n ", "я" * 8001):
        given(BOOKED).when(document, partial(outcome.conclude, text=text), now=START).then_refused(
            TextMissingError
        )


def test_a_prescription_is_amended_under_its_number_and_stopped() -> None:
    prescribe = partial(outcome.prescribe, drug="Железа сульфат", dose="100 мг", course="3 месяца")
    given(BOOKED, HELD).when(document, prescribe, now=START).then(DRUG)
    given(BOOKED, HELD, DRUG).when(document, prescribe, now=START).then(replace(DRUG, number=2))
    given(BOOKED, HELD, DRUG).when(document, partial(prescribe, number=1), now=START).then_nothing()
    weaker = partial(outcome.prescribe, drug="Железа сульфат", dose="50 мг", course="3 месяца", number=1)
    given(BOOKED, HELD, DRUG).when(document, weaker, now=START).then(replace(DRUG, dose="50 мг"))
    assert state(BOOKED, HELD, DRUG, replace(DRUG, dose="50 мг")).outcome.prescriptions[1].is_amended
    stop = lambda so_far: (outcome.stop_prescription(so_far, 1),)  # noqa: E731 - a decision of one line
    given(BOOKED, HELD, DRUG).when(document, stop, now=START).then(PrescriptionStopped(number=1))
    stopped = (BOOKED, HELD, DRUG, PrescriptionStopped(number=1))
    given(*stopped).when(document, stop, now=START).then_refused(PrescriptionUnknownError)
    given(*stopped).when(document, weaker, now=START).then_refused(PrescriptionUnknownError)
    for changed in ({"drug": " "}, {"dose": ""}, {"course": "я" * 301}):
        given(BOOKED).when(document, partial(prescribe, **changed), now=START).then_refused(
            PrescriptionIncompleteError
        )
    many = [replace(DRUG, number=number) for number in range(30)]
    given(BOOKED, HELD, *many).when(document, prescribe, now=START).then_refused(TooManyPartsError)


def test_a_referral_is_of_the_catalogue_and_becomes_one_request() -> None:
    refer = partial(outcome.refer, code="3016-3", note=" ")
    given(BOOKED, HELD).when(document, refer, now=START).then(REFERRED)
    given(BOOKED, HELD, REFERRED).when(document, refer, now=START).then_nothing()
    unknown = partial(outcome.refer, code="nonsense", note=None)
    given(BOOKED, HELD).when(document, unknown, now=START).then_refused(ReferralUnknownError)
    taken = ReferralTaken(number=1, request_id=REPORT)
    given(BOOKED, HELD, REFERRED).when(take_referral, 1, request_id=REPORT).then(taken)
    given(BOOKED, HELD, REFERRED, taken).when(take_referral, 1, request_id=OTHER_REPORT).then_refused(
        ReferralTakenError
    )
    given(BOOKED, HELD).when(take_referral, 1, request_id=REPORT).then_refused(ReferralUnknownError)
    given(BOOKED, HELD, REFERRED, taken).when(document, refer, now=START).then(replace(REFERRED, number=2))


def test_the_next_visit_is_suggested_in_a_form() -> None:
    suggest = partial(outcome.suggest_next, visit=ConsultationFormat.IN_PERSON, note="через  месяц")
    said = NextVisitSuggested(format=ConsultationFormat.IN_PERSON, note="через месяц")
    given(BOOKED, HELD).when(document, suggest, now=START).then(said)
    given(BOOKED, HELD, said).when(document, suggest, now=START).then_nothing()


def test_what_an_erased_event_began_is_missing_and_replay_goes_on() -> None:
    known = state(BOOKED, HELD, PrescriptionStopped(number=1), ReferralTaken(number=1, request_id=REPORT))
    assert not known.outcome.prescriptions and not known.outcome.referrals
