"""Who looked: no kind of reading of a patient's data is left out of the log that the patient sees."""

from dataclasses import fields, replace
from typing import get_args

from domain.medical_card import CardNumberRead
from domain.reading import ReadingEvent
from ledger.commands import record_reading
from ledger.store import Ledger
from projections import AUDIT, access_log
from projections.access_log import Asked
from projections.follow import Follower
from tests.examples import ANNA, EXAMPLES
from tests.scenario import TESTER


def test_every_kind_of_reading_of_a_patient_is_a_line(ledger: Ledger) -> None:
    kinds = [
        kind
        for kind in (*get_args(ReadingEvent), CardNumberRead)
        if "patient_id" in {field.name for field in fields(kind)}
    ]
    for kind in kinds:
        record_reading(ledger, replace(EXAMPLES[kind.__name__][0], patient_id=ANNA), TESTER)
    Follower(ledger, [AUDIT]).catch_up()
    log = access_log.log_of(ledger, Asked(patient_id=ANNA, time_zone="Europe/Moscow"))
    assert {line.name for line in log.lines} == {kind.__name__ for kind in kinds}
    assert log.readings == len(kinds) > 12
