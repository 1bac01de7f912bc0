"""Takeover: a ward who has grown up, and has a phone of their own now, is given the cabinet that a guardian kept.

The claimant registers with their phone, so there are two cabinets: the claimant's, which is bare, and the ward's.
A claimant has one stream. When an operator confirms, the way in goes over to the ward's cabinet.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import assert_never

from domain.patient import Patient
from domain.values import PatientId

# Events: what happened.


class ClaimRefusal(StrEnum):
    """Why an operator does not hand the cabinet over; the claimant reads it."""

    DETAILS_DIFFER = "details-differ"
    DOCUMENT_UNCLEAR = "document-unclear"


@dataclass(frozen=True, slots=True, kw_only=True)
class CabinetClaimed:
    """Somebody says that a guardian keeps their cabinet; they are described in the same append."""

    claimant_id: PatientId


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimantDescribed:
    """Who the claimant is, and by which identity document. `birth_date` is YYYY-MM-DD."""

    snils: str
    birth_date: str
    document_number: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CabinetHandedOver:
    """The claimant's phone opens the ward's cabinet from now on."""

    claimant_id: PatientId
    ward_id: PatientId


@dataclass(frozen=True, slots=True, kw_only=True)
class CabinetClaimRefused:
    """The cabinet is not handed over. The claimant may claim again."""

    claimant_id: PatientId
    reason: ClaimRefusal


TakeoverEvent = CabinetClaimed | ClaimantDescribed | CabinetHandedOver | CabinetClaimRefused

# State.


@dataclass(frozen=True, slots=True, kw_only=True)
class Takeover:
    """`claimant` is None when it was erased."""

    claimant_id: PatientId
    is_waiting: bool = True
    claimant: ClaimantDescribed | None = None
    refusal: ClaimRefusal | None = None


def evolve(takeover: Takeover | None, event: TakeoverEvent) -> Takeover:
    """Replay one event. Never refuses."""
    if isinstance(event, CabinetClaimed):
        return Takeover(claimant_id=event.claimant_id)
    assert takeover is not None
    match event:
        case ClaimantDescribed():
            return replace(takeover, claimant=event)
        case CabinetHandedOver():
            return replace(takeover, is_waiting=False)
        case CabinetClaimRefused():
            return replace(takeover, is_waiting=False, refusal=event.reason)
        case _:
            assert_never(event)


# Decisions.


class ClaimantHasProfileError(Exception):
    """The claimant's own cabinet is in use already: it holds a profile, which would be lost."""


class ClaimNotWaitingError(Exception):
    """No claim waits for a decision here."""


class ClaimDetailsDifferError(Exception):
    """No ward's cabinet has this СНИЛС and birth date."""


def claim(
    takeover: Takeover | None, *, claimant_id: PatientId, claimant: Patient, described: ClaimantDescribed
) -> tuple[CabinetClaimed | ClaimantDescribed, ...]:
    """The same claim twice changes nothing; a claim that waits may be corrected."""
    if claimant.profile is not None:
        raise ClaimantHasProfileError
    if takeover is not None and takeover.is_waiting and takeover.claimant == described:
        return ()
    return CabinetClaimed(claimant_id=claimant_id), described


def hand_over(
    takeover: Takeover | None, *, claimant: Patient, ward_id: PatientId, ward: Patient
) -> CabinetHandedOver:
    """Only a ward's cabinet, that nobody enters by a phone of their own, goes over."""
    state = _waiting(takeover)
    described, profile = state.claimant, ward.profile
    if claimant.profile is not None or not claimant.phone_confirmed:
        raise ClaimantHasProfileError
    if described is None or profile is None or not ward.is_ward:
        raise ClaimDetailsDifferError
    if (described.snils, described.birth_date) != (profile.snils, profile.birth_date):
        raise ClaimDetailsDifferError
    return CabinetHandedOver(claimant_id=state.claimant_id, ward_id=ward_id)


def refuse(takeover: Takeover | None, *, reason: ClaimRefusal) -> CabinetClaimRefused:
    return CabinetClaimRefused(claimant_id=_waiting(takeover).claimant_id, reason=reason)


def _waiting(takeover: Takeover | None) -> Takeover:
    if takeover is None or not takeover.is_waiting:
        raise ClaimNotWaitingError
    return takeover
