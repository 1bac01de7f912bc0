"""A doctor says who they are; what does not fit is refused, and what was said already is not said again."""

from dataclasses import replace

import pytest

from domain import doctor
from domain.doctor import (
    ConsultationFormat,
    DoctorDescribed,
    DoctorEnded,
    DoctorFormatMissingError,
    DoctorLanguageMissingError,
    DoctorNameMissingError,
    DoctorPhoneMissingError,
    DoctorUnknownError,
    MeetingLinkUnfitError,
    Speciality,
    end,
    introduce,
    ordered,
)
from tests.examples import DOCTOR
from tests.scenario import given

VERA = DoctorDescribed(name="Орлова Вера Павловна", phone="+79990001122")


def test_a_doctor_is_introduced_and_changes_what_was_said() -> None:
    given().when(introduce, DOCTOR, VERA).then(DOCTOR, VERA)
    given(DOCTOR, VERA).when(introduce, DOCTOR, VERA).then_nothing()
    other = replace(DOCTOR, speciality=Speciality.THERAPY)
    given(DOCTOR, VERA).when(introduce, other, VERA).then(other)
    linked = replace(VERA, meeting_link="https://meet.example.org/orlova")
    given(DOCTOR, VERA).when(introduce, DOCTOR, linked).then(linked)


def test_who_ended_may_begin_again_under_the_same_name() -> None:
    given(DOCTOR, VERA).when(end).then(DoctorEnded())
    given(DOCTOR, VERA, DoctorEnded()).when(end).then_refused(DoctorUnknownError)
    given().when(end).then_refused(DoctorUnknownError)
    given(DOCTOR, VERA, DoctorEnded()).when(introduce, DOCTOR, VERA).then(DOCTOR)


def test_what_patients_need_is_asked_for() -> None:
    given().when(introduce, DOCTOR, replace(VERA, name=" ")).then_refused(DoctorNameMissingError)
    given().when(introduce, DOCTOR, replace(VERA, name="я" * 121)).then_refused(DoctorNameMissingError)
    given().when(introduce, replace(DOCTOR, formats=()), VERA).then_refused(DoctorFormatMissingError)
    given().when(introduce, replace(DOCTOR, languages=()), VERA).then_refused(DoctorLanguageMissingError)
    given().when(introduce, DOCTOR, replace(VERA, phone=None)).then_refused(DoctorPhoneMissingError)
    given().when(introduce, DOCTOR, replace(VERA, phone="112")).then_refused(DoctorPhoneMissingError)
    only_video = replace(DOCTOR, formats=(ConsultationFormat.VIDEO,))
    given().when(introduce, only_video, replace(VERA, phone=None)).then(only_video, replace(VERA, phone=None))


@pytest.mark.parametrize(
    "link",
    [
        "http://meet.example.org/a",
        "https://user@meet.example.org/a",
        "https://user:word@meet.example.org",
        "javascript:alert(1)",
        "https://",
        "https://meet.example.org/a b",
        "https://meet.example.org/" + "a" * 300,
        "https://meet.example.org/\n",
    ],
)
def test_a_meeting_link_is_https_and_names_nobody(link: str) -> None:
    given().when(introduce, DOCTOR, replace(VERA, meeting_link=link)).then_refused(MeetingLinkUnfitError)


def test_what_was_erased_leaves_the_rest() -> None:
    state = doctor.evolve(None, DOCTOR)
    assert state.name is None and state.speciality is DOCTOR.speciality
    assert introduce(state, DOCTOR, VERA) == (VERA,)


def test_a_choice_has_one_order() -> None:
    chosen = {ConsultationFormat.IN_PERSON, ConsultationFormat.VIDEO}
    assert ordered(chosen, ConsultationFormat) == (ConsultationFormat.VIDEO, ConsultationFormat.IN_PERSON)
