"""Whatever order the versions of a report arrive in, none is lost and the right one stands."""

from dataclasses import replace
from functools import reduce
from itertools import permutations

import pytest

from domain import report, versions
from domain.report import Report, ReportRevised
from domain.report_content import (
    Observation,
    ObservationStatus,
    ReportContent,
    ReportStatus,
    Value,
    ValueKind,
)
from domain.values import Coding, Concept, Quantity
from tests.examples import ANNA, BORIS, CONTENT, INVITRO, MATCHED, RECEIVED, SUBJECT, SUBMISSION
from tests.scenario import given

FROM = {"laboratory_id": INVITRO, "submission_id": SUBMISSION}
GLUCOSE = Concept(codings=(Coding(system="http://loinc.org", code="14749-6"),))
SODIUM = Concept(codings=(Coding(system="http://loinc.org", code="2951-2"),))


def measured(
    code: Concept, value: str | None, *, status: str = "final", as_sent: bool = False
) -> Observation:
    quantity = (
        Value(kind=ValueKind.QUANTITY, quantity=Quantity(value=value, unit="ммоль/л")) if value else None
    )
    return Observation(code=code, status=ObservationStatus(status), value=quantity, is_final_as_sent=as_sent)


def version(
    status: str = "final",
    value: str = "5.0",
    *,
    issued: str | None = None,
    sent: str | None = None,
    number: int | None = None,
) -> ReportContent:
    return ReportContent(
        status=ReportStatus(status),
        subject=SUBJECT,
        identifiers=CONTENT.identifiers,
        observations=(measured(GLUCOSE, value),),
        issued_at=issued,
        sent_at=sent,
        version_number=number,
    )


def chain(*contents: ReportContent) -> Report:
    """The report after these contents have arrived."""
    state: Report | None = None
    for content in contents:
        state = reduce(report.evolve, report.receive(state, **FROM, content=content), state)  # type: ignore[arg-type]
    assert state is not None
    return state


# Which one stands.


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        (version("final", number=1), version("final", "5.1", number=2)),
        (
            version("corrected", number=1, issued="2026-11-26"),
            version("final", "5.1", number=2, issued="2026-11-25"),
        ),
        (version(issued="2026-11-25T10:00:00+03:00"), version(value="5.1", issued="2026-11-25T07:00:01Z")),
        (version(issued="2026-11-24"), version(value="5.1", issued="2026-11-25T07:00:01Z")),
        (version(issued="2026-11-25T10:00:00"), version(value="5.1", issued="2026-11-25T10:00:01")),
        (version(issued="2026-11-20T10:00:00"), version(value="5.1", issued="2026-11-25T10:00:01+03:00")),
        (
            version(issued="2026-11-25", sent="2026-11-25T10:00:00"),
            version("preliminary", "5.1", issued="2026-11-25", sent="2026-11-25T11:00:00"),
        ),
        (version("preliminary"), version("final")),
        (version("final"), version("corrected", "5.1")),
        (version("corrected"), version("entered-in-error")),
        (version("registered"), version("partial")),
    ],
)
def test_the_newer_version_stands_whichever_arrives_first(older: ReportContent, newer: ReportContent) -> None:
    in_order, reverse = chain(older, newer), chain(newer, older)
    assert in_order.current == reverse.current == newer
    assert len(in_order.versions) == len(reverse.versions) == 2
    assert in_order.status is reverse.status


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (version("corrected"), version("corrected", "5.1")),
        (version(issued="2026-11-25T10:00:00"), version(value="5.1", issued="2026-11-25T12:00:00Z")),
        (version(issued="2026"), version(value="5.1", issued="2026-11-25T12:00:00Z")),
    ],
)
def test_where_nothing_tells_them_apart_the_last_to_arrive_stands(
    first: ReportContent, second: ReportContent
) -> None:
    assert chain(first, second).current == second
    assert chain(second, first).current == first


FIVE = (
    version("preliminary", "4.9", issued="2026-11-25T08:00:00+03:00"),
    version("final", "5.0", issued="2026-11-25T09:00:00+03:00"),
    version("corrected", "5.1", issued="2026-11-25T10:00:00+03:00"),
    version("corrected", "5.2", issued="2026-11-25T11:00:00+03:00"),
    version("final", "5.3", issued="2026-11-25T12:00:00+03:00"),
)


def test_all_orders_of_five_versions_end_the_same() -> None:
    ends = [chain(*order) for order in permutations(FIVE)]
    assert {end.current for end in ends} == {FIVE[4]}
    assert {end.status for end in ends} == {ReportStatus.AMENDED}
    assert all(set(end.versions) == set(FIVE) for end in ends)


def test_a_late_version_is_recorded_as_late() -> None:
    late, standing = version("preliminary", "4.9"), version("final")
    given(replace(RECEIVED, content=standing)).when(report.receive, **FROM, content=late).then(
        ReportRevised(**FROM, content=late, is_late=True)
    )


# The same again.


def test_the_same_content_in_another_message_or_document_changes_nothing() -> None:
    again = replace(FIVE[1], source_id="another-document", sent_at="2026-11-26T08:00:00+03:00")
    assert len(chain(*FIVE, again).versions) == len(FIVE)


# The status that the versions make.


def test_final_after_final_with_other_values_is_amended() -> None:
    state = chain(version(), version(value="5.1"))
    assert (state.current.status, state.status) == (ReportStatus.FINAL, ReportStatus.AMENDED)


def test_final_after_final_with_more_values_is_appended() -> None:
    more = replace(version(), observations=(measured(GLUCOSE, "5.0"), measured(SODIUM, "140")))
    assert chain(version(), more).status is ReportStatus.APPENDED
    assert chain(more, replace(more, issued_at="2026-11-25")).status is ReportStatus.FINAL


def test_an_earlier_final_that_was_late_makes_what_stands_amended() -> None:
    late, standing = version(issued="2026-11-24"), version(value="5.1", issued="2026-11-25")
    given(replace(RECEIVED, content=standing)).when(report.receive, **FROM, content=late).then(
        ReportRevised(**FROM, content=late, is_late=True, status=ReportStatus.AMENDED)
    )


def test_what_the_sender_says_of_the_status_is_not_changed() -> None:
    assert chain(version(), version("corrected", "5.1")).status is ReportStatus.CORRECTED
    assert chain(version("preliminary"), version("final", "5.1")).status is ReportStatus.FINAL
    assert chain(version(), version("cancelled")).status is ReportStatus.CANCELLED


# Final now, without being sent again.


def test_a_value_that_is_final_as_it_was_sent_is_taken_from_the_version_before() -> None:
    before = replace(version("preliminary"), observations=(measured(GLUCOSE, "5.0", status="preliminary"),))
    now = replace(version("final"), observations=(measured(GLUCOSE, None, as_sent=True),))
    current = chain(before, now).current.observations[0]
    assert (current.value, current.status) == (before.observations[0].value, ObservationStatus.FINAL)
    assert len(chain(before, now, now).versions) == 2


def test_a_value_that_was_never_sent_stays_absent() -> None:
    before = replace(version("preliminary"), observations=(measured(SODIUM, "140"), measured(GLUCOSE, "5.0")))
    now = replace(
        version("final"), observations=(measured(SODIUM, None, as_sent=True), measured(GLUCOSE, "5.1"))
    )
    assert versions.completed(now, replace(before, observations=())) == now


# Another patient's.


WRONG = replace(version("entered-in-error"), is_of_another_patient=True)
OTHER_SUBJECT = replace(SUBJECT, identifiers=(), family="Иной", birth_date="1970-01-01")


def test_a_withdrawal_stands_and_the_report_is_nobodys() -> None:
    state = chain(version(), WRONG)
    assert state.current == WRONG
    given(replace(RECEIVED, content=version()), MATCHED).when(report.withdraw).then(
        report.ReportUnmatched(patient_id=ANNA, reason=report.UnmatchReason.WITHDRAWN_BY_LABORATORY)
    )


def test_a_withdrawn_report_is_matched_to_nobody_and_withdrawn_once() -> None:
    withdrawn = report.ReportUnmatched(reason=report.UnmatchReason.WITHDRAWN_BY_LABORATORY)
    given(RECEIVED, withdrawn).when(report.match, patient_id=BORIS, matched_by="enp").then_nothing()
    given(RECEIVED, withdrawn).when(report.withdraw).then_nothing()


def test_a_report_taken_from_a_patient_never_comes_back_to_them_but_may_go_to_another() -> None:
    undone = report.ReportUnmatched(patient_id=ANNA, reason=report.UnmatchReason.MATCHED_BY_MISTAKE)
    given(RECEIVED, MATCHED).when(report.undo_match).then(undone)
    given(RECEIVED, MATCHED, undone).when(report.match, patient_id=ANNA, matched_by="enp").then_nothing()
    given(RECEIVED, MATCHED, undone).when(report.match, patient_id=BORIS, matched_by="enp").then(
        report.ReportMatched(patient_id=BORIS, matched_by="enp")
    )
    given(RECEIVED).when(report.undo_match).then_refused(report.ReportHasNoPatientError)


def test_after_a_withdrawal_content_about_another_person_is_another_report() -> None:
    moved = replace(version(), subject=OTHER_SUBJECT)
    withdrawn = report.ReportUnmatched(reason=report.UnmatchReason.WITHDRAWN_BY_LABORATORY)
    state = chain(version())
    assert report.is_further_version(state, moved)
    assert not report.is_further_version(report.evolve(state, withdrawn), moved)
    assert not report.is_further_version(chain(version(), version("entered-in-error")), moved)


# The end of waiting.


def test_only_a_report_that_waits_is_destroyed() -> None:
    ended = report.DestructionReason.RETENTION_ENDED
    given(RECEIVED).when(report.destroy, reason=ended).then(report.ReportDestroyed(reason=ended))
    given(RECEIVED, MATCHED).when(report.destroy, reason=ended).then_refused(report.ReportNotWaitingError)
