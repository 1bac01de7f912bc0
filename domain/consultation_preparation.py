"""What a patient prepares for a consultation: the study, questions, results, scans of reports (S138, S140)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import assert_never
from uuid import UUID

from domain.study_type import StudyType
from domain.submission import StoredDocument

QUESTIONS_MAX, QUESTION_CHARACTERS_MAX = 10, 500
REPORTS_MAX, SCANS_MAX = 20, 5

# Events: what happened.


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsultationPrepared:
    """What the patient wants to talk about; said again, it replaces what was said."""

    study_type: StudyType | None = None
    questions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultsAttached:
    """The patient lets the doctor see these reports too, until that time; `share_id` is the share by which they do."""

    report_ids: tuple[UUID, ...]
    until: datetime
    share_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsultationScanAttached:
    """A scan, of a report on paper say, is kept sealed under a key of its own."""

    scan_id: UUID
    media_type: str
    document: StoredDocument


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsultationScanRemoved:
    """The scan's key is destroyed."""

    scan_id: UUID


PreparationEvent = ConsultationPrepared | ResultsAttached | ConsultationScanAttached | ConsultationScanRemoved

# State.


@dataclass(frozen=True, slots=True, kw_only=True)
class Preparation:
    """`reports` says of each until when the doctor may look at it, `shares` by which shares they do."""

    study_type: StudyType | None = None
    questions: tuple[str, ...] = ()
    reports: Mapping[UUID, datetime] = field(default_factory=dict)
    shares: tuple[UUID, ...] = ()
    scans: Mapping[UUID, ConsultationScanAttached] = field(default_factory=dict)


NOTHING = Preparation()


def evolve(preparation: Preparation | None, event: PreparationEvent) -> Preparation:
    """Replay one event. Never refuses."""
    known = preparation or NOTHING
    match event:
        case ConsultationPrepared():
            return replace(known, study_type=event.study_type, questions=event.questions)
        case ResultsAttached():
            reports = {**known.reports, **dict.fromkeys(event.report_ids, event.until)}
            shares = (*known.shares, event.share_id) if event.share_id else known.shares
            return replace(known, reports=reports, shares=shares)
        case ConsultationScanAttached():
            return replace(known, scans={**known.scans, event.scan_id: event})
        case ConsultationScanRemoved():
            kept = {key: scan for key, scan in known.scans.items() if key != event.scan_id}
            return replace(known, scans=kept)
        case _:
            assert_never(event)


# Decisions.


class QuestionsUnfitError(Exception):
    """At most ten questions of at most 500 characters."""


class TooManyAttachedError(Exception):
    """At most 20 results and five scans."""


class ConsultationScanUnknownError(Exception):
    """There is no such scan."""


def prepare(
    preparation: Preparation | None, *, study_type: StudyType | None, questions: Iterable[str]
) -> tuple[ConsultationPrepared, ...]:
    known = preparation or NOTHING
    asked = tuple(one for text in questions if (one := " ".join(text.split())))
    if len(asked) > QUESTIONS_MAX or any(len(one) > QUESTION_CHARACTERS_MAX for one in asked):
        raise QuestionsUnfitError
    if (study_type, asked) == (known.study_type, known.questions):
        return ()
    return (ConsultationPrepared(study_type=study_type, questions=asked),)


def attach(
    preparation: Preparation | None,
    report_ids: Iterable[UUID],
    *,
    until: datetime,
    share_id: UUID | None = None,
) -> tuple[ResultsAttached, ...]:
    """Let the doctor see further reports."""
    known = preparation or NOTHING
    fresh = tuple(dict.fromkeys(one for one in report_ids if one not in known.reports))
    if len(known.reports) + len(fresh) > REPORTS_MAX:
        raise TooManyAttachedError
    return (ResultsAttached(report_ids=fresh, until=until, share_id=share_id),) if fresh else ()


def extend(preparation: Preparation | None, *, until: datetime) -> tuple[ResultsAttached, ...]:
    """The consultation is later now: what was attached may be looked at longer."""
    known = preparation or NOTHING
    return (ResultsAttached(report_ids=tuple(known.reports), until=until),) if known.reports else ()


def attach_scan(
    preparation: Preparation | None, attached: ConsultationScanAttached
) -> tuple[ConsultationScanAttached, ...]:
    if len((preparation or NOTHING).scans) >= SCANS_MAX:
        raise TooManyAttachedError
    return (attached,)


def remove_scan(preparation: Preparation | None, scan_id: UUID) -> ConsultationScanRemoved:
    if scan_id not in (preparation or NOTHING).scans:
        raise ConsultationScanUnknownError
    return ConsultationScanRemoved(scan_id=scan_id)
