"""One e-mail for each version of a report, never two without need, none without consent, nothing about health."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from threading import Barrier, Thread
from uuid import UUID

import pytest

from api.demo_peers import Fault
from api.node import Node
from api.sending import worker
from api.sending.worker import LEASE, ChannelWorker
from domain import notification
from domain.channel import Channel
from domain.consent import OF_CABINET, ConsentKind
from domain.dispatch import LIFE, UNKNOWN_WAIT
from domain.notification import (
    NotificationAttempted,
    NotificationFailed,
    NotificationHandedOver,
    NotificationOutcomeUnknown,
    NotificationRequested,
    NotificationStatus,
    NotificationSuppressed,
)
from domain.receiving import ReceivingSettings
from domain.values import PatientId
from ledger.commands import by_patient
from ledger.receiving import save_settings
from ledger.redeciding import redecide_all
from ledger.store import Ledger, Write
from ledger.taking import BY
from projections import PROJECTIONS, delivery, rebuild
from tests.api.cast import ANNA, Laboratory, Portal, bundle, grant, settled, who, withdraw

OF_DELIVERY = (
    NotificationRequested,
    NotificationSuppressed,
    NotificationAttempted,
    NotificationHandedOver,
    NotificationFailed,
    NotificationOutcomeUnknown,
)
NO_HEALTH_DATA = re.compile(
    "креатинин|72|мкмоль|анализ|результат|лаборатор|инвитро|соколова|анна|creatinine|invitro", re.IGNORECASE
)


@dataclass(slots=True)
class Clock:
    """The senders' clock, which can be put forward: nobody waits ten minutes in a test."""

    ahead: timedelta = timedelta(0)

    def forward(self, **by: float) -> None:
        self.ahead += timedelta(**by)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(worker, "utc_now", lambda: datetime.now(UTC) + clock.ahead)
    return clock


@pytest.fixture
def anna(portal: Portal, laboratory: Laboratory) -> PatientId:
    return settled(portal.opened, ANNA, laboratory.laboratory_id)


@pytest.fixture
def sent(portal: Portal, laboratory: Laboratory, anna: PatientId) -> UUID:
    """A report that Anna is to be told of; its notification."""
    assert portal.submit(laboratory.seal(bundle("1"))).status_code == 201
    (requested,) = portal.events(NotificationRequested)
    found: UUID = requested.stream_id
    return found


def told(portal: Portal) -> list[str]:
    """What the ledger says of the delivery, by the names of the events."""
    return [
        type(recorded.event).__name__.removeprefix("Notification") for recorded in portal.events(*OF_DELIVERY)
    ]


def messages(portal: Portal) -> list[EmailMessage]:
    """What truly arrived at the relay."""
    raw = [accepted.path.read_bytes() for accepted in portal.mail.accepted]
    return [message_from_bytes(one, policy=policy.default) for one in raw]


def parts(message: EmailMessage) -> Iterator[str]:
    for kind in ("plain", "html"):
        part = message.get_body((kind,))
        assert isinstance(part, EmailMessage)
        yield part.get_content()


# What is sent.


def test_one_email_for_each_version_of_a_report(
    portal: Portal, laboratory: Laboratory, anna: PatientId
) -> None:
    first = laboratory.seal(bundle("1"))
    for envelope in (first, first, laboratory.seal(bundle("1"))):
        assert portal.submit(envelope).status_code == 201
        for _ in range(2):
            portal.notify()
    assert len(messages(portal)) == 1, "the same version is announced once, in whatever envelope"
    portal.submit(laboratory.seal(bundle("1", value="75.00", status="corrected")))
    for _ in range(3):
        portal.notify()
    ids = [message["Message-ID"] for message in messages(portal)]
    assert len(ids) == 2 and ids[0] != ids[1]
    assert told(portal) == ["Requested", "Attempted", "HandedOver"] * 2


def test_the_email_has_the_link_and_nothing_about_health(portal: Portal, sent: UUID) -> None:
    portal.notify()
    (message,) = messages(portal)
    assert portal.mail.accepted[0].recipients == (ANNA.email,)
    for text in parts(message):
        assert f"{portal.opened.settings.public_url}/reports" in text
        assert not NO_HEALTH_DATA.search(re.sub(r"https?://[^\s\"]+", "", text)), text
    said = " ".join(str(value) for name, value in message.items() if name != "To")
    assert not NO_HEALTH_DATA.search(str(message["Subject"]))
    report_id = str(portal.events(NotificationRequested)[0].event.report_id)
    for secret in (ANNA.enp, ANNA.snils, ANNA.phone, report_id, str(sent)):
        assert secret not in said + "".join(parts(message))


def test_the_message_id_is_the_same_however_often_it_is_composed(
    portal: Portal, sent: UUID, clock: Clock
) -> None:
    portal.mail.fault = Fault.DROP_AFTER
    portal.notify()
    clock.forward(minutes=11)
    portal.mail.fault = None
    portal.notify()
    raw = [accepted.path.read_bytes() for accepted in portal.mail.accepted]
    assert len(raw) == 2 and raw[0] == raw[1]


# Consent.


def test_a_consent_withdrawn_before_the_sending_stops_it(portal: Portal, anna: PatientId, sent: UUID) -> None:
    withdraw(portal.opened, anna, ConsentKind.NOTIFICATIONS)
    for _ in range(2):
        portal.notify()
    assert not portal.mail.accepted
    assert told(portal) == ["Requested", "Suppressed"]
    assert portal.events(NotificationSuppressed)[0].event.reason == "consent-withdrawn"


def test_a_consent_withdrawn_between_two_tries_stops_the_second(
    portal: Portal, anna: PatientId, sent: UUID, clock: Clock
) -> None:
    portal.mail.fault = Fault.REFUSE_FOR_NOW
    portal.notify()
    withdraw(portal.opened, anna, ConsentKind.NOTIFICATIONS)
    portal.mail.fault = None
    clock.forward(hours=1)
    portal.notify()
    assert told(portal) == ["Requested", "Attempted", "Failed", "Suppressed"] and not portal.mail.accepted


def test_what_was_turned_off_before_the_sending_is_not_sent(
    portal: Portal, anna: PatientId, sent: UUID
) -> None:
    """A change takes effect at once (S59), also for what was asked for before it."""
    silent = ReceivingSettings(has_no_notices=True, channels=())
    save_settings(portal.opened.ledger, anna, silent, by_patient(anna))
    portal.notify()
    assert told(portal) == ["Requested", "Suppressed"] and not portal.mail.accepted
    assert portal.events(NotificationSuppressed)[0].event.reason == "not-wanted"
    assert all(one.is_same for one in redecide_all(portal.opened.ledger))


def test_an_address_is_not_used_without_the_consent_to_personal_data(
    portal: Portal, anna: PatientId, sent: UUID
) -> None:
    withdraw(portal.opened, anna, ConsentKind.PERSONAL_DATA)
    portal.notify()
    assert told(portal) == ["Requested", "Suppressed"] and not portal.mail.accepted


def test_without_consent_the_report_is_there_and_the_silence_is_accounted_for(
    portal: Portal, laboratory: Laboratory
) -> None:
    kinds = [kind for kind in OF_CABINET if kind is not ConsentKind.NOTIFICATIONS]
    anna = settled(portal.opened, ANNA, laboratory.laboratory_id, kinds)
    portal.submit(laboratory.seal(bundle("1")))
    portal.notify()
    grant(portal.opened, anna, ConsentKind.NOTIFICATIONS)
    portal.notify()
    assert not told(portal) and not portal.mail.accepted
    rows = delivery.notifications_of(portal.opened.ledger, anna)
    assert {(row.channel, row.status, row.reason) for row in rows} == {
        (channel, "suppressed", "consent-missing") for channel in Channel
    }


# Faults of the relay.


def test_a_refusal_for_now_waits_and_is_tried_again(portal: Portal, sent: UUID, clock: Clock) -> None:
    portal.mail.fault = Fault.REFUSE_FOR_NOW
    before = datetime.now(UTC)
    portal.notify()
    (failed,) = portal.events(NotificationFailed)
    assert failed.event.reason == "smtp-451" or "451" in failed.event.reason
    assert failed.event.retry_at is not None
    assert timedelta(seconds=14) < failed.event.retry_at - before < timedelta(seconds=60)
    portal.mail.fault = None
    portal.notify()
    assert not portal.mail.accepted, "it is not due yet"
    clock.forward(seconds=61)
    portal.notify()
    assert len(portal.mail.accepted) == 1
    assert told(portal) == ["Requested", "Attempted", "Failed", "Attempted", "HandedOver"]


def test_after_three_days_of_refusals_it_has_failed(portal: Portal, sent: UUID, clock: Clock) -> None:
    portal.mail.fault = Fault.REFUSE_FOR_NOW
    portal.notify()
    clock.ahead = LIFE
    portal.notify()
    first, last = portal.events(NotificationFailed)
    assert first.event.retry_at is not None and last.event.retry_at is None
    clock.forward(hours=2)
    portal.notify()
    assert len(portal.events(NotificationAttempted)) == 2


def test_a_refusal_for_good_has_failed_at_once(portal: Portal, sent: UUID, clock: Clock) -> None:
    portal.mail.fault = Fault.REFUSE_FOR_GOOD
    portal.notify()
    (failed,) = portal.events(NotificationFailed)
    assert failed.event.retry_at is None and "550" in failed.event.reason
    portal.mail.fault = None
    clock.forward(hours=80)
    portal.notify()
    assert not portal.mail.accepted and told(portal) == ["Requested", "Attempted", "Failed"]


def test_a_connection_lost_before_the_message_was_taken_is_tried_again(
    portal: Portal, sent: UUID, clock: Clock
) -> None:
    portal.mail.fault = Fault.DROP_BEFORE
    portal.notify()
    portal.mail.fault = None
    clock.forward(seconds=61)
    portal.notify()
    assert told(portal) == ["Requested", "Attempted", "Failed", "Attempted", "HandedOver"]
    assert len(portal.mail.accepted) == 1


def test_a_connection_lost_after_the_dot_is_repeated_once_and_never_again(
    portal: Portal, sent: UUID, clock: Clock
) -> None:
    portal.mail.fault = Fault.DROP_AFTER
    portal.notify()
    (unknown,) = portal.events(NotificationOutcomeUnknown)
    assert unknown.event.retry_at is not None
    clock.forward(seconds=UNKNOWN_WAIT.total_seconds() - 30)
    portal.notify()
    assert len(portal.mail.accepted) == 1, "it is not due yet"
    clock.forward(minutes=1)
    portal.notify()
    clock.forward(hours=80)
    portal.notify()
    assert told(portal) == ["Requested", *["Attempted", "OutcomeUnknown"] * 2]
    ids = {message["Message-ID"] for message in messages(portal)}
    assert len(portal.mail.accepted) == 2 and len(ids) == 1
    assert _state(portal, sent).status is NotificationStatus.UNKNOWN


# Workers.


def _state(portal: Portal, notification_id: UUID) -> notification.Notification:
    state, _ = portal.opened.ledger.load(notification_id, notification.evolve)
    assert state is not None
    return state


def test_workers_at_once_send_each_email_once(portal: Portal, laboratory: Laboratory) -> None:
    for number in range(1, 9):
        settled(portal.opened, who(number), laboratory.laboratory_id)
        portal.submit(laboratory.seal(bundle(f"{number}", who(number))))
    portal.catch_up()
    ledgers = [Ledger(portal.opened.conninfo, portal.opened.ledger.custody) for _ in range(3)]
    barrier, failed = Barrier(len(ledgers)), []

    def work(ledger: Ledger) -> None:
        barrier.wait()
        try:
            opened = portal.opened
            ChannelWorker(
                Node(opened.settings, opened.conninfo, ledger, opened.intake_key), Channel.EMAIL
            ).step()
        except BaseException as error:
            failed.append(error)

    threads = [Thread(target=work, args=(ledger,)) for ledger in ledgers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    for ledger in ledgers:
        ledger.close()
    portal.notify()
    assert not failed
    ids = [message["Message-ID"] for message in messages(portal)]
    assert len(ids) == len(set(ids)) == 8
    assert len(portal.events(NotificationAttempted)) == len(portal.events(NotificationHandedOver)) == 8


def _taken(portal: Portal, notification_id: UUID, *, lease_until: datetime) -> None:
    """A worker takes the notification, and is never heard of again."""
    state, version = portal.opened.ledger.load(notification_id, notification.evolve)
    assert state is not None
    now = lease_until - LEASE
    due = notification.evolve(state, NotificationFailed(attempt=0, reason="", retry_at=now))
    taken = notification.attempt(due, now=now, lease_until=lease_until, consent_version=1)
    portal.opened.ledger.append(Write(notification_id, version, (taken,)), circumstances=BY)


def test_an_attempt_of_a_worker_that_lives_is_left_to_it(portal: Portal, sent: UUID) -> None:
    _taken(portal, sent, lease_until=datetime.now(UTC) + timedelta(minutes=1))
    portal.notify()
    assert told(portal) == ["Requested", "Attempted"] and not portal.mail.accepted


def test_an_attempt_of_a_dead_worker_is_unknown_and_repeated_once(
    portal: Portal, sent: UUID, clock: Clock
) -> None:
    _taken(portal, sent, lease_until=datetime.now(UTC) - timedelta(seconds=1))
    portal.notify()
    (unknown,) = portal.events(NotificationOutcomeUnknown)
    assert unknown.event.stage == "worker-lost" and not portal.mail.accepted
    clock.forward(minutes=11)
    portal.notify()
    assert len(portal.mail.accepted) == 1
    assert told(portal) == ["Requested", "Attempted", "OutcomeUnknown", "Attempted", "HandedOver"]


def test_after_two_dead_workers_it_is_left_unknown(portal: Portal, sent: UUID, clock: Clock) -> None:
    _taken(portal, sent, lease_until=datetime.now(UTC) - timedelta(seconds=1))
    portal.notify()
    _taken(portal, sent, lease_until=datetime.now(UTC) + UNKNOWN_WAIT + timedelta(minutes=1))
    clock.forward(minutes=12)
    portal.notify()
    clock.forward(hours=80)
    portal.notify()
    assert _state(portal, sent).status is NotificationStatus.UNKNOWN and not portal.mail.accepted


# Replay.


def test_replaying_every_view_sends_nothing(portal: Portal, sent: UUID) -> None:
    portal.notify()
    last = portal.opened.ledger.last_position()
    with portal.opened.as_owner() as owner:
        for view in PROJECTIONS:
            rebuild.rebuild(owner, view)
    for _ in range(2):
        portal.notify()
    assert len(portal.mail.accepted) == 1
    assert portal.opened.ledger.last_position() == last
