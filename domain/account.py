"""Account: what a patient proves who they are with, besides the password: authenticators and recovery codes.

Secrets are no facts of the history: they are not here.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import assert_never
from uuid import UUID

from domain.values import PatientId

# Events: what happened. The stream is of one patient's account.


class AuthenticatorKind(StrEnum):
    """A strong factor: a program that makes codes (TOTP), or a key that signs (WebAuthn)."""

    TOTP = "totp"
    PASSKEY = "passkey"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthenticatorAdded:
    """The patient showed that they have it, by its first code or signature."""

    patient_id: PatientId
    authenticator_id: UUID
    kind: AuthenticatorKind


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthenticatorNamed:
    """What the patient calls it."""

    authenticator_id: UUID
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthenticatorRemoved:
    """It opens nothing any more."""

    patient_id: PatientId
    authenticator_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthenticatorSuspected:
    """Its counter went back, so there may be a copy of it: it opens nothing until it is added anew."""

    patient_id: PatientId
    authenticator_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryCodesIssued:
    """The patient was given so many codes, each good once; earlier ones are good no more."""

    patient_id: PatientId
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryCodeUsed:
    """One of the codes stood for a second factor."""

    patient_id: PatientId


@dataclass(frozen=True, slots=True, kw_only=True)
class SmsCodesTurnedOff:
    """Codes by SMS open nothing: the patient has something stronger."""

    patient_id: PatientId


@dataclass(frozen=True, slots=True, kw_only=True)
class SmsCodesTurnedOn:
    """Codes by SMS are a second factor again."""

    patient_id: PatientId


AccountEvent = (
    AuthenticatorAdded
    | AuthenticatorNamed
    | AuthenticatorRemoved
    | AuthenticatorSuspected
    | RecoveryCodesIssued
    | RecoveryCodeUsed
    | SmsCodesTurnedOff
    | SmsCodesTurnedOn
)

# State.


@dataclass(frozen=True, slots=True, kw_only=True)
class Authenticator:
    authenticator_id: UUID
    kind: AuthenticatorKind
    label: str | None = None
    is_suspected: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What the patient has; an account in which nothing ever happened takes codes by SMS, and nothing else."""

    authenticators: tuple[Authenticator, ...] = ()
    recovery_codes: int = 0
    takes_sms: bool = True

    def good(self, kind: AuthenticatorKind | None = None) -> tuple[Authenticator, ...]:
        """The authenticators that open the account, of one kind or of all."""
        return tuple(
            one for one in self.authenticators if not one.is_suspected and (kind is None or one.kind == kind)
        )

    def second_factors(self) -> tuple[str, ...]:
        """What may stand beside the password, the strongest first. SMS is the weakest, so it is the last."""
        offered = {
            "passkey": bool(self.good(AuthenticatorKind.PASSKEY)),
            "totp": bool(self.good(AuthenticatorKind.TOTP)),
            "recovery-code": self.recovery_codes > 0,
            "sms-code": self.takes_sms,
        }
        return tuple(factor for factor, is_offered in offered.items() if is_offered)

    def step_up_factors(self) -> tuple[str, ...]:
        """What proves the person once more: a code by SMS only if they have nothing stronger."""
        factors = self.second_factors()
        return tuple(one for one in factors if one != "sms-code") if self.good() else factors

    def find(self, authenticator_id: UUID) -> Authenticator | None:
        return next((one for one in self.authenticators if one.authenticator_id == authenticator_id), None)


def evolve(account: Account | None, event: AccountEvent) -> Account:
    """Replay one event. Never refuses."""
    account = account or Account()
    match event:
        case AuthenticatorAdded():
            added = Authenticator(authenticator_id=event.authenticator_id, kind=event.kind)
            return replace(account, authenticators=(*account.authenticators, added))
        case AuthenticatorNamed():
            return _changed(account, event.authenticator_id, label=event.label)
        case AuthenticatorSuspected():
            return _changed(account, event.authenticator_id, is_suspected=True)
        case AuthenticatorRemoved():
            left = (one for one in account.authenticators if one.authenticator_id != event.authenticator_id)
            return replace(account, authenticators=tuple(left))
        case RecoveryCodesIssued():
            return replace(account, recovery_codes=event.count)
        case RecoveryCodeUsed():
            return replace(account, recovery_codes=max(0, account.recovery_codes - 1))
        case SmsCodesTurnedOff():
            return replace(account, takes_sms=False)
        case SmsCodesTurnedOn():
            return replace(account, takes_sms=True)
        case _:
            assert_never(event)


def _changed(
    account: Account, authenticator_id: UUID, *, label: str | None = None, is_suspected: bool = False
) -> Account:
    def changed(one: Authenticator) -> Authenticator:
        if one.authenticator_id != authenticator_id:
            return one
        return replace(one, label=label or one.label, is_suspected=is_suspected or one.is_suspected)

    return replace(account, authenticators=tuple(changed(one) for one in account.authenticators))


# Decisions.

AUTHENTICATORS_MAX = 10
LABEL_MAX = 40


class AuthenticatorsTooManyError(Exception):
    """There are as many authenticators as there may be: remove one first."""


class AuthenticatorLabelTooLongError(Exception):
    """The name is longer than 40 characters."""


class TotpAlreadyAddedError(Exception):
    """An authenticator program is set up already: remove it first."""


class AuthenticatorUnknownError(Exception):
    """There is no such authenticator in this account."""


class StrongerFactorMissingError(Exception):
    """Codes by SMS can't be turned off while there is nothing stronger, or no recovery code beside it."""


class RecoveryCodesUsedUpError(Exception):
    """No recovery code is left."""


def add(
    account: Account | None,
    *,
    patient_id: PatientId,
    authenticator_id: UUID,
    kind: AuthenticatorKind,
    label: str,
) -> tuple[AuthenticatorAdded | AuthenticatorNamed, ...]:
    """Add what the patient has just used; without a label it goes by its kind."""
    account = account or Account()
    if account.find(authenticator_id) is not None:
        return ()
    if kind is AuthenticatorKind.TOTP and any(one.kind is kind for one in account.authenticators):
        raise TotpAlreadyAddedError
    if len(account.authenticators) >= AUTHENTICATORS_MAX:
        raise AuthenticatorsTooManyError
    if len(label) > LABEL_MAX:
        raise AuthenticatorLabelTooLongError
    added = AuthenticatorAdded(patient_id=patient_id, authenticator_id=authenticator_id, kind=kind)
    named = AuthenticatorNamed(authenticator_id=authenticator_id, label=label)
    return (added, named) if label else (added,)


def remove(
    account: Account | None, *, patient_id: PatientId, authenticator_id: UUID
) -> tuple[AuthenticatorRemoved | SmsCodesTurnedOn, ...]:
    """Remove one. Who is left with nothing strong gets codes by SMS again, or they could not come in."""
    if account is None or account.find(authenticator_id) is None:
        raise AuthenticatorUnknownError
    removed = AuthenticatorRemoved(patient_id=patient_id, authenticator_id=authenticator_id)
    after = evolve(account, removed)
    return (
        (removed,) if after.takes_sms or after.good() else (removed, SmsCodesTurnedOn(patient_id=patient_id))
    )


def suspect(
    account: Account | None, *, patient_id: PatientId, authenticator_id: UUID
) -> tuple[AuthenticatorSuspected | SmsCodesTurnedOn, ...]:
    """Said once of an authenticator. Codes by SMS come back only for who has nothing else left: a thief with
    a copy must not gain a weaker way in."""
    found = account.find(authenticator_id) if account is not None else None
    if account is None or found is None or found.is_suspected:
        return ()
    suspected = AuthenticatorSuspected(patient_id=patient_id, authenticator_id=authenticator_id)
    return (
        (suspected,)
        if evolve(account, suspected).second_factors()
        else (suspected, SmsCodesTurnedOn(patient_id=patient_id))
    )


def issue_recovery_codes(
    account: Account | None,  # noqa: ARG001 - one shape of decisions; new codes are always given
    *,
    patient_id: PatientId,
    count: int,
) -> RecoveryCodesIssued:
    return RecoveryCodesIssued(patient_id=patient_id, count=count)


def use_recovery_code(
    account: Account | None, *, patient_id: PatientId
) -> tuple[RecoveryCodeUsed | SmsCodesTurnedOn, ...]:
    if account is None or account.recovery_codes == 0:
        raise RecoveryCodesUsedUpError
    used = RecoveryCodeUsed(patient_id=patient_id)
    return (
        (used,) if evolve(account, used).second_factors() else (used, SmsCodesTurnedOn(patient_id=patient_id))
    )


def turn_sms_off(account: Account | None, *, patient_id: PatientId) -> tuple[SmsCodesTurnedOff, ...]:
    """With something stronger, and with recovery codes for the day when that is lost."""
    if account is None or not account.good() or account.recovery_codes == 0:
        raise StrongerFactorMissingError
    return (SmsCodesTurnedOff(patient_id=patient_id),) if account.takes_sms else ()


def turn_sms_on(account: Account | None, *, patient_id: PatientId) -> tuple[SmsCodesTurnedOn, ...]:
    return () if account is None or account.takes_sms else (SmsCodesTurnedOn(patient_id=patient_id),)
