"""Consultation: a patient books a doctor's time, gives results and questions, and talks to the doctor (S138-S143).

One stream a consultation. What routes it stands clear; what the two say to each other is sealed under a key of the
consultation's own. What the patient prepares is in `consultation_preparation`, what came of it in
`consultation_outcome`.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from uuid import UUID

from domain import consultation_outcome, consultation_preparation
from domain.consultation_outcome import HistoryTaken, Outcome, OutcomeEvent, ReferralTaken
from domain.consultation_preparation import (
    ConsultationPrepared,
    ConsultationScanAttached,
    ConsultationScanRemoved,
    Preparation,
    PreparationEvent,
    ResultsAttached,
)
from domain.doctor import ConsultationFormat
from domain.values import OrganisationId, PatientId, StaffMemberId

# From when on the meeting's link is shown, and the doctor may begin to write.
OPENS_BEFORE = timedelta(minutes=10)
# As long after the end the doctor may look at what was attached.
SHARED_AFTER = timedelta(days=30)

# Events: what happened. Who did it is in the envelope.


class CancelReason(StrEnum):
    """Why a consultation does not take place."""

    PATIENT = "patient"
    DOCTOR_UNAVAILABLE = "doctor-unavailable"
    OTHER_SPECIALITY = "other-speciality"
    TECHNICAL = "technical"
    # The doctor receives no more patients.
    DOCTOR_LEFT = "doctor-left"


class Reminder(StrEnum):
    DAY_BEFORE = "day-before"
    HOUR_BEFORE = "hour-before"


BEFORE: Mapping[Reminder, timedelta] = MappingProxyType(
    {Reminder.DAY_BEFORE: timedelta(hours=24), Reminder.HOUR_BEFORE: timedelta(hours=1)}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsultationBooked:
    """The patient has the doctor's time; `follows` is the consultation that led to it. `chosen_at` says which reminders
    there was time for."""

    patient_id: PatientId
    member_id: StaffMemberId
    organisation_id: OrganisationId
    starts_at: datetime
    minutes: int
    format: ConsultationFormat
    chosen_at: datetime
    follows: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsultationMoved:
    """Another time of the same doctor; the earlier one is free again."""

    starts_at: datetime
    minutes: int
    format: ConsultationFormat
    chosen_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsultationCancelled:
    """It does not take place, and its time is free again."""

    reason: CancelReason


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsultationReminded:
    """The patient is about to be told of the time that is near; said once for each time, before anything is sent."""

    reminder: Reminder
    starts_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsultationHeld:
    """«Состоялась»."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PatientMissed:
    """«Пациент не пришёл»."""


ConsultationEvent = (
    ConsultationBooked
    | PreparationEvent
    | ConsultationMoved
    | ConsultationCancelled
    | ConsultationReminded
    | ConsultationHeld
    | PatientMissed
    | OutcomeEvent
)

# State.


class ConsultationStatus(StrEnum):
    BOOKED = "booked"
    HELD = "held"
    MISSED = "missed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Consultation:
    """A consultation as it stands; what was erased is missing."""

    patient_id: PatientId
    member_id: StaffMemberId
    organisation_id: OrganisationId
    starts_at: datetime
    minutes: int
    format: ConsultationFormat
    chosen_at: datetime
    follows: UUID | None = None
    status: ConsultationStatus = ConsultationStatus.BOOKED
    reason: CancelReason | None = None
    preparation: Preparation = consultation_preparation.NOTHING
    moves: int = 0
    reminded: frozenset[tuple[Reminder, datetime]] = frozenset()
    outcome: Outcome = consultation_outcome.NOTHING

    @property
    def ends_at(self) -> datetime:
        return self.starts_at + timedelta(minutes=self.minutes)

    @property
    def shared_until(self) -> datetime:
        """Until when the doctor may look at what is attached."""
        return self.ends_at + SHARED_AFTER

    @property
    def is_booked(self) -> bool:
        return self.status is ConsultationStatus.BOOKED

    def is_near(self, now: datetime) -> bool:
        """Whether it is time to come in: from ten minutes before until the end."""
        return self.is_booked and self.starts_at - OPENS_BEFORE <= now < self.ends_at

    def can_write(self, now: datetime) -> bool:
        """Whether the doctor may record anything now: from ten minutes before, and ever after."""
        return self.status is not ConsultationStatus.CANCELLED and now >= self.starts_at - OPENS_BEFORE

    def is_shared(self, now: datetime) -> bool:
        """Whether the doctor may look at what was attached."""
        return self.status is not ConsultationStatus.CANCELLED and now < self.shared_until

    def seen_reports(self, now: datetime) -> tuple[UUID, ...]:
        """What the doctor may look at now."""
        if self.status is ConsultationStatus.CANCELLED:
            return ()
        return tuple(report_id for report_id, until in self.preparation.reports.items() if now < until)


def evolve(consultation: Consultation | None, event: ConsultationEvent) -> Consultation:
    """Replay one event. Never refuses."""
    if isinstance(event, ConsultationBooked):
        return Consultation(
            patient_id=event.patient_id,
            member_id=event.member_id,
            organisation_id=event.organisation_id,
            starts_at=event.starts_at,
            minutes=event.minutes,
            format=event.format,
            chosen_at=event.chosen_at,
            follows=event.follows,
        )
    assert consultation is not None
    match event:
        case ConsultationMoved():
            return replace(
                consultation,
                starts_at=event.starts_at,
                minutes=event.minutes,
                format=event.format,
                chosen_at=event.chosen_at,
                moves=consultation.moves + 1,
            )
        case ConsultationCancelled():
            return replace(consultation, status=ConsultationStatus.CANCELLED, reason=event.reason)
        case ConsultationReminded():
            said = consultation.reminded | {(event.reminder, event.starts_at)}
            return replace(consultation, reminded=said)
        case ConsultationHeld():
            return replace(consultation, status=ConsultationStatus.HELD)
        case PatientMissed():
            return replace(consultation, status=ConsultationStatus.MISSED)
        case (
            ConsultationPrepared()
            | ResultsAttached()
            | ConsultationScanAttached()
            | ConsultationScanRemoved()
        ):
            known = consultation_preparation.evolve(consultation.preparation, event)
            return replace(consultation, preparation=known)
        case _:
            return replace(consultation, outcome=consultation_outcome.evolve(consultation.outcome, event))


# Decisions of the patient, and what the doctor decides of the time.


class ConsultationUnknownError(Exception):
    """There is no such consultation."""


class ConsultationOverError(Exception):
    """The consultation is cancelled or over: nothing of its time can be changed."""


class TooLateToMoveError(Exception):
    """So short before its time a consultation can only be cancelled."""


def prepare(
    consultation: Consultation | None,
    decide: Callable[[Preparation], Iterable[PreparationEvent]],
) -> tuple[PreparationEvent, ...]:
    """What the patient prepares, while there is something to prepare for."""
    return tuple(decide(_open(consultation).preparation))


def attach(
    consultation: Consultation | None, report_ids: Iterable[UUID], *, share_id: UUID | None = None
) -> tuple[ResultsAttached, ...]:
    """Let the doctor see further reports, until 30 days after the end."""
    known = _open(consultation)
    return consultation_preparation.attach(
        known.preparation, report_ids, until=known.shared_until, share_id=share_id
    )


def remove_scan(consultation: Consultation | None, scan_id: UUID) -> ConsultationScanRemoved:
    """Also afterwards: what one gave one may take back."""
    known = known_consultation(consultation)
    return consultation_preparation.remove_scan(known.preparation, scan_id)


def move(
    consultation: Consultation | None, moved: ConsultationMoved, *, now: datetime, at_least: timedelta | None
) -> tuple[ConsultationMoved | ResultsAttached, ...]:
    """To another time; what was attached may be looked at until 30 days after the new end. `at_least` is how long
    before its time a patient can still move it; None for the doctor, who moves it as long as it was neither held nor
    missed."""
    known = _open(consultation)
    if at_least is not None and now > known.starts_at - at_least:
        raise TooLateToMoveError
    if (known.starts_at, known.format) == (moved.starts_at, moved.format):
        return ()
    until = moved.starts_at + timedelta(minutes=moved.minutes) + SHARED_AFTER
    return (moved, *consultation_preparation.extend(known.preparation, until=until))


def cancel(
    consultation: Consultation | None, *, reason: CancelReason, now: datetime
) -> ConsultationCancelled:
    """A patient cancels until it begins; a doctor as long as it was neither held nor missed."""
    known = _open(consultation)
    if reason is CancelReason.PATIENT and now >= known.starts_at:
        raise ConsultationOverError
    return ConsultationCancelled(reason=reason)


# Decisions of time and of the doctor.


class ConsultationTooEarlyError(Exception):
    """Its time has not come yet."""


class ConsultationDocumentedError(Exception):
    """The doctor gave the patient something: so it was held."""


def remind(consultation: Consultation | None, *, now: datetime) -> tuple[ConsultationReminded, ...]:
    """The latest reminder that is due. One whose moment had passed when the time was chosen is not made, nor one that
    a later one makes idle."""
    if consultation is None or not consultation.is_booked or now >= consultation.starts_at:
        return ()
    starts_at = consultation.starts_at
    for reminder in (Reminder.HOUR_BEFORE, Reminder.DAY_BEFORE):
        moment = starts_at - BEFORE[reminder]
        if now < moment:
            continue
        if consultation.chosen_at >= moment or (reminder, starts_at) in consultation.reminded:
            return ()
        return (ConsultationReminded(reminder=reminder, starts_at=starts_at),)
    return ()


def hold(consultation: Consultation | None, *, now: datetime) -> tuple[ConsultationHeld, ...]:
    """Also of one who was said to have missed it: that was a slip."""
    known = known_consultation(consultation)
    _require_begun(known, now)
    return () if known.status is ConsultationStatus.HELD else (ConsultationHeld(),)


def miss(consultation: Consultation | None, *, now: datetime) -> tuple[PatientMissed, ...]:
    known = known_consultation(consultation)
    if known.outcome.is_given:
        raise ConsultationDocumentedError
    if now < known.starts_at:
        raise ConsultationTooEarlyError
    _require_begun(known, now)
    return () if known.status is ConsultationStatus.MISSED else (PatientMissed(),)


def document(
    consultation: Consultation | None,
    decide: Callable[[Outcome], Iterable[OutcomeEvent]],
    *,
    now: datetime,
) -> tuple[ConsultationEvent, ...]:
    """What the doctor records. Whatever the patient is given says that the consultation was held; the history alone
    does not."""
    known = known_consultation(consultation)
    _require_begun(known, now)
    events = tuple(decide(known.outcome))
    if known.status is ConsultationStatus.HELD or all(isinstance(one, HistoryTaken) for one in events):
        return events
    return (ConsultationHeld(), *events)


def take_referral(
    consultation: Consultation | None, number: int, *, request_id: UUID
) -> tuple[ReferralTaken, ...]:
    """The patient asks for the study that the doctor named."""
    known = known_consultation(consultation)
    return (consultation_outcome.take_referral(known.outcome, number, request_id=request_id),)


def known_consultation(consultation: Consultation | None) -> Consultation:
    if consultation is None:
        raise ConsultationUnknownError
    return consultation


def _open(consultation: Consultation | None) -> Consultation:
    if not known_consultation(consultation).is_booked:
        raise ConsultationOverError
    assert consultation is not None
    return consultation


def _require_begun(consultation: Consultation, now: datetime) -> None:
    if consultation.status is ConsultationStatus.CANCELLED:
        raise ConsultationOverError
    if now < consultation.starts_at - OPENS_BEFORE:
        raise ConsultationTooEarlyError
