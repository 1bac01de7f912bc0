"""What the list of a cabinet shows of a report, and what its flags mean to a reader."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from domain.admission import Filing, filing_of
from domain.reference_ranges import limits_for
from domain.report_content import Observation, ReportContent
from domain.study_type import StudyType
from domain.values import Concept


@dataclass(frozen=True, slots=True)
class Summary:
    """What the list shows of a report."""

    title: str | None
    laboratory: str | None
    issued_at: str | None
    collected_at: str | None
    observations: int
    flagged: int
    critical: int
    # As of Filing; where a report belongs is decided when it is shown, for departments may move.
    names: list[str] = field(default_factory=list)
    study_types: list[StudyType] = field(default_factory=list)

    @property
    def filing(self) -> Filing:
        return Filing(names=tuple(self.names), study_types=tuple(map(StudyType, self.study_types)))


def flag_of(interpretation: Sequence[Concept]) -> str | None:
    """The flag of an observation in HL7 v2 table 0078, which FHIR interpretation continues."""
    for concept in interpretation:
        for coding in concept.codings:
            if coding.code:
                return coding.code
    return None


FLAG_WORDS = {
    "L": "low",
    "LL": "critical-low",
    "LU": "low",
    "H": "high",
    "HH": "critical-high",
    "HU": "high",
    "<": "low",
    ">": "high",
    "A": "abnormal",
    "AA": "critical",
    "H>": "high",
    "L<": "low",
    "HX": "high",
    "LX": "low",
    "RR": "abnormal",
    "WR": "abnormal",
    "NR": "normal",
    "POS": "abnormal",
    "DET": "abnormal",
    "N": "normal",
    "NEG": "normal",
    "ND": "normal",
}


def stated_word(interpretation: Sequence[Concept]) -> str | None:
    """What the laboratory's flag means to a reader. It may be said in another code system too, and before."""
    codes = (coding.code.upper() for concept in interpretation for coding in concept.codings if coding.code)
    return next((FLAG_WORDS[code] for code in codes if code in FLAG_WORDS), None)


def flag_word(observation: Observation) -> str | None:
    """What the flag means to a reader: from the laboratory's interpretation, else from a plain range."""
    if flag_of(observation.interpretation) is not None:
        return stated_word(observation.interpretation)
    quantity = observation.value.quantity if observation.value else None
    if quantity is None or quantity.comparator or not observation.reference_ranges:
        return None
    number, limits = quantity.number, limits_for(quantity, observation.reference_ranges)
    if number is None or limits is None:
        return None
    if limits.are_above(number):
        return "low"
    return "high" if limits.are_below(number) else "normal"


def title_of(concept: Concept | None) -> str | None:
    """The words for a concept: its text, else the first display, else the first code."""
    if concept is None:
        return None
    displays = [coding.display for coding in concept.codings if coding.display]
    codes = [coding.code for coding in concept.codings if coding.code]
    return concept.text or next(iter(displays), None) or next(iter(codes), None)


def studied_at(content: ReportContent) -> str | None:
    """When the sample was taken, or what stands for it; as sent."""
    collected = (specimen.collected_at for specimen in content.specimens if specimen.collected_at)
    return next(collected, None) or content.effective_at or content.issued_at


def summarise(content: ReportContent) -> Summary:
    words = [flag_word(observation) for observation in content.observations]
    first = content.observations[0] if content.observations else None
    collected = [specimen.collected_at for specimen in content.specimens if specimen.collected_at]
    filing = filing_of(content)
    return Summary(
        title=title_of(content.code) or (title_of(first.code) if first else None),
        laboratory=content.performer,
        issued_at=content.issued_at,
        collected_at=next(iter(collected), content.effective_at),
        observations=len(content.observations),
        flagged=sum(word not in (None, "normal") for word in words),
        critical=sum(word is not None and word.startswith("critical") for word in words),
        names=list(filing.names),
        study_types=list(filing.study_types),
    )
