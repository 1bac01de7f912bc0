"""After an erasure each view is what a rebuild makes of the ledger, the log verifies, and others' data is untouched."""

from datetime import UTC, datetime
from random import Random
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from ledger import erasure
from ledger.belongings import Belongings, belongings_of
from ledger.codec import Erased, RecordedEvent, Unreadable, to_data
from ledger.insertion import Append, Prepared
from ledger.naming import NAMING
from ledger.store import Ledger
from ledger.stored_rows import DESTROYING
from projections import PROJECTIONS, verify_erasures
from projections import verify as verify_module
from projections.follow import Follower
from projections.rebuild import check
from projections.transparency import log_verifier
from projections.verify import verify
from tests.examples import ANNA, EXAMPLES, PROFILE, REGISTERED
from tests.ledger.test_erasure import TODAY
from tests.ledger.test_erasure import person as commands_person
from tests.projections.test_rebuild import STORIES
from tests.projections.test_verify import small_stretches
from tests.scenario import TESTER, erasure_ordered, recorded

MORE = [
    tuple(EXAMPLES[name][0] for name in names.split())
    for names in (
        "AppealSubmitted AppealContentStated",
        "StudyRequested StudyChosen SamplingScheduled",
        "TicketOpened TicketTextWritten TicketAnswered",
        "ConsultationBooked ConsultationPrepared ConsultationReminded",
        "GuardianshipRequested WardDescribed GuardianshipConfirmed",
        "SessionOpened",
        "ConsentGranted ConsentWithdrawn",
        "ObligationArose",
        "OrganisationAwaited OrganisationConnected",
        "CardClaimed CardNumberStated",
        "IdentityCheckRequested IdentityConfirmed",
        "PushSubscribed PushAddressStated",
        "MatchProposed MatchConfirmed",
        "SampleReportRequested",
        "ReceivingSettingsChanged",
    )
]


def told(ledger: Ledger, follower: Follower, chance: Random, count: int) -> None:
    left = [(uuid4(), list(chance.choice([*STORIES, *MORE]))) for _ in range(count)]
    while left:
        stream_id, story = chance.choice(left)
        recorded(ledger, stream_id, story.pop(0))
        left = [entry for entry in left if entry[1]]
        if chance.random() < 0.3:
            follower.catch_up()
    follower.catch_up()


def readable(ledger: Ledger, *, but: Belongings) -> dict[UUID, bytes]:
    """What every event says that is in none of these streams."""
    events = [one for one in ledger.read_all(limit=10_000) if one.stream_id not in but.streams]
    return {
        one.event_id: to_data(one.event) for one in events if not isinstance(one.event, Erased | Unreadable)
    }


def sealed_rows(owner: Ledger) -> list[tuple[str, int]]:
    """Tables of views that hold the patient's rows with sealed bytes or keyed digests of what was sealed."""
    with owner.pool.connection() as connection:
        return [
            (table, count)
            for table in ("cabinet.reports", "matching.patient_names", "analytes.reports", "cabinet.linkages")
            if (
                count := connection.execute(
                    f"SELECT count(*) FROM {table} WHERE patient_id = %s".encode(), (ANNA,)
                ).fetchall()[0][0]
            )
        ]


@pytest.mark.parametrize("seed", range(1))
def test_each_view_is_what_a_rebuild_makes_of_it(
    ledger: Ledger, follower: Follower, owner: Ledger, seed: int, database: str
) -> None:
    recorded(ledger, ANNA, REGISTERED, PROFILE)
    told(ledger, follower, Random(seed), 30)
    before = sealed_rows(owner)
    assert before
    hers = belongings_of(ledger, ANNA)
    others = readable(ledger, but=hers)
    assert others
    erasure_ordered(ledger, ANNA, TODAY)
    erasure.erase(ledger, ANNA, TESTER, today=TODAY)
    follower.catch_up()
    assert others.items() <= readable(ledger, but=hers).items()
    assert sealed_rows(owner) == []
    differing = [found for view in PROJECTIONS if not (found := check(owner, view)).is_equal]
    assert [(one.projection, one.differing) for one in differing] == []
    verified = verify(database, log=log_verifier(ledger))
    assert verified.finding is None, verified.finding
    assert "PatientErased" in {one.name for one in verified.erasures}
    with small_stretches(), pytest.MonkeyPatch.context() as patch:
        patch.delattr(verify_module._Reading, "_read_in_one_pass")
        assert verify(database, log=log_verifier(ledger), processes=0) == verified


def test_verify_names_what_contradicts_the_events(
    ledger: Ledger, follower: Follower, sql: psycopg.Connection, database: str
) -> None:
    boris = commands_person(ledger)
    follower.catch_up()
    log = log_verifier(ledger)
    sql.execute("UPDATE ledger.data_keys SET wrapped = NULL, erased_at = now() WHERE purpose = 'identity'")
    sql.commit()
    found = verify(database, log=log).finding
    assert found is not None and "no event says so" in found.what and found.position is not None
    erasure_ordered(ledger, boris, TODAY)
    erasure.erase(ledger, boris, TESTER, today=TODAY)
    follower.catch_up()
    verified = verify(database, log=log)
    assert verified.finding is None
    assert [one.name for one in verified.erasures] == ["PatientErased"]
    assert verified.erasures[0].keys == 2 and "position" in verified.erasures[0].sentence
    sql.execute("UPDATE ledger.data_keys SET wrapped = '\\x00', erased_at = NULL WHERE purpose = 'contacts'")
    sql.commit()
    found = verify(database, log=log).finding
    assert found is not None and found.what == "a key that PatientErased destroyed is there"


def test_verify_names_an_event_that_is_sealed_by_a_key_that_was_gone(
    ledger: Ledger, follower: Follower, database: str
) -> None:
    anna = commands_person(ledger)
    late = RecordedEvent(
        event=EXAMPLES["EmailStated"][0],
        event_id=uuid4(),
        stream_id=anna,
        version=max(one.version for one in ledger.read(anna)) + 1,
        recorded_at=datetime.now(UTC),
        circumstances=TESTER,
        subject=anna,
    )
    stored = ledger.mapper.to_stored_event(late)
    erasure_ordered(ledger, anna, TODAY)
    erasure.erase(ledger, anna, TESTER, today=TODAY)
    # Whoever writes past the check of keys.
    (position,) = ledger.recorder.store(Append(lambda: Prepared([stored])))
    follower.catch_up()
    found = verify(database, log=log_verifier(ledger)).finding
    assert found is not None and "destroyed before" in found.what
    assert found.position == position and found.leaf_index is not None
    with small_stretches():
        assert verify(database, log=log_verifier(ledger), processes=0).finding == found


def test_whom_clear_events_name_is_found_in_their_bytes(ledger: Ledger, database: str) -> None:
    """As it is found by opening each: a field that the search misses would make an erasure look like a loss of keys."""
    for name in NAMING:
        for event in EXAMPLES[name]:
            recorded(ledger, uuid4(), event)
    with psycopg.connect(database) as connection:
        every = list(verify_erasures._events(connection, list(NAMING)))
        expected: dict[str, set[int]] = {}
        for position, _, name, body in every:
            for field in NAMING[name]:
                if body.get(field) is not None:
                    expected.setdefault(body[field], set()).add(position)
        assert len(expected) > 1
        for patient_id, positions in expected.items():
            found = verify_erasures._events(connection, list(NAMING), naming=[patient_id])
            assert {one[0] for one in found} == positions


def test_verifying_goes_through_the_ledger_once_however_many_were_erased(
    ledger: Ledger, follower: Follower, database: str
) -> None:
    def statements() -> int:
        """How many statements it takes; each by a topic is one way through the ledger."""
        with psycopg.connect(database) as connection:
            asked: list[object] = []
            execute = connection.execute

            def counted(*arguments: Any, **more: Any) -> Any:
                asked.append(arguments)
                return execute(*arguments, **more)

            destroying = execute(
                "SELECT notification_id FROM ledger.events WHERE topic = ANY(%s)", ([*DESTROYING],)
            ).fetchall()
            connection.execute = counted  # type: ignore[method-assign]
            found, fault = verify_erasures.verify_erasures(connection, [row[0] for row in destroying], {})
            assert fault is None and found
            return len(asked)

    counts = []
    for number in range(3):
        patient_id = commands_person(ledger, f"+7902111223{number}")
        erasure_ordered(ledger, patient_id, TODAY)
        erasure.erase(ledger, patient_id, TESTER, today=TODAY)
        follower.catch_up()
        counts.append(statements())
    assert len(set(counts)) == 1
