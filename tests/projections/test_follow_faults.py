"""A step of views that stand together fails: each view is then where it should be, and no other suffers."""

import os
from collections.abc import Sequence
from dataclasses import replace
from time import sleep
from typing import Any

import psycopg
import pytest

from ledger.codec import RecordedEvent, name_of
from ledger.leading import leading
from ledger.store import Ledger
from projections import PROJECTIONS
from projections.analytes import ANALYTES
from projections.follow import LOCK, Follower, position_of
from projections.projection import Projection, Rows
from projections.rebuild import rebuild
from tests.examples import ANNA, MATCHED, RECEIVED, REPORT
from tests.scenario import recorded, rows

TICKETS = "tickets"


def spoiled(apply: Any) -> list[Projection]:
    """All views, of which one does this with every event."""
    return [replace(view, apply=apply, names=None) if view.name == TICKETS else view for view in PROJECTIONS]


def test_what_one_view_can_not_write_stops_that_view_alone(
    ledger: Ledger, sql: psycopg.Connection[Any]
) -> None:
    """PostgreSQL says it by the class of errors that lost connections have, too."""
    sql.execute("CREATE TABLE tickets.short (text text PRIMARY KEY)")
    sql.execute("GRANT ALL ON tickets.short TO letopis_app")

    def too_long(cursor: Rows, _: Sequence[RecordedEvent], __: Ledger) -> None:
        cursor.execute("INSERT INTO short VALUES (%s)", (os.urandom(8000).hex(),))

    recorded(ledger, REPORT, RECEIVED, MATCHED, subject=ANNA)
    follower = Follower(ledger, spoiled(too_long))
    follower.step()
    assert follower.stalled.keys() == {TICKETS}
    behind = {view.name for view in PROJECTIONS if position_of(ledger, view.name) < ledger.last_position()}
    assert behind == {TICKETS}


def test_who_lost_the_lock_in_a_step_writes_nothing_more(ledger: Ledger) -> None:
    def slow(cursor: Rows, _: Sequence[RecordedEvent], __: Ledger) -> None:
        cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 50")
        for _ in range(100):
            sleep(0.1)
            cursor.execute("SELECT")

    recorded(ledger, REPORT, RECEIVED, MATCHED, subject=ANNA)
    with pytest.raises(psycopg.Error), leading(ledger, LOCK) as leads:
        Follower(ledger, spoiled(slow)).step(leads)
    assert {position_of(ledger, view.name) for view in PROJECTIONS} == {0}


def test_what_a_view_that_was_just_made_anew_set_aside_keeps_its_stream_aside(
    ledger: Ledger, owner: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The follower had looked before whether anything was set aside."""

    def picky(cursor: Rows, events: Sequence[RecordedEvent], asked: Ledger) -> None:
        if any(name_of(one.event) == "ReportReceived" for one in events):
            raise ValueError
        ANALYTES.apply(cursor, events, asked)

    recorded(ledger, REPORT, RECEIVED, subject=ANNA)
    Follower(ledger, PROJECTIONS).step()
    read, made_anew = ledger.read_stored, []

    def reading(**asked: int) -> Any:
        if not made_anew:
            made_anew.append(rebuild(owner, replace(ANALYTES, apply=picky)))
            recorded(ledger, REPORT, MATCHED, subject=ANNA)
        return read(**asked)

    monkeypatch.setattr(ledger, "read_stored", reading)
    Follower(ledger, PROJECTIONS).step()
    Follower(ledger, PROJECTIONS).step()
    aside = rows(ledger, "SELECT reason FROM analytes.parked ORDER BY position")
    assert aside == [("ValueError",), ("earlier-event-parked",)]
