"""Consultations in the ledger: a patient books, prepares, moves and cancels; the doctor records; time passes.

A time is marks in the blind index, five minutes each, of the doctor and of the patient: the index has a mark once, so
of many who race for a time one wins, and nobody is in two places.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import reduce
from uuid import UUID, uuid4

from domain import consultation, consultation_preparation, doctor, doctor_hours, staff
from domain.consultation import (
    CancelReason,
    Consultation,
    ConsultationBooked,
    ConsultationEvent,
    ConsultationMoved,
    ConsultationReminded,
    ConsultationUnknownError,
)
from domain.consultation_outcome import NextVisitBooked, Outcome, OutcomeEvent
from domain.consultation_preparation import (
    ConsultationPrepared,
    Preparation,
    PreparationEvent,
)
from domain.doctor import ConsultationFormat, DoctorUnknownError
from domain.doctor_hours import Slot
from domain.reading import ConsultationRead, ReadingPurpose
from domain.values import PatientId, StaffMemberId
from ledger import sharing
from ledger.codec import Circumstances, RecordedEvent
from ledger.commands import decide_again
from ledger.doctors import BOOK_DAYS, doctors_stream, hours_stream, time_marks
from ledger.identity import look
from ledger.recorder import Guard, Mark
from ledger.staff import has_begun_since_admitted
from ledger.store import Ledger, Position, Write

CLOCK = Circumstances(actor="system:clockwork")


class SlotNotFreeError(Exception):
    """The doctor has no such time: it is not within their hours, or it has passed."""


class FormatNotOfferedError(Exception):
    """The doctor does not talk to patients in this way."""


class IdentityNotConfirmedError(Exception):
    """A doctor talks to a patient of whom is known who they are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """The time that is asked for, and how to talk."""

    member_id: StaffMemberId
    starts_at: datetime
    format: ConsultationFormat


# What a patient does


def book(
    ledger: Ledger,
    patient_id: PatientId,
    wish: Wish,
    prepared: ConsultationPrepared,
    by: Circumstances,
    *,
    now: datetime,
) -> UUID:
    """The consultation's id. MarkTakenError if somebody was faster (kind DOCTOR_TIME), or if the patient talks to
    another doctor then (PATIENT_TIME)."""
    consultation_id = uuid4()

    def act() -> UUID:
        known = look(ledger, patient_id)
        if not known.so_far.is_confirmed_for(known.patient):
            raise IdentityNotConfirmedError
        booked, guards = _booking(ledger, patient_id, wish, now=now)
        asked = consultation_preparation.prepare(
            None, study_type=prepared.study_type, questions=prepared.questions
        )
        ledger.append(
            Write(consultation_id, 0, (booked, *asked), consultation_id),
            circumstances=by,
            marks=_marks(ledger, consultation_id, booked),
            guards=(*guards, Guard(patient_id, known.patient_version), Guard(known.stream_id, known.version)),
        )
        return consultation_id

    return decide_again(act)


def _booking(
    ledger: Ledger, patient_id: PatientId, wish: Wish, *, now: datetime, follows: UUID | None = None
) -> tuple[ConsultationBooked, tuple[Guard, ...]]:
    """What is booked, on the hours and the doctor as they stand."""
    streams = (
        (wish.member_id, staff.evolve),
        (doctors_stream(ledger, wish.member_id), doctor.evolve),
        (hours_stream(ledger, wish.member_id), doctor_hours.evolve),
    )
    (member, member_version), (who, who_version), (hours, hours_version) = ledger.load_all(*streams)
    receiving = doctor.require_receiving(who)
    if member is None or not member.may(staff.Role.DOCTOR):
        raise DoctorUnknownError
    if member.organisation_id != receiving.organisation_id:
        raise DoctorUnknownError  # who moved has not said yet that they receive patients there
    if wish.format not in receiving.formats:
        raise FormatNotOfferedError
    every = doctor_hours.slots(hours, now=now, days=BOOK_DAYS)
    slot = next((one for one in every if one.starts_at == wish.starts_at), None)
    if slot is None:
        raise SlotNotFreeError
    versions = (member_version, who_version, hours_version)
    guards = tuple(
        Guard(stream_id, version) for (stream_id, _), version in zip(streams, versions, strict=True)
    )
    booked = ConsultationBooked(
        patient_id=patient_id,
        member_id=wish.member_id,
        organisation_id=receiving.organisation_id,
        starts_at=slot.starts_at,
        minutes=slot.minutes,
        format=wish.format,
        chosen_at=now,
        follows=follows,
    )
    return booked, guards


def prepare(
    ledger: Ledger,
    consultation_id: UUID,
    decide: Callable[[Preparation], Iterable[PreparationEvent]],
    by: Circumstances,
) -> Position:
    return _change(ledger, consultation_id, lambda state: consultation.prepare(state, decide), by)


def attach(
    ledger: Ledger, consultation_id: UUID, report_ids: Sequence[UUID], by: Circumstances, *, now: datetime
) -> None:
    """The doctor may see these reports, by a share that the patient can take back. NotSharedError if one is not
    theirs. Attached and shared is one act: a consultation that is cancelled meanwhile leaves no share behind."""
    share_id = uuid4()

    def act() -> None:
        state, version = load_consultation(ledger, consultation_id)
        for attached in consultation.attach(state, report_ids, share_id=share_id):
            share, guards = sharing.given_to_doctor(
                ledger,
                state.patient_id,
                state.member_id,
                attached.report_ids,
                until=attached.until,
                now=now,
                share_id=share_id,
            )
            ledger.append(
                Write(consultation_id, version, (attached,), consultation_id),
                share,
                circumstances=by,
                guards=guards,
            )

    decide_again(act)


def move(
    ledger: Ledger,
    consultation_id: UUID,
    *,
    starts_at: datetime,
    visit: ConsultationFormat,
    now: datetime,
    at_least: timedelta | None,
    by: Circumstances,
) -> None:
    """Another time of the same doctor, won as the first one was; the earlier one is free again. What was attached is
    shared as long as it is said to be. `at_least` as the decision has it: None where the doctor moves it."""

    def act() -> None:
        state, version = load_consultation(ledger, consultation_id)
        wish = Wish(member_id=state.member_id, starts_at=starts_at, format=visit)
        booked, guards = _booking(ledger, state.patient_id, wish, now=now)
        moved = ConsultationMoved(
            starts_at=booked.starts_at, minutes=booked.minutes, format=booked.format, chosen_at=now
        )
        events = consultation.move(state, moved, now=now, at_least=at_least)
        before, after = _marks(ledger, consultation_id, state), _marks(ledger, consultation_id, booked)
        if events:
            until = reduce(consultation.evolve, events, state).shared_until
            ledger.append(
                Write(consultation_id, version, events, consultation_id),
                *sharing.extensions(ledger, state.preparation.shares, until=until, now=now),
                circumstances=by,
                # Two times that overlap have marks in common.
                marks=[mark for mark in after if mark not in before],
                released=[mark for mark in before if mark not in after],
                guards=guards,
            )

    decide_again(act)


def cancel(
    ledger: Ledger, consultation_id: UUID, *, reason: CancelReason, now: datetime, by: Circumstances
) -> None:
    """It does not take place: its time is free again, and the doctor sees no more of what was attached."""
    _change(
        ledger,
        consultation_id,
        lambda state: (consultation.cancel(state, reason=reason, now=now),),
        by,
    )


# What the doctor does


def show(ledger: Ledger, consultation_id: UUID, by: Circumstances) -> Consultation:
    """What the patient wrote and what was recorded; that it was shown is recorded before."""
    state, _ = load_consultation(ledger, consultation_id)
    read = ConsultationRead(
        patient_id=state.patient_id, consultation_id=consultation_id, purpose=ReadingPurpose.TREATMENT
    )
    ledger.append(Write(uuid4(), 0, (read,)), circumstances=by)
    return state


def hold(ledger: Ledger, consultation_id: UUID, by: Circumstances, *, now: datetime) -> Position:
    return _change(ledger, consultation_id, lambda state: consultation.hold(state, now=now), by)


def miss(ledger: Ledger, consultation_id: UUID, by: Circumstances, *, now: datetime) -> Position:
    return _change(ledger, consultation_id, lambda state: consultation.miss(state, now=now), by)


def document(
    ledger: Ledger,
    consultation_id: UUID,
    decide: Callable[[Outcome], Iterable[OutcomeEvent]],
    by: Circumstances,
    *,
    now: datetime,
) -> Position:
    """Record what the doctor says by a decision of `consultation_outcome`."""
    return _change(ledger, consultation_id, lambda state: consultation.document(state, decide, now=now), by)


def book_next(
    ledger: Ledger,
    consultation_id: UUID,
    *,
    starts_at: datetime,
    visit: ConsultationFormat,
    by: Circumstances,
    now: datetime,
) -> UUID:
    """The doctor books the patient's next time: recorded in both consultations, or in none."""
    next_id = uuid4()

    def act() -> UUID:
        state, version = load_consultation(ledger, consultation_id)
        wish = Wish(member_id=state.member_id, starts_at=starts_at, format=visit)
        booked, guards = _booking(ledger, state.patient_id, wish, now=now, follows=consultation_id)
        said = consultation.document(state, lambda _: (NextVisitBooked(consultation_id=next_id),), now=now)
        ledger.append(
            Write(next_id, 0, (booked,), next_id),
            Write(consultation_id, version, said, consultation_id),
            circumstances=by,
            marks=_marks(ledger, next_id, booked),
            guards=guards,
        )
        return next_id

    return decide_again(act)


def take_referral(
    ledger: Ledger, consultation_id: UUID, number: int, *, request_id: UUID, by: Circumstances
) -> Position:
    return _change(
        ledger,
        consultation_id,
        lambda state: consultation.take_referral(state, number, request_id=request_id),
        by,
    )


# What time does


def remind(ledger: Ledger, consultation_id: UUID, *, now: datetime) -> ConsultationReminded | None:
    """The reminder that is to be sent now, after it was recorded: whoever records it sends it, and nobody else."""
    made: list[ConsultationReminded] = []

    def decide(state: Consultation | None) -> tuple[ConsultationReminded, ...]:
        made[:] = consultation.remind(state, now=now)
        return tuple(made)

    _change(ledger, consultation_id, decide, CLOCK)
    return made[0] if made else None


# Reading


def load_consultation(ledger: Ledger, consultation_id: UUID) -> tuple[Consultation, int]:
    """ConsultationUnknownError if there is none, whatever else the id may be of."""
    first = next(ledger.read(consultation_id), None)
    if first is None or not isinstance(first.event, ConsultationBooked):
        raise ConsultationUnknownError
    state, version = ledger.load(consultation_id, consultation.evolve)
    assert state is not None
    return state, version


def consultation_of_patient(ledger: Ledger, patient_id: PatientId, consultation_id: UUID) -> Consultation:
    """ConsultationUnknownError too if it is somebody else's."""
    state, _ = load_consultation(ledger, consultation_id)
    if state.patient_id != patient_id:
        raise ConsultationUnknownError
    return state


def consultation_of_doctor(ledger: Ledger, member_id: StaffMemberId, consultation_id: UUID) -> Consultation:
    """ConsultationUnknownError too if it was booked before the doctor was dismissed and came back."""
    state, _ = load_consultation(ledger, consultation_id)
    if state.member_id != member_id or not has_begun_since_admitted(ledger, member_id, consultation_id):
        raise ConsultationUnknownError
    return state


def happened(ledger: Ledger, consultation_id: UUID) -> list[RecordedEvent]:
    """What happened in it, with the time at which it was recorded."""
    return list(ledger.read(consultation_id))


def room_of(ledger: Ledger, consultation_id: UUID) -> str:
    """The name of the meeting's room, which nobody guesses and which says nothing."""
    return ledger.stream_id("meeting-room", str(consultation_id)).hex


def _marks(ledger: Ledger, consultation_id: UUID, at: Consultation | ConsultationBooked) -> tuple[Mark, ...]:
    slot = Slot(at.starts_at, at.minutes)
    return time_marks(ledger, consultation_id, at.member_id, at.patient_id, slot)


def _change(
    ledger: Ledger,
    consultation_id: UUID,
    decide: Callable[[Consultation | None], Iterable[ConsultationEvent]],
    by: Circumstances,
) -> Position:
    def act() -> Position:
        state, version = load_consultation(ledger, consultation_id)
        events = tuple(decide(state))
        is_over = any(isinstance(one, consultation.ConsultationCancelled) for one in events)
        return ledger.append(
            Write(consultation_id, version, events, consultation_id),
            *(sharing.revocations(ledger, state.preparation.shares) if is_over else ()),
            circumstances=by,
            released=_marks(ledger, consultation_id, state) if is_over else (),
        )

    return decide_again(act)
