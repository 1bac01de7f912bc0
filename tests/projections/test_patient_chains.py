"""Patients' chains as a view: which events join whose, what is committed to, and what is proved of it."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from uuid import UUID, uuid4

import psycopg
import pytest

from domain import Event
from domain.consent import ConsentGranted
from domain.linkage import OrganisationLinked
from domain.patient_chain import ChainsCommitted
from domain.report import DestructionReason, ReportDestroyed, ReportRekeyed, ReportUnmatched, UnmatchReason
from domain.values import PatientId
from ledger import patient_chains as commitments
from ledger import patient_map
from ledger.completeness import heads_of, to_bytes, verify
from ledger.insertion import Erasure
from ledger.store import Ledger, Write
from projections import PATIENT_CHAINS
from projections.chain_map import BUCKET_PLACES, bucket_depth
from projections.completeness import completeness_of
from projections.follow import Follower, parked
from projections.patient_chains import commit_due, uncommitted
from projections.rebuild import check
from projections.transparency import NotIntegratedError, log_verifier
from tests.examples import ANNA, BORIS, CLINIC, EXAMPLES, MATCHED, READ, RECEIVED, REVISED
from tests.scenario import TESTER, recorded, rows

AT_ONCE = timedelta(0)
GRANTED = EXAMPLES["ConsentGranted"][0]
assert isinstance(GRANTED, ConsentGranted)
UNMATCHED = ReportUnmatched(patient_id=ANNA, reason=UnmatchReason.MATCHED_BY_MISTAKE)


def commit(ledger: Ledger, follower: Follower) -> int:
    follower.catch_up()
    made = commit_due(ledger, datetime.now(UTC), every=AT_ONCE)
    follower.catch_up()
    return made


def chain(ledger: Ledger, patient_id: PatientId) -> list[str]:
    """The events of a patient's chain: name and version of each."""
    found = rows(
        ledger,
        "SELECT e.topic, e.originator_version FROM patient_chains.links l JOIN ledger.events e"
        " ON e.notification_id = l.position WHERE l.patient_id = %s ORDER BY l.number",
        (patient_id,),
    )
    return [f"{name} {version}" for name, version in found]


def names(ledger: Ledger, patient_id: PatientId) -> list[str]:
    """What a proof of the patient lists, once it was checked."""
    content = to_bytes(completeness_of(ledger, patient_id))
    return [one.name for one in verify(content, log=log_verifier(ledger)).links]


# Whose chain an event joins.


def test_a_report_joins_with_all_its_events_when_it_is_matched(ledger: Ledger, follower: Follower) -> None:
    report = uuid4()
    recorded(ledger, report, RECEIVED, REVISED)
    recorded(ledger, uuid4(), OrganisationLinked(patient_id=ANNA, organisation_id=CLINIC))
    follower.catch_up()
    assert chain(ledger, ANNA) == ["OrganisationLinked 1"]
    recorded(ledger, report, MATCHED)
    recorded(ledger, report, REVISED)
    recorded(ledger, uuid4(), replace(READ, patient_id=ANNA))
    follower.catch_up()
    of_report = ["ReportReceived 1", "ReportRevised 2", "ReportMatched 3", "ReportRevised 4"]
    assert chain(ledger, ANNA) == ["OrganisationLinked 1", *of_report]
    assert chain(ledger, BORIS) == []


@pytest.mark.parametrize("is_in_one_batch", [True, False])
def test_a_report_that_is_taken_back_goes_on_elsewhere(
    ledger: Ledger, follower: Follower, is_in_one_batch: bool
) -> None:
    report = uuid4()
    steps: list[tuple[Event, ...]] = [
        (RECEIVED, MATCHED),
        (UNMATCHED, REVISED),
        (replace(MATCHED, patient_id=BORIS),),
        (ReportRekeyed(successor_id=uuid4()),),
    ]
    for events in steps:
        recorded(ledger, report, *events)
        if not is_in_one_batch:
            follower.catch_up()
    follower.catch_up()
    of_anna = ["ReportReceived 1", "ReportMatched 2", "ReportUnmatched 3"]
    assert chain(ledger, ANNA) == of_anna
    assert chain(ledger, BORIS) == [*of_anna, "ReportRevised 4", "ReportMatched 5", "ReportRekeyed 6"]


# What is committed to.


def test_nothing_is_committed_to_twice_and_a_commitment_makes_no_link(
    ledger: Ledger, follower: Follower
) -> None:
    assert commit(ledger, follower) == 0
    recorded(ledger, uuid4(), RECEIVED, MATCHED)
    assert commit(ledger, follower) == 1
    assert commit(ledger, follower) == 0
    recorded(ledger, uuid4(), READ)
    assert commit(ledger, follower) == 0
    recorded(ledger, uuid4(), RECEIVED, MATCHED)
    follower.catch_up()
    assert commit_due(ledger, datetime.now(UTC), every=timedelta(minutes=1)) == 0
    assert uncommitted(ledger) == 2
    assert commit(ledger, follower) == 1
    assert uncommitted(ledger) == 0


def test_of_many_who_commit_at_once_one_does(ledger: Ledger, follower: Follower) -> None:
    recorded(ledger, uuid4(), RECEIVED, MATCHED)
    follower.catch_up()
    made: list[int] = []
    workers = [
        threading.Thread(target=lambda: made.append(commit_due(ledger, datetime.now(UTC), every=AT_ONCE)))
        for _ in range(4)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sorted(made) == [0, 0, 0, 1]
    follower.catch_up()
    assert parked(ledger, [PATIENT_CHAINS]) == {}


def test_a_false_commitment_is_set_aside_and_nothing_is_vouched_for_any_more(
    ledger: Ledger, follower: Follower
) -> None:
    recorded(ledger, uuid4(), RECEIVED, MATCHED)
    assert commit(ledger, follower) == 1
    recorded(ledger, uuid4(), RECEIVED, MATCHED)
    false = ChainsCommitted(position=ledger.last_position(), root="ab" * 32, patients=1)
    ledger.append(Write(commitments.commitments_stream(ledger), 1, (false,)), circumstances=TESTER)
    follower.catch_up()
    found = rows(ledger, "SELECT reason FROM patient_chains.parked")
    assert found == [("ChainsDifferError",)]
    assert commit(ledger, follower) == 0
    # What was committed to before is still proved.
    assert names(ledger, ANNA) == ["ReportReceived", "ReportMatched"]


def test_a_commitment_in_another_stream_is_none(
    ledger: Ledger, follower: Follower, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever holds proofs knows the one stream of commitments, and their numbers in it."""
    recorded(ledger, uuid4(), replace(GRANTED, patient_id=ANNA))
    follower.catch_up()
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(commitments, "commitments_stream", lambda _: uuid4())
        assert commit_due(ledger, datetime.now(UTC), every=AT_ONCE) == 1
    follower.catch_up()
    assert parked(ledger, [PATIENT_CHAINS]) == {"patient_chains": 1}


def test_nothing_is_committed_to_while_an_event_is_set_aside(
    ledger: Ledger, follower: Follower, sql: psycopg.Connection
) -> None:
    recorded(ledger, uuid4(), replace(GRANTED, patient_id=BORIS))
    sql.execute("INSERT INTO patient_chains.parked VALUES (1, %s, 'damaged')", (uuid4(),))
    assert commit(ledger, follower) == 0
    sql.execute("DELETE FROM patient_chains.parked")
    assert commit(ledger, follower) == 1


def test_what_comes_while_it_commits_is_in_the_next_commitment(ledger: Ledger, follower: Follower) -> None:
    """Its position is before that of the commitment, which does not speak of it."""
    recorded(ledger, uuid4(), replace(GRANTED, patient_id=ANNA))
    follower.catch_up()
    recorded(ledger, uuid4(), replace(GRANTED, patient_id=BORIS))
    assert commit_due(ledger, datetime.now(UTC), every=AT_ONCE) == 1
    follower.catch_up()
    assert parked(ledger, [PATIENT_CHAINS]) == {}
    assert names(ledger, ANNA) == ["ConsentGranted"]
    with pytest.raises(NotIntegratedError):
        completeness_of(ledger, BORIS)
    assert commit(ledger, follower) == 1
    assert names(ledger, BORIS) == ["ConsentGranted"]


# What is proved.


def test_a_proof_holds_what_was_committed_to_and_no_more(ledger: Ledger, follower: Follower) -> None:
    with pytest.raises(NotIntegratedError):
        completeness_of(ledger, ANNA)
    report = uuid4()
    recorded(ledger, report, RECEIVED, MATCHED)
    recorded(ledger, uuid4(), replace(GRANTED, patient_id=BORIS))
    commit(ledger, follower)
    kept = verify(to_bytes(completeness_of(ledger, ANNA)), log=log_verifier(ledger)).kept
    recorded(ledger, report, REVISED)
    follower.catch_up()
    assert names(ledger, ANNA) == ["ReportReceived", "ReportMatched"]
    commit(ledger, follower)
    proven = verify(to_bytes(completeness_of(ledger, ANNA)), log=log_verifier(ledger), kept=kept)
    assert (proven.kept.length, proven.reports, proven.patients) == (3, (report,), 2)
    assert names(ledger, BORIS) == ["ConsentGranted"]


def test_a_proof_has_nothing_of_another_patient(ledger: Ledger, follower: Follower) -> None:
    of_boris = [uuid4() for _ in range(3)]
    recorded(ledger, uuid4(), RECEIVED, MATCHED)
    for report in of_boris:
        recorded(ledger, report, RECEIVED, replace(MATCHED, patient_id=BORIS))
    commit(ledger, follower)
    content = to_bytes(completeness_of(ledger, ANNA))
    label = patient_map.label_of(ledger.origin, BORIS)
    events = rows(ledger, "SELECT state FROM ledger.events WHERE originator_id = ANY(%s)", (of_boris,))
    lines = {line for (state,) in events for line in bytes(state).split(b"\n")[2:3]}
    for one in (str(BORIS).encode(), *(str(one).encode() for one in of_boris), *lines):
        assert one not in content
    # Nor what the place of Boris would be without its nonce.
    leaves = [bytes(state).partition(b"\n\n")[0] + b"\n" for (state,) in events]
    head = heads_of(label, leaves)[-1]
    bare = patient_map.leaf_hash(label, length=6, head=head, nonce=b"")
    assert all(bare != one for one in completeness_of(ledger, ANNA).siblings)


def test_of_whom_a_bucket_changed_a_neighbour_does_not_see(ledger: Ledger, follower: Follower) -> None:
    """All siblings inside of the bucket change, whoever of it something happened to."""
    patients = [PatientId(uuid4()) for _ in range(12)]
    for patient_id in (ANNA, *patients):
        recorded(ledger, uuid4(), replace(GRANTED, patient_id=patient_id))
    commit(ledger, follower)
    before = completeness_of(ledger, ANNA)
    recorded(ledger, uuid4(), replace(GRANTED, patient_id=patients[0]))
    commit(ledger, follower)
    after = completeness_of(ledger, ANNA)
    assert after.links == before.links and after.nonce != before.nonce
    pairs = zip(before.siblings, after.siblings, strict=True)
    assert all(old != new for old, new in pairs if old != patient_map.EMPTY)


def test_a_map_of_many_buckets_proves_each_and_grows_as_it_would_be_made_anew(
    ledger: Ledger, follower: Follower
) -> None:
    random = Random(7)
    patients = [PatientId(UUID(int=random.getrandbits(128), version=4)) for _ in range(BUCKET_PLACES * 5)]
    sizes = [1, 90, 150, 160, 300, 320]
    done = 0
    for size in sizes:
        _consents(ledger, patients[done:size])
        done = size
        assert commit(ledger, follower) == 1
        for patient_id in random.sample(patients[:size], k=min(size, 6)):
            assert names(ledger, patient_id) == ["ConsentGranted"]
    assert bucket_depth(sizes[-1]) == 2
    # Some of one bucket only.
    _consents(ledger, patients[:2])
    assert commit(ledger, follower) == 1
    assert names(ledger, patients[0]) == ["ConsentGranted"] * 2
    assert names(ledger, patients[9]) == ["ConsentGranted"]
    root = rows(ledger, "SELECT root FROM patient_chains.commitments ORDER BY number DESC LIMIT 1")
    assert verify(
        to_bytes(completeness_of(ledger, ANNA_OR(patients))), log=log_verifier(ledger)
    ).kept.map_root == bytes(root[0][0])


def ANNA_OR(patients: Sequence[PatientId]) -> PatientId:
    return patients[3]


def _consents(ledger: Ledger, patients: Sequence[PatientId]) -> None:
    writes = [Write(uuid4(), 0, (replace(GRANTED, patient_id=one),)) for one in patients]
    ledger.append(*writes, circumstances=TESTER)


# Made anew.


def test_what_was_erased_stays_in_its_chain(
    ledger: Ledger, follower: Follower, open_ledger: Callable[..., Ledger], sql: psycopg.Connection
) -> None:
    """Leaves hold nothing personal: the chain goes on, and is made anew without any key."""
    report, settings = uuid4(), uuid4()
    recorded(ledger, report, RECEIVED, MATCHED, REVISED)
    recorded(ledger, settings, EXAMPLES["NoticeHoursChosen"][0], EXAMPLES["AutomaticTransferTurnedOff"][0])
    commit(ledger, follower)
    kept = verify(to_bytes(completeness_of(ledger, ANNA)), log=log_verifier(ledger)).kept
    destroyed = ReportDestroyed(reason=DestructionReason.RETENTION_ENDED)
    ledger.append(
        Write(report, 3, (destroyed,), report),
        circumstances=TESTER,
        erased=(Erasure(report), Erasure(settings)),
    )
    commit(ledger, follower)
    proven = verify(to_bytes(completeness_of(ledger, ANNA)), log=log_verifier(ledger), kept=kept)
    assert [one.name for one in proven.links] == [
        *("ReportReceived", "ReportMatched", "ReportRevised"),
        *("NoticeHoursChosen", "AutomaticTransferTurnedOff"),
        "ReportDestroyed",
    ]
    assert check(open_ledger(role=sql.info.user), PATIENT_CHAINS).is_equal


def test_the_view_that_is_made_anew_is_the_same(
    ledger: Ledger, follower: Follower, open_ledger: Callable[..., Ledger], sql: psycopg.Connection
) -> None:
    random = Random(3)
    reports = [uuid4() for _ in range(6)]
    for _ in range(5):
        for report in random.sample(reports, k=4):
            version = sum(1 for _ in ledger.recorder.select_events(report))
            owner = random.choice([ANNA, BORIS])
            steps: list[Event] = [REVISED, replace(MATCHED, patient_id=owner), UNMATCHED]
            recorded(ledger, report, random.choice(steps) if version else RECEIVED)
            if random.random() < 0.5:
                follower.catch_up()
        assert commit(ledger, follower) in {0, 1}
    owner_ledger = open_ledger(role=sql.info.user)
    assert check(owner_ledger, PATIENT_CHAINS).is_equal
    sql.execute("UPDATE patient_chains.places SET length = length + 1")
    assert not check(owner_ledger, PATIENT_CHAINS).is_equal
