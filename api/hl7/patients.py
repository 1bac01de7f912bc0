"""PID as the subject of a report: every number, the legal name, date of birth, sex."""

from api.hl7.datatypes import patient_identifier
from api.hl7.syntax import Element, Segment
from api.hl7.tables import SEXES
from api.hl7.times import birth_date
from domain.report_content import Subject


def subject_of(patient: Segment) -> Subject:
    name = _legal_name(patient.repetitions(5))
    # Before version 2.3.1 the number may be in PID-2, and some have it as another one, in PID-4.
    sent = patient.repetitions(3) or patient.repetitions(2) or patient.repetitions(4)
    identifiers = (patient_identifier(one) for one in sent)
    sex = patient.code(8)
    return Subject(
        family=_family(name) if name else None,
        given=_given(name) if name else (),
        birth_date=birth_date(patient.code(7)),
        sex=SEXES.get(sex.upper()) if sex else None,
        identifiers=tuple(one for one in identifiers if one),
    )


def _legal_name(names: tuple[Element, ...]) -> Element | None:
    """The legal one, else one that does not say what it is, else the first."""
    for wanted in ("L", None):
        for name in names:
            if name.code(7) == wanted:
                return name
    return names[0] if names else None


def _family(name: Element) -> str | None:
    """The surname (FN.1); one that is sent only in pieces (own prefix and surname) is put together."""
    family = name.part(1)
    if whole := family.code(1):
        return whole
    return " ".join(piece for place in (2, 3) if (piece := family.code(place))) or None


def _given(name: Element) -> tuple[str, ...]:
    return tuple(piece for place in (2, 3) if (piece := name.code(place)))
