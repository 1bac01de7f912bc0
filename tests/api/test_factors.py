"""Second factors: set up by proof, taken once, guessed by nobody, and never weaker than what the person has."""

import re
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import psycopg
import pytest

from api.portal.factors import WRONG_CODES_A_DAY
from domain.account import (
    AuthenticatorAdded,
    AuthenticatorRemoved,
    RecoveryCodesIssued,
    RecoveryCodeUsed,
    SmsCodesTurnedOff,
    SmsCodesTurnedOn,
)
from domain.session import SessionOpened, SignInRefused
from tests.api.account_cast import Authenticator, ask_to_sign_in, grow_old, recovery_codes
from tests.api.cast import ANNA, BORIS, Person, Portal, answered, browser, code_of
from tests.api.staff_cast import Clock


@pytest.fixture
def anna(portal: Portal) -> Person:
    return portal.person(ANNA).register()


@pytest.fixture
def program(anna: Person, clock: Clock) -> Authenticator:
    return Authenticator(anna, clock)


# Setting up.


def test_a_program_is_added_by_its_first_code(anna: Person, program: Authenticator) -> None:
    picture = anna.get("/account/totp/qr.svg")
    assert (
        picture.headers["content-type"] == "image/svg+xml" and picture.headers["cache-control"] == "no-store"
    )
    program.scan()
    assert code_of(anna.post("/account/totp", code=program.wrong_code())) == "totp-code-wrong"
    program.added()
    assert [one.event.kind for one in anna.portal.events(AuthenticatorAdded)] == ["totp"]
    page = anna.get("/account").text
    assert "Приложение для кодов: Телефон" in page and "Добавлено приложение для кодов" in page


def test_the_secret_stays_the_same_while_it_is_looked_at_and_lies_sealed(
    program: Authenticator, sql: psycopg.Connection
) -> None:
    first = program.scan().secret
    assert program.scan().secret == first
    sql.execute("UPDATE access.totp_offers SET expires_at = now() - interval '1 second'")
    assert program.scan().secret != first, "an offer is good for a while"
    program.added()
    row = sql.execute("SELECT secret_sealed FROM access.totp").fetchone()
    assert row is not None and program.secret not in row[0]
    assert sql.execute("SELECT count(*) FROM access.totp_offers").fetchone() == (0,)


def test_a_late_first_code_is_told_to_be_late(program: Authenticator, sql: psycopg.Connection) -> None:
    program.scan()
    sql.execute("UPDATE access.totp_offers SET expires_at = now() - interval '1 second'")
    answer = program.person.post("/account/totp", code=program.code())
    assert code_of(answer) == "totp-offer-expired"


def test_there_is_one_program(anna: Person, program: Authenticator) -> None:
    program.added()
    assert anna.get("/account/totp").headers["location"] == "/account"
    program.person.portal.opened.ledger.pool.check()
    other = Authenticator(anna, program.clock)
    assert anna.post("/account/totp", code="000000").status_code == 422
    assert not other.secret and len(anna.portal.events(AuthenticatorAdded)) == 1


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/account/totp"),
        ("GET", "/account/totp/qr.svg"),
        ("POST", "/account/totp"),
        ("GET", "/account/passkey"),
        ("POST", "/account/passkey"),
        ("POST", "/account/passkey/options"),
        ("GET", "/account/recovery-codes"),
        ("POST", "/account/recovery-codes"),
        ("POST", "/account/sms"),
        ("POST", "/account/authenticators/remove"),
    ],
)
def test_who_proved_themselves_long_ago_must_do_it_again(
    anna: Person, sql: psycopg.Connection, method: str, path: str
) -> None:
    grow_old(sql)
    answer = anna.get(path) if method == "GET" else anna.post(path)
    assert answer.status_code == 303 and answer.headers["location"].startswith("/step-up?to=/")


def test_after_the_proof_a_form_leads_back_to_its_page(anna: Person, sql: psycopg.Connection) -> None:
    grow_old(sql)
    url = str(anna.client.base_url)
    token = anna.token()
    for referer, to in ((f"{url}/account", "/account"), ("https://evil.example/x", "/"), ("", "/")):
        answer = anna.client.post("/account/sms", data={"csrf": token}, headers={"Referer": referer})
        assert answer.headers["location"] == f"/step-up?to={to}"


# Signing in.


def test_who_has_a_program_chooses_and_sms_is_the_last(anna: Person, program: Authenticator) -> None:
    program.added()
    codes = recovery_codes(anna)
    anna.post("/sign-out")
    sent = len(anna.portal.sms.accepted)
    assert anna.ask_to_sign_in().headers["location"] == "/sign-in/factor"
    assert len(anna.portal.sms.accepted) == sent, "no SMS unless it is asked for"
    page = anna.get("/sign-in/factor").text
    places = [page.index(f'action="/sign-in/{way}"') for way in ("totp", "recovery-code", "sms")]
    assert places == sorted(places) and 'action="/sign-in/passkey"' not in page
    answer = anna.client.post("/sign-in/totp", data={"totp_code": program.code()})
    assert answer.headers["location"] == "/reports" and anna.is_signed_in
    assert anna.portal.events(SessionOpened)[-1].event.factors == ("password", "totp")
    assert len(codes) == 10


def test_a_code_by_sms_is_still_good_beside_a_program(anna: Person, program: Authenticator) -> None:
    program.added()
    anna.post("/sign-out")
    anna.ask_to_sign_in()
    assert anna.client.post("/sign-in/sms").headers["location"] == "/sign-in/code"
    assert anna.client.post("/sign-in/code", data={"code": anna.code()}).headers["location"] == "/reports"


def test_the_second_factor_alone_opens_nothing(anna: Person, program: Authenticator) -> None:
    program.added()
    (code, *_) = recovery_codes(anna)
    with browser(anna.portal.opened.settings.public_url) as thief:
        for path, form in (
            ("/sign-in/totp", {"totp_code": program.code()}),
            ("/sign-in/recovery-code", {"recovery_code": code}),
            ("/sign-in/sms", {}),
        ):
            answer = thief.post(path, data=form)
            assert answer.headers["location"].startswith("/sign-in?"), path
            thief.cookies.set("half", "guessed")
        assert thief.get("/services").status_code == 303


def test_the_password_is_good_for_ten_minutes_and_for_one_sign_in(
    anna: Person, program: Authenticator, sql: psycopg.Connection
) -> None:
    program.added()
    with browser(anna.portal.opened.settings.public_url) as client:
        ask_to_sign_in(anna, client)
        half = client.cookies["half"]
        assert client.post("/sign-in/totp", data={"totp_code": program.code()}).status_code == 303
        program.clock.next_step()
        client.cookies.clear()
        client.cookies.set("half", half)
        again = client.post("/sign-in/totp", data={"totp_code": program.code()})
        assert again.headers["location"].startswith("/sign-in?"), "used"
        ask_to_sign_in(anna, client)
        sql.execute("UPDATE access.half_sign_ins SET expires_at = now() - interval '1 second'")
        late = client.get("/sign-in/factor")
        assert late.headers["location"].startswith("/sign-in?")


def test_a_step_is_taken_once_wherever_it_is_shown(
    anna: Person, program: Authenticator, sql: psycopg.Connection
) -> None:
    program.scan()
    anna.post("/account/totp", code=program.code())
    grow_old(sql)
    assert code_of(anna.post("/step-up/totp", totp_code=program.code())) == "totp-code-wrong", "was the first"
    program.clock.next_step()
    assert (
        anna.post("/step-up/totp", totp_code=program.code(), to="/account").headers["location"] == "/account"
    )
    with browser(anna.portal.opened.settings.public_url) as thief:
        ask_to_sign_in(anna, thief)
        assert code_of(thief.post("/sign-in/totp", data={"totp_code": program.code()})) == "totp-code-wrong"
        program.clock.seconds -= 30
        assert code_of(thief.post("/sign-in/totp", data={"totp_code": program.code()})) == "totp-code-wrong"
    assert [one.event.reason for one in anna.portal.events(SignInRefused)] == ["totp-code-wrong"] * 2


@pytest.mark.parametrize("steps", [-1, 1], ids=["the step before", "the step after"])
def test_a_code_of_a_neighbour_step_is_not_taken(anna: Person, program: Authenticator, steps: int) -> None:
    program.added()
    program.clock.seconds += 300
    code = program.code()
    program.clock.seconds -= steps * 30
    ask_to_sign_in(anna, anna.client)
    assert code_of(anna.client.post("/sign-in/totp", data={"totp_code": code})) == "totp-code-wrong"


def test_one_code_sent_at_once_from_six_browsers_opens_one_session(
    anna: Person, program: Authenticator
) -> None:
    program.added()
    code, barrier = program.code(), Barrier(6)
    clients = [browser(anna.portal.opened.settings.public_url) for _ in range(6)]
    for client in clients:
        ask_to_sign_in(anna, client)

    def one(number: int) -> int:
        barrier.wait()
        return answered(lambda: clients[number].post("/sign-in/totp", data={"totp_code": code})).status_code

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(one, range(6)))
    assert sorted(answers) == [303] + [422] * 5


def test_forty_guesses_at_once_are_twenty_tries(anna: Person, program: Authenticator) -> None:
    program.added()
    right = program.code()
    ask_to_sign_in(anna, anna.client)
    half, barrier = anna.client.cookies["half"], Barrier(40)

    def one(number: int) -> str:
        with browser(anna.portal.opened.settings.public_url) as client:
            client.cookies.set("half", half)
            client.get("/static/portal.css")
            barrier.wait()
            code = f"{(int(right) + 1 + number) % 10**6:06d}"
            return code_of(client.post("/sign-in/totp", data={"totp_code": code}))

    with ThreadPoolExecutor(40) as pool:
        said = list(pool.map(one, range(40)))
    assert said.count("totp-code-wrong") == WRONG_CODES_A_DAY
    assert said.count("factor-tries-used-up") == 40 - WRONG_CODES_A_DAY
    refused = anna.client.post("/sign-in/totp", data={"totp_code": right})
    assert (refused.status_code, code_of(refused)) == (429, "factor-tries-used-up")


def test_right_codes_cost_no_tries_and_wrong_ones_are_counted_by_day(
    anna: Person, program: Authenticator, sql: psycopg.Connection
) -> None:
    program.added()
    for _ in range(3):
        program.clock.next_step()
        ask_to_sign_in(anna, anna.client)
        anna.client.post("/sign-in/totp", data={"totp_code": program.code()})
    assert sql.execute("SELECT failures FROM access.factor_tries").fetchone() == (0,)
    sql.execute("UPDATE access.factor_tries SET failures = %s", (WRONG_CODES_A_DAY,))
    program.clock.next_step()
    ask_to_sign_in(anna, anna.client)
    assert (
        code_of(anna.client.post("/sign-in/totp", data={"totp_code": program.code()}))
        == "factor-tries-used-up"
    )
    sql.execute("UPDATE access.factor_tries SET day = day - 1")
    assert anna.client.post("/sign-in/totp", data={"totp_code": program.code()}).status_code == 303


# Recovery codes.


def test_each_recovery_code_is_good_once(anna: Person, program: Authenticator) -> None:
    program.added()
    first, second, *_ = recovery_codes(anna)
    anna.post("/sign-out")
    anna.ask_to_sign_in()
    typed = first.lower().replace("-", " ")
    answer = anna.client.post("/sign-in/recovery-code", data={"recovery_code": typed})
    assert answer.headers["location"] == "/account?notice=recovery-code-used"
    assert "Осталось 9 запасных кодов" in anna.get("/account").text
    anna.post("/sign-out")
    anna.ask_to_sign_in()
    again = anna.client.post("/sign-in/recovery-code", data={"recovery_code": first})
    assert code_of(again) == "recovery-code-wrong"
    assert anna.client.post("/sign-in/recovery-code", data={"recovery_code": second}).status_code == 303
    assert len(anna.portal.events(RecoveryCodeUsed)) == 2


def test_one_recovery_code_sent_at_once_from_six_browsers_opens_one_session(
    anna: Person, program: Authenticator
) -> None:
    (code, *_) = recovery_codes(anna)
    barrier = Barrier(6)
    clients = [browser(anna.portal.opened.settings.public_url) for _ in range(6)]
    for client in clients:
        ask_to_sign_in(anna, client)

    def one(number: int) -> int:
        barrier.wait()
        form = {"recovery_code": code}
        return answered(lambda: clients[number].post("/sign-in/recovery-code", data=form)).status_code

    with ThreadPoolExecutor(6) as pool:
        assert sorted(pool.map(one, range(6))) == [303] + [422] * 5
    assert len(anna.portal.events(RecoveryCodeUsed)) == 1


def test_new_codes_end_the_earlier_ones_and_no_page_shows_them_again(
    anna: Person, sql: psycopg.Connection
) -> None:
    earlier, later = recovery_codes(anna), recovery_codes(anna)
    assert len(set(earlier) | set(later)) == 20
    assert not set(later) & set(re.findall(r"[0-9A-Z-]{19}", anna.get("/account/recovery-codes").text))
    kept = b"".join(bytes(row[0]) for row in sql.execute("SELECT code_digest FROM access.recovery_codes"))
    assert all(code.replace("-", "").encode() not in kept for code in later)
    anna.post("/sign-out")
    anna.ask_to_sign_in()
    old = anna.client.post("/sign-in/recovery-code", data={"recovery_code": earlier[0]})
    assert code_of(old) == "recovery-code-wrong"
    assert len(anna.portal.events(RecoveryCodesIssued)) == 2


def test_a_recovery_code_of_another_person_opens_nothing(portal: Portal, anna: Person) -> None:
    (code, *_) = recovery_codes(portal.person(BORIS).register())
    recovery_codes(anna)
    anna.post("/sign-out")
    anna.ask_to_sign_in()
    answer = anna.client.post("/sign-in/recovery-code", data={"recovery_code": code})
    assert code_of(answer) == "recovery-code-wrong"


# SMS, and what is weaker.


def test_sms_is_turned_off_only_beside_something_stronger_with_recovery_codes(
    anna: Person, program: Authenticator
) -> None:
    assert code_of(anna.post("/account/sms", turn="off")) == "stronger-factor-missing"
    program.added()
    assert code_of(anna.post("/account/sms", turn="off")) == "stronger-factor-missing"
    recovery_codes(anna)
    assert anna.post("/account/sms", turn="off").headers["location"] == "/account?notice=sms-turned-off"
    anna.post("/sign-out")
    sent = len(anna.portal.sms.accepted)
    anna.ask_to_sign_in()
    assert 'action="/sign-in/sms"' not in anna.get("/sign-in/factor").text
    assert code_of(anna.client.post("/sign-in/sms")) == "factor-not-offered"
    assert len(anna.portal.sms.accepted) == sent
    assert anna.client.post("/sign-in/totp", data={"totp_code": program.code()}).status_code == 303


def test_a_code_that_was_sent_before_sms_was_turned_off_opens_nothing(
    anna: Person, program: Authenticator
) -> None:
    program.added()
    recovery_codes(anna)
    with browser(anna.portal.opened.settings.public_url) as thief:
        ask_to_sign_in(anna, thief)
        thief.post("/sign-in/sms")
        anna.post("/account/sms", turn="off")
        answer = thief.post("/sign-in/code", data={"code": anna.code()})
        assert code_of(answer) == "code-expired"


def test_before_a_sensitive_act_sms_does_not_stand_for_who_has_more(
    anna: Person, program: Authenticator, sql: psycopg.Connection
) -> None:
    program.added()
    grow_old(sql)
    page = anna.get("/step-up").text
    assert 'action="/step-up/totp"' in page and 'action="/step-up/sms"' not in page
    assert code_of(anna.post("/step-up/sms")) == "factor-not-offered"
    assert code_of(anna.post("/step-up/code", code="000000")) == "factor-not-offered"
    assert anna.post("/step-up/passkey/options").status_code == 403


def test_who_came_in_by_sms_beside_something_stronger_has_not_proved_enough_for_a_sensitive_act(
    anna: Person, program: Authenticator
) -> None:
    program.added()
    anna.post("/sign-out")
    anna.ask_to_sign_in()
    anna.client.post("/sign-in/sms")
    anna.client.post("/sign-in/code", data={"code": anna.code()})
    assert anna.is_signed_in
    assert anna.get("/account/passkey").headers["location"] == "/step-up?to=/account/passkey"
    answer = anna.post("/step-up/totp", totp_code=program.code(), to="/account/passkey")
    assert (
        answer.headers["location"] == "/account/passkey" and anna.get("/account/passkey").status_code == 200
    )


def test_a_recovery_code_proves_again_and_is_gone(anna: Person, sql: psycopg.Connection) -> None:
    (code, *_) = recovery_codes(anna)
    grow_old(sql)
    answer = anna.post("/step-up/recovery-code", recovery_code=code, to="/account")
    assert answer.headers["location"] == "/account"
    grow_old(sql)
    assert code_of(anna.post("/step-up/recovery-code", recovery_code=code)) == "recovery-code-wrong"


def test_who_removes_the_last_strong_factor_gets_sms_again(anna: Person, program: Authenticator) -> None:
    program.added()
    recovery_codes(anna)
    anna.post("/account/sms", turn="off")
    (added,) = anna.portal.events(AuthenticatorAdded)
    answer = anna.post("/account/authenticators/remove", authenticator=str(added.event.authenticator_id))
    assert answer.headers["location"] == "/account?notice=authenticator-removed"
    assert [len(anna.portal.events(kind)) for kind in (AuthenticatorRemoved, SmsCodesTurnedOff)] == [1, 1]
    assert len(anna.portal.events(SmsCodesTurnedOn)) == 1
    anna.post("/sign-out")
    anna.ask_to_sign_in()
    assert 'action="/sign-in/sms"' in anna.get("/sign-in/factor").text
    assert (
        code_of(anna.client.post("/sign-in/totp", data={"totp_code": program.code()})) == "factor-not-offered"
    )


def test_an_authenticator_of_another_person_looks_like_one_that_is_not_there(
    portal: Portal, anna: Person, program: Authenticator
) -> None:
    program.added()
    (added,) = portal.events(AuthenticatorAdded)
    boris = portal.person(BORIS).register()
    for given in (str(added.event.authenticator_id), str(added.stream_id), "not-an-id", ""):
        answer = boris.post("/account/authenticators/remove", authenticator=given)
        assert (answer.status_code, code_of(answer)) == (404, "not-found")
    assert not portal.events(AuthenticatorRemoved)


def test_the_answer_to_a_wrong_password_does_not_tell_which_factors_there_are(
    portal: Portal, anna: Person, program: Authenticator
) -> None:
    program.added()
    boris = portal.person(BORIS).register()
    answers = []
    for person in (anna, boris):
        person.post("/sign-out")
        person.client.cookies.clear()
        answers.append(person.ask_to_sign_in("совсем другая длинная фраза"))
    strong, plain = answers
    assert (
        (strong.status_code, code_of(strong))
        == (plain.status_code, code_of(plain))
        == (403, "sign-in-refused")
    )
    assert strong.text.replace(ANNA.phone, "") == plain.text.replace(BORIS.phone, "")
    assert sorted(strong.headers) == sorted(plain.headers) and "half" not in anna.client.cookies
