"""The second proof of a recovery: the account's own program or passkey, and nobody else's."""

import httpx2
import pytest

from api.settings import Settings
from domain.recovery import PasswordRecovered
from tests.api.account_cast import Authenticator
from tests.api.cast import ANNA, BORIS, Person, Portal, code_of
from tests.api.soft_key import SoftKey
from tests.api.staff_cast import Clock
from tests.api.test_passkeys import add
from tests.api.test_recovery import set_password, with_code


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Passkeys belong to a name, and an address in numbers is none."""
    return settings.model_copy(update={"public_url": f"http://localhost:{settings.port}"})


@pytest.fixture
def anna(portal: Portal) -> Person:
    return portal.person(ANNA).register()


@pytest.fixture
def elsewhere(portal: Portal, anna: Person) -> Person:
    """The same phone in another browser that is not signed in."""
    return portal.person(anna.who)


def show(person: Person, key: SoftKey) -> httpx2.Response:
    options = person.client.post("/recover/passkey/options").json()
    return person.client.post("/recover/passkey", data={"credential": key.sign(options)})


def test_a_code_of_the_program_recovers_once(anna: Person, elsewhere: Person, clock: Clock) -> None:
    program = Authenticator(anna, clock).added()
    with_code(elsewhere)
    wrong = elsewhere.client.post("/recover/totp", data={"totp_code": program.wrong_code()})
    assert code_of(wrong) == "totp-code-wrong" and code_of(set_password(elsewhere)) == "recovery-waits"
    code = program.code()
    right = elsewhere.client.post("/recover/totp", data={"totp_code": code})
    assert right.headers["location"] == "/recover/password"
    assert set_password(elsewhere).headers["location"].startswith("/sign-in")
    with_code(elsewhere)
    assert code_of(elsewhere.client.post("/recover/totp", data={"totp_code": code})) == "totp-code-wrong"


def test_a_passkey_recovers(portal: Portal, anna: Person, elsewhere: Person) -> None:
    key = SoftKey(portal.opened.settings.public_url)
    add(anna, key)
    with_code(elsewhere)
    assert 'action="/recover/passkey"' in elsewhere.get("/recover/proof").text
    assert show(elsewhere, key).headers["location"] == "/recover/password"
    assert set_password(elsewhere).headers["location"].startswith("/sign-in")
    assert portal.events(PasswordRecovered)[-1].event.proofs == ("sms-code", "passkey")


def test_a_passkey_of_somebody_else_recovers_nothing(portal: Portal, anna: Person, elsewhere: Person) -> None:
    add(anna, SoftKey(portal.opened.settings.public_url))
    theirs = SoftKey(portal.opened.settings.public_url)
    add(portal.person(BORIS).register(), theirs)
    with_code(elsewhere)
    assert code_of(show(elsewhere, theirs)) == "passkey-refused"
    assert code_of(set_password(elsewhere)) == "recovery-waits"


def test_no_proof_is_asked_for_before_the_code_by_sms(portal: Portal, anna: Person) -> None:
    stranger = portal.person(ANNA)
    for path in ("/recover/totp", "/recover/recovery-code", "/recover/passkey", "/recover/passkey/options"):
        answer = stranger.client.post(path, data={"totp_code": "000000", "recovery_code": "x"})
        assert answer.headers["location"] == "/recover?notice=recovery-ended", path
