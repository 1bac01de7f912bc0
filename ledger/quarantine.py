"""Quarantine: what arrived and could not be used is shown, read again, or closed; it is never lost."""

from collections.abc import Callable, Sequence
from uuid import UUID, uuid4

from domain import submission
from domain.admission import Sending
from domain.organisation import Format
from domain.reading import ReadingPurpose, SubmissionRead
from domain.report_content import ReportContent
from domain.submission import (
    NotInQuarantineError,
    ReleaseReason,
    Submission,
    SubmissionAccepted,
    SubmissionEvent,
    SubmissionReceived,
)
from domain.values import OrganisationId
from ledger import intake
from ledger.codec import Circumstances
from ledger.commands import decide_again, is_of_another
from ledger.filing import Source
from ledger.intake import Accepted, Problem
from ledger.onboarding import laboratory_of_id
from ledger.sight import Sight
from ledger.store import Ledger, Write

# Reads a stored document of a media type into reports, or says why it can't be; and tells its format.
Read = Callable[[SubmissionReceived, bytes], tuple[Format | None, Sequence[ReportContent] | Problem]]


def show(ledger: Ledger, submission_id: UUID, by: Circumstances) -> bytes:
    """The stored document; that it was shown is recorded before.

    NotInQuarantineError if it does not lie in quarantine, KeyErasedError if nobody can open it any more."""
    state, _ = _load(ledger, submission_id)
    received = submission.received_in_quarantine(state)
    content = ledger.read_document(received.document.document_id)
    shown = SubmissionRead(submission_id=submission_id, purpose=ReadingPurpose.OPERATION)
    ledger.append(Write(uuid4(), 0, (shown,)), circumstances=by)
    return content


def read_again(
    ledger: Ledger, submission_id: UUID, read: Read, by: Circumstances, *, is_moved: bool = False
) -> Accepted:
    """Take the submission through the same path once more: after a reader was mended, or a patient or a
    laboratory became known. `is_moved`: somebody made sure that a report in it, about another person than
    its versions before, was that person's all along; it is taken from whom it was filed to.

    NotInQuarantineError if it does not lie in quarantine."""
    return decide_again(lambda: _read_again(ledger, submission_id, read, by, is_moved=is_moved))


def _read_again(
    ledger: Ledger, submission_id: UUID, read: Read, by: Circumstances, *, is_moved: bool
) -> Accepted:
    state, version = _load(ledger, submission_id)
    received = submission.received_in_quarantine(state)
    assert state is not None
    sent_as, found = read(received, ledger.read_document(received.document.document_id))
    sending = Sending(
        # What it may send by now; but it sent on the day that it did.
        laboratory=laboratory_of_id(ledger, received.laboratory_id),
        on=next(ledger.read(submission_id)).recorded_at.date(),
        sent_as=sent_as,
    )
    source = Source(received.laboratory_id, submission_id, is_moved)
    sight = Sight(ledger, OrganisationId(received.laboratory_id))
    drafts, outcome = intake.decide(sight, source, sending, found)
    events: Sequence[SubmissionAccepted | submission.SubmissionQuarantined] = (
        (outcome,)
        if isinstance(outcome, SubmissionAccepted)
        else submission.quarantine_again(state, code=outcome.code, field=outcome.field)
    )
    if events:
        ledger.append(
            Write(submission_id, version, events),
            *(write for draft in drafts for write in draft.writes),
            circumstances=by,
            marks=[mark for draft in drafts for mark in draft.marks],
            guards=[guard for draft in drafts for guard in draft.guards],
        )
    return intake.accepted(submission_id, outcome)


def release(ledger: Ledger, submission_id: UUID, reason: ReleaseReason, by: Circumstances) -> None:
    """Close an entry from which nothing is to be recorded."""

    def act() -> None:
        state, version = _load(ledger, submission_id)
        released = submission.release(state, reason=reason)
        ledger.append(Write(submission_id, version, (released,)), circumstances=by)

    decide_again(act)


def _load(ledger: Ledger, submission_id: UUID) -> tuple[Submission | None, int]:
    """NotInQuarantineError too if the id is of something else: of its report, of the laboratory."""
    if is_of_another(ledger, submission_id, SubmissionEvent):
        raise NotInQuarantineError
    return ledger.load(submission_id, submission.evolve)
