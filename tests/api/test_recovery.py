"""Recovery does not weaken the rest: the phone alone opens nothing at once, and nobody learns who is a patient."""

import re
from datetime import UTC, datetime, timedelta
from statistics import median
from time import perf_counter

import httpx2
import psycopg
import pytest

from api.portal.factors import Factors
from domain.patient import PasswordSet, PhoneConfirmed, PhoneStated
from domain.recovery import PasswordRecovered, PasswordRecoveryCancelled, PasswordRecoveryRequested
from domain.session import SessionClosed
from ledger.commands import by_patient
from ledger.recovery import recovery_stream
from ledger.store import Write
from tests.api.cast import ANNA, BORIS, PASSWORD, Person, Portal, code_of, who
from tests.scenario import TESTER

NEW = "совсем новая длинная фраза"


@pytest.fixture
def anna(portal: Portal) -> Person:
    """Registered, and signed in at this browser."""
    return portal.person(ANNA).register()


@pytest.fixture
def elsewhere(portal: Portal, anna: Person) -> Person:
    """The same phone in another browser that is not signed in."""
    return portal.person(anna.who)


def with_code(person: Person) -> httpx2.Response:
    """Up to the second proof, with the code by SMS."""
    asked = person.client.post("/recover", data={"phone": person.who.phone})
    assert asked.headers["location"] == "/recover/code"
    return person.client.post("/recover/code", data={"code": person.code()})


def set_password(person: Person, password: str = NEW) -> httpx2.Response:
    return person.client.post("/recover/password", data={"password": password})


def recovery_codes(person: Person) -> list[str]:
    patient_id = person.patient_id
    return Factors(person.portal.opened.ledger).issue_recovery_codes(patient_id, by_patient(patient_id))


# With something stronger.


def test_the_code_and_a_recovery_code_set_a_new_password(anna: Person, elsewhere: Person) -> None:
    code = recovery_codes(anna)[0]
    assert with_code(elsewhere).headers["location"] == "/recover/proof"
    assert 'action="/recover/recovery-code"' in elsewhere.get("/recover/proof").text
    proved = elsewhere.client.post("/recover/recovery-code", data={"recovery_code": code})
    assert proved.headers["location"] == "/recover/password"
    assert set_password(elsewhere).headers["location"] == "/sign-in?notice=password-changed"
    (recovered,) = anna.portal.events(PasswordRecovered)
    assert recovered.event.proofs == ("sms-code", "recovery-code")
    assert "пароль изменён" in anna.portal.sms.accepted[-1].text
    assert not anna.is_signed_in, "open sessions end with the old password"
    assert [one.event.reason for one in anna.portal.events(SessionClosed)] == ["factors-changed"]
    assert not elsewhere.is_signed_in, "recovering is no way in"
    assert elsewhere.ask_to_sign_in(PASSWORD).status_code == 403
    assert elsewhere.ask_to_sign_in(NEW).status_code == 303


def test_a_recovery_code_recovers_once(anna: Person, elsewhere: Person) -> None:
    code = recovery_codes(anna)[0]
    for is_first in (True, False):
        with_code(elsewhere)
        proved = elsewhere.client.post("/recover/recovery-code", data={"recovery_code": code})
        assert (proved.status_code == 303) is is_first
        if not is_first:
            assert code_of(proved) == "recovery-code-wrong"


def test_with_recovery_codes_waiting_is_no_way(anna: Person, elsewhere: Person) -> None:
    recovery_codes(anna)
    with_code(elsewhere)
    assert 'action="/recover/wait"' not in elsewhere.get("/recover/proof").text
    assert elsewhere.client.post("/recover/wait").headers["location"] == "/recover/proof"
    assert not anna.portal.events(PasswordRecoveryRequested)
    answer = set_password(elsewhere)
    assert (answer.status_code, code_of(answer)) == (403, "recovery-waits")
    assert elsewhere.ask_to_sign_in(PASSWORD).status_code == 303


# With the phone alone.


def test_with_the_phone_alone_the_password_stays_until_a_day_is_over(anna: Person, elsewhere: Person) -> None:
    with_code(elsewhere)
    assert code_of(set_password(elsewhere)) == "recovery-waits"
    assert elsewhere.client.post("/recover/wait").headers["location"] == "/recover/proof"
    assert "можно будет задать через 24 часа" in anna.portal.sms.accepted[-1].text
    assert "Новый пароль можно задать после" in elsewhere.get("/recover/proof").text
    told = len(anna.portal.sms.accepted)
    elsewhere.client.post("/recover/wait")
    assert len(anna.portal.sms.accepted) == told, "told once"
    assert code_of(set_password(elsewhere)) == "recovery-waits"
    assert elsewhere.get("/recover/password").headers["location"] == "/recover/proof"
    assert not anna.portal.events(PasswordRecovered) and anna.is_signed_in
    assert elsewhere.ask_to_sign_in(PASSWORD).status_code == 303


def test_after_the_day_a_code_and_the_new_password_are_enough(anna: Person, elsewhere: Person) -> None:
    ledger = anna.portal.opened.ledger
    began = PasswordRecoveryRequested(
        patient_id=anna.patient_id, opens_at=datetime.now(UTC) - timedelta(minutes=1)
    )
    ledger.append(Write(recovery_stream(ledger, anna.patient_id), 0, (began,)), circumstances=TESTER)
    assert elsewhere.get("/recover/password").headers["location"] == "/recover?notice=recovery-ended"
    with_code(elsewhere)
    assert elsewhere.get("/recover/proof").headers["location"] == "/recover/password"
    assert code_of(set_password(elsewhere, "короткий")) == "password-too-short"
    assert code_of(set_password(elsewhere, "passwordpassword")) == "password-common"
    assert code_of(set_password(elsewhere, f"{ANNA.phone}{ANNA.phone}")) == "password-personal"
    assert set_password(elsewhere).headers["location"] == "/sign-in?notice=password-changed"
    (recovered,) = anna.portal.events(PasswordRecovered)
    assert recovered.event.proofs == ("sms-code", "waited")
    assert set_password(elsewhere).headers["location"] == "/recover?notice=recovery-ended", "once"


def test_the_owner_sees_it_on_every_page_and_calls_it_off(anna: Person, elsewhere: Person) -> None:
    with_code(elsewhere)
    elsewhere.client.post("/recover/wait")
    for path in ("/reports", "/services", "/consents"):
        assert 'href="/account/recovery"' in anna.get(path).text
    assert "Это не я" in anna.get("/account/recovery").text
    answer = anna.post("/account/recovery/cancel")
    assert answer.headers["location"] == "/account?notice=recovery-cancelled"
    assert len(anna.portal.events(PasswordRecoveryCancelled)) == 1
    assert 'href="/account/recovery"' not in anna.get("/services").text
    assert set_password(elsewhere).headers["location"] == "/recover?notice=recovery-ended"


def test_the_proof_is_good_for_a_quarter_of_an_hour(
    anna: Person, elsewhere: Person, sql: psycopg.Connection
) -> None:
    code = recovery_codes(anna)[0]
    with_code(elsewhere)
    elsewhere.client.post("/recover/recovery-code", data={"recovery_code": code})
    sql.execute("UPDATE access.recoveries SET expires_at = expires_at - interval '15 minutes'")
    assert set_password(elsewhere).headers["location"] == "/recover?notice=recovery-ended"


def test_a_code_for_recovery_opens_nothing_else(anna: Person, elsewhere: Person) -> None:
    elsewhere.client.post("/recover", data={"phone": ANNA.phone})
    for path in ("/sign-in/code", "/register/code"):
        answer = elsewhere.client.post(path, data={"code": elsewhere.code()})
        assert "session" not in elsewhere.client.cookies and not elsewhere.is_signed_in
        assert answer.status_code != 303 or answer.headers["location"].startswith(("/sign-in", "/register"))


# Who is a patient here is nobody's business.


def test_the_answer_does_not_tell_whether_the_phone_is_known(portal: Portal, anna: Person) -> None:
    known, unknown = portal.person(ANNA), portal.person(BORIS)
    asked = [one.client.post("/recover", data={"phone": one.who.phone}) for one in (known, unknown)]
    assert [(one.status_code, one.headers["location"]) for one in asked] == [(303, "/recover/code")] * 2
    assert sorted(asked[0].headers) == sorted(asked[1].headers)
    assert "кабинета нет" in portal.sms.accepted[-1].text
    pages = [one.get("/recover/code").text for one in (known, unknown)]
    assert pages[0].replace(ANNA.phone[-4:], "") == pages[1].replace(BORIS.phone[-4:], "")
    for _ in range(6):
        said = [one.client.post("/recover/code", data={"code": "000000"}) for one in (known, unknown)]
        assert [one.status_code for one in said] == [422, 422]
        assert code_of(said[0]) == code_of(said[1])


@pytest.mark.parametrize("path", ["/sign-in", "/register", "/recover"])
def test_the_time_of_the_answer_does_not_tell_it_either(
    portal: Portal, anna: Person, path: str, sql: psycopg.Connection
) -> None:
    """The medians of both lie nearer to each other than the spread of either."""
    took: dict[str, list[float]] = {ANNA.phone: [], BORIS.phone: []}
    client = portal.person(BORIS).client
    for number in range(24):
        for phone in took if number % 2 else reversed(took):
            sql.execute("TRUNCATE access.limits, access.challenges")
            sql.execute("UPDATE access.credentials SET failures = 0, locked_until = NULL")
            began = perf_counter()
            answer = client.post(path, data={"phone": phone, "password": NEW})
            took[phone].append(perf_counter() - began)
            assert answer.status_code in (303, 403)
    known, unknown = (sorted(times) for times in took.values())
    spread = max(times[18] - times[2] for times in (known, unknown))
    assert abs(median(known) - median(unknown)) < max(spread, 0.01)


# Passwords of who is signed in.


def test_a_password_is_changed_with_the_old_one_and_ends_other_sessions(portal: Portal, anna: Person) -> None:
    other = portal.person(ANNA).sign_in()
    wrong = anna.post("/account/password", present=NEW, password=NEW)
    assert (wrong.status_code, code_of(wrong)) == (403, "password-wrong")
    same = anna.post("/account/password", present=PASSWORD, password=PASSWORD)
    assert code_of(same) == "password-same"
    common = anna.post("/account/password", present=PASSWORD, password="qwertyuiopasdfgh")
    assert code_of(common) == "password-guessable"
    assert other.is_signed_in and len(portal.events(PasswordSet)) == 1
    answer = anna.post("/account/password", present=PASSWORD, password=NEW)
    assert answer.headers["location"] == "/account?notice=password-changed"
    assert anna.is_signed_in and not other.is_signed_in
    assert len(portal.events(PasswordSet)) == 2
    assert other.ask_to_sign_in(PASSWORD).status_code == 403
    assert other.ask_to_sign_in(NEW).status_code == 303


def test_password_and_phone_ask_for_a_fresh_proof(anna: Person, sql: psycopg.Connection) -> None:
    sql.execute("UPDATE access.sessions SET proved_at = now() - interval '11 minutes'")
    for path in ("/account/password", "/account/phone"):
        assert anna.get(path).headers["location"] == f"/step-up?to={path}"
        assert anna.post(path, present=PASSWORD, password=NEW, phone=BORIS.phone).status_code == 303
    assert len(anna.portal.events(PasswordSet)) == 1


def test_a_suggestion_comes_without_script_and_is_taken(portal: Portal) -> None:
    boris = portal.person(BORIS)
    page = boris.client.post("/register", data={"phone": BORIS.phone, "password": "", "suggest": "words"})
    found = re.search(r'name="password" type="text" [^>]*value="([^"]+)"', page.text)
    assert page.status_code == 200 and found is not None and BORIS.phone in page.text
    assert boris.ask_to_register(found[1]).status_code == 303


def test_the_strength_is_told_and_nothing_is_kept(portal: Portal, anna: Person) -> None:
    ledger = portal.opened.ledger
    last = ledger.last_position()
    weak = anna.client.post("/passwords/estimate", data={"password": "passwordpassword"}).json()
    strong = anna.client.post("/passwords/estimate", data={"password": NEW}).json()
    assert weak == {"score": 0, "text": "Очень слабый", "advice": weak["advice"]} and weak["advice"]
    assert (strong["score"], strong["advice"]) == (4, "")
    assert ledger.last_position() == last


# The phone.


def change_phone(person: Person, phone: str) -> httpx2.Response:
    asked = person.post("/account/phone", phone=phone)
    assert asked.headers["location"] == "/account/phone/code", code_of(asked)
    texts = [message.text for message in person.portal.sms.accepted if message.to == phone]
    found = re.search(r"\b(\d{6})\b", texts[-1])
    return person.post("/account/phone/code", code=found[1] if found else "000000")


def test_a_phone_is_changed_by_the_code_that_came_to_the_new_one(portal: Portal, anna: Person) -> None:
    other = portal.person(ANNA).sign_in()
    moved = who(7)
    patient_id = anna.patient_id
    answer = change_phone(anna, moved.phone)
    assert answer.headers["location"] == "/account?notice=phone-changed"
    assert anna.is_signed_in and not other.is_signed_in
    ledger = portal.opened.ledger
    assert ledger.find("phone", moved.phone) == patient_id and ledger.find("phone", ANNA.phone) is None
    assert portal.sms.accepted[-1].to == ANNA.phone and moved.phone not in portal.sms.accepted[-1].text
    assert portal.events(PhoneStated)[-1].event.phone == moved.phone
    assert len(portal.events(PhoneConfirmed)) == 2
    assert portal.person(ANNA).ask_to_sign_in().status_code == 403
    assert portal.person(moved).sign_in().is_signed_in
    assert portal.person(ANNA).register().is_signed_in, "the old number is free again"


def test_a_phone_of_somebody_else_is_told_to_nobody_but_its_owner(portal: Portal, anna: Person) -> None:
    portal.person(BORIS).register()
    answer = change_phone(anna, BORIS.phone)
    assert (answer.status_code, code_of(answer)) == (422, "code-wrong")
    assert "уже есть кабинет" in portal.sms.accepted[-1].text
    assert code_of(anna.post("/account/phone", phone=ANNA.phone)) == "phone-same"
    assert code_of(anna.post("/account/phone", phone="12")) == "phone-malformed"


def test_a_phone_that_was_registered_in_between_stays_with_its_owner(portal: Portal, anna: Person) -> None:
    moved = who(7)
    anna.post("/account/phone", phone=moved.phone)
    code = portal.person(moved).code()
    owner = portal.person(moved).register()
    assert code_of(anna.post("/account/phone/code", code=code)) == "code-expired"
    assert owner.patient_id != anna.patient_id
