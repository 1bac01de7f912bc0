"""Push subscriptions in the ledger: a browser tells of one patient's notices only, whoever took it last."""

from uuid import UUID, uuid4

from domain import push_subscription
from domain.push_subscription import PushAddressStated, PushEnd, PushEvent, PushSubscriptions
from domain.values import PatientId
from ledger.codec import Circumstances
from ledger.commands import decide_again
from ledger.insertion import MovedMark, StreamConflictError
from ledger.recorder import Mark
from ledger.store import Ledger, Position, Write

_KIND = "push-endpoint"


def push_stream(ledger: Ledger, patient_id: PatientId) -> UUID:
    return ledger.stream_of_ids("push", patient_id)


def load_subscriptions(ledger: Ledger, patient_id: PatientId) -> PushSubscriptions:
    found, _ = ledger.load(push_stream(ledger, patient_id), push_subscription.evolve)
    return found or PushSubscriptions()


def subscribe(
    ledger: Ledger,
    patient_id: PatientId,
    *,
    endpoint: str,
    p256dh: str,
    auth: str,
    label: str | None,
    by: Circumstances,
) -> Position:
    """The browser shows the patient's notices from now on. If it showed another's, it shows those no more: two
    people who share a computer would read each other's."""
    stated = PushAddressStated(
        subscription_id=uuid4(), endpoint=endpoint, p256dh=p256dh, auth=auth, label=label
    )

    def act() -> Position:
        stream_id = push_stream(ledger, patient_id)
        known, version = ledger.load(stream_id, push_subscription.evolve)
        events = push_subscription.subscribe(known, patient_id=patient_id, stated=stated)
        mark = ledger.mark(_KIND, endpoint, patient_id)
        owner = ledger.find(_KIND, endpoint)
        other = PatientId(owner) if owner is not None and owner != patient_id else None
        return ledger.append(
            *(_taking_over(ledger, other, endpoint) if other else ()),
            Write(stream_id, version, events, patient_id),
            circumstances=by,
            marks=(mark,) if owner is None else (),
            moved=(MovedMark(mark.kind, mark.mark, other, patient_id),) if other else (),
            released=_released(ledger, patient_id, known, events),
        )

    return decide_again(act)


def unsubscribe(ledger: Ledger, patient_id: PatientId, subscription_id: UUID, by: Circumstances) -> Position:
    def act() -> Position:
        stream_id = push_stream(ledger, patient_id)
        known, version = ledger.load(stream_id, push_subscription.evolve)
        events = push_subscription.unsubscribe(known, patient_id=patient_id, subscription_id=subscription_id)
        return ledger.append(
            Write(stream_id, version, events, patient_id),
            circumstances=by,
            released=_released(ledger, patient_id, known, events),
        )

    return decide_again(act)


def end_subscription(
    ledger: Ledger, patient_id: PatientId, subscription_id: UUID, reason: PushEnd, by: Circumstances
) -> Position:
    """The push service knows it no more, or it is another's."""

    def act() -> Position:
        stream_id = push_stream(ledger, patient_id)
        known, version = ledger.load(stream_id, push_subscription.evolve)
        events = push_subscription.end(
            known, patient_id=patient_id, subscription_id=subscription_id, reason=reason
        )
        return ledger.append(
            Write(stream_id, version, events, patient_id),
            circumstances=by,
            released=_released(ledger, patient_id, known, events),
        )

    return decide_again(act)


def _taking_over(ledger: Ledger, owner: PatientId, endpoint: str) -> tuple[Write, ...]:
    """What an append adds after which the browser is not this owner's. StreamConflictError if somebody took it from them
    since it was looked up: then it is theirs from whom it must be taken."""
    stream_id = push_stream(ledger, owner)
    known, version = ledger.load(stream_id, push_subscription.evolve)
    theirs = known.at(endpoint) if known is not None else None
    if theirs is None:
        if ledger.find(_KIND, endpoint) != owner:
            raise StreamConflictError(_KIND)
        return ()  # what they had there was erased
    events = push_subscription.end(
        known, patient_id=owner, subscription_id=theirs.subscription_id, reason=PushEnd.TAKEN_OVER
    )
    return (Write(stream_id, version, events, owner),)


def _released(
    ledger: Ledger, patient_id: PatientId, known: PushSubscriptions | None, events: tuple[PushEvent, ...]
) -> tuple[Mark, ...]:
    """The marks of the browsers that these events end."""
    after = known
    for event in events:
        after = push_subscription.evolve(after, event)
    kept = {one.endpoint for one in after.subscriptions} if after is not None else set()
    before = known.subscriptions if known is not None else ()
    return tuple(ledger.mark(_KIND, one.endpoint, patient_id) for one in before if one.endpoint not in kept)
