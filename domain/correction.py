"""Correction: who had an older version of a result when it changed, what is owed to each of them, and how that ends.

One party, one change, one stream: what was owed is owed once, whoever looks and however often.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import assert_never
from uuid import UUID

from domain.channel import Channel
from domain.reading import Medium, ReadingPurpose
from domain.report_content import ReportContent
from domain.unsaid import Change, changes_between
from domain.values import PatientId

# Events: what happened.


class PartyKind(StrEnum):
    """Who had the older version."""

    PATIENT = "patient"
    GUARDIAN = "guardian"
    DOCTOR = "doctor"
    LINK = "link"


_KINDS = {
    ReadingPurpose.OWN_CABINET: PartyKind.PATIENT,
    ReadingPurpose.LEGAL_REPRESENTATIVE: PartyKind.GUARDIAN,
    ReadingPurpose.TREATMENT: PartyKind.DOCTOR,
    ReadingPurpose.SHARED_LINK: PartyKind.LINK,
}
# The first two show a value among others, so they don't show that it was corrected; what is mailed may not arrive.
_IN_PASSING = frozenset({Medium.TREND, Medium.COMPARISON, Medium.EMAIL})


def kind_of(purpose: ReadingPurpose) -> PartyKind | None:
    """As what somebody reads who may act on what they read; None for operators and auditors, who look at a report
    for its own sake."""
    return _KINDS.get(purpose)


def shows_correction(medium: Medium | None) -> bool:
    """Whether who reads a newer version in this form knows it for the newer one."""
    return medium not in _IN_PASSING


class SpareReason(StrEnum):
    """Why a party is owed nothing."""

    SAME_FINDINGS = "same-findings"
    # Its content was destroyed: nobody can tell what differed.
    CONTENT_DESTROYED = "content-destroyed"


class Acknowledgement(StrEnum):
    """How it is known that the party knows of the change."""

    OPENED = "opened"
    DECLARED = "declared"
    # The patient told whoever they had given the link to.
    PASSED_ON = "passed-on"


class LapseReason(StrEnum):
    """Why the party can't be reached here any more."""

    LINK_OVER = "link-over"
    GUARDIANSHIP_OVER = "guardianship-over"
    MEMBER_DISMISSED = "member-dismissed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """A version that the party had, in which form, and since which position of the ledger. Without `medium` it was a
    page."""

    report_version: int
    position: int
    medium: Medium | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrectionOwed:
    """The party had an older version when `report_version` took its place at `position`; None: the report left the
    cabinet. `party` is a pseudonym: an actor of readings."""

    patient_id: PatientId
    report_id: UUID
    report_version: int | None
    position: int
    party: str
    kind: PartyKind
    exposures: tuple[Exposure, ...]
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrectionSpared:
    """The party had an older version, and is owed nothing, for a reason."""

    patient_id: PatientId
    report_id: UUID
    report_version: int | None
    party: str
    reason: SpareReason


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrectionTold:
    """A notice of it, or of a later version, reached the party: its provider said so."""

    notification_id: UUID
    channel: Channel


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrectionAcknowledged:
    """The party knows of the change; `report_version` is what they opened."""

    how: Acknowledgement
    report_version: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrectionLapsed:
    """The party can't be reached here any more, and had neither been told nor looked."""

    reason: LapseReason


CorrectionEvent = (
    CorrectionOwed | CorrectionSpared | CorrectionTold | CorrectionAcknowledged | CorrectionLapsed
)

# State.


class CorrectionStatus(StrEnum):
    """Open until it is told or acknowledged; what lapsed can still be acknowledged."""

    SPARED = "spared"
    OPEN = "open"
    TOLD = "told"
    ACKNOWLEDGED = "acknowledged"
    LAPSED = "lapsed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    status: CorrectionStatus
    owed: CorrectionOwed | None = None


def evolve(correction: Correction | None, event: CorrectionEvent) -> Correction:
    """Replay one event. Never refuses."""
    if isinstance(event, CorrectionOwed):
        return Correction(status=CorrectionStatus.OPEN, owed=event)
    if isinstance(event, CorrectionSpared):
        return Correction(status=CorrectionStatus.SPARED)
    assert correction is not None
    match event:
        case CorrectionTold():
            return replace(correction, status=CorrectionStatus.TOLD)
        case CorrectionAcknowledged():
            return replace(correction, status=CorrectionStatus.ACKNOWLEDGED)
        case CorrectionLapsed():
            return replace(correction, status=CorrectionStatus.LAPSED)
        case _:
            assert_never(event)


# Decisions: the rules.


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """What took the place of the version that the party had: another content, or none, for the report is gone.
    `seen` is None when what they had was destroyed."""

    report_version: int | None
    position: int
    seen: ReportContent | None
    now: ReportContent | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """Who had which versions of whose report before it changed."""

    patient_id: PatientId
    report_id: UUID
    party: str
    kind: PartyKind
    exposures: tuple[Exposure, ...]


def owe(
    correction: Correction | None, party: Party, changed: Changed
) -> tuple[CorrectionOwed | CorrectionSpared, ...]:
    """What a party that had an older version is owed; decided once."""
    if correction is not None:
        return ()
    changes: tuple[Change, ...] = (Change.GONE,)
    if changed.report_version is not None:
        if changed.seen is None or changed.now is None:
            return (_spared(party, changed, SpareReason.CONTENT_DESTROYED),)
        changes = changes_between(changed.seen, changed.now)
    if not changes:
        return (_spared(party, changed, SpareReason.SAME_FINDINGS),)
    owed = CorrectionOwed(
        patient_id=party.patient_id,
        report_id=party.report_id,
        report_version=changed.report_version,
        position=changed.position,
        party=party.party,
        kind=party.kind,
        exposures=party.exposures,
        changes=changes,
    )
    return (owed,)


def _spared(party: Party, changed: Changed, reason: SpareReason) -> CorrectionSpared:
    return CorrectionSpared(
        patient_id=party.patient_id,
        report_id=party.report_id,
        report_version=changed.report_version,
        party=party.party,
        reason=reason,
    )


class CorrectionNotOwedError(Exception):
    """Nothing is owed to this party of this change."""


def tell(
    correction: Correction | None, *, notification_id: UUID, channel: Channel
) -> tuple[CorrectionTold, ...]:
    """A notice of it was delivered. That it was handed over to a provider is not enough."""
    if correction is None or correction.status is not CorrectionStatus.OPEN:
        return ()
    return (CorrectionTold(notification_id=notification_id, channel=channel),)


def acknowledge(
    correction: Correction | None, *, how: Acknowledgement, report_version: int | None = None
) -> tuple[CorrectionAcknowledged, ...]:
    """The party opened the newer version, or says that they know; once. Only who holds a link has somebody who can
    tell them instead."""
    owed = correction.owed if correction else None
    if correction is None or owed is None:
        raise CorrectionNotOwedError
    if (how is Acknowledgement.PASSED_ON) != (
        owed.kind is PartyKind.LINK
    ) and how is not Acknowledgement.OPENED:
        raise CorrectionNotOwedError
    if correction.status is CorrectionStatus.ACKNOWLEDGED:
        return ()
    return (CorrectionAcknowledged(how=how, report_version=report_version),)


def lapse(correction: Correction | None, *, reason: LapseReason) -> tuple[CorrectionLapsed, ...]:
    """The party can't be reached here any more. What was told or acknowledged has its end already."""
    if correction is None or correction.status is not CorrectionStatus.OPEN:
        return ()
    return (CorrectionLapsed(reason=reason),)
