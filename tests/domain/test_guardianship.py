"""What a guardian sees follows from what is recorded and the day; who may decide what follows from the law."""

from dataclasses import replace
from datetime import date, timedelta
from functools import reduce

from hypothesis import given as for_all
from hypothesis import strategies as st

from domain import guardianship
from domain.guardian_sight import DRUG_SECTIONS, NOTHING, Sight, may_permit, sight_of
from domain.guardianship import (
    ALL_SECTIONS,
    GuardianNotKnownError,
    Guardianship,
    GuardianshipAlreadyRequestedError,
    GuardianshipConfirmed,
    GuardianshipEnd,
    GuardianshipEnded,
    GuardianshipEvent,
    GuardianshipKind,
    GuardianshipKindUnfitError,
    GuardianshipNotConfirmedError,
    GuardianshipNotWaitingError,
    GuardianshipRefusal,
    GuardianshipRefused,
    GuardianshipRequested,
    OwnWardError,
    SectionKeeper,
    SectionsHidden,
    SectionsShown,
    WardCapacity,
    WardDescribed,
    WardDetailsDifferError,
    WardDoesNotDecideError,
    WardOfAgeError,
)
from domain.legal_age import birthday, is_of_age
from domain.study_type import StudyType
from tests.examples import ANNA, BORIS, GUARDIAN_AND_WARD, SNILS, WARD
from tests.scenario import given

BORN = date.fromisoformat(WARD.birth_date)
TODAY = date(2026, 11, 23)
REQUESTED = GuardianshipRequested(guardian_id=ANNA, kind=GuardianshipKind.PARENT)
CONFIRMED = GuardianshipConfirmed(**GUARDIAN_AND_WARD)
REFUSED = GuardianshipRefused(guardian_id=ANNA, reason=GuardianshipRefusal.DETAILS_DIFFER)
ENDED = GuardianshipEnded(**GUARDIAN_AND_WARD, reason=GuardianshipEnd.GIVEN_UP)
ASKED = (REQUESTED, WARD)
KNOWN = (*ASKED, CONFIRMED)
BLOOD, DRUGS = frozenset({StudyType.BLOOD_COUNT}), DRUG_SECTIONS
ASK = {
    "guardian_id": ANNA,
    "guardian_snils": SNILS,
    "kind": GuardianshipKind.PARENT,
    "ward": WARD,
    "on_date": TODAY,
}
AGREE = {"ward_id": BORIS, "is_guardian_known": True, "is_ward_as_described": True, "on_date": TODAY}


def state_of(*events: GuardianshipEvent) -> Guardianship:
    found: Guardianship | None = None
    for event in events:
        found = guardianship.evolve(found, event)
    assert found is not None
    return found


def shown(*sections: StudyType, keeper: SectionKeeper = SectionKeeper.WARD) -> SectionsShown:
    return SectionsShown(**GUARDIAN_AND_WARD, sections=sections, keeper=keeper)


def hidden(*sections: StudyType, keeper: SectionKeeper = SectionKeeper.OPERATOR) -> SectionsHidden:
    return SectionsHidden(**GUARDIAN_AND_WARD, sections=sections, keeper=keeper)


def sees(*events: GuardianshipEvent, at: date) -> frozenset[StudyType]:
    return sight_of(state_of(*events), WARD.birth_date, at).sections


# What is seen, by age.


def test_a_child_is_seen_whole_until_the_day_of_fifteen() -> None:
    eve = birthday(BORN, 15) - timedelta(days=1)
    assert sight_of(state_of(*KNOWN), WARD.birth_date, eve) == Sight(
        sections=ALL_SECTIONS, until=birthday(BORN, 15), may_act=True
    )
    assert sees(*KNOWN, at=birthday(BORN, 15)) == DRUGS


def test_from_fifteen_the_child_permits_and_drugs_are_the_childs_own_from_sixteen() -> None:
    permitted = (*KNOWN, shown(StudyType.BLOOD_COUNT))
    assert sees(*permitted, at=birthday(BORN, 15)) == BLOOD | DRUGS
    assert sees(*permitted, at=birthday(BORN, 16) - timedelta(days=1)) == BLOOD | DRUGS
    assert sees(*permitted, at=birthday(BORN, 16)) == BLOOD
    assert sees(*KNOWN, at=birthday(BORN, 16)) == frozenset()
    assert not sight_of(state_of(*permitted), WARD.birth_date, birthday(BORN, 15)).may_act


def test_from_eighteen_nothing_is_seen_whether_or_not_the_end_is_recorded() -> None:
    permitted = (*KNOWN, shown(*StudyType))
    assert sees(*permitted, at=birthday(BORN, 18) - timedelta(days=1)) == ALL_SECTIONS
    assert sight_of(state_of(*permitted), WARD.birth_date, birthday(BORN, 18)) == NOTHING


def test_an_incapable_ward_is_seen_at_every_age_and_one_of_limited_capacity_permits() -> None:
    at = birthday(BORN, 60)
    incapable = (REQUESTED, replace(WARD, capacity=WardCapacity.INCAPABLE), CONFIRMED)
    assert sight_of(state_of(*incapable), WARD.birth_date, at) == Sight(sections=ALL_SECTIONS, may_act=True)
    limited = (REQUESTED, replace(WARD, capacity=WardCapacity.LIMITED), CONFIRMED)
    assert sees(*limited, at=at) == frozenset()
    assert sees(*limited, shown(StudyType.BLOOD_COUNT), at=at) == BLOOD


def test_nothing_is_seen_before_confirmation_after_the_end_or_when_the_ward_was_erased() -> None:
    for story in (ASKED, (*ASKED, REFUSED), (*KNOWN, ENDED), (*KNOWN, ENDED, *ASKED), (REQUESTED, CONFIRMED)):
        assert sees(*story, at=TODAY) == frozenset(), story
    assert sight_of(state_of(*KNOWN), None, TODAY) == NOTHING


def test_what_an_operator_closed_is_seen_by_nobody_and_outlives_the_relation() -> None:
    closed = (*KNOWN, hidden(StudyType.BLOOD_COUNT))
    assert sees(*closed, at=TODAY) == ALL_SECTIONS - BLOOD
    # The ward's permission does not open what an operator has closed.
    assert sees(*closed, shown(StudyType.BLOOD_COUNT), at=birthday(BORN, 17)) == frozenset()
    assert sees(*closed, ENDED, *ASKED, CONFIRMED, at=TODAY) == ALL_SECTIONS - BLOOD
    assert (
        sees(*closed, shown(StudyType.BLOOD_COUNT, keeper=SectionKeeper.OPERATOR), at=TODAY) == ALL_SECTIONS
    )


def test_a_permission_ends_with_the_relation_that_it_was_given_in() -> None:
    again = (*KNOWN, shown(StudyType.BLOOD_COUNT), ENDED, *ASKED, CONFIRMED)
    assert sees(*again, at=birthday(BORN, 17)) == frozenset()


def test_a_report_is_seen_if_each_of_its_types_is_and_of_no_known_type_only_if_all_are() -> None:
    some, everything = Sight(sections=BLOOD), Sight(sections=ALL_SECTIONS)
    assert some.covers(BLOOD) and not some.covers(BLOOD | DRUGS)
    assert not some.covers(frozenset()) and everything.covers(frozenset())
    assert not NOTHING.covers(frozenset())


@for_all(
    st.lists(
        st.sampled_from(
            [
                *ASKED,
                CONFIRMED,
                REFUSED,
                ENDED,
                shown(*StudyType),
                hidden(StudyType.TOXICOLOGY),
                hidden(*BLOOD),
            ]
        )
    ),
    st.dates(BORN, date(2060, 1, 1)),
)
def test_whatever_happened_and_whenever_nothing_closed_ended_or_unpermitted_is_seen(
    events: list[GuardianshipEvent], at: date
) -> None:
    state = reduce(guardianship.evolve, (REQUESTED, *events), None)
    assert state is not None
    sight = sight_of(state, WARD.birth_date, at)
    assert not sight.sections & state.closed
    if state.status != "confirmed" or at >= birthday(BORN, 18):
        assert sight == NOTHING
    if at >= birthday(BORN, 16):
        assert sight.sections <= state.permitted


# Ages


def test_a_birthday_of_29_february_is_1_march_in_other_years() -> None:
    assert birthday(date(2008, 2, 29), 15) == date(2023, 3, 1)
    assert birthday(date(2008, 2, 29), 16) == date(2024, 2, 29)
    assert not is_of_age("2008-11-24", date(2026, 11, 23)) and is_of_age("2008-11-23", date(2026, 11, 23))


# Asking


def test_a_person_asks_once_and_again_after_a_refusal_or_an_end() -> None:
    given().when(guardianship.request, **ASK).then(*ASKED)
    given(*ASKED, REFUSED).when(guardianship.request, **ASK).then(*ASKED)
    given(*KNOWN, ENDED).when(guardianship.request, **ASK).then(*ASKED)
    for known in (ASKED, KNOWN):
        given(*known).when(guardianship.request, **ASK).then_refused(GuardianshipAlreadyRequestedError)


def test_who_is_of_age_is_nobodys_child_and_nobody_is_their_own_guardian() -> None:
    grown = replace(WARD, birth_date="2008-11-23")
    given().when(guardianship.request, **ASK | {"ward": grown}).then_refused(WardOfAgeError)
    own = ASK | {"guardian_snils": WARD.snils}
    given().when(guardianship.request, **own).then_refused(OwnWardError)


def test_only_a_guardian_speaks_for_the_incapable_and_a_trustee_for_those_of_limited_capacity() -> None:
    fitting = {
        WardCapacity.MINOR: set(GuardianshipKind),
        WardCapacity.INCAPABLE: {GuardianshipKind.GUARDIAN},
        WardCapacity.LIMITED: {GuardianshipKind.TRUSTEE},
    }
    for capacity in WardCapacity:
        for kind in GuardianshipKind:
            ward = replace(WARD, capacity=capacity)
            asked = given().when(guardianship.request, **ASK | {"kind": kind, "ward": ward})
            if kind in fitting[capacity]:
                asked.then(GuardianshipRequested(guardian_id=ANNA, kind=kind), ward)
            else:
                asked.then_refused(GuardianshipKindUnfitError)


# Deciding


def test_an_operator_confirms_what_waits_of_known_people_who_are_as_described() -> None:
    given(*ASKED).when(guardianship.confirm, **AGREE).then(CONFIRMED)
    for known in ((), KNOWN, (*ASKED, REFUSED)):
        given(*known).when(guardianship.confirm, **AGREE).then_refused(GuardianshipNotWaitingError)
    unknown, other = AGREE | {"is_guardian_known": False}, AGREE | {"is_ward_as_described": False}
    given(*ASKED).when(guardianship.confirm, **unknown).then_refused(GuardianNotKnownError)
    given(*ASKED).when(guardianship.confirm, **other).then_refused(WardDetailsDifferError)
    given(REQUESTED).when(guardianship.confirm, **AGREE).then_refused(WardDetailsDifferError)
    given(*ASKED).when(guardianship.confirm, **AGREE | {"ward_id": ANNA}).then_refused(OwnWardError)
    late = AGREE | {"on_date": birthday(BORN, 18)}
    given(*ASKED).when(guardianship.confirm, **late).then_refused(WardOfAgeError)


def test_what_waits_can_be_refused_and_what_is_confirmed_ended() -> None:
    refusal, end = {"reason": GuardianshipRefusal.DETAILS_DIFFER}, {"reason": GuardianshipEnd.GIVEN_UP}
    given(*ASKED).when(guardianship.refuse, **refusal).then(REFUSED)
    given(*KNOWN).when(guardianship.refuse, **refusal).then_refused(GuardianshipNotWaitingError)
    given(*KNOWN).when(guardianship.end, **end).then(ENDED)
    for known in ((), ASKED, (*KNOWN, ENDED)):
        given(*known).when(guardianship.end, **end).then_refused(GuardianshipNotConfirmedError)


def test_the_calendar_ends_a_guardianship_of_a_minor_once_and_no_other() -> None:
    due = {"ward_birth_date": WARD.birth_date, "on_date": birthday(BORN, 18)}
    ended = replace(ENDED, reason=GuardianshipEnd.AGE_REACHED)
    given(*KNOWN).when(guardianship.end_by_age, **due).then(ended)
    eve = due | {"on_date": birthday(BORN, 18) - timedelta(days=1)}
    incapable = (REQUESTED, replace(WARD, capacity=WardCapacity.INCAPABLE), CONFIRMED)
    for known, when in ((KNOWN, eve), ((*KNOWN, ended), due), (ASKED, due), ((), due), (incapable, due)):
        given(*known).when(guardianship.end_by_age, **when).then_nothing()
    given(*KNOWN).when(guardianship.end_by_age, **due | {"ward_birth_date": None}).then_nothing()


# Sections


def test_a_ward_of_age_to_decide_says_exactly_what_is_seen() -> None:
    say = {"sections": BLOOD, "may_permit": True}
    given(*KNOWN).when(guardianship.permit, **say).then(shown(StudyType.BLOOD_COUNT))
    blood, genes = StudyType.BLOOD_COUNT, StudyType.GENETICS
    given(*KNOWN, shown(blood)).when(guardianship.permit, **say).then_nothing()
    given(*KNOWN, shown(genes)).when(guardianship.permit, **say).then(
        hidden(genes, keeper=SectionKeeper.WARD), shown(blood)
    )
    given(*KNOWN).when(guardianship.permit, **say | {"may_permit": False}).then_refused(
        WardDoesNotDecideError
    )
    given(*ASKED).when(guardianship.permit, **say).then_refused(GuardianshipNotConfirmedError)


def test_the_ward_decides_from_fifteen_to_eighteen_and_with_limited_capacity() -> None:
    known = state_of(*KNOWN)
    ages = {14: False, 15: True, 17: True, 18: False}
    assert {age: may_permit(known, WARD.birth_date, birthday(BORN, age)) for age in ages} == ages
    for capacity, decides in ((WardCapacity.LIMITED, True), (WardCapacity.INCAPABLE, False)):
        state = state_of(REQUESTED, replace(WARD, capacity=capacity), CONFIRMED)
        assert may_permit(state, WARD.birth_date, TODAY) is decides
    assert not may_permit(state_of(*ASKED), WARD.birth_date, birthday(BORN, 16))
    assert not may_permit(known, None, birthday(BORN, 16))


def test_an_operator_closes_exactly_what_a_document_says() -> None:
    given(*KNOWN).when(guardianship.close, sections=BLOOD).then(hidden(StudyType.BLOOD_COUNT))
    closed = (*KNOWN, hidden(StudyType.BLOOD_COUNT))
    given(*closed).when(guardianship.close, sections=BLOOD).then_nothing()
    given(*closed).when(guardianship.close, sections=frozenset()).then(
        shown(StudyType.BLOOD_COUNT, keeper=SectionKeeper.OPERATOR)
    )


def test_a_description_is_the_guardians_and_names_the_ward() -> None:
    assert isinstance(state_of(*ASKED).ward, WardDescribed)
