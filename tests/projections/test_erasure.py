"""After an erasure each view is what a rebuild makes of the ledger, the log verifies, and others' data is untouched."""

from datetime import UTC, datetime
from random import Random
from uuid import UUID, uuid4

import psycopg
import pytest

from domain.erasure import ErasureGround
from ledger import erasure
from ledger.belongings import Belongings, belongings_of
from ledger.codec import Erased, RecordedEvent, Unreadable, to_data
from ledger.insertion import Append
from ledger.store import Ledger
from projections import PROJECTIONS
from projections.follow import Follower
from projections.rebuild import check
from projections.transparency import log_verifier
from projections.verify import verify
from tests.examples import ANNA, EXAMPLES, PROFILE, REGISTERED
from tests.ledger.test_erasure import TODAY
from tests.ledger.test_erasure import person as commands_person
from tests.projections.test_rebuild import STORIES
from tests.scenario import TESTER, recorded

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
    erasure.order(ledger, ANNA, TESTER, ground=ErasureGround.ORDER, due=TODAY)
    erasure.erase(ledger, ANNA, TESTER, today=TODAY)
    follower.catch_up()
    assert others.items() <= readable(ledger, but=hers).items()
    assert sealed_rows(owner) == []
    differing = [found for view in PROJECTIONS if not (found := check(owner, view)).is_equal]
    assert [(one.projection, one.differing) for one in differing] == []
    verified = verify(database, log=log_verifier(ledger))
    assert verified.finding is None, verified.finding
    assert "PatientErased" in {one.name for one in verified.erasures}


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
    erasure.order(ledger, boris, TESTER, ground=ErasureGround.ORDER, due=TODAY)
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
    erasure.order(ledger, anna, TESTER, ground=ErasureGround.ORDER, due=TODAY)
    erasure.erase(ledger, anna, TESTER, today=TODAY)
    # Whoever writes past the check of keys.
    (position,) = ledger.recorder.store(Append(lambda: ([stored], ())))
    follower.catch_up()
    found = verify(database, log=log_verifier(ledger)).finding
    assert found is not None and "destroyed before" in found.what
    assert found.position == position and found.leaf_index is not None
