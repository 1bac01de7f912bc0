"""What patients, laboratories and staff can ask for: load, decide, append."""

from collections.abc import Callable, Iterable, Sequence
from types import UnionType
from typing import Any, TypeVar
from uuid import UUID, uuid4

from domain import Event, patient, session
from domain.patient import Patient, PatientRegistered, ProfileStated
from domain.policy import Policy, single_policy
from domain.reading import ReadingEvent
from domain.values import PatientId
from ledger.codec import Circumstances, Erased
from ledger.recorder import Mark, StreamConflictError
from ledger.store import Ledger, Position, Write

S = TypeVar("S")
# A lost race is decided again on the new state; losing this often means that something is wrong.
TRIES = 10


class PatientNotFoundError(Exception):
    """There is no such patient."""


class LaboratoryNotFoundError(Exception):
    """No laboratory is registered under this handle."""


def is_of_another(ledger: Ledger, stream_id: UUID, first: type | UnionType) -> bool:
    """Whether the stream begins with another event than these, so that the id was mistaken for one of theirs. An erased
    one may have been any."""
    found = next(ledger.read(stream_id), None)
    return found is not None and not isinstance(found.event, first | Erased)


def decide_again(act: Callable[[], S]) -> S:
    """Load, decide and append; if somebody was faster, once more on what is true now."""
    for _ in range(TRIES - 1):
        try:
            return act()
        except StreamConflictError:
            continue
    return act()


def change(
    ledger: Ledger,
    stream_id: UUID,
    evolve: Callable[[S | None, Any], S],
    decide: Callable[[S | None], Iterable[Event]],
    by: Circumstances,
    *,
    subject: UUID | None = None,
    marks: Sequence[Mark] = (),
    released: Sequence[Mark] = (),
) -> Position:
    """One decision on one stream."""

    def act() -> Position:
        state, version = ledger.load(stream_id, evolve)
        events = tuple(decide(state))
        if not events:
            return Position(0, ())
        write = Write(stream_id, version, events, subject)
        return ledger.append(write, circumstances=by, marks=marks, released=released)

    return decide_again(act)


# Patients


def register_patient(ledger: Ledger, *, patient_id: PatientId, phone: str, locale: str) -> Position:
    """Open a cabinet for the owner of a confirmed phone. MarkTakenError if the phone has one."""
    return ledger.append(
        Write(
            patient_id,
            0,
            (
                PatientRegistered(locale=locale),
                patient.PhoneStated(phone=phone),
                patient.PhoneConfirmed(),
                patient.PasswordSet(),
            ),
            patient_id,
        ),
        circumstances=by_patient(patient_id),
        marks=(ledger.mark("phone", phone, patient_id),),
    )


def by_patient(patient_id: PatientId, *, session_id: UUID | None = None) -> Circumstances:
    """The patient acts for themselves; a session is the conversation."""
    return Circumstances(actor=f"patient:{patient_id}", correlation_id=session_id)


def load_patient(ledger: Ledger, patient_id: PatientId) -> Patient:
    state, _ = ledger.load(patient_id, patient.evolve)
    if state is None:
        raise PatientNotFoundError(patient_id)
    return state


def state_profile(
    ledger: Ledger, patient_id: PatientId, profile: ProfileStated, by: Circumstances
) -> Position:
    """MarkTakenError with kind `snils` if the СНИЛС is somebody else's."""

    def act() -> Position:
        state, version = ledger.load(patient_id, patient.evolve)
        known = _known(state)
        events = patient.state_profile(known, profile)
        before = known.profile.snils if known.profile else None
        # A number that was corrected recognises nobody any more.
        is_new = bool(events) and before != profile.snils
        return ledger.append(
            Write(patient_id, version, events, patient_id),
            circumstances=by,
            marks=(ledger.mark("snils", profile.snils, patient_id),) if is_new else (),
            released=(ledger.mark("snils", before, patient_id),) if is_new and before else (),
        )

    return decide_again(act)


def state_email(ledger: Ledger, patient_id: PatientId, email: str, by: Circumstances) -> Position:
    return change(
        ledger,
        patient_id,
        patient.evolve,
        lambda state: patient.state_email(_known(state), email),
        by,
        subject=patient_id,
    )


def link_policy(ledger: Ledger, patient_id: PatientId, policy: Policy | str, by: Circumstances) -> Position:
    """Link a policy; a bare number is of the single kind. MarkTakenError if it is somebody else's."""
    linked = single_policy(policy) if isinstance(policy, str) else policy
    known = load_patient(ledger, patient_id).policy_linked
    if known is not None and patient.policy_of(known) == linked:
        return Position(0, ())
    return change(
        ledger,
        patient_id,
        patient.evolve,
        lambda state: patient.link_policy(_known(state), linked),
        by,
        subject=patient_id,
        marks=(ledger.mark(linked.kind, linked.mark_text, patient_id),),
    )


def _known(state: Patient | None) -> Patient:
    if state is None:
        raise PatientNotFoundError
    return state


# Sessions and readings


def open_session(ledger: Ledger, patient_id: PatientId, *, factors: tuple[str, ...]) -> UUID:
    session_id = uuid4()
    opened = session.SessionOpened(patient_id=patient_id, factors=factors)
    by = by_patient(patient_id, session_id=session_id)
    ledger.append(Write(session_id, 0, (opened,)), circumstances=by)
    return session_id


def close_session(ledger: Ledger, session_id: UUID, *, reason: str, by: Circumstances) -> Position:
    return change(ledger, session_id, session.evolve, lambda state: session.close(state, reason=reason), by)


def refuse_sign_in(ledger: Ledger, patient_id: PatientId, *, reason: str) -> Position:
    refused = session.SignInRefused(patient_id=patient_id, reason=reason)
    anonymous = Circumstances(actor="anonymous")
    return ledger.append(Write(uuid4(), 0, (refused,)), circumstances=anonymous)


def record_reading(ledger: Ledger, reading: ReadingEvent, by: Circumstances) -> Position:
    """Must return before the data leaves: no reading goes unrecorded."""
    return ledger.append(Write(uuid4(), 0, (reading,)), circumstances=by)
