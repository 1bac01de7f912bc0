"""A sign-in is confirmed where the person is signed in already: by choosing the number, once, in two minutes."""

import re
from concurrent.futures import ThreadPoolExecutor

import httpx2
import psycopg
import pytest

from api.portal.factors import Factors
from domain.account import SmsCodesTurnedOff
from domain.session import SessionOpened, SignInRefused
from ledger import account as account_commands
from ledger.commands import by_patient
from tests.api.cast import ANNA, BORIS, PASSWORD, Person, Portal, code_of

NEW = "совсем новая длинная фраза"


@pytest.fixture
def anna(portal: Portal) -> Person:
    """Signed in at this browser."""
    return portal.person(ANNA).register()


@pytest.fixture
def newcomer(portal: Portal, anna: Person) -> Person:
    """The same person at another browser, after the password."""
    other = portal.person(anna.who)
    assert other.ask_to_sign_in().headers["location"] == "/sign-in/code"
    assert 'action="/sign-in/second-device"' in other.get("/sign-in/code").text
    return other


def ask(person: Person) -> httpx2.Response:
    return person.client.post("/sign-in/second-device")


def number_shown(person: Person) -> str:
    found = re.search(r"<strong>(\d\d)</strong>", person.get("/sign-in/second-device").text)
    assert found is not None
    return found[1]


def offered(person: Person) -> tuple[str, list[str]]:
    page = person.get("/account/confirm").text
    found = re.search(r'name="confirmation_id" value="([^"]+)"', page)
    return (found[1] if found else ""), re.findall(r'name="number" value="(\d\d)"', page)


def state(person: Person) -> str:
    return str(person.get("/sign-in/second-device/state").json()["state"])


def enter(person: Person) -> httpx2.Response:
    return person.client.post("/sign-in/second-device/enter")


def test_the_right_number_on_the_other_device_lets_in(anna: Person, newcomer: Person) -> None:
    assert ask(newcomer).headers["location"] == "/sign-in/second-device"
    assert 'href="/account/confirm"' in anna.get("/services").text
    confirmation, numbers = offered(anna)
    number = number_shown(newcomer)
    assert number in numbers and len(set(numbers)) == 3
    assert state(newcomer) == "waiting" and code_of(enter(newcomer)) == "confirmation-ended"
    answer = anna.post("/account/confirm", confirmation_id=confirmation, number=number)
    assert answer.headers["location"] == "/account/confirm?notice=sign-in-confirmed"
    assert state(newcomer) == "confirmed"
    assert 'action="/sign-in/second-device/enter"' in newcomer.get("/sign-in/second-device").text
    assert enter(newcomer).headers["location"] == "/reports" and newcomer.is_signed_in
    assert anna.portal.events(SessionOpened)[-1].event.factors == ("password", "second-device")
    assert anna.is_signed_in and 'href="/account/confirm"' not in anna.get("/services").text


def test_it_lets_in_once(anna: Person, newcomer: Person) -> None:
    ask(newcomer)
    token = newcomer.client.cookies["confirmation"]
    anna.post("/account/confirm", confirmation_id=offered(anna)[0], number=number_shown(newcomer))

    def one(_: int) -> bool:
        other = anna.portal.person(ANNA)
        other.client.cookies.set("confirmation", token)
        return enter(other).status_code == 303

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(one, range(8))) == 1


def test_a_wrong_number_refuses_for_good_and_is_recorded(anna: Person, newcomer: Person) -> None:
    ask(newcomer)
    confirmation, numbers = offered(anna)
    right = number_shown(newcomer)
    wrong = next(one for one in numbers if one != right)
    answer = anna.post("/account/confirm", confirmation_id=confirmation, number=wrong)
    assert (answer.status_code, code_of(answer)) == (422, "confirmation-number-wrong")
    assert state(newcomer) == "refused"
    again = anna.post("/account/confirm", confirmation_id=confirmation, number=right)
    assert code_of(again) == "confirmation-ended" and state(newcomer) == "refused"
    assert enter(newcomer).status_code == 422 and not newcomer.is_signed_in
    assert anna.portal.events(SignInRefused)[-1].event.reason == "second-device-number-wrong"


def test_it_was_not_me_ends_everything_that_the_password_began(anna: Person, newcomer: Person) -> None:
    code = newcomer.code()
    ask(newcomer)
    answer = anna.post("/account/confirm", confirmation_id=offered(anna)[0], number="")
    assert answer.headers["location"] == "/account/confirm?notice=sign-in-refused"
    assert "смените пароль" in anna.get("/account/confirm?notice=sign-in-refused").text
    assert code_of(newcomer.get("/sign-in/second-device")) == "confirmation-refused"
    assert code_of(newcomer.client.post("/sign-in/code", data={"code": code})) == "code-expired"
    assert anna.portal.events(SignInRefused)[-1].event.reason == "second-device-refused"
    assert not newcomer.is_signed_in and anna.is_signed_in


def test_it_waits_for_two_minutes(anna: Person, newcomer: Person, sql: psycopg.Connection) -> None:
    ask(newcomer)
    confirmation, number = offered(anna)[0], number_shown(newcomer)
    row = sql.execute(
        "SELECT extract(epoch FROM expires_at - created_at) FROM access.confirmations"
    ).fetchone()
    assert row == (120,)
    sql.execute("UPDATE access.confirmations SET expires_at = now()")
    answer = anna.post("/account/confirm", confirmation_id=confirmation, number=number)
    assert code_of(answer) == "confirmation-ended"
    assert code_of(newcomer.get("/sign-in/second-device")) == "confirmation-ended"


def test_somebody_else_neither_sees_nor_confirms_it(portal: Portal, newcomer: Person) -> None:
    boris = portal.person(BORIS).register()
    ask(newcomer)
    assert offered(boris) == ("", []) and 'href="/account/confirm"' not in boris.get("/services").text
    confirmation, _ = offered(portal.person(ANNA).sign_in())
    answer = boris.post("/account/confirm", confirmation_id=confirmation, number=number_shown(newcomer))
    assert code_of(answer) == "confirmation-ended" and state(newcomer) == "waiting"


def test_without_the_password_nobody_may_ask(portal: Portal, anna: Person) -> None:
    stranger = portal.person(ANNA)
    assert ask(stranger).headers["location"].startswith("/sign-in")
    stranger.client.post("/recover", data={"phone": ANNA.phone})
    assert ask(stranger).headers["location"].startswith("/sign-in")
    boris = portal.person(BORIS)
    boris.ask_to_register()
    assert ask(boris).headers["location"].startswith("/sign-in")


def test_with_no_other_session_there_is_nowhere_to_confirm(anna: Person, newcomer: Person) -> None:
    anna.post("/sign-out")
    assert code_of(ask(newcomer)) == "confirmation-nowhere"


def test_one_may_not_be_asked_again_and_again(anna: Person, newcomer: Person) -> None:
    assert [ask(newcomer).status_code for _ in range(6)] == [303] * 5 + [429]


def test_who_turned_codes_by_sms_off_is_not_asked(portal: Portal, anna: Person, newcomer: Person) -> None:
    ledger, patient_id = portal.opened.ledger, anna.patient_id
    by = by_patient(patient_id)
    Factors(ledger).issue_recovery_codes(patient_id, by)
    account_commands.change_account(
        ledger, patient_id, lambda _: SmsCodesTurnedOff(patient_id=patient_id), by
    )
    assert code_of(ask(newcomer)) == "factor-not-offered"


def test_a_change_of_password_ends_what_waits(anna: Person, newcomer: Person) -> None:
    ask(newcomer)
    number = number_shown(newcomer)
    anna.post("/account/confirm", confirmation_id=offered(anna)[0], number=number)
    anna.post("/account/password", present=PASSWORD, password=NEW)
    assert enter(newcomer).status_code == 422 and not newcomer.is_signed_in
