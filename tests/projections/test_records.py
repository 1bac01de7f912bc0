"""Which records of the trail are one patient's: a report that was taken away is another's from then on, and before."""

from dataclasses import replace
from uuid import uuid4

from ledger.store import Ledger
from projections.follow import Follower
from projections.records import OF_PATIENT
from tests.examples import ANNA, BORIS, EXAMPLES, MATCHED, RECEIVED, REVISED
from tests.scenario import recorded


def positions_of(ledger: Ledger, patient_id: object) -> set[int]:
    with ledger.pool.connection() as connection:
        asked = {"patient": patient_id, "until": ledger.last_position()}
        return {row[0] for row in connection.execute(OF_PATIENT.encode(), asked).fetchall()}


def test_what_came_of_a_report_is_only_of_whose_it_is_at_the_end(ledger: Ledger, follower: Follower) -> None:
    report_id = uuid4()
    unmatched = replace(EXAMPLES["ReportUnmatched"][0], patient_id=ANNA)
    recorded(ledger, report_id, RECEIVED, replace(MATCHED, patient_id=ANNA), unmatched)
    recorded(ledger, report_id, replace(MATCHED, patient_id=BORIS), REVISED)
    follower.catch_up()
    received, _, _, matched, revised = (one.position for one in ledger.read(report_id))
    assert not {received, matched, revised} & positions_of(ledger, ANNA)
    assert {received, matched, revised} <= positions_of(ledger, BORIS)
