"""Patient: a person registers, confirms the phone, says who they are, and links the OMS policy."""

from dataclasses import dataclass, replace
from typing import assert_never

from domain.numbers import LaboratoryNumber
from domain.values import LaboratoryId

# Events: what happened. The stream is the patient's, so no event repeats whose it is.


@dataclass(frozen=True, slots=True, kw_only=True)
class PatientRegistered:
    """A cabinet was opened. Nothing personal is here: the cabinet's history stays readable when what is
    personal in it is erased."""

    locale: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PhoneStated:
    """The patient gave a phone number, in E.164 form."""

    phone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PhoneConfirmed:
    """The code sent to the phone that was stated last came back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordSet:
    """A password was set or changed. The password is not a fact of the history: it is not here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileStated:
    """The patient said who they are, as in the identity document. `birth_date` is YYYY-MM-DD."""

    family: str
    given: str
    patronymic: str | None
    birth_date: str
    sex: str
    snils: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EmailStated:
    """The patient gave an address for notices."""

    email: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyLinked:
    """The OMS policy is the patient's; `number` is the checked ЕНП of 16 digits."""

    number: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyUnlinked:
    """The policy is no longer linked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LaboratoryPatientIdLinked:
    """A person found that the patient is the one to whom this laboratory gave the number, in its system."""

    laboratory_id: LaboratoryId
    system: str
    number: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LaboratoryPatientIdUnlinked:
    """The laboratory's number recognises the patient no more. Reports that it brought stay where they are."""

    laboratory_id: LaboratoryId
    system: str
    number: str


PatientEvent = (
    PatientRegistered
    | PhoneStated
    | PhoneConfirmed
    | PasswordSet
    | ProfileStated
    | EmailStated
    | PolicyLinked
    | PolicyUnlinked
    | LaboratoryPatientIdLinked
    | LaboratoryPatientIdUnlinked
)

# State: what the next decision needs to know.


@dataclass(frozen=True, slots=True, kw_only=True)
class Patient:
    """A cabinet's owner. What was never stated, or was erased, is None; `policy` is the linked number.
    `laboratory_numbers` are by what laboratories know the patient, each with whose it is."""

    locale: str
    phone: str | None = None
    phone_confirmed: bool = False
    profile: ProfileStated | None = None
    email: str | None = None
    policy: str | None = None
    laboratory_numbers: frozenset[tuple[LaboratoryId, LaboratoryNumber]] = frozenset()


def evolve(patient: Patient | None, event: PatientEvent) -> Patient:
    """Replay one event. Never refuses: the event has already happened."""
    if isinstance(event, PatientRegistered):
        return Patient(locale=event.locale)
    assert patient is not None
    match event:
        case PhoneStated():
            return replace(patient, phone=event.phone, phone_confirmed=False)
        case PhoneConfirmed():
            return replace(patient, phone_confirmed=True)
        case PasswordSet():
            return patient
        case ProfileStated():
            return replace(patient, profile=event)
        case EmailStated():
            return replace(patient, email=event.email)
        case PolicyLinked():
            return replace(patient, policy=event.number)
        case PolicyUnlinked():
            return replace(patient, policy=None)
        case LaboratoryPatientIdLinked() | LaboratoryPatientIdUnlinked():
            return _with_laboratory_number(patient, event)
        case _:
            assert_never(event)


def _with_laboratory_number(
    patient: Patient, event: LaboratoryPatientIdLinked | LaboratoryPatientIdUnlinked
) -> Patient:
    given = {(event.laboratory_id, LaboratoryNumber(event.system, event.number))}
    is_linked = isinstance(event, LaboratoryPatientIdLinked)
    others = patient.laboratory_numbers - given
    return replace(patient, laboratory_numbers=others | given if is_linked else others)


# Decisions: the rules.


class PhoneNotConfirmedError(Exception):
    """The phone is not confirmed yet: enter the code that was sent to it."""


class ProfileMissingError(Exception):
    """The profile is not filled in yet: a policy belongs to a named person."""


class PolicyAlreadyLinkedError(Exception):
    """A policy is linked already: unlink it first."""


class LaboratoryPatientIdUnknownError(Exception):
    """The laboratory's number is not linked with this patient."""


class PolicyMissingError(Exception):
    """No OMS policy is linked: organisations and automatic delivery need one (S36)."""


def confirm_phone(patient: Patient) -> tuple[PhoneConfirmed, ...]:
    """The code was right; saying it twice changes nothing."""
    return () if patient.phone_confirmed else (PhoneConfirmed(),)


def state_profile(patient: Patient, profile: ProfileStated) -> tuple[ProfileStated, ...]:
    if not patient.phone_confirmed:
        raise PhoneNotConfirmedError
    return () if patient.profile == profile else (profile,)


def state_email(patient: Patient, email: str) -> tuple[EmailStated, ...]:
    if not patient.phone_confirmed:
        raise PhoneNotConfirmedError
    return () if patient.email == email else (EmailStated(email=email),)


def link_policy(patient: Patient, number: str) -> tuple[PolicyLinked, ...]:
    """Link a policy whose number has passed its check digit and whose owner confirmed by code."""
    if not patient.phone_confirmed:
        raise PhoneNotConfirmedError
    if patient.profile is None:
        raise ProfileMissingError
    if patient.policy == number:
        return ()
    if patient.policy is not None:
        raise PolicyAlreadyLinkedError
    return (PolicyLinked(number=number),)


def require_policy(patient: Patient) -> str:
    """The linked policy, without which nothing further can be set up."""
    if patient.policy is None:
        raise PolicyMissingError
    return patient.policy


def link_laboratory_number(
    patient: Patient, laboratory_id: LaboratoryId, given: LaboratoryNumber
) -> tuple[LaboratoryPatientIdLinked, ...]:
    """One patient may have several numbers at a laboratory: it has several systems, and makes doubles."""
    if (laboratory_id, given) in patient.laboratory_numbers:
        return ()
    return (LaboratoryPatientIdLinked(laboratory_id=laboratory_id, system=given.system, number=given.number),)


def unlink_laboratory_number(
    patient: Patient, laboratory_id: LaboratoryId, given: LaboratoryNumber
) -> LaboratoryPatientIdUnlinked:
    if (laboratory_id, given) not in patient.laboratory_numbers:
        raise LaboratoryPatientIdUnknownError
    return LaboratoryPatientIdUnlinked(laboratory_id=laboratory_id, system=given.system, number=given.number)
