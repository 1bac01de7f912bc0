"""What a patient wants to hear from a doctor first waits, and nothing else does."""

from uuid import UUID

from domain.study_type import StudyType
from domain.talk_first import (
    NOTHING_KEPT,
    KeptReportReleased,
    KeptReportShown,
    TalkFirst,
    TalkFirstChosen,
    choose,
    evolve,
    release,
    show,
)
from tests.examples import ANNA, OTHER_REPORT, REPORT
from tests.scenario import given

GENES, BLOOD = StudyType.GENETICS, StudyType.BLOOD_COUNT
CHOSEN = TalkFirstChosen(patient_id=ANNA, sections=(GENES,))
SHOWN = KeptReportShown(patient_id=ANNA, report_id=REPORT)
RELEASED = KeptReportReleased(patient_id=ANNA, report_id=REPORT)


def wish(*events: TalkFirstChosen | KeptReportShown | KeptReportReleased) -> TalkFirst:
    known: TalkFirst | None = None
    for event in events:
        known = evolve(known, event)
    return known or NOTHING_KEPT


def keeps(known: TalkFirst, *sections: StudyType, report_id: UUID = REPORT, is_read: bool = False) -> bool:
    return known.keeps(report_id, frozenset(sections), is_read=is_read)


def test_what_is_chosen_is_recorded_once() -> None:
    given().when(choose, patient_id=ANNA, sections=frozenset({GENES})).then(CHOSEN)
    given(CHOSEN).when(choose, patient_id=ANNA, sections=frozenset({GENES})).then_nothing()


def test_who_never_chose_anything_has_nothing_to_turn_off() -> None:
    given().when(choose, patient_id=ANNA, sections=frozenset()).then_nothing()


def test_taking_all_ticks_away_turns_it_off() -> None:
    off = TalkFirstChosen(patient_id=ANNA)
    given(CHOSEN).when(choose, patient_id=ANNA, sections=frozenset()).then(off)
    assert not wish(CHOSEN, off).is_on and not keeps(wish(CHOSEN, off), GENES)


def test_a_new_report_of_a_chosen_section_waits_and_of_another_does_not() -> None:
    assert keeps(wish(CHOSEN), GENES) and not keeps(wish(CHOSEN), BLOOD)


def test_one_chosen_section_among_several_is_enough() -> None:
    assert keeps(wish(CHOSEN), BLOOD, GENES)


def test_a_report_of_no_known_section_waits_only_if_that_was_chosen() -> None:
    assert not keeps(wish(CHOSEN))
    others = TalkFirstChosen(patient_id=ANNA, includes_others=True)
    assert keeps(wish(others)) and not keeps(wish(others), BLOOD)


def test_who_has_read_it_is_told_of_corrections_at_once() -> None:
    assert not keeps(wish(CHOSEN), GENES, is_read=True)


def test_what_the_patient_had_shown_is_open_and_no_other() -> None:
    given(CHOSEN).when(show, patient_id=ANNA, report_id=REPORT).then(SHOWN)
    given(CHOSEN, SHOWN).when(show, patient_id=ANNA, report_id=REPORT).then_nothing()
    assert not keeps(wish(CHOSEN, SHOWN), GENES)
    assert keeps(wish(CHOSEN, SHOWN), GENES, report_id=OTHER_REPORT)


def test_what_a_doctor_released_is_open_whatever_is_chosen_later() -> None:
    given(CHOSEN).when(release, patient_id=ANNA, report_id=REPORT).then(RELEASED)
    given(CHOSEN, SHOWN).when(release, patient_id=ANNA, report_id=REPORT).then_nothing()
    again = TalkFirstChosen(patient_id=ANNA, sections=(GENES, BLOOD))
    assert not keeps(wish(CHOSEN, RELEASED, again), GENES)
