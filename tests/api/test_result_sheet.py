"""The sheet of a result: which version it is of, and who may see it."""

from dataclasses import replace

from api.result_sheet import is_covered
from domain.guardian_sight import Sight
from domain.report_content import ReportContent, ReportStatus, Subject
from domain.study_type import StudyType
from domain.values import Coding, Concept
from tests.api.report_samples import SHEET

PLAIN = replace(SHEET, content=ReportContent(status=ReportStatus.FINAL, subject=Subject()))


def sight(*sections: StudyType) -> Sight:
    return Sight(may_act=False, sections=frozenset(sections))


def test_a_guardian_needs_both_the_section_and_what_the_codes_say() -> None:
    filed = replace(PLAIN, section=StudyType.HORMONES)
    assert is_covered(filed, sight(StudyType.HORMONES))
    assert not is_covered(filed, sight(StudyType.BIOCHEMISTRY))
    blood_count = Concept(codings=(Coding(system="http://loinc.org", code="18723-7"),))
    coded = replace(filed, content=replace(PLAIN.content, category=(blood_count,)))
    assert not is_covered(coded, sight(StudyType.HORMONES)), "its codes are of the blood count"
    assert is_covered(coded, sight(*StudyType))


def test_the_version_that_was_replaced_is_the_one_that_stood_before() -> None:
    first, second = SHEET.versions
    late = replace(second, number=2, is_late=True)
    third = replace(second, number=3)
    of_three = replace(SHEET, version=3, current=3, versions=(first, late, third))
    assert of_three.replaced == 1, "what never stood was never replaced"
    assert replace(of_three, version=2).replaced is None
    assert replace(of_three, version=1).replaced is None and not replace(of_three, version=1).is_current
