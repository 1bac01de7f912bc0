"""Guardianships in the ledger: asked for, decided, ended; and whose cabinet a guardian may look into now.

The request never says whether the ward has a cabinet: it is looked for when an operator confirms, and opened
then if there is none.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from uuid import UUID, uuid4

from domain import Event, guardianship, identity, matching, patient
from domain.guardian_sight import Sight, may_permit, sight_of
from domain.guardianship import (
    Guardianship,
    GuardianshipEnd,
    GuardianshipKind,
    GuardianshipNotWaitingError,
    GuardianshipRefusal,
    GuardianshipStatus,
    WardCapacity,
    WardDescribed,
)
from domain.identity import UNKNOWN, Proof, SuspensionReason
from domain.patient import Patient, PatientRegistered, ProfileStated
from domain.policy import single_policy
from domain.report_content import Subject
from domain.study_type import StudyType
from domain.values import PatientId
from ledger.codec import Circumstances
from ledger.commands import PatientNotFoundError, decide_again
from ledger.guardianship_streams import open_stream
from ledger.identity import identity_stream
from ledger.recorder import Guard, Mark, MarkTakenError
from ledger.store import Ledger, StreamErasedError, Write

CLOCK = Circumstances(actor="system:clock")
# Kamchatka.
EASTERNMOST = timedelta(hours=12)


class GuardianshipNotFoundError(Exception):
    """There is no such guardianship."""


class GuardianProfileMissingError(Exception):
    """The guardian's own profile is not filled in: a document names a person."""


@dataclass(frozen=True, slots=True)
class Relation:
    """A guardianship with the ward as their own cabinet describes them; `sight` is what the guardian sees today."""

    guardianship_id: UUID
    version: int
    state: Guardianship
    ward: Patient | None
    sight: Sight
    may_permit: bool


def today() -> date:
    """The day by which the law is applied: that of the easternmost zone of the country. A birthday takes sight
    away some hours before midnight in the west, and nowhere after it."""
    return (datetime.now(UTC) + EASTERNMOST).date()


def look(ledger: Ledger, guardianship_id: UUID, *, on: date | None = None) -> Relation:
    """The guardianship as it stands. GuardianshipNotFoundError if there is none."""
    state, version = _load(ledger, guardianship_id)
    ward = _patient(ledger, state.ward_id)[0] if state.ward_id is not None else None
    born, day = _birth_date(ward), on or today()
    return Relation(
        guardianship_id, version, state, ward, sight_of(state, born, day), may_permit(state, born, day)
    )


# What a guardian asks.


def request(
    ledger: Ledger,
    guardian_id: PatientId,
    kind: GuardianshipKind,
    ward: WardDescribed,
    by: Circumstances,
    *,
    on: date | None = None,
) -> UUID:
    """Ask to be confirmed as the ward's guardian; the guardianship's id."""

    def act() -> UUID:
        stream_id = open_stream(ledger, guardian_id, ward.snils)
        guardian, guardian_version = _patient(ledger, guardian_id)
        if guardian is None:
            raise PatientNotFoundError
        if guardian.profile is None:
            raise GuardianProfileMissingError
        state, version = ledger.load(stream_id, guardianship.evolve)
        events = guardianship.request(
            state,
            guardian_id=guardian_id,
            guardian_snils=guardian.profile.snils,
            kind=kind,
            ward=ward,
            on_date=on or today(),
        )
        guards = (Guard(guardian_id, guardian_version),)
        # What it says is of two people: under a key of its own it can go with either.
        ledger.append(Write(stream_id, version, events, stream_id), circumstances=by, guards=guards)
        return stream_id

    return decide_again(act)


def give_up(ledger: Ledger, guardianship_id: UUID, guardian_id: PatientId, by: Circumstances) -> None:
    """The guardian represents the ward no more, by their own will."""
    _require(_load(ledger, guardianship_id)[0].guardian_id == guardian_id)
    end(ledger, guardianship_id, GuardianshipEnd.GIVEN_UP, by)


# What a ward permits.


def permit(
    ledger: Ledger,
    guardianship_id: UUID,
    ward_id: PatientId,
    sections: frozenset[StudyType],
    by: Circumstances,
    *,
    on: date | None = None,
) -> None:
    """The guardian sees exactly these sections. WardDoesNotDecideError if the law does not let the ward say."""

    def decide(state: Guardianship, ward: Patient | None) -> Iterable[Event]:
        _require(state.ward_id == ward_id)
        decides = may_permit(state, _birth_date(ward), on or today())
        return guardianship.permit(state, sections=sections, may_permit=decides)

    _change_by_age(ledger, guardianship_id, decide, by)


# What an operator decides.


def confirm(
    ledger: Ledger,
    guardianship_id: UUID,
    by: Circumstances,
    *,
    on: date | None = None,
    seen: int | None = None,
) -> PatientId:
    """The guardian represents the ward from now on; whose cabinet it is. It is opened if the ward has none.
    `seen` is the version of the request that was looked at: GuardianshipNotWaitingError if it went on since.

    MarkTakenError with kind `enp` if the policy of a cabinet that is to be opened is another patient's."""

    def act() -> PatientId:
        state, version = _load(ledger, guardianship_id)
        if seen is not None and seen != version:
            raise GuardianshipNotWaitingError
        guardian_id, described = state.guardian_id, state.ward
        known, guards = _guardian(ledger, guardian_id)
        found = ledger.find("snils", described.snils) if described else None
        ward_id = PatientId(found or uuid4())
        is_same = described is not None
        if described is not None and found is not None:
            ward, ward_version = _patient(ledger, ward_id)
            is_same = is_described_so(described, ward.profile if ward else None)
            guards = (*guards, Guard(ward_id, ward_version))
        confirmed = guardianship.confirm(
            state,
            ward_id=ward_id,
            is_guardian_known=known,
            is_ward_as_described=is_same,
            on_date=on or today(),
        )
        opening, marks = ((), ()) if found or described is None else _opening(ledger, ward_id, described)
        write = Write(guardianship_id, version, (confirmed,))
        ledger.append(write, *opening, circumstances=by, marks=marks, guards=guards)
        return ward_id

    try:
        return decide_again(act)
    except MarkTakenError as error:
        # Somebody registered with the ward's СНИЛС this very moment: now there is a cabinet to find.
        if error.kind != "snils":
            raise
        return decide_again(act)


def refuse(ledger: Ledger, guardianship_id: UUID, reason: GuardianshipRefusal, by: Circumstances) -> None:
    _change(ledger, guardianship_id, lambda state: (guardianship.refuse(state, reason=reason),), by)


def end(ledger: Ledger, guardianship_id: UUID, reason: GuardianshipEnd, by: Circumstances) -> None:
    _change(ledger, guardianship_id, lambda state: (guardianship.end(state, reason=reason),), by)


def end_by_own_account(ledger: Ledger, guardianship_id: UUID, by: Circumstances) -> None:
    """The ward, who is of age, has a way in of their own: a minor's guardianship is over, a court's decision
    stands."""

    def decide(state: Guardianship) -> Iterable[Event]:
        is_minors = state.ward is None or state.ward.capacity is WardCapacity.MINOR
        is_confirmed = state.status is GuardianshipStatus.CONFIRMED
        return (
            (guardianship.end(state, reason=GuardianshipEnd.OWN_ACCOUNT),)
            if is_minors and is_confirmed
            else ()
        )

    _change(ledger, guardianship_id, decide, by)


def close(ledger: Ledger, guardianship_id: UUID, sections: frozenset[StudyType], by: Circumstances) -> None:
    """The guardian never sees these sections, and may see the others."""
    _change(ledger, guardianship_id, lambda state: guardianship.close(state, sections=sections), by)


# What the calendar says.


def end_of_age(ledger: Ledger, now: datetime) -> int:
    """A step of the clockwork: whose ward is 18 represents them no more. What a guardian sees does not wait for
    it (`sight_of`)."""
    with ledger.pool.connection() as connection:
        found = connection.execute(
            "SELECT DISTINCT originator_id FROM ledger.events WHERE topic = 'GuardianshipConfirmed'"
        ).fetchall()
    day = now.astimezone(UTC).date()

    def decide(state: Guardianship, ward: Patient | None) -> Iterable[Event]:
        return guardianship.end_by_age(state, ward_birth_date=_birth_date(ward), on_date=day)

    return sum(_change_by_age(ledger, row[0], decide, CLOCK) for row in found)


# Looking into a ward's cabinet.


@dataclass(frozen=True, slots=True)
class Acting:
    """A guardian looks into a ward's cabinet: whose, by which guardianship, and what of it they see."""

    guardianship_id: UUID
    ward_id: PatientId
    ward: Patient
    sight: Sight


def is_open(sight: Sight) -> bool:
    """Whether there is anything for a guardian to look into."""
    return bool(sight.sections) or sight.may_act


def acting(
    ledger: Ledger, guardianship_id: UUID, guardian_id: PatientId, *, on: date | None = None
) -> Acting | None:
    """None if the guardian may see nothing of the ward: not confirmed, ended, theirs no more by age, not this
    person's guardianship at all, or misuse of their own cabinet is suspected. Asked at every request, of the
    streams themselves."""
    try:
        relation = look(ledger, guardianship_id, on=on)
    except GuardianshipNotFoundError:
        return None
    state, ward = relation.state, relation.ward
    if state.guardian_id != guardian_id or ward is None or state.ward_id is None:
        return None
    ((known, _),) = ledger.load_all((identity_stream(ledger, guardian_id), identity.evolve))
    is_misused = known is not None and known.suspended is SuspensionReason.MISUSE_SUSPECTED
    if is_misused or not is_open(relation.sight):
        return None
    return Acting(guardianship_id, state.ward_id, ward, relation.sight)


def by_guardian(
    guardian_id: PatientId, ward_id: PatientId, *, session_id: UUID | None = None
) -> Circumstances:
    """A guardian acts for a ward."""
    return Circumstances(
        actor=f"patient:{guardian_id}", on_behalf_of=f"patient:{ward_id}", correlation_id=session_id
    )


# Streams


def is_described_so(ward: WardDescribed, profile: ProfileStated | None) -> bool:
    """Whether the whole name, birth date and sex of a cabinet are what the guardian wrote."""
    given = (ward.given, *((ward.patronymic,) if ward.patronymic else ()))
    subject = Subject(family=ward.family, given=given, birth_date=ward.birth_date, sex=ward.sex)
    return profile is not None and matching.is_proposed(profile, subject)


def _opening(
    ledger: Ledger, ward_id: PatientId, ward: WardDescribed
) -> tuple[tuple[Write, ...], tuple[Mark, ...]]:
    """What opens a cabinet for a ward: no phone and no password, who they are, and the policy if it was given.
    Their identity is believed: the document names them."""
    profile = ProfileStated(
        family=ward.family,
        given=ward.given,
        patronymic=ward.patronymic,
        birth_date=ward.birth_date,
        sex=ward.sex,
        snils=ward.snils,
    )
    opened = patient.evolve(patient.evolve(None, PatientRegistered(locale="ru", for_ward=True)), profile)
    linked = patient.link_policy(opened, single_policy(ward.policy)) if ward.policy else ()
    believed = identity.IdentityConfirmed(
        patient_id=ward_id, profile_number=opened.profile_number, proof=Proof.REPRESENTED
    )
    events: tuple[Event, ...] = (PatientRegistered(locale="ru", for_ward=True), profile, *linked)
    writes = (
        Write(ward_id, 0, events, ward_id),
        Write(identity_stream(ledger, ward_id), 0, (believed,)),
    )
    numbers = [("snils", ward.snils), *((("enp", ward.policy),) if ward.policy else ())]
    return writes, tuple(ledger.mark(kind, number, ward_id) for kind, number in numbers)


def _guardian(ledger: Ledger, guardian_id: PatientId) -> tuple[bool, tuple[Guard, ...]]:
    """Whether the guardian's identity is confirmed, and what that rests on."""
    known, version = _patient(ledger, guardian_id)
    stream_id = identity_stream(ledger, guardian_id)
    believed, identity_version = ledger.load(stream_id, identity.evolve)
    is_known = known is not None and (believed or UNKNOWN).is_confirmed_for(known)
    return is_known, (Guard(guardian_id, version), Guard(stream_id, identity_version))


def _load(ledger: Ledger, guardianship_id: UUID) -> tuple[Guardianship, int]:
    state, version = ledger.load(guardianship_id, guardianship.evolve)
    if state is None:
        raise GuardianshipNotFoundError
    return state, version


def _patient(ledger: Ledger, patient_id: PatientId) -> tuple[Patient | None, int]:
    """The patient, from what is remembered; None if they were erased."""
    try:
        ((known, version),) = ledger.load_all((patient_id, patient.evolve))
    except StreamErasedError:
        return None, 0
    return known, version


def _birth_date(ward: Patient | None) -> str | None:
    return ward.profile.birth_date if ward is not None and ward.profile is not None else None


def _require(holds: bool) -> None:
    if not holds:
        raise GuardianshipNotFoundError


def _change(
    ledger: Ledger,
    guardianship_id: UUID,
    decide: Callable[[Guardianship], Iterable[Event]],
    by: Circumstances,
) -> int:
    """One decision on one guardianship; how many events it led to."""

    def act() -> int:
        state, version = _load(ledger, guardianship_id)
        events = tuple(decide(state))
        if events:
            ledger.append(Write(guardianship_id, version, events), circumstances=by)
        return len(events)

    return decide_again(act)


def _change_by_age(
    ledger: Ledger,
    guardianship_id: UUID,
    decide: Callable[[Guardianship, Patient | None], Iterable[Event]],
    by: Circumstances,
) -> int:
    """As `_change`, for a decision that rests on who the ward is: that must still be so at its position."""

    def act() -> int:
        state, version = _load(ledger, guardianship_id)
        ward_id = state.ward_id
        ward, ward_version = _patient(ledger, ward_id) if ward_id is not None else (None, 0)
        events = tuple(decide(state, ward))
        guards = (Guard(ward_id, ward_version),) if ward_id is not None and ward is not None else ()
        ledger.append(Write(guardianship_id, version, events), circumstances=by, guards=guards)
        return len(events)

    return decide_again(act)
