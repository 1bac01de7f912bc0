"""Taking in what laboratories submit: everything that arrives leaves an event, all of it or none."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count
from uuid import UUID, uuid4

from domain import consent, linkage, matching, patient, report, submission
from domain.consent import Consent, ConsentKind
from domain.notification import Channel, NotificationRequested, NotificationSuppressed
from domain.numbers import numbers_of
from domain.report import Report, ReportContent
from domain.submission import (
    ReportOutcome,
    StoredDocument,
    Submission,
    SubmissionAccepted,
    SubmissionQuarantined,
    SubmissionReceived,
    SubmissionRefused,
    SubmittedReport,
)
from domain.values import Coding, Concept, LaboratoryId, OrganisationId, PatientId, Purpose
from ledger import sealing
from ledger.codec import Circumstances
from ledger.commands import consent_stream, decide_again, linkage_stream, load_patient
from ledger.keys import MintedKeys
from ledger.recorder import Document, Guard
from ledger.store import Ledger, StreamErasedError, Write


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """A laboratory's envelope after its signature was verified. `signed` is the JWS as it came: with
    it the laboratory's own signature is kept. `content` is what it carries."""

    laboratory_id: LaboratoryId
    envelope_id: str
    key_id: str
    content_type: str
    content: bytes
    signed: bytes


@dataclass(frozen=True, slots=True)
class Problem:
    """Why content can't be used: a stable code, and the field."""

    code: str
    field: str | None = None


@dataclass(frozen=True, slots=True)
class Accepted:
    """What became of a submission; `is_repeat` when this very envelope was known already."""

    submission_id: UUID
    reports: tuple[SubmittedReport, ...]
    problem: Problem | None = None
    is_repeat: bool = False


def accept(ledger: Ledger, envelope: Envelope, read: Sequence[ReportContent] | Problem) -> Accepted:
    """Record the submission and, if its content could be read, every report in it.

    EnvelopeReplayedError if the envelope's id was used before with other content."""
    return decide_again(lambda: _accept(ledger, envelope, read))


def refuse(ledger: Ledger, problem: Problem, *, size_bytes: int, claimed: LaboratoryId | None) -> UUID:
    """Record that something arrived which can't be tied to a laboratory."""
    submission_id = uuid4()
    refused = SubmissionRefused(
        code=problem.code, field=problem.field, size_bytes=size_bytes, laboratory_id=claimed
    )
    ledger.append(Write(submission_id, 0, (refused,)), circumstances=Circumstances(actor="anonymous"))
    return submission_id


def _accept(ledger: Ledger, envelope: Envelope, read: Sequence[ReportContent] | Problem) -> Accepted:
    submission_id = ledger.stream_id("submission", str(envelope.laboratory_id), envelope.envelope_id)
    known = _known(ledger, submission_id, envelope)
    if known is not None:
        problem = Problem(*known.problem) if known.problem else None
        return Accepted(submission_id, known.accepted, problem, is_repeat=True)
    drafts, outcome = decide(ledger, envelope.laboratory_id, submission_id, read)
    submitted = Write(submission_id, 0, (), submission_id)
    writes = [write for draft in drafts for write in draft.writes]
    keys = ledger.new_keys(submitted, *writes)
    document = ledger.seal_document(submission_id, envelope.signed, keys)
    received = _received(ledger, envelope, submission_id, document, keys)
    ledger.append(
        replace(submitted, events=(received, outcome)),
        *writes,
        circumstances=Circumstances(
            actor=f"laboratory:{envelope.laboratory_id}", correlation_id=submission_id
        ),
        documents=(document,),
        keys=keys,
        guards=[guard for draft in drafts for guard in draft.guards],
    )
    return accepted(submission_id, outcome)


def accepted(submission_id: UUID, outcome: SubmissionAccepted | SubmissionQuarantined) -> Accepted:
    if isinstance(outcome, SubmissionAccepted):
        return Accepted(submission_id, outcome.reports)
    return Accepted(submission_id, (), Problem(outcome.code, outcome.field))


def decide(
    ledger: Ledger,
    laboratory_id: LaboratoryId,
    submission_id: UUID,
    read: Sequence[ReportContent] | Problem,
) -> tuple[list["Draft"], SubmissionAccepted | SubmissionQuarantined]:
    """What becomes of a submission's content, and what each of its reports adds to the append."""
    if not isinstance(read, Problem):
        try:
            drafts = list(_drafts(ledger, laboratory_id, submission_id, read))
        except report.SubjectDiffersError:
            read = Problem("subject-differs", "subject.identifier")
        else:
            return drafts, SubmissionAccepted(reports=tuple(draft.submitted for draft in drafts))
    return [], SubmissionQuarantined(code=read.code, field=read.field)


def _known(ledger: Ledger, submission_id: UUID, envelope: Envelope) -> Submission | None:
    """The submission, if this envelope has arrived before."""
    known: Submission | None
    known, _ = ledger.load(submission_id, submission.evolve)
    if known is None or known.received is None:
        return None
    secret = ledger.keys.find_all([known.received.document.key_id])[known.received.document.key_id]
    commitment = None
    if secret is not None:
        commitment = sealing.commit(secret, about=submission_id, plaintext=envelope.content).hex()
    return known if submission.is_repeat(known, content_commitment=commitment) else None


def _received(
    ledger: Ledger, envelope: Envelope, submission_id: UUID, document: Document, keys: MintedKeys
) -> SubmissionReceived:
    key = ledger.keys.key_of(submission_id, Purpose.RESULTS, keys)
    commitment = sealing.commit(key.secret, about=submission_id, plaintext=envelope.content)
    return SubmissionReceived(
        laboratory_id=envelope.laboratory_id,
        key_id=envelope.key_id,
        content_type=envelope.content_type,
        content_commitment=commitment.hex(),
        document=StoredDocument(
            document_id=document.document_id,
            key_id=document.key_id,
            sealed_sha256=document.sha256,
            commitment=document.commitment.hex(),
            size_bytes=document.size_bytes,
        ),
    )


@dataclass(frozen=True, slots=True)
class Draft:
    """What one report adds to the append."""

    submitted: SubmittedReport
    writes: tuple[Write, ...]
    guards: tuple[Guard, ...]


def _drafts(
    ledger: Ledger, laboratory_id: LaboratoryId, submission_id: UUID, contents: Sequence[ReportContent]
) -> Iterator[Draft]:
    """Each report decided on its own stream."""
    taken: set[UUID] = set()
    for place, content in enumerate(contents):
        key = _key_of(content) or ("envelope", str(submission_id), str(place))
        report_id, state, version = _report_of(ledger, laboratory_id, content, key, taken)
        taken.add(report_id)
        events = report.receive(
            state, laboratory_id=laboratory_id, submission_id=submission_id, content=content
        )
        if state is None:
            match = match_of(ledger, OrganisationId(laboratory_id), content)
            yield _first_version(ledger, report_id, events, match)
        else:
            yield _further_version(ledger, report_id, state, version, events)


def _first_version(
    ledger: Ledger,
    report_id: UUID,
    events: Sequence[report.ReportReceived | report.ReportRevised],
    match: "Match",
) -> Draft:
    submitted = SubmittedReport(
        report_id=report_id, version=1, outcome=ReportOutcome.RECORDED, held=match.held
    )
    if match.patient_id is None:
        return Draft(submitted, (Write(report_id, 0, events, report_id),), match.guards)
    matched = report.ReportMatched(patient_id=match.patient_id, matched_by=match.matched_by)
    announced, guard = announcement(ledger, match.patient_id, report_id, 1)
    writes = (Write(report_id, 0, (*events, matched), report_id), announced)
    return Draft(submitted, writes, (*match.guards, guard))


def _further_version(
    ledger: Ledger,
    report_id: UUID,
    state: Report,
    version: int,
    events: Sequence[report.ReportReceived | report.ReportRevised],
) -> Draft:
    number = len(state.versions) + len(events)
    outcome = ReportOutcome.RECORDED if events else ReportOutcome.DUPLICATE
    submitted = SubmittedReport(report_id=report_id, version=number, outcome=outcome)
    if not events:
        return Draft(submitted, (), ())
    revised = Write(report_id, version, events, report_id)
    if state.patient_id is None:
        return Draft(submitted, (revised,), ())
    announced, guard = announcement(ledger, state.patient_id, report_id, number)
    return Draft(submitted, (revised, announced), (guard,))


def _report_of(
    ledger: Ledger,
    laboratory_id: LaboratoryId,
    content: ReportContent,
    key: tuple[str, ...],
    taken: set[UUID],
) -> tuple[UUID, Report | None, int]:
    """The stream that the report belongs to, with its state: the first under its key that is free, or
    of which the content is a further version. `taken` are those of the same submission; a stream whose
    content was erased is passed by."""
    for order in count(1):
        parts = (*key, str(order)) if order > 1 else key
        report_id = ledger.stream_id("report", str(laboratory_id), *parts)
        try:
            state, version = ledger.load(report_id, report.evolve)
        except StreamErasedError:
            continue
        if report_id not in taken and (state is None or report.is_further_version(state, content)):
            return report_id, state, version
    raise AssertionError


def _key_of(content: ReportContent) -> tuple[str, ...] | None:
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


# Recognising the patient


@dataclass(frozen=True, slots=True)
class Match:
    """Whose report it is, or why it waits; `guards` are the streams that this rests on."""

    patient_id: PatientId | None
    matched_by: str
    held: str | None
    guards: tuple[Guard, ...]


def match_of(ledger: Ledger, organisation_id: OrganisationId, content: ReportContent) -> Match:
    numbers = numbers_of(content.subject.identifiers)
    found = [
        (PatientId(owner), kind)
        for kind, number in numbers.good
        if (owner := ledger.find(kind, number)) is not None
    ]
    held = matching.unrecognised(numbers, [patient_id for patient_id, _ in found])
    if held is not None:
        return Match(None, "", held, ())
    patient_id, kind = found[0]
    barrier, guards = barrier_of(ledger, patient_id, organisation_id)
    return Match(patient_id if barrier is None else None, kind, barrier, guards)


def barrier_of(
    ledger: Ledger, patient_id: PatientId, organisation_id: OrganisationId
) -> tuple[str | None, tuple[Guard, ...]]:
    """What keeps the organisation's reports out of the patient's cabinet, and what that rests on."""
    linkage_id = linkage_stream(ledger, patient_id, organisation_id)
    linked, linkage_version = ledger.load(linkage_id, linkage.evolve)
    # The patient's numbers and e-mail address are looked at too.
    _, patient_version = ledger.load(patient_id, patient.evolve)
    personal_data, personal_data_guard = _consent(ledger, patient_id, ConsentKind.PERSONAL_DATA)
    transfer, transfer_guard = _consent(ledger, patient_id, ConsentKind.RESULTS_TRANSFER)
    barrier = matching.barrier(
        organisation_id=organisation_id, linkage=linked, personal_data=personal_data, transfer=transfer
    )
    looked_at = (Guard(linkage_id, linkage_version), Guard(patient_id, patient_version))
    return barrier, (*looked_at, personal_data_guard, transfer_guard)


def _consent(ledger: Ledger, patient_id: PatientId, kind: ConsentKind) -> tuple[Consent | None, Guard]:
    stream_id = consent_stream(ledger, patient_id, kind)
    state, version = ledger.load(stream_id, consent.evolve)
    return state, Guard(stream_id, version)


def match_held(ledger: Ledger, report_id: UUID, patient_id: PatientId, *, matched_by: str) -> bool:
    """Give a report that waits to its patient, if nothing keeps it back any more; whether it was given."""

    def act() -> bool:
        state, version = ledger.load(report_id, report.evolve)
        if state is None:
            return False
        barrier, guards = barrier_of(ledger, patient_id, OrganisationId(state.laboratory_id))
        numbers = numbers_of(state.current.subject.identifiers)
        owners = {ledger.find(kind, number) for kind, number in numbers.good} - {None}
        events = report.match(state, patient_id=patient_id, matched_by=matched_by)
        if barrier is not None or owners != {patient_id} or not events:
            return False
        write, guard = announcement(ledger, patient_id, report_id, len(state.versions))
        ledger.append(
            Write(report_id, version, events),
            write,
            circumstances=Circumstances(actor="system:matcher", correlation_id=report_id),
            guards=(*guards, guard),
        )
        return True

    return decide_again(act)


# Announcing


def announcement(
    ledger: Ledger, patient_id: PatientId, report_id: UUID, report_version: int
) -> tuple[Write, Guard]:
    """The notification of a report's version: requested if the patient permits it, else suppressed
    with the reason. Either way it is accounted for."""
    permitted, guard = _consent(ledger, patient_id, ConsentKind.NOTIFICATIONS)
    stream_id = ledger.stream_id("notification", str(report_id), str(report_version), Channel.EMAIL)
    requested = NotificationRequested(
        patient_id=patient_id,
        report_id=report_id,
        report_version=report_version,
        channel=Channel.EMAIL,
        consent_id=guard.stream_id,
        consent_version=guard.version,
    )
    reason = None
    if permitted is None or not permitted.in_force:
        reason = "consent-missing" if permitted is None else "consent-withdrawn"
    elif load_patient(ledger, patient_id).email is None:
        reason = "email-missing"
    if reason is None:
        return Write(stream_id, 0, (requested,)), guard
    suppressed = NotificationSuppressed(
        patient_id=patient_id,
        report_id=report_id,
        report_version=report_version,
        channel=Channel.EMAIL,
        reason=reason,
        consent_id=guard.stream_id if permitted else None,
        consent_version=guard.version if permitted else None,
    )
    return Write(stream_id, 0, (suppressed,)), guard
