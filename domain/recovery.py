"""Recovery: who forgot the password sets another, with a second proof, or after a wait that can be called off."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import assert_never

from domain.values import PatientId

# Events: what happened. The stream is of one patient's recoveries.


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordRecoveryRequested:
    """Somebody who has the phone, and nothing more, asked for a new password. It may be set from `opens_at` on."""

    patient_id: PatientId
    opens_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordRecoveryCancelled:
    """The patient was signed in, and said that it was not them."""

    patient_id: PatientId


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordRecovered:
    """A new password was set by somebody who showed these proofs; `waited` is one of them."""

    patient_id: PatientId
    proofs: tuple[str, ...]


RecoveryEvent = PasswordRecoveryRequested | PasswordRecoveryCancelled | PasswordRecovered

# State.

# For so long the owner may call it off, and for so long after that the new password may be set.
WAIT = timedelta(hours=24)
OPEN = timedelta(hours=72)
# Beside the code by SMS; with one of them nobody has to wait.
STRONG_PROOFS = frozenset({"totp", "passkey", "recovery-code"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """`opens_at` is set while a recovery waits, or may be finished."""

    opens_at: datetime | None = None

    def is_waiting(self, now: datetime) -> bool:
        return self.opens_at is not None and now < self.opens_at

    def is_open(self, now: datetime) -> bool:
        return self.opens_at is not None and self.opens_at <= now < self.opens_at + OPEN


def evolve(recovery: Recovery | None, event: RecoveryEvent) -> Recovery:
    """Replay one event. Never refuses."""
    del recovery  # each event says all that there is to know
    match event:
        case PasswordRecoveryRequested():
            return Recovery(opens_at=event.opens_at)
        case PasswordRecoveryCancelled() | PasswordRecovered():
            return Recovery()
        case _:
            assert_never(event)


# Decisions.


class RecoveryProofNeededError(Exception):
    """The account has something stronger than the phone: one of it must be shown, waiting is not enough."""


class RecoveryWaitingError(Exception):
    """The waiting time is not over, or was never begun."""


def request(
    recovery: Recovery | None, *, patient_id: PatientId, now: datetime, has_strong_factor: bool
) -> tuple[PasswordRecoveryRequested, ...]:
    """Begin to wait. Asking again does not make it shorter, nor longer."""
    if has_strong_factor:
        raise RecoveryProofNeededError
    if recovery is not None and (recovery.is_waiting(now) or recovery.is_open(now)):
        return ()
    return (PasswordRecoveryRequested(patient_id=patient_id, opens_at=now + WAIT),)


def cancel(recovery: Recovery | None, *, patient_id: PatientId) -> tuple[PasswordRecoveryCancelled, ...]:
    """Calling off what does not wait changes nothing."""
    is_pending = recovery is not None and recovery.opens_at is not None
    return (PasswordRecoveryCancelled(patient_id=patient_id),) if is_pending else ()


def recover(
    recovery: Recovery | None,
    *,
    patient_id: PatientId,
    now: datetime,
    proofs: tuple[str, ...],
    has_strong_factor: bool,
) -> PasswordRecovered:
    """A new password, for who has shown enough."""
    if STRONG_PROOFS & set(proofs):
        return PasswordRecovered(patient_id=patient_id, proofs=proofs)
    if has_strong_factor:
        raise RecoveryProofNeededError
    if recovery is None or not recovery.is_open(now):
        raise RecoveryWaitingError
    return PasswordRecovered(patient_id=patient_id, proofs=(*proofs, "waited"))
