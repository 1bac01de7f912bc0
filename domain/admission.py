"""Admission: whether what a laboratory sent may be used, and in which section of the cabinet it belongs."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from domain.laboratory import Laboratory
from domain.organisation import Format
from domain.report_content import ReportContent
from domain.study_type import StudyType, study_types_of

# Why what was sent stays in quarantine: stable codes.
ACCREDITATION_ENDED = "accreditation-ended"
FORMAT_NOT_ALLOWED = "format-not-allowed"
STUDY_TYPE_NOT_ALLOWED = "study-type-not-allowed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """A laboratory sends something on a day; `sent_as` is None if its format can't be told."""

    laboratory: Laboratory
    on: date
    sent_as: Format | None


def admit(sending: Sending, study_types: frozenset[StudyType]) -> str | None:
    """Why what was sent is not to be used; None if it is. A format or a study type that can't be told is
    never the reason."""
    laboratory = sending.laboratory
    accreditation = laboratory.accreditation
    if accreditation and accreditation.valid_until and accreditation.valid_until < sending.on:
        return ACCREDITATION_ENDED
    if sending.sent_as is not None and sending.sent_as not in laboratory.formats:
        return FORMAT_NOT_ALLOWED
    if laboratory.study_types and not study_types <= set(laboratory.study_types):
        return STUDY_TYPE_NOT_ALLOWED
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Filing:
    """What a report says of where it belongs: names, in plain form, among which its department may be (its
    categories and performers), and its study types."""

    names: tuple[str, ...] = ()
    study_types: tuple[StudyType, ...] = ()


def filing_of(content: ReportContent) -> Filing:
    names = {_plain(text) for text in _names_in(content)} - {""}
    return Filing(names=tuple(sorted(names)), study_types=tuple(sorted(study_types_of(content))))


def section_of(laboratory: Laboratory, filing: Filing) -> StudyType | None:
    """The section of the cabinet: that of the department that issued the report, known by its code or name;
    else the report's only study type."""
    for department in laboratory.departments:
        if {_plain(department.code), _plain(department.name)} & set(filing.names):
            return department.section
    return filing.study_types[0] if len(filing.study_types) == 1 else None


def _names_in(content: ReportContent) -> Iterator[str]:
    for concept in content.category:
        yield concept.text or ""
        for coding in concept.codings:
            yield coding.code or ""
            yield coding.display or ""
    # Readers join the names of several performers so.
    yield from (content.performer or "").split(";")


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())
