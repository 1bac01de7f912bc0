"""Medical cards in the ledger: claimed by a patient, shown on the record, confirmed or refused by a person."""

from uuid import UUID

from domain import medical_card, patient
from domain.matching import LABORATORY_PATIENT_ID
from domain.medical_card import Card, CardNumberRead, CardRefusal
from domain.numbers import LaboratoryNumber
from domain.patient import Patient
from domain.reading import ReadingPurpose
from domain.values import LaboratoryId, PatientId
from ledger.codec import Circumstances
from ledger.commands import PatientNotFoundError, change, decide_again
from ledger.matching import laboratory_mark_text
from ledger.store import Ledger, Position, Write


def card_stream(ledger: Ledger, patient_id: PatientId, laboratory_id: LaboratoryId) -> UUID:
    return ledger.stream_id("medical-card", str(patient_id), str(laboratory_id))


def load_card(ledger: Ledger, patient_id: PatientId, laboratory_id: LaboratoryId) -> Card | None:
    return ledger.load(card_stream(ledger, patient_id, laboratory_id), medical_card.evolve)[0]


def claim_card(
    ledger: Ledger, patient_id: PatientId, laboratory_id: LaboratoryId, number: str, by: Circumstances
) -> Position:
    return change(
        ledger,
        card_stream(ledger, patient_id, laboratory_id),
        medical_card.evolve,
        lambda card: medical_card.claim(
            card, patient_id=patient_id, laboratory_id=laboratory_id, number=number
        ),
        by,
        subject=patient_id,
    )


def show_card(ledger: Ledger, patient_id: PatientId, laboratory_id: LaboratoryId, by: Circumstances) -> str:
    """The number that waits; that it was shown is recorded before."""
    shown = CardNumberRead(
        patient_id=patient_id, laboratory_id=laboratory_id, purpose=ReadingPurpose.OPERATION
    )

    def act() -> str:
        stream_id = card_stream(ledger, patient_id, laboratory_id)
        card, version = ledger.load(stream_id, medical_card.evolve)
        _, number = medical_card.require_claimed(card)
        ledger.append(Write(stream_id, version, (shown,), patient_id), circumstances=by)
        return number

    return decide_again(act)


def confirm_card(
    ledger: Ledger,
    patient_id: PatientId,
    laboratory_id: LaboratoryId,
    by: Circumstances,
    *,
    number: str,
    system: str = "",
) -> None:
    """The card is the patient's: from now on the laboratory's number recognises them, in the same append. `number`
    is the one that was compared: if the patient has stated another meanwhile, CardNotClaimedError. `system` is as the
    laboratory's reports carry it. MarkTakenError if the number is another patient's."""

    def act() -> None:
        stream_id = card_stream(ledger, patient_id, laboratory_id)
        card, version = ledger.load(stream_id, medical_card.evolve)
        _, stated = medical_card.require_claimed(card)
        if stated != number:
            raise medical_card.CardNotClaimedError
        known: Patient | None
        known, patient_version = ledger.load(patient_id, patient.evolve)
        if known is None:
            raise PatientNotFoundError
        given = LaboratoryNumber(system, number)
        linked = patient.link_laboratory_number(known, laboratory_id, given)
        mark = ledger.mark(LABORATORY_PATIENT_ID, laboratory_mark_text(laboratory_id, given.text), patient_id)
        ledger.append(
            Write(stream_id, version, (medical_card.confirm(card),), patient_id),
            Write(patient_id, patient_version, linked, patient_id),
            circumstances=by,
            marks=(mark,) if linked else (),
        )

    decide_again(act)


def refuse_card(
    ledger: Ledger,
    patient_id: PatientId,
    laboratory_id: LaboratoryId,
    reason: CardRefusal,
    by: Circumstances,
) -> Position:
    return change(
        ledger,
        card_stream(ledger, patient_id, laboratory_id),
        medical_card.evolve,
        lambda card: (medical_card.refuse(card, reason=reason),),
        by,
        subject=patient_id,
    )
