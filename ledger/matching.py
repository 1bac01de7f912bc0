"""Recognising the patient of a report, and what keeps a report from a patient who was recognised."""

from dataclasses import dataclass, replace
from typing import NamedTuple
from uuid import UUID

from domain import matching, proposal, report
from domain.matching import LABORATORY_PATIENT_ID, PERSON
from domain.numbers import UNCHECKED, laboratory_numbers, numbers_of
from domain.patient import Patient
from domain.report import Report
from domain.report_content import ReportContent, Subject
from domain.study_type import study_types_of
from domain.values import LaboratoryId, OrganisationId, PatientId
from ledger.announcing import announcement_of
from ledger.codec import Circumstances
from ledger.commands import decide_again
from ledger.permissions import Permissions
from ledger.recorder import Guard
from ledger.sight import Sight
from ledger.store import Ledger, StreamErasedError, Write

MATCHER = Circumstances(actor="system:matcher")


@dataclass(frozen=True, slots=True)
class Match:
    """Whose report it is, or why it waits; `guards` are the streams that this rests on. `proposed_to` is the
    patient whom a number names against what is said of the person: a person decides."""

    patient_id: PatientId | None
    matched_by: str
    held: str | None
    guards: tuple[Guard, ...]
    proposed_to: PatientId | None = None
    permitted: Permissions | None = None


def match_of(sight: Sight, content: ReportContent) -> Match:
    """By checked numbers, and by the laboratory's own that a person has linked; never by a name."""
    subject = content.subject
    found = owners_of(sight, subject)
    held = matching.unrecognised(numbers_of(subject.identifiers), [owner for owner, _ in found])
    if held is not None:
        return Match(None, "", held, ())
    patient_id, kind = found[0]
    barrier = barrier_of(sight, patient_id, content)
    doubt = matching.doubted(barrier.patient, subject, matched_by=kind)
    if doubt is not None:
        proposed_to = patient_id if doubt == matching.IDENTITY_CONTRADICTS else None
        return Match(None, kind, doubt, barrier.guards, proposed_to)
    owner = patient_id if barrier.code is None else None
    return Match(owner, kind, barrier.code, barrier.guards, permitted=barrier.permitted)


def owners_of(sight: Sight, subject: Subject) -> list[tuple[PatientId, str]]:
    """Whom the numbers lead to, each with the kind of number; the checked ones first. A policy that nothing checks
    may be somebody's slip: it says nothing where another number leads to somebody."""
    asked = numbers_asked(LaboratoryId(sight.organisation_id), subject)
    found = sight.owners(asked)
    led = [(PatientId(found[number]), number[0]) for number in asked if number in found]
    return [one for one in led if one[1] not in UNCHECKED] or led


def numbers_asked(laboratory_id: LaboratoryId, subject: Subject) -> list[tuple[str, str]]:
    """The numbers by which the subject may be recognised, as the blind index knows them."""
    return [*numbers_of(subject.identifiers).good, *laboratory_marks(laboratory_id, subject)]


def laboratory_marks(laboratory_id: LaboratoryId, subject: Subject) -> list[tuple[str, str]]:
    """The laboratory's own numbers of the subject as the blind index knows them."""
    return [
        (LABORATORY_PATIENT_ID, laboratory_mark_text(laboratory_id, given.text))
        for given in laboratory_numbers(subject.identifiers)
    ]


def laboratory_mark_text(laboratory_id: LaboratoryId, text: str) -> str:
    """Equal numbers of two laboratories are two."""
    return f"{laboratory_id}|{text}"


class Barrier(NamedTuple):
    """What keeps a report from a patient, if anything does, and what the patient permits."""

    code: str | None
    permitted: Permissions

    @property
    def guards(self) -> tuple[Guard, ...]:
        """What it rests on. The patient's numbers, name and e-mail address are looked at too."""
        return self.permitted.report_guards

    @property
    def patient(self) -> Patient | None:
        return self.permitted.patient


def barrier_of(sight: Sight, patient_id: PatientId, content: ReportContent) -> Barrier:
    """What keeps the organisation's report out of the patient's cabinet."""
    permitted = sight.permitted(patient_id)
    return Barrier(permitted.barrier(study_types_of(content)), permitted)


# Reports that wait


def match_held(
    ledger: Ledger,
    report_id: UUID,
    patient_id: PatientId,
    *,
    matched_by: str,
    by: Circumstances = MATCHER,
) -> bool:
    """Give a report that waits to its patient, if nothing keeps it back any more; whether it was given.

    `matched_by` is the kind of number that leads to the patient, or `person` if a person has confirmed it."""

    def act() -> bool:
        try:
            state, version = ledger.load(report_id, report.evolve)
        except StreamErasedError:
            return False
        if state is None or not report.match(state, patient_id=patient_id, matched_by=matched_by):
            return False
        sight = Sight(ledger, OrganisationId(state.laboratory_id))
        if matched_by == PERSON:
            match = confirmed_match(sight, report_id, state, patient_id)
        else:
            match = match_of(sight, state.current)
        if match.proposed_to == patient_id:
            _propose(ledger, report_id, match)
        if match.patient_id != patient_id or match.permitted is None:
            return False
        matched = report.match(
            state,
            patient_id=patient_id,
            matched_by=match.matched_by,
            basis=match.permitted.report_basis,
        )
        notices = announcement_of(ledger, match.permitted, report_id, state)
        ledger.append(
            Write(report_id, version, matched),
            *notices,
            circumstances=replace(by, correlation_id=report_id),
            guards=(*match.guards, *match.permitted.notice_guards),
        )
        return True

    return decide_again(act)


def release_held(ledger: Ledger, report_id: UUID) -> bool:
    """Let later versions reach the patient who has the report, if nothing keeps them back any more; whether
    they do. Nothing is sent of it: that they were held was said when they came."""

    def act() -> bool:
        try:
            state, version = ledger.load(report_id, report.evolve)
        except StreamErasedError:
            return False
        if state is None or state.patient_id is None or not state.is_held:
            return False
        sight = Sight(ledger, OrganisationId(state.laboratory_id))
        barrier = barrier_of(sight, state.patient_id, state.current)
        released = report.flow(state, barrier=barrier.code, basis=barrier.permitted.report_basis)
        ledger.append(
            Write(report_id, version, released),
            circumstances=replace(MATCHER, correlation_id=report_id),
            guards=barrier.guards,
        )
        return bool(released)

    return decide_again(act)


def confirmed_match(sight: Sight, report_id: UUID, state: Report, patient_id: PatientId) -> Match:
    """The match that a person has confirmed, unless numbers say by now that it is somebody else's."""
    stream_id = proposal_stream(sight.ledger, report_id, patient_id)
    decided, version = sight.ledger.load(stream_id, proposal.evolve)
    barrier = barrier_of(sight, patient_id, state.current)
    looked_at = (*barrier.guards, Guard(stream_id, version))
    if decided is None or not decided.is_confirmed or barrier.patient is None:
        return Match(None, PERSON, matching.PATIENT_UNKNOWN, looked_at)
    if is_contradicted(sight, state, patient_id, barrier.patient):
        return Match(None, PERSON, matching.PATIENT_AMBIGUOUS, looked_at)
    owner = patient_id if barrier.code is None else None
    return Match(owner, PERSON, barrier.code, looked_at, permitted=barrier.permitted)


def is_contradicted(sight: Sight, state: Report, patient_id: PatientId, known: Patient) -> bool:
    """Whether a number in the report is another person's than the patient's. One that nothing checks does not
    contradict what a person sees."""
    subject = state.current.subject
    owners = {owner for owner, kind in owners_of(sight, subject) if kind not in UNCHECKED}
    return bool(owners - {patient_id}) or matching.contradicts(known, numbers_of(subject.identifiers))


def proposal_stream(ledger: Ledger, report_id: UUID, patient_id: PatientId) -> UUID:
    return ledger.stream_id("proposal", str(report_id), str(patient_id))


def proposed(ledger: Ledger, report_id: UUID, match: Match) -> tuple[Write, ...]:
    """What a match that is doubted adds to the append: a person is asked, once."""
    if match.proposed_to is None or match.held is None:
        return ()
    stream_id = proposal_stream(ledger, report_id, match.proposed_to)
    state, version = ledger.load(stream_id, proposal.evolve)
    events = proposal.propose(state, report_id=report_id, patient_id=match.proposed_to, reason=match.held)
    return (Write(stream_id, version, events),) if events else ()


def _propose(ledger: Ledger, report_id: UUID, match: Match) -> None:
    for write in proposed(ledger, report_id, match):
        ledger.append(write, circumstances=replace(MATCHER, correlation_id=report_id), guards=match.guards)
