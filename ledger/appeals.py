"""Appeals in the ledger: a patient appeals to an organisation, which takes it up and answers; time passes."""

import secrets
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from uuid import UUID, uuid4

from domain import appeal, consent, laboratory, linkage, patient
from domain.appeal import (
    Appeal,
    AppealContentStated,
    AppealEvent,
    AppealField,
    AppealUnknownError,
    Basis,
    RefusalReason,
)
from domain.consent import ConsentKind
from domain.matching import LABORATORY_PATIENT_ID
from domain.numbers import LaboratoryNumber
from domain.patient import Patient
from domain.reading import AppealRead, ReadingPurpose
from domain.values import LaboratoryId, OrganisationId, PatientId
from ledger.codec import Circumstances
from ledger.commands import LaboratoryNotFoundError, decide_again
from ledger.consents import consent_stream
from ledger.linkage import linkage_stream
from ledger.matching import laboratory_mark_text
from ledger.recorder import Guard, Mark
from ledger.store import Ledger, Position, Write

CLOCK = Circumstances(actor="system:clockwork")
# Letters and digits that are not taken for one another, in print or on the telephone.
_ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"


def appeal_stream(ledger: Ledger, patient_id: PatientId, organisation_id: OrganisationId) -> UUID:
    return ledger.stream_id("appeal", str(patient_id), str(organisation_id))


def load_appeal(ledger: Ledger, appeal_id: UUID) -> Appeal:
    state, _ = ledger.load(appeal_id, appeal.evolve)
    if state is None:
        raise AppealUnknownError
    return state


def basis_of(ledger: Ledger, patient_id: PatientId, organisation_id: OrganisationId) -> Basis:
    """The consent that lets this organisation transfer the patient's results electronically (S97)."""
    stream_id = consent_stream(ledger, patient_id, ConsentKind.ELECTRONIC_TRANSFER, organisation_id)
    state, version = ledger.load(stream_id, consent.evolve)
    return Basis(consent=state, consent_id=stream_id, consent_version=version)


# What a patient does


def submit(
    ledger: Ledger,
    patient_id: PatientId,
    organisation_id: OrganisationId,
    content: AppealContentStated,
    by: Circumstances,
    *,
    now: datetime,
) -> UUID:
    """Appeal, or appeal again; the appeal's id. LaboratoryNotFoundError if nobody there could answer."""
    if ledger.load(organisation_id, laboratory.evolve)[0] is None:
        raise LaboratoryNotFoundError
    appeal_id, number = appeal_stream(ledger, patient_id, organisation_id), _new_number()

    def act() -> UUID:
        state, version = ledger.load(appeal_id, appeal.evolve)
        basis = basis_of(ledger, patient_id, organisation_id)
        events = appeal.submit(
            state,
            patient_id=patient_id,
            organisation_id=organisation_id,
            number=number,
            content=content,
            basis=basis,
            now=now,
        )
        write = Write(appeal_id, version, events, patient_id)
        ledger.append(write, circumstances=by, guards=(_guard(basis),))
        return appeal_id

    return decide_again(act)


def withdraw(ledger: Ledger, appeal_id: UUID, by: Circumstances) -> Position:
    return _change(ledger, appeal_id, appeal.withdraw, by)


def ask_status(ledger: Ledger, appeal_id: UUID, by: Circumstances, *, now: datetime) -> Position:
    return _change(ledger, appeal_id, lambda state: (appeal.ask_status(state, now=now),), by)


# What the organisation does


def show(ledger: Ledger, appeal_id: UUID, by: Circumstances) -> tuple[Appeal, Patient]:
    """What the appeal says, and its patient as they stand; that they were shown is recorded before.
    AppealNotOpenError or AppealConsentMissingError if the patient lets nobody read it any more."""
    state = load_appeal(ledger, appeal_id)
    basis = basis_of(ledger, state.patient_id, state.organisation_id)
    appeal.require_readable(state, basis=basis, now=datetime.now(UTC))
    known, _ = ledger.load(state.patient_id, patient.evolve)
    assert known is not None
    shown = AppealRead(patient_id=state.patient_id, appeal_id=appeal_id, purpose=ReadingPurpose.OPERATION)
    ledger.append(Write(uuid4(), 0, (shown,)), circumstances=by, guards=(_guard(basis),))
    return state, known


def take(ledger: Ledger, appeal_id: UUID, by: Circumstances) -> Position:
    return _change(ledger, appeal_id, appeal.take, by)


def refuse(
    ledger: Ledger,
    appeal_id: UUID,
    *,
    reason: RefusalReason,
    field: AppealField | None,
    text: str,
    by: Circumstances,
) -> Position:
    return _change(
        ledger, appeal_id, lambda state: appeal.refuse(state, reason=reason, field=field, text=text), by
    )


def activate(
    ledger: Ledger,
    appeal_id: UUID,
    by: Circumstances,
    *,
    now: datetime,
    own_number: LaboratoryNumber | None = None,
) -> None:
    """Link the organisation for the patient, on the consent of the appeal; with `own_number` its own number
    recognises the patient from now on. All of it is recorded, or nothing.

    PolicyMissingError without a policy; MarkTakenError if the number is another patient's."""
    decide_again(lambda: _activate(ledger, appeal_id, by, now=now, own_number=own_number))


def _activate(
    ledger: Ledger, appeal_id: UUID, by: Circumstances, *, now: datetime, own_number: LaboratoryNumber | None
) -> None:
    state, version = ledger.load(appeal_id, appeal.evolve)
    if state is None:
        raise AppealUnknownError
    patient_id, organisation_id = state.patient_id, state.organisation_id
    basis = basis_of(ledger, patient_id, organisation_id)
    answered = appeal.activate(state, basis=basis, now=now)
    if not answered:
        return
    known, patient_version = ledger.load(patient_id, patient.evolve)
    assert known is not None
    patient.require_policy(known)
    stream_id = linkage_stream(ledger, patient_id, organisation_id)
    linked, linkage_version = ledger.load(stream_id, linkage.evolve)
    numbered, marks = _numbered(ledger, patient_id, known, organisation_id, own_number)
    writes = [
        Write(appeal_id, version, answered, patient_id),
        Write(
            stream_id,
            linkage_version,
            linkage.link(linked, patient_id=patient_id, organisation_id=organisation_id),
        ),
    ]
    guards = [_guard(basis)]
    if numbered:
        writes.append(Write(patient_id, patient_version, numbered, patient_id))
    else:
        guards.append(Guard(patient_id, patient_version))
    ledger.append(*(write for write in writes if write.events), circumstances=by, marks=marks, guards=guards)


def _numbered(
    ledger: Ledger,
    patient_id: PatientId,
    known: Patient,
    organisation_id: OrganisationId,
    given: LaboratoryNumber | None,
) -> tuple[Sequence[patient.LaboratoryPatientIdLinked], tuple[Mark, ...]]:
    """The organisation's own number of the patient, if it is new."""
    if given is None:
        return (), ()
    laboratory_id = LaboratoryId(organisation_id)
    events = patient.link_laboratory_number(known, laboratory_id, given)
    text = laboratory_mark_text(laboratory_id, given.text)
    return events, (ledger.mark(LABORATORY_PATIENT_ID, text, patient_id),) if events else ()


# What time does


def pass_time(ledger: Ledger, appeal_id: UUID, *, now: datetime) -> bool:
    """Remind or escalate, if it is due and was not said yet; whether it was said now."""
    return bool(_change(ledger, appeal_id, lambda state: appeal.pass_time(state, now=now), CLOCK).event_ids)


def _change(
    ledger: Ledger,
    appeal_id: UUID,
    decide: Callable[[Appeal | None], tuple[AppealEvent, ...]],
    by: Circumstances,
) -> Position:
    """One decision on one appeal; what it says is sealed under the patient's key."""

    def act() -> Position:
        state, version = ledger.load(appeal_id, appeal.evolve)
        events = decide(state)
        subject = state.patient_id if state else None
        return ledger.append(Write(appeal_id, version, events, subject), circumstances=by)

    return decide_again(act)


def _guard(basis: Basis) -> Guard:
    return Guard(basis.consent_id, basis.consent_version)


def _new_number() -> str:
    """Short enough to be said aloud, and it tells nothing."""
    drawn = "".join(secrets.choice(_ALPHABET) for _ in range(9))
    return f"{drawn[:3]}-{drawn[3:6]}-{drawn[6:]}"
