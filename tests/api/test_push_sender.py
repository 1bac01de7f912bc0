"""A notice to browsers: sealed so that they alone read it, and an honest outcome of each attempt (RFC 8030, 8291,
8292)."""

import asyncio
import logging
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from time import monotonic, time
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from api import process, vapid
from api.channels import push
from api.channels.notice import Notice, NoticeKind
from api.channels.push import PushSender
from api.channels.retry_after import seconds_of
from api.outcome import HandedOver, Outcome, RefusedForGood, RefusedForNow, Unknown
from api.pages import LOCALES
from api.push_origins import PUSH_SERVICES, is_known
from api.settings import Settings
from domain.values import PatientId
from ledger.custody import Custody
from tests.api.ports import free_port
from tests.api.push_peer import PushBrowser, PushPeer, push_peer

ANNA = PatientId(uuid4())
CONTACT = "mailto:operator@letopis.example"
PUSHED = [kind for kind in NoticeKind if kind is not NoticeKind.PASSWORD]


@pytest.fixture(scope="module")
def peer() -> Iterator[PushPeer]:
    with push_peer() as found:
        yield found


@pytest.fixture
def sender(peer: PushPeer, custody: Custody) -> PushSender:
    return PushSender(custody=custody, contact=CONTACT, services=(peer.origin,))


def notice(*browsers: PushBrowser, **changed: Any) -> Notice:
    plain: dict[str, Any] = {
        "notification_id": uuid4(),
        "recipient_id": ANNA,
        "kind": NoticeKind.READY,
        "locale": "ru",
        "link": "https://letopis.example/reports",
        "requested_at": datetime.now(UTC),
        "browsers": tuple(one.address for one in browsers),
    }
    return Notice(**plain | changed)


def sent(sender: PushSender, *notices: Notice) -> list[Outcome]:
    """All at once, in one event loop."""

    async def act() -> list[Outcome]:
        try:
            return await asyncio.gather(*(sender.send(one) for one in notices))
        finally:
            await sender.close()

    return asyncio.run(act())


def outcome_of(sender: PushSender, *browsers: PushBrowser) -> Outcome:
    return sent(sender, notice(*browsers))[0]


# What the browser gets.


def test_the_browser_reads_where_to_look_and_nothing_else(sender: PushSender, peer: PushPeer) -> None:
    browser = peer.browser()
    (outcome,) = sent(sender, notice(browser))
    assert isinstance(outcome, HandedOver) and outcome.remote_id == f"message-{len(peer.accepted)}"
    (told,) = peer.told(browser)
    assert told == {
        "kind": "ready",
        "title": "Летопись",
        "body": "В личном кабинете новый документ.",
        "lang": "ru",
        "link": "/reports",
        "tag": peer.accepted[-1].headers["topic"],
    }


def test_the_service_is_told_who_writes_and_for_how_long(
    sender: PushSender, peer: PushPeer, custody: Custody
) -> None:
    asked_at = datetime.now(UTC) - timedelta(hours=70)
    sent(sender, notice(peer.browser(), requested_at=asked_at))
    pushed = peer.accepted[-1]
    assert pushed.server_key == vapid.application_server_key(custody)
    assert pushed.claims["sub"] == CONTACT and pushed.claims["aud"] == peer.origin
    assert time() < pushed.claims["exp"] <= time() + 24 * 3600
    assert 7100 < int(pushed.headers["ttl"]) <= 7200
    assert pushed.headers["urgency"] == "normal" and pushed.headers["content-encoding"] == "aes128gcm"


def test_what_is_older_than_its_life_is_not_kept_for_long(sender: PushSender, peer: PushPeer) -> None:
    sent(sender, notice(peer.browser(), requested_at=datetime.now(UTC) - timedelta(days=9)))
    assert peer.accepted[-1].headers["ttl"] == "60"


def test_what_is_urgent_may_wake_a_device(sender: PushSender, peer: PushPeer) -> None:
    sent(sender, notice(peer.browser(), is_urgent=True))
    assert peer.accepted[-1].headers["urgency"] == "high"


def test_a_notice_that_is_sent_again_has_the_topic_and_the_tag_that_it_had(
    sender: PushSender, peer: PushPeer
) -> None:
    browser, one = peer.browser(), uuid4()
    for notification_id in (one, one, uuid4()):
        sent(sender, notice(browser, notification_id=notification_id))
    first, second, other = (pushed.headers["topic"] for pushed in peer.accepted[-3:])
    assert first == second != other and len(first) == 32
    assert [told["tag"] for told in peer.told(browser)] == [first, second, other]
    assert one.hex not in first


def test_the_length_tells_nothing_of_the_words(sender: PushSender, peer: PushPeer) -> None:
    notices = [
        notice(peer.browser(), kind=kind, locale=locale, count=1234, for_ward=for_ward)
        for kind in PUSHED
        for locale in LOCALES
        for for_ward in (False, True)
    ]
    assert all(isinstance(one, HandedOver) for one in sent(sender, *notices))
    assert len({len(one.body) for one in peer.accepted[-len(notices) :]}) == 1


def test_a_digest_counts(sender: PushSender, peer: PushPeer) -> None:
    browser = peer.browser()
    for count in (1, 3, 5):
        sent(sender, notice(browser, kind=NoticeKind.DIGEST, count=count))
    assert [told["body"] for told in peer.told(browser)] == [
        "В личном кабинете 1 новый документ.",
        "В личном кабинете 3 новых документа.",
        "В личном кабинете 5 новых документов.",
    ]


def test_a_password_never_stands_on_a_locked_screen(sender: PushSender, peer: PushPeer) -> None:
    before = len(peer.asked)
    (outcome,) = sent(sender, notice(peer.browser(), kind=NoticeKind.PASSWORD, password="тайна 42"))
    assert outcome == RefusedForGood("not-by-push") and len(peer.asked) == before


def test_a_token_is_made_once_an_hour(
    sender: PushSender, peer: PushPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = monotonic()
    for hours in (0, 0.9, 1.1):
        monkeypatch.setattr(vapid, "monotonic", lambda hours=hours: now + hours * 3600)
        sent(sender, notice(peer.browser()))
    first, second, third = (pushed.headers["authorization"] for pushed in peer.accepted[-3:])
    assert first == second != third


def test_the_key_is_of_these_secrets_and_stays(custody: Custody) -> None:
    key = vapid.application_server_key(custody)
    assert key == vapid.application_server_key(custody)
    assert key != vapid.application_server_key(replace(custody, message_key=b"\1" * 32))


# What becomes of it.


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (400, RefusedForGood("400")),
        (401, RefusedForNow("401")),
        (403, RefusedForGood("403")),
        (404, RefusedForGood("subscription-gone")),
        (408, RefusedForNow("408")),
        (410, RefusedForGood("subscription-gone")),
        (413, RefusedForGood("413")),
        (429, RefusedForNow("429")),
        (500, RefusedForNow("500")),
        (502, RefusedForNow("502")),
        (503, RefusedForNow("503")),
        (504, Unknown("504")),
    ],
)
def test_an_answer_says_whether_to_try_again(
    sender: PushSender, peer: PushPeer, status: int, outcome: Outcome
) -> None:
    assert outcome_of(sender, peer.browser(answers=status)) == outcome


@pytest.mark.parametrize("status", [429, 503])
def test_a_service_says_when_to_come_back(sender: PushSender, peer: PushPeer, status: int) -> None:
    assert outcome_of(sender, peer.browser(answers=status, Retry_After="120")) == RefusedForNow(
        str(status), 120.0
    )


def test_retry_after_is_read_in_both_its_forms_and_never_holds_back_for_ever() -> None:
    at = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    found = seconds_of(at)
    assert found is not None and 85 < found <= 90
    assert seconds_of("Wed, 21 Oct 2015 07:28:00 GMT") == 0
    assert seconds_of("99999999999") == 72 * 3600
    for nonsense in (None, "", "soon", "-5", "1.5", "٣"):
        assert seconds_of(nonsense) is None


@given(st.text())
def test_retry_after_is_a_number_or_nothing(text: str) -> None:
    found = seconds_of(text)
    assert found is None or 0 <= found <= 72 * 3600


def test_a_browser_that_is_gone_is_told_of(sender: PushSender, peer: PushPeer) -> None:
    gone: list[tuple[PatientId, UUID]] = []
    sender.gone = lambda patient_id, subscription_id: gone.append((patient_id, subscription_id))
    left, uninstalled, here = peer.browser(answers=404), peer.browser(answers=410), peer.browser()
    assert isinstance(outcome_of(sender, left, uninstalled, here), HandedOver)
    assert sorted(gone, key=str) == sorted(
        [(ANNA, left.subscription_id), (ANNA, uninstalled.subscription_id)], key=str
    )
    assert len(peer.told(here)) == 1


@pytest.mark.parametrize(
    ("statuses", "outcome"),
    [
        ((410, 500), RefusedForNow("500")),
        ((400, 504, 503), Unknown("504")),
        ((400, 410), RefusedForGood("400")),
    ],
)
def test_what_counts_of_several_browsers_is_the_best(
    sender: PushSender, peer: PushPeer, statuses: Sequence[int], outcome: Outcome
) -> None:
    assert outcome_of(sender, *(peer.browser(answers=status) for status in statuses)) == outcome


def test_a_slow_browser_keeps_nobody_waiting(
    sender: PushSender, peer: PushPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Row 51 of the fault matrix: the others are handed over while it is silent."""
    monkeypatch.setattr(push, "SEND_SECONDS", 60.0)
    others = [notice(peer.browser()) for _ in range(100)]

    async def act() -> None:
        silent = asyncio.create_task(sender.send(notice(peer.browser(waits=20.0))))
        outcomes = await asyncio.gather(*map(sender.send, others))
        assert {type(one) for one in outcomes} == {HandedOver}
        assert not silent.done()
        silent.cancel()
        await asyncio.wait([silent])
        await sender.close()

    asyncio.run(act())


def test_a_browser_that_says_nothing_may_have_been_told(
    sender: PushSender, peer: PushPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(push, "SEND_SECONDS", 1.0)
    assert outcome_of(sender, peer.browser(waits=3.0)) == Unknown("timeout-after-request")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(sender: PushSender, peer: PushPeer, status: int) -> None:
    """It would lead to an address that nobody allowed, an inner one of ours perhaps."""
    aim = peer.browser()
    before = len(peer.accepted)
    outcome = outcome_of(sender, peer.browser(answers=status, Location=aim.address.endpoint))
    assert outcome == RefusedForNow(str(status)) and len(peer.accepted) == before
    assert aim.token not in peer.asked


def test_nobody_listens(custody: Custody) -> None:
    origin = f"http://127.0.0.1:{free_port()}"
    sender = PushSender(custody=custody, contact=CONTACT, services=(origin,))
    assert outcome_of(sender, PushPeer(origin=origin).browser()) == RefusedForNow("connection")


def test_who_hangs_up_after_the_request_may_have_taken_it(custody: Custody) -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(1000)
        writer.close()

    async def act() -> Outcome:
        server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
        origin = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        sender = PushSender(custody=custody, contact=CONTACT, services=(origin,))
        async with server:
            outcome = await sender.send(notice(PushPeer(origin=origin).browser()))
            await sender.close()
        return outcome

    assert asyncio.run(act()) == Unknown("connection-lost-after-request")


def test_who_has_no_browser_or_a_broken_one_is_refused_for_good(sender: PushSender, peer: PushPeer) -> None:
    assert outcome_of(sender) == RefusedForGood("push-missing")
    whole = peer.browser().address
    for changed in ({"p256dh": "AAAA"}, {"p256dh": "?"}, {"auth": "я"}):
        broken = notice(browsers=(replace(whole, **changed),))
        assert sent(sender, broken) == [RefusedForGood("subscription-malformed")]


def test_push_is_off_until_somebody_answers_for_it(custody: Custody) -> None:
    assert PushSender.from_settings(Settings(), custody) is None
    chosen = Settings(push_contact=CONTACT, push_services="push.example, *.push.example.org")
    sender = PushSender.from_settings(chosen, custody)
    assert sender is not None and sender.services == ("push.example", "*.push.example.org")
    assert Settings().push_services == PUSH_SERVICES
    for no_contact in ("", "operator@letopis.example", "http://letopis.example", "mailto:"):
        with pytest.raises(ValidationError):
            Settings(push_contact=no_contact)


# Where it may be sent.


@pytest.mark.parametrize(
    "endpoint",
    [
        "https://fcm.googleapis.com/fcm/send/dQw4w9WgXcQ:APA91b",
        "https://updates.push.services.mozilla.com/wpush/v2/gAAAAA",
        "https://wns2-par02p.notify.windows.com/w/?token=BQYAAA",
        "https://web.push.apple.com/QGuQyavXutnMH",
    ],
)
def test_the_services_of_browsers_are_known(endpoint: str) -> None:
    assert is_known(endpoint, PUSH_SERVICES)


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://fcm.googleapis.com/fcm/send/a",
        "https://fcm.googleapis.com:8443/fcm/send/a",
        "https://fcm.googleapis.com",
        "https://fcm.googleapis.com.evil.example/a",
        "https://fcm.googleapis.com@127.0.0.1/a",
        "https://127.0.0.1/fcm.googleapis.com/",
        "https://127.0.0.1\\@fcm.googleapis.com/a",
        "https://127.0.0.1/#@fcm.googleapis.com/a b",
        "https://evilpush.apple.com/a",
        "https://push.apple.com/a",
        "https://[::1]/a",
        "https://localhost/a",
        "file:///etc/passwd",
        "HTTPS://FCM.GOOGLEAPIS.COM/a",
        "https://fcm.googleapis.com/" + "a" * 2048,
        "https://fcm.googleapis.com/a\r\nHost: evil.example",
        "",
    ],
)
def test_no_other_address_is_called(
    endpoint: str, sender: PushSender, peer: PushPeer, custody: Custody
) -> None:
    assert not is_known(endpoint, PUSH_SERVICES)
    sender.services = PUSH_SERVICES
    elsewhere = replace(peer.browser().address, endpoint=endpoint)
    assert sent(sender, notice(browsers=(elsewhere,))) == [RefusedForGood("subscription-elsewhere")]


def test_even_a_browser_that_was_taken_before_is_judged_when_it_is_told(
    sender: PushSender, peer: PushPeer
) -> None:
    before = len(peer.asked)
    sender.services = PUSH_SERVICES
    assert outcome_of(sender, peer.browser()) == RefusedForGood("subscription-elsewhere")
    assert len(peer.asked) == before


@given(st.text(), st.sampled_from(PUSH_SERVICES))
def test_whatever_stands_before_the_path_decides(text: str, service: str) -> None:
    host = service.removeprefix("*.")
    if not text or "/" in text:
        return
    endpoint = f"https://{text}{host}/"
    is_below = (
        service.startswith("*.")
        and text.endswith(".")
        and set(text) <= set("abcdefghijklmnopqrstuvwxyz0123456789.-")
    )
    assert is_known(endpoint, (service,)) == is_below


def test_no_log_has_the_address_of_a_browser(
    sender: PushSender, peer: PushPeer, caplog: pytest.LogCaptureFixture
) -> None:
    """It is a secret of the browser, and tells by which of them somebody is told."""
    caplog.set_level(logging.INFO)
    process.hush()
    browsers = [peer.browser(), peer.browser(answers=500), peer.browser(answers=410)]
    for browser in browsers:
        outcome_of(sender, browser)
    assert not [one.token for one in browsers if one.token in caplog.text]
