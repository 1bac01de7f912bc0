"""Notices by one channel are stopped by the link in one of them, in one click and without signing in (RFC 8058)."""

import httpx2
import pytest

from api import unsubscribe_token
from domain.channel import Channel
from domain.consent import ConsentWithdrawn
from domain.receiving import ReceivingSettings, ReceivingSettingsChanged
from ledger.commands import by_patient
from ledger.receiving import load_receiving, save_settings, turn_notices_on
from tests.api.cast import ANNA, BORIS, Portal, settled

ONE_CLICK = {"List-Unsubscribe": "One-Click"}


@pytest.fixture
def mailer(portal: Portal) -> httpx2.Client:
    """A mail program's server: it names no origin, carries no cookie, and holds nothing but the link."""
    return httpx2.Client(base_url=portal.opened.settings.public_url, timeout=60)


def link(portal: Portal, patient_id: object, channel: Channel = Channel.EMAIL) -> str:
    key = portal.opened.ledger.custody.message_key
    return f"/unsubscribe/{unsubscribe_token.make(key, patient_id, channel)}"  # type: ignore[arg-type]


def test_one_click_stops_one_channel_and_nothing_else(portal: Portal, mailer: httpx2.Client) -> None:
    anna, boris = settled(portal.opened, ANNA, None), settled(portal.opened, BORIS, None)
    ledger = portal.opened.ledger
    both = ReceivingSettings(channels=(Channel.EMAIL, Channel.SMS))
    save_settings(ledger, anna, both, by_patient(anna))
    answer = mailer.post(link(portal, anna), data=ONE_CLICK)
    assert answer.status_code == 200 and answer.headers["referrer-policy"] == "no-referrer"
    assert load_receiving(ledger, anna).settings.channels == (Channel.SMS,)
    assert load_receiving(ledger, anna).notices(Channel.SMS), "one channel, not all"
    assert load_receiving(ledger, boris).notices(Channel.EMAIL), "nobody else's"
    assert not portal.events(ConsentWithdrawn)
    changed = portal.events(ReceivingSettingsChanged)[-1]
    assert changed.circumstances.actor == "link:unsubscribe"
    assert changed.circumstances.on_behalf_of == f"patient:{anna}"


def test_the_last_channel_takes_all_notices_with_it(portal: Portal, mailer: httpx2.Client) -> None:
    anna = settled(portal.opened, ANNA, None)
    mailer.post(link(portal, anna), data=ONE_CLICK)
    settings = load_receiving(portal.opened.ledger, anna).settings
    assert settings.has_no_notices and settings.channels == ()
    turn_notices_on(portal.opened.ledger, anna, by_patient(anna))
    assert load_receiving(portal.opened.ledger, anna).notices(Channel.EMAIL)


def test_saying_it_twice_is_one_event_and_looking_is_none(portal: Portal, mailer: httpx2.Client) -> None:
    anna = settled(portal.opened, ANNA, None)
    for _ in range(3):
        page = mailer.get(link(portal, anna))
        assert page.status_code == 200 and "Отказаться" in page.text
    assert not portal.events(ReceivingSettingsChanged), "a mail scanner opens every link"
    for _ in range(2):
        assert "Готово" in mailer.post(link(portal, anna), data=ONE_CLICK).text
    assert len(portal.events(ReceivingSettingsChanged)) == 1
    assert "Готово" in mailer.get(link(portal, anna)).text


def test_the_page_names_nobody(portal: Portal, mailer: httpx2.Client) -> None:
    anna = settled(portal.opened, ANNA, None)
    for answer in (mailer.get(link(portal, anna)), mailer.post(link(portal, anna))):
        for secret in (ANNA.family, ANNA.given, ANNA.email, ANNA.phone[-4:], str(anna)):
            assert secret not in answer.text


def test_who_never_had_a_policy_can_stop_notices_too(portal: Portal, mailer: httpx2.Client) -> None:
    anna = portal.person(ANNA).register()
    assert mailer.post(link(portal, anna.patient_id, Channel.EMAIL), data=ONE_CLICK).status_code == 200
    assert not load_receiving(portal.opened.ledger, anna.patient_id).notices(Channel.EMAIL)


@pytest.mark.parametrize(
    "change",
    [
        lambda token: token[:-1],
        lambda token: ("b" if token[0] == "a" else "a") + token[1:],
        lambda _: "x" * 60,
    ],
)
def test_a_token_that_is_not_ours_is_no_page(portal: Portal, mailer: httpx2.Client, change: object) -> None:
    anna = settled(portal.opened, ANNA, None)
    assert callable(change)
    token = link(portal, anna).rpartition("/")[2]
    path = f"/unsubscribe/{change(token)}"
    for answer in (mailer.get(path), mailer.post(path, data=ONE_CLICK)):
        assert answer.status_code == 404
    assert not portal.events(ReceivingSettingsChanged)
