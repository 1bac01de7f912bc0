"""The browsers that show a patient's notices: each once, not too many, and gone when they are."""

from dataclasses import replace
from functools import reduce
from uuid import UUID

from hypothesis import given as drawn
from hypothesis import strategies as st

from domain.push_subscription import (
    BROWSERS_MAX,
    PushAddressStated,
    PushEnd,
    PushEvent,
    PushSubscribed,
    PushSubscriptionEnded,
    PushSubscriptions,
    PushUnsubscribed,
    end,
    evolve,
    subscribe,
    unsubscribe,
)
from domain.values import PatientId
from tests.scenario import given

ANNA = PatientId(UUID(int=1))


def stated(number: int, *, endpoint: int | None = None) -> PushAddressStated:
    return PushAddressStated(
        subscription_id=UUID(int=number),
        endpoint=f"https://push.example/{number if endpoint is None else endpoint}",
        p256dh="key",
        auth="secret",
        label="Firefox, Linux",
    )


def added(number: int) -> tuple[PushEvent, ...]:
    return PushSubscribed(patient_id=ANNA, subscription_id=UUID(int=number)), stated(number)


def ended(number: int, reason: PushEnd) -> PushSubscriptionEnded:
    return PushSubscriptionEnded(patient_id=ANNA, subscription_id=UUID(int=number), reason=reason)


FULL = tuple(event for number in range(BROWSERS_MAX) for event in added(number))


def test_a_browser_is_added_once() -> None:
    given().when(subscribe, patient_id=ANNA, stated=stated(1)).then(*added(1))
    given(*added(1)).when(subscribe, patient_id=ANNA, stated=stated(2, endpoint=1)).then_nothing()


def test_a_browser_that_changed_its_keys_stays_the_same_one() -> None:
    renewed = replace(stated(1), p256dh="another key")
    given(*added(1), *added(2)).when(
        subscribe, patient_id=ANNA, stated=replace(renewed, subscription_id=UUID(int=9))
    ).then(renewed)
    known = reduce(evolve, (*added(1), *added(2), renewed), None)
    assert [one.p256dh for one in known.subscriptions] == ["another key", "key"]


def test_one_too_many_and_the_first_goes() -> None:
    given(*FULL).when(subscribe, patient_id=ANNA, stated=stated(99)).then(
        ended(0, PushEnd.CROWDED_OUT), *added(99)
    )


def test_a_browser_is_removed_once() -> None:
    removed = PushUnsubscribed(patient_id=ANNA, subscription_id=UUID(int=1))
    one = {"patient_id": ANNA, "subscription_id": UUID(int=1)}
    given(*added(1), *added(2)).when(unsubscribe, **one).then(removed)
    given(*added(1), removed).when(unsubscribe, **one).then_nothing()
    given().when(unsubscribe, **one).then_nothing()


def test_a_browser_ends_once_and_never_after_it_was_removed() -> None:
    one = {"patient_id": ANNA, "subscription_id": UUID(int=1), "reason": PushEnd.GONE}
    given(*added(1)).when(end, **one).then(ended(1, PushEnd.GONE))
    given(*added(1), ended(1, PushEnd.GONE)).when(end, **one).then_nothing()
    given(*added(1), PushUnsubscribed(patient_id=ANNA, subscription_id=UUID(int=1))).when(
        end, **one
    ).then_nothing()


def test_a_browser_whose_address_was_erased_is_none() -> None:
    """Its address is sealed, that it was added is not: the stream keeps a state without it."""
    clear, _ = added(1)
    assert evolve(None, clear) == PushSubscriptions()


acts = st.lists(st.tuples(st.sampled_from(("add", "remove", "gone")), st.integers(0, 2 * BROWSERS_MAX)))


@drawn(acts)
def test_whatever_happens_no_address_stands_twice_and_there_are_never_too_many(
    happened: list[tuple[str, int]],
) -> None:
    known: PushSubscriptions | None = None
    for at, (act, number) in enumerate(happened):
        events: tuple[PushEvent, ...]
        if act == "add":
            events = subscribe(known, patient_id=ANNA, stated=stated(1000 + at, endpoint=number))
        else:
            place = known.at(f"https://push.example/{number}") if known else None
            which = place.subscription_id if place else UUID(int=5000)
            events = (
                unsubscribe(known, patient_id=ANNA, subscription_id=which)
                if act == "remove"
                else end(known, patient_id=ANNA, subscription_id=which, reason=PushEnd.GONE)
            )
        known = reduce(evolve, events, known)
        endpoints = [one.endpoint for one in known.subscriptions] if known else []
        assert len(endpoints) == len(set(endpoints)) <= BROWSERS_MAX
        assert act != "add" or f"https://push.example/{number}" in endpoints
