"""A person says by which browsers they want to be told, and takes it back (S26, S92)."""

import re

import pytest

from api import limits
from api.settings import Settings
from api.vapid import application_server_key
from domain.push_subscription import PushSubscribed, PushUnsubscribed
from ledger.push_subscriptions import load_subscriptions
from tests.api.cast import ANNA, BORIS, Person, Portal, code_of
from tests.examples import BROWSER

PAGE = "/notifications/push"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
FORM = {"endpoint": BROWSER.endpoint, "p256dh": BROWSER.p256dh, "auth": BROWSER.auth}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(
        update={"push_contact": "mailto:operator@letopis.example", "push_services": ("push.example.net",)}
    )


@pytest.fixture
def anna(portal: Portal) -> Person:
    person = portal.person(ANNA).register()
    person.client.headers["user-agent"] = FIREFOX
    return person


def browsers(person: Person) -> list[str]:
    """The addresses on the page to take each of them away."""
    return re.findall(rf'action="({PAGE}/[^"]+/remove)"', person.get(PAGE).text)


def turn_on(person: Person, **changed: str) -> str:
    answer = person.post(PAGE, **FORM | changed)
    return answer.headers.get("location") or code_of(answer)


def test_a_browser_is_turned_on_named_and_turned_off(anna: Person) -> None:
    assert turn_on(anna) == f"{PAGE}?notice=push-on"
    page = anna.get(f"{PAGE}?notice=push-on").text
    assert "Push-уведомления включены в этом браузере." in page and "Firefox, Linux" in page
    (remove,) = browsers(anna)
    assert anna.post(remove).headers["location"] == f"{PAGE}?notice=push-off"
    assert browsers(anna) == [] and "Пока нигде." in anna.get(PAGE).text
    assert len(anna.portal.events(PushSubscribed, PushUnsubscribed)) == 2


def test_the_address_of_a_browser_stays_here(anna: Person) -> None:
    turn_on(anna)
    page = anna.get(PAGE).text
    for secret in (BROWSER.endpoint, BROWSER.auth, BROWSER.p256dh):
        assert secret not in page
    assert application_server_key(anna.portal.opened.ledger.custody) in page


def test_a_browser_that_says_it_twice_is_one(anna: Person) -> None:
    turn_on(anna)
    turn_on(anna, p256dh=BROWSER.p256dh + "=")
    assert len(browsers(anna)) == 1


def test_the_owner_sees_it_among_what_happened_to_the_account(anna: Person) -> None:
    turn_on(anna)
    assert "Включены push-уведомления в браузере" in anna.get("/account").text


def test_who_did_not_choose_push_is_told_that_nothing_will_come(anna: Person) -> None:
    turn_on(anna)
    assert "отметьте push в настройках" in anna.get(PAGE).text


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"endpoint": "https://push.evil.example/1"}, "push-service-unknown"),
        ({"endpoint": "https://127.0.0.1/1"}, "push-service-unknown"),
        ({"endpoint": "http://push.example.net/1"}, "push-service-unknown"),
        ({"endpoint": ""}, "push-service-unknown"),
        ({"p256dh": ""}, "push-subscription-malformed"),
        ({"p256dh": BROWSER.p256dh[:-4] + "AAAA"}, "push-subscription-malformed"),
        ({"auth": BROWSER.auth[:-2]}, "push-subscription-malformed"),
        ({"auth": "не base64"}, "push-subscription-malformed"),
    ],
)
def test_what_is_no_subscription_is_refused(anna: Person, changed: dict[str, str], code: str) -> None:
    assert turn_on(anna, **changed) == code
    assert not anna.portal.events(PushSubscribed)


@pytest.mark.parametrize("name", ["p256dh", "auth"])
def test_a_key_is_base64url_and_nothing_beside(anna: Person, name: str) -> None:
    """The library skips what is no letter of base64, so a key could carry pages of text into the ledger."""
    stuffed = FORM[name][:4] + "!*\n" * 1000 + FORM[name][4:]
    assert turn_on(anna, **{name: stuffed}) == "push-subscription-malformed"
    assert browsers(anna) == []


def test_who_turns_browsers_on_without_end_fills_no_ledger(anna: Person) -> None:
    most = limits.OF_ONE_SUBJECT["push"].tries
    answers = [turn_on(anna, endpoint=f"{BROWSER.endpoint}{place}") for place in range(most + 1)]
    assert answers[-2:] == [f"{PAGE}?notice=push-on", "tries-too-many"]
    assert len(anna.portal.events(PushSubscribed)) == most


def test_it_takes_the_token_of_the_pages(anna: Person) -> None:
    answer = anna.client.post(PAGE, data=FORM | {"csrf": "guessed"})
    assert answer.status_code == 403 and not anna.portal.events(PushSubscribed)


def test_nobody_takes_away_anothers_browser(portal: Portal, anna: Person) -> None:
    turn_on(anna)
    (remove,) = browsers(anna)
    boris = portal.person(BORIS).register()
    known, unknown = boris.post(remove), boris.post(f"{PAGE}/{'0' * 8}-0000-4000-8000-{'0' * 12}/remove")
    assert (
        (known.status_code, code_of(known)) == (unknown.status_code, code_of(unknown)) == (404, "not-found")
    )
    assert len(load_subscriptions(portal.opened.ledger, anna.patient_id).subscriptions) == 1


def test_the_worker_of_the_browser_is_served_at_the_root_and_looked_for_anew(portal: Portal) -> None:
    answer = portal.machine.get("/sw.js")
    assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/javascript")
    assert answer.headers["cache-control"] == "no-cache"
    policy = answer.headers["content-security-policy"]
    assert "worker-src 'self'" in policy and "manifest-src 'self'" in policy and "unsafe" not in policy
    manifest = portal.machine.get("/static/manifest.webmanifest")
    assert manifest.headers["content-type"] == "application/manifest+json"
    icons = [icon["src"] for icon in manifest.json()["icons"]]
    for path in (*icons, "/static/icon-180.png", "/static/badge-96.png"):
        assert portal.machine.get(path).headers["content-type"] == "image/png"


class TestWithoutAContact:
    """Who runs the system has not said whom push services may write to."""

    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"push_contact": None})

    def test_the_page_says_so_and_takes_nothing(self, anna: Person) -> None:
        assert "На этом сервере push-уведомления не работают." in anna.get(PAGE).text
        assert turn_on(anna) == "push-not-here"
