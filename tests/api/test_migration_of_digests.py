"""Migration 0039 changes a table under a view that a server of an earlier release would go on writing: it waits for nobody,
it refuses."""

from collections.abc import Iterator
from uuid import uuid4

import psycopg
import pytest

from api.migrate import FOLDER
from ledger.store import Ledger
from projections import ANALYTES
from projections.analytes import analytes_of
from projections.follow import LOCK, Follower
from projections.rebuild import check
from tests.examples import ANNA, MATCHED, RECEIVED
from tests.scenario import recorded, rows

_TEXT = (FOLDER / "0039_digests.sql").read_text()
UP, DOWN = (part.encode() for part in _TEXT.partition("-- migrate:up")[2].split("-- migrate:down"))


@pytest.fixture
def before(ledger: Ledger, follower: Follower, sql: psycopg.Connection) -> psycopg.Connection:
    """A ledger with a report, as it was before the migration."""
    report_id = uuid4()
    recorded(ledger, report_id, RECEIVED, MATCHED, subject=report_id)
    follower.catch_up()
    sql.execute(DOWN)
    return sql


@pytest.fixture
def leading(database: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database, autocommit=True) as other:
        other.execute("SELECT pg_advisory_lock(%s)", (LOCK,))
        yield other


def test_it_refuses_while_a_follower_leads_and_changes_nothing(
    before: psycopg.Connection, leading: psycopg.Connection
) -> None:
    with pytest.raises(psycopg.errors.RaiseException, match="stop"), before.transaction():
        before.execute(UP)
    assert before.execute("SELECT to_regclass('analytes.measured') IS NOT NULL").fetchone() == (True,)
    leading.execute("SELECT pg_advisory_unlock(%s)", (LOCK,))
    before.execute(UP)
    assert before.execute("SELECT to_regclass('analytes.measured') IS NULL").fetchone() == (True,)


def test_the_view_is_filled_again_by_its_follower(
    before: psycopg.Connection, ledger: Ledger, follower: Follower, owner: Ledger
) -> None:
    before.execute(UP)
    assert rows(ledger, "SELECT FROM analytes.reports") == []
    follower.catch_up()
    assert analytes_of(ledger, ANNA) and check(owner, ANALYTES).is_equal
