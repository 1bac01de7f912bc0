"""A notice by SMS, from the laboratory's report to the receipt on the phone; and never a second one."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from api.demo_peers import Fault
from api.node import Node
from api.sending import worker
from api.sending.worker import ChannelWorker
from domain.channel import Channel
from domain.notification import NotificationRequested
from domain.receiving import Periodicity
from domain.values import PatientId
from tests.api.cast import ANNA, Laboratory, Portal, bundle, settled
from tests.api.sending_cast import Clock, rows_of, told, wants, with_settings
from tests.api.smpp_centre import SmscPeer

TOKEN = "receipts-token"


@pytest.fixture
def settings(settings: Any) -> Any:
    """Those of conftest.py, with a token for receipts."""
    return settings.model_copy(update={"sms_receipts_token": TOKEN})


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """By day: at night an SMS waits for the morning."""
    clock = Clock()
    monkeypatch.setattr(worker, "utc_now", clock.now)
    clock.to(clock.now().replace(hour=9, minute=0))
    return clock


@pytest.fixture
def anna(portal: Portal, laboratory: Laboratory, clock: Clock) -> PatientId:
    patient_id = settled(portal.opened, ANNA, laboratory.laboratory_id)
    wants(portal, patient_id, Channel.SMS, periodicity=Periodicity.AS_READY)
    return patient_id


@pytest.fixture
def ready(portal: Portal, laboratory: Laboratory, anna: PatientId) -> None:
    """A report that Anna is to be told of by SMS."""
    assert portal.submit(laboratory.seal(bundle("1"))).status_code == 201
    portal.catch_up()


def test_a_result_is_told_by_sms_and_its_receipt_is_seen(
    portal: Portal, anna: PatientId, ready: None
) -> None:
    portal.notify(Channel.SMS)
    (message,) = portal.sms.accepted
    assert message.to == ANNA.phone
    assert (
        message.text
        == f"Летопись: в вашем кабинете новый документ. {portal.opened.settings.public_url}/reports"
    )
    (row,) = rows_of(portal, anna, Channel.SMS)
    assert (row.status, row.remote_id) == ("handed-over", message.remote_id)
    portal.sms.tells_to = (f"{portal.opened.settings.public_url}/receipts/sms", TOKEN)
    assert portal.sms.tell(message) == 204
    (row,) = rows_of(portal, anna, Channel.SMS)
    assert row.status == "delivered"


@pytest.mark.parametrize("fault", [Fault.DROP_BEFORE, Fault.DROP_AFTER])
def test_what_may_have_been_sent_is_not_sent_again(
    portal: Portal, anna: PatientId, ready: None, clock: Clock, fault: Fault
) -> None:
    portal.sms.fault = fault
    portal.notify(Channel.SMS)
    portal.sms.fault = None
    for _ in range(3):
        clock.forward(hours=24)
        portal.notify(Channel.SMS)
    (row,) = rows_of(portal, anna, Channel.SMS)
    assert row.status == "unknown"
    assert len(portal.sms.accepted) == (fault is Fault.DROP_AFTER)


def test_a_receipt_settles_what_was_unknown(portal: Portal, anna: PatientId, ready: None) -> None:
    portal.sms.fault = Fault.DROP_AFTER
    portal.notify(Channel.SMS)
    portal.sms.tells_to = (f"{portal.opened.settings.public_url}/receipts/sms", TOKEN)
    portal.sms.tell(portal.sms.accepted[0])
    (row,) = rows_of(portal, anna, Channel.SMS)
    assert row.status == "delivered"


@pytest.fixture
def by_smpp(portal: Portal) -> Iterator[tuple[SmscPeer, Callable[[], ChannelWorker]]]:
    with SmscPeer() as smsc:
        chosen = {"sms_gateway_url": None, "smpp_host": "127.0.0.1", "smpp_port": smsc.port}
        changed: Node = with_settings(portal.opened, **chosen)
        yield smsc, lambda: ChannelWorker(changed, Channel.SMS)


def test_a_number_that_is_none_is_told_by_the_centre_and_asked_no_more(
    portal: Portal, anna: PatientId, ready: None, by_smpp: tuple[SmscPeer, Callable[[], ChannelWorker]]
) -> None:
    smsc, sender = by_smpp
    smsc.statuses = [0x0B]
    sender().step()
    (row,) = rows_of(portal, anna, Channel.SMS)
    assert (row.status, row.reason) == ("failed", "number-unknown")


def test_a_busy_centre_is_asked_again_later(
    portal: Portal,
    anna: PatientId,
    ready: None,
    clock: Clock,
    by_smpp: tuple[SmscPeer, Callable[[], ChannelWorker]],
) -> None:
    smsc, sender = by_smpp
    smsc.statuses = [0x58]
    sender().step()
    (row,) = rows_of(portal, anna, Channel.SMS)
    assert (row.status, row.reason) == ("waiting", "smpp-58")
    clock.forward(minutes=5)
    sender().step()
    (row,) = rows_of(portal, anna, Channel.SMS)
    assert (row.status, row.remote_id) == ("handed-over", f"m-{len(smsc.accepted)}")
    assert told(portal).count("Attempted") == 2
    assert len(portal.events(NotificationRequested)) == 1
