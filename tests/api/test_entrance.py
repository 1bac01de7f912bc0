"""Nobody gets in without both factors, nobody guesses, and nobody learns who is a patient here."""

import re
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from uuid import uuid4

import httpx2
import psycopg
import pytest

from api.demo_peers import Fault
from domain.patient import PatientRegistered
from domain.session import SessionClosed, SessionOpened, SignInRefused
from tests.api.cast import (
    ANNA,
    BORIS,
    PASSWORD,
    Person,
    Portal,
    browser,
    code_of,
)

WRONG = "совсем другая длинная фраза"
LONGEST = (
    "над рекой, где ветер гнёт старые ивы, девять синих птиц ждут почтальона с жёлтым зонтом; он опять везёт"
    " на скрипучем велосипеде мешок орехов, две лампы и открытку от тётки из далёкого портового города"
)[:200]


@pytest.fixture
def anna(portal: Portal) -> Person:
    return portal.person(ANNA)


def other_than(code: str) -> str:
    return f"{(int(code) + 1) % 10**6:06d}"


def guess(person: Person, code: str, path: str = "/register/code") -> httpx2.Response:
    return person.client.post(path, data={"code": code})


# Registering, and codes.


def test_a_phone_is_confirmed_by_the_code_and_the_cabinet_is_open(anna: Person) -> None:
    asked = anna.ask_to_register()
    assert (asked.status_code, asked.headers["location"]) == (303, "/register/code")
    assert anna.get("/services").status_code == 303 and not anna.portal.events(PatientRegistered)
    entered = guess(anna, anna.code())
    assert entered.headers["location"] == "/services?notice=phone-confirmed"
    assert anna.is_signed_in and len(anna.portal.events(PatientRegistered)) == 1


def test_a_code_has_five_tries(anna: Person) -> None:
    anna.ask_to_register()
    right = anna.code()
    for _ in range(5):
        answer = guess(anna, other_than(right))
        assert (answer.status_code, code_of(answer)) == (422, "code-wrong")
    assert code_of(guess(anna, right)) == "code-expired"
    assert not anna.is_signed_in


def test_the_fifth_try_may_still_be_right(anna: Person) -> None:
    anna.ask_to_register()
    for _ in range(4):
        guess(anna, other_than(anna.code()))
    assert guess(anna, anna.code()).status_code == 303 and anna.is_signed_in


def test_forty_guesses_at_the_same_moment_are_five_tries(anna: Person) -> None:
    anna.ask_to_register()
    right, challenge = anna.code(), anna.client.cookies["challenge"]
    wrong = [f"{(int(right) + step) % 10**6:06d}" for step in range(1, 41)]
    barrier = Barrier(len(wrong))

    def one(code: str) -> str:
        with browser(anna.portal.opened.settings.public_url) as client:
            client.cookies.set("challenge", challenge)
            client.get("/static/portal.css")
            barrier.wait()
            return code_of(client.post("/register/code", data={"code": code}))

    with ThreadPoolExecutor(len(wrong)) as pool:
        said = list(pool.map(one, wrong))
    assert (said.count("code-wrong"), said.count("code-expired")) == (5, 35)
    assert code_of(guess(anna, right)) == "code-expired"


def test_a_code_is_good_once(anna: Person) -> None:
    anna.ask_to_register()
    code, challenge = anna.code(), anna.client.cookies["challenge"]
    guess(anna, code)
    with browser(anna.portal.opened.settings.public_url) as another:
        another.cookies.set("challenge", challenge)
        assert code_of(another.post("/register/code", data={"code": code})) == "code-expired"
        assert another.get("/services").status_code == 303


def test_a_code_is_good_for_ten_minutes(anna: Person, sql: psycopg.Connection) -> None:
    anna.ask_to_register()
    row = sql.execute("SELECT extract(epoch FROM expires_at - created_at) FROM access.challenges").fetchone()
    assert row is not None and row[0] == 600
    sql.execute("UPDATE access.challenges SET expires_at = now() - interval '1 second'")
    assert code_of(guess(anna, anna.code())) == "code-expired" and not anna.is_signed_in


def test_a_new_code_ends_the_earlier_one(anna: Person) -> None:
    anna.ask_to_register()
    earlier, challenge = anna.code(), anna.client.cookies["challenge"]
    assert anna.client.post("/register/code/resend").headers["location"] == "/register/code?notice=code-sent"
    with browser(anna.portal.opened.settings.public_url) as another:
        another.cookies.set("challenge", challenge)
        assert code_of(another.post("/register/code", data={"code": earlier})) == "code-expired"
    assert guess(anna, anna.code()).status_code == 303 and anna.is_signed_in


def test_a_phone_gets_ten_codes_a_day(anna: Person, sql: psycopg.Connection) -> None:
    anna.register()
    anna.ask_to_sign_in()
    for _ in range(8):
        assert anna.client.post("/sign-in/code/resend").status_code == 303
    refused = anna.client.post("/sign-in/code/resend")
    assert refused.status_code == 429 and "слишком много кодов" in refused.text
    assert anna.ask_to_sign_in().status_code == 429
    assert len(anna.portal.sms.accepted) == 10
    assert anna.portal.person(BORIS).register().is_signed_in, "another phone is not concerned"
    sql.execute("UPDATE access.challenges SET created_at = created_at - interval '1 day'")
    assert anna.ask_to_sign_in().status_code == 303


def test_a_refusal_on_the_page_of_the_code_says_what_to_do(anna: Person) -> None:
    anna.ask_to_register()
    anna.portal.sms.fault = Fault.REFUSE_FOR_NOW
    answer = anna.client.post("/register/code/resend")
    assert 'href="#phone"' not in answer.text or 'id="phone"' in answer.text
    assert code_of(answer) == "sms-unavailable" and "Попробуйте через несколько минут" in answer.text


def test_a_code_for_one_act_is_good_for_no_other(anna: Person) -> None:
    anna.register()
    anna.post("/sign-out")
    anna.ask_to_sign_in()
    assert code_of(guess(anna, anna.code(), "/register/code")) == "code-expired"
    assert guess(anna, anna.code(), "/sign-in/code").status_code == 303


def test_without_a_gateway_that_answers_nobody_is_asked_for_a_code(anna: Person) -> None:
    anna.portal.sms.fault = Fault.REFUSE_FOR_NOW
    answer = anna.ask_to_register()
    assert (answer.status_code, code_of(answer)) == (503, "sms-unavailable")


def test_a_phone_is_a_russian_mobile_number_however_it_is_written(portal: Portal) -> None:
    with browser(portal.opened.settings.public_url) as client:
        for phone in ("8 (912) 345-67-89", "+7 912 345 67 89", "9123456789"):
            answer = client.post("/register", data={"phone": phone, "password": PASSWORD})
            assert answer.status_code == 303 and portal.sms.accepted[-1].to == "+79123456789"
        for phone in ("+1 912 345 67 89", "+7 495 123 45 67", "12345", "", "+7912345678٩", "9" * 1000):
            answer = client.post("/register", data={"phone": phone, "password": PASSWORD})
            assert (answer.status_code, code_of(answer)) == (422, "phone-malformed"), phone
    assert len(portal.sms.accepted) == 3


# Passwords.


def test_a_password_of_a_wrong_length_is_refused_before_a_code_is_sent(anna: Person) -> None:
    refused = {0: "password-too-short", 14: "password-too-short", 201: "password-too-long"}
    for length, code in refused.items():
        answer = anna.ask_to_register("п" * length)
        assert (answer.status_code, code_of(answer)) == (422, code)
    assert not anna.portal.sms.accepted


@pytest.mark.parametrize("password", ["жёлтый ком пыли", LONGEST, "сто пятнадцать «ёлок» 🌲"])
def test_a_password_may_be_any_fifteen_to_two_hundred_characters(anna: Person, password: str) -> None:
    assert anna.ask_to_register(password).status_code == 303
    guess(anna, anna.code())
    assert anna.ask_to_sign_in(password).headers["location"] == "/sign-in/code"
    assert anna.ask_to_sign_in(password + "!").status_code == 403 or len(password) == 200
    assert anna.ask_to_sign_in(password[:-1]).status_code == 403


def test_five_failures_close_the_door_for_a_while(anna: Person, sql: psycopg.Connection) -> None:
    anna.register()
    anna.post("/sign-out")
    for _ in range(5):
        answer = anna.ask_to_sign_in(WRONG)
        assert (answer.status_code, code_of(answer)) == (403, "sign-in-refused")
    assert len(anna.portal.events(SignInRefused)) == 5
    locked = anna.ask_to_sign_in()
    assert (locked.status_code, code_of(locked)) == (403, "sign-in-refused"), "the right one does not help"
    row = sql.execute(
        "SELECT locked_until - now() BETWEEN interval '14 minutes' AND interval '15 minutes'"
        " FROM access.credentials"
    ).fetchone()
    assert row == (True,)
    sql.execute("UPDATE access.credentials SET locked_until = now() - interval '1 second'")
    assert anna.sign_in().is_signed_in
    assert sql.execute("SELECT failures, locked_until FROM access.credentials").fetchone() == (0, None)


def test_four_failures_are_forgotten_with_the_right_password(anna: Person) -> None:
    anna.register()
    for _ in range(2):
        for _ in range(4):
            anna.ask_to_sign_in(WRONG)
        assert anna.ask_to_sign_in().status_code == 303


# Who is a patient here is nobody's business.


def test_the_answer_to_a_wrong_password_does_not_tell_whether_the_phone_is_known(portal: Portal) -> None:
    anna, boris = portal.person(ANNA).register(), portal.person(BORIS)
    anna.post("/sign-out")
    anna.client.cookies.clear()
    for _ in range(7):  # beyond the lock too
        known, unknown = anna.ask_to_sign_in(WRONG), boris.ask_to_sign_in(WRONG)
        assert known.status_code == unknown.status_code
        assert known.text.replace(ANNA.phone, "") == unknown.text.replace(BORIS.phone, "")
        assert sorted(known.headers) == sorted(unknown.headers)


def test_the_answer_to_registering_does_not_tell_whether_the_phone_is_known(portal: Portal) -> None:
    portal.person(ANNA).register()
    known, unknown = portal.person(ANNA), portal.person(BORIS)
    answers = [known.ask_to_register(), unknown.ask_to_register()]
    assert [(one.status_code, one.headers["location"]) for one in answers] == [(303, "/register/code")] * 2
    assert sorted(answers[0].headers) == sorted(answers[1].headers)
    pages = [known.get("/register/code").text, unknown.get("/register/code").text]
    assert pages[0].replace(ANNA.phone[-4:], "") == pages[1].replace(BORIS.phone[-4:], "")
    for _ in range(7):
        guessed = [guess(known, "000000"), guess(unknown, other_than(unknown.code()))]
        assert guessed[0].status_code == guessed[1].status_code
        assert code_of(guessed[0]) == code_of(guessed[1])


def test_the_owner_of_a_phone_that_has_a_cabinet_is_told_so_by_sms(portal: Portal) -> None:
    portal.person(ANNA).register()
    portal.person(ANNA).ask_to_register()
    assert "уже есть кабинет" in portal.sms.accepted[-1].text
    assert not re.search(r"\d{6}", portal.sms.accepted[-1].text)


# Sessions.


def test_a_password_alone_opens_nothing(anna: Person) -> None:
    anna.register()
    anna.post("/sign-out")
    anna.ask_to_sign_in()
    assert "session" not in anna.client.cookies and not anna.is_signed_in
    assert guess(anna, other_than(anna.code()), "/sign-in/code").status_code == 422
    assert not anna.is_signed_in


def test_a_code_alone_opens_nothing(anna: Person) -> None:
    anna.register()
    code = anna.code()
    anna.post("/sign-out")
    anna.client.cookies.clear()
    for challenge in ("", "not-an-id", str(uuid4())):
        anna.client.cookies.clear()
        anna.client.cookies.set("challenge", challenge)
        assert guess(anna, code, "/sign-in/code").status_code == 422
        assert not anna.is_signed_in


def test_both_factors_open_a_session_that_is_recorded_with_them(anna: Person) -> None:
    anna.register()
    anna.post("/sign-out")
    assert anna.sign_in().is_signed_in
    assert anna.portal.events(SessionOpened)[-1].event.factors == ("password", "sms-code")


def test_each_sign_in_has_a_session_of_its_own(anna: Person) -> None:
    anna.register()
    seen = {anna.client.cookies["session"]}
    for planted in ("", "chosen-by-an-attacker"):
        if planted:
            anna.client.cookies.clear()
            anna.client.cookies.set("session", planted)
        anna.sign_in()
        value = _session_of(anna)
        assert value != planted and value not in seen
        seen.add(value)


def _session_of(person: Person) -> str:
    return [cookie.value for cookie in person.client.cookies.jar if cookie.name == "session"][-1] or ""


def test_the_session_cookie_is_out_of_reach_of_scripts_and_other_sites(anna: Person) -> None:
    anna.ask_to_register()
    (cookie,) = [
        text
        for name, text in guess(anna, anna.code()).headers.multi_items()
        if name == "set-cookie" and text.startswith("session=")
    ]
    assert {"HttpOnly", "SameSite=lax", "Path=/"} <= set(cookie.split("; "))


def test_a_session_dies_at_sign_out(anna: Person) -> None:
    anna.register()
    token = anna.client.cookies["session"]
    answer = anna.post("/sign-out")
    assert answer.headers["location"] == "/sign-in?notice=signed-out"
    anna.client.cookies.set("session", token)
    assert not anna.is_signed_in
    assert [found.event.reason for found in anna.portal.events(SessionClosed)] == ["signed-out"]


def test_a_session_dies_when_it_was_idle_for_half_an_hour(anna: Person, sql: psycopg.Connection) -> None:
    anna.register()
    for minutes, is_open in ((29, True), (29, True), (31, False)):
        sql.execute("UPDATE access.sessions SET seen_at = now() - make_interval(mins => %s)", (minutes,))
        assert anna.is_signed_in is is_open


def test_that_a_session_is_used_is_written_once_in_a_minute(anna: Person, sql: psycopg.Connection) -> None:
    anna.register()
    for ago, is_written in ((50, False), (70, True)):
        sql.execute("UPDATE access.sessions SET seen_at = now() - make_interval(secs => %s)", (ago,))
        assert anna.is_signed_in
        row = sql.execute("SELECT now() - seen_at < interval '30 seconds' FROM access.sessions").fetchone()
        assert row == (is_written,)


def test_a_session_dies_after_half_a_day_however_busy(anna: Person, sql: psycopg.Connection) -> None:
    anna.register()
    for minutes, is_open in ((719, True), (721, False)):
        sql.execute("UPDATE access.sessions SET created_at = now() - make_interval(mins => %s)", (minutes,))
        assert anna.is_signed_in is is_open
