"""Limits hold over processes, for known and unknown phones alike, and a burst gets no more than the limit."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier

import psycopg
import pytest

from api import limits
from api.clockwork import STEPS
from api.limits import Limit
from api.problems import ProblemError
from domain.session import SignInRefused
from ledger.store import Ledger
from tests.api.cast import ANNA, BORIS, Portal, browser, code_of

WRONG = "совсем другая длинная фраза"
FIVE = Limit(5, timedelta(hours=1))


def passes(ledger: Ledger, subject: str = "one", limit: Limit = FIVE) -> bool:
    try:
        limits.take(ledger, "sign-in", subject, limit)
    except ProblemError as error:
        return not (error.code == "tries-too-many" and 0 < (error.retry_after or 0) <= 3600)
    return True


def test_a_hundred_tries_at_one_moment_by_two_processes_are_the_limit_exactly(
    open_ledger: Callable[..., Ledger],
) -> None:
    ledgers = [open_ledger(), open_ledger()]
    barrier = Barrier(16)

    def many(number: int) -> int:
        barrier.wait()
        return sum(passes(ledgers[number % 2]) for _ in range(7))

    with ThreadPoolExecutor(16) as pool:
        assert sum(pool.map(many, range(16))) == 5


def test_a_try_comes_back_after_its_time_and_not_before(ledger: Ledger, sql: psycopg.Connection) -> None:
    assert [passes(ledger) for _ in range(7)] == [True] * 5 + [False] * 2
    assert passes(ledger, "another"), "another subject is not concerned"
    sql.execute("UPDATE access.limits SET full_at = full_at - interval '11 minutes'")
    assert not passes(ledger)
    sql.execute("UPDATE access.limits SET full_at = full_at - interval '2 minutes'")
    assert [passes(ledger), passes(ledger)] == [True, False]
    sql.execute("UPDATE access.limits SET full_at = full_at - interval '1 day'")
    assert [passes(ledger) for _ in range(6)] == [True] * 5 + [False], "never more than the bucket holds"


def test_nobody_can_read_from_the_table_whom_it_is_about(ledger: Ledger, sql: psycopg.Connection) -> None:
    passes(ledger, ANNA.phone)
    (row,) = sql.execute("SELECT act, subject FROM access.limits").fetchall()
    assert row[0] == "sign-in" and ANNA.phone[2:].encode() not in bytes(row[1]) and len(row[1]) == 32


def test_what_says_nothing_any_more_is_taken_away(ledger: Ledger, sql: psycopg.Connection) -> None:
    passes(ledger)
    assert limits.remove_past(ledger, datetime.now(UTC)) == 0
    sql.execute("UPDATE access.limits SET full_at = now() - interval '1 second'")
    assert limits.remove_past(ledger, datetime.now(UTC)) == 1
    assert limits.remove_past in STEPS


def test_a_burst_of_a_hundred_passwords_is_five_tries_and_the_rest_waits(portal: Portal) -> None:
    anna = portal.person(ANNA).register()
    url = portal.opened.settings.public_url

    def guess(number: int) -> tuple[int, str]:
        with browser(url) as client:
            answer = client.post("/sign-in", data={"phone": ANNA.phone, "password": f"{WRONG} {number}"})
            return answer.status_code, code_of(answer)

    with ThreadPoolExecutor(20) as pool:
        said = list(pool.map(guess, range(100)))
    assert said.count((403, "sign-in-refused")) == 20
    assert said.count((429, "tries-too-many")) == 80
    assert len(portal.events(SignInRefused)) == 20
    answer = anna.ask_to_sign_in()
    assert code_of(answer) == "tries-too-many" and int(answer.headers["retry-after"]) > 0


def test_a_phone_without_a_cabinet_meets_the_same_limit(portal: Portal) -> None:
    portal.person(ANNA).register()
    known, unknown = portal.person(ANNA), portal.person(BORIS)
    said = [
        [(one.status_code, code_of(one)) for one in (person.ask_to_sign_in(WRONG) for _ in range(22))]
        for person in (known, unknown)
    ]
    assert said[0] == said[1] and said[0].count((429, "tries-too-many")) == 2


def test_each_failure_beyond_the_fifth_doubles_the_wait(portal: Portal, sql: psycopg.Connection) -> None:
    anna = portal.person(ANNA).register()
    waits = []
    for _ in range(5):
        anna.ask_to_sign_in(WRONG)
    for _ in range(6):
        row = sql.execute(
            "SELECT extract(epoch FROM locked_until - now()) FROM access.credentials"
        ).fetchone()
        assert row is not None
        waits.append(round(row[0] / 60))
        sql.execute("UPDATE access.credentials SET locked_until = now() - interval '1 second'")
        sql.execute("DELETE FROM access.limits")
        anna.ask_to_sign_in(WRONG)
    assert waits == [15, 30, 60, 120, 240, 240]
    sql.execute("UPDATE access.credentials SET locked_until = NULL, failures = 100")
    assert code_of(anna.ask_to_sign_in()) == "sign-in-refused", "a hundred in a row: only recovery opens"
    assert sql.execute("SELECT failures FROM access.credentials").fetchone() == (100,)


@pytest.mark.parametrize("path", ["/register", "/sign-in", "/recover"])
def test_one_address_can_not_try_phone_after_phone(
    portal: Portal, path: str, sql: psycopg.Connection
) -> None:
    client = portal.person(BORIS).client
    client.post(path, data={"phone": "not a phone", "password": WRONG})
    sql.execute("UPDATE access.limits SET full_at = now() + interval '1 hour'")
    answer = client.post(path, data={"phone": BORIS.phone, "password": WRONG})
    assert (answer.status_code, code_of(answer)) == (429, "tries-too-many")
    assert int(answer.headers["retry-after"]) > 0 and not portal.sms.accepted


def test_one_address_can_not_guess_codes_of_many_phones(portal: Portal, sql: psycopg.Connection) -> None:
    """Each code has five tries; who asks for many codes still has one address."""
    boris = portal.person(BORIS)
    boris.ask_to_register()
    boris.client.post("/register/code", data={"code": "wrong"})
    sql.execute("UPDATE access.limits SET full_at = now() + interval '1 hour' WHERE act = 'code'")
    for path in ("/register/code", "/sign-in/code", "/recover/code"):
        answer = boris.client.post(path, data={"code": boris.code()})
        assert (answer.status_code, code_of(answer)) == (429, "tries-too-many"), path
    assert not boris.is_signed_in
