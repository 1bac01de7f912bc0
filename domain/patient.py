"""Patient: a person registers, confirms the phone, says who they are, and links the OMS policy."""

from dataclasses import dataclass, replace
from datetime import date
from typing import assert_never

from domain.channel import Channel
from domain.identity_document import IdentityDocument
from domain.numbers import LaboratoryNumber
from domain.policy import Policy, PolicyKind
from domain.values import LaboratoryId

# Events: what happened. The stream is the patient's, so no event repeats whose it is.


@dataclass(frozen=True, slots=True, kw_only=True)
class PatientRegistered:
    """A cabinet was opened. Nothing personal is here: the cabinet's history stays readable when what is
    personal in it is erased. `for_ward`: a guardian speaks for its owner, who has no way in of their own."""

    locale: str
    for_ward: bool = False


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
    """The patient said who they are, as in the identity document. `birth_date` is YYYY-MM-DD, `citizenship` a
    code of ISO 3166-1 or `stateless`, `region` the code of a subject of the Federation."""

    family: str
    given: str
    patronymic: str | None
    birth_date: str
    sex: str
    snils: str
    citizenship: str | None = None
    document: IdentityDocument | None = None
    inn: str | None = None
    region: str | None = None

    @property
    def full_name(self) -> str:
        return " ".join(part for part in (self.family, self.given, self.patronymic) if part)


@dataclass(frozen=True, slots=True, kw_only=True)
class EmailStated:
    """The patient gave an address for notices. Where one is confirmed, it stays in use until this one is."""

    email: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EmailConfirmed:
    """The code sent to the address that was stated last came back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactUnreachable:
    """What was sent to the address or number does not arrive; `reason` is the provider's code, as "5.1.1"."""

    channel: Channel
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactReachable:
    """The address or number that did not work does again: a code came back from it, or a notice arrived."""

    channel: Channel


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyLinked:
    """The OMS policy is the patient's; `number` fits its kind. No kind is the single one: ЕНП, 16 digits.
    `series` is of an old policy, `issued_on` and `valid_until` of a temporary certificate, YYYY-MM-DD."""

    number: str
    kind: PolicyKind | None = None
    series: str | None = None
    issued_on: str | None = None
    valid_until: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyUnlinked:
    """The policy is no longer linked; `reason` is "ended" for one whose term was over, else the patient did it."""

    reason: str | None = None


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
    | EmailConfirmed
    | ContactUnreachable
    | ContactReachable
    | PolicyLinked
    | PolicyUnlinked
    | LaboratoryPatientIdLinked
    | LaboratoryPatientIdUnlinked
)

# State: what the next decision needs to know.


@dataclass(frozen=True, slots=True, kw_only=True)
class Patient:
    """A cabinet's owner. What was never stated, or was erased, is None; `policy` is the linked number.
    `laboratory_numbers` are by what laboratories know the patient, each with whose it is. `profile_number`
    counts what was stated of the person: what was confirmed of one statement says nothing of the next.
    `email` is where notices go; `email_stated` waits for its code, and takes that place with it. Until then the
    confirmed one stays: whoever got into the cabinet can't turn notices away without holding the new mailbox, and a
    slip of the pen silences nobody."""

    locale: str
    phone: str | None = None
    phone_confirmed: bool = False
    profile: ProfileStated | None = None
    profile_number: int = 0
    email: str | None = None
    email_stated: str | None = None
    is_email_confirmed: bool = False
    unreachable: frozenset[Channel] = frozenset()
    policy: str | None = None
    policy_linked: PolicyLinked | None = None
    laboratory_numbers: frozenset[tuple[LaboratoryId, LaboratoryNumber]] = frozenset()
    is_ward: bool = False

    @property
    def is_vouched_for(self) -> bool:
        """The phone is confirmed, or a guardian speaks for the owner."""
        return self.phone_confirmed or self.is_ward

    @property
    def enp(self) -> str | None:
        """The number of the linked policy, if it is of the single kind."""
        linked = self.policy_linked
        is_single = linked is None or policy_of(linked).kind is PolicyKind.SINGLE
        return self.policy if is_single else None


def evolve(patient: Patient | None, event: PatientEvent) -> Patient:
    """Replay one event. Never refuses: the event has already happened."""
    if isinstance(event, PatientRegistered):
        return Patient(locale=event.locale, is_ward=event.for_ward)
    assert patient is not None
    match event:
        case PhoneStated() | PhoneConfirmed():
            return _with_phone(patient, event)
        case PasswordSet():
            return patient
        case ProfileStated():
            return replace(patient, profile=event, profile_number=patient.profile_number + 1)
        case EmailStated() | EmailConfirmed():
            return _with_email(patient, event)
        case ContactUnreachable() | ContactReachable():
            return _with_contact(patient, event)
        case PolicyLinked():
            return replace(patient, policy=event.number, policy_linked=event)
        case PolicyUnlinked():
            return replace(patient, policy=None, policy_linked=None)
        case LaboratoryPatientIdLinked() | LaboratoryPatientIdUnlinked():
            return _with_laboratory_number(patient, event)
        case _:
            assert_never(event)


def _with_phone(patient: Patient, event: PhoneStated | PhoneConfirmed) -> Patient:
    if isinstance(event, PhoneStated):
        return _reached(replace(patient, phone=event.phone, phone_confirmed=False), Channel.SMS)
    return _reached(replace(patient, phone_confirmed=True, is_ward=False), Channel.SMS)


def _with_email(patient: Patient, event: EmailStated | EmailConfirmed) -> Patient:
    if isinstance(event, EmailConfirmed):
        confirmed = patient.email_stated or patient.email
        known = replace(patient, email=confirmed, email_stated=None, is_email_confirmed=confirmed is not None)
        return _reached(known, Channel.EMAIL)
    if not patient.is_email_confirmed:
        return _reached(replace(patient, email=event.email, email_stated=event.email), Channel.EMAIL)
    # The one that is in use, said again: the other is given up.
    return replace(patient, email_stated=None if event.email == patient.email else event.email)


def _with_contact(patient: Patient, event: ContactUnreachable | ContactReachable) -> Patient:
    if isinstance(event, ContactReachable):
        return _reached(patient, event.channel)
    return replace(patient, unreachable=patient.unreachable | {event.channel})


def _reached(patient: Patient, channel: Channel) -> Patient:
    return replace(patient, unreachable=patient.unreachable - {channel})


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


class EmailChangedError(Exception):
    """The code is of an address that was given up: another was stated since."""


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


def change_phone(patient: Patient, phone: str) -> tuple[PhoneStated | PhoneConfirmed, ...]:
    """Another phone, whose code has come back already."""
    return () if patient.phone == phone else (PhoneStated(phone=phone), PhoneConfirmed())


def state_profile(patient: Patient, profile: ProfileStated) -> tuple[ProfileStated, ...]:
    if not patient.is_vouched_for:
        raise PhoneNotConfirmedError
    return () if patient.profile == profile else (profile,)


def state_email(patient: Patient, email: str) -> tuple[EmailStated, ...]:
    if not patient.is_vouched_for:
        raise PhoneNotConfirmedError
    return () if (patient.email_stated or patient.email) == email else (EmailStated(email=email),)


def confirm_email(patient: Patient, email: str) -> tuple[EmailConfirmed | ContactReachable, ...]:
    """The code that was sent to this address is right. Of the one that is in use, it says that it works."""
    if email == patient.email_stated:
        return (EmailConfirmed(),)
    if email != patient.email:
        raise EmailChangedError
    return reach(patient, Channel.EMAIL)


def lose(patient: Patient, channel: Channel, *, reason: str) -> tuple[ContactUnreachable, ...]:
    """Nothing arrives by this channel. Said once: what bounces later says nothing new."""
    has_address = {Channel.EMAIL: patient.email, Channel.SMS: patient.phone, Channel.PUSH: None}[channel]
    if has_address is None or channel in patient.unreachable:
        return ()
    return (ContactUnreachable(channel=channel, reason=reason),)


def reach(patient: Patient, channel: Channel) -> tuple[ContactReachable, ...]:
    """Something arrived by this channel."""
    return (ContactReachable(channel=channel),) if channel in patient.unreachable else ()


def policy_of(linked: PolicyLinked) -> Policy:
    """The policy as it was linked."""
    return Policy(
        kind=linked.kind or PolicyKind.SINGLE,
        number=linked.number,
        series=linked.series,
        issued_on=linked.issued_on,
        valid_until=linked.valid_until,
    )


def link_policy(patient: Patient, policy: Policy) -> tuple[PolicyLinked, ...]:
    """Link a policy whose number fits its kind and whose owner confirmed by code."""
    if not patient.is_vouched_for:
        raise PhoneNotConfirmedError
    if patient.profile is None:
        raise ProfileMissingError
    if patient.policy_linked is not None:
        if policy_of(patient.policy_linked) == policy:
            return ()
        raise PolicyAlreadyLinkedError
    return (
        PolicyLinked(
            number=policy.number,
            kind=None if policy.kind is PolicyKind.SINGLE else policy.kind,
            series=policy.series,
            issued_on=policy.issued_on,
            valid_until=policy.valid_until,
        ),
    )


def unlink_policy(patient: Patient) -> PolicyUnlinked:
    if patient.policy_linked is None:
        raise PolicyMissingError
    return PolicyUnlinked()


def end_policy(patient: Patient, today: date) -> tuple[PolicyUnlinked, ...]:
    """A temporary certificate recognises its owner to the last day of its term, and not after it."""
    linked = patient.policy_linked
    if linked is None or linked.valid_until is None or date.fromisoformat(linked.valid_until) >= today:
        return ()
    return (PolicyUnlinked(reason="ended"),)


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
