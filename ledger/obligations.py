"""Obligations in the ledger: they begin with a withdrawal, in its append, and end by an act."""

from datetime import date
from uuid import UUID

from domain import obligation
from domain.consent import ConsentKind
from domain.obligation import Duty, Obligation, Proof, duties_of
from domain.values import OrganisationId, PatientId
from ledger.codec import Circumstances
from ledger.commands import change
from ledger.store import Ledger, Position, Write


class ObligationNotFoundError(Exception):
    """There is no such obligation."""


def obligation_stream(ledger: Ledger, consent_id: UUID, consent_version: int, duty: Duty) -> UUID:
    """Each withdrawal obliges anew: `consent_version` is its place in the consent's stream."""
    return ledger.stream_id("obligation", str(consent_id), str(consent_version), duty)


def arising(
    ledger: Ledger,
    *,
    patient_id: PatientId,
    kind: ConsentKind,
    organisation_id: OrganisationId | None,
    consent_id: UUID,
    consent_version: int,
    on: date,
) -> list[Write]:
    """What the withdrawal at this place adds to its append."""
    return [
        Write(
            obligation_stream(ledger, consent_id, consent_version, duty),
            0,
            obligation.arise(
                duty,
                patient_id=patient_id,
                consent_id=consent_id,
                consent_version=consent_version,
                organisation_id=organisation_id,
                on=on,
            ),
        )
        for duty in duties_of(kind)
    ]


def lifting(ledger: Ledger, *, kind: ConsentKind, consent_id: UUID, consent_version: int) -> list[Write]:
    """What a consent that is given anew, after the withdrawal at this place, adds to its append."""
    writes = []
    for duty in duties_of(kind):
        stream_id = obligation_stream(ledger, consent_id, consent_version, duty)
        state, version = ledger.load(stream_id, obligation.evolve)
        lifted = obligation.lift(state, consent_id=consent_id, consent_version=consent_version + 1)
        if lifted:
            writes.append(Write(stream_id, version, lifted))
    return writes


def meet(ledger: Ledger, obligation_id: UUID, by: Circumstances, *, proof: Proof) -> Position:
    """ProofNotFittingError if this act does not meet it, ObligationClosedError if nothing is to be done."""
    return change(
        ledger,
        obligation_id,
        obligation.evolve,
        lambda state: (obligation.meet(_known(state), proof=proof),),
        by,
    )


def extend(ledger: Ledger, obligation_id: UUID, by: Circumstances) -> Position:
    """NotExtendableError if the law allows no later day."""
    return change(
        ledger, obligation_id, obligation.evolve, lambda state: (obligation.extend(_known(state)),), by
    )


def _known(state: Obligation | None) -> Obligation:
    if state is None:
        raise ObligationNotFoundError
    return state
