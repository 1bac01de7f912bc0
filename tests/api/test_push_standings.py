"""A push service that is dead is left alone, and the browsers of the others are told all the same."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from api.outcome import HandedOver, Outcome, RefusedForGood, RefusedForNow, Unknown
from api.sending import worker as sending_worker
from api.sending.breaker import OPEN_FIRST, REFUSALS_MAX
from api.sending.push_standings import PushStandings
from api.sending.worker import ChannelWorker
from api.settings import Settings
from domain.channel import Channel
from domain.notification import NotificationFailed, NotificationHandedOver
from domain.push_subscription import PushSubscription, PushSubscriptions
from tests.api.cast import ANNA, BORIS, Laboratory, Portal, Who, bundle, settled
from tests.api.push_peer import PushPeer, push_peer
from tests.api.sending_cast import Clock
from tests.api.test_push_delivery import always_told, with_browser

NOW = datetime(2026, 11, 26, tzinfo=UTC)
GOOGLE, MOZILLA = "https://fcm.googleapis.com/a", "https://updates.push.services.mozilla.com/b"


def at(*endpoints: str) -> PushSubscriptions:
    """Somebody whose browsers are told there."""
    return PushSubscriptions(
        subscriptions=tuple(
            PushSubscription(subscription_id=uuid4(), endpoint=one, p256dh="", auth="") for one in endpoints
        )
    )


def heard(endpoint: str, *outcomes: Outcome) -> PushStandings:
    services = PushStandings()
    for outcome in outcomes:
        services.hear(endpoint, outcome, NOW)
    return services


@pytest.fixture
def dead() -> PushStandings:
    return heard(MOZILLA, *[Unknown("timeout-after-request")] * REFUSALS_MAX)


def test_five_refusals_of_one_service_leave_the_others_as_they_are(dead: PushStandings) -> None:
    assert dead.rests(at(MOZILLA), NOW) and dead.is_left_alone(MOZILLA, NOW)
    assert not dead.rests(at(GOOGLE), NOW) and not dead.is_left_alone(GOOGLE, NOW)
    assert not dead.rests(at(MOZILLA, GOOGLE), NOW), "one of the two browsers is enough"


def test_who_has_no_browser_or_a_broken_address_is_not_kept_waiting(dead: PushStandings) -> None:
    assert not dead.rests(None, NOW)
    assert not dead.rests(at("no address"), NOW)


def test_one_person_goes_ahead_when_the_time_is_over(dead: PushStandings) -> None:
    later = NOW + OPEN_FIRST
    assert [dead.rests(at(MOZILLA), later) for _ in range(3)] == [False, True, True]
    dead.hear(MOZILLA, HandedOver("1"), later)
    assert not dead.rests(at(MOZILLA), later)


def test_a_probe_that_fails_doubles_the_rest(dead: PushStandings) -> None:
    later = NOW + OPEN_FIRST
    assert not dead.rests(at(MOZILLA), later)
    dead.hear(MOZILLA, RefusedForNow("503"), later)
    assert dead.rests(at(MOZILLA), later + OPEN_FIRST)
    assert not dead.rests(at(MOZILLA), later + 2 * OPEN_FIRST)


def test_a_probe_that_nobody_hears_of_is_followed_by_another(dead: PushStandings) -> None:
    later = NOW + OPEN_FIRST
    assert not dead.rests(at(MOZILLA), later)
    assert not dead.rests(at(MOZILLA), later + timedelta(minutes=6))


def test_what_is_said_of_a_browser_is_not_said_of_its_service() -> None:
    services = heard(MOZILLA, *[RefusedForGood("subscription-gone")] * REFUSALS_MAX)
    assert not services.rests(at(MOZILLA), NOW)


def test_a_refusal_is_of_one_service_while_another_takes() -> None:
    services = heard(MOZILLA, RefusedForNow("503"))
    assert not services.is_of_one(RefusedForNow("503")), "it may be our own connection"
    services.hear(GOOGLE, HandedOver("1"), NOW)
    assert services.is_of_one(RefusedForNow("503"))
    assert not services.is_of_one(HandedOver("1"))
    services.hear(GOOGLE, RefusedForNow("connection"), NOW)
    assert not services.is_of_one(RefusedForNow("connection"))


# Through the whole of it.


@pytest.fixture
def mozilla() -> Iterator[PushPeer]:
    with push_peer() as found:
        yield found


@pytest.fixture
def google() -> Iterator[PushPeer]:
    with push_peer() as found:
        yield found


@pytest.fixture
def settings(settings: Settings, mozilla: PushPeer, google: PushPeer) -> Settings:
    services = (mozilla.origin, google.origin)
    return settings.model_copy(
        update={"push_contact": "mailto:operator@letopis.example", "push_services": services}
    )


def test_a_dead_service_is_left_alone_and_another_is_told(
    portal: Portal,
    laboratory: Laboratory,
    mozilla: PushPeer,
    google: PushPeer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sending_worker, "REST_SECONDS", 0.0)
    clock = Clock()

    def send(number: int, person: Who) -> None:
        assert portal.submit(laboratory.seal(bundle(str(number), person))).status_code == 201
        portal.catch_up()
        worker.step()

    worker = ChannelWorker(portal.opened, Channel.PUSH, clock=clock.now)
    for person, peer, answers in ((ANNA, google, 0), (BORIS, mozilla, 503)):
        patient_id = settled(portal.opened, person, laboratory.laboratory_id)
        always_told(portal, patient_id)
        with_browser(portal, patient_id, peer.browser(answers=answers))
    send(1, ANNA)
    for number in range(2, 2 + REFUSALS_MAX):
        send(number, BORIS)
    portal.catch_up()
    assert len(portal.events(NotificationFailed)) == len(mozilla.asked) == REFUSALS_MAX
    send(8, BORIS)
    send(9, ANNA)
    portal.catch_up()
    assert len(google.accepted) == len(portal.events(NotificationHandedOver)) == 2
    assert len(mozilla.asked) == len(portal.events(NotificationFailed)) == REFUSALS_MAX, "nothing is recorded"
    mozilla.answers.clear()
    clock.forward(minutes=2)
    worker.step()
    assert len(mozilla.accepted) == REFUSALS_MAX + 1, "when its time is over, what waited goes there"
