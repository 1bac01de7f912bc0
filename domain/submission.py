"""Submission: one signed envelope of a laboratory arrives and is accepted, or is kept with a reason."""

from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from typing import assert_never
from uuid import UUID

from domain.values import LaboratoryId

# Events: what happened.


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredDocument:
    """Bytes that lie sealed beside the events. `sealed_sha256` (hex) is over the sealed bytes,
    `commitment` (hex) a keyed digest of the `size_bytes` bytes that were sealed under `key_id`."""

    document_id: UUID
    key_id: UUID
    sealed_sha256: str
    commitment: str
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmissionReceived:
    """A laboratory's signed envelope is stored. `content_commitment` (hex) is a digest of the content
    under the submission's own data key: it tells a repeat, and can tell nothing once the key is erased.

    The envelope's own id is not here: a laboratory may have put a patient's number in it. It is in the
    sealed document, and, keyed, in the stream's id."""

    laboratory_id: LaboratoryId
    key_id: str
    content_type: str
    content_commitment: str
    document: StoredDocument


class ReportOutcome(StrEnum):
    RECORDED = "recorded"
    DUPLICATE = "duplicate"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmittedReport:
    """What became of one report in the submission. `held` is the code of why it waits for a patient."""

    report_id: UUID
    version: int
    outcome: ReportOutcome
    held: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmissionAccepted:
    """Every report in the content is recorded."""

    reports: tuple[SubmittedReport, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmissionQuarantined:
    """The content can't be used. It is kept; `code` says why and `field` where."""

    code: str
    field: str | None


class ReleaseReason(StrEnum):
    """Why nothing is to be recorded from what lies in quarantine. A fixed list: words of an operator
    might name a patient."""

    SENT_AGAIN = "sent-again"
    TEST_MESSAGE = "test-message"
    NOT_A_REPORT = "not-a-report"
    WITHDRAWN_BY_LABORATORY = "withdrawn-by-laboratory"


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmissionReleased:
    """An operator looked at what lay in quarantine and closed it: nothing is recorded from it. The bytes
    are kept as long as those that still lie there."""

    reason: ReleaseReason


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmissionDestroyed:
    """Nothing was recorded from it within its term of keeping, and its key was destroyed with this append: nobody can
    tell any more whom the bytes named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmissionRefused:
    """Something arrived that can't be tied to a laboratory: it is not kept, the attempt is.

    `laboratory_id` is whom the envelope claimed, if such a laboratory is registered."""

    code: str
    field: str | None
    size_bytes: int
    laboratory_id: LaboratoryId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusalsSummarised:
    """Too much was refused at once for an event each: so many more arrivals, of so many bytes together, were
    refused since the last such event, or since refusals began to be limited."""

    count: int
    size_bytes: int


SubmissionEvent = (
    SubmissionReceived
    | SubmissionAccepted
    | SubmissionQuarantined
    | SubmissionReleased
    | SubmissionDestroyed
    | SubmissionRefused
    | RefusalsSummarised
)

# State.


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """`problem` is why the content could not be used, until it could."""

    received: SubmissionReceived | None = None
    accepted: tuple[SubmittedReport, ...] = ()
    problem: tuple[str, str | None] | None = None
    is_quarantined: bool = False
    is_destroyed: bool = False


def evolve(submission: Submission | None, event: SubmissionEvent) -> Submission:
    """Replay one event. Never refuses."""
    submission = submission or Submission()
    match event:
        case SubmissionReceived():
            return replace(submission, received=event)
        case SubmissionAccepted():
            return replace(submission, accepted=event.reports, problem=None, is_quarantined=False)
        case SubmissionQuarantined():
            return replace(submission, problem=(event.code, event.field), is_quarantined=True)
        case SubmissionReleased():
            return replace(submission, is_quarantined=False)
        case SubmissionDestroyed():
            return replace(submission, is_quarantined=False, is_destroyed=True)
        case SubmissionRefused():
            return replace(submission, problem=(event.code, event.field))
        case RefusalsSummarised():
            return submission
        case _:
            assert_never(event)


# Decisions.


class EnvelopeReplayedError(Exception):
    """An envelope with this id has arrived before, with other content."""


def is_repeat(submission: Submission | None, *, content_commitment: str | None) -> bool:
    """Whether this very content has arrived under this envelope id; another content is a replay.

    With no commitment the key was erased, and the envelope's id alone decides."""
    if submission is None or submission.received is None:
        return False
    if content_commitment not in (None, submission.received.content_commitment):
        raise EnvelopeReplayedError
    return True


class NotInQuarantineError(Exception):
    """The submission does not lie in quarantine: it was accepted, released, or never kept there."""


def received_in_quarantine(submission: Submission | None) -> SubmissionReceived:
    """What arrived, if it lies in quarantine; NotInQuarantineError if it does not."""
    if submission is None or not submission.is_quarantined or submission.received is None:
        raise NotInQuarantineError
    return submission.received


def quarantine_again(
    submission: Submission, *, code: str, field: str | None
) -> tuple[SubmissionQuarantined, ...]:
    """Content that still can't be used stays; that is worth an event only if the reason changed."""
    if submission.problem == (code, field):
        return ()
    return (SubmissionQuarantined(code=code, field=field),)


def release(submission: Submission | None, *, reason: ReleaseReason) -> SubmissionReleased:
    received_in_quarantine(submission)
    return SubmissionReleased(reason=reason)


def destroy(
    submission: Submission | None, *, age: timedelta, kept_for: timedelta
) -> tuple[SubmissionDestroyed, ...]:
    """What nothing was recorded from, so long after it arrived. Reports have terms of their own."""
    if submission is None or submission.received is None or submission.accepted or submission.is_destroyed:
        return ()
    return (SubmissionDestroyed(),) if age >= kept_for else ()
