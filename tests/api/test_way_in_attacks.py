"""What a review tried as an attacker and found open: each stays shut."""

import logging
import re
from concurrent.futures import ThreadPoolExecutor
from time import monotonic, sleep

import cbor2
import orjson
import psycopg
import pytest
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url

from api import limits
from api.limits import OF_ONE_SUBJECT
from api.oidc import Provider, RelyingParty, begin
from api.portal import sign_in
from api.portal.sign_in import CODES_A_DAY, STRANGERS_CODES_A_DAY
from api.portal.web import FORM_BYTES_MAX
from api.problems import ProblemError
from tests.api.account_cast import Authenticator, grow_old
from tests.api.cast import ANNA, BORIS, PASSWORD, Person, Portal, code_of, who
from tests.api.soft_key import SoftKey
from tests.api.staff_cast import Clock, Member
from tests.api.test_identity_pages import PROFILE
from tests.api.test_scan_content import PDF

NEW = "совсем новая длинная фраза"
SECRET = "Соколова-Анна-1984"


@pytest.fixture
def anna(portal: Portal) -> Person:
    return portal.person(ANNA).register()


@pytest.fixture
def thief(portal: Portal, anna: Person) -> Person:
    """Somebody at another browser who knows the password, and has not met the code yet."""
    found = portal.person(ANNA)
    assert found.ask_to_sign_in().headers["location"] == "/sign-in/code"
    return found


# After the owner changed what they sign in with


def change_password(anna: Person) -> None:
    answer = anna.post("/account/password", present=PASSWORD, password=NEW)
    assert answer.headers["location"] == "/account?notice=password-changed"


def change_phone(anna: Person) -> None:
    anna.post("/account/phone", phone=BORIS.phone)
    code = anna.portal.person(BORIS).code()
    assert anna.post("/account/phone/code", code=code).headers["location"] == "/account?notice=phone-changed"


@pytest.mark.parametrize("change", [change_password, change_phone])
def test_a_sign_in_that_was_half_done_is_not_taken_up_again(
    anna: Person, thief: Person, change: object
) -> None:
    """A code sent again would ask for no password, and go to the phone that the thief has."""
    assert callable(change)
    change(anna)
    before = len(anna.portal.sms.accepted)
    again = thief.client.post("/sign-in/code/resend")
    assert (again.status_code, code_of(again)) == (422, "code-expired")
    assert len(anna.portal.sms.accepted) == before
    assert thief.client.post("/sign-in/second-device").headers["location"].startswith("/sign-in?")


def test_a_recovery_that_was_half_done_ends_with_a_change_of_phone(anna: Person, portal: Portal) -> None:
    begun, coded = portal.person(ANNA), portal.person(ANNA)
    coded.client.post("/recover", data={"phone": ANNA.phone})
    coded.client.post("/recover/code", data={"code": coded.code()})
    assert coded.get("/recover/proof").status_code == 200
    begun.client.post("/recover", data={"phone": ANNA.phone})
    code = begun.code()
    change_phone(anna)
    assert coded.get("/recover/proof").headers["location"] == "/recover?notice=recovery-ended"
    assert code_of(begun.client.post("/recover/code", data={"code": code})) == "code-expired"
    assert code_of(begun.client.post("/recover/code/resend")) == "code-expired"


# Step-up


def test_a_session_left_open_vouches_for_no_fresh_one(
    anna: Person, thief: Person, sql: psycopg.Connection
) -> None:
    """Who finds a browser open and knows the password would otherwise need no code for a sensitive act."""
    grow_old(sql)
    thief.client.post("/sign-in/second-device")
    number = re.search(r"<strong>(\d\d)</strong>", thief.get("/sign-in/second-device").text)
    waiting = re.search(r'name="confirmation_id" value="([^"]+)"', anna.get("/account/confirm").text)
    assert number and waiting
    anna.post("/account/confirm", confirmation_id=waiting[1], number=number[1])
    assert thief.client.post("/sign-in/second-device/enter").headers["location"] == "/reports"
    for path in ("/account/phone", "/account/totp", "/account/password"):
        assert thief.get(path).headers["location"] == f"/step-up?to={path}"


def test_the_secret_of_a_program_is_shown_to_one_session(anna: Person, portal: Portal, clock: Clock) -> None:
    """Who looked at an offer would know the codes for ever, whatever sessions end later."""
    other = portal.person(ANNA).sign_in()
    seen = Authenticator(other, clock).scan()
    assert Authenticator(other, clock).scan().secret == seen.secret, "while it is good it stays"
    anna.post("/account/sessions/end-others")
    own = Authenticator(anna, clock).scan()
    assert own.secret != seen.secret
    assert code_of(anna.post("/account/totp", code=seen.code(), label="")) == "totp-code-wrong"
    own.added()


def test_an_offer_outlives_the_step_up_that_comes_in_between(
    anna: Person, clock: Clock, sql: psycopg.Connection
) -> None:
    scanned = Authenticator(anna, clock).scan()
    grow_old(sql)
    anna.post("/step-up/sms", to="/account/totp")
    assert anna.post("/step-up/code", code=anna.code()).headers["location"] == "/account/totp"
    assert Authenticator(anna, clock).scan().secret == scanned.secret


# What strangers can do with a number


def test_strangers_do_not_use_up_the_codes_of_an_owner(anna: Person, portal: Portal) -> None:
    stranger = portal.person(ANNA)
    said = [stranger.ask_to_register().status_code for _ in range(CODES_A_DAY)]
    assert said == [303] * (STRANGERS_CODES_A_DAY - 1) + [429] * (CODES_A_DAY - STRANGERS_CODES_A_DAY + 1)
    refused = stranger.client.post("/recover", data={"phone": ANNA.phone})
    assert (refused.status_code, code_of(refused)) == (429, "codes-too-many")
    portal.person(ANNA).sign_in()


def test_strangers_do_not_learn_how_many_codes_an_owner_was_sent(
    portal: Portal, sql: psycopg.Connection
) -> None:
    anna = portal.person(ANNA).register()
    sql.execute("UPDATE access.challenges SET created_at = now() - interval '2 days'")
    known, unknown = portal.person(ANNA), portal.person(who(7))
    for _ in range(CODES_A_DAY):
        assert anna.ask_to_sign_in().status_code == 303
    assert anna.ask_to_sign_in().status_code == 429
    before = len(portal.sms.accepted)
    said = [[one.ask_to_register().status_code for _ in range(7)] for one in (known, unknown)]
    assert said[0] == said[1] == [303] * STRANGERS_CODES_A_DAY + [429] * 2
    assert not [one for one in portal.sms.accepted[before:] if one.to == ANNA.phone], "ten codes a day"


def test_a_refusal_comes_at_one_moment_whoever_is_named(
    anna: Person, ivan: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is recorded of a known name would take some milliseconds longer."""
    ivan.enrolled()
    monkeypatch.setattr(sign_in, "REFUSAL_SECONDS", 1.5)
    client = anna.portal.person(BORIS).client
    tries = [("/sign-in", {"phone": one, "password": NEW}) for one in (ANNA.phone, BORIS.phone)]
    tries += [("/staff/sign-in", {"handle": one, "password": NEW, "code": "1"}) for one in ("ivan", "petr")]
    for path, form in tries:
        began = monotonic()
        assert client.post(path, data=form).status_code == 403
        assert monotonic() - began >= 1.5, form


def test_one_address_can_not_try_one_member_of_staff_after_another(
    ivan: Member, sql: psycopg.Connection
) -> None:
    ivan.enrolled()
    ivan.sign_in(password=NEW)
    sql.execute("UPDATE access.limits SET full_at = now() + interval '1 hour' WHERE act = 'staff-sign-in'")
    answer = ivan.sign_in()
    assert (answer.status_code, code_of(answer)) == (429, "tries-too-many")


def test_nobody_finds_out_by_trying_whose_snils_has_a_cabinet(anna: Person, portal: Portal) -> None:
    assert anna.post("/services/profile", **PROFILE).status_code == 303
    boris = portal.person(BORIS).register()
    tries = OF_ONE_SUBJECT["number"].tries
    for number in range(tries):
        given = PROFILE | {"snils": ANNA.snils if number % 2 else who(20 + number).snils}
        assert boris.post("/services/profile", **given).status_code in (303, 409)
    own = PROFILE | {"snils": who(20 + tries - 2).snils, "region": "78"}
    assert boris.post("/services/profile", **own).status_code == 303, (
        "what is not a new number is not counted"
    )
    for snils in (ANNA.snils, who(50).snils):
        answer = boris.post("/services/profile", **PROFILE | {"snils": snils})
        assert (answer.status_code, code_of(answer)) == (429, "tries-too-many")


def test_nobody_fills_the_disk_with_scans(
    anna: Person, portal: Portal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        limits, "OF_ONE_SUBJECT", OF_ONE_SUBJECT | {"scan": limits.Limit(2, OF_ONE_SUBJECT["scan"].within)}
    )
    said = []
    for _ in range(3):
        form, file = {"csrf": anna.token(), "kind": "snils"}, {"scan": ("a.pdf", PDF)}
        said.append(anna.client.post("/services/identity/scans", data=form, files=file))
        if said[-1].status_code == 303:
            page = anna.get("/services/identity").text
            scan = re.search(r'action="(/services/identity/scans/[^"]+/remove)"', page)
            assert scan and anna.post(scan[1]).status_code == 303
    assert [one.status_code for one in said] == [303, 303, 429] and "tries-too-many" in said[-1].text


# What is sent


@pytest.mark.parametrize(
    "path",
    ["/services/organisations?q=%00", "/services/appeals?q=a%00b", "/services/organisations/choose/a%00"],
)
def test_what_no_field_can_hold_is_refused_as_malformed(anna: Person, path: str) -> None:
    answer = anna.get(path)
    assert (answer.status_code, code_of(answer)) == (400, "request-malformed")


@pytest.mark.parametrize(
    "path", ["/sign-in", "/register", "/recover", "/passwords/estimate", "/staff/sign-in"]
)
def test_of_a_form_that_is_too_long_nothing_is_read(portal: Portal, path: str) -> None:
    """Anybody could fill the memory with it."""
    client = portal.person(BORIS).client
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    long, unsaid = b"phone=" + b"1" * FORM_BYTES_MAX, (part for part in [b"phone=1", b"2"])
    for content in (long, unsaid):
        answer = client.post(path, content=content, headers=kind)
        assert (answer.status_code, code_of(answer)) == (400, "request-malformed")
    form = {"phone": BORIS.phone, "password": "1", "handle": "a", "more": "я" * 10_000}
    assert client.post(path, data=form).status_code in (200, 303, 403, 422), "a usual one is read"


@pytest.mark.parametrize("statement", [{"x5c": 2, "sig": 1, "alg": "a"}, {"ver": "2.0", "x5c": [b"a"]}])
@pytest.mark.parametrize("kind", ["none", "packed", "tpm", "fido-u2f"])
def test_what_is_no_passkey_is_refused_whatever_it_is(
    anna: Person, kind: str, statement: dict[str, object]
) -> None:
    options = orjson.loads(anna.post("/account/passkey/options").content)
    key = SoftKey(anna.portal.opened.settings.public_url, rp_id="127.0.0.1")
    made = orjson.loads(key.make(options))
    attestation = cbor2.loads(base64url_to_bytes(made["response"]["attestationObject"]))
    attestation |= {"fmt": kind, "attStmt": statement}
    if kind == "none":
        # A public key without its second half.
        attestation |= {"attStmt": {}, "authData": attestation["authData"][:-35].replace(b"\xa5", b"\xa4", 1)}
    made["response"]["attestationObject"] = bytes_to_base64url(cbor2.dumps(attestation))
    answer = anna.post("/account/passkey", credential=orjson.dumps(made).decode())
    assert (answer.status_code, code_of(answer)) == (403, "passkey-refused")


def test_an_error_that_nobody_foresaw_says_nothing_of_what_was_sent(
    anna: Person,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise RuntimeError(f"duplicate key: {SECRET}")

    monkeypatch.setattr("api.portal.organisations.found_by", fails)
    with caplog.at_level(logging.DEBUG):
        answer = anna.get("/services/organisations")
    assert answer.status_code == 500 and "internal (500)" in answer.text
    assert answer.headers["x-content-type-options"] == "nosniff" and SECRET not in answer.text
    out, err = capfd.readouterr()
    assert "RuntimeError" in out + err and SECRET not in out + err + caplog.text


def test_staff_can_not_choose_a_password_that_is_tried_first(ivan: Member) -> None:
    ivan.open_link(ivan.admitted())
    assert code_of(ivan.enrol(password="passwordpassword")) == "password-common"
    assert ivan.enrol().status_code == 303


def test_a_provider_that_hangs_is_asked_once_and_not_by_each_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everybody who waited would hold a thread of the portal for as long again."""
    asked = []

    def hangs(*_: object, **__: object) -> None:
        asked.append(monotonic())
        sleep(0.2)
        raise ProblemError("provider-away", "form")

    monkeypatch.setattr(RelyingParty, "_ask", hangs)
    provider = Provider(
        name="esia", title="Услуги", issuer="https://esia.example", client_id="a", client_secret="b"
    )
    found = RelyingParty(provider, "https://letopis.example/external/esia/callback")

    def one(_: int) -> None:
        with pytest.raises(ProblemError, match="provider-away"):
            found.authorization_url(begin())

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(one, range(20)))
    assert len(asked) == 1
