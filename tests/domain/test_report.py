"""A report is a chain of versions; each content is recorded once, and the report gets its patient once."""

from dataclasses import replace

import pytest

from domain import report, report_content
from domain.report import SubjectDiffersError
from domain.report_content import Observation, ObservationStatus, Subject
from domain.values import Coding, Concept, Identifier
from tests.examples import (
    ANNA,
    BORIS,
    CONTENT,
    ENP,
    FINAL_CONTENT,
    HELD,
    INVITRO,
    MATCHED,
    RECEIVED,
    REVISED,
    SUBJECT,
    SUBMISSION,
)
from tests.scenario import given

FROM = {"laboratory_id": INVITRO, "submission_id": SUBMISSION}


def test_the_first_version_is_received_and_waits_for_its_patient() -> None:
    given().when(report.receive, **FROM, content=CONTENT).then(RECEIVED)
    assert report.evolve(None, RECEIVED).patient_id is None


def test_another_content_is_a_revision() -> None:
    given(RECEIVED).when(report.receive, **FROM, content=FINAL_CONTENT).then(REVISED)


def test_a_revision_never_changes_whose_report_it_is() -> None:
    state = report.evolve(report.evolve(report.evolve(None, RECEIVED), MATCHED), REVISED)
    assert state.patient_id == ANNA


def test_a_version_that_was_seen_changes_nothing() -> None:
    given(RECEIVED).when(report.receive, **FROM, content=CONTENT).then_nothing()
    # Late and out of order, too: the first content arrives again after the second.
    given(RECEIVED, REVISED).when(report.receive, **FROM, content=CONTENT).then_nothing()
    given(RECEIVED, REVISED).when(report.receive, **FROM, content=FINAL_CONTENT).then_nothing()


def test_the_current_version_is_the_latest_and_none_is_lost() -> None:
    state = report.evolve(report.evolve(None, RECEIVED), REVISED)
    assert state.laboratory_id == INVITRO
    assert state.current == FINAL_CONTENT
    assert state.versions == (CONTENT, FINAL_CONTENT)


def test_a_report_that_waits_finds_its_patient() -> None:
    given(HELD).when(report.match, patient_id=ANNA, matched_by="enp").then(MATCHED)
    given(HELD, REVISED).when(report.match, patient_id=ANNA, matched_by="enp").then(MATCHED)


def test_a_report_that_has_a_patient_is_left_alone() -> None:
    given(RECEIVED, MATCHED).when(report.match, patient_id=BORIS, matched_by="snils").then_nothing()
    given(RECEIVED, MATCHED, REVISED).when(report.match, patient_id=ANNA, matched_by="enp").then_nothing()


# A version about somebody else.


ENP_ONLY, SNILS_ONLY = ((identifier,) for identifier in SUBJECT.identifiers)
OTHER_ENP = Identifier(system=SUBJECT.identifiers[0].system, value="9900000000000010")


@pytest.mark.parametrize(
    "other",
    [
        replace(SUBJECT, identifiers=(OTHER_ENP, SUBJECT.identifiers[1])),
        replace(SUBJECT, identifiers=ENP_ONLY),
        replace(SUBJECT, identifiers=()),
        replace(
            SUBJECT, identifiers=(replace(SUBJECT.identifiers[0], value="9911111111111113"), *SNILS_ONLY)
        ),
        replace(SUBJECT, family="Иванова", birth_date="1990-01-01"),
    ],
    ids=["another number", "a number less", "no number", "a wrong number", "name and birth date"],
)
def test_a_version_about_somebody_else_is_refused(other: Subject) -> None:
    content = replace(FINAL_CONTENT, subject=other)
    given(RECEIVED).when(report.receive, **FROM, content=content).then_refused(SubjectDiffersError)


@pytest.mark.parametrize(
    "same",
    [
        replace(SUBJECT, family="Иванова"),
        replace(SUBJECT, birth_date="1984-02-28"),
        replace(SUBJECT, given=("Анна",), name_text=None, sex=None),
        replace(SUBJECT, identifiers=(*SUBJECT.identifiers, Identifier(system="urn:lab:card", value="7"))),
    ],
    ids=["family name", "birth date", "what does not tell persons apart", "a number of the laboratory's own"],
)
def test_a_correction_of_the_subject_is_a_further_version(same: Subject) -> None:
    corrected = replace(REVISED, content=replace(FINAL_CONTENT, subject=same))
    given(RECEIVED).when(report.receive, **FROM, content=corrected.content).then(corrected)


def test_the_order_of_the_numbers_does_not_matter() -> None:
    other = replace(SUBJECT, identifiers=(*SNILS_ONLY, *ENP_ONLY))
    assert report.is_same_subject(SUBJECT, other)


def test_the_same_number_in_another_spelling_is_the_same_number() -> None:
    spelled = replace(ENP_ONLY[0], system="1.2.643.2.69.1.1.1.6.228", value="9911 1111 1111 1112")
    assert spelled.value.replace(" ", "") == ENP
    assert report.is_same_subject(SUBJECT, replace(SUBJECT, identifiers=(spelled, *SNILS_ONLY)))


# Another report under the same number.


def content_of(*codes: str) -> report_content.ReportContent:
    observations = tuple(
        Observation(
            code=Concept(codings=(Coding(system="http://loinc.org", code=code),)),
            status=ObservationStatus.FINAL,
        )
        for code in codes
    )
    return replace(CONTENT, observations=observations)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (("1", "2"), ("2", "3"), True),
        (("1",), ("1",), True),
        (("1",), ("2",), False),
        ((), ("2",), True),
        (("1",), (), True),
    ],
)
def test_content_that_shares_no_measured_code_is_another_report(
    before: tuple[str, ...], after: tuple[str, ...], *, expected: bool
) -> None:
    state = report.evolve(None, replace(RECEIVED, content=content_of(*before)))
    assert report.is_further_version(state, content_of(*after)) is expected
