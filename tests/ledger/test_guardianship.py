"""Guardianships through the real ledger: cabinets opened and found, and nothing ever seen that the law denies."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from random import Random
from uuid import UUID, uuid4

import pytest

from domain import guardianship as rules
from domain.guardian_sight import NOTHING, sight_of
from domain.guardianship import (
    GuardianNotKnownError,
    Guardianship,
    GuardianshipAlreadyRequestedError,
    GuardianshipEnd,
    GuardianshipEnded,
    GuardianshipKind,
    GuardianshipNotConfirmedError,
    GuardianshipNotWaitingError,
    GuardianshipRefusal,
    SectionsHidden,
    SectionsShown,
    WardDescribed,
    WardDetailsDifferError,
    WardDoesNotDecideError,
    WardOfAgeError,
)
from domain.identity import IdentityConfirmed, Proof, SuspensionReason
from domain.legal_age import birthday
from domain.patient import PatientRegistered, PolicyLinked, ProfileStated
from domain.study_type import StudyType
from domain.values import PatientId
from ledger import commands, guardianship, identity
from ledger.codec import Circumstances
from ledger.guardianship import GuardianshipNotFoundError
from ledger.insertion import Erasure
from ledger.recorder import MarkTakenError
from ledger.store import Ledger, Write
from tests.examples import ENP, EXAMPLES, PROFILE, WARD
from tests.scenario import TESTER

DAY = date(2026, 11, 23)
BORN = date.fromisoformat(WARD.birth_date)
OPERATOR = Circumstances(actor="staff:ivan")
PHONES = iter(range(10**7))


def person(ledger: Ledger, profile: ProfileStated = PROFILE, *, is_known: bool = True) -> PatientId:
    patient_id = PatientId(uuid4())
    phone = f"+7901{next(PHONES):07d}"
    commands.register_patient(ledger, patient_id=patient_id, phone=phone, locale="ru")
    commands.state_profile(ledger, patient_id, profile, TESTER)
    if is_known:
        identity.confirm(ledger, patient_id, OPERATOR, proof=Proof.IN_PERSON)
    return patient_id


def profile_of(ward: WardDescribed) -> ProfileStated:
    return ProfileStated(
        family=ward.family,
        given=ward.given,
        patronymic=ward.patronymic,
        birth_date=ward.birth_date,
        sex=ward.sex,
        snils=ward.snils,
    )


def asked(ledger: Ledger, guardian_id: PatientId, ward: WardDescribed = WARD) -> UUID:
    return guardianship.request(ledger, guardian_id, GuardianshipKind.PARENT, ward, TESTER, on=DAY)


def test_a_cabinet_is_opened_for_a_ward_who_has_none_with_everything_in_one_append(ledger: Ledger) -> None:
    anna = person(ledger)
    one = asked(ledger, anna)
    assert ledger.find("snils", WARD.snils) is None
    ward_id = guardianship.confirm(ledger, one, OPERATOR, on=DAY)
    opened = [recorded.event for recorded in ledger.read(ward_id)]
    assert opened == [
        PatientRegistered(locale="ru", for_ward=True),
        profile_of(WARD),
        PolicyLinked(number=ENP),
    ]
    believed = [recorded.event for recorded in ledger.read(identity.identity_stream(ledger, ward_id))]
    assert believed == [IdentityConfirmed(patient_id=ward_id, profile_number=1, proof=Proof.REPRESENTED)]
    assert ledger.find("snils", WARD.snils) == ledger.find("enp", ENP) == ward_id
    found = guardianship.acting(ledger, one, anna, on=DAY)
    assert found is not None and found.ward_id == ward_id and found.sight.sections == rules.ALL_SECTIONS
    assert guardianship.acting(ledger, one, ward_id, on=DAY) is None


def test_a_cabinet_that_is_there_is_found_by_snils_name_and_birth_date_together(ledger: Ledger) -> None:
    anna, misha = person(ledger), person(ledger, profile_of(WARD), is_known=False)
    assert guardianship.confirm(ledger, asked(ledger, anna), OPERATOR, on=DAY) == misha
    # A certificate of one child with the СНИЛС of another who was born on the same day.
    boris = person(ledger, replace(PROFILE, snils="11223344695"))
    other = asked(ledger, boris, replace(WARD, given="Пётр", patronymic=None))
    with pytest.raises(WardDetailsDifferError):
        guardianship.confirm(ledger, other, OPERATOR, on=DAY)
    assert guardianship.acting(ledger, other, boris, on=DAY) is None


def test_both_parents_represent_one_child(ledger: Ledger) -> None:
    anna, boris = person(ledger), person(ledger, replace(PROFILE, given="Борис", snils="11223344695"))
    wards = {guardianship.confirm(ledger, asked(ledger, one), OPERATOR, on=DAY) for one in (anna, boris)}
    assert len(wards) == 1


def test_a_guardian_whose_identity_is_not_confirmed_is_not_confirmed_either(ledger: Ledger) -> None:
    anna = person(ledger, is_known=False)
    one = asked(ledger, anna)
    with pytest.raises(GuardianNotKnownError):
        guardianship.confirm(ledger, one, OPERATOR, on=DAY)
    identity.confirm(ledger, anna, OPERATOR, proof=Proof.IN_PERSON)
    guardianship.confirm(ledger, one, OPERATOR, on=DAY)


def test_a_policy_of_another_patient_opens_no_cabinet(ledger: Ledger) -> None:
    anna = person(ledger)
    other = guardianship.confirm(ledger, asked(ledger, anna), OPERATOR, on=DAY)
    second = asked(ledger, anna, replace(WARD, given="Пётр", snils="90006999900"))
    with pytest.raises(MarkTakenError) as taken:
        guardianship.confirm(ledger, second, OPERATOR, on=DAY)
    assert taken.value.kind == "enp" and ledger.find("enp", ENP) == other


def test_the_clock_ends_what_the_age_has_ended_once(ledger: Ledger) -> None:
    anna = person(ledger)
    one = asked(ledger, anna)
    guardianship.confirm(ledger, one, OPERATOR, on=DAY)
    eighteen = datetime.combine(birthday(BORN, 18), datetime.min.time(), UTC)
    assert guardianship.end_of_age(ledger, eighteen - timedelta(seconds=1)) == 0
    assert guardianship.end_of_age(ledger, eighteen) == 1
    assert guardianship.end_of_age(ledger, eighteen + timedelta(days=1)) == 0
    last = list(ledger.read(one))[-1]
    assert isinstance(last.event, GuardianshipEnded) and last.event.reason is GuardianshipEnd.AGE_REACHED
    assert last.circumstances.actor == "system:clock"


def test_no_sequence_of_acts_shows_a_guardian_what_the_law_denies(ledger: Ledger) -> None:
    """Some hundred acts in random order and on moving days. After each, what the guardian may see now is
    compared with a plain reading of the history and the law, made without the code under test."""
    random = Random(20261123)
    anna, teen = person(ledger), person(ledger, profile_of(WARD), is_known=False)
    one = asked(ledger, anna)
    day, looked_into, refused = DAY, 0, 0
    for _ in range(300):
        day = date(2026, 1, 1) + timedelta(days=random.randrange(365 * 13)) if random.random() < 0.6 else day
        try:
            _act(random, ledger, one, (anna, teen), day)
        except (
            GuardianshipAlreadyRequestedError,
            GuardianshipNotWaitingError,
            GuardianshipNotConfirmedError,
            GuardianshipNotFoundError,
            WardDoesNotDecideError,
            WardOfAgeError,
        ):
            refused += 1
        allowed = _by_history(ledger, one, day)
        found = guardianship.acting(ledger, one, anna, on=day)
        seen = found.sight.sections if found else frozenset()
        assert seen <= allowed, day
        # Nor does it hide what the law and the ward let her see.
        assert seen == allowed, day
        assert found is None or found.ward_id == teen
        assert guardianship.acting(ledger, one, teen, on=day) is None
        looked_into += bool(seen)
    assert looked_into > 30 and refused > 30


def _act(random: Random, ledger: Ledger, one: UUID, both: tuple[PatientId, PatientId], day: date) -> None:
    guardian_id, ward_id = both
    sections = frozenset(random.sample(list(StudyType), random.randrange(5)))
    match random.choices(
        ("ask", "confirm", "refuse", "end", "close", "permit", "clock"), (4, 6, 1, 1, 2, 5, 1)
    )[0]:
        case "ask":
            guardianship.request(ledger, guardian_id, GuardianshipKind.PARENT, WARD, TESTER, on=day)
        case "confirm":
            guardianship.confirm(ledger, one, OPERATOR, on=day)
        case "refuse":
            guardianship.refuse(ledger, one, GuardianshipRefusal.NOT_ENTITLED, OPERATOR)
        case "end":
            guardianship.end(ledger, one, random.choice(list(GuardianshipEnd)), OPERATOR)
        case "close":
            guardianship.close(ledger, one, sections, OPERATOR)
        case "permit":
            guardianship.permit(ledger, one, ward_id, sections, TESTER, on=day)
        case _:
            guardianship.end_of_age(ledger, datetime.combine(day, datetime.min.time(), UTC))


def _by_history(ledger: Ledger, one: UUID, day: date) -> frozenset[StudyType]:
    closed: set[StudyType] = set()
    permitted: set[StudyType] = set()
    is_confirmed = False
    for recorded in ledger.read(one):
        event = recorded.event
        name = type(event).__name__
        if name == "GuardianshipConfirmed":
            is_confirmed, permitted = True, set()
        elif name in ("GuardianshipEnded", "GuardianshipRequested", "GuardianshipRefused"):
            is_confirmed = False
        elif isinstance(event, SectionsHidden | SectionsShown):
            which = closed if event.keeper == "operator" else permitted
            adds = isinstance(event, SectionsHidden) == (event.keeper == "operator")
            (which.update if adds else which.difference_update)(event.sections)
    if not is_confirmed or day >= date(BORN.year + 18, BORN.month, BORN.day):
        return frozenset()
    if day < date(BORN.year + 15, BORN.month, BORN.day):
        return frozenset(StudyType) - closed
    drugs = {StudyType.TOXICOLOGY} if day < date(BORN.year + 16, BORN.month, BORN.day) else set()
    return frozenset((permitted | drugs) - closed)


def test_an_erased_description_or_ward_shows_nothing(ledger: Ledger) -> None:
    state: Guardianship | None = None
    for recorded in _confirmed(ledger):
        if not isinstance(recorded, WardDescribed):
            state = rules.evolve(state, recorded)  # type: ignore[arg-type]
    assert state is not None and sight_of(state, WARD.birth_date, DAY) == NOTHING


def test_what_is_said_of_a_ward_goes_without_what_is_said_of_the_guardian(ledger: Ledger) -> None:
    guardian_id = person(ledger)
    guardianship_id = asked(ledger, guardian_id)
    guardianship.confirm(ledger, guardianship_id, OPERATOR, on=DAY)
    ended = Write(uuid4(), 0, (EXAMPLES["SubmissionRefused"][0],))
    ledger.append(ended, circumstances=OPERATOR, erased=(Erasure(guardianship_id),))
    relation = guardianship.look(ledger, guardianship_id, on=DAY)
    assert relation.state.ward is None and relation.sight == NOTHING
    assert commands.load_patient(ledger, guardian_id).profile is not None
    guardianship.end(ledger, guardianship_id, GuardianshipEnd.REVOKED_BY_OPERATOR, OPERATOR)
    anew = asked(ledger, guardian_id)
    assert anew != guardianship_id, "it may be asked for anew, and under another key"
    assert guardianship.look(ledger, anew, on=DAY).state.ward == WARD
    assert guardianship.look(ledger, guardianship_id, on=DAY).state.ward is None


def test_who_is_suspected_of_misuse_looks_into_nobodys_cabinet(ledger: Ledger) -> None:
    guardian_id = person(ledger)
    guardianship_id = asked(ledger, guardian_id)
    guardianship.confirm(ledger, guardianship_id, OPERATOR, on=DAY)
    for reason in SuspensionReason:
        identity.suspend(ledger, guardian_id, OPERATOR, reason=reason)
        found = guardianship.acting(ledger, guardianship_id, guardian_id, on=DAY)
        assert (found is None) == (reason is SuspensionReason.MISUSE_SUSPECTED)
    identity.restore(ledger, guardian_id, OPERATOR)
    assert guardianship.acting(ledger, guardianship_id, guardian_id, on=DAY) is not None


def _confirmed(ledger: Ledger) -> list[object]:
    one = asked(ledger, person(ledger))
    guardianship.confirm(ledger, one, OPERATOR, on=DAY)
    return [recorded.event for recorded in ledger.read(one)]
