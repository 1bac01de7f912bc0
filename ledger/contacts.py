"""The contacts of a patient in the ledger: confirmed by a code, found not to work or to work again, tested."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from domain import contact_test, patient
from domain.channel import Channel
from domain.contact_test import ContactTested
from domain.patient import (
    ContactReachable,
    ContactUnreachable,
    EmailConfirmed,
    Patient,
    PhoneConfirmed,
)
from domain.values import PatientId
from ledger.codec import Circumstances, RecordedEvent
from ledger.commands import PatientNotFoundError, change
from ledger.store import Ledger, Position


@dataclass(frozen=True, slots=True)
class Unreachable:
    """Since when a contact does not work, and the provider's code of why."""

    reason: str
    since: datetime


def confirm_email(ledger: Ledger, patient_id: PatientId, email: str, by: Circumstances) -> Position:
    """The code came back from this address. EmailChangedError if another was stated since."""
    return change(
        ledger,
        patient_id,
        patient.evolve,
        lambda state: patient.confirm_email(_known(state), email),
        by,
        subject=patient_id,
    )


def mark_unreachable(
    ledger: Ledger,
    patient_id: PatientId,
    channel: Channel,
    reason: str,
    by: Circumstances,
    *,
    sent_at: datetime | None = None,
) -> Position:
    """Nothing arrives by this channel. What was sent before the contact proved itself last (`sent_at`) says nothing
    of it: a letter to the address before may come back days later."""

    def decide(state: Patient | None) -> tuple[ContactUnreachable, ...]:
        # Asked after the state was read: what is confirmed in between makes the append a conflict.
        if _is_of_another(ledger, patient_id, channel, sent_at):
            return ()
        return patient.lose(_known(state), channel, reason=reason)

    return change(ledger, patient_id, patient.evolve, decide, by, subject=patient_id)


def mark_reachable(
    ledger: Ledger,
    patient_id: PatientId,
    channel: Channel,
    by: Circumstances,
    *,
    sent_at: datetime | None = None,
) -> Position:
    """Something arrived by this channel; nothing if it was not thought to be lost. As in `mark_unreachable`, what
    was sent before says nothing of the contact in use."""

    def decide(state: Patient | None) -> tuple[ContactReachable, ...]:
        if _is_of_another(ledger, patient_id, channel, sent_at):
            return ()
        return patient.reach(_known(state), channel)

    return change(ledger, patient_id, patient.evolve, decide, by, subject=patient_id)


def unreachable_of(ledger: Ledger, patient_id: PatientId) -> dict[Channel, Unreachable]:
    """The contacts that do not work now, by channel."""
    found: dict[Channel, Unreachable] = {}
    for recorded in ledger.read(patient_id):
        if isinstance(recorded.event, ContactUnreachable):
            found[recorded.event.channel] = Unreachable(recorded.event.reason, recorded.recorded_at)
    state, _ = ledger.load(patient_id, patient.evolve)
    return {channel: one for channel, one in found.items() if channel in _known(state).unreachable}


@dataclass(frozen=True, slots=True)
class LatestTest:
    """The latest test of a channel, and when it was."""

    event: ContactTested
    at: datetime


def record_test(ledger: Ledger, tested: ContactTested, by: Circumstances) -> Position:
    """What the provider said of a test message."""
    stream_id = _tests_stream(ledger, tested.patient_id)
    return change(ledger, stream_id, contact_test.evolve, lambda _: (tested,), by)


def latest_tests(ledger: Ledger, patient_id: PatientId) -> dict[Channel, LatestTest]:
    """The latest test of each channel."""
    return {
        recorded.event.channel: LatestTest(recorded.event, recorded.recorded_at)
        for recorded in ledger.read(_tests_stream(ledger, patient_id))
        if isinstance(recorded.event, ContactTested)
    }


def _tests_stream(ledger: Ledger, patient_id: PatientId) -> UUID:
    return ledger.stream_id("contact-tests", str(patient_id))


def _is_of_another(ledger: Ledger, patient_id: PatientId, channel: Channel, sent_at: datetime | None) -> bool:
    """Whether what was sent then may have gone to the contact before."""
    proved_at = _proved_at(ledger, patient_id, channel) if sent_at is not None else None
    return sent_at is not None and proved_at is not None and sent_at < proved_at


def _proved_at(ledger: Ledger, patient_id: PatientId, channel: Channel) -> datetime | None:
    times = [one.recorded_at for one in ledger.read(patient_id) if _proves(one, channel)]
    return times[-1] if times else None


def _proves(recorded: RecordedEvent, channel: Channel) -> bool:
    """Whether by this event the contact that is in use was seen to work."""
    match recorded.event:
        case EmailConfirmed():
            return channel is Channel.EMAIL
        case PhoneConfirmed():
            return channel is Channel.SMS
        case ContactReachable():
            return recorded.event.channel is channel
        case _:
            return False


def _known(state: Patient | None) -> Patient:
    if state is None:
        raise PatientNotFoundError
    return state
