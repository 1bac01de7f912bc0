"""A passkey signs in alone, because the device verifies its user; nothing copied, replayed or foreign does."""

from typing import Any

import httpx2
import psycopg
import pytest

from api.settings import Settings
from domain.account import AuthenticatorAdded, AuthenticatorSuspected
from domain.session import SessionOpened
from tests.api.account_cast import grow_old
from tests.api.cast import ANNA, BORIS, Person, Portal, browser, code_of
from tests.api.soft_key import BACKED_UP, BACKUP_ELIGIBLE, HONEST, USER_PRESENT, SoftKey


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Passkeys belong to a name, and an address in numbers is none."""
    return settings.model_copy(update={"public_url": f"http://localhost:{settings.port}"})


@pytest.fixture
def anna(portal: Portal) -> Person:
    return portal.person(ANNA).register()


@pytest.fixture
def key(portal: Portal, anna: Person) -> SoftKey:
    """Anna's passkey."""
    key = SoftKey(portal.opened.settings.public_url)
    answer = add(anna, key)
    assert answer.headers["location"] == "/account?notice=authenticator-added", answer.text
    return key


@pytest.fixture
def door(portal: Portal) -> httpx2.Client:
    """A browser that nobody has signed in with."""
    return browser(portal.opened.settings.public_url)


def asked_to_add(person: Person) -> dict[str, Any]:
    answer = person.post("/account/passkey/options")
    assert answer.status_code == 200, answer.headers
    options: dict[str, Any] = answer.json()
    return options


def add(person: Person, key: SoftKey, **changed: Any) -> httpx2.Response:
    options = asked_to_add(person)
    return person.post("/account/passkey", credential=key.make(options, **changed), label="Ноутбук")


def asked(door: httpx2.Client) -> dict[str, Any]:
    options: dict[str, Any] = door.post("/sign-in/passkey/options").json()
    return options


def sign_in(door: httpx2.Client, key: SoftKey, **changed: Any) -> httpx2.Response:
    return door.post("/sign-in/passkey", data={"credential": key.sign(asked(door), **changed)})


def is_in(door: httpx2.Client) -> bool:
    return door.get("/services").status_code == 200


# What honest keys do.


def test_a_passkey_is_added_and_signs_in_alone(anna: Person, key: SoftKey, door: httpx2.Client) -> None:
    assert "Ключ доступа: Ноутбук" in anna.get("/account").text
    assert sign_in(door, key).headers["location"] == "/reports" and is_in(door)
    assert anna.portal.events(SessionOpened)[-1].event.factors == ("passkey",)


def test_what_the_browser_is_asked_for(anna: Person, key: SoftKey, door: httpx2.Client) -> None:
    adding, proving = asked_to_add(anna), asked(door)
    assert adding["rp"]["id"] == proving["rpId"] == "localhost"
    assert adding["authenticatorSelection"]["userVerification"] == proving["userVerification"] == "required"
    assert adding["authenticatorSelection"]["residentKey"] == "required"
    assert [one["id"] for one in adding["excludeCredentials"]], "a device does not get a second one"
    assert not proving.get("allowCredentials"), "whose key there is, is nobody's business"


def test_a_key_that_counts_goes_up_and_what_it_says_of_its_backup_is_kept(
    anna: Person, portal: Portal, door: httpx2.Client, sql: psycopg.Connection
) -> None:
    key = SoftKey(portal.opened.settings.public_url, sign_count=5)
    add(anna, key, flags=HONEST | BACKUP_ELIGIBLE)
    for count in (6, 9):
        key.sign_count = count
        assert sign_in(door, key, flags=HONEST | BACKUP_ELIGIBLE | BACKED_UP).status_code == 303
    row = sql.execute("SELECT sign_count, is_backup_eligible, is_backed_up FROM access.passkeys").fetchone()
    assert row == (9, True, True)


def test_a_passkey_proves_again_and_leads_back(anna: Person, key: SoftKey, sql: psycopg.Connection) -> None:
    grow_old(sql)
    assert 'action="/step-up/passkey"' in anna.get("/step-up?to=/account").text
    options = anna.post("/step-up/passkey/options").json()
    assert len(options["allowCredentials"]) == 1
    answer = anna.post("/step-up/passkey", credential=key.sign(options), to="/account")
    assert answer.headers["location"] == "/account" and anna.get("/account/totp").status_code == 200


# What is refused.


def test_a_challenge_is_good_once_for_one_browser_and_five_minutes(
    key: SoftKey, door: httpx2.Client, portal: Portal, sql: psycopg.Connection
) -> None:
    options = asked(door)
    token = door.cookies["passkey"]
    answer = key.sign(options)
    with browser(portal.opened.settings.public_url) as thief:
        assert code_of(thief.post("/sign-in/passkey", data={"credential": answer})) == "passkey-refused"
        asked(thief)
        assert code_of(thief.post("/sign-in/passkey", data={"credential": answer})) == "passkey-refused"
        assert door.post("/sign-in/passkey", data={"credential": answer}).status_code == 303
        thief.cookies.set("passkey", token)
        assert code_of(thief.post("/sign-in/passkey", data={"credential": answer})) == "passkey-refused"
        assert not is_in(thief)
    door.cookies.clear()
    late = key.sign(asked(door))
    sql.execute("UPDATE access.passkey_challenges SET expires_at = now() - interval '1 second'")
    assert code_of(door.post("/sign-in/passkey", data={"credential": late})) == "passkey-refused"


def test_a_wrong_answer_uses_the_challenge_up(key: SoftKey, door: httpx2.Client) -> None:
    options = asked(door)
    door.post("/sign-in/passkey", data={"credential": key.sign(options, flags=USER_PRESENT)})
    assert code_of(door.post("/sign-in/passkey", data={"credential": key.sign(options)})) == "passkey-refused"


@pytest.mark.parametrize(
    "changed",
    [
        {"flags": USER_PRESENT},
        {"flags": 0x04},
        {"flags": HONEST | BACKUP_ELIGIBLE},
        {"origin": "https://letopis.evil.example"},
        {"origin": "http://localhost"},
        {"type": "webauthn.create"},
        {"challenge": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"},
    ],
    ids=["no user verification", "nobody there", "another kind of key", "a false site", "another port",
         "of another ceremony", "another challenge"],
)  # fmt: skip
def test_what_a_key_signs_must_be_what_was_asked(
    key: SoftKey, door: httpx2.Client, changed: dict[str, Any]
) -> None:
    answer = sign_in(door, key, **changed)
    assert (answer.status_code, code_of(answer)) == (403, "passkey-refused") and not is_in(door)


def test_a_key_that_is_not_known_and_one_of_another_name_say_the_same(
    portal: Portal, key: SoftKey, door: httpx2.Client
) -> None:
    stranger = SoftKey(key.origin, credential_id=b"another", user_handle=key.user_handle)
    forged = SoftKey(key.origin, credential_id=key.credential_id, user_handle=key.user_handle)
    elsewhere = SoftKey(
        key.origin, "evil.example", key.credential_id, key.private_key, user_handle=key.user_handle
    )
    other = SoftKey(
        key.origin, credential_id=key.credential_id, private_key=key.private_key, user_handle=b"x" * 16
    )
    pages = {sign_in(door, one).text for one in (stranger, forged, elsewhere, other)}
    assert len(pages) == 1 and "passkey-refused" in pages.pop()


@pytest.mark.parametrize(
    "credential",
    ["", "{}", "[]", "null", "не json", '{"id": 1}', "[" * 15_000, "x" * 20_001, '{"id":"\\ud800"}'],
)
def test_what_is_no_credential_is_refused_without_a_fault(
    key: SoftKey, door: httpx2.Client, credential: str
) -> None:
    asked(door)
    assert code_of(door.post("/sign-in/passkey", data={"credential": credential})) == "passkey-refused"


def test_adding_needs_user_verification_and_our_own_address(anna: Person, portal: Portal) -> None:
    key = SoftKey(portal.opened.settings.public_url)
    for changed in ({"flags": USER_PRESENT}, {"origin": "https://evil.example"}, {"type": "webauthn.get"}):
        assert code_of(add(anna, key, **changed)) == "passkey-refused"
    assert not portal.events(AuthenticatorAdded)


def test_a_key_that_somebody_has_is_not_added_for_another(portal: Portal, key: SoftKey) -> None:
    boris = portal.person(BORIS).register()
    assert code_of(add(boris, key)) == "passkey-refused"
    assert len(portal.events(AuthenticatorAdded)) == 1


def test_the_key_of_another_person_proves_nothing_here(
    portal: Portal, key: SoftKey, sql: psycopg.Connection
) -> None:
    boris = portal.person(BORIS).register()
    add(boris, SoftKey(key.origin, credential_id=b"of-boris"))
    grow_old(sql)
    options = boris.post("/step-up/passkey/options").json()
    assert code_of(boris.post("/step-up/passkey", credential=key.sign(options))) == "passkey-refused"
    assert boris.get("/account/totp").status_code == 303


def test_a_proof_before_a_sensitive_act_is_of_its_session(
    portal: Portal, anna: Person, key: SoftKey, door: httpx2.Client, sql: psycopg.Connection
) -> None:
    sign_in(door, key)
    grow_old(sql)
    answer = key.sign(anna.post("/step-up/passkey/options").json())
    other = Person(portal, ANNA, door)
    door.cookies.set("passkey", anna.client.cookies["passkey"])
    assert code_of(other.post("/step-up/passkey", credential=answer)) == "passkey-refused"
    at_the_door = key.sign(asked(anna.client))
    assert code_of(anna.post("/step-up/passkey", credential=at_the_door)) == "passkey-refused"


def test_a_counter_that_goes_back_ends_the_key_and_is_told(
    portal: Portal, anna: Person, door: httpx2.Client
) -> None:
    key = SoftKey(portal.opened.settings.public_url, sign_count=3)
    add(anna, key)
    key.sign_count = 3
    answer = sign_in(door, key)
    assert (answer.status_code, code_of(answer)) == (403, "passkey-suspected") and not is_in(door)
    assert len(portal.events(AuthenticatorSuspected)) == 1
    key.sign_count = 99
    assert code_of(sign_in(door, key)) == "passkey-refused", (
        "the honest one neither: nobody knows which it is"
    )
    page = anna.get("/account").text
    assert "Возможна копия" in page and "Ключ доступа отключён" in page


def test_a_removed_key_opens_nothing(anna: Person, key: SoftKey, door: httpx2.Client) -> None:
    (added,) = anna.portal.events(AuthenticatorAdded)
    anna.post("/account/authenticators/remove", authenticator=str(added.event.authenticator_id))
    assert code_of(sign_in(door, key)) == "passkey-refused"
