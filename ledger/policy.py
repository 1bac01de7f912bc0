"""The policy in the ledger: unlinked by the patient, or by the end of a temporary certificate's term."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from domain import patient
from domain.patient import Patient, PolicyUnlinked, policy_of
from domain.policy import PolicyKind
from domain.values import PatientId
from ledger.codec import Circumstances
from ledger.commands import PatientNotFoundError, decide_again
from ledger.store import Ledger, StreamErasedError, Write

CLOCK = Circumstances(actor="system:clock")


def unlink_policy(ledger: Ledger, patient_id: PatientId, by: Circumstances) -> None:
    """Its number recognises the patient no more. PolicyMissingError if none is linked."""
    _unlink(ledger, patient_id, lambda known: (patient.unlink_policy(known),), by)


def end_temporary_policies(ledger: Ledger, now: datetime) -> int:
    """A step of the clockwork: what is over recognises nobody. A day ends when it is over in UTC, which is the
    last zone of any of ours."""
    today = now.astimezone(UTC).date()
    ended = 0
    for patient_id in _holders(ledger):
        try:
            ended += _unlink(ledger, patient_id, lambda known: patient.end_policy(known, today), CLOCK)
        except StreamErasedError:
            continue
    return ended


def _holders(ledger: Ledger) -> list[PatientId]:
    """Whoever a temporary certificate leads to."""
    with ledger.pool.connection() as connection:
        found = connection.execute(
            "SELECT DISTINCT subject FROM ledger.blind_index WHERE kind = %s", (PolicyKind.TEMPORARY,)
        ).fetchall()
    return [PatientId(row[0]) for row in found]


def _unlink(
    ledger: Ledger,
    patient_id: PatientId,
    decide: Callable[[Patient], Iterable[PolicyUnlinked]],
    by: Circumstances,
) -> int:
    def act() -> int:
        known, version = ledger.load(patient_id, patient.evolve)
        if known is None:
            raise PatientNotFoundError(patient_id)
        events = tuple(decide(known))
        if not events or known.policy_linked is None:
            return 0
        policy = policy_of(known.policy_linked)
        ledger.append(
            Write(patient_id, version, events, patient_id),
            circumstances=by,
            released=(ledger.mark(policy.kind, policy.mark_text, patient_id),),
        )
        return len(events)

    return decide_again(act)
