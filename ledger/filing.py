"""Filing: each report in a submission goes to its stream, as a first version or a further one."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import NamedTuple
from uuid import UUID

from domain import report, versions
from domain.numbers import numbers_of
from domain.report import Report, ReportReceived, ReportRekeyed, ReportRevised, SubjectDiffersError
from domain.report_content import ReportContent
from domain.submission import ReportOutcome, SubmittedReport
from domain.values import Coding, Concept, LaboratoryId
from ledger.announcing import announcement_of, not_announced, withdrawal_notices
from ledger.codec import to_data
from ledger.matching import Match, barrier_of, match_of, proposed
from ledger.recorder import Guard, Mark
from ledger.sight import Sight
from ledger.store import Ledger, StreamErasedError, Write

# In the blind index: by what a report without a number of its own is known again.
CONTENT_MARK = "report-content"


@dataclass(frozen=True, slots=True)
class Draft:
    """What one report adds to the append."""

    submitted: SubmittedReport
    writes: tuple[Write, ...]
    guards: tuple[Guard, ...] = ()
    marks: tuple[Mark, ...] = ()


@dataclass(frozen=True, slots=True)
class Source:
    """Where contents come from. `is_moved`: an operator knows that a version about another person than the
    versions before takes the report away from that one."""

    laboratory_id: LaboratoryId
    submission_id: UUID
    is_moved: bool = False


class _Place(NamedTuple):
    """The stream of a report, and what it holds by now."""

    report_id: UUID
    state: Report | None
    version: int


def first_places(ledger: Ledger, source: Source, contents: Sequence[ReportContent]) -> list[UUID]:
    """The streams that the reports are looked for in first."""
    keys = (_key_of(source, order, content) for order, content in enumerate(contents))
    return list(dict.fromkeys(_stream(ledger, source.laboratory_id, key, 1) for key in keys))


def drafts_of(sight: Sight, source: Source, contents: Sequence[ReportContent]) -> Iterator[Draft]:
    """Each report decided on its own stream. SubjectDiffersError if one is about somebody else than the
    versions before it."""
    taken: set[UUID] = set()
    marked: set[str] = set()
    for order, content in enumerate(contents):
        key = _key_of(source, order, content)
        place = _place_of(sight, source.laboratory_id, content, key, taken)
        try:
            events = _received(place.state, source, content)
        except SubjectDiffersError:
            if not source.is_moved:
                raise
            yield _withdrawn(sight, place)
            taken.add(place.report_id)
            place = _place_of(sight, source.laboratory_id, content, key, taken)
            events = _received(place.state, source, content)
        taken.add(place.report_id)
        if place.state is None:
            yield _first_version(sight, place, source, content, events, marked=marked)
        else:
            yield _further_version(sight, place, place.state, events)


def _received(
    state: Report | None, source: Source, content: ReportContent
) -> tuple[ReportReceived | ReportRevised, ...]:
    return report.receive(
        state, laboratory_id=source.laboratory_id, submission_id=source.submission_id, content=content
    )


def _first_version(
    sight: Sight,
    place: _Place,
    source: Source,
    content: ReportContent,
    events: Sequence[ReportReceived | ReportRevised],
    *,
    marked: set[str],
) -> Draft:
    ledger, report_id = sight.ledger, place.report_id
    match = _nobodys(content) or match_of(sight, content)
    submitted = SubmittedReport(
        report_id=report_id, version=1, outcome=ReportOutcome.RECORDED, held=match.held
    )
    marks = _content_marks(ledger, source.laboratory_id, content, report_id, marked)
    if match.patient_id is None or match.permitted is None:
        withdrawn = report.withdraw(report.evolve(None, events[0])) if content.is_of_another_patient else ()
        write = Write(report_id, 0, (*events, *withdrawn), report_id)
        return Draft(submitted, (write, *proposed(ledger, report_id, match)), match.guards, marks)
    matched = report.ReportMatched(
        patient_id=match.patient_id, matched_by=match.matched_by, basis=match.permitted.report_basis
    )
    received = report.evolve(None, events[0])
    announced = announcement_of(ledger, match.permitted, report_id, received)
    writes = (Write(report_id, 0, (*events, matched), report_id), *announced)
    return Draft(submitted, writes, (*match.guards, *match.permitted.notice_guards), marks)


def _nobodys(content: ReportContent) -> Match | None:
    """A report that arrives with the word that it was another patient's is given to nobody."""
    if not content.is_of_another_patient:
        return None
    return Match(None, "", "withdrawn-by-laboratory", ())


def _further_version(
    sight: Sight, place: _Place, state: Report, events: Sequence[ReportReceived | ReportRevised]
) -> Draft:
    report_id, number = place.report_id, len(state.versions) + len(events)
    outcome = ReportOutcome.RECORDED if events else ReportOutcome.DUPLICATE
    submitted = SubmittedReport(report_id=report_id, version=number, outcome=outcome)
    if not events:
        return Draft(submitted, ())
    (revised,) = events
    if revised.content.is_of_another_patient:
        return _taken_back(sight, place, state, submitted, events)
    if state.patient_id is None:
        return Draft(submitted, (Write(report_id, place.version, events, report_id),))
    return _version_of_patients(sight, place, state, submitted, revised)


def _version_of_patients(
    sight: Sight,
    place: _Place,
    state: Report,
    submitted: SubmittedReport,
    revised: ReportReceived | ReportRevised,
) -> Draft:
    """A version of a report that a patient has: it reaches them if that is permitted by now, else they keep
    what they have, and nothing is sent of it. It is permitted as a whole: what it says decides, not what the
    version before said."""
    assert state.patient_id is not None
    ledger, report_id, number = sight.ledger, place.report_id, submitted.version
    after = report.evolve(state, revised)
    barrier = barrier_of(sight, state.patient_id, after.current)
    permitted = barrier.permitted
    flow = report.flow(state, barrier=barrier.code, basis=permitted.report_basis)
    # Held before it and released after it: what was not permitted is in no reader's sight for a moment.
    events = (revised, *flow) if barrier.code is None else (*flow, revised)
    write = Write(report_id, place.version, events, report_id)
    is_late = isinstance(revised, ReportRevised) and revised.is_late
    if is_late:
        notices = not_announced(ledger, state.patient_id, report_id, number)
    elif barrier.code is not None:
        basis = permitted.report_basis
        notices = not_announced(ledger, state.patient_id, report_id, number, reason=barrier.code, basis=basis)
    else:
        notices = announcement_of(ledger, permitted, report_id, after, is_known=True)
    return Draft(submitted, (write, *notices), (*barrier.guards, *permitted.notice_guards))


def _taken_back(
    sight: Sight,
    place: _Place,
    state: Report,
    submitted: SubmittedReport,
    events: Sequence[ReportReceived | ReportRevised],
) -> Draft:
    """A version that takes the report back: it leaves the cabinet of whoever has it, who is told."""
    withdrawn = report.withdraw(state)
    write = Write(place.report_id, place.version, (*events, *withdrawn), place.report_id)
    if state.patient_id is None:
        return Draft(submitted, (write,))
    permitted = sight.permitted(state.patient_id)
    notices = withdrawal_notices(sight.ledger, permitted, place.report_id, submitted.version)
    return Draft(submitted, (write, *notices), permitted.notice_guards)


def _withdrawn(sight: Sight, place: _Place) -> Draft:
    """The report that a moved one leaves behind is nobody's from now on."""
    assert place.state is not None
    number = len(place.state.versions)
    submitted = SubmittedReport(report_id=place.report_id, version=number, outcome=ReportOutcome.WITHDRAWN)
    return _taken_back(sight, place, place.state, submitted, ())


# By what a report is known again


def _place_of(
    sight: Sight,
    laboratory_id: LaboratoryId,
    content: ReportContent,
    key: tuple[str, ...],
    taken: set[UUID],
) -> _Place:
    """The stream that the report belongs to: the first under its key that is free, or of which the content
    is a further version. `taken` are those of the same submission; a stream whose content was erased is
    passed by."""
    known = _known_by_content(sight, laboratory_id, content)
    if known is not None and known.report_id not in taken:
        return known
    for place in _places(sight, laboratory_id, key):
        is_free = place.report_id not in taken
        if is_free and (place.state is None or report.is_further_version(place.state, content)):
            return place
    raise AssertionError


def _places(sight: Sight, laboratory_id: LaboratoryId, key: tuple[str, ...]) -> Iterator[_Place]:
    """The streams under a key in their order, without those whose content was erased."""
    for order in count(1):
        report_id = _stream(sight.ledger, laboratory_id, key, order)
        try:
            yield _Place(report_id, *sight.report(report_id))
        except StreamErasedError:
            continue


def _stream(ledger: Ledger, laboratory_id: LaboratoryId, key: tuple[str, ...], order: int) -> UUID:
    parts = (*key, str(order)) if order > 1 else key
    return ledger.stream_id("report", str(laboratory_id), *parts)


def successor_of(sight: Sight, report_id: UUID, state: Report) -> UUID:
    """The stream in which a report goes on whose own is to be erased: where its next version will look."""
    key = _natural_key(state.versions[0])
    if key is None:
        return sight.ledger.stream_id("report", str(state.laboratory_id), "successor", str(report_id))
    return next(place.report_id for place in _places(sight, state.laboratory_id, key) if place.state is None)


def _key_of(source: Source, order: int, content: ReportContent) -> tuple[str, ...]:
    """By what a report is known again; one that can't be is named by its place in its submission."""
    return _natural_key(content) or ("envelope", str(source.submission_id), str(order))


def _natural_key(content: ReportContent) -> tuple[str, ...] | None:
    """By what a laboratory's report is known again: its numbers and what it is of, for one number may
    stand on several reports of an order; else the sender's own name of it; else nothing."""
    coding = next(iter(content.code.codings), Coding()) if content.code else Coding()
    what = f"{coding.system or ''}|{coding.code}" if coding.code else (content.code or Concept()).text or ""
    if content.identifiers:
        numbers = sorted(f"{number.system or ''}|{number.value}" for number in content.identifiers)
        return ("numbers", *numbers, what)
    if content.source_id is not None:
        return ("source", content.source_id, what)
    return None


def _known_by_content(sight: Sight, laboratory_id: LaboratoryId, content: ReportContent) -> _Place | None:
    """A report without a number that was sent before under another name: the document's id is new, what it
    says is not."""
    number = _content_number(laboratory_id, content)
    report_id = sight.ledger.find(CONTENT_MARK, number) if number else None
    while report_id is not None:
        try:
            return _Place(report_id, *sight.report(report_id))
        except StreamErasedError:
            last = list(sight.ledger.read(report_id))[-1].event
            report_id = last.successor_id if isinstance(last, ReportRekeyed) else None
    return None


def _content_marks(
    ledger: Ledger,
    laboratory_id: LaboratoryId,
    content: ReportContent,
    report_id: UUID,
    marked: set[str],
) -> tuple[Mark, ...]:
    """None if the mark is there already: of a report that ended, or of an equal one in the same submission
    (`marked`)."""
    number = _content_number(laboratory_id, content)
    if number is None or number in marked or ledger.find(CONTENT_MARK, number) is not None:
        return ()
    marked.add(number)
    return (ledger.mark(CONTENT_MARK, number, report_id),)


def content_mark_of(ledger: Ledger, report_id: UUID, state: Report) -> tuple[Mark, ...]:
    """The mark that ends with a report, if it has one."""
    number = _content_number(state.laboratory_id, state.versions[0])
    return (ledger.mark(CONTENT_MARK, number, report_id),) if number else ()


def _content_number(laboratory_id: LaboratoryId, content: ReportContent) -> str | None:
    """A digest of what a report says, for one that has no number and was made at some time about somebody:
    then equal content is the same report, not an equal finding of another day or person."""
    has_time = content.issued_at or content.effective_at
    has_subject = numbers_of(content.subject.identifiers).good or content.subject.family
    if content.identifiers or not has_time or not has_subject:
        return None
    said = ReportReceived(
        laboratory_id=laboratory_id, submission_id=UUID(int=0), content=versions.as_said(content)
    )
    return hashlib.sha256(to_data(said)).hexdigest()
