"""The settings of automatic receipt in the ledger: nobody without a policy has any (S36)."""

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from uuid import UUID

from domain import patient, receiving
from domain.receiving import EVERYTHING_WANTED, Receiving, ReceivingEvent, ReceivingSettings
from domain.values import OrganisationId, PatientId
from ledger.codec import Circumstances
from ledger.commands import PatientNotFoundError, decide_again
from ledger.recorder import Guard
from ledger.store import Ledger, Position, Write


def receiving_stream(ledger: Ledger, patient_id: PatientId) -> UUID:
    return ledger.stream_id("receiving", str(patient_id))


def load_receiving(ledger: Ledger, patient_id: PatientId) -> Receiving:
    """What the patient chose, or what holds for who never chose anything."""
    return ledger.load(receiving_stream(ledger, patient_id), receiving.evolve)[0] or EVERYTHING_WANTED


_NONE: Mapping[OrganisationId, bool] = MappingProxyType({})


def save_settings(
    ledger: Ledger,
    patient_id: PatientId,
    settings: ReceivingSettings,
    by: Circumstances,
    *,
    switches: Mapping[OrganisationId, bool] = _NONE,
) -> Position:
    """The settings and the switches of organisations, all or nothing. PolicyMissingError without a policy (S36)."""

    def decide(state: Receiving | None) -> list[ReceivingEvent]:
        events: list[ReceivingEvent] = [*receiving.save(state, patient_id=patient_id, settings=settings)]
        for organisation_id, is_on in switches.items():
            turn = receiving.turn_on if is_on else receiving.turn_off
            events += turn(state, patient_id=patient_id, organisation_id=organisation_id)
        return events

    return _decide(ledger, patient_id, decide, by)


def turn_notices_on(ledger: Ledger, patient_id: PatientId, by: Circumstances) -> Position:
    """PolicyMissingError without a policy (S36)."""
    return _decide(
        ledger, patient_id, lambda state: receiving.turn_notices_on(state, patient_id=patient_id), by
    )


def turn_off(
    ledger: Ledger, patient_id: PatientId, organisation_id: OrganisationId, by: Circumstances
) -> Position:
    """The organisation's results are not taken from now on; needs no policy, for it only takes less."""
    return _decide(
        ledger,
        patient_id,
        lambda state: receiving.turn_off(state, patient_id=patient_id, organisation_id=organisation_id),
        by,
        needs_policy=False,
    )


def turn_on(
    ledger: Ledger, patient_id: PatientId, organisation_id: OrganisationId, by: Circumstances
) -> Position:
    """PolicyMissingError without a policy (S36)."""
    return _decide(
        ledger,
        patient_id,
        lambda state: receiving.turn_on(state, patient_id=patient_id, organisation_id=organisation_id),
        by,
    )


def _decide(
    ledger: Ledger,
    patient_id: PatientId,
    decide: Callable[[Receiving | None], Iterable[ReceivingEvent]],
    by: Circumstances,
    *,
    needs_policy: bool = True,
) -> Position:
    """One decision; the policy that it rests on must still be linked at its position."""
    stream_id = receiving_stream(ledger, patient_id)

    def act() -> Position:
        (known, patient_version), (state, version) = ledger.load_all(
            (patient_id, patient.evolve), (stream_id, receiving.evolve)
        )
        if known is None:
            raise PatientNotFoundError(patient_id)
        if needs_policy:
            patient.require_policy(known)
        events = tuple(decide(state))
        if not events:
            return Position(0, ())
        return ledger.append(
            Write(stream_id, version, events),
            circumstances=by,
            guards=(Guard(patient_id, patient_version),) if needs_policy else (),
        )

    return decide_again(act)
