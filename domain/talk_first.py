"""Talk first: results that a patient wants to see only after having talked with a doctor.

It is the patient's own wish and no embargo: nobody else can keep a result back, and the patient can have any of
them shown at once. What was shown or released stays so, whatever is chosen later.
"""

from dataclasses import dataclass, replace
from typing import assert_never
from uuid import UUID

from domain.study_type import StudyType
from domain.values import PatientId

# Events: what happened. Of which kind somebody fears a result says something of their health: sealed.


@dataclass(frozen=True, slots=True, kw_only=True)
class TalkFirstChosen:
    """The patient chose the sections whose new results wait for a talk with a doctor; none turns it off.
    `includes_others` is of reports whose section can't be told."""

    patient_id: PatientId
    sections: tuple[StudyType, ...] = ()
    includes_others: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptReportShown:
    """The patient had one of them shown without waiting."""

    patient_id: PatientId
    report_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptReportReleased:
    """A doctor talked it over with the patient, and released it."""

    patient_id: PatientId
    report_id: UUID


TalkFirstEvent = TalkFirstChosen | KeptReportShown | KeptReportReleased

# State: what waits, and what does not wait any more.


@dataclass(frozen=True, slots=True, kw_only=True)
class TalkFirst:
    sections: frozenset[StudyType] = frozenset()
    includes_others: bool = False
    open_reports: frozenset[UUID] = frozenset()

    @property
    def is_on(self) -> bool:
        return bool(self.sections) or self.includes_others

    def keeps(self, report_id: UUID, sections: frozenset[StudyType], *, is_read: bool) -> bool:
        """Whether a report of these sections waits. Who has read a version of it knows what it says: a correction
        must reach them, not wait."""
        if is_read or report_id in self.open_reports:
            return False
        return bool(sections & self.sections) if sections else self.includes_others


NOTHING_KEPT = TalkFirst()


def evolve(known: TalkFirst | None, event: TalkFirstEvent) -> TalkFirst:
    """Replay one event. Never refuses: the event has already happened."""
    before = known or NOTHING_KEPT
    match event:
        case TalkFirstChosen():
            sections = frozenset(map(StudyType, event.sections))
            return replace(before, sections=sections, includes_others=event.includes_others)
        case KeptReportShown() | KeptReportReleased():
            return replace(before, open_reports=before.open_reports | {event.report_id})
        case _:
            assert_never(event)


# Decisions: the rules.


def choose(
    known: TalkFirst | None,
    *,
    patient_id: PatientId,
    sections: frozenset[StudyType],
    includes_others: bool = False,
) -> tuple[TalkFirstChosen, ...]:
    """Choose anew which sections wait. Nothing if that is what holds."""
    before = known or NOTHING_KEPT
    if (before.sections, before.includes_others) == (sections, includes_others):
        return ()
    chosen = tuple(sorted(sections))
    return (TalkFirstChosen(patient_id=patient_id, sections=chosen, includes_others=includes_others),)


def show(known: TalkFirst | None, *, patient_id: PatientId, report_id: UUID) -> tuple[KeptReportShown, ...]:
    """Show it now, as the patient says. Nothing if it is open already."""
    if report_id in (known or NOTHING_KEPT).open_reports:
        return ()
    return (KeptReportShown(patient_id=patient_id, report_id=report_id),)


def release(
    known: TalkFirst | None, *, patient_id: PatientId, report_id: UUID
) -> tuple[KeptReportReleased, ...]:
    """Release it after the talk. Nothing if it is open already."""
    if report_id in (known or NOTHING_KEPT).open_reports:
        return ()
    return (KeptReportReleased(patient_id=patient_id, report_id=report_id),)
