"""External accounts: a patient signs in by an account that they have with an identity provider."""

from dataclasses import dataclass, replace
from typing import assert_never

from domain.values import PatientId

# Events: what happened. The stream is of one patient's accounts elsewhere.


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalAccountLinked:
    """The patient, signed in here, signed in there too. `account` is what the provider calls them (`sub`)."""

    patient_id: PatientId
    provider: str
    account: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalAccountUnlinked:
    """The account opens the cabinet no more."""

    patient_id: PatientId
    provider: str


ExternalAccountEvent = ExternalAccountLinked | ExternalAccountUnlinked

# State.


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalAccounts:
    """By provider, what it calls the patient."""

    linked: tuple[tuple[str, str], ...] = ()

    def at(self, provider: str) -> str | None:
        return dict(self.linked).get(provider)


def evolve(accounts: ExternalAccounts | None, event: ExternalAccountEvent) -> ExternalAccounts:
    """Replay one event. Never refuses."""
    accounts = accounts or ExternalAccounts()
    others = tuple(pair for pair in accounts.linked if pair[0] != event.provider)
    match event:
        case ExternalAccountLinked():
            return replace(accounts, linked=(*others, (event.provider, event.account)))
        case ExternalAccountUnlinked():
            return replace(accounts, linked=others)
        case _:
            assert_never(event)


# Decisions.


class ExternalAccountAlreadyLinkedError(Exception):
    """Another account of this provider is linked: unlink it first."""


def link(
    accounts: ExternalAccounts | None, *, patient_id: PatientId, provider: str, account: str
) -> tuple[ExternalAccountLinked, ...]:
    current = accounts.at(provider) if accounts is not None else None
    if current == account:
        return ()
    if current is not None:
        raise ExternalAccountAlreadyLinkedError
    return (ExternalAccountLinked(patient_id=patient_id, provider=provider, account=account),)


def unlink(
    accounts: ExternalAccounts | None, *, patient_id: PatientId, provider: str
) -> tuple[ExternalAccountUnlinked, ...]:
    """Unlinking what is not linked changes nothing."""
    is_linked = accounts is not None and accounts.at(provider) is not None
    return (ExternalAccountUnlinked(patient_id=patient_id, provider=provider),) if is_linked else ()
