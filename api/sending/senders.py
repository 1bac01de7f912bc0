"""The channels that are configured, each with what hands notices to its provider."""

from collections.abc import Callable
from uuid import UUID

from api.channels.email import EmailSender
from api.channels.notice import Sender
from api.channels.push import PushSender
from api.channels.sms import sms_sender
from api.node import Node
from api.settings import Settings
from domain.channel import Channel
from domain.push_subscription import PushEnd
from domain.values import PatientId
from ledger.push_subscriptions import end_subscription
from ledger.taking import BY


def is_set_up(settings: Settings, channel: Channel) -> bool:
    """Whether the channel has a provider at all, without making what hands notices to it."""
    match channel:
        case Channel.EMAIL:
            return settings.smtp_host is not None
        case Channel.SMS:
            return bool(settings.sms_gateway_url or settings.sms_kannel_url or settings.smpp_host)
        case Channel.PUSH:
            return settings.push_contact is not None


def sender_of(node: Node, channel: Channel) -> Sender | None:
    """A new one, to be used in one event loop and closed there; None if the channel is not configured."""
    settings, custody = node.settings, node.ledger.custody
    match channel:
        case Channel.EMAIL:
            return EmailSender.from_settings(settings, custody)
        case Channel.SMS:
            return sms_sender(settings, node.ledger)
        case Channel.PUSH:
            sender = PushSender.from_settings(settings, custody)
            if sender is not None:
                sender.gone = _ended(node)
            return sender


def _ended(node: Node) -> Callable[[PatientId, UUID], None]:
    """What to do about a browser that the push service knows no more."""

    def gone(patient_id: PatientId, subscription_id: UUID) -> None:
        end_subscription(node.ledger, patient_id, subscription_id, PushEnd.GONE, BY)

    return gone
