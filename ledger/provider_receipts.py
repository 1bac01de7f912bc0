"""Provider receipts: what a provider says later of a notification is recorded in its stream, once."""

from contextlib import suppress
from datetime import datetime
from uuid import UUID

from domain import notification, provider_receipt
from domain.notification import Notification, NotificationAttempted, NotificationEvent, NotificationReturned
from ledger.codec import Circumstances
from ledger.commands import PatientNotFoundError, decide_again
from ledger.contacts import mark_reachable, mark_unreachable
from ledger.store import Ledger, Write

BY_PROVIDER = Circumstances(actor="system:provider-receipts")


def record_receipt(
    ledger: Ledger, notification_id: UUID, *, delivered: bool, remote_id: str, reason: str = ""
) -> bool:
    """Whether there is such a notification: then what the provider says is recorded, or was known. It may come
    before the answer to the attempt does, twice, or contradict itself; the domain says what then counts. What it
    says of the address is recorded of the contact."""

    def act() -> bool:
        state, version = ledger.load(notification_id, notification.evolve)
        if state is None:
            return False
        said: tuple[NotificationEvent, ...]
        if delivered:
            said = provider_receipt.deliver(state, remote_id=remote_id)
        else:
            told_before = _returned(ledger, notification_id)
            said = provider_receipt.take_back(
                state, remote_id=remote_id, reason=reason, told_before=told_before
            )
        if said:
            # The contact first: were this the end of it, the provider would say it again.
            if delivered:
                _trust_address(ledger, notification_id, state)
            else:
                doubt_address(ledger, notification_id, state, reason=reason)
            ledger.append(Write(notification_id, version, said), circumstances=BY_PROVIDER)
        return True

    return decide_again(act)


def _returned(ledger: Ledger, notification_id: UUID) -> frozenset[str]:
    """The provider's numbers of what it could not deliver; not every provider has numbers."""
    events = (one.event for one in ledger.read(notification_id))
    told = (event.remote_id for event in events if isinstance(event, NotificationReturned))
    return frozenset(filter(None, told))


def doubt_address(ledger: Ledger, notification_id: UUID, state: Notification, *, reason: str) -> None:
    """What was sent does not arrive. If its address is at fault, and not we, that is recorded of the contact."""
    if not provider_receipt.is_bad_address(state.channel, reason):
        return
    sent_at = _sent_at(ledger, notification_id)
    with suppress(PatientNotFoundError):
        mark_unreachable(ledger, state.told, state.channel, reason, BY_PROVIDER, sent_at=sent_at)


def _trust_address(ledger: Ledger, notification_id: UUID, state: Notification) -> None:
    sent_at = _sent_at(ledger, notification_id)
    with suppress(PatientNotFoundError):
        mark_reachable(ledger, state.told, state.channel, BY_PROVIDER, sent_at=sent_at)


def _sent_at(ledger: Ledger, notification_id: UUID) -> datetime | None:
    """When it was tried last."""
    tries = [
        one.recorded_at
        for one in ledger.read(notification_id)
        if isinstance(one.event, NotificationAttempted)
    ]
    return tries[-1] if tries else None
