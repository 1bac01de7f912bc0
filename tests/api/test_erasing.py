"""What the tables of access know of a patient goes with the erasure, whichever table comes later."""

from api.erasing import _OF_PATIENT
from ledger.store import Ledger


def test_every_table_of_ways_in_is_swept(ledger: Ledger) -> None:
    with ledger.pool.connection() as connection:
        found = connection.execute(
            "SELECT table_name FROM information_schema.columns"
            " WHERE table_schema = 'access' AND column_name = 'patient_id'"
        ).fetchall()
    assert {row[0] for row in found} == set(_OF_PATIENT)
