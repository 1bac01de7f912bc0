"""After an erasure no view keeps a row that says what was destroyed, or has somebody act on it still."""

from dataclasses import replace
from datetime import date
from uuid import uuid4

import pytest

from domain.erasure import HoldReason
from ledger import erasure
from ledger.store import Ledger
from projections.follow import Follower
from tests.examples import ANNA, EXAMPLES, IDENTITY_DOCUMENT, PROFILE
from tests.scenario import TESTER, erasure_ordered, recorded

TODAY = date(2026, 11, 26)
# Tables with rows of a patient that go.
TABLES = (
    "identity.checks",
    "identity.documents",
    "organisations.linkages",
    "organisations.cards",
    "cabinet.linkages",
    "matching.patient_names",
    "erasure.holds",
)


def rows_of_anna(ledger: Ledger, table: str) -> int:
    with ledger.pool.connection() as connection:
        query = f"SELECT count(*) FROM {table} WHERE patient_id = %s"
        row = connection.execute(query.encode(), (ANNA,)).fetchone()
    return int(row[0]) if row else 0


@pytest.fixture
def told(ledger: Ledger, follower: Follower) -> Ledger:
    """A ledger that knows something of Anna for each of these tables."""
    document = replace(IDENTITY_DOCUMENT, valid_until=date(2029, 5, 30))
    recorded(ledger, ANNA, EXAMPLES["PatientRegistered"][0], replace(PROFILE, document=document))
    for name in ("IdentityCheckRequested", "OrganisationLinked", "CardClaimed"):
        recorded(ledger, uuid4(), EXAMPLES[name][0])
    erasure.hold(ledger, ANNA, TESTER, reason=HoldReason.OPEN_MATTER, until=date(2026, 1, 1))
    follower.catch_up()
    return ledger


def test_rows_go_with_what_they_were_made_from(told: Ledger, follower: Follower) -> None:
    assert [table for table in TABLES if not rows_of_anna(told, table)] == []
    erasure_ordered(told, ANNA, TODAY)
    erasure.erase(told, ANNA, TESTER, today=TODAY)
    follower.catch_up()
    assert [table for table in TABLES if rows_of_anna(told, table)] == []
