"""Recovery in the ledger: a forgotten password is asked for anew, called off, or set."""

from datetime import datetime
from functools import partial
from uuid import UUID

from domain import account, patient, recovery
from domain.account import Account
from domain.recovery import Recovery
from domain.values import PatientId
from ledger.account import account_stream, load_account
from ledger.codec import Circumstances
from ledger.commands import change, decide_again
from ledger.recorder import Guard
from ledger.store import Ledger, Position, Write

# Whoever recovers has not signed in, so they are nobody yet.
ANONYMOUS = Circumstances(actor="anonymous")


def recovery_stream(ledger: Ledger, patient_id: PatientId) -> UUID:
    return ledger.stream_id("recovery", str(patient_id))


def load_recovery(ledger: Ledger, patient_id: PatientId) -> Recovery:
    ((found, _),) = ledger.load_all((recovery_stream(ledger, patient_id), recovery.evolve))
    return found or Recovery()


def has_strong_factor(account: Account) -> bool:
    """Something that a thief of the phone does not have."""
    return bool(account.good()) or account.recovery_codes > 0


def request_recovery(ledger: Ledger, patient_id: PatientId, *, now: datetime) -> Position:
    is_strong = has_strong_factor(load_account(ledger, patient_id))
    return change(
        ledger,
        recovery_stream(ledger, patient_id),
        recovery.evolve,
        lambda state: recovery.request(state, patient_id=patient_id, now=now, has_strong_factor=is_strong),
        ANONYMOUS,
    )


def cancel_recovery(ledger: Ledger, patient_id: PatientId, by: Circumstances) -> Position:
    return change(
        ledger,
        recovery_stream(ledger, patient_id),
        recovery.evolve,
        partial(recovery.cancel, patient_id=patient_id),
        by,
    )


def recover_password(
    ledger: Ledger, patient_id: PatientId, *, now: datetime, proofs: tuple[str, ...]
) -> Position:
    """Record that a new password is set. Who calls it off in the same moment is first or second, not beside."""

    def act() -> Position:
        account_id, stream_id = account_stream(ledger, patient_id), recovery_stream(ledger, patient_id)
        known, account_version = ledger.load(account_id, account.evolve)
        state, version = ledger.load(stream_id, recovery.evolve)
        is_strong = has_strong_factor(known or Account())
        recovered = recovery.recover(
            state, patient_id=patient_id, now=now, proofs=proofs, has_strong_factor=is_strong
        )
        _, patient_version = ledger.load(patient_id, patient.evolve)
        return ledger.append(
            Write(stream_id, version, (recovered,)),
            Write(patient_id, patient_version, (patient.PasswordSet(),), patient_id),
            circumstances=ANONYMOUS,
            guards=(Guard(account_id, account_version),),
        )

    return decide_again(act)
