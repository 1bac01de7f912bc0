"""The browsers of patients in the ledger: sealed, each of one person only, and forgotten when they end."""

from collections.abc import Callable
from threading import Barrier, Thread
from uuid import UUID, uuid4

import pytest

from domain.patient import PatientRegistered
from domain.push_subscription import (
    BROWSERS_MAX,
    PushAddressStated,
    PushEnd,
    PushSubscribed,
    PushSubscriptionEnded,
    PushUnsubscribed,
)
from domain.values import PatientId
from ledger.commands import by_patient
from ledger.insertion import Erasure
from ledger.push_subscriptions import (
    end_subscription,
    load_subscriptions,
    push_stream,
    subscribe,
    unsubscribe,
)
from ledger.store import Ledger, Position, Write
from tests.examples import BROWSER
from tests.scenario import TESTER, rows

ANNA, BORIS = PatientId(uuid4()), PatientId(uuid4())


def turned_on(ledger: Ledger, patient_id: PatientId, endpoint: str = BROWSER.endpoint) -> Position:
    return subscribe(
        ledger,
        patient_id,
        endpoint=endpoint,
        p256dh=BROWSER.p256dh,
        auth=BROWSER.auth,
        label=BROWSER.label,
        by=by_patient(patient_id),
    )


def endpoints(ledger: Ledger, patient_id: PatientId) -> list[str]:
    return [one.endpoint for one in load_subscriptions(ledger, patient_id).subscriptions]


def happened(ledger: Ledger, patient_id: PatientId) -> list[type]:
    return [type(recorded.event) for recorded in ledger.read(push_stream(ledger, patient_id))]


def test_a_browser_is_remembered_and_its_address_is_nowhere_in_the_clear(ledger: Ledger) -> None:
    turned_on(ledger, ANNA)
    assert not turned_on(ledger, ANNA).event_ids
    assert endpoints(ledger, ANNA) == [BROWSER.endpoint]
    assert happened(ledger, ANNA) == [PushSubscribed, PushAddressStated]
    stored = b"".join(bytes(state) for (state,) in rows(ledger, "SELECT state FROM ledger.events"))
    for secret in (BROWSER.endpoint, BROWSER.auth, BROWSER.p256dh, "Firefox"):
        assert secret.encode() not in stored


def test_a_browser_that_another_person_takes_shows_the_first_ones_notices_no_more(ledger: Ledger) -> None:
    """One computer, two people, each in their own cabinet: the last who turned notices on is shown theirs."""
    turned_on(ledger, ANNA)
    turned_on(ledger, BORIS)
    assert endpoints(ledger, ANNA) == [] and endpoints(ledger, BORIS) == [BROWSER.endpoint]
    *_, last = ledger.read(push_stream(ledger, ANNA))
    assert isinstance(last.event, PushSubscriptionEnded) and last.event.reason is PushEnd.TAKEN_OVER
    turned_on(ledger, ANNA)
    assert endpoints(ledger, BORIS) == [] and endpoints(ledger, ANNA) == [BROWSER.endpoint]


def test_a_browser_that_is_gone_or_removed_is_anybodys(ledger: Ledger) -> None:
    turned_on(ledger, ANNA)
    (browser,) = load_subscriptions(ledger, ANNA).subscriptions
    end_subscription(ledger, ANNA, browser.subscription_id, PushEnd.GONE, TESTER)
    end_subscription(ledger, ANNA, browser.subscription_id, PushEnd.GONE, TESTER)
    assert rows(ledger, "SELECT FROM ledger.blind_index WHERE kind = 'push-endpoint'") == []
    turned_on(ledger, ANNA)
    (again,) = load_subscriptions(ledger, ANNA).subscriptions
    assert again.subscription_id != browser.subscription_id
    for _ in range(2):
        unsubscribe(ledger, ANNA, again.subscription_id, by_patient(ANNA))
    assert happened(ledger, ANNA)[2:] == [
        PushSubscriptionEnded,
        PushSubscribed,
        PushAddressStated,
        PushUnsubscribed,
    ]
    turned_on(ledger, BORIS)
    assert PushSubscriptionEnded not in happened(ledger, BORIS)


def test_the_oldest_of_too_many_is_forgotten_with_its_mark(ledger: Ledger) -> None:
    for number in range(BROWSERS_MAX + 2):
        turned_on(ledger, ANNA, f"https://push.example.net/{number}")
    assert endpoints(ledger, ANNA) == [f"https://push.example.net/{n}" for n in range(2, BROWSERS_MAX + 2)]
    marks = rows(ledger, "SELECT FROM ledger.blind_index WHERE kind = 'push-endpoint'")
    assert len(marks) == BROWSERS_MAX


def test_a_cabinet_whose_contacts_were_erased_has_no_browsers_and_can_have_new_ones(ledger: Ledger) -> None:
    turned_on(ledger, ANNA)
    ledger.append(
        Write(ANNA, 0, (PatientRegistered(locale="ru"),), ANNA), circumstances=TESTER, erased=(Erasure(ANNA),)
    )
    assert endpoints(ledger, ANNA) == []
    turned_on(ledger, BORIS)
    assert endpoints(ledger, BORIS) == [BROWSER.endpoint]


def test_a_browser_that_somebody_takes_between_two_looks_is_taken_from_them(
    open_ledger: Callable[..., Ledger], ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, look, other = PatientId(uuid4()), Ledger.find, open_ledger()
    turned_on(ledger, first)

    def look_and_be_slow(mine: Ledger, kind: str, text: str) -> UUID | None:
        owner = look(mine, kind, text)
        if mine is ledger and owner == first:
            turned_on(other, ANNA)
        return owner

    monkeypatch.setattr(Ledger, "find", look_and_be_slow)
    turned_on(ledger, BORIS)
    assert endpoints(ledger, ANNA) == [] and endpoints(ledger, BORIS) == [BROWSER.endpoint]


def test_two_people_who_take_one_browser_at_once_do_not_both_have_it(
    open_ledger: Callable[..., Ledger], ledger: Ledger
) -> None:
    turned_on(ledger, PatientId(uuid4()))
    other, barrier = open_ledger(), Barrier(2)

    def take(mine: Ledger, patient_id: PatientId) -> None:
        barrier.wait()
        turned_on(mine, patient_id)

    threads = [Thread(target=take, args=pair) for pair in ((ledger, ANNA), (other, BORIS))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(endpoints(ledger, ANNA) + endpoints(ledger, BORIS)) == 1
