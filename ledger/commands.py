"""What patients, laboratories and staff can ask for: load, decide, append."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar
from uuid import UUID, uuid4

from domain import Event, consent, laboratory, linkage, patient, session
from domain.consent import ConsentDocument, ConsentKind
from domain.patient import Patient, PatientRegistered, ProfileStated
from domain.reading import ReadingEvent
from domain.values import OrganisationId, PatientId
from ledger.codec import Circumstances
from ledger.recorder import Mark, StreamConflictError
from ledger.store import Ledger, Position, Write

S = TypeVar("S")
# A lost race is decided again on the new state; losing this often means that something is wrong.
TRIES = 10


class PatientNotFoundError(Exception):
    """There is no such patient."""


class LaboratoryNotFoundError(Exception):
    """No laboratory is registered under this handle."""


def decide_again(act: Callable[[], S]) -> S:
    """Load, decide and append; if somebody was faster, once more on what is true now."""
    for _ in range(TRIES - 1):
        try:
            return act()
        except StreamConflictError:
            continue
    return act()


def change(
    ledger: Ledger,
    stream_id: UUID,
    evolve: Callable[[S | None, Any], S],
    decide: Callable[[S | None], Iterable[Event]],
    by: Circumstances,
    *,
    subject: UUID | None = None,
    marks: Sequence[Mark] = (),
    released: Sequence[Mark] = (),
) -> Position:
    """One decision on one stream."""

    def act() -> Position:
        state, version = ledger.load(stream_id, evolve)
        events = tuple(decide(state))
        if not events:
            return Position(0, ())
        write = Write(stream_id, version, events, subject)
        return ledger.append(write, circumstances=by, marks=marks, released=released)

    return decide_again(act)


# Patients


def register_patient(ledger: Ledger, *, patient_id: PatientId, phone: str, locale: str) -> Position:
    """Open a cabinet for the owner of a confirmed phone. MarkTakenError if the phone has one."""
    return ledger.append(
        Write(
            patient_id,
            0,
            (
                PatientRegistered(locale=locale),
                patient.PhoneStated(phone=phone),
                patient.PhoneConfirmed(),
                patient.PasswordSet(),
            ),
            patient_id,
        ),
        circumstances=by_patient(patient_id),
        marks=(ledger.mark("phone", phone, patient_id),),
    )


def by_patient(patient_id: PatientId, *, session_id: UUID | None = None) -> Circumstances:
    """The patient acts for themselves; a session is the conversation."""
    return Circumstances(actor=f"patient:{patient_id}", correlation_id=session_id)


def load_patient(ledger: Ledger, patient_id: PatientId) -> Patient:
    state, _ = ledger.load(patient_id, patient.evolve)
    if state is None:
        raise PatientNotFoundError(patient_id)
    return state


def state_profile(
    ledger: Ledger, patient_id: PatientId, profile: ProfileStated, by: Circumstances
) -> Position:
    """MarkTakenError with kind `snils` if the СНИЛС is somebody else's."""
    current = load_patient(ledger, patient_id).profile
    is_new = current is None or current.snils != profile.snils
    marks = (ledger.mark("snils", profile.snils, patient_id),) if is_new else ()
    # A number that was corrected recognises nobody any more.
    released = (ledger.mark("snils", current.snils, patient_id),) if current and is_new else ()
    return change(
        ledger,
        patient_id,
        patient.evolve,
        lambda state: patient.state_profile(_known(state), profile),
        by,
        subject=patient_id,
        marks=marks,
        released=released,
    )


def state_email(ledger: Ledger, patient_id: PatientId, email: str, by: Circumstances) -> Position:
    return change(
        ledger,
        patient_id,
        patient.evolve,
        lambda state: patient.state_email(_known(state), email),
        by,
        subject=patient_id,
    )


def link_policy(ledger: Ledger, patient_id: PatientId, number: str, by: Circumstances) -> Position:
    """Link a policy whose number is checked. MarkTakenError with kind `enp` if it is somebody else's."""
    if load_patient(ledger, patient_id).policy == number:
        return Position(0, ())
    return change(
        ledger,
        patient_id,
        patient.evolve,
        lambda state: patient.link_policy(_known(state), number),
        by,
        subject=patient_id,
        marks=(ledger.mark("enp", number, patient_id),),
    )


def _known(state: Patient | None) -> Patient:
    if state is None:
        raise PatientNotFoundError
    return state


# Organisations and consents


def linkage_stream(ledger: Ledger, patient_id: PatientId, organisation_id: OrganisationId) -> UUID:
    return ledger.stream_id("linkage", str(patient_id), str(organisation_id))


def link_organisation(
    ledger: Ledger, patient_id: PatientId, organisation_id: OrganisationId, by: Circumstances
) -> Position:
    """Take results of a registered laboratory. PolicyMissingError without a policy (S36)."""
    patient.require_policy(load_patient(ledger, patient_id))
    if ledger.load(organisation_id, laboratory.evolve)[0] is None:
        raise LaboratoryNotFoundError
    return change(
        ledger,
        linkage_stream(ledger, patient_id, organisation_id),
        linkage.evolve,
        lambda state: linkage.link(state, patient_id=patient_id, organisation_id=organisation_id),
        by,
    )


def unlink_organisation(
    ledger: Ledger, patient_id: PatientId, organisation_id: OrganisationId, by: Circumstances
) -> Position:
    return change(
        ledger, linkage_stream(ledger, patient_id, organisation_id), linkage.evolve, linkage.unlink, by
    )


def consent_stream(ledger: Ledger, patient_id: PatientId, kind: ConsentKind) -> UUID:
    return ledger.stream_id("consent", str(patient_id), kind)


def grant_consent(
    ledger: Ledger,
    patient_id: PatientId,
    *,
    agreed: ConsentDocument,
    current: ConsentDocument,
    by: Circumstances,
) -> Position:
    return change(
        ledger,
        consent_stream(ledger, patient_id, agreed.kind),
        consent.evolve,
        lambda state: consent.grant(state, patient_id=patient_id, agreed=agreed, current=current),
        by,
    )


def withdraw_consent(ledger: Ledger, patient_id: PatientId, kind: ConsentKind, by: Circumstances) -> Position:
    return change(
        ledger,
        consent_stream(ledger, patient_id, kind),
        consent.evolve,
        lambda state: (consent.withdraw(state),),
        by,
    )


# Sessions and readings


def open_session(ledger: Ledger, patient_id: PatientId, *, factors: tuple[str, ...]) -> UUID:
    session_id = uuid4()
    opened = session.SessionOpened(patient_id=patient_id, factors=factors)
    by = by_patient(patient_id, session_id=session_id)
    ledger.append(Write(session_id, 0, (opened,)), circumstances=by)
    return session_id


def close_session(ledger: Ledger, session_id: UUID, *, reason: str, by: Circumstances) -> Position:
    return change(ledger, session_id, session.evolve, lambda state: session.close(state, reason=reason), by)


def refuse_sign_in(ledger: Ledger, patient_id: PatientId, *, reason: str) -> Position:
    refused = session.SignInRefused(patient_id=patient_id, reason=reason)
    anonymous = Circumstances(actor="anonymous")
    return ledger.append(Write(uuid4(), 0, (refused,)), circumstances=anonymous)


def record_reading(ledger: Ledger, reading: ReadingEvent, by: Circumstances) -> Position:
    """Must return before the data leaves: no reading goes unrecorded."""
    return ledger.append(Write(uuid4(), 0, (reading,)), circumstances=by)
