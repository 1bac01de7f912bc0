"""An OBR with its observations as a report."""

from collections import Counter

from api.hl7.datatypes import concept, entity_identifier, organisation, words
from api.hl7.groups import Order
from api.hl7.observations import observation_of, time_of
from api.hl7.syntax import Segment
from api.hl7.tables import REPORT_STATUSES, ROUGH_REPORT_STATUSES
from api.hl7.times import date_time
from domain.report_content import (
    Attachment,
    Observation,
    ObservationStatus,
    ReportContent,
    ReportStatus,
    Specimen,
    status_of_observations,
)
from domain.values import Coding, Concept, Identifier

# What OBR-25 says of observations that do not say it themselves. Of a corrected report not every
# observation was corrected.
_STATUS_OF_OBSERVATIONS = {
    ReportStatus.FINAL: ObservationStatus.FINAL,
    ReportStatus.PARTIAL: ObservationStatus.PRELIMINARY,
    ReportStatus.PRELIMINARY: ObservationStatus.PRELIMINARY,
    ReportStatus.REGISTERED: ObservationStatus.REGISTERED,
    ReportStatus.CANCELLED: ObservationStatus.CANCELLED,
    ReportStatus.ENTERED_IN_ERROR: ObservationStatus.ENTERED_IN_ERROR,
}


def report_of(order: Order) -> ReportContent:
    request = order.request
    status, status_notes = _sent_status(request)
    observations, attachments = _observations(order, status)
    effective_at, effective_notes = time_of(request, 7)
    issued_at, issued_notes = time_of(request, 22)
    parent = _parent_result(request)
    return ReportContent(
        status=status or status_of_observations(one.status for one in observations),
        subject=order.subject,
        identifiers=_identifiers(order),
        code=concept(request.first(4)),
        category=_category(request),
        effective_at=effective_at,
        issued_at=issued_at,
        performer=_performer(order),
        specimens=_specimens(order),
        observations=observations,
        notes=(
            *order.notes,
            *status_notes,
            *effective_notes,
            *issued_notes,
            *_parent_order(request),
            *(parent if not observations or _is_long(parent) else ()),
        ),
        attachments=attachments,
        sent_at=order.sent_at,
        is_of_another_patient=_is_of_another_patient(order),
    )


def _is_of_another_patient(order: Order) -> bool:
    """W, "post original as wrong": of the order, or of each of its observations. One among others takes
    back itself, not the report."""
    sent = [(one.segment.code(11) or "").upper() for one in order.observations]
    return (order.request.code(25) or "").upper() == "W" or (bool(sent) and set(sent) == {"W"})


def _observations(
    order: Order, status: ReportStatus | None
) -> tuple[tuple[Observation, ...], tuple[Attachment, ...]]:
    """One for each OBX, even where several are the lines of one text: no form of OBX-4 says that they are
    for certain, each has a status of its own, and joined lines could not be told apart again."""
    otherwise = _STATUS_OF_OBSERVATIONS.get(status, ObservationStatus.UNKNOWN) if status else None
    parent = _parent_result(order.request)
    notes = () if _is_long(parent) else parent
    seen: Counter[tuple[str, str | None]] = Counter()
    observations: list[Observation] = []
    attachments: list[Attachment] = []
    for sent in order.observations:
        sub_id = sent.segment.whole(4).code()
        key = (sent.segment.raw(3), sub_id)
        seen[key] += 1
        again = f"#{seen[key]}" if seen[key] > 1 else ""
        observation, found = observation_of(
            sent,
            source_id=f"{sub_id or ''}{again}" or None,
            status=otherwise or ObservationStatus.UNKNOWN,
            notes=notes,
        )
        observations.append(observation)
        attachments += found
    return tuple(observations), tuple(attachments)


def _sent_status(request: Segment) -> tuple[ReportStatus | None, tuple[str, ...]]:
    """OBR-25, and a note where FHIR has no such word. An unknown one is left to the observations."""
    sent = request.code(25)
    if sent is None:
        return None, ()
    known = REPORT_STATUSES.get(sent.upper())
    return known, (f"OBR-25: {sent}",) if known is None or sent.upper() in ROUGH_REPORT_STATUSES else ()


def _identifiers(order: Order) -> tuple[Identifier, ...]:
    """The number of who ordered and of who filled, from OBR or else the ORC before it."""
    found = []
    for number, kind in ((2, "PLAC"), (3, "FILL")):
        identifier = entity_identifier(order.request.first(number), kind)
        if identifier is None and order.common:
            identifier = entity_identifier(order.common.first(number), kind)
        found.append(identifier)
    return tuple(one for one in found if one)


def _category(request: Segment) -> tuple[Concept, ...]:
    section = request.code(24)
    return (Concept(codings=(Coding(system="HL70074", code=section),)),) if section else ()


def _performer(order: Order) -> str | None:
    """Who performed: the organisations of OBX-23, else the producers of OBX-15, else who sent."""
    segments = [sent.segment for sent in order.observations]
    named = [organisation(segment.first(23)) for segment in segments]
    if not any(named):
        producers = (concept(segment.first(15)) for segment in segments)
        named = [words(one) for one in producers if one]
    names = dict.fromkeys(name.strip() for name in named if name)
    return "; ".join(names) or order.sender


def _specimens(order: Order) -> tuple[Specimen, ...]:
    sent = [
        Specimen(
            kind=concept(segment.first(4)),
            collected_at=date_time(segment.first(17).part(1).code(1)),
            received_at=date_time(segment.code(18)),
        )
        for segment in order.specimens
    ]
    if sent:
        return tuple(sent)
    # Before version 2.5 OBR names the specimen; its source has a code in subcomponents.
    kind = concept(order.request.first(15).part(1))
    received_at = date_time(order.request.code(14))
    return (Specimen(kind=kind, received_at=received_at),) if kind or received_at else ()


def _parent_result(request: Segment) -> tuple[str, ...]:
    """Of which result of another OBR this one is a part: of which germ a susceptibility."""
    sent = request.first(26)
    code = concept(sent.part(1))
    parts = (words(code) if code else None, sent.part(2).code(1), sent.text(3))
    text = "; ".join(part for part in parts if part)
    return (f"OBR-26: {text}",) if text else ()


def _is_long(notes: tuple[str, ...]) -> bool:
    """Whether notes are too long to be repeated with every observation."""
    return sum(map(len, notes)) > 500


def _parent_order(request: Segment) -> tuple[str, ...]:
    sent = request.first(29)
    numbers = [number for place in (1, 2) if (number := sent.part(place).code(1))]
    return (f"OBR-29: {' / '.join(numbers)}",) if numbers else ()
