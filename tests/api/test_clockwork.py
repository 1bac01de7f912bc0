"""What time brings about: each step by one worker at a time, whatever fails, on a clock that a test moves."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from threading import Barrier, Thread
from threading import Event as Signal

import pytest
from structlog.testing import capture_logs

from api import clockwork
from api.clockwork import STEPS, Clockwork, steps_of
from api.settings import Settings
from domain.report import ReportDestroyed
from ledger.store import Ledger
from tests.api.cast import Laboratory, Portal, bundle

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)


def test_a_step_is_given_the_time_of_the_one_clock(ledger: Ledger) -> None:
    seen: list[datetime] = []
    times = iter([NOON, NOON + timedelta(days=400), NOON - timedelta(days=1)])

    def remember(_: Ledger, now: datetime) -> int:
        seen.append(now)
        return 1

    worker = Clockwork(ledger, [remember], clock=lambda: next(times))
    assert [worker.turn() for _ in range(3)] == [1, 1, 1]
    assert seen == [NOON, NOON + timedelta(days=400), NOON - timedelta(days=1)]


def test_a_step_that_fails_is_logged_by_its_kind_and_stops_no_other(ledger: Ledger) -> None:
    def fails(_: Ledger, __: datetime) -> int:
        raise RuntimeError("Соколова Анна")

    with capture_logs() as said:
        assert Clockwork(ledger, [fails, lambda *_: 2, fails, lambda *_: 3]).turn() == 5
    assert [line["error"] for line in said] == ["RuntimeError", "RuntimeError"]
    assert "fails" in said[0]["step"] and "Соколова" not in str(said)


def test_two_workers_do_not_take_a_turn_at_once(open_ledger: Callable[..., Ledger]) -> None:
    begun, end = Signal(), Signal()
    turns: list[int] = []

    def slow(_: Ledger, __: datetime) -> int:
        begun.set()
        assert end.wait(30)
        return 1

    first = Thread(target=lambda: turns.append(Clockwork(open_ledger(), [slow]).turn()))
    first.start()
    assert begun.wait(30)
    other = Clockwork(open_ledger(), [lambda *_: 7])
    assert other.turn() == 0, "somebody is at it"
    end.set()
    first.join(30)
    assert turns == [1]
    assert other.turn() == 7, "the lock was given back"


def test_the_lock_goes_back_when_a_step_fails(ledger: Ledger, open_ledger: Callable[..., Ledger]) -> None:
    def fails(_: Ledger, __: datetime) -> int:
        raise RuntimeError

    Clockwork(ledger, [fails]).turn()
    assert Clockwork(open_ledger(), [lambda *_: 1]).turn() == 1


def test_it_goes_on_until_it_is_told_to_stop(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clockwork, "TICK_SECONDS", 0.01)
    stop, enough = Signal(), Barrier(2)
    turns = 0

    def count(_: Ledger, __: datetime) -> int:
        nonlocal turns
        turns += 1
        if turns == 3:
            enough.wait(30)
        return 0

    worker = Thread(target=Clockwork(ledger, [count]).run, args=(stop,))
    worker.start()
    enough.wait(30)
    stop.set()
    worker.join(30)
    assert not worker.is_alive()


def test_every_step_goes_through_on_an_empty_ledger(ledger: Ledger) -> None:
    with capture_logs() as said:
        assert Clockwork(ledger, steps_of(Settings())).turn() == 0
    assert said == []
    # Reminders of consultations, those whose doctor left, erasures, reports that waited and submissions that lay too long,
    # rotation of keys, exports that are old, commitments to chains, and openings of shares that nobody told.
    assert len(steps_of(Settings())) == len(STEPS) + 9


def test_what_waits_too_long_is_ended_by_the_clock(portal: Portal, laboratory: Laboratory) -> None:
    assert portal.submit(laboratory.seal(bundle("1"))).status_code == 201
    portal.catch_up()
    steps = steps_of(portal.opened.settings.model_copy(update={"waiting_days": 30}))
    at = datetime.now(UTC)
    assert Clockwork(portal.opened.ledger, steps, clock=lambda: at + timedelta(days=29)).turn() == 0
    # What is destroyed is followed by a rotation of keys in the same turn.
    assert Clockwork(portal.opened.ledger, steps, clock=lambda: at + timedelta(days=31)).turn() >= 1
    assert len(portal.events(ReportDestroyed)) == 1
