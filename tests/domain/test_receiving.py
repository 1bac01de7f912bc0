"""Everything is wanted until a patient chooses, and what is chosen holds report by report."""

from dataclasses import replace

import pytest
from hypothesis import given as drawn
from hypothesis import strategies as st

from domain import receiving
from domain.channel import Channel
from domain.receiving import (
    EVERYTHING_WANTED,
    AutomaticTransferTurnedOff,
    AutomaticTransferTurnedOn,
    ChannelMissingError,
    CheckList,
    DocumentFormat,
    NothingWantedError,
    Periodicity,
    Receiving,
    ReceivingSettings,
    ReceivingSettingsChanged,
)
from domain.study_type import StudyType
from domain.values import OrganisationId
from tests.examples import ANNA, CLINIC, REPORT
from tests.scenario import given

OTHER_CLINIC = OrganisationId(REPORT)
BLOOD, HORMONES = StudyType.BLOOD_COUNT, StudyType.HORMONES
PLAIN = ReceivingSettings()
PLAIN_SAVED = ReceivingSettingsChanged(
    patient_id=ANNA,
    channels=(Channel.EMAIL,),
    periodicity=Periodicity.AS_READY,
    document_format=DocumentFormat.PDF,
    check_list=CheckList.MONTHLY,
)
NO_HORMONES = replace(PLAIN, declined_study_types=(HORMONES,))
NO_HORMONES_SAVED = replace(PLAIN_SAVED, declined_study_types=(HORMONES,))
OFF = AutomaticTransferTurnedOff(patient_id=ANNA, organisation_id=CLINIC)
ON = AutomaticTransferTurnedOn(patient_id=ANNA, organisation_id=CLINIC)
SWITCH = {"patient_id": ANNA, "organisation_id": CLINIC}


def after(*events: receiving.ReceivingEvent) -> Receiving:
    state = EVERYTHING_WANTED
    for event in events:
        state = receiving.evolve(state, event)
    return state


def test_who_never_chose_wants_everything_and_is_told_by_email() -> None:
    assert all(EVERYTHING_WANTED.wants(CLINIC, frozenset({one})) for one in StudyType)
    assert EVERYTHING_WANTED.wants(CLINIC, frozenset())
    assert EVERYTHING_WANTED.notices("email") and not EVERYTHING_WANTED.notices("sms")


def test_the_first_choice_is_recorded_even_if_it_is_what_holds_anyway() -> None:
    given().when(receiving.save, patient_id=ANNA, settings=PLAIN).then(PLAIN_SAVED)
    given(OFF).when(receiving.save, patient_id=ANNA, settings=PLAIN).then(PLAIN_SAVED)


def test_the_same_choice_again_changes_nothing() -> None:
    given(PLAIN_SAVED).when(receiving.save, patient_id=ANNA, settings=PLAIN).then_nothing()
    given(PLAIN_SAVED).when(receiving.save, patient_id=ANNA, settings=NO_HORMONES).then(NO_HORMONES_SAVED)


def test_what_was_declined_is_not_wanted_and_one_wanted_type_is_enough() -> None:
    state = after(NO_HORMONES_SAVED)
    assert not state.wants(CLINIC, frozenset({HORMONES}))
    assert state.wants(CLINIC, frozenset({HORMONES, BLOOD}))
    assert state.wants(CLINIC, frozenset())


def test_reports_of_no_known_type_are_a_choice_of_their_own() -> None:
    state = after(replace(PLAIN_SAVED, declines_others=True))
    assert not state.wants(CLINIC, frozenset()) and state.wants(CLINIC, frozenset({BLOOD}))


def test_an_organisation_is_turned_off_and_on_by_itself() -> None:
    given().when(receiving.turn_off, **SWITCH).then(OFF)
    given(OFF).when(receiving.turn_off, **SWITCH).then_nothing()
    given(OFF).when(receiving.turn_on, **SWITCH).then(ON)
    given().when(receiving.turn_on, **SWITCH).then_nothing()
    state = after(OFF)
    assert not state.wants(CLINIC, frozenset({BLOOD})) and state.wants(OTHER_CLINIC, frozenset({BLOOD}))
    assert after(OFF, ON).wants(CLINIC, frozenset({BLOOD}))


def test_saving_leaves_the_switches_and_switching_leaves_the_settings() -> None:
    assert not after(OFF, NO_HORMONES_SAVED).is_automatic(CLINIC)
    assert after(NO_HORMONES_SAVED, OFF, ON).settings == NO_HORMONES


def test_nothing_at_all_is_no_choice() -> None:
    nothing = replace(PLAIN, declined_study_types=tuple(StudyType), declines_others=True)
    given().when(receiving.save, patient_id=ANNA, settings=nothing).then_refused(NothingWantedError)


def test_notices_need_a_way_unless_they_are_off() -> None:
    silent = replace(PLAIN, channels=())
    given().when(receiving.save, patient_id=ANNA, settings=silent).then_refused(ChannelMissingError)
    off = replace(silent, has_no_notices=True)
    saved = replace(PLAIN_SAVED, channels=(), has_no_notices=True)
    given().when(receiving.save, patient_id=ANNA, settings=off).then(saved)
    assert not after(replace(PLAIN_SAVED, has_no_notices=True)).notices("email")


@pytest.mark.parametrize("channel", list(Channel))
def test_only_chosen_ways_are_used(channel: Channel) -> None:
    state = after(replace(PLAIN_SAVED, channels=(channel,)))
    assert [one for one in Channel if state.notices(one)] == [channel]


@drawn(st.frozensets(st.sampled_from(StudyType)), st.frozensets(st.sampled_from(StudyType)), st.booleans())
def test_declining_more_never_lets_more_in(
    declined: frozenset[StudyType], more: frozenset[StudyType], declines_others: bool
) -> None:
    few = replace(PLAIN_SAVED, declined_study_types=tuple(declined))
    many = replace(few, declined_study_types=tuple(declined | more), declines_others=declines_others)
    for types in (frozenset[StudyType](), *(frozenset({one}) for one in StudyType), declined, more):
        assert after(few).wants(CLINIC, types) or not after(many).wants(CLINIC, types)


def test_a_channel_is_turned_off_for_good_and_the_last_one_takes_all_with_it() -> None:
    both = replace(PLAIN_SAVED, channels=(Channel.EMAIL, Channel.SMS))
    less = replace(PLAIN_SAVED, channels=(Channel.SMS,))
    none = replace(PLAIN_SAVED, channels=(), has_no_notices=True)
    turn_off = {"patient_id": ANNA, "channel": Channel.EMAIL}
    given(both).when(receiving.turn_channel_off, **turn_off).then(less)
    given(both, less).when(receiving.turn_channel_off, **turn_off).then_nothing()
    given().when(receiving.turn_channel_off, **turn_off).then(none)
    silent = replace(both, has_no_notices=True)
    given(silent).when(receiving.turn_channel_off, **turn_off).then(replace(less, has_no_notices=True))
