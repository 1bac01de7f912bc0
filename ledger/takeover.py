"""Takeovers in the ledger: a ward who has grown up claims the cabinet that a guardian kept; an operator hands it
over, and the claimant's way in with it."""

from collections.abc import Callable, Iterable
from uuid import UUID

from domain import Event, patient, takeover
from domain.patient import PasswordSet, Patient, PhoneConfirmed, PhoneStated
from domain.takeover import ClaimantDescribed, ClaimDetailsDifferError, ClaimRefusal, Takeover
from domain.values import PatientId
from ledger.codec import Circumstances
from ledger.commands import decide_again, load_patient
from ledger.external_accounts import unlinking_all
from ledger.insertion import MovedMark
from ledger.recorder import Guard
from ledger.store import Ledger, Write


class ClaimNotFoundError(Exception):
    """There is no such claim."""


def claim_stream(ledger: Ledger, claimant_id: PatientId) -> UUID:
    return ledger.stream_id("takeover", str(claimant_id))


def load(ledger: Ledger, claimant_id: PatientId) -> Takeover | None:
    return ledger.load(claim_stream(ledger, claimant_id), takeover.evolve)[0]


def look(ledger: Ledger, claim_id: UUID) -> tuple[Takeover | None, int]:
    """The claim and its version."""
    return ledger.load(claim_id, takeover.evolve)


def claim(ledger: Ledger, claimant_id: PatientId, described: ClaimantDescribed, by: Circumstances) -> None:
    """Whether there is such a cabinet is not looked at: only an operator learns it."""
    stream_id = claim_stream(ledger, claimant_id)

    def act() -> None:
        state, version = ledger.load(stream_id, takeover.evolve)
        claimant = load_patient(ledger, claimant_id)
        events = takeover.claim(state, claimant_id=claimant_id, claimant=claimant, described=described)
        if events:
            ledger.append(Write(stream_id, version, events, claimant_id), circumstances=by)

    decide_again(act)


def hand_over(
    ledger: Ledger, claim_id: UUID, by: Circumstances, *, seen: int | None = None
) -> tuple[PatientId, PatientId]:
    """The claimant's phone opens the ward's cabinet from now on; the claimant and the ward. The password is no
    fact of the history: whoever calls this moves it, and ends the claimant's sessions. With `seen` only by the
    claim of that version: a claim that waits may be corrected after somebody has looked at the documents."""

    def act() -> tuple[PatientId, PatientId]:
        state, version = ledger.load(claim_id, takeover.evolve)
        if state is None:
            raise ClaimNotFoundError
        if seen is not None and seen != version:
            raise takeover.ClaimNotWaitingError
        found = ledger.find("snils", state.claimant.snils) if state.claimant else None
        if found is None:
            raise ClaimDetailsDifferError
        ward_id, claimant_id = PatientId(found), state.claimant_id
        ward, ward_version = _patient(ledger, ward_id)
        claimant, claimant_version = _patient(ledger, claimant_id)
        handed = takeover.hand_over(state, claimant=claimant, ward_id=ward_id, ward=ward)
        phone = claimant.phone or ""
        entered = (PhoneStated(phone=phone), PhoneConfirmed(), PasswordSet())
        mark = ledger.mark("phone", phone, claimant_id)
        # An account elsewhere would go on opening the cabinet that is left, and could be linked to no other.
        unlinked, released = unlinking_all(ledger, claimant_id)
        ledger.append(
            Write(claim_id, version, (handed,)),
            Write(ward_id, ward_version, entered, ward_id),
            unlinked,
            circumstances=by,
            moved=(MovedMark(mark.kind, mark.mark, claimant_id, ward_id),),
            released=released,
            guards=(Guard(claimant_id, claimant_version),),
        )
        return claimant_id, ward_id

    return decide_again(act)


def refuse(ledger: Ledger, claim_id: UUID, reason: ClaimRefusal, by: Circumstances) -> None:
    _change(ledger, claim_id, lambda state: (takeover.refuse(state, reason=reason),), by)


def _patient(ledger: Ledger, patient_id: PatientId) -> tuple[Patient, int]:
    known, version = ledger.load(patient_id, patient.evolve)
    if known is None:
        raise ClaimDetailsDifferError
    return known, version


def _change(
    ledger: Ledger, claim_id: UUID, decide: Callable[[Takeover], Iterable[Event]], by: Circumstances
) -> None:
    def act() -> None:
        state, version = ledger.load(claim_id, takeover.evolve)
        if state is None:
            raise ClaimNotFoundError
        ledger.append(Write(claim_id, version, tuple(decide(state))), circumstances=by)

    decide_again(act)
