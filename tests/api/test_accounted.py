"""Whatever comes between, a notice has one state that somebody sees, and none holds back another."""

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest

from api import reports_matching
from api.channels.notice import Notice
from api.outcome import HandedOver, Outcome, RefusedForGood
from api.reports_matching import NOBODY
from api.sending import worker
from api.sending.worker import LEASE, ChannelWorker
from domain.channel import Channel
from domain.consent import ConsentKind
from domain.notice_hours import NoticeHours
from domain.notification import NotificationStatus
from domain.receiving import Periodicity
from domain.values import PatientId
from ledger import commands, contacts
from ledger.commands import by_patient
from ledger.insertion import Erasure
from ledger.receiving import choose_hours
from ledger.store import Write
from projections import delivery
from tests.api.cast import ANNA, BORIS, Laboratory, Portal, settled, withdraw
from tests.api.sending_cast import Clock, arrived, at_relay, state_of, wants, with_settings
from tests.examples import EXAMPLES
from tests.scenario import TESTER


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(worker, "utc_now", clock.now)
    return clock


@pytest.fixture
def anna(portal: Portal, laboratory: Laboratory) -> PatientId:
    return settled(portal.opened, ANNA, laboratory.laboratory_id)


@pytest.fixture
def send(portal: Portal, laboratory: Laboratory) -> Callable[..., Any]:
    """A result of Anna or Boris comes; the notification by e-mail that was asked for."""
    settled(portal.opened, BORIS, laboratory.laboratory_id)
    return partial(arrived, portal, laboratory)


class Provider:
    """Answers as it is told, by the recipient."""

    width = 4

    def __init__(self, answers: dict[PatientId, Outcome]) -> None:
        self.answers = answers

    async def send(self, notice: Notice) -> Outcome:
        return self.answers.get(notice.recipient_id, HandedOver("1"))

    async def close(self) -> None:
        return


def test_an_outcome_that_cannot_be_recorded_holds_back_no_other(
    portal: Portal,
    anna: PatientId,
    send: Callable[..., Any],
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Half of a character, as JSON can say it, is no text that can be stored."""
    broken = send()
    other = send("2", BORIS)
    provider = Provider({anna: RefusedForGood("\ud800")})
    monkeypatch.setattr(worker, "sender_of", lambda *_: provider)
    one = ChannelWorker(portal.opened, Channel.EMAIL)
    one.step()
    assert state_of(portal, other).status is NotificationStatus.HANDED_OVER
    one.step()
    assert state_of(portal, broken).status is NotificationStatus.ATTEMPTED
    clock.ahead += LEASE
    portal.catch_up()
    one.step()
    assert state_of(portal, broken).unknown == 1, "its lease ran out, as if its worker had died"


def test_those_that_cannot_be_read_take_nobodys_place(
    portal: Portal,
    anna: PatientId,
    send: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    broken = send()
    send("2", BORIS)
    take = worker.take

    def taking(ledger: Any, due: Any, how: Any) -> Any:
        if any(one.notification_id == broken for one in due):
            raise KeyError(broken)
        return take(ledger, due, how)

    monkeypatch.setattr(worker, "take", taking)
    monkeypatch.setattr(worker, "TAKEN_MAX", 1)
    narrow = ChannelWorker(portal.opened, Channel.EMAIL)
    for _ in range(2):
        narrow.step()
    assert at_relay(portal.mail) == [BORIS.email]


def test_an_address_that_is_confirmed_just_then_is_not_taken_for_the_lost_one(
    portal: Portal, anna: PatientId, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was sent to the address before comes back while the new one is being confirmed."""
    ledger, by = portal.opened.ledger, by_patient(anna)
    sent_at, new = datetime.now(UTC), "anna.new@patients.example"
    commands.state_email(ledger, anna, new, by)
    proved_at = contacts._proved_at

    def confirmed_meanwhile(*looked: Any) -> Any:
        found = proved_at(*looked)
        contacts.confirm_email(ledger, anna, new, by)
        monkeypatch.setattr(contacts, "_proved_at", proved_at)
        return found

    monkeypatch.setattr(contacts, "_proved_at", confirmed_meanwhile)
    contacts.mark_unreachable(ledger, anna, Channel.EMAIL, "5.1.1", by, sent_at=sent_at)
    known = commands.load_patient(ledger, anna)
    assert (known.email, known.unreachable) == (new, frozenset())


def test_of_who_was_erased_nothing_stays_open_and_nobody_waits(
    portal: Portal, anna: PatientId, send: Callable[..., Any]
) -> None:
    ledger = portal.opened.ledger
    choose_hours(ledger, anna, NoticeHours(digest_hour=7), by_patient(anna))
    of_anna, of_boris = send(), send("2", BORIS)
    any_event = Write(UUID(int=77), 0, (EXAMPLES["SubmissionRefused"][0],))
    ledger.append(any_event, circumstances=TESTER, erased=(Erasure(anna),))
    ChannelWorker(portal.opened, Channel.EMAIL).step()
    assert state_of(portal, of_boris).status is NotificationStatus.HANDED_OVER
    assert state_of(portal, of_anna).status is NotificationStatus.ABANDONED
    portal.catch_up()
    assert not delivery.due(ledger, Channel.EMAIL, now=datetime.now(UTC))


@pytest.mark.parametrize("periodicity", [Periodicity.AS_READY, Periodicity.DAILY])
def test_a_clock_that_was_a_year_ahead_leaves_nothing_behind(
    portal: Portal,
    anna: PatientId,
    send: Callable[..., Any],
    clock: Clock,
    periodicity: Periodicity,
) -> None:
    """Who had it by that clock, and died, is looked at by the right one; what it put off is put off anew."""
    wants(portal, anna, Channel.EMAIL, periodicity=periodicity)
    notification_id = send()
    clock.forward(days=400)
    with pytest.MonkeyPatch.context() as dies:
        dies.setattr(ChannelWorker, "_send", None)
        with suppress(TypeError):
            ChannelWorker(portal.opened, Channel.EMAIL).step()
    assert state_of(portal, notification_id).status is NotificationStatus.ATTEMPTED
    for hours in (0, 1, 25, 26):
        clock.ahead = timedelta(hours=hours)
        portal.catch_up()
        ChannelWorker(portal.opened, Channel.EMAIL).step()
    assert state_of(portal, notification_id).status is NotificationStatus.HANDED_OVER
    assert len(portal.mail.accepted) == 1


def test_what_waits_for_a_channel_that_is_off_hides_nothing_behind_it(
    portal: Portal, anna: PatientId, send: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    send()
    behind = send("2", BORIS)
    withdraw(portal.opened, state_of(portal, behind).patient_id, ConsentKind.NOTIFICATIONS)
    monkeypatch.setattr(worker, "TAKEN_MAX", 1)
    off = ChannelWorker(with_settings(portal.opened, smtp_host=None), Channel.EMAIL)
    for _ in range(2):
        off.step()
    assert state_of(portal, behind).status is NotificationStatus.SUPPRESSED


def test_a_report_that_cannot_be_matched_holds_back_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    ledger, waiting = object(), [UUID(int=number) for number in (1, 2, 3)]
    matched = []

    def recognised(_: object, *, after: UUID) -> list[tuple[UUID, UUID, str]]:
        return [(one, NOBODY, "snils") for one in waiting if one > after]

    def match_held(_: object, report_id: UUID, *__: object, **___: object) -> None:
        if report_id == waiting[0]:
            raise KeyError(report_id)
        matched.append(report_id)

    monkeypatch.setattr(reports_matching.matching, "recognised", recognised)
    monkeypatch.setattr(reports_matching, "match_held", match_held)
    one = reports_matching.ReportsMatching(ledger)  # type: ignore[arg-type]
    for _ in range(2):
        with suppress(KeyError):
            one.match_held()
    assert matched == waiting[1:]
