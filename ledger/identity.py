"""Identities in the ledger: sent to be checked, confirmed or refused, suspended and restored.

Each decision rests on the profile as it stood: the patient's stream is a guard of what is recorded.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import UUID, uuid4

from domain import Event, identity, patient
from domain.identity import UNKNOWN, Cause, Identity, IdentityRefused, Proof, Shortfall, SuspensionReason
from domain.patient import Patient
from domain.reading import IdentityRead, ReadingPurpose
from domain.values import PatientId
from ledger.codec import Circumstances, RecordedEvent
from ledger.commands import PatientNotFoundError, decide_again
from ledger.recorder import Guard
from ledger.store import Ledger, Position, Write

# Each refusal by the registry tells which field is wrong. Nobody finds out another's data by trying.
CHECKS_A_DAY = 5
# The first thing that the registry of persons knows otherwise than it was stated; None if there is none.
Compare = Callable[[Patient], Shortfall | None]


class TooManyChecksError(Exception):
    """The registry differed too often today: look at the document, and try tomorrow."""


@dataclass(frozen=True, slots=True)
class Known:
    """A patient and what is known of who they are."""

    patient_id: PatientId
    stream_id: UUID
    patient: Patient
    patient_version: int
    identity: Identity | None
    version: int

    @property
    def so_far(self) -> Identity:
        return self.identity or UNKNOWN


def identity_stream(ledger: Ledger, patient_id: PatientId) -> UUID:
    return ledger.stream_of_ids("identity", patient_id)


def look(ledger: Ledger, patient_id: PatientId) -> Known:
    stream_id = identity_stream(ledger, patient_id)
    (found, patient_version), (known, version) = ledger.load_all(
        (patient_id, patient.evolve), (stream_id, identity.evolve)
    )
    if found is None:
        raise PatientNotFoundError
    return Known(patient_id, stream_id, found, patient_version, known, version)


def history(ledger: Ledger, patient_id: PatientId) -> list[RecordedEvent]:
    """What happened to the identity, latest first."""
    return list(ledger.read(identity_stream(ledger, patient_id)))[::-1]


# What the patient asks.


def request_check(
    ledger: Ledger,
    patient_id: PatientId,
    by: Circumstances,
    *,
    compare: Compare,
    regions: Collection[str] = (),
    now: datetime | None = None,
) -> Identity:
    """Send the profile to be checked, and say what is known then: it waits, or the registry differs.

    IdentityShortfallError if something is missing, TooManyChecksError if the registry differed too often."""
    now = now or datetime.now(UTC)
    today = now.date()

    def decide(known: Known) -> Iterable[Event]:
        ask = partial(
            identity.request_check,
            known.identity,
            patient_id=patient_id,
            patient=known.patient,
            today=today,
            regions=regions,
        )
        # Nothing is asked of the registry before all is there.
        if not ask():
            return ()
        _require_few(ledger, patient_id, now)
        return ask(differs=compare(known.patient))

    _change(ledger, patient_id, decide, by)
    return look(ledger, patient_id).so_far


def _require_few(ledger: Ledger, patient_id: PatientId, now: datetime) -> None:
    since = now - timedelta(days=1)
    refused = [
        recorded
        for recorded in history(ledger, patient_id)
        if recorded.recorded_at > since
        and isinstance(recorded.event, IdentityRefused)
        and recorded.event.reason in (Cause.DATA_DIFFER, Cause.DOCUMENT_INVALID)
    ]
    if len(refused) >= CHECKS_A_DAY:
        raise TooManyChecksError


# What is decided.


def confirm(
    ledger: Ledger,
    patient_id: PatientId,
    by: Circumstances,
    *,
    proof: Proof,
    profile_number: int | None = None,
    now: datetime | None = None,
) -> Position:
    """Believe that the patient is the person of the profile; with `profile_number`, only of the one that was
    looked at. IdentityNotWaitingError if somebody was faster, or the profile is another by now."""
    today = (now or datetime.now(UTC)).date()

    def decide(known: Known) -> Iterable[Event]:
        _require_same(known, profile_number)
        return identity.confirm(
            known.identity, patient_id=patient_id, patient=known.patient, proof=proof, today=today
        )

    return _change(ledger, patient_id, decide, by)


def refuse(
    ledger: Ledger,
    patient_id: PatientId,
    by: Circumstances,
    *,
    reason: Cause,
    field: str | None = None,
    profile_number: int | None = None,
) -> Position:
    """Refuse what waits. IdentityNotWaitingError as in `confirm`."""

    def decide(known: Known) -> Iterable[Event]:
        _require_same(known, profile_number)
        return identity.refuse(
            known.identity, patient_id=patient_id, patient=known.patient, reason=reason, field=field
        )

    return _change(ledger, patient_id, decide, by)


def fail_proof(ledger: Ledger, patient_id: PatientId, by: Circumstances) -> Position:
    """A provider of identities, or a transfer of biometrics, failed for a technical reason (S121)."""
    return _change(
        ledger,
        patient_id,
        lambda known: identity.fail_proof(known.identity, patient_id=patient_id, patient=known.patient),
        by,
    )


def expire(ledger: Ledger, patient_id: PatientId, by: Circumstances, *, now: datetime) -> bool:
    """End what a document stood for, if it has ended; whether it has."""

    def decide(known: Known) -> Iterable[Event]:
        return identity.expire(known.identity, patient_id=patient_id, patient=known.patient, today=now.date())

    return bool(_change(ledger, patient_id, decide, by).event_ids)


def suspend(
    ledger: Ledger, patient_id: PatientId, by: Circumstances, *, reason: SuspensionReason
) -> Position:
    return _change(
        ledger,
        patient_id,
        lambda known: identity.suspend(known.identity, patient_id=patient_id, reason=reason),
        by,
    )


def restore(ledger: Ledger, patient_id: PatientId, by: Circumstances) -> Position:
    """ProfileNotSuspendedError if there is nothing to restore."""
    return _change(
        ledger, patient_id, lambda known: (identity.restore(known.identity, patient_id=patient_id),), by
    )


def _require_same(known: Known, profile_number: int | None) -> None:
    if profile_number is not None and profile_number != known.patient.profile_number:
        raise identity.IdentityNotWaitingError


def show(ledger: Ledger, patient_id: PatientId, by: Circumstances) -> Known:
    """The profile, for who checks it; that it was shown is recorded before."""
    known = look(ledger, patient_id)
    shown = IdentityRead(patient_id=patient_id, purpose=ReadingPurpose.OPERATION)
    ledger.append(Write(uuid4(), 0, (shown,)), circumstances=by)
    return known


def _change(
    ledger: Ledger, patient_id: PatientId, decide: Callable[[Known], Iterable[Event]], by: Circumstances
) -> Position:
    def act() -> Position:
        known = look(ledger, patient_id)
        events = tuple(decide(known))
        if not events:
            return Position(0, ())
        return ledger.append(
            Write(known.stream_id, known.version, events),
            circumstances=by,
            guards=(Guard(patient_id, known.patient_version),),
        )

    return decide_again(act)
