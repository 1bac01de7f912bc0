"""The matching view: who may be whose, by digests; whatever the order in which things became known."""

import re
from collections.abc import Callable
from dataclasses import replace
from itertools import permutations
from uuid import UUID, uuid4

import pytest
from psycopg import Connection

from domain import Event
from domain.patient import PatientRegistered, ProfileStated
from domain.proposal import MatchConfirmed, MatchDeclined, MatchProposed
from domain.report import (
    DestructionReason,
    ReportDestroyed,
    ReportMatched,
    ReportReceived,
    ReportRekeyed,
    ReportRevised,
    ReportUnmatched,
    UnmatchReason,
)
from domain.report_content import Subject
from domain.values import Identifier, PatientId
from ledger.matching import laboratory_marks
from ledger.recorder import Mark
from ledger.store import Ledger, Write
from projections import MATCHING, matching
from projections.follow import Follower
from projections.rebuild import check
from tests.examples import (
    ANNA,
    BORIS,
    CONTENT,
    ENP,
    FINAL_CONTENT,
    INVITRO,
    OTHER_REPORT,
    PROFILE,
    RECEIVED,
    REGISTERED,
    REPORT,
    SNILS,
    SUBJECT,
)
from tests.scenario import TESTER, recorded, rows

SNILS_SYSTEM, ENP_SYSTEM = "urn:oid:1.2.643.100.3", "urn:oid:1.2.643.2.69.1.1.1.6.228"
WRONG_SNILS, OTHER_SNILS = "254-636-254 26", "90000005900"
NOBODY = UUID(int=0)


def received(*numbers: tuple[str, str], **changed: object) -> ReportReceived:
    """A report about Anna by her name, with these numbers."""
    identifiers = tuple(Identifier(system=system, value=value) for system, value in numbers)
    subject = replace(SUBJECT, identifiers=identifiers, **changed)
    return replace(RECEIVED, content=replace(CONTENT, subject=subject))


NAMED = received()
MATCHED = ReportMatched(patient_id=ANNA, matched_by="person")
PAIR = {"report_id": REPORT, "patient_id": ANNA}


def stated(ledger: Ledger, patient_id: PatientId = ANNA, profile: ProfileStated = PROFILE) -> None:
    """A patient with a profile, and with the СНИЛС of it in the blind index."""
    version = sum(1 for _ in ledger.recorder.select_events(patient_id))
    events = (profile,) if version else (PatientRegistered(locale="ru"), profile)
    marks = (ledger.mark("snils", profile.snils, patient_id),) if not version else ()
    ledger.append(Write(patient_id, version, events, patient_id), circumstances=TESTER, marks=marks)


def pairs(ledger: Ledger, follower: Follower) -> list[tuple[UUID, UUID]]:
    follower.catch_up()
    return [(found.report_id, found.patient_id) for found in matching.proposed(ledger)]


def test_a_report_that_waits_is_proposed_to_the_patient_of_the_same_name_and_birth_date(
    ledger: Ledger, follower: Follower
) -> None:
    recorded(ledger, INVITRO, REGISTERED)
    stated(ledger)
    recorded(ledger, REPORT, NAMED)
    assert pairs(ledger, follower) == [(REPORT, ANNA)]
    (found,) = matching.proposed(ledger)
    assert (found.laboratory_id, found.laboratory) == (INVITRO, "invitro")
    assert (found.by_number, found.is_sex_same) == (False, True)
    assert not found.is_number_failed and not found.is_contradicted


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_the_order_in_which_things_become_known_is_nothing(
    ledger: Ledger, follower: Follower, owner: Ledger, order: tuple[int, ...]
) -> None:
    """Each in a batch of its own, or all in one."""
    steps: list[Callable[[], object]] = [
        lambda: stated(ledger),
        lambda: recorded(ledger, REPORT, NAMED),
        lambda: recorded(ledger, OTHER_REPORT, received(given=("Анна",), sex=None)),
    ]
    for step in order:
        steps[step]()
        if sum(order[:2]) % 2:
            follower.catch_up()
    assert set(pairs(ledger, follower)) == {(REPORT, ANNA), (OTHER_REPORT, ANNA)}
    assert check(owner, MATCHING).is_equal


@pytest.mark.parametrize(
    "changed",
    [
        {"birth_date": "1984-02-28"},
        {"birth_date": None},
        {"sex": "male"},
        {"family": "Орлова"},
        {"given": ("Анна", "Ивановна")},
        {"given": (), "name_text": None},
    ],
)
def test_another_person_is_not_proposed(
    ledger: Ledger, follower: Follower, changed: dict[str, object]
) -> None:
    stated(ledger)
    recorded(ledger, REPORT, received(**changed))
    assert pairs(ledger, follower) == []


def test_a_profile_that_changes_takes_the_place_of_the_one_before(ledger: Ledger, follower: Follower) -> None:
    recorded(ledger, REPORT, NAMED)
    stated(ledger, profile=replace(PROFILE, family="Орлова"))
    assert pairs(ledger, follower) == []
    stated(ledger)
    assert pairs(ledger, follower) == [(REPORT, ANNA)]
    stated(ledger, profile=replace(PROFILE, birth_date="1984-02-28"))
    assert pairs(ledger, follower) == []


def test_a_version_that_stands_takes_the_place_of_the_one_before(ledger: Ledger, follower: Follower) -> None:
    stated(ledger)
    recorded(ledger, REPORT, received(birth_date="1990-01-01"))
    assert pairs(ledger, follower) == []
    revised = ReportRevised(
        laboratory_id=INVITRO, submission_id=RECEIVED.submission_id, content=NAMED.content
    )
    recorded(ledger, REPORT, replace(revised, is_late=True))
    assert pairs(ledger, follower) == []
    recorded(ledger, REPORT, revised)
    assert pairs(ledger, follower) == [(REPORT, ANNA)]


REVISED = ReportRevised(
    laboratory_id=INVITRO,
    submission_id=RECEIVED.submission_id,
    content=replace(FINAL_CONTENT, subject=NAMED.content.subject),
)
ENDS: dict[str, tuple[Event, ...]] = {
    "matched": (MATCHED,),
    "matched, then revised": (MATCHED, REVISED),
    "revised, then matched": (REVISED, MATCHED),
    "withdrawn": (ReportUnmatched(reason=UnmatchReason.WITHDRAWN_BY_LABORATORY),),
    "withdrawn, then revised": (ReportUnmatched(reason=UnmatchReason.WITHDRAWN_BY_LABORATORY), REVISED),
    "destroyed": (ReportDestroyed(reason=DestructionReason.RETENTION_ENDED),),
    "rekeyed": (ReportRekeyed(successor_id=OTHER_REPORT),),
}


@pytest.mark.parametrize("is_one_batch", [True, False], ids=["one batch", "one by one"])
@pytest.mark.parametrize("events", ENDS.values(), ids=ENDS)
def test_what_waits_no_more_leaves_no_row(
    ledger: Ledger, follower: Follower, owner: Ledger, events: tuple[Event, ...], is_one_batch: bool
) -> None:
    stated(ledger)
    for event in (NAMED, *events):
        recorded(ledger, REPORT, event)
        if not is_one_batch:
            follower.catch_up()
    assert pairs(ledger, follower) == []
    for table in ("reports", "report_names", "report_numbers"):
        assert rows(ledger, f"SELECT * FROM matching.{table}") == []
    assert check(owner, MATCHING).is_equal


def test_what_was_taken_from_a_patient_is_not_proposed_to_them_again(
    ledger: Ledger, follower: Follower
) -> None:
    stated(ledger)
    mistake = ReportUnmatched(reason=UnmatchReason.MATCHED_BY_MISTAKE, patient_id=ANNA)
    recorded(ledger, REPORT, NAMED, mistake)
    assert pairs(ledger, follower) == []


def test_a_decision_ends_a_proposal(ledger: Ledger, follower: Follower) -> None:
    stated(ledger)
    stated(ledger, BORIS, replace(PROFILE, snils=OTHER_SNILS))
    recorded(ledger, REPORT, NAMED)
    assert set(pairs(ledger, follower)) == {(REPORT, ANNA), (REPORT, BORIS)}
    recorded(ledger, uuid4(), MatchDeclined(**PAIR))
    assert pairs(ledger, follower) == [(REPORT, BORIS)]
    recorded(ledger, uuid4(), MatchConfirmed(report_id=REPORT, patient_id=BORIS))
    assert pairs(ledger, follower) == []


def test_a_report_whose_number_is_somebodys_is_proposed_to_nobody_by_name(
    ledger: Ledger, follower: Follower
) -> None:
    stated(ledger)
    stated(ledger, BORIS, replace(PROFILE, family="Орлов", snils=OTHER_SNILS))
    recorded(ledger, REPORT, received((SNILS_SYSTEM, SNILS)))
    recorded(ledger, OTHER_REPORT, received((SNILS_SYSTEM, OTHER_SNILS)))
    assert pairs(ledger, follower) == []


def test_a_number_that_is_doubted_is_proposed_by_its_event(ledger: Ledger, follower: Follower) -> None:
    stated(ledger)
    recorded(ledger, REPORT, received((SNILS_SYSTEM, SNILS), family="Орлова", birth_date="1990-01-01"))
    recorded(ledger, uuid4(), MatchProposed(**PAIR, reason="identity-contradicts"))
    assert pairs(ledger, follower) == [(REPORT, ANNA)]
    (found,) = matching.proposed(ledger)
    assert found.by_number and found.is_sex_same is None and not found.is_contradicted
    recorded(ledger, uuid4(), MatchDeclined(**PAIR))
    assert pairs(ledger, follower) == []


def test_wrong_and_contradicting_numbers_are_told(ledger: Ledger, follower: Follower) -> None:
    stated(ledger)
    recorded(ledger, REPORT, received((SNILS_SYSTEM, WRONG_SNILS)))
    recorded(ledger, OTHER_REPORT, received((SNILS_SYSTEM, OTHER_SNILS)))
    follower.catch_up()
    told = {
        found.report_id: (found.is_number_failed, found.is_contradicted)
        for found in matching.proposed(ledger)
    }
    assert told == {REPORT: (True, False), OTHER_REPORT: (False, True)}


def test_proposals_are_read_page_by_page(ledger: Ledger, follower: Follower) -> None:
    stated(ledger)
    stated(ledger, BORIS, replace(PROFILE, snils=OTHER_SNILS))
    streams = [UUID(int=number) for number in range(1, 4)]
    for stream_id in streams:
        recorded(ledger, stream_id, NAMED)
    follower.catch_up()
    first = matching.proposed(ledger, limit=1)
    assert [found.report_id for found in first] == [streams[0]] * 2
    rest = matching.proposed(ledger, after=first[-1].position)
    assert [found.report_id for found in rest] == [streams[1], streams[1], streams[2], streams[2]]


def test_nothing_personal_is_in_a_row(ledger: Ledger, follower: Follower) -> None:
    stated(ledger)
    recorded(ledger, REPORT, received((SNILS_SYSTEM, SNILS), (ENP_SYSTEM, ENP), ("urn:lab", "П-0042")))
    recorded(ledger, OTHER_REPORT, NAMED)
    follower.catch_up()
    text = "".join(str(rows(ledger, f"SELECT t::text FROM matching.{table} t")) for table in MATCHING.tables)
    for word in ("Соколова", "sokolova", "Анна", "1984-0", "female", SNILS, ENP, "П-"):
        for form in (word, word.encode().hex()):
            assert form not in text
    # Among the digits of a mark it may stand by chance.
    assert not re.search("(?<![0-9a-f])0042(?![0-9a-f])", text) and b"0042".hex() not in text


def test_a_rebuilt_view_makes_no_rows_of_what_was_erased(
    ledger: Ledger, follower: Follower, owner: Ledger, sql: Connection
) -> None:
    stated(ledger)
    recorded(ledger, REPORT, NAMED)
    sql.execute("UPDATE ledger.data_keys SET wrapped = NULL, erased_at = now()")
    ledger.keys.forget()
    follower.catch_up()
    for table in MATCHING.tables:
        assert rows(ledger, f"SELECT * FROM matching.{table}") == []
    assert rows(ledger, "SELECT * FROM matching.parked") == []
    assert check(owner, MATCHING).is_equal


# Reports that a number, or a person, leads to their patient by now.


def test_what_waits_is_found_by_every_kind_of_number_and_by_a_decision(
    ledger: Ledger, follower: Follower
) -> None:
    own = received((SNILS_SYSTEM, SNILS), ("urn:lab:patients", "П-0042"))
    recorded(ledger, REPORT, own)
    recorded(ledger, OTHER_REPORT, NAMED)
    follower.catch_up()
    assert matching.recognised(ledger, after=NOBODY) == []
    ((kind, text),) = laboratory_marks(INVITRO, Subject(identifiers=own.content.subject.identifiers[1:]))
    marked(ledger, ledger.mark(kind, text, ANNA), ledger.mark("snils", SNILS, ANNA))
    recorded(ledger, uuid4(), MatchConfirmed(report_id=OTHER_REPORT, patient_id=BORIS))
    recorded(ledger, uuid4(), MatchConfirmed(**PAIR))
    follower.catch_up()
    found = matching.recognised(ledger, after=NOBODY)
    # Two numbers of one patient are one reason.
    assert {(r, p, k == "person") for r, p, k in found} == {
        (REPORT, ANNA, False),
        (REPORT, ANNA, True),
        (OTHER_REPORT, BORIS, True),
    }
    assert len(found) == 3
    assert {r for r, _, _ in matching.recognised(ledger, after=REPORT)} == {OTHER_REPORT}
    # A round takes a report whole.
    assert len(matching.recognised(ledger, after=NOBODY, limit=1)) == 2
    recorded(ledger, REPORT, MATCHED)
    follower.catch_up()
    assert matching.recognised(ledger, after=NOBODY) == [(OTHER_REPORT, BORIS, "person")]


def marked(ledger: Ledger, *marks: Mark) -> None:
    ledger.append(Write(uuid4(), 0, (PatientRegistered(locale="ru"),)), circumstances=TESTER, marks=marks)
