"""The list is found by the words of the version that stands, by whoever the report is of, and rebuilds to the same bytes."""

from dataclasses import replace
from datetime import UTC, date, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

import psycopg
import pytest

from domain.laboratory import DepartmentAdded, Laboratory
from domain.reading import Medium, ReadingPurpose
from domain.study_type import StudyType
from domain.talk_first import NOTHING_KEPT, TalkFirst
from domain.values import Concept, PatientId
from ledger import sealing
from ledger.store import Ledger
from projections import CABINET, cabinet
from projections.cabinet_list import Limits, SoughtWord, Wanted, page_of
from projections.cabinet_marks import studied_on, terms_of
from projections.follow import Follower
from projections.rebuild import check
from tests.examples import ANNA, BORIS, CONTENT, INVITRO, MATCHED, READ, RECEIVED, REPORT, REVISED, UNMATCHED
from tests.scenario import recorded, rows

NO_LIMITS = Limits(wish=NOTHING_KEPT, departments={})
HORMONES, GENES = StudyType.HORMONES, StudyType.GENETICS
OF_GENES = replace(CONTENT, code=Concept(text="Молекулярно-генетические исследования"))


def found(
    ledger: Ledger, *words: str, patient_id: PatientId = ANNA, limits: Limits = NO_LIMITS, **wanted: object
) -> list[UUID]:
    sought = tuple(SoughtWord(word=word) for word in words)
    asked = Wanted(readings=(sought,) if sought else (), **wanted)  # type: ignore[arg-type]
    return [row.report.report_id for row in page_of(ledger, patient_id, asked, limits).rows]


def test_a_report_that_is_matched_later_than_it_came_is_found_by_its_words(
    ledger: Ledger, follower: Follower
) -> None:
    recorded(ledger, REPORT, RECEIVED)
    follower.catch_up()
    assert rows(ledger, "SELECT marks FROM cabinet.reports") == [([],)]
    recorded(ledger, REPORT, MATCHED)
    follower.catch_up()
    assert found(ledger, "глюкоза") == [REPORT]


def test_the_words_are_of_the_version_that_stands(ledger: Ledger, follower: Follower) -> None:
    revised = replace(REVISED, content=replace(REVISED.content, conclusion="Воспаление"))
    recorded(ledger, REPORT, RECEIVED, MATCHED)
    follower.catch_up()
    assert found(ledger, "воспаление") == []
    recorded(ledger, REPORT, revised)
    follower.catch_up()
    assert found(ledger, "воспаление") == [REPORT]


def test_what_was_taken_from_a_patient_is_found_by_them_no_more_and_by_the_next_one_it_is(
    ledger: Ledger, follower: Follower
) -> None:
    recorded(ledger, REPORT, RECEIVED, MATCHED)
    follower.catch_up()
    before = rows(ledger, "SELECT marks FROM cabinet.reports")
    recorded(ledger, REPORT, UNMATCHED)
    follower.catch_up()
    assert found(ledger, "глюкоза") == [] and rows(ledger, "SELECT marks FROM cabinet.reports") == [([],)]
    recorded(ledger, REPORT, replace(MATCHED, patient_id=BORIS))
    follower.catch_up()
    assert found(ledger, "глюкоза", patient_id=BORIS) == [REPORT]
    assert before != rows(ledger, "SELECT marks FROM cabinet.reports")


def test_a_rebuilt_list_is_the_same_to_the_byte_however_its_events_were_taken(
    ledger: Ledger, follower: Follower, owner: Ledger
) -> None:
    for event in (RECEIVED, MATCHED, REVISED, UNMATCHED, replace(MATCHED, patient_id=BORIS)):
        recorded(ledger, REPORT, event)
        follower.catch_up()
    assert check(owner, CABINET).is_equal


@pytest.mark.parametrize(
    ("medium", "is_new"),
    [
        (Medium.TREND, True),
        (Medium.COMPARISON, True),
        (Medium.PDF, False),
        (Medium.ARCHIVE, False),
        (None, False),
    ],
)
def test_one_value_in_a_trend_makes_no_report_old_news(
    ledger: Ledger, follower: Follower, medium: Medium | None, is_new: bool
) -> None:
    recorded(ledger, REPORT, RECEIVED, MATCHED)
    purpose = ReadingPurpose.OWN_CABINET
    recorded(ledger, UUID(int=1), replace(READ, report_version=1, purpose=purpose, medium=medium))
    follower.catch_up()
    assert cabinet.reports_of(ledger, ANNA)[0].is_new is is_new
    assert (found(ledger, only_new=True) == [REPORT]) is is_new


def test_a_report_without_a_date_has_one_day_whatever_the_clock_of_the_server() -> None:
    undated = replace(CONTENT, specimens=(), effective_at=None, issued_at=None)
    received = datetime(2026, 10, 31, 22, 30, tzinfo=UTC)
    zones = map(ZoneInfo, ("UTC", "Asia/Yakutsk", "America/Lima"))
    assert {studied_on(undated, received.astimezone(zone)) for zone in zones} == {date(2026, 10, 31)}


def test_rows_of_the_release_before_are_found_and_kept_back_as_those_of_today(
    ledger: Ledger, follower: Follower, sql: psycopg.Connection
) -> None:
    """They have other marks, until `letopis rebuild cabinet`."""
    recorded(ledger, REPORT, replace(RECEIVED, content=OF_GENES), MATCHED)
    follower.catch_up()
    former = sealing.derive(ledger.custody.index_key, b"cabinet-marks", ANNA.bytes)
    ((received_at,),) = rows(ledger, "SELECT received_at FROM cabinet.reports")
    terms = set(terms_of(OF_GENES, INVITRO, received_at))
    marks = {
        int.from_bytes(sealing.mark(former, "term", term)[:4], "big", signed=True) for term in sorted(terms)
    }
    sql.execute("UPDATE cabinet.reports SET marks = %s", (sorted(marks),))
    day = studied_on(OF_GENES, received_at)
    assert found(ledger, "исследования") == [REPORT]
    assert found(ledger, study_type=GENES, first_day=day, last_day=day) == [REPORT]
    assert found(ledger, limits=replace(NO_LIMITS, sections=frozenset({GENES}))) == [REPORT]
    assert found(ledger, limits=replace(NO_LIMITS, sections=frozenset({HORMONES}))) == []


def test_who_sees_some_sections_sees_no_report_that_may_belong_to_another(
    ledger: Ledger, follower: Follower
) -> None:
    recorded(ledger, REPORT, replace(RECEIVED, content=OF_GENES), MATCHED)
    follower.catch_up()
    seen = {
        section: found(ledger, limits=replace(NO_LIMITS, sections=frozenset({section})))
        for section in (GENES, HORMONES)
    }
    assert seen == {GENES: [REPORT], HORMONES: []}


def test_a_department_files_a_report_where_its_codes_do_not(ledger: Ledger, follower: Follower) -> None:
    recorded(ledger, REPORT, RECEIVED, MATCHED)
    follower.catch_up()
    name = cabinet.reports_of(ledger, ANNA)[0].summary.names[0]  # type: ignore[union-attr]
    department = DepartmentAdded(code=name, name="Отделение", section=HORMONES)
    laboratory = Laboratory(handle="l", name="Л", inn="1", ogrn="1", departments=(department,))
    limits = replace(NO_LIMITS, departments={INVITRO: laboratory})
    assert found(ledger, limits=limits, study_type=HORMONES) == [REPORT]
    assert found(ledger, study_type=HORMONES) == []


def test_what_waits_for_a_talk_is_listed_and_not_found_by_what_it_says(
    ledger: Ledger, follower: Follower
) -> None:
    recorded(ledger, REPORT, replace(RECEIVED, content=OF_GENES), MATCHED)
    follower.catch_up()
    waits = replace(NO_LIMITS, wish=TalkFirst(sections=frozenset({GENES})))
    assert found(ledger, limits=waits) == [REPORT]
    assert found(ledger, "глюкоза", limits=waits) == [] == found(ledger, limits=waits, study_type=GENES)
    opened = replace(waits, wish=TalkFirst(sections=frozenset({GENES}), open_reports=frozenset({REPORT})))
    assert found(ledger, "глюкоза", limits=opened) == [REPORT]
