"""Proposal: a report may be a patient's, but no number says so for certain; a person decides."""

from dataclasses import dataclass, replace
from typing import assert_never
from uuid import UUID

from domain.values import PatientId

# Events: what happened. Who decided is in the envelope. A pair of report and patient has one stream.


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchProposed:
    """A number leads to the patient, but what is said of the person contradicts it; `reason` is the code.
    What is proposed because name and birth date are the same needs no event: it follows from others."""

    report_id: UUID
    patient_id: PatientId
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchConfirmed:
    """A person looked at both: the report is this patient's. It reaches them as soon as nothing bars it."""

    report_id: UUID
    patient_id: PatientId


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchDeclined:
    """A person looked at both: the report is not this patient's, and is not proposed again."""

    report_id: UUID
    patient_id: PatientId


ProposalEvent = MatchProposed | MatchConfirmed | MatchDeclined

# State.


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """`is_confirmed` is None until a person has decided."""

    is_proposed: bool = False
    is_confirmed: bool | None = None


def evolve(proposal: Proposal | None, event: ProposalEvent) -> Proposal:
    """Replay one event. Never refuses."""
    proposal = proposal or Proposal()
    match event:
        case MatchProposed():
            return replace(proposal, is_proposed=True)
        case MatchConfirmed():
            return replace(proposal, is_confirmed=True)
        case MatchDeclined():
            return replace(proposal, is_confirmed=False)
        case _:
            assert_never(event)


# Decisions.


class MatchNotProposedError(Exception):
    """Nothing proposes that the report is this patient's: neither name and birth date, nor a number."""


class MatchContradictedError(Exception):
    """A good number in the report is another person's than this patient's: nobody may confirm it."""


def propose(
    proposal: Proposal | None, *, report_id: UUID, patient_id: PatientId, reason: str
) -> tuple[MatchProposed, ...]:
    """Say once that a person must decide."""
    if proposal is not None:
        return ()
    return (MatchProposed(report_id=report_id, patient_id=patient_id, reason=reason),)


def require_proposed(proposal: Proposal | None, *, is_alike: bool) -> None:
    """Only what is proposed is shown and decided: an operator files nothing at will, and looks at nobody
    at will. `is_alike`: name and birth date are the same."""
    if not is_alike and (proposal is None or not proposal.is_proposed):
        raise MatchNotProposedError


def confirm(
    proposal: Proposal | None,
    *,
    report_id: UUID,
    patient_id: PatientId,
    is_alike: bool,
    is_contradicted: bool,
) -> tuple[MatchConfirmed, ...]:
    """A decision may be changed; made twice, it changes nothing."""
    if is_contradicted:
        raise MatchContradictedError
    require_proposed(proposal, is_alike=is_alike)
    if proposal is not None and proposal.is_confirmed:
        return ()
    return (MatchConfirmed(report_id=report_id, patient_id=patient_id),)


def decline(
    proposal: Proposal | None, *, report_id: UUID, patient_id: PatientId, is_alike: bool
) -> tuple[MatchDeclined, ...]:
    require_proposed(proposal, is_alike=is_alike)
    if proposal is not None and proposal.is_confirmed is False:
        return ()
    return (MatchDeclined(report_id=report_id, patient_id=patient_id),)
