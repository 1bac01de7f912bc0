"""Push subscriptions: the browsers by which a patient wants to be told (RFC 8030).

The address of a browser is a secret of its owner: whoever has it and the keys can make the browser show something.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never
from uuid import UUID

from domain.values import PatientId

# As many as a person may own. One more, and the one that was added first goes: a browser that somebody sits
# before is of more use than one that may be gone for years.
BROWSERS_MAX = 10

# Events: what happened. The stream is of one patient's browsers.


class PushEnd(StrEnum):
    """Why a subscription ended though its owner did not say so: the push service knows it no more, there are too
    many, or another person signed in took the browser for their own notices."""

    GONE = "gone"
    CROWDED_OUT = "crowded-out"
    TAKEN_OVER = "taken-over"


@dataclass(frozen=True, slots=True, kw_only=True)
class PushSubscribed:
    """A browser shows the patient's notices, under the address that is stated beside."""

    patient_id: PatientId
    subscription_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class PushAddressStated:
    """The browser's address and keys as it gave them, anew when it changes its keys; `label` is its name and its
    system's. In base64url: `p256dh`, the point by which it is written to, and `auth`, its secret (RFC 8291)."""

    subscription_id: UUID
    endpoint: str
    p256dh: str
    auth: str
    label: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PushUnsubscribed:
    """The patient wants no notices in this browser."""

    patient_id: PatientId
    subscription_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class PushSubscriptionEnded:
    """The browser is told no more, and its owner did not ask for that."""

    patient_id: PatientId
    subscription_id: UUID
    reason: PushEnd


PushEvent = PushSubscribed | PushAddressStated | PushUnsubscribed | PushSubscriptionEnded

# State.


@dataclass(frozen=True, slots=True, kw_only=True)
class PushSubscription:
    """A browser that takes notices."""

    subscription_id: UUID
    endpoint: str
    p256dh: str
    auth: str
    label: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PushSubscriptions:
    """The browsers, in the order in which they were added. One whose address was erased is none."""

    subscriptions: tuple[PushSubscription, ...] = ()

    def find(self, subscription_id: UUID) -> PushSubscription | None:
        return next((one for one in self.subscriptions if one.subscription_id == subscription_id), None)

    def at(self, endpoint: str) -> PushSubscription | None:
        return next((one for one in self.subscriptions if one.endpoint == endpoint), None)


def evolve(known: PushSubscriptions | None, event: PushEvent) -> PushSubscriptions:
    """Replay one event. Never refuses."""
    known = known or PushSubscriptions()
    match event:
        case PushSubscribed():
            return known
        case PushAddressStated():
            return _stated(known, event)
        case PushUnsubscribed() | PushSubscriptionEnded():
            kept = (one for one in known.subscriptions if one.subscription_id != event.subscription_id)
            return PushSubscriptions(subscriptions=tuple(kept))
        case _:
            assert_never(event)


def _stated(known: PushSubscriptions, event: PushAddressStated) -> PushSubscriptions:
    """In the place of the one that it renews, else as the last."""
    stated = PushSubscription(
        subscription_id=event.subscription_id,
        endpoint=event.endpoint,
        p256dh=event.p256dh,
        auth=event.auth,
        label=event.label,
    )
    if known.find(event.subscription_id) is None:
        return PushSubscriptions(subscriptions=(*known.subscriptions, stated))
    return PushSubscriptions(
        subscriptions=tuple(
            stated if one.subscription_id == event.subscription_id else one for one in known.subscriptions
        )
    )


# Decisions.


def subscribe(
    known: PushSubscriptions | None, *, patient_id: PatientId, stated: PushAddressStated
) -> tuple[PushEvent, ...]:
    """Under the id that the browser has, if its endpoint is known already; saying the same twice changes nothing."""
    browsers = known.subscriptions if known is not None else ()
    same = known.at(stated.endpoint) if known is not None else None
    if same is not None:
        renewed = PushAddressStated(
            subscription_id=same.subscription_id,
            endpoint=stated.endpoint,
            p256dh=stated.p256dh,
            auth=stated.auth,
            label=stated.label,
        )
        return () if _stated(PushSubscriptions(), renewed).subscriptions == (same,) else (renewed,)
    crowded_out = browsers[: max(len(browsers) - BROWSERS_MAX + 1, 0)]
    return (
        *(_end(patient_id, one.subscription_id, PushEnd.CROWDED_OUT) for one in crowded_out),
        PushSubscribed(patient_id=patient_id, subscription_id=stated.subscription_id),
        stated,
    )


def unsubscribe(
    known: PushSubscriptions | None, *, patient_id: PatientId, subscription_id: UUID
) -> tuple[PushUnsubscribed, ...]:
    """Removing what is not there changes nothing."""
    if known is None or known.find(subscription_id) is None:
        return ()
    return (PushUnsubscribed(patient_id=patient_id, subscription_id=subscription_id),)


def end(
    known: PushSubscriptions | None, *, patient_id: PatientId, subscription_id: UUID, reason: PushEnd
) -> tuple[PushSubscriptionEnded, ...]:
    """What ended already, or was renewed under another address since, ends no second time."""
    if known is None or known.find(subscription_id) is None:
        return ()
    return (_end(patient_id, subscription_id, reason),)


def _end(patient_id: PatientId, subscription_id: UUID, reason: PushEnd) -> PushSubscriptionEnded:
    return PushSubscriptionEnded(patient_id=patient_id, subscription_id=subscription_id, reason=reason)
