"""The sheet of a result: everything that a page or a file shows of it, as it stood at a position of the ledger.

It is made from streams alone, the report's, its laboratory's and the code map's: from no view, no clock and nothing
that is newer than the position. So what left once can be made again, byte for byte.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from domain import laboratory as laboratories
from domain import report as reports
from domain.admission import filing_of, section_of
from domain.code_map import CodeMap
from domain.guardian_sight import Sight
from domain.report import (
    Report,
    ReportDestroyed,
    ReportEvent,
    ReportReceived,
    ReportRekeyed,
    ReportRevised,
    ReportVersionsHeld,
)
from domain.report_content import ReportContent, ReportStatus
from domain.study_type import StudyType
from domain.values import PatientId
from ledger import code_maps
from ledger.codec import Erased, RecordedEvent
from ledger.store import Ledger


class DocumentUnavailableError(Exception):
    """There is no document to send: the report is the patient's no more, or the file is larger than mail takes.
    `code` says which."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class ResultErasedError(DocumentUnavailableError):
    """The report's data key was destroyed: nobody can make it again."""

    def __init__(self) -> None:
        super().__init__("document-gone")


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownVersion:
    """A version of the report that its patient may see. `is_late`: it was older than the one that stood, and never
    took its place."""

    number: int
    status: ReportStatus
    received_at: datetime
    is_late: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultSheet:
    """What is shown: one version, and what is known around it. `status` is the report's, which may say more than the
    version does, `event_id` is of the version's event; `current` is the version that its patient sees, if this is an earlier one; `before` is what it
    took the place of; `has_newer`: one more waits, and is not shown, because of `held`. `files` are the laboratory's
    own PDFs, in the places of its attachments: what may be all that it sent."""

    report_id: UUID
    content: ReportContent
    status: ReportStatus
    laboratory: str
    code_map: CodeMap
    version: int
    versions: tuple[ShownVersion, ...]
    has_newer: bool = False
    files: tuple[bytes | None, ...] = ()
    section: StudyType | None = None
    held: str | None = None
    current: int | None = None
    before: ReportContent | None = None
    submission_id: UUID | None = None
    event_id: UUID | None = None

    @property
    def is_current(self) -> bool:
        return self.current in (None, self.version)

    @property
    def shown(self) -> ShownVersion:
        """The version that is on this sheet."""
        return next(one for one in self.versions if one.number == self.version)

    @property
    def replaced(self) -> int | None:
        """The number of the version whose place this one took: `before` is what that one said."""
        stood = [one.number for one in self.versions if one.number < self.version and not one.is_late]
        return stood[-1] if stood and not self.shown.is_late else None


def sheet_of(
    ledger: Ledger,
    report_id: UUID,
    patient_id: PatientId,
    *,
    as_of: int | None = None,
    version: int | None = None,
) -> ResultSheet:
    """The version that the patient sees, or saw when the ledger ended at `as_of`; or an earlier one that they may see.
    DocumentUnavailableError if the report is not theirs, or has no such version for them."""
    events = _events(ledger, report_id, as_of)
    report = _folded(events)
    if report is None or report.patient_id != patient_id:
        raise DocumentUnavailableError("document-gone")
    current = report.held_at or report.current_version
    # Of what is held not even the status is the patient's to see.
    versions = _versions(report, events)[: current if report.is_held else None]
    number = current if version is None else version
    if number not in range(1, len(versions) + 1):
        raise DocumentUnavailableError("document-gone")
    content = report.versions[number - 1]
    laboratory, _ = ledger.load(report.laboratory_id, laboratories.evolve, as_of=as_of)
    is_report_status = number == current and not report.is_held
    sheet = ResultSheet(
        report_id=report_id,
        content=content,
        status=report.status if is_report_status else content.status,
        laboratory=(laboratory.name if laboratory else None) or content.performer or "—",
        code_map=code_maps.load(ledger, report.laboratory_id, as_of=as_of),
        version=number,
        versions=versions,
        has_newer=report.is_held and len(report.versions) > current,
        section=section_of(laboratory, filing_of(content)) if laboratory else None,
        held=_held_reason(events) if report.is_held else None,
        current=current,
        submission_id=report.submissions[number - 1],
        event_id=_received(events)[number - 1].event_id,
    )
    return replace(sheet, before=report.versions[sheet.replaced - 1]) if sheet.replaced else sheet


def is_covered(sheet: ResultSheet, sight: Sight) -> bool:
    """Whether a guardian with this sight may see the sheet: a department may file a report in another section than
    its codes say, and both must be open."""
    sections = {sheet.section} if sheet.section else set()
    return sight.covers(frozenset(filing_of(sheet.content).study_types) | sections)


def _events(ledger: Ledger, report_id: UUID, as_of: int | None) -> list[RecordedEvent]:
    """The report's events up to the position. The whole stream is looked at: a report that has ended since is ended
    for those who ask about its past too, even while this process still remembers its key."""
    events = list(ledger.read(report_id))
    if events and not isinstance(events[0].event, ReportEvent | Erased):
        # The id stands in an address, and may be of anything else.
        raise DocumentUnavailableError("document-gone")
    if any(isinstance(one.event, Erased | ReportRekeyed | ReportDestroyed) for one in events):
        raise ResultErasedError
    return [one for one in events if as_of is None or (one.position or 0) <= as_of]


def _folded(events: Sequence[RecordedEvent]) -> Report | None:
    report: Report | None = None
    for recorded in events:
        assert isinstance(recorded.event, ReportEvent)
        report = reports.evolve(report, recorded.event)
    return report


def _versions(report: Report, events: Sequence[RecordedEvent]) -> tuple[ShownVersion, ...]:
    return tuple(
        ShownVersion(
            number=number,
            status=report.versions[number - 1].status,
            received_at=recorded.recorded_at,
            is_late=isinstance(recorded.event, ReportRevised) and recorded.event.is_late,
        )
        for number, recorded in enumerate(_received(events), 1)
    )


def _received(events: Sequence[RecordedEvent]) -> list[RecordedEvent]:
    """Those that brought a version, in the order of its number."""
    return [one for one in events if isinstance(one.event, ReportReceived | ReportRevised)]


def _held_reason(events: Sequence[RecordedEvent]) -> str | None:
    reasons = [one.event.reason for one in events if isinstance(one.event, ReportVersionsHeld)]
    return reasons[-1] if reasons else None
