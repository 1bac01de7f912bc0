"""Doctor: a member of staff says who they are to patients, what they treat, and how they can be talked to (S138)."""

import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TypeVar, assert_never

from domain.values import OrganisationId, StaffMemberId

T = TypeVar("T", bound=StrEnum)
NAME_MAX, LINK_MAX = 120, 300
_PHONE = re.compile(r"\+\d{10,15}")
# A meeting's address is opened by patients: nothing but https, a host of letters, and no user name before it.
_LINK = re.compile(r"https://[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::\d{1,5})?(?:/[!-~]*)?", re.IGNORECASE)

# Events: what happened. Who they are is sealed, what routes patients to them is not.


class Speciality(StrEnum):
    """What a doctor treats; a small part of the Ministry's list of posts (order 438n), which FHIR's PractitionerRole
    has as `specialty`."""

    GENERAL_PRACTICE = "general-practice"
    THERAPY = "therapy"
    PAEDIATRICS = "paediatrics"
    CARDIOLOGY = "cardiology"
    ENDOCRINOLOGY = "endocrinology"
    GYNAECOLOGY = "gynaecology"
    UROLOGY = "urology"
    NEUROLOGY = "neurology"
    GASTROENTEROLOGY = "gastroenterology"
    HAEMATOLOGY = "haematology"
    NEPHROLOGY = "nephrology"
    ALLERGOLOGY = "allergology"
    INFECTIOUS_DISEASES = "infectious-diseases"
    DERMATOLOGY = "dermatology"
    ONCOLOGY = "oncology"
    SURGERY = "surgery"
    RADIOLOGY = "radiology"
    LABORATORY_MEDICINE = "laboratory-medicine"


class ConsultationFormat(StrEnum):
    """How the two talk."""

    VIDEO = "video"
    PHONE = "phone"
    IN_PERSON = "in-person"


class Language(StrEnum):
    RUSSIAN = "ru"
    ENGLISH = "en"
    TATAR = "tt"
    BASHKIR = "ba"
    CHUVASH = "cv"
    ARMENIAN = "hy"
    UZBEK = "uz"
    KAZAKH = "kk"


@dataclass(frozen=True, slots=True, kw_only=True)
class DoctorIntroduced:
    """A member receives patients for the organisation that they work for. Said again, it replaces what was said."""

    member_id: StaffMemberId
    organisation_id: OrganisationId
    speciality: Speciality
    formats: tuple[ConsultationFormat, ...]
    languages: tuple[Language, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DoctorDescribed:
    """What the doctor is called. The phone is what they call from, and no patient sees it; a meeting link of their own
    is used instead of the system's."""

    name: str
    phone: str | None = None
    meeting_link: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DoctorEnded:
    """They receive no more patients; what was booked is cancelled by the clockwork."""


DoctorEvent = DoctorIntroduced | DoctorDescribed | DoctorEnded

# State.


@dataclass(frozen=True, slots=True, kw_only=True)
class Doctor:
    """`name` is None when it was erased."""

    member_id: StaffMemberId
    organisation_id: OrganisationId
    speciality: Speciality
    formats: tuple[ConsultationFormat, ...]
    languages: tuple[Language, ...]
    name: str | None = None
    phone: str | None = None
    meeting_link: str | None = None
    is_ended: bool = False


def evolve(doctor: Doctor | None, event: DoctorEvent) -> Doctor:
    """Replay one event. Never refuses."""
    if isinstance(event, DoctorIntroduced):
        described = (doctor.name, doctor.phone, doctor.meeting_link) if doctor else (None, None, None)
        return Doctor(
            member_id=event.member_id,
            organisation_id=event.organisation_id,
            speciality=event.speciality,
            formats=event.formats,
            languages=event.languages,
            name=described[0],
            phone=described[1],
            meeting_link=described[2],
        )
    assert doctor is not None
    match event:
        case DoctorDescribed():
            return replace(doctor, name=event.name, phone=event.phone, meeting_link=event.meeting_link)
        case DoctorEnded():
            return replace(doctor, is_ended=True)
        case _:
            assert_never(event)


# Decisions.


class DoctorNameMissingError(Exception):
    """Patients must be told whom they talk to, in at most 120 characters."""


class DoctorFormatMissingError(Exception):
    """A doctor can be talked to in at least one way."""


class DoctorLanguageMissingError(Exception):
    """A doctor speaks at least one language."""


class DoctorPhoneMissingError(Exception):
    """Who consults by phone names the number that they call from, with + and the country's code."""


class MeetingLinkUnfitError(Exception):
    """A meeting link begins with https:// and names no user."""


class DoctorUnknownError(Exception):
    """Nobody receives patients under this id, or no more."""


def introduce(
    doctor: Doctor | None, said: DoctorIntroduced, described: DoctorDescribed
) -> tuple[DoctorEvent, ...]:
    """Say who one is, or change it; what was said already is not said again."""
    _require_fit(said, described)
    events: list[DoctorEvent] = []
    if doctor is None or doctor.is_ended or _introduced(doctor) != said:
        events.append(said)
    if doctor is None or _described(doctor) != described:
        events.append(described)
    return tuple(events)


def end(doctor: Doctor | None) -> DoctorEnded:
    require_receiving(doctor)
    return DoctorEnded()


def require_receiving(doctor: Doctor | None) -> Doctor:
    if doctor is None or doctor.is_ended:
        raise DoctorUnknownError
    return doctor


def ordered(chosen: Collection[T], every: type[T]) -> tuple[T, ...]:
    """What was chosen, once each and in the order of the list, so that the same choice is the same event."""
    return tuple(one for one in every if one in chosen)


def _require_fit(said: DoctorIntroduced, described: DoctorDescribed) -> None:
    if not described.name.strip() or len(described.name) > NAME_MAX:
        raise DoctorNameMissingError
    if not said.formats:
        raise DoctorFormatMissingError
    if not said.languages:
        raise DoctorLanguageMissingError
    if ConsultationFormat.PHONE in said.formats and described.phone is None:
        raise DoctorPhoneMissingError
    if described.phone is not None and not _PHONE.fullmatch(described.phone):
        raise DoctorPhoneMissingError
    link = described.meeting_link
    if link is not None and (len(link) > LINK_MAX or not _LINK.fullmatch(link)):
        raise MeetingLinkUnfitError


def _introduced(doctor: Doctor) -> DoctorIntroduced:
    return DoctorIntroduced(
        member_id=doctor.member_id,
        organisation_id=doctor.organisation_id,
        speciality=doctor.speciality,
        formats=doctor.formats,
        languages=doctor.languages,
    )


def _described(doctor: Doctor) -> DoctorDescribed | None:
    if doctor.name is None:
        return None
    return DoctorDescribed(name=doctor.name, phone=doctor.phone, meeting_link=doctor.meeting_link)
