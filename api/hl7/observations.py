"""OBX as an observation, with the notes (NTE) that follow it."""

from dataclasses import dataclass, field

from api.hl7.datatypes import concept, concepts, words
from api.hl7.quantities import reference_range, unit_of
from api.hl7.syntax import Element, Segment
from api.hl7.tables import OBSERVATION_STATUSES, interpretation_of
from api.hl7.times import date_time
from api.hl7.values import measured
from domain.report_content import Attachment, Observation, ObservationStatus
from domain.values import Coding, Concept


@dataclass(slots=True)
class SentObservation:
    """An OBX and the comments behind it."""

    segment: Segment
    notes: list[str] = field(default_factory=list)


def observation_of(
    sent: SentObservation, *, source_id: str | None, status: ObservationStatus, notes: tuple[str, ...]
) -> tuple[Observation, tuple[Attachment, ...]]:
    """The observation, and the documents in it. `status` is for one that does not say its own; `notes`
    are of all observations of the report."""
    segment = sent.segment
    code = concept(segment.first(3)) or Concept()
    unit = unit_of(segment)
    found = measured(segment, code, unit)
    said, status_notes = status_of(segment, status)
    effective_at, time_notes = time_of(segment, 14)
    methods = concepts(segment, 17)
    other_methods = (f"OBX-17: {words(method)}" for method in methods[1:])
    limits = reference_range(segment, unit)
    observation = Observation(
        code=code,
        status=said,
        value=found.value,
        components=found.components,
        data_absent_reason=found.data_absent_reason,
        interpretation=_interpretation(segment),
        reference_ranges=(limits,) if limits else (),
        category=tuple(map(_category, segment.repetitions(29))),
        effective_at=effective_at,
        method=methods[0] if methods else None,
        notes=(*sent.notes, *found.notes, *status_notes, *time_notes, *other_methods, *notes),
        source_id=source_id,
        is_final_as_sent=(segment.code(11) or "").upper() == "U" and found.value is None,
    )
    return observation, found.attachments


def status_of(segment: Segment, otherwise: ObservationStatus) -> tuple[ObservationStatus, tuple[str, ...]]:
    sent = segment.code(11)
    if sent is None:
        return otherwise, ()
    known = OBSERVATION_STATUSES.get(sent.upper())
    return (known, ()) if known else (ObservationStatus.UNKNOWN, (f"OBX-11: {sent}",))


def time_of(segment: Segment, number: int) -> tuple[str | None, tuple[str, ...]]:
    """A time as FHIR dateTime; what is no time is kept in a note."""
    sent = segment.code(number)
    found = date_time(sent)
    return found, (f"{segment.name}-{number}: {sent}",) if sent and found is None else ()


def _interpretation(segment: Segment) -> tuple[Concept, ...]:
    found = (_flag(one) for one in segment.repetitions(8))
    return tuple(one for one in found if one)


def _flag(sent: Element) -> Concept | None:
    code = sent.code(1)
    if code is None:
        return concept(sent)
    return Concept(codings=(interpretation_of(code, sent.code(3), sent.text(2)),), text=sent.text(9))


def _category(sent: Element) -> Concept:
    """OBX-29: whether it is a result, or an answer to a question that was asked with the order."""
    return Concept(codings=(Coding(system="HL70936", code=sent.code(1)),))
