"""Report: what a laboratory issues about a patient's specimens, and every later version of it."""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import assert_never
from uuid import UUID

from domain import versions
from domain.numbers import laboratory_numbers, numbers_of
from domain.permission import Basis
from domain.report_content import ReportContent, ReportStatus, Subject
from domain.values import LaboratoryId, PatientId

# Events: what happened.


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportReceived:
    """A laboratory issued a report. Whose it is, another event says: a report has no patient until one
    was recognised."""

    laboratory_id: LaboratoryId
    submission_id: UUID
    content: ReportContent


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportRevised:
    """The laboratory issued another version of the report. `is_late`: it is older than the one that stands,
    and does not take its place. `status` is what the versions together make of the report's status, where
    that is not what the standing one says."""

    laboratory_id: LaboratoryId
    submission_id: UUID
    content: ReportContent
    is_late: bool = False
    status: ReportStatus | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportMatched:
    """The report is this patient's; `matched_by` is the kind of number that recognised them, `basis` what
    permitted it."""

    patient_id: PatientId
    matched_by: str
    basis: Basis | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportVersionsHeld:
    """What the laboratory issues from now on is not permitted to reach the patient, who keeps what stands:
    `shown_version`. It comes before the version that it holds. `reason` is a stable code."""

    patient_id: PatientId
    shown_version: int
    reason: str
    basis: Basis


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportVersionsReleased:
    """Later versions are permitted again: the patient sees the one that stands."""

    patient_id: PatientId
    basis: Basis


class UnmatchReason(StrEnum):
    """Why a report is not the patient's whose it was taken to be."""

    WITHDRAWN_BY_LABORATORY = "withdrawn-by-laboratory"
    MATCHED_BY_MISTAKE = "matched-by-mistake"
    SAMPLE_REMOVED = "sample-removed"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportUnmatched:
    """The report is not this patient's after all: it leaves their cabinet, and never comes back to it. One
    that its laboratory withdrew, or a sample that was looked at, is nobody's from now on; it may have been nobody's before, and waited."""

    reason: UnmatchReason
    patient_id: PatientId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportRekeyed:
    """The report goes on in another stream under another data key; the key of this one is destroyed, so
    that nothing of it that has left the house can be opened."""

    successor_id: UUID


class DestructionReason(StrEnum):
    """Why a report is destroyed: it waited too long, or its patient was erased."""

    RETENTION_ENDED = "retention-ended"
    PATIENT_ERASED = "patient-erased"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportDestroyed:
    """Nobody came for the report in time, or its patient is erased: its data key is destroyed, and with it all that
    it says."""

    reason: DestructionReason


ReportEvent = (
    ReportReceived
    | ReportRevised
    | ReportMatched
    | ReportVersionsHeld
    | ReportVersionsReleased
    | ReportUnmatched
    | ReportRekeyed
    | ReportDestroyed
)

# State: the versions, which of them stands, and whose the report is.


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """`versions` are the contents in order of arrival, `standing` is the place (from 0) of the current one.
    `not_of` are the patients whom it was taken from; `is_withdrawn` when it is to be nobody's. `held_at` is the
    version that the patient keeps while later ones are held."""

    laboratory_id: LaboratoryId
    patient_id: PatientId | None
    versions: tuple[ReportContent, ...]
    submissions: tuple[UUID, ...]
    status: ReportStatus
    standing: int = 0
    not_of: frozenset[PatientId] = frozenset()
    is_withdrawn: bool = False
    held_at: int | None = None

    @property
    def is_held(self) -> bool:
        """Whether later versions do not reach the patient."""
        return self.held_at is not None

    @property
    def current(self) -> ReportContent:
        return self.versions[self.standing]

    @property
    def shown(self) -> ReportContent:
        """What the patient has: the current version, or the one that they keep while later ones are held."""
        return self.current if self.held_at is None else self.versions[self.held_at - 1]

    @property
    def current_version(self) -> int:
        """The number (from 1) of the current version."""
        return self.standing + 1


def evolve(report: Report | None, event: ReportEvent) -> Report:
    """Replay one event. Never refuses."""
    if isinstance(event, ReportReceived):
        return Report(
            laboratory_id=event.laboratory_id,
            patient_id=None,
            versions=(event.content,),
            submissions=(event.submission_id,),
            status=event.content.status,
        )
    assert report is not None
    match event:
        case ReportRevised():
            return _with_version(report, event)
        case ReportMatched():
            return replace(report, patient_id=event.patient_id, held_at=None)
        case ReportVersionsHeld():
            return replace(report, held_at=event.shown_version)
        case ReportVersionsReleased():
            return replace(report, held_at=None)
        case ReportUnmatched():
            return _unmatched(report, event)
        case ReportRekeyed() | ReportDestroyed():
            return report
        case _:
            assert_never(event)


def _unmatched(report: Report, event: ReportUnmatched) -> Report:
    is_withdrawn = event.reason is not UnmatchReason.MATCHED_BY_MISTAKE
    return replace(
        report,
        patient_id=None,
        held_at=None,
        not_of=report.not_of | ({event.patient_id} if event.patient_id else set()),
        is_withdrawn=report.is_withdrawn or is_withdrawn,
    )


def _with_version(report: Report, event: ReportRevised) -> Report:
    contents = (*report.versions, event.content)
    standing = report.standing if event.is_late else len(contents) - 1
    return replace(
        report,
        versions=contents,
        submissions=(*report.submissions, event.submission_id),
        standing=standing,
        status=event.status or contents[standing].status,
    )


# Decisions: the rules.


class SubjectDiffersError(Exception):
    """A further version of a report names another patient than the versions before it: filing it with
    them could show one person's results to another."""


def receive(
    report: Report | None, *, laboratory_id: LaboratoryId, submission_id: UUID, content: ReportContent
) -> tuple[ReportReceived | ReportRevised, ...]:
    """Record a report's first version or a further one; a version that was seen changes nothing.

    SubjectDiffersError if the new version is about somebody else."""
    if report is None:
        received = ReportReceived(laboratory_id=laboratory_id, submission_id=submission_id, content=content)
        return (received,)
    content = versions.completed(content, report.current)
    if any(versions.is_same(content, known) for known in report.versions):
        return ()
    if not is_same_subject(content.subject, report.current.subject):
        raise SubjectDiffersError
    is_late = versions.is_older(content, report.current)
    return (
        ReportRevised(
            laboratory_id=laboratory_id,
            submission_id=submission_id,
            content=content,
            is_late=is_late,
            status=_status_among(report, content, is_late=is_late),
        ),
    )


def _status_among(report: Report, content: ReportContent, *, is_late: bool) -> ReportStatus | None:
    """The report's status with this content added; None if it is the one that the current version says."""
    standing = report.current if is_late else content
    others = [version for version in (*report.versions, content) if version is not standing]
    status = versions.status_of(standing, others)
    return status if status is not standing.status else None


def is_further_version(report: Report, content: ReportContent) -> bool:
    """Whether the content may be another version of the report. Laboratories reuse numbers: content that
    shares no measured code with the current version is another report under the same number; and so is
    content about another person, once the report was taken back from the one before."""
    is_taken_back = report.is_withdrawn or report.status is ReportStatus.ENTERED_IN_ERROR
    if is_taken_back and not is_same_subject(content.subject, report.current.subject):
        return False
    before, after = _codes(report.current), _codes(content)
    return not before or not after or bool(before & after)


def _codes(content: ReportContent) -> set[tuple[str | None, str | None]]:
    return {
        (coding.system, coding.code)
        for observation in content.observations
        for coding in observation.code.codings
    }


def is_same_subject(one: Subject, other: Subject) -> bool:
    """Whether two versions may be about the same person: the recognising numbers agree, and of name and
    birth date at most one was changed, as a correction would; without such a number none was."""
    mine, theirs = numbers_of(one.identifiers), numbers_of(other.identifiers)
    if set(mine.good) != set(theirs.good) or set(mine.failed) != set(theirs.failed):
        return False
    is_born_alike, is_named_alike = one.birth_date == other.birth_date, one.family == other.family
    if mine.good:
        return is_born_alike or is_named_alike
    # Without such a number nothing may have changed that tells two people apart.
    own, others = set(laboratory_numbers(one.identifiers)), set(laboratory_numbers(other.identifiers))
    is_number_alike = not own or not others or bool(own & others)
    return is_born_alike and is_named_alike and is_number_alike


def match(
    report: Report, *, patient_id: PatientId, matched_by: str, basis: Basis | None = None
) -> tuple[ReportMatched, ...]:
    """A report that waits finds its patient; one that has a patient is left alone, and so is one that was
    taken from this patient, or that its laboratory took back."""
    is_barred = report.is_withdrawn or patient_id in report.not_of
    if report.patient_id is not None or is_barred:
        return ()
    return (ReportMatched(patient_id=patient_id, matched_by=matched_by, basis=basis),)


def flow(
    report: Report, *, barrier: str | None, basis: Basis
) -> tuple[ReportVersionsHeld | ReportVersionsReleased, ...]:
    """Whether what comes next reaches the patient who has the report: held by what stands against it,
    released when nothing does any more."""
    if report.patient_id is None or report.is_held == (barrier is not None):
        return ()
    if barrier is None:
        return (ReportVersionsReleased(patient_id=report.patient_id, basis=basis),)
    return (
        ReportVersionsHeld(
            patient_id=report.patient_id,
            shown_version=report.current_version,
            reason=barrier,
            basis=basis,
        ),
    )


class ReportHasNoPatientError(Exception):
    """The report is nobody's, so it can't be taken from anybody."""


def undo_match(report: Report) -> ReportUnmatched:
    """Take the report from the patient whose it was taken to be by mistake."""
    if report.patient_id is None:
        raise ReportHasNoPatientError
    return ReportUnmatched(patient_id=report.patient_id, reason=UnmatchReason.MATCHED_BY_MISTAKE)


def withdraw(
    report: Report, *, reason: UnmatchReason = UnmatchReason.WITHDRAWN_BY_LABORATORY
) -> tuple[ReportUnmatched, ...]:
    """The laboratory says that the report was another patient's, or the patient has seen enough of a sample: it is
    nobody's from now on."""
    if report.is_withdrawn:
        return ()
    return (ReportUnmatched(patient_id=report.patient_id, reason=reason),)


class ReportNotWaitingError(Exception):
    """The report has a patient: what is kept for them is not destroyed."""


def destroy(report: Report, *, reason: DestructionReason) -> ReportDestroyed:
    """End a report that waited for its patient longer than it may be kept."""
    if report.patient_id is not None:
        raise ReportNotWaitingError
    return ReportDestroyed(reason=reason)
