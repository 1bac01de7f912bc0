"""Push notifications in a real browser: the page turns them on, the worker shows what comes, each notice once.

Where a browser subscribes it asks the service of its maker, which is not here: at that one boundary the page's
`pushManager` is a stand-in, which gives the address of a push service of ours. What the sender hands to that
service is opened with the browser's keys and given to the worker as the browser itself would (CDP).
"""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, time
from time import monotonic
from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest
from playwright.sync_api import Browser, BrowserContext, CDPSession, Page, expect

from api.channels.notice import Notice, NoticeKind, PushAddress
from api.channels.push import PushSender
from api.outcome import HandedOver, Outcome
from api.settings import Settings
from domain.channel import Channel
from domain.notice_hours import NoticeHours
from domain.notification import NotificationHandedOver
from domain.push_subscription import PushSubscribed, PushUnsubscribed
from domain.receiving import Periodicity
from ledger.commands import by_patient
from ledger.push_subscriptions import load_subscriptions
from ledger.receiving import choose_hours
from tests.api import test_journey
from tests.api.cast import ANNA, Laboratory, Person, Portal, bundle, settle
from tests.api.push_peer import PushBrowser, PushPeer, push_peer
from tests.api.sending_cast import wants
from tests.api.test_journey import PHONE, Visitor, comes_true, visiting

chromium = test_journey.chromium
PAGE = "/notifications/push"
# The service of the browser's maker: this is all of it that is not real here.
STAND_IN = """(address) => {
    const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, '+').replace(/_/g, '/')), (c) => c.charCodeAt(0));
    const known = 'stand-in-subscription';
    const made = (key) => ({
        endpoint: address.endpoint,
        options: {applicationServerKey: bytes(key).buffer, userVisibleOnly: true},
        toJSON: () => ({endpoint: address.endpoint, keys: {p256dh: address.p256dh, auth: address.auth}}),
        unsubscribe: async () => { localStorage.removeItem(known); return true; },
    });
    PushManager.prototype.getSubscription = async () => {
        const key = localStorage.getItem(known);
        return key ? made(key) : null;
    };
    PushManager.prototype.subscribe = async (options) => {
        if (!options.userVisibleOnly) throw new DOMException('', 'NotAllowedError');
        const key = btoa(String.fromCharCode(...options.applicationServerKey))
            .replace(/\\+/g, '-').replace(/\\//g, '_').replace(/=+$/, '');
        localStorage.setItem(known, key);
        return made(key);
    };
}"""

COUNTS_WHAT_IT_ENDED = """() => {
    self.ended = 0;
    const { waitUntil } = ExtendableEvent.prototype;
    ExtendableEvent.prototype.waitUntil = function (work) {
        waitUntil.call(this, work);
        work.finally(() => { self.ended += 1; });
    };
}"""


@pytest.fixture
def peer() -> Iterator[PushPeer]:
    with push_peer() as found:
        yield found


@pytest.fixture
def settings(settings: Settings, peer: PushPeer) -> Settings:
    return settings.model_copy(
        update={
            "public_url": f"http://localhost:{settings.port}",
            "push_contact": "mailto:operator@letopis.example",
            "push_services": (peer.origin,),
        }
    )


@dataclass(slots=True)
class Worker:
    """The service worker, as the browser holds it."""

    cdp: CDPSession
    page: Page
    origin: str
    registration: str
    given: int = 0

    @classmethod
    def of(cls, page: Page, origin: str) -> "Worker":
        """Once it stands."""
        cdp, found = page.context.new_cdp_session(page), []
        cdp.on(
            "ServiceWorker.workerRegistrationUpdated",
            lambda event: found.extend(one["registrationId"] for one in event["registrations"]),
        )
        page.evaluate("navigator.serviceWorker.ready.then(() => true)")
        cdp.send("ServiceWorker.enable")
        give_up = monotonic() + 60
        while not found:
            assert monotonic() < give_up, "no service worker"
            page.wait_for_timeout(50)
        (at_work,) = page.context.service_workers
        at_work.evaluate(COUNTS_WHAT_IT_ENDED)
        return cls(cdp, page, origin, found[-1])

    def gets(self, message: bytes) -> None:
        self.given += 1
        self.cdp.send(
            "ServiceWorker.deliverPushMessage",
            {"origin": self.origin, "registrationId": self.registration, "data": message.decode()},
        )

    def ends(self) -> None:
        """Every message given to it. Only then is it asked what it shows: Chromium forgets a notice for ever when it
        is asked for its notices between writing that one down and putting it on the screen.
        """
        (at_work,) = self.page.context.service_workers
        give_up = monotonic() + 60
        while at_work.evaluate("self.ended") != self.given:
            assert monotonic() < give_up, "a message has no end"
            self.page.wait_for_timeout(50)

    def shown(self) -> list[dict[str, Any]]:
        return self.page.evaluate(  # type: ignore[no-any-return]
            "navigator.serviceWorker.ready.then((one) => one.getNotifications())"
            ".then((all) => all.map(({title, body, tag, lang, renotify, data}) =>"
            " ({title, body, tag, lang, renotify, data})))"
        )

    def shows(self, count: int) -> list[dict[str, Any]]:
        """When it has had the time to."""
        self.ends()
        give_up = monotonic() + 60
        while len(found := self.shown()) != count:
            assert monotonic() < give_up, found
            self.page.wait_for_timeout(50)
        return found

    def remembers(self, count: int) -> None:
        give_up = monotonic() + 60
        asked = "caches.open('shown-notices').then((one) => one.keys()).then((keys) => keys.length)"
        while self.page.evaluate(asked) != count:
            assert monotonic() < give_up
            self.page.wait_for_timeout(50)

    def put_away(self) -> None:
        self.page.evaluate(
            "navigator.serviceWorker.ready.then((one) => one.getNotifications())"
            ".then((all) => all.forEach((one) => one.close()))"
        )
        self.shows(0)


def bring_session(context: BrowserContext, person: Person) -> None:
    """Who signed in by HTTP is signed in here."""
    url = person.portal.opened.settings.public_url
    session = {"name": "session", "value": person.client.cookies["session"], "url": url}
    context.add_cookies([session])  # type: ignore[list-item]


@pytest.fixture
def anna(chromium: Browser, serve: Callable[..., Portal]) -> Iterator[Visitor]:
    """Signed in, at a browser that is allowed to show notifications."""
    portal = serve()
    person = portal.person(ANNA).register()
    url = portal.opened.settings.public_url
    with visiting(chromium, portal, PHONE) as visitor:
        bring_session(visitor.page.context, person)
        visitor.page.context.grant_permissions(["notifications"], origin=url)
        yield visitor


def stands_in(anna: Visitor, browser: PushBrowser) -> None:
    address = {name: getattr(browser.address, name) for name in ("endpoint", "p256dh", "auth")}
    anna.page.add_init_script(f"({STAND_IN})({orjson.dumps(address).decode()})")


def sent(
    portal: Portal, peer: PushPeer, browser: PushBrowser, notification_id: UUID, **changed: Any
) -> bytes:
    """What the browser is handed by its service: the notice, sealed by the sender and opened by the browser."""
    ledger = portal.opened.ledger
    patient_id = Person(portal, ANNA, portal.machine).patient_id
    (known,) = load_subscriptions(ledger, patient_id).subscriptions
    sender = PushSender.from_settings(portal.opened.settings, ledger.custody)
    assert sender is not None
    plain: dict[str, Any] = {
        "notification_id": notification_id,
        "recipient_id": patient_id,
        "kind": NoticeKind.READY,
        "locale": "ru",
        "link": f"{portal.opened.settings.public_url}/reports",
        "requested_at": datetime.now(UTC),
        "browsers": (
            PushAddress(
                subscription_id=known.subscription_id,
                endpoint=known.endpoint,
                p256dh=known.p256dh,
                auth=known.auth,
            ),
        ),
    }
    notice = Notice(**plain | changed)

    async def hand_over() -> Outcome:
        try:
            return await sender.send(notice)
        finally:
            await sender.close()

    with ThreadPoolExecutor(1) as another:  # in this thread the loop of the browser's driver runs
        assert isinstance(another.submit(asyncio.run, hand_over()).result(), HandedOver)
    return browser.open(peer.accepted[-1].body)


# The steps.


def turns_on(anna: Visitor) -> None:
    anna.go(PAGE)
    anna.sees("Push-уведомления", "Пока нигде.")
    anna.press("Включить на этом устройстве")
    anna.sees("Push-уведомления включены в этом браузере.", "На этом устройстве уведомления включены.")
    expect(anna.page.locator("[data-push-this]")).to_be_visible()


def test_a_notice_is_shown_once_however_often_it_comes(anna: Visitor, peer: PushPeer) -> None:
    browser, portal = peer.browser(), anna.portal
    stands_in(anna, browser)
    turns_on(anna)
    anna.picture("push")
    worker = Worker.of(anna.page, portal.opened.settings.public_url)
    first, second = uuid4(), uuid4()
    worker.gets(sent(portal, peer, browser, first))
    (shown,) = worker.shows(1)
    assert shown == {
        "title": "Летопись",
        "body": "В личном кабинете новый документ.",
        "tag": peer.accepted[-1].headers["topic"],
        "lang": "ru",
        "renotify": False,
        "data": {"link": "/reports"},
    }
    # Sent again, for nobody knew whether it came: it stands in the place of the first.
    worker.gets(sent(portal, peer, browser, first))
    worker.gets(sent(portal, peer, browser, second, kind=NoticeKind.CORRECTED))
    assert {one["body"] for one in worker.shows(2)} == {
        "В личном кабинете новый документ.",
        "Документ в личном кабинете исправлен.",
    }
    worker.remembers(2)
    # And when its reader has put it away already, it does not come back.
    worker.put_away()
    worker.gets(sent(portal, peer, browser, first))
    worker.gets(sent(portal, peer, browser, uuid4(), kind=NoticeKind.TEST))
    assert [one["body"] for one in worker.shows(1)] == ["Пробное уведомление: всё работает."]


def test_of_notices_that_come_at_once_none_is_lost(anna: Visitor, peer: PushPeer) -> None:
    """By chance only: where the worker tells them side by side, one of two runs of this loses one."""
    stands_in(anna, peer.browser())
    turns_on(anna)
    worker = Worker.of(anna.page, anna.portal.opened.settings.public_url)
    for _ in range(10):
        tags = {str(uuid4()) for _ in range(5)}
        for tag in tags:
            worker.gets(orjson.dumps({"title": "Летопись", "body": "Новое.", "tag": tag, "link": "/reports"}))
        assert {one["tag"] for one in worker.shows(5)} == tags
        worker.put_away()


def test_a_result_is_on_the_screen_when_it_comes(
    chromium: Browser, serve: Callable[..., Portal], laboratory: Laboratory, peer: PushPeer
) -> None:
    """From the laboratory to the screen, by everything that runs; the click is in the test below."""
    portal = serve(works=True)
    person, browser = portal.person(ANNA).register(), peer.browser()
    settle(portal.opened, person.patient_id, ANNA, laboratory.laboratory_id)
    wants(portal, person.patient_id, Channel.PUSH, periodicity=Periodicity.AS_READY)
    awake = NoticeHours(quiet_from=time(), quiet_until=time())
    choose_hours(portal.opened.ledger, person.patient_id, awake, by_patient(person.patient_id))
    url = portal.opened.settings.public_url
    with visiting(chromium, portal, PHONE) as anna:
        bring_session(anna.page.context, person)
        anna.page.context.grant_permissions(["notifications"], origin=url)
        stands_in(anna, browser)
        turns_on(anna)
        worker = Worker.of(anna.page, url)
        assert portal.submit(laboratory.seal(bundle("1"))).status_code == 201
        comes_true(lambda: peer.accepted, "the notice is handed over")
        worker.gets(browser.open(peer.accepted[0].body))
        (shown,) = worker.shows(1)
        assert shown["body"] == "В личном кабинете новый документ."
        anna.go(shown["data"]["link"])
        anna.sees("Креатинин")
        comes_true(lambda: portal.events(NotificationHandedOver), "and that is recorded")
        (handed,) = portal.events(NotificationHandedOver)
        assert handed.event.remote_id == "message-1"


def test_what_can_not_be_read_says_a_plain_word(anna: Visitor, peer: PushPeer) -> None:
    stands_in(anna, peer.browser())
    turns_on(anna)
    worker = Worker.of(anna.page, anna.portal.opened.settings.public_url)
    worker.gets(b"{")
    (shown,) = worker.shows(1)
    assert shown["body"] == "В личном кабинете есть новое." and shown["data"] == {"link": "/notifications"}


def test_a_browser_is_turned_off_where_it_was_turned_on(anna: Visitor, peer: PushPeer) -> None:
    stands_in(anna, peer.browser())
    turns_on(anna)
    anna.press("Отключить")
    anna.sees("Push-уведомления в этом браузере отключены.", "Пока нигде.")
    assert anna.page.evaluate("localStorage.getItem('stand-in-subscription')") is None
    assert len(anna.portal.events(PushSubscribed, PushUnsubscribed)) == 2
    expect(anna.page.get_by_role("button", name="Включить на этом устройстве")).to_be_visible()


def test_a_notice_opens_its_page_and_no_other_site(anna: Visitor, peer: PushPeer) -> None:
    """A click itself is the system's, and a window may be opened after one only: what the worker asks for is seen
    where it asks for it."""
    stands_in(anna, peer.browser())
    turns_on(anna)
    url = anna.portal.opened.settings.public_url
    Worker.of(anna.page, url)
    (worker,) = anna.page.context.service_workers
    clicked = """async (link) => {
        const asked = [];
        self.clients.openWindow = async (page) => void asked.push(['open', page]);
        WindowClient.prototype.focus = async function () { asked.push(['focus', this.url]); };
        await self.registration.showNotification('x', {tag: 'clicked', data: {link}});
        const [notification] = await self.registration.getNotifications({tag: 'clicked'});
        const waits = [];
        const event = new NotificationEvent('notificationclick', {notification});
        event.waitUntil = (promise) => waits.push(promise);
        self.dispatchEvent(event);
        await Promise.all(waits);
        const left = await self.registration.getNotifications({tag: 'clicked'});
        return [...asked, left.length];
    }"""
    assert worker.evaluate(clicked, "/reports") == [["open", f"{url}/reports"], 0]
    # A page that is open already is shown, whatever its address says besides.
    assert worker.evaluate(clicked, PAGE) == [["focus", f"{url}{PAGE}?notice=push-on"], 0]
    for foreign in ("https://evil.example/", "//evil.example/x", "javascript:alert(1)", None, 7):
        assert worker.evaluate(clicked, foreign) == [["open", f"{url}/"], 0]


def test_who_does_not_allow_notifications_is_told_how_to(
    chromium: Browser, serve: Callable[..., Portal], peer: PushPeer
) -> None:
    portal = serve()
    person = portal.person(ANNA).register()
    with visiting(chromium, portal, PHONE) as anna:
        bring_session(anna.page.context, person)
        anna.page.add_init_script("Object.defineProperty(Notification, 'permission', {get: () => 'denied'})")
        anna.go(PAGE)
        anna.sees("Браузер не разрешает уведомления этому сайту.")
        expect(anna.page.get_by_role("button", name="Включить на этом устройстве")).to_be_hidden()


def test_a_browser_that_has_no_push_says_so(
    chromium: Browser, serve: Callable[..., Portal], peer: PushPeer
) -> None:
    portal = serve()
    person = portal.person(ANNA).register()
    with visiting(chromium, portal, PHONE) as anna:
        bring_session(anna.page.context, person)
        anna.page.add_init_script("delete window.PushManager")
        anna.go(PAGE)
        anna.sees("Этот браузер не умеет показывать такие уведомления.")
        anna.page.add_init_script("Object.defineProperty(navigator, 'standalone', {value: false})")
        anna.go(PAGE)
        anna.sees("На iPhone и iPad сначала добавьте кабинет на экран «Домой»")


def test_without_scripts_it_says_what_is_missing(chromium: Browser, serve: Callable[..., Portal]) -> None:
    portal = serve()
    person = portal.person(ANNA).register()
    url = portal.opened.settings.public_url
    with chromium.new_context(java_script_enabled=False, locale="ru-RU") as context:
        bring_session(context, person)
        page = context.new_page()
        page.goto(url + PAGE)
        expect(page.get_by_text("Чтобы включить уведомления, нужен JavaScript")).to_be_visible()
        expect(page.get_by_role("button", name="Включить на этом устройстве")).to_be_hidden()
