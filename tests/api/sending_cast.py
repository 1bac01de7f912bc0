"""What the tests of sending have in common: a clock that can be put forward, and what the ledger says of notices."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from api.demo_peers import MailPeer
from api.node import Node
from domain import notification
from domain.channel import Channel
from domain.notification import Notification, NotificationEvent, NotificationRequested
from domain.receiving import Periodicity, ReceivingSettings
from domain.values import PatientId
from ledger.commands import by_patient
from ledger.receiving import save_settings
from projections import delivery
from projections.delivery import NotificationRow
from tests.api.cast import ANNA, Laboratory, Portal, Who, bundle


@dataclass(slots=True)
class Clock:
    """The senders' clock: nobody waits for a Monday in a test."""

    ahead: timedelta = timedelta(0)

    def forward(self, **by: float) -> None:
        self.ahead += timedelta(**by)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def to(self, moment: datetime) -> None:
        self.ahead = moment - datetime.now(UTC)


def wants(portal: Portal, patient_id: PatientId, *channels: Channel, periodicity: Periodicity) -> None:
    settings = ReceivingSettings(channels=channels, periodicity=periodicity)
    save_settings(portal.opened.ledger, patient_id, settings, by_patient(patient_id))


def arrived(portal: Portal, laboratory: Laboratory, number: str = "1", person: Who = ANNA) -> UUID:
    """A result comes; the notification by e-mail that was asked for."""
    assert portal.submit(laboratory.seal(bundle(number, person))).status_code == 201
    portal.catch_up()
    found: UUID = portal.events(NotificationRequested)[-1].stream_id
    return found


def told(portal: Portal) -> list[str]:
    """What the ledger says of the delivery, by the names of the events."""
    names = (type(one.event).__name__ for one in portal.events(*NotificationEvent.__args__))
    return [name.removeprefix("Notification") for name in names]


def state_of(portal: Portal, notification_id: UUID) -> Notification:
    state, _ = portal.opened.ledger.load(notification_id, notification.evolve)
    assert state is not None
    return state


def rows_of(portal: Portal, patient_id: PatientId, channel: Channel) -> list[NotificationRow]:
    portal.catch_up()
    rows = delivery.notifications_of(portal.opened.ledger, patient_id)
    return [row for row in rows if row.channel == channel]


def with_settings(opened: Node, **changed: Any) -> Node:
    settings = opened.settings.model_copy(update=changed)
    return Node(settings, opened.conninfo, opened.ledger, opened.intake_key)


def at_relay(peer: MailPeer) -> list[str]:
    """To whom letters went, in order."""
    return [address for one in peer.accepted for address in one.recipients]
