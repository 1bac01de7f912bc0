"""Accounts in the ledger: with what a patient signs in, and the sessions that it opens."""

from collections.abc import Callable, Iterable, Sequence
from uuid import UUID

from domain import account, session
from domain.account import Account, AccountEvent
from domain.values import PatientId
from ledger.codec import Circumstances
from ledger.commands import by_patient, change, decide_again
from ledger.store import Ledger, Position, Write


def account_stream(ledger: Ledger, patient_id: PatientId) -> UUID:
    return ledger.stream_id("account", str(patient_id))


def load_account(ledger: Ledger, patient_id: PatientId) -> Account:
    """The account as it is; of who never set anything up, the empty one."""
    return ledger.load(account_stream(ledger, patient_id), account.evolve)[0] or Account()


def change_account(
    ledger: Ledger,
    patient_id: PatientId,
    decide: Callable[[Account | None], AccountEvent | Iterable[AccountEvent]],
    by: Circumstances,
) -> Position:
    """One decision on what the patient signs in with."""

    def decided(state: Account | None) -> Iterable[AccountEvent]:
        events = decide(state)
        return events if isinstance(events, Iterable) else (events,)

    stream_id = account_stream(ledger, patient_id)
    return change(ledger, stream_id, account.evolve, decided, by, subject=patient_id)


# Sessions


def continue_session(
    ledger: Ledger, patient_id: PatientId, *, session_id: UUID, continues: UUID, factors: tuple[str, ...]
) -> Position:
    """A session takes the place of an open one: the person has proved themselves once more."""
    opened = session.SessionOpened(patient_id=patient_id, factors=factors, continues=continues)

    def act() -> Position:
        state, version = ledger.load(continues, session.evolve)
        closed = session.close(state, reason="replaced")
        writes = [Write(session_id, 0, (opened,))]
        if closed:
            writes.append(Write(continues, version, closed))
        return ledger.append(*writes, circumstances=by_patient(patient_id, session_id=session_id))

    return decide_again(act)


def close_sessions(ledger: Ledger, session_ids: Sequence[UUID], *, reason: str, by: Circumstances) -> None:
    for session_id in session_ids:
        change(ledger, session_id, session.evolve, lambda state: session.close(state, reason=reason), by)
