"""Session: a person is let in after every factor, or refused, and leaves."""

from dataclasses import dataclass, replace
from typing import assert_never
from uuid import UUID

from domain.values import PatientId

# Events: what happened.


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionOpened:
    """The person proved who they are by these factors, in order. `continues` is the session that this one
    goes on from: they were signed in, and proved themselves once more."""

    patient_id: PatientId
    factors: tuple[str, ...]
    continues: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionClosed:
    """The session ended: `reason` is signed-out, expired, replaced, ended-elsewhere (the patient ended it from
    another one), factors-changed or patient-erased."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInRefused:
    """Somebody failed to prove that they are this patient; `reason` is a stable code."""

    patient_id: PatientId
    reason: str


SessionEvent = SessionOpened | SessionClosed | SignInRefused

# State.


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    patient_id: PatientId
    is_open: bool


def evolve(session: Session | None, event: SessionEvent) -> Session:
    """Replay one event. Never refuses."""
    match event:
        case SessionOpened():
            return Session(patient_id=event.patient_id, is_open=True)
        case SignInRefused():
            return Session(patient_id=event.patient_id, is_open=False)
        case SessionClosed():
            assert session is not None
            return replace(session, is_open=False)
        case _:
            assert_never(event)


# Decisions.


def close(session: Session | None, *, reason: str) -> tuple[SessionClosed, ...]:
    """Leaving twice changes nothing."""
    return (SessionClosed(reason=reason),) if session is not None and session.is_open else ()
