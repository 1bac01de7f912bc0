"""When a number that leads to a patient is doubted, and when a person is asked whether a name is theirs."""

from dataclasses import replace

import pytest

from domain import patient
from domain.matching import (
    IDENTITY_CONTRADICTS,
    LABORATORY_PATIENT_ID,
    PATIENT_AMBIGUOUS,
    Agreement,
    agreement,
    contradicts,
    doubted,
    is_proposed,
)
from domain.numbers import LaboratoryNumber, laboratory_numbers, numbers_of
from domain.patient import (
    LaboratoryPatientIdLinked,
    LaboratoryPatientIdUnknownError,
    LaboratoryPatientIdUnlinked,
    Patient,
    PatientRegistered,
)
from domain.report_content import Subject
from domain.values import Identifier, LaboratoryId
from tests.examples import ENP, INVITRO, OTHER_REPORT, PROFILE, SNILS, SUBJECT
from tests.scenario import given

ENP_SYSTEM, SNILS_SYSTEM = "urn:oid:1.2.643.2.69.1.1.1.6.228", "urn:oid:1.2.643.100.3"
OTHER_ENP, OTHER_SNILS = "9900000000000010", "90000005900"
ANNA = Patient(locale="ru", profile=PROFILE, policy=ENP)
PLAIN = replace(SUBJECT, identifiers=())


def numbered(*numbers: tuple[str | None, str], subject: Subject = PLAIN) -> Subject:
    return replace(subject, identifiers=tuple(Identifier(system=s, value=v) for s, v in numbers))


# The laboratory's own numbers.


def test_whatever_is_not_a_policy_or_snils_is_the_laboratorys_own() -> None:
    sent = (
        Identifier(system=ENP_SYSTEM, value=ENP),
        Identifier(system=SNILS_SYSTEM, value="254-636-254 26"),
        Identifier(system="urn:lab:patients", value=" П-0042 "),
        Identifier(value="17"),
        Identifier(value="17"),
    )
    own = (LaboratoryNumber("urn:lab:patients", "П-0042"), LaboratoryNumber("", "17"))
    assert laboratory_numbers(sent) == own


@pytest.mark.parametrize("filler", ["0000", "N/A", "", "-", "неизвестно", "0"])
def test_a_filler_is_nobodys_number(filler: str) -> None:
    assert laboratory_numbers((Identifier(system="urn:lab:patients", value=filler),)) == ()


def test_system_and_number_are_told_apart() -> None:
    assert LaboratoryNumber("a", "b|c").text != LaboratoryNumber("a|b", "c").text


# A number that leads to the patient.


def test_nothing_is_doubted_when_name_and_date_are_as_stated() -> None:
    for kind in ("enp", "snils", LABORATORY_PATIENT_ID):
        assert doubted(ANNA, SUBJECT, matched_by=kind) is None
    assert doubted(None, SUBJECT, matched_by="enp") is None
    assert doubted(Patient(locale="ru"), SUBJECT, matched_by="enp") is None


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"family": "Орлова"}, None),
        ({"birth_date": "1990-01-01"}, None),
        ({"family": "Орлова", "birth_date": "1990-01-01"}, IDENTITY_CONTRADICTS),
        ({"family": "Орлова", "birth_date": "1990"}, IDENTITY_CONTRADICTS),
        ({"family": "Орлова", "birth_date": "1984"}, None),
        ({"family": "Орлова", "birth_date": None}, None),
        ({"family": None, "name_text": None, "given": (), "birth_date": "1990-01-01"}, None),
        ({"family": None, "name_text": "Орлов Борис", "birth_date": "1975-06-30"}, IDENTITY_CONTRADICTS),
        ({"family": "SOKOLOV", "birth_date": "1990-01-01"}, None),
        ({"family": "Саколова", "birth_date": "1990-01-01"}, None),
        ({"family": "Орлова-Соколова", "birth_date": "1990-01-01"}, None),
        ({"given": ("Борис",), "sex": "male"}, None),
    ],
)
def test_a_checked_number_outweighs_one_difference_but_not_name_and_date(
    changed: dict[str, object], expected: str | None
) -> None:
    assert doubted(ANNA, replace(SUBJECT, **changed), matched_by="snils") == expected


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"family": "Орлова"}, IDENTITY_CONTRADICTS),
        ({"birth_date": "1984-02-28"}, IDENTITY_CONTRADICTS),
        ({"given": ("Мария", "Петровна")}, IDENTITY_CONTRADICTS),
        ({"sex": "male"}, IDENTITY_CONTRADICTS),
        ({"given": ("А.", "П.")}, None),
        ({"family": "SOKOLOVA", "given": ("Anna",)}, None),
        ({"birth_date": "1984-02", "sex": "unknown", "family": None, "name_text": None, "given": ()}, None),
    ],
)
def test_the_laboratorys_own_number_outweighs_no_difference(
    changed: dict[str, object], expected: str | None
) -> None:
    assert doubted(ANNA, replace(SUBJECT, **changed), matched_by=LABORATORY_PATIENT_ID) == expected


def test_a_good_number_that_is_not_the_patients_makes_it_ambiguous() -> None:
    other = numbered((SNILS_SYSTEM, OTHER_SNILS))
    assert doubted(ANNA, other, matched_by=LABORATORY_PATIENT_ID) == PATIENT_AMBIGUOUS
    assert doubted(ANNA, numbered((ENP_SYSTEM, ENP), (SNILS_SYSTEM, OTHER_SNILS)), matched_by="enp") == (
        PATIENT_AMBIGUOUS
    )


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ([], False),
        ([(ENP_SYSTEM, ENP), (SNILS_SYSTEM, SNILS)], False),
        ([(ENP_SYSTEM, OTHER_ENP)], True),
        ([(SNILS_SYSTEM, OTHER_SNILS)], True),
        # Sent twice, once with the patient's own: the laboratory keeps an old policy too.
        ([(ENP_SYSTEM, OTHER_ENP), (ENP_SYSTEM, ENP)], False),
        # A wrong check digit says nothing of anybody.
        ([(SNILS_SYSTEM, "254-636-254 26")], False),
    ],
)
def test_a_number_contradicts_only_another_of_its_kind(sent: list[tuple[str, str]], expected: bool) -> None:
    assert contradicts(ANNA, numbers_of(numbered(*sent).identifiers)) is expected
    assert contradicts(Patient(locale="ru"), numbers_of(numbered(*sent).identifiers)) is False


# Asking a person.


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, True),
        ({"given": ("Анна",)}, True),
        ({"sex": None}, True),
        ({"sex": "unknown"}, True),
        ({"family": "SOKOLOVA", "given": ("PETROVNA", "ANNA"), "name_text": None}, True),
        ({"family": None, "given": (), "name_text": "Анна Петровна Соколова"}, True),
        ({"birth_date": "1984-02-29T00:00:00Z"}, True),
        ({"sex": "male"}, False),
        ({"birth_date": "1984-02"}, False),
        ({"birth_date": "1984-02-28"}, False),
        ({"birth_date": None}, False),
        ({"given": ("Анна", "Ивановна")}, False),
        ({"given": ("Мария", "Петровна")}, False),
        ({"family": "Орлова"}, False),
        ({"given": (), "name_text": None}, False),
    ],
)
def test_name_birth_date_and_sex_propose(changed: dict[str, object], expected: bool) -> None:
    assert is_proposed(PROFILE, replace(SUBJECT, **changed)) is expected


def test_a_person_sees_what_agrees() -> None:
    assert agreement(PROFILE, SUBJECT) == Agreement(True, True, True, True)
    assert agreement(PROFILE, Subject()) == Agreement(None, None, None, None)
    other = Subject(family="Орлов", given=("Борис",), birth_date="1975-06-30", sex="male")
    assert agreement(PROFILE, other) == Agreement(False, False, False, False)
    assert agreement(PROFILE, replace(SUBJECT, birth_date="1984")).birth_date is None


# Linking the laboratory's own number.

REGISTERED = PatientRegistered(locale="ru")
GIVEN = LaboratoryNumber("urn:lab:patients", "П-0042")
LINKED = LaboratoryPatientIdLinked(laboratory_id=INVITRO, system=GIVEN.system, number=GIVEN.number)
UNLINKED = LaboratoryPatientIdUnlinked(laboratory_id=INVITRO, system=GIVEN.system, number=GIVEN.number)


def test_a_laboratorys_number_is_linked_once_and_can_be_unlinked() -> None:
    given(REGISTERED).when(patient.link_laboratory_number, INVITRO, GIVEN).then(LINKED)
    given(REGISTERED, LINKED).when(patient.link_laboratory_number, INVITRO, GIVEN).then_nothing()
    given(REGISTERED, LINKED).when(patient.unlink_laboratory_number, INVITRO, GIVEN).then(UNLINKED)
    given(REGISTERED, LINKED, UNLINKED).when(patient.link_laboratory_number, INVITRO, GIVEN).then(LINKED)


def test_what_is_not_linked_is_not_unlinked() -> None:
    for known in ((REGISTERED,), (REGISTERED, LINKED, UNLINKED)):
        given(*known).when(patient.unlink_laboratory_number, INVITRO, GIVEN).then_refused(
            LaboratoryPatientIdUnknownError
        )
    elsewhere = LaboratoryId(OTHER_REPORT)
    given(REGISTERED, LINKED).when(patient.unlink_laboratory_number, elsewhere, GIVEN).then_refused(
        LaboratoryPatientIdUnknownError
    )
