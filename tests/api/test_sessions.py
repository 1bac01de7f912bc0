"""A person sees where they are signed in and ends it; a change of factors ends it everywhere else."""

import psycopg
import pytest

from api.portal.open_sessions import open_sessions
from api.portal.whence import device_of
from domain.session import SessionClosed, SessionOpened
from tests.api.account_cast import Authenticator, grow_old, recovery_codes
from tests.api.cast import ANNA, BORIS, Person, Portal, code_of
from tests.api.staff_cast import Clock

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
SAFARI = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"
    " Version/17.5 Mobile/15E148 Safari/604.1"
)
YANDEX = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0"
    " YaBrowser/24.7.0 Safari/537.36"
)


@pytest.fixture
def anna(portal: Portal) -> Person:
    found = portal.person(ANNA)
    found.client.headers["User-Agent"] = FIREFOX
    return found.register()


@pytest.fixture
def phone(portal: Portal, anna: Person) -> Person:
    """Anna once more, with her phone."""
    found = portal.person(ANNA)
    found.client.headers["User-Agent"] = SAFARI
    return found.sign_in()


@pytest.mark.parametrize(
    ("user_agent", "device"),
    [
        (FIREFOX, "Firefox, Linux"),
        (SAFARI, "Mobile Safari, iOS"),
        (YANDEX, "Yandex Browser, Windows"),
        ("", ""),
        ("<script>alert(1)</script>", ""),
        ("я" * 100_000, ""),
    ],
)
def test_a_device_is_told_by_browser_and_system(user_agent: str, device: str) -> None:
    assert device_of(user_agent) == device


def test_the_list_says_which_device_which_network_and_which_is_this_one(
    anna: Person, phone: Person, sql: psycopg.Connection
) -> None:
    page = phone.get("/account").text
    assert "Firefox, Linux" in page and "Mobile Safari, iOS" in page and "сеть 127.0.0.0/24" in page
    assert page.count("Это устройство") == 1 and page.count('action="/account/sessions/end"') == 1
    assert page.index("Это устройство") < page.index("Firefox, Linux"), "the one used last is the first"
    kept = sql.execute("SELECT network_sealed FROM access.sessions").fetchall()
    assert all(b"127" not in bytes(row[0]) for row in kept)


def test_a_session_that_lies_idle_or_grew_too_old_is_not_listed(
    anna: Person, phone: Person, sql: psycopg.Connection
) -> None:
    sql.execute(
        "UPDATE access.sessions SET seen_at = now() - interval '31 minutes' WHERE device LIKE 'Fire%'"
    )
    assert "Firefox, Linux" not in phone.get("/account").text


def test_one_session_is_ended_from_another(anna: Person, phone: Person) -> None:
    theirs = phone.portal.events(SessionOpened)[0].stream_id
    answer = phone.post("/account/sessions/end", session=str(theirs))
    assert answer.headers["location"] == "/account?notice=session-was-ended"
    assert not anna.is_signed_in and phone.is_signed_in
    (closed,) = phone.portal.events(SessionClosed)
    assert (closed.stream_id, closed.event.reason) == (theirs, "ended-elsewhere")
    assert code_of(phone.post("/account/sessions/end", session=str(theirs))) == "not-found"


def test_a_session_of_another_person_looks_like_one_that_is_not_there(portal: Portal, anna: Person) -> None:
    boris = portal.person(BORIS).register()
    annas, own = (found.stream_id for found in portal.events(SessionOpened))
    for given in (str(annas), str(own), "not-an-id", ""):
        answer = boris.post("/account/sessions/end", session=given)
        assert (answer.status_code, code_of(answer)) == (404, "not-found")
    assert anna.is_signed_in and boris.is_signed_in
    boris.post("/account/sessions/end-others")
    assert anna.is_signed_in


def test_all_others_are_ended_at_once(portal: Portal, anna: Person, phone: Person) -> None:
    third = portal.person(ANNA).sign_in()
    assert (
        anna.post("/account/sessions/end-others").headers["location"]
        == "/account?notice=other-sessions-ended"
    )
    assert [one.is_signed_in for one in (anna, phone, third)] == [True, False, False]
    assert [found.event.reason for found in portal.events(SessionClosed)] == ["ended-elsewhere"] * 2


def test_each_change_of_factors_ends_the_other_sessions(
    portal: Portal, anna: Person, phone: Person, clock: Clock
) -> None:
    program = Authenticator(anna, clock)

    def signed_in_elsewhere() -> Person:
        found = portal.person(ANNA)
        found.ask_to_sign_in()
        if found.client.cookies.get("half"):
            found.client.post("/sign-in/totp", data={"totp_code": program.code()})
            clock.next_step()
        else:
            found.client.post("/sign-in/code", data={"code": found.code()})
        assert found.is_signed_in
        return found

    def remove() -> None:
        (one,) = anna.get("/account").text.split('name="authenticator" value="')[1:]
        anna.post("/account/authenticators/remove", authenticator=one.partition('"')[0])

    def turn_sms(turn: str) -> None:
        assert anna.post("/account/sms", turn=turn).status_code == 303

    acts = (
        program.added,
        lambda: recovery_codes(anna),
        lambda: turn_sms("off"),
        lambda: turn_sms("on"),
        remove,
    )
    for act in acts:
        other = signed_in_elsewhere()
        act()
        assert anna.is_signed_in and not other.is_signed_in
    reasons = {found.event.reason for found in portal.events(SessionClosed)}
    assert reasons == {"factors-changed"}


def test_a_sign_in_that_is_half_done_ends_with_a_change_of_factors(
    portal: Portal, anna: Person, clock: Clock
) -> None:
    program = Authenticator(anna, clock).added()
    thief = portal.person(ANNA)
    thief.ask_to_sign_in()
    recovery_codes(anna)
    answer = thief.client.post("/sign-in/totp", data={"totp_code": program.code()})
    assert answer.headers["location"].startswith("/sign-in?") and not thief.is_signed_in


def test_a_planted_session_is_never_the_one_that_is_opened(
    portal: Portal, anna: Person, clock: Clock
) -> None:
    program = Authenticator(anna, clock).added()
    thief = portal.person(BORIS).register()
    planted = thief.client.cookies["session"]
    anna.client.cookies.clear()
    anna.client.cookies.set("session", planted)
    anna.ask_to_sign_in()
    answer = anna.client.post("/sign-in/totp", data={"totp_code": program.code()})
    assert answer.status_code == 303 and f"session={planted}" not in str(answer.headers.multi_items()[1:])
    assert any(text.startswith("session=") for text in answer.headers.get_list("set-cookie"))
    assert not thief.is_signed_in, "what was planted opens nothing any more"


def test_who_signs_in_again_in_one_browser_leaves_no_session_behind(portal: Portal, anna: Person) -> None:
    anna.sign_in()
    assert len(open_sessions(portal.opened.ledger, anna.patient_id)) == 1
    assert [found.event.reason for found in portal.events(SessionClosed)] == ["replaced"]


def test_a_session_that_was_ended_can_not_be_proved_again(
    anna: Person, phone: Person, sql: psycopg.Connection
) -> None:
    grow_old(sql)
    anna.post("/step-up/sms", to="/account")
    token = anna.token()
    phone.post("/account/sessions/end-others")
    answer = anna.client.post("/step-up/code", data={"csrf": token, "code": anna.code()})
    assert answer.headers["location"].startswith("/sign-in") and not anna.is_signed_in


def test_a_person_sees_who_came_in_and_who_was_refused(anna: Person) -> None:
    anna.ask_to_sign_in("совсем другая длинная фраза")
    anna.portal.catch_up()
    page = anna.get("/account").text
    assert page.count("Вход в кабинет") == 1 and page.count("Неудачная попытка входа") == 1
    assert "Задан пароль" in page and "Подтверждён номер телефона" in page
