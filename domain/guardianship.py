"""Guardianship: one person represents another by law, and sees of their results what the law and the ward let.

A guardian and a ward's СНИЛС have one stream. What a guardian may see is computed by date from the state
(`sight_of`), never from a list that somebody must keep current.
"""

from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from typing import assert_never

from domain.legal_age import is_of_age
from domain.study_type import StudyType
from domain.values import PatientId

ALL_SECTIONS = frozenset(StudyType)

# Events: what happened. Who decided is in the envelope.


class GuardianshipKind(StrEnum):
    """By what a person represents another: СК РФ art. 64 and 137, ГК РФ art. 32 and 33."""

    PARENT = "parent"
    ADOPTIVE_PARENT = "adoptive-parent"
    # Опекун: of a child under 14, who becomes a trustee at 14 by law; of an adult who is incapable.
    GUARDIAN = "guardian"
    # Попечитель: of a child from 14 to 18; of an adult whose capacity is limited.
    TRUSTEE = "trustee"


class WardCapacity(StrEnum):
    """Why the ward has a representative: too young, or by a court's decision (ГК РФ art. 28, 29, 30)."""

    MINOR = "minor"
    INCAPABLE = "incapable"
    LIMITED = "limited"


class GuardianshipDocument(StrEnum):
    """What shows that the one represents the other."""

    BIRTH_CERTIFICATE = "birth-certificate"
    ADOPTION_CERTIFICATE = "adoption-certificate"
    APPOINTMENT = "appointment"
    COURT_DECISION = "court-decision"


class GuardianshipRefusal(StrEnum):
    """Why an operator does not confirm; the guardian reads it."""

    DOCUMENT_UNCLEAR = "document-unclear"
    DETAILS_DIFFER = "details-differ"
    NOT_ENTITLED = "not-entitled"
    IDENTITY_NOT_CONFIRMED = "identity-not-confirmed"


class GuardianshipEnd(StrEnum):
    """Why a guardianship is over."""

    AGE_REACHED = "age-reached"
    REVOKED_BY_COURT = "revoked-by-court"
    REVOKED_BY_OPERATOR = "revoked-by-operator"
    GIVEN_UP = "given-up"
    OWN_ACCOUNT = "own-account"
    # The data of one of the two was destroyed.
    PATIENT_ERASED = "patient-erased"


class SectionKeeper(StrEnum):
    """Who hides and shows sections: the ward, of age to decide, or an operator on a document's word."""

    WARD = "ward"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardianshipRequested:
    """A person says that they represent another, who is described by WardDescribed in the same append."""

    guardian_id: PatientId
    kind: GuardianshipKind


@dataclass(frozen=True, slots=True, kw_only=True)
class WardDescribed:
    """Whom, as the guardian wrote it, and by which document. `birth_date` is YYYY-MM-DD; `policy` an ЕНП."""

    family: str
    given: str
    patronymic: str | None
    birth_date: str
    sex: str
    snils: str
    policy: str | None
    capacity: WardCapacity
    document: GuardianshipDocument
    document_number: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardianshipConfirmed:
    """An operator saw the document: from now on the guardian represents the ward."""

    guardian_id: PatientId
    ward_id: PatientId


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardianshipRefused:
    """An operator does not confirm it. The guardian may ask again."""

    guardian_id: PatientId
    reason: GuardianshipRefusal


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardianshipEnded:
    """From now on the guardian sees nothing of the ward."""

    guardian_id: PatientId
    ward_id: PatientId
    reason: GuardianshipEnd


@dataclass(frozen=True, slots=True, kw_only=True)
class SectionsHidden:
    """The guardian does not see these sections: the ward took them back, or an operator closed them."""

    guardian_id: PatientId
    ward_id: PatientId
    sections: tuple[StudyType, ...]
    keeper: SectionKeeper


@dataclass(frozen=True, slots=True, kw_only=True)
class SectionsShown:
    """The ward permits these sections, or an operator opens again what an operator had closed."""

    guardian_id: PatientId
    ward_id: PatientId
    sections: tuple[StudyType, ...]
    keeper: SectionKeeper


GuardianshipEvent = (
    GuardianshipRequested
    | WardDescribed
    | GuardianshipConfirmed
    | GuardianshipRefused
    | GuardianshipEnded
    | SectionsHidden
    | SectionsShown
)

# State.


class GuardianshipStatus(StrEnum):
    REQUESTED = "requested"
    REFUSED = "refused"
    CONFIRMED = "confirmed"
    ENDED = "ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class Guardianship:
    """`ward` is None when it was erased: then nothing is seen. `closed` is what operators have hidden,
    `permitted` what the ward has opened."""

    guardian_id: PatientId
    kind: GuardianshipKind
    status: GuardianshipStatus
    ward: WardDescribed | None = None
    ward_id: PatientId | None = None
    closed: frozenset[StudyType] = frozenset()
    permitted: frozenset[StudyType] = frozenset()
    refusal: GuardianshipRefusal | None = None
    end: GuardianshipEnd | None = None


def evolve(guardianship: Guardianship | None, event: GuardianshipEvent) -> Guardianship:
    """Replay one event. Never refuses."""
    if isinstance(event, GuardianshipRequested):
        # What operators closed outlives the relation that they closed it for; the ward's permission does not.
        return Guardianship(
            guardian_id=event.guardian_id,
            kind=event.kind,
            status=GuardianshipStatus.REQUESTED,
            closed=guardianship.closed if guardianship else frozenset(),
        )
    assert guardianship is not None
    match event:
        case WardDescribed():
            return replace(guardianship, ward=event)
        case GuardianshipConfirmed():
            return replace(guardianship, status=GuardianshipStatus.CONFIRMED, ward_id=event.ward_id)
        case GuardianshipRefused():
            return replace(guardianship, status=GuardianshipStatus.REFUSED, refusal=event.reason)
        case GuardianshipEnded():
            return replace(guardianship, status=GuardianshipStatus.ENDED, end=event.reason)
        case SectionsHidden() | SectionsShown():
            return _with_sections(guardianship, event)
        case _:
            assert_never(event)


def _with_sections(state: Guardianship, event: SectionsHidden | SectionsShown) -> Guardianship:
    is_shown, sections = isinstance(event, SectionsShown), frozenset(event.sections)
    if event.keeper is SectionKeeper.OPERATOR:
        return replace(state, closed=state.closed - sections if is_shown else state.closed | sections)
    return replace(state, permitted=state.permitted | sections if is_shown else state.permitted - sections)


# Decisions.


class OwnWardError(Exception):
    """Nobody is their own guardian."""


class WardOfAgeError(Exception):
    """The ward is 18 or older: a parent or guardian of a minor represents them no more."""


class GuardianshipKindUnfitError(Exception):
    """This kind of representative does not go with why the ward has one."""


class GuardianshipAlreadyRequestedError(Exception):
    """This guardianship waits for an operator, or is confirmed."""


class GuardianshipNotWaitingError(Exception):
    """No request waits for a decision here."""


class GuardianshipNotConfirmedError(Exception):
    """There is no confirmed guardianship: nothing to end, to hide or to show."""


class GuardianNotKnownError(Exception):
    """The guardian's own identity is not confirmed."""


class WardDetailsDifferError(Exception):
    """A cabinet with the ward's СНИЛС is of a person who is described otherwise."""


class WardDoesNotDecideError(Exception):
    """By law the ward does not decide yet what the guardian sees."""


_FITTING = {
    WardCapacity.MINOR: frozenset(GuardianshipKind),
    WardCapacity.INCAPABLE: frozenset({GuardianshipKind.GUARDIAN}),
    WardCapacity.LIMITED: frozenset({GuardianshipKind.TRUSTEE}),
}


def request(
    guardianship: Guardianship | None,
    *,
    guardian_id: PatientId,
    guardian_snils: str,
    kind: GuardianshipKind,
    ward: WardDescribed,
    on_date: date,
) -> tuple[GuardianshipRequested, WardDescribed]:
    """Who was refused, or whose guardianship ended, may ask again."""
    if ward.snils == guardian_snils:
        raise OwnWardError
    if kind not in _FITTING[ward.capacity]:
        raise GuardianshipKindUnfitError
    if _has_grown_up(ward.capacity, ward.birth_date, on_date):
        raise WardOfAgeError
    waiting_or_confirmed = (GuardianshipStatus.REQUESTED, GuardianshipStatus.CONFIRMED)
    if guardianship is not None and guardianship.status in waiting_or_confirmed:
        raise GuardianshipAlreadyRequestedError
    return GuardianshipRequested(guardian_id=guardian_id, kind=kind), ward


def confirm(
    guardianship: Guardianship | None,
    *,
    ward_id: PatientId,
    is_guardian_known: bool,
    is_ward_as_described: bool,
    on_date: date,
) -> GuardianshipConfirmed:
    """`ward_id` is who has the СНИЛС; `is_ward_as_described`: their name and birth date are as the guardian
    wrote, for anybody may write another child's number. `is_guardian_known`: the guardian's identity is
    confirmed, for the document names a person and not a phone."""
    state = _waiting(guardianship)
    if not is_guardian_known:
        raise GuardianNotKnownError
    if state.ward is None or not is_ward_as_described:
        raise WardDetailsDifferError
    if state.guardian_id == ward_id:
        raise OwnWardError
    if _has_grown_up(state.ward.capacity, state.ward.birth_date, on_date):
        raise WardOfAgeError
    return GuardianshipConfirmed(guardian_id=state.guardian_id, ward_id=ward_id)


def refuse(guardianship: Guardianship | None, *, reason: GuardianshipRefusal) -> GuardianshipRefused:
    return GuardianshipRefused(guardian_id=_waiting(guardianship).guardian_id, reason=reason)


def end(guardianship: Guardianship | None, *, reason: GuardianshipEnd) -> GuardianshipEnded:
    state, ward_id = _confirmed(guardianship)
    return GuardianshipEnded(guardian_id=state.guardian_id, ward_id=ward_id, reason=reason)


def end_by_age(
    guardianship: Guardianship | None, *, ward_birth_date: str | None, on_date: date
) -> tuple[GuardianshipEnded, ...]:
    """What the calendar says; said once."""
    if guardianship is None or guardianship.status is not GuardianshipStatus.CONFIRMED:
        return ()
    ward = guardianship.ward
    if ward is None or ward_birth_date is None or not _has_grown_up(ward.capacity, ward_birth_date, on_date):
        return ()
    return (end(guardianship, reason=GuardianshipEnd.AGE_REACHED),)


def permit(
    guardianship: Guardianship | None,
    *,
    sections: frozenset[StudyType],
    may_permit: bool,
) -> tuple[SectionsHidden | SectionsShown, ...]:
    """The ward says which sections the guardian sees: exactly these. `may_permit`: the law lets them."""
    state, ward_id = _confirmed(guardianship)
    if not may_permit:
        raise WardDoesNotDecideError
    return _changes(state, ward_id, state.permitted, sections, SectionKeeper.WARD)


def close(
    guardianship: Guardianship | None, *, sections: frozenset[StudyType]
) -> tuple[SectionsHidden | SectionsShown, ...]:
    """An operator says which sections the guardian never sees: exactly these."""
    state, ward_id = _confirmed(guardianship)
    return _changes(
        state, ward_id, ALL_SECTIONS - state.closed, ALL_SECTIONS - sections, SectionKeeper.OPERATOR
    )


def _changes(
    state: Guardianship,
    ward_id: PatientId,
    seen: frozenset[StudyType],
    wanted: frozenset[StudyType],
    keeper: SectionKeeper,
) -> tuple[SectionsHidden | SectionsShown, ...]:
    about = {"guardian_id": state.guardian_id, "ward_id": ward_id}
    hidden, shown = tuple(sorted(seen - wanted)), tuple(sorted(wanted - seen))
    return (
        *((SectionsHidden(sections=hidden, keeper=keeper, **about),) if hidden else ()),
        *((SectionsShown(sections=shown, keeper=keeper, **about),) if shown else ()),
    )


def _has_grown_up(capacity: WardCapacity, birth_date: str, on_date: date) -> bool:
    return capacity is WardCapacity.MINOR and is_of_age(birth_date, on_date)


def _waiting(guardianship: Guardianship | None) -> Guardianship:
    if guardianship is None or guardianship.status is not GuardianshipStatus.REQUESTED:
        raise GuardianshipNotWaitingError
    return guardianship


def _confirmed(guardianship: Guardianship | None) -> tuple[Guardianship, PatientId]:
    if guardianship is None or guardianship.status is not GuardianshipStatus.CONFIRMED:
        raise GuardianshipNotConfirmedError
    assert guardianship.ward_id is not None
    return guardianship, guardianship.ward_id
