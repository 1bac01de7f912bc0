"""Taking in what laboratories submit: everything that arrives leaves an event, all of it or none."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from uuid import UUID, uuid4

from domain import laboratory, report, submission
from domain.admission import Sending, admit
from domain.organisation import Format
from domain.report import SubjectDiffersError
from domain.report_content import ReportContent
from domain.study_type import StudyType, study_types_of
from domain.submission import (
    StoredDocument,
    SubmissionAccepted,
    SubmissionQuarantined,
    SubmissionReceived,
    SubmissionRefused,
    SubmittedReport,
)
from domain.values import LaboratoryId, OrganisationId, Purpose
from ledger import sealing
from ledger.codec import Circumstances
from ledger.commands import decide_again
from ledger.filing import Draft, Source, drafts_of, first_places
from ledger.keys import MintedKeys
from ledger.matching import numbers_asked
from ledger.receipt import issue
from ledger.recorder import Document, Guard, MarkTakenError, StreamConflictError
from ledger.sight import Number, Sight
from ledger.states import Folded
from ledger.store import Ledger, Write


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """A laboratory's envelope after its signature was verified. `signed` is the JWS as it came: with
    it the laboratory's own signature is kept. `content` is what it carries, `sent_as` its format if that
    can be told. `key_id` is what stood for it: a key's thumbprint, `certificate:` with a fingerprint, or
    `hl7-sender`."""

    laboratory_id: LaboratoryId
    envelope_id: str
    key_id: str
    content_type: str
    content: bytes
    signed: bytes
    sent_as: Format | None = None
    as_of: OrganisationId | None = None


@dataclass(frozen=True, slots=True)
class Problem:
    """Why content can't be used: a stable code, and the field."""

    code: str
    field: str | None = None


@dataclass(frozen=True, slots=True)
class Accepted:
    """What became of a submission; `is_repeat` when this very envelope was known already. `receipt` is the
    signed note (`ledger.receipt`) of one that is kept."""

    submission_id: UUID
    reports: tuple[SubmittedReport, ...]
    problem: Problem | None = None
    is_repeat: bool = False
    receipt: bytes = b""


def accept(ledger: Ledger, envelope: Envelope, read: Sequence[ReportContent] | Problem) -> Accepted:
    """Record the submission and, if its content could be read, every report in it.

    EnvelopeReplayedError if the envelope's id was used before with other content, TrustEndedError if what
    stood for it is not in force any more."""
    found, leaf = decide_again(lambda: _accept(ledger, envelope, read))
    if leaf is None:
        return found
    receipt = issue(
        ledger,
        submission_id=found.submission_id,
        laboratory_id=envelope.laboratory_id,
        content=envelope.content,
        leaf=leaf,
    )
    return replace(found, receipt=receipt)


def refuse(ledger: Ledger, problem: Problem, *, size_bytes: int, claimed: LaboratoryId | None) -> UUID:
    """Record that something arrived which can't be tied to a laboratory."""
    submission_id = uuid4()
    refused = SubmissionRefused(
        code=problem.code, field=problem.field, size_bytes=size_bytes, laboratory_id=claimed
    )
    ledger.append(Write(submission_id, 0, (refused,)), circumstances=Circumstances(actor="anonymous"))
    return submission_id


def _accept(
    ledger: Ledger, envelope: Envelope, read: Sequence[ReportContent] | Problem
) -> tuple[Accepted, bytes | None]:
    """What became of the submission, and the leaf of its SubmissionReceived; None if its key was erased: then
    nobody can tell whether this is what was received, and nothing is signed."""
    submission_id = ledger.stream_id("submission", str(envelope.laboratory_id), envelope.envelope_id)
    source = Source(envelope.laboratory_id, submission_id)
    sight = Sight(ledger, envelope.as_of or OrganisationId(source.laboratory_id))
    (known, _), (sender, sender_version) = _look(sight, source, () if isinstance(read, Problem) else read)
    if known is not None and known.received is not None:
        commitment = content_commitment(ledger, submission_id, known.received, envelope.content)
        if submission.is_repeat(known, content_commitment=commitment):
            problem = Problem(*known.problem) if known.problem else None
            repeat = Accepted(submission_id, known.accepted, problem, is_repeat=True)
            return repeat, next(ledger.read(submission_id)).leaf if commitment else None
    # What stood for the envelope was looked at before: it may have been revoked since.
    laboratory.require_trust(sender, envelope.key_id)
    sending = Sending(laboratory=sender, on=datetime.now(UTC).date(), sent_as=envelope.sent_as)
    drafts, outcome = decide(sight, source, sending, read)
    submitted = Write(submission_id, 0, (), submission_id)
    writes = [write for draft in drafts for write in draft.writes]
    keys = ledger.new_keys(submitted, *writes)
    document = ledger.seal_document(submission_id, envelope.signed, keys)
    received = _received(ledger, envelope, submission_id, document, keys)
    try:
        position = ledger.append(
            replace(submitted, events=(received, outcome)),
            *writes,
            circumstances=Circumstances(
                actor=f"laboratory:{envelope.laboratory_id}", correlation_id=submission_id
            ),
            documents=(document,),
            keys=keys,
            marks=[mark for draft in drafts for mark in draft.marks],
            guards=[
                Guard(envelope.laboratory_id, sender_version),
                *(guard for draft in drafts for guard in draft.guards),
            ],
        )
    except MarkTakenError as error:
        # The same report came at the same moment under another name.
        raise StreamConflictError(error.kind) from None
    return accepted(submission_id, outcome), position.leaves[0]


def accepted(submission_id: UUID, outcome: SubmissionAccepted | SubmissionQuarantined) -> Accepted:
    if isinstance(outcome, SubmissionAccepted):
        return Accepted(submission_id, outcome.reports)
    return Accepted(submission_id, (), Problem(outcome.code, outcome.field))


def _look(sight: Sight, source: Source, contents: Sequence[ReportContent]) -> tuple[Folded, Folded]:
    """The submission, its laboratory, and what is known of its reports and of whom they may be: by two queries."""
    places = first_places(sight.ledger, source, contents)
    known, sender, *reports_known = sight.look_ahead(
        _numbers(source, contents),
        (source.submission_id, submission.evolve),
        (source.laboratory_id, laboratory.evolve),
        *((report_id, report.evolve) for report_id in places),
    )
    assert known is not None and sender is not None, "nothing personal is in these streams"
    for report_id, folded in zip(places, reports_known, strict=True):
        sight.remember(report_id, folded)
    return known, sender


def _numbers(source: Source, contents: Sequence[ReportContent]) -> Iterator[Number]:
    return (number for one in contents for number in numbers_asked(source.laboratory_id, one.subject))


def decide(
    sight: Sight, source: Source, sending: Sending, read: Sequence[ReportContent] | Problem
) -> tuple[list[Draft], SubmissionAccepted | SubmissionQuarantined]:
    """What becomes of a submission's content, and what each of its reports adds to the append."""
    types = map(study_types_of, () if isinstance(read, Problem) else read)
    code = admit(sending, frozenset[StudyType]().union(*types))
    if code is not None:
        read = Problem(code)
    if not isinstance(read, Problem):
        sight.look_ahead(_numbers(source, read))
        try:
            drafts = list(drafts_of(sight, source, read))
        except SubjectDiffersError:
            read = Problem("subject-differs", "subject.identifier")
        else:
            return drafts, SubmissionAccepted(reports=tuple(draft.submitted for draft in drafts))
    return [], SubmissionQuarantined(code=read.code, field=read.field)


def content_commitment(
    ledger: Ledger, submission_id: UUID, received: SubmissionReceived, content: bytes
) -> str | None:
    """What SubmissionReceived would say of this content; None if the submission's key was erased."""
    key_id = received.document.key_id
    secret = ledger.keys.find_all([key_id])[key_id]
    return sealing.commit(secret, about=submission_id, plaintext=content).hex() if secret else None


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
