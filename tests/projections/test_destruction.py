"""The act of destruction names every purpose for which what was destroyed had been kept."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

from api.key_rotation import end_erasures
from domain.values import PatientId, Purpose
from ledger import commands, erasure
from ledger.store import Ledger
from projections import destruction
from projections.follow import Follower
from tests.ledger.test_erasure import TODAY, ordered, person, with_report
from tests.scenario import TESTER


def purposes_of(ledger: Ledger, patient_id: PatientId) -> tuple[Purpose, ...]:
    """What the act says once nothing opens any more."""
    erasure.erase(ledger, patient_id, TESTER, today=TODAY)
    later = datetime.now(UTC) + timedelta(days=2)
    end_erasures(
        ledger, later, kept_for=timedelta(days=1), operator_name="Летопись", operator_address="Москва"
    )
    recorded, _, _ = destruction.act_of(ledger, patient_id)
    return recorded.purposes


def test_the_act_names_results_too_though_their_streams_have_ended(
    ledger: Ledger, follower: Follower
) -> None:
    anna, boris = person(ledger), PatientId(uuid4())
    commands.register_patient(ledger, patient_id=boris, phone="+79024445566", locale="ru")
    with_report(ledger, anna)
    ordered(ledger, anna)
    ordered(ledger, boris)
    assert purposes_of(ledger, anna) == (Purpose.CONTACTS, Purpose.IDENTITY, Purpose.RESULTS)
    assert purposes_of(ledger, boris) == (Purpose.CONTACTS,)
