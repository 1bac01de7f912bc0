"""Announcement: by which channels one person is told of a version of a report, and by which they are not, and why."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from uuid import UUID

from domain import permission
from domain.channel import Channel
from domain.guardian_sight import Sight, sight_of
from domain.guardianship import Guardianship
from domain.identity import SuspensionReason
from domain.legal_age import AGE_OF_OWN_DECISION
from domain.permission import Basis, Grounds
from domain.receiving import DocumentFormat
from domain.report_content import ObservationStatus, ReportContent, ReportStatus
from domain.study_type import StudyType
from domain.values import Concept, PatientId

# Events: what happened.


class About(StrEnum):
    """What is told of a report, if not that a version of it is there. A document is sent because its reader asked
    for it just then; its password goes another way than the document does."""

    WITHDRAWN = "withdrawn"
    CORRECTED = "corrected"
    DOCUMENT = "document"
    PASSWORD = "password"  # noqa: S105 - a kind of notice


@dataclass(frozen=True, slots=True, kw_only=True)
class SuppressedChannel:
    """A channel by which nothing is sent; `reason` is a stable code."""

    channel: Channel
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelsSuppressed:
    """A version of a report is not announced by these channels, each for its reason. The stream is of what is told
    to one recipient of one version by no channel: the others have a stream each."""

    patient_id: PatientId
    report_id: UUID
    report_version: int
    channels: tuple[SuppressedChannel, ...]
    about: About | None = None
    basis: Basis | None = None
    recipient_id: PatientId | None = None


# Decisions.

VERSION_LATE = "version-late"
# Why a guardian is told nothing of a ward's report: it is not for them to see, they represent the ward no more, or
# the ward permits no notices.
NOT_IN_SIGHT = "not-in-sight"
GUARDIANSHIP_OVER = "guardianship-over"
WARD_CONSENT_MISSING = "ward-consent-missing"
# What was decided so late that it is no news: a view made anew knows of what nobody was asked about at its time.
NEWS_OLD = "news-old"
NEWS_LIFE = timedelta(hours=72)

# HL7 v2 table 0078, which FHIR interpretation continues: critically high, low, abnormal.
_CRITICAL = frozenset({"HH", "LL", "AA"})
_CORRECTIONS = frozenset(
    {
        ReportStatus.AMENDED,
        ReportStatus.CORRECTED,
        ReportStatus.ENTERED_IN_ERROR,
        ReportStatus.CANCELLED,
    }
)
_TAKEN_BACK = frozenset({ObservationStatus.CANCELLED, ObservationStatus.ENTERED_IN_ERROR})


@dataclass(frozen=True, slots=True, kw_only=True)
class Announcement:
    """By which channels a person is told, and by which not: all three are in it, each once. `carries` is the
    document that goes along with the e-mail."""

    requested: tuple[Channel, ...] = ()
    suppressed: tuple[SuppressedChannel, ...] = ()
    carries: DocumentFormat | None = None


def announce(grounds: Grounds, *, is_new: bool = True) -> Announcement:
    """How a patient is told of what is in their cabinet, or was: then there is no document to go along."""
    told = _split(lambda channel: permission.notice_barrier(grounds, channel=channel))
    carries = permission.document_of_notice(grounds) if is_new and Channel.EMAIL in told.requested else None
    return Announcement(requested=told.requested, suppressed=told.suppressed, carries=carries)


def announce_to_guardian(guardian: Grounds, ward: Grounds, *, barrier: str | None) -> Announcement:
    """How a guardian is told of what is in a ward's cabinet. `barrier` is why it is not for them at all. A document
    goes to nobody but its patient."""
    return _split(
        lambda channel: barrier or guardian_notice_barrier(guardian, ward, channel=channel),
    )


def announce_nothing(reason: str) -> Announcement:
    """Nobody is told by any channel, for one reason."""
    return _split(lambda _: reason)


def guardian_notice_barrier(guardian: Grounds, ward: Grounds, *, channel: Channel) -> str | None:
    """Why a guardian is not told of a ward's report by the channel: what is told is the ward's, so the ward's
    consents must hold, and the guardian's own for the address that is used."""
    if permission.notices_consent_barrier(ward) is not None:
        return WARD_CONSENT_MISSING
    return permission.notice_barrier(guardian, channel=channel)


def sight_barrier(sight: Sight, study_types: frozenset[StudyType] | None) -> str | None:
    """Why a guardian is told nothing of a report of these types; None stands for one whose content is no more: that
    it left the cabinet is for whoever represents the ward."""
    if not sight.sections:
        return GUARDIANSHIP_OVER
    return None if study_types is None or sight.covers(study_types) else NOT_IN_SIGHT


def representation_barrier(
    guardianship: Guardianship | None,
    guardian: Grounds,
    ward: Grounds,
    *,
    study_types: frozenset[StudyType] | None,
    on_date: date,
    age_of_own_decision: int = AGE_OF_OWN_DECISION,
) -> str | None:
    """Why a person is told nothing as a ward's guardian on this day: misuse of their own cabinet is suspected, they
    represent the ward no more, or this report is not for them to see."""
    known = guardian.identity
    if known is not None and known.suspended is SuspensionReason.MISUSE_SUSPECTED:
        return permission.SERVICE_SUSPENDED
    if guardianship is None:
        return GUARDIANSHIP_OVER
    profile = ward.patient.profile if ward.patient else None
    born = profile.birth_date if profile else None
    sight = sight_of(guardianship, born, on_date, age_of_own_decision=age_of_own_decision)
    return sight_barrier(sight, study_types)


def about_of_version(report_version: int, status: ReportStatus) -> About | None:
    """What a further version says of a report that its patient has had before: a correction, or that it is ready.
    A preliminary report that becomes final is none, and neither is one to which something was added."""
    return About.CORRECTED if report_version > 1 and status in _CORRECTIONS else None


def is_urgent(content: ReportContent) -> bool:
    """Whether something in it is critical: its patient should not wait for the day of a digest."""
    standing = [one for one in content.observations if one.status not in _TAKEN_BACK]
    said = [one.interpretation for one in standing]
    said += [component.interpretation for one in standing for component in one.components]
    return any(map(_is_critical, said))


def _is_critical(interpretation: tuple[Concept, ...]) -> bool:
    return any(
        (coding.code or "").upper() in _CRITICAL for concept in interpretation for coding in concept.codings
    )


def _split(barrier: Callable[[Channel], str | None]) -> Announcement:
    """Each channel is asked for once."""
    reasons = {channel: barrier(channel) for channel in Channel}
    return Announcement(
        requested=tuple(channel for channel, reason in reasons.items() if reason is None),
        suppressed=tuple(
            SuppressedChannel(channel=channel, reason=reason)
            for channel, reason in reasons.items()
            if reason is not None
        ),
    )
