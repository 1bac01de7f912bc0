"""What a patient signs in with, changed by themselves: the password and the phone."""

from domain import patient
from domain.values import PatientId
from ledger.codec import Circumstances
from ledger.commands import PatientNotFoundError, change, decide_again
from ledger.store import Ledger, Position, Write


def change_password(ledger: Ledger, patient_id: PatientId, by: Circumstances) -> Position:
    """The password itself is no fact of the history: only that there is another one."""
    return change(
        ledger, patient_id, patient.evolve, lambda _: (patient.PasswordSet(),), by, subject=patient_id
    )


def change_phone(ledger: Ledger, patient_id: PatientId, phone: str, by: Circumstances) -> Position:
    """The patient is found by the new phone, whose code came back, and no more by the old one.
    MarkTakenError with kind `phone` if it is somebody else's."""

    def act() -> Position:
        state, version = ledger.load(patient_id, patient.evolve)
        if state is None:
            raise PatientNotFoundError
        events = patient.change_phone(state, phone)
        if not events:
            return Position(0, ())
        return ledger.append(
            Write(patient_id, version, events, patient_id),
            circumstances=by,
            marks=(ledger.mark("phone", phone, patient_id),),
            released=(ledger.mark("phone", state.phone, patient_id),) if state.phone else (),
        )

    return decide_again(act)
