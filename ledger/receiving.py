"""The settings of automatic receipt in the ledger: nobody without a policy has any (S36)."""

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from uuid import UUID

from domain import patient, receiving
from domain.channel import Channel
from domain.notice_hours import NoticeHours
from domain.receiving import EVERYTHING_WANTED, Receiving, ReceivingEvent, ReceivingSettings
from domain.values import OrganisationId, PatientId
from ledger.codec import Circumstances
from ledger.commands import PatientNotFoundError, decide_again
from ledger.recorder import Guard
from ledger.store import Ledger, Position, Write


def receiving_stream(ledger: Ledger, patient_id: PatientId) -> UUID:
    return ledger.stream_of_ids("receiving", patient_id)


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
    return change_settings(ledger, patient_id, lambda _: settings, by, switches=switches)


def change_settings(
    ledger: Ledger,
    patient_id: PatientId,
    change: Callable[[ReceivingSettings], ReceivingSettings],
    by: Circumstances,
    *,
    switches: Mapping[OrganisationId, bool] = _NONE,
) -> Position:
    """As `save_settings`, of a part of the settings: the rest is as it stands then, whoever changes it meanwhile."""

    def decide(state: Receiving | None) -> list[ReceivingEvent]:
        settings = change((state or EVERYTHING_WANTED).settings)
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


def save_notices(
    ledger: Ledger,
    patient_id: PatientId,
    change: Callable[[ReceivingSettings], ReceivingSettings],
    hours: NoticeHours,
    by: Circumstances,
) -> Position:
    """How and when the patient is told, all or nothing; `change` is of the settings that hold then. Needs no policy,
    for nothing is received by it."""

    def decide(state: Receiving | None) -> list[ReceivingEvent]:
        settings = change((state or EVERYTHING_WANTED).settings)
        return [
            *receiving.save(state, patient_id=patient_id, settings=settings),
            *receiving.choose_hours(state, patient_id=patient_id, hours=hours),
        ]

    return _decide(ledger, patient_id, decide, by, needs_policy=False)


def turn_channel_off(ledger: Ledger, patient_id: PatientId, channel: Channel, by: Circumstances) -> Position:
    """No notices by this channel any more; needs no policy, for it only takes less."""
    return _decide(
        ledger,
        patient_id,
        lambda state: receiving.turn_channel_off(state, patient_id=patient_id, channel=channel),
        by,
        needs_policy=False,
    )


def choose_hours(ledger: Ledger, patient_id: PatientId, hours: NoticeHours, by: Circumstances) -> Position:
    """When the patient is told. TimeZoneUnknownError or DigestTimeInvalidError; needs no policy, for it is of every
    notice."""
    return _decide(
        ledger,
        patient_id,
        lambda state: receiving.choose_hours(state, patient_id=patient_id, hours=hours),
        by,
        needs_policy=False,
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
            Write(stream_id, version, events, patient_id),
            circumstances=by,
            guards=(Guard(patient_id, patient_version),) if needs_policy else (),
        )

    return decide_again(act)
