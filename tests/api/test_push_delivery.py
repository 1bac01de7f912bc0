"""A result and the browsers of its owner, through the whole of it: what is told, what ends, what is tried again."""

from collections.abc import Callable, Iterator
from datetime import time
from uuid import uuid4

import pytest

from api.sending.worker import ChannelWorker
from api.settings import Settings
from domain.announcement import ChannelsSuppressed
from domain.channel import Channel
from domain.notice_hours import NoticeHours
from domain.notification import NotificationFailed, NotificationHandedOver
from domain.push_subscription import PushEnd, PushSubscriptionEnded
from domain.receiving import Periodicity
from domain.values import PatientId
from ledger.commands import by_patient
from ledger.push_subscriptions import load_subscriptions, subscribe
from ledger.receiving import choose_hours
from tests.api.cast import ANNA, BORIS, Laboratory, Portal, bundle, settled
from tests.api.push_peer import PushBrowser, PushPeer, push_peer
from tests.api.sending_cast import wants


@pytest.fixture
def peer() -> Iterator[PushPeer]:
    with push_peer() as found:
        yield found


@pytest.fixture
def settings(settings: Settings, peer: PushPeer) -> Settings:
    return settings.model_copy(
        update={"push_contact": "mailto:operator@letopis.example", "push_services": (peer.origin,)}
    )


@pytest.fixture
def anna(portal: Portal, laboratory: Laboratory) -> PatientId:
    """Told by push, at any hour, as soon as there is something."""
    patient_id = settled(portal.opened, ANNA, laboratory.laboratory_id)
    always_told(portal, patient_id)
    return patient_id


def always_told(portal: Portal, patient_id: PatientId) -> None:
    wants(portal, patient_id, Channel.PUSH, periodicity=Periodicity.AS_READY)
    awake = NoticeHours(quiet_from=time(), quiet_until=time())
    choose_hours(portal.opened.ledger, patient_id, awake, by_patient(patient_id))


def with_browser(portal: Portal, patient_id: PatientId, browser: PushBrowser) -> PushBrowser:
    address = browser.address
    subscribe(
        portal.opened.ledger,
        patient_id,
        endpoint=address.endpoint,
        p256dh=address.p256dh,
        auth=address.auth,
        label=None,
        by=by_patient(patient_id),
    )
    return browser


@pytest.fixture
def arrives(portal: Portal, laboratory: Laboratory) -> Callable[[str], None]:
    """A result of Anna's comes, and the channel does its round."""

    def arrive(number: str) -> None:
        assert portal.submit(laboratory.seal(bundle(number))).status_code == 201
        portal.catch_up()
        ChannelWorker(portal.opened, Channel.PUSH).step()
        portal.catch_up()

    return arrive


def test_a_result_is_told_to_every_browser_and_says_nothing_of_itself(
    portal: Portal, peer: PushPeer, anna: PatientId, arrives: Callable[[str], None]
) -> None:
    browsers = [with_browser(portal, anna, peer.browser()) for _ in range(2)]
    arrives("1")
    for browser in browsers:
        (told,) = peer.told(browser)
        assert told["body"] == "В личном кабинете новый документ." and told["link"] == "/reports"
        for secret in ("реатинин", "Инвитро", "72", ANNA.family, ANNA.given, str(anna)):
            assert secret not in str(told | {"tag": ""})
    (handed,) = portal.events(NotificationHandedOver)
    assert handed.event.remote_id.startswith("message-")


def test_a_browser_that_is_gone_ends_and_then_nothing_is_sent_by_push(
    portal: Portal, peer: PushPeer, anna: PatientId, arrives: Callable[[str], None]
) -> None:
    with_browser(portal, anna, peer.browser(answers=410))
    arrives("1")
    (failed,) = portal.events(NotificationFailed)
    assert (failed.event.reason, failed.event.retry_at) == ("subscription-gone", None)
    (ended,) = portal.events(PushSubscriptionEnded)
    assert ended.event.reason is PushEnd.GONE
    assert load_subscriptions(portal.opened.ledger, anna).subscriptions == ()
    arrives("2")
    suppressed = {
        (one.channel, one.reason)
        for recorded in portal.events(ChannelsSuppressed)
        for one in recorded.event.channels
    }
    assert (Channel.PUSH, "push-missing") in suppressed
    assert len(peer.asked) == 1


def test_a_service_that_wants_a_rest_is_asked_again_no_sooner(
    portal: Portal, peer: PushPeer, anna: PatientId, arrives: Callable[[str], None]
) -> None:
    with_browser(portal, anna, peer.browser(answers=429, Retry_After="3600"))
    arrives("1")
    (failed,) = portal.events(NotificationFailed)
    assert failed.event.reason == "429" and failed.event.retry_at is not None
    assert (failed.event.retry_at - failed.recorded_at).total_seconds() >= 3590


def test_a_browser_that_another_person_took_shows_theirs_only(
    portal: Portal,
    peer: PushPeer,
    anna: PatientId,
    laboratory: Laboratory,
    arrives: Callable[[str], None],
) -> None:
    shared = with_browser(portal, anna, peer.browser())
    boris = settled(portal.opened, BORIS, laboratory.laboratory_id)
    always_told(portal, boris)
    with_browser(portal, boris, shared)
    arrives("1")
    assert peer.told(shared) == []
    assert portal.submit(laboratory.seal(bundle(str(uuid4()), BORIS))).status_code == 201
    portal.catch_up()
    ChannelWorker(portal.opened, Channel.PUSH).step()
    assert len(peer.told(shared)) == 1
