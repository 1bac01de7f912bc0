"""The audit trail has one line for every event, and names everybody by pseudonym."""

from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import psycopg

from domain import Event
from domain.patient import PhoneStated
from domain.reading import AccessLogRead, ReadingPurpose, ReportsListed
from ledger.codec import NAMES, Circumstances
from ledger.event_types import EVENT_TYPES
from ledger.store import Ledger
from projections import AUDIT, audit, rebuild
from projections.follow import Follower, parked
from tests.examples import (
    ANNA,
    BORIS,
    CHANNELS_SUPPRESSED,
    EXAMPLES,
    MATCHED,
    PROFILE,
    READ,
    RECEIVED,
    REGISTERED,
    REPORT,
    REQUESTED,
    REVISED,
    SUPPRESSED,
)
from tests.scenario import recorded, rows

STREAM = UUID(int=1)


def entry(ledger: Ledger, follower: Follower, event: Event, stream_id: UUID = STREAM) -> audit.Entry:
    recorded(ledger, stream_id, event, subject=ANNA)
    follower.catch_up()
    return audit.entries(ledger)[-1]


def test_every_event_leaves_one_line(ledger: Ledger, follower: Follower) -> None:
    for example in (one for both in EXAMPLES.values() for one in both):
        recorded(ledger, uuid4(), example)
    follower.catch_up()
    # Examples alone are no histories, so other views may refuse some; the trail takes everything.
    assert parked(ledger, [AUDIT]) == {}
    found = audit.entries(ledger)
    assert [line.name for line in found] == [NAMES[type(one.event)] for one in ledger.read_all()]
    assert [line.event_id for line in found] == [one.event_id for one in ledger.read_all()]
    assert audit.count(ledger) == len(found) == 2 * len(EXAMPLES)


def test_a_line_says_who_did_it_and_for_whom_and_when(ledger: Ledger, follower: Follower) -> None:
    by = Circumstances(actor="staff:1", on_behalf_of=f"patient:{ANNA}")
    recorded(ledger, STREAM, READ, by=by)
    follower.catch_up()
    (found,) = audit.entries(ledger)
    (event,) = ledger.read_all()
    assert (found.actor, found.on_behalf_of) == ("staff:1", f"patient:{ANNA}")
    assert (found.recorded_at, found.position) == (event.recorded_at, event.position)


def examples(name: str) -> Event:
    return EXAMPLES[name][0]


# An event, whose data it is about, which report, and what else is said.
LINES: list[tuple[Event, UUID | None, UUID | None, dict[str, Any]]] = [
    (READ, ANNA, REPORT, {"purpose": "own-cabinet", "report_version": 2}),
    (examples("ReportsListed"), ANNA, None, {"purpose": "own-cabinet", "count": 0}),
    (examples("AccessLogRead"), ANNA, None, {"purpose": "audit"}),
    (examples("ConsentGranted"), ANNA, None, {"consent": "results-transfer", "document": 2}),
    (examples("ConsentWithdrawn"), ANNA, None, {"consent": "results-transfer"}),
    (examples("SessionOpened"), ANNA, None, {"factors": ["password", "phone-code"]}),
    (examples("SignInRefused"), ANNA, None, {"reason": "password-wrong"}),
    (examples("SubmissionQuarantined"), None, None, {"code": "field-missing"}),
    (RECEIVED, None, STREAM, {}),
    (MATCHED, ANNA, STREAM, {"matched_by": "enp"}),
    (examples("PolicyLinked"), STREAM, None, {}),
    (
        REQUESTED,
        ANNA,
        REPORT,
        {"channel": "email", "consent": str(REQUESTED.consent_id), "consent_version": 3},
    ),
    (
        SUPPRESSED,
        ANNA,
        REPORT,
        {"channel": "email", "consent": None, "consent_version": None, "reason": "email-missing"},
    ),
    (CHANNELS_SUPPRESSED, ANNA, REPORT, {"reasons": {"sms": "not-wanted", "push": "push-missing"}}),
]


def test_a_line_says_whose_data_and_under_which_consent(ledger: Ledger, follower: Follower) -> None:
    for event, _, _, _ in LINES:
        recorded(ledger, STREAM, event, subject=ANNA)
    follower.catch_up()
    found = [(line.name, line.patient_id, line.report_id, line.detail) for line in audit.entries(ledger)]
    assert found == [(NAMES[type(event)], *expected) for event, *expected in LINES]


def test_a_revision_is_found_under_its_report(ledger: Ledger, follower: Follower) -> None:
    recorded(ledger, REPORT, RECEIVED, subject=ANNA)
    assert entry(ledger, follower, REVISED, REPORT).report_id == REPORT


def test_no_line_says_anything_of_health_or_names_anybody(ledger: Ledger, follower: Follower) -> None:
    for full, _ in EXAMPLES.values():
        recorded(ledger, uuid4(), full)
    follower.catch_up()
    text = str(rows(ledger, "SELECT t::text FROM audit.entries t"))
    for word in ("Соколова", "Глюкоза", "+79990000001", "anna@", "9911111111111112", "11223344595"):
        assert word not in text


def test_an_auditor_reads_the_trail_without_any_key(
    ledger: Ledger, follower: Follower, sql: psycopg.Connection
) -> None:
    entry(ledger, follower, READ)
    sql.execute("SET ROLE letopis_auditor")
    assert sql.execute("SELECT name FROM audit.entries").fetchall() == [("ReportRead",)]


def test_a_patient_sees_who_read_their_data_latest_first(ledger: Ledger, follower: Follower) -> None:
    listed = ReportsListed(patient_id=ANNA, count=1, purpose=ReadingPurpose.OWN_CABINET)
    looked = AccessLogRead(patient_id=ANNA, purpose=ReadingPurpose.AUDIT)
    for event in (listed, READ, looked, replace(READ, patient_id=BORIS), examples("SignInRefused")):
        recorded(ledger, uuid4(), event)
    follower.catch_up()
    found = [line.name for line in audit.readings_of(ledger, ANNA)]
    assert found == ["AccessLogRead", "ReportRead", "ReportsListed"]


def test_the_trail_is_read_page_by_page_of_all_or_of_one(ledger: Ledger, follower: Follower) -> None:
    for patient_id in (ANNA, BORIS, ANNA):
        recorded(ledger, uuid4(), replace(READ, patient_id=patient_id))
    follower.catch_up()
    everything = audit.entries(ledger)
    assert [line.patient_id for line in everything] == [ANNA, BORIS, ANNA]
    assert audit.entries(ledger, limit=1) == everything[:1]
    assert audit.entries(ledger, after=everything[0].position) == everything[1:]
    assert audit.entries(ledger, patient_id=BORIS) == everything[1:2]


def test_an_event_whose_key_was_erased_leaves_its_line(
    ledger: Ledger, follower: Follower, sql: psycopg.Connection
) -> None:
    recorded(ledger, REPORT, RECEIVED, subject=ANNA)
    sql.execute("UPDATE ledger.data_keys SET wrapped = NULL, erased_at = now()")
    ledger.keys.forget()
    follower.catch_up()
    (found,) = audit.entries(ledger)
    assert found.name == "ReportReceived"
    assert found.report_id == REPORT


def test_the_trail_is_the_same_after_an_erasure(
    ledger: Ledger, owner: Ledger, follower: Follower, sql: psycopg.Connection
) -> None:
    recorded(ledger, ANNA, REGISTERED, PhoneStated(phone="+79990000001"), PROFILE, subject=ANNA)
    recorded(ledger, REPORT, RECEIVED, MATCHED, subject=REPORT)
    follower.catch_up()
    sql.execute("UPDATE ledger.data_keys SET wrapped = NULL, erased_at = now()")
    owner.keys.forget()
    assert rebuild.check(owner, AUDIT).is_equal


def test_no_kind_of_sealed_event_changes_its_line_by_an_erasure(
    ledger: Ledger, owner: Ledger, follower: Follower, sql: psycopg.Connection
) -> None:
    """Whatever stream it is in: an appeal's, a card's, a patient's."""
    for full, _ in EXAMPLES.values():
        recorded(ledger, uuid4(), full)
    follower.catch_up()
    sql.execute("UPDATE ledger.data_keys SET wrapped = NULL, erased_at = now()")
    owner.keys.forget()
    assert rebuild.check(owner, AUDIT).is_equal


def test_every_clear_event_that_says_whose_it_is_is_found_by_that(ledger: Ledger, follower: Follower) -> None:
    clear = {
        name: full
        for name, (full, _) in EXAMPLES.items()
        if EVENT_TYPES[name].purpose is None and getattr(full, "patient_id", None) == ANNA
    }
    assert {"ReportVersionsHeld", "ConsentExpired", "PasswordRecovered", "ObligationArose"} <= clear.keys()
    for full in clear.values():
        recorded(ledger, uuid4(), full)
    follower.catch_up()
    assert {line.name for line in audit.entries(ledger, patient_id=ANNA)} == clear.keys()
