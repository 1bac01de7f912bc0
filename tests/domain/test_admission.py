"""What a laboratory sent is used if it may send it; a department, or else the study type, says where it belongs."""

from dataclasses import replace
from datetime import date
from functools import reduce

import pytest

from domain import admission, laboratory
from domain.admission import Sending, admit, filing_of, section_of
from domain.laboratory import (
    DepartmentAdded,
    DepartmentRemoved,
    LaboratoryAccredited,
    LaboratoryEvent,
    LaboratoryFormatsAllowed,
    LaboratoryKindStated,
    LaboratoryStudyTypesAllowed,
)
from domain.organisation import USUAL_FORMATS, Format, OrganisationKind
from domain.report_content import ReportContent
from domain.study_type import StudyType, study_types_of
from domain.values import Coding, Concept
from tests.examples import ACCREDITED, DEPARTMENT, MINIMAL_CONTENT, REGISTERED

DAY = date(2026, 11, 25)
LOINC = "http://loinc.org"
NOTHING_TOLD = frozenset[StudyType]()


def admitted(
    *events: LaboratoryEvent,
    on: date = DAY,
    sent_as: Format | None = Format.FHIR,
    types: object = NOTHING_TOLD,
) -> str | None:
    state = reduce(laboratory.evolve, (REGISTERED, *events), None)
    assert state is not None
    assert isinstance(types, frozenset)
    return admit(Sending(laboratory=state, on=on, sent_as=sent_as), types)


# Accreditation.


def test_the_last_day_of_the_accreditation_still_counts() -> None:
    until = replace(ACCREDITED, valid_until=DAY)
    assert admitted(until) is None
    assert admitted(until, on=date(2026, 11, 26)) == admission.ACCREDITATION_ENDED


def test_an_accreditation_without_an_end_and_none_at_all_are_no_obstacle() -> None:
    assert admitted(replace(ACCREDITED, valid_until=None), on=date(2100, 1, 1)) is None
    assert admitted(on=date(2100, 1, 1)) is None


def test_the_latest_accreditation_counts() -> None:
    old, new = (
        LaboratoryAccredited(certificate_number=number, valid_until=date(year, 1, 1))
        for number, year in (("1", 2026), ("2", 2027))
    )
    assert admitted(old) == admission.ACCREDITATION_ENDED
    assert admitted(old, new) is None
    assert admitted(new, old) == admission.ACCREDITATION_ENDED


# Formats.


@pytest.mark.parametrize("kind", OrganisationKind)
@pytest.mark.parametrize("sent_as", Format)
def test_the_kind_of_the_organisation_decides_the_formats(kind: OrganisationKind, sent_as: Format) -> None:
    expected = None if sent_as in USUAL_FORMATS[kind] else admission.FORMAT_NOT_ALLOWED
    assert admitted(LaboratoryKindStated(kind=kind), sent_as=sent_as) == expected


def test_a_clinic_sends_documents() -> None:
    clinic = LaboratoryKindStated(kind=OrganisationKind.CLINIC)
    assert admitted(clinic, sent_as=Format.PDF) is None
    assert admitted(clinic, sent_as=Format.HL7_V2) == admission.FORMAT_NOT_ALLOWED


@pytest.mark.parametrize("sent_as", Format)
def test_a_laboratory_of_no_stated_kind_sends_any_format(sent_as: Format) -> None:
    assert admitted(sent_as=sent_as) is None


def test_a_permission_in_so_many_words_goes_before_the_kind_until_it_is_taken_back() -> None:
    clinic = LaboratoryKindStated(kind=OrganisationKind.CLINIC)
    only_fhir = LaboratoryFormatsAllowed(formats=(Format.FHIR,))
    assert admitted(clinic, only_fhir, sent_as=Format.FHIR) is None
    assert admitted(only_fhir, clinic, sent_as=Format.PDF) == admission.FORMAT_NOT_ALLOWED
    assert admitted(clinic, only_fhir, LaboratoryFormatsAllowed(), sent_as=Format.PDF) is None


def test_a_format_that_cannot_be_told_is_not_refused_for_it() -> None:
    assert admitted(LaboratoryKindStated(kind=OrganisationKind.CLINIC), sent_as=None) is None


# Study types.

ONLY_BLOOD = LaboratoryStudyTypesAllowed(study_types=(StudyType.BLOOD_COUNT, StudyType.COAGULATION))


def test_study_types_that_are_not_allowed_are_refused_and_those_that_cannot_be_told_are_not() -> None:
    assert admitted(ONLY_BLOOD, types=frozenset({StudyType.BLOOD_COUNT})) is None
    assert admitted(ONLY_BLOOD, types=NOTHING_TOLD) is None
    mixed = frozenset({StudyType.BLOOD_COUNT, StudyType.HORMONES})
    assert admitted(ONLY_BLOOD, types=mixed) == admission.STUDY_TYPE_NOT_ALLOWED
    assert admitted(types=mixed) is None


def test_a_new_list_of_study_types_replaces_the_old_and_an_empty_one_allows_all() -> None:
    hormones = frozenset({StudyType.HORMONES})
    only_hormones = LaboratoryStudyTypesAllowed(study_types=(StudyType.HORMONES,))
    assert admitted(ONLY_BLOOD, only_hormones, types=hormones) is None
    assert admitted(only_hormones, ONLY_BLOOD, types=hormones) == admission.STUDY_TYPE_NOT_ALLOWED
    assert admitted(ONLY_BLOOD, LaboratoryStudyTypesAllowed(), types=hormones) is None


def concept(system: str | None, code: str, text: str | None = None) -> Concept:
    return Concept(codings=(Coding(system=system, code=code),), text=text)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (concept(LOINC, "58410-2"), {StudyType.BLOOD_COUNT}),
        (concept(LOINC, "24331-1"), {StudyType.BIOCHEMISTRY}),
        (concept(LOINC, "24356-8"), {StudyType.URINALYSIS}),
        (concept(LOINC, "3016-3"), {StudyType.HORMONES}),
        (Concept(text="Общий  анализ КРОВИ"), {StudyType.BLOOD_COUNT}),
        (concept("urn:lab", "58410-2"), set()),
        (concept(LOINC, "11502-2", "Laboratory report"), set()),
        (Concept(), set()),
    ],
)
def test_the_code_of_a_report_tells_its_study_type(said: Concept, expected: set[StudyType]) -> None:
    assert study_types_of(replace(MINIMAL_CONTENT, code=said)) == expected


@pytest.mark.parametrize(
    ("filed", "expected"),
    [
        (concept("HL70074", "CH"), {StudyType.BIOCHEMISTRY}),
        (concept("http://terminology.hl7.org/CodeSystem/v2-0074", "mb"), {StudyType.MICROBIOLOGY}),
        (concept("HL70074", "RUS"), {StudyType.INSTRUMENTAL}),
        (concept(LOINC, "18729-4"), {StudyType.URINALYSIS}),
        (concept("HL70074", "LAB"), set()),
        (concept("HL70074", "A999"), set()),
        (concept(None, "CH"), set()),
        (
            concept("http://terminology.hl7.org/CodeSystem/observation-category", "imaging"),
            {StudyType.INSTRUMENTAL},
        ),
        (concept("http://terminology.hl7.org/CodeSystem/observation-category", "laboratory"), set()),
    ],
)
def test_the_section_that_a_report_was_filed_under_tells_its_study_type(
    filed: Concept, expected: set[StudyType]
) -> None:
    assert study_types_of(replace(MINIMAL_CONTENT, category=(filed,))) == expected


def test_what_a_report_says_of_itself_goes_before_its_section() -> None:
    content = replace(MINIMAL_CONTENT, code=concept(LOINC, "24331-1"), category=(concept("HL70074", "HM"),))
    assert study_types_of(content) == {StudyType.BIOCHEMISTRY}


def test_a_report_of_several_sections_is_of_several_types() -> None:
    content = replace(MINIMAL_CONTENT, category=(concept(LOINC, "18719-5"), concept(LOINC, "18723-7")))
    assert study_types_of(content) == {StudyType.BIOCHEMISTRY, StudyType.BLOOD_COUNT}


# Sections of the cabinet.

HISTORY: tuple[LaboratoryEvent, ...] = (REGISTERED, DEPARTMENT)
LABORATORY = reduce(laboratory.evolve, HISTORY, None)
BIOCHEMISTRY = (concept("HL70074", "CH"),)


@pytest.mark.parametrize(
    "content",
    [
        replace(MINIMAL_CONTENT, category=(*BIOCHEMISTRY, concept("urn:lab", "узи-1"))),
        replace(MINIMAL_CONTENT, category=BIOCHEMISTRY, performer="Смирнова Александра; отделение  УЗИ"),
        replace(MINIMAL_CONTENT, category=(Concept(text="Отделение УЗИ"),)),
    ],
)
def test_the_department_says_in_which_section_a_report_belongs(content: ReportContent) -> None:
    assert LABORATORY is not None
    assert section_of(LABORATORY, filing_of(content)) is StudyType.INSTRUMENTAL


def test_without_a_department_the_only_study_type_is_the_section() -> None:
    assert LABORATORY is not None
    one = replace(MINIMAL_CONTENT, category=BIOCHEMISTRY, performer="Отделение УЗИ-1 поликлиники")
    assert section_of(LABORATORY, filing_of(one)) is StudyType.BIOCHEMISTRY
    two = replace(MINIMAL_CONTENT, category=(*BIOCHEMISTRY, concept("HL70074", "HM")))
    assert section_of(LABORATORY, filing_of(two)) is None
    assert section_of(LABORATORY, filing_of(MINIMAL_CONTENT)) is None


def test_a_removed_department_decides_nothing_and_the_latest_under_a_code_counts() -> None:
    content = replace(MINIMAL_CONTENT, category=(concept(None, "УЗИ-1"),))
    moved = DepartmentAdded(code="УЗИ-1", name="Отделение", section=StudyType.PATHOLOGY)
    for events, expected in (
        ((DEPARTMENT, moved), StudyType.PATHOLOGY),
        ((DEPARTMENT, DepartmentRemoved(code="УЗИ-1")), None),
    ):
        state = reduce(laboratory.evolve, (REGISTERED, *events), None)
        assert state is not None
        assert section_of(state, filing_of(content)) is expected
