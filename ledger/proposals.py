"""Deciding proposals: a person sees a report's subject beside a patient, and says whether they are one."""

from dataclasses import dataclass, replace
from uuid import UUID, uuid4

from domain import matching, patient, proposal, report
from domain.matching import LABORATORY_PATIENT_ID, PERSON, Agreement
from domain.numbers import LaboratoryNumber, laboratory_numbers
from domain.patient import Patient, PatientRegistered, ProfileStated
from domain.proposal import MatchNotProposedError, Proposal
from domain.reading import ProposalRead, ReadingPurpose
from domain.report import Report
from domain.report_content import Subject
from domain.values import LaboratoryId, OrganisationId, PatientId
from ledger.codec import Circumstances
from ledger.commands import PatientNotFoundError, decide_again, is_of_another
from ledger.matching import (
    barrier_of,
    is_contradicted,
    laboratory_mark_text,
    match_held,
    proposal_stream,
)
from ledger.misfiling import load_report
from ledger.recorder import Guard, Mark
from ledger.sight import Sight
from ledger.store import Ledger, Write


class ReportNotWaitingError(Exception):
    """The report does not wait for this patient: it has one, was taken back, or was taken from this one."""


@dataclass(frozen=True, slots=True)
class SideBySide:
    """Both persons as they were described. `policy` is the patient's."""

    subject: Subject
    profile: ProfileStated
    policy: str | None
    agreement: Agreement
    is_contradicted: bool


@dataclass(frozen=True, slots=True)
class Confirmed:
    """Whether the report has reached the patient, and if not, what it waits for."""

    is_matched: bool
    barrier: str | None


@dataclass(frozen=True, slots=True)
class _Pair:
    """A report that waits, a patient, and what was said of both together."""

    report_id: UUID
    report: Report
    report_version: int
    patient_id: PatientId
    patient: Patient
    patient_version: int
    stream_id: UUID
    proposal: Proposal | None
    version: int

    @property
    def is_alike(self) -> bool:
        profile = self.patient.profile
        return profile is not None and matching.is_proposed(profile, self.report.current.subject)


def _sight(ledger: Ledger, pair: _Pair) -> Sight:
    return Sight(ledger, OrganisationId(pair.report.laboratory_id))


def show(ledger: Ledger, report_id: UUID, patient_id: PatientId, by: Circumstances) -> SideBySide:
    """Both persons; that they were shown is recorded before. MatchNotProposedError if nothing proposes it."""
    pair = _load(ledger, report_id, patient_id)
    proposal.require_proposed(pair.proposal, is_alike=pair.is_alike)
    profile, subject = pair.patient.profile, pair.report.current.subject
    if profile is None:
        raise MatchNotProposedError
    contradicted = is_contradicted(_sight(ledger, pair), pair.report, patient_id, pair.patient)
    shown = ProposalRead(
        patient_id=patient_id,
        report_id=report_id,
        report_version=pair.report.current_version,
        purpose=ReadingPurpose.OPERATION,
    )
    ledger.append(Write(uuid4(), 0, (shown,)), circumstances=by)
    agreed = matching.agreement(profile, subject)
    return SideBySide(subject, profile, pair.patient.enp, agreed, contradicted)


def confirm(
    ledger: Ledger, report_id: UUID, patient_id: PatientId, by: Circumstances, *, links_number: bool = True
) -> Confirmed:
    """The report is this patient's. It reaches them at once, or when what bars it is gone: the decision
    stands. With `links_number` the laboratory's own numbers in it recognise the patient from now on.

    MarkTakenError with kind `laboratory-patient-id` if such a number is another patient's."""
    decide_again(lambda: _confirm(ledger, report_id, patient_id, by, links_number=links_number))
    if match_held(ledger, report_id, patient_id, matched_by=PERSON, by=by):
        return Confirmed(is_matched=True, barrier=None)
    pair = _load(ledger, report_id, patient_id, is_waiting=False)
    if pair.report.patient_id == patient_id:
        return Confirmed(is_matched=True, barrier=None)
    barrier = barrier_of(_sight(ledger, pair), patient_id, pair.report.current)
    return Confirmed(is_matched=False, barrier=barrier.code)


def _confirm(
    ledger: Ledger, report_id: UUID, patient_id: PatientId, by: Circumstances, *, links_number: bool
) -> None:
    pair = _load(ledger, report_id, patient_id)
    confirmed = proposal.confirm(
        pair.proposal,
        report_id=report_id,
        patient_id=patient_id,
        is_alike=pair.is_alike,
        is_contradicted=is_contradicted(_sight(ledger, pair), pair.report, patient_id, pair.patient),
    )
    linked, marks = _links(ledger, pair) if links_number else (None, ())
    ledger.append(
        Write(pair.stream_id, pair.version, confirmed),
        *((linked,) if linked else ()),
        circumstances=replace(by, correlation_id=report_id),
        marks=marks,
        # What was compared must still stand.
        guards=(
            Guard(report_id, pair.report_version),
            Guard(patient_id, pair.patient_version),
        ),
    )


def _links(ledger: Ledger, pair: _Pair) -> tuple[Write | None, tuple[Mark, ...]]:
    """The laboratory's own numbers in the report that the patient does not have yet."""
    laboratory_id = pair.report.laboratory_id
    fresh = [
        (given, event)
        for given in laboratory_numbers(pair.report.current.subject.identifiers)
        for event in patient.link_laboratory_number(pair.patient, laboratory_id, given)
    ]
    if not fresh:
        return None, ()
    marks = tuple(_mark(ledger, laboratory_id, given, pair.patient_id) for given, _ in fresh)
    events = tuple(event for _, event in fresh)
    return Write(pair.patient_id, pair.patient_version, events, pair.patient_id), marks


def decline(ledger: Ledger, report_id: UUID, patient_id: PatientId, by: Circumstances) -> None:
    """The report is not this patient's, and is not proposed again."""

    def act() -> None:
        pair = _load(ledger, report_id, patient_id)
        declined = proposal.decline(
            pair.proposal, report_id=report_id, patient_id=patient_id, is_alike=pair.is_alike
        )
        ledger.append(
            Write(pair.stream_id, pair.version, declined),
            circumstances=replace(by, correlation_id=report_id),
        )

    decide_again(act)


def _load(ledger: Ledger, report_id: UUID, patient_id: PatientId, *, is_waiting: bool = True) -> _Pair:
    found, report_version = load_report(ledger, report_id)
    known, patient_version = _patient(ledger, patient_id)
    if is_waiting and not report.match(found, patient_id=patient_id, matched_by=PERSON):
        raise ReportNotWaitingError
    stream_id = proposal_stream(ledger, report_id, patient_id)
    said, version = ledger.load(stream_id, proposal.evolve)
    return _Pair(
        report_id, found, report_version, patient_id, known, patient_version, stream_id, said, version
    )


# The laboratory's own numbers


def link_number(
    ledger: Ledger,
    laboratory_id: LaboratoryId,
    patient_id: PatientId,
    given: LaboratoryNumber,
    by: Circumstances,
) -> None:
    """From now on the laboratory's number recognises the patient. MarkTakenError if it is another's."""

    def act() -> None:
        known, version = _patient(ledger, patient_id)
        events = patient.link_laboratory_number(known, laboratory_id, given)
        ledger.append(
            Write(patient_id, version, events, patient_id),
            circumstances=by,
            marks=(_mark(ledger, laboratory_id, given, patient_id),) if events else (),
        )

    decide_again(act)


def unlink_number(
    ledger: Ledger,
    laboratory_id: LaboratoryId,
    patient_id: PatientId,
    given: LaboratoryNumber,
    by: Circumstances,
) -> None:
    """The number recognises the patient no more. LaboratoryPatientIdUnknownError if it did not."""

    def act() -> None:
        known, version = _patient(ledger, patient_id)
        event = patient.unlink_laboratory_number(known, laboratory_id, given)
        ledger.append(
            Write(patient_id, version, (event,), patient_id),
            circumstances=by,
            released=(_mark(ledger, laboratory_id, given, patient_id),),
        )

    decide_again(act)


def _patient(ledger: Ledger, patient_id: PatientId) -> tuple[Patient, int]:
    """PatientNotFoundError too if the id is of something else: of a report, of the laboratory."""
    if is_of_another(ledger, patient_id, PatientRegistered):
        raise PatientNotFoundError
    known, version = ledger.load(patient_id, patient.evolve)
    if known is None:
        raise PatientNotFoundError
    return known, version


def _mark(
    ledger: Ledger, laboratory_id: LaboratoryId, given: LaboratoryNumber, patient_id: PatientId
) -> Mark:
    return ledger.mark(LABORATORY_PATIENT_ID, laboratory_mark_text(laboratory_id, given.text), patient_id)


def still_recognised(ledger: Ledger, report_id: UUID) -> list[PatientId]:
    """From whom the report was taken although a number of the laboratory in it still leads to them: it would bring
    the next report to them again."""
    found, _ = load_report(ledger, report_id)
    return [one for one in sorted(found.not_of) if _linked(ledger, found, one)]


def linked_numbers(ledger: Ledger, report_id: UUID, patient_id: PatientId) -> list[LaboratoryNumber]:
    """The laboratory's own numbers in the report that lead to this patient."""
    found, _ = load_report(ledger, report_id)
    return _linked(ledger, found, patient_id)


def _linked(ledger: Ledger, found: Report, patient_id: PatientId) -> list[LaboratoryNumber]:
    known, _ = _patient(ledger, patient_id)
    given = laboratory_numbers(found.current.subject.identifiers)
    return [number for number in given if (found.laboratory_id, number) in known.laboratory_numbers]
