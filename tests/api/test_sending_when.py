"""When notices are sent: as results are ready, together on a day and at an hour, never in quiet hours."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from api.demo_peers import Fault
from api.sending import worker
from domain.channel import Channel
from domain.consent import ConsentKind
from domain.notice_hours import NoticeHours
from domain.notification import (
    DigestGathered,
    NotificationAbandoned,
    NotificationJoined,
    NotificationPostponed,
    NotificationRequested,
    NotificationStatus,
)
from domain.receiving import Periodicity
from domain.values import PatientId
from ledger import taking
from ledger.commands import by_patient
from ledger.receiving import choose_hours
from projections import PROJECTIONS, rebuild
from tests.api.cast import ANNA, Laboratory, Portal, bundle, settled, withdraw
from tests.api.sending_cast import Clock, rows_of, state_of, told, wants

AS_READY, DAILY = Periodicity.AS_READY, Periodicity.DAILY
# No quiet hours, a digest at nine, by Greenwich: so that tests can count.
GREENWICH = NoticeHours(time_zone="UTC", quiet_from=time(0), quiet_until=time(0))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(worker, "utc_now", clock.now)
    return clock


@pytest.fixture
def anna(portal: Portal, laboratory: Laboratory) -> PatientId:
    patient_id = settled(portal.opened, ANNA, laboratory.laboratory_id)
    choose_hours(portal.opened.ledger, patient_id, GREENWICH, by_patient(patient_id))
    return patient_id


def send(portal: Portal, laboratory: Laboratory, number: str, **report: object) -> None:
    assert portal.submit(laboratory.seal(bundle(number, **report))).status_code == 201  # type: ignore[arg-type]


def next_nine() -> datetime:
    """The digest's hour that comes next; a minute before it counts as past."""
    now = datetime.now(UTC) + timedelta(minutes=1)
    nine = now.replace(hour=9, minute=0, second=0, microsecond=0)
    return nine if nine > now else nine + timedelta(days=1)


def test_what_is_due_together_is_told_by_one_letter(
    portal: Portal, laboratory: Laboratory, anna: PatientId
) -> None:
    for number in ("1", "2", "3"):
        send(portal, laboratory, number)
    portal.notify()
    assert len(portal.mail.accepted) == 1
    (gathered,) = portal.events(DigestGathered)
    joined = portal.events(NotificationJoined)
    assert {one.stream_id for one in joined} == set(gathered.event.members) and len(joined) == 2
    assert {one.event.digest_id for one in joined} == {gathered.stream_id}
    assert {row.status for row in rows_of(portal, anna, Channel.EMAIL)} == {"handed-over"}


def test_what_is_too_much_for_one_letter_comes_in_several_and_none_is_lost(
    portal: Portal, laboratory: Laboratory, anna: PatientId, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(taking, "MEMBERS_MAX", 2)
    for number in ("1", "2", "3"):
        send(portal, laboratory, number)
    portal.notify()
    assert len(portal.mail.accepted) == 2
    assert [len(one.event.members) for one in portal.events(DigestGathered)] == [1]
    assert [row.status for row in rows_of(portal, anna, Channel.EMAIL)] == ["handed-over"] * 3


def test_a_daily_digest_gathers_and_is_sent_once_at_its_hour(
    portal: Portal, laboratory: Laboratory, anna: PatientId, clock: Clock
) -> None:
    wants(portal, anna, Channel.EMAIL, periodicity=DAILY)
    for number in ("1", "2"):
        send(portal, laboratory, number)
        portal.notify()
    assert not portal.mail.accepted
    assert {one.event.until for one in portal.events(NotificationPostponed)} == {next_nine()}
    assert {row.status for row in rows_of(portal, anna, Channel.EMAIL)} == {"postponed"}
    clock.to(next_nine() - timedelta(seconds=30))
    portal.notify()
    assert not portal.mail.accepted
    clock.to(next_nine() + timedelta(seconds=1))
    for _ in range(3):
        portal.notify()
    assert len(portal.mail.accepted) == 1
    clock.forward(hours=25)
    portal.notify()
    assert len(portal.mail.accepted) == 1


def test_a_digest_survives_a_server_that_slept_and_a_clock_that_went_back(
    portal: Portal, laboratory: Laboratory, anna: PatientId, clock: Clock
) -> None:
    wants(portal, anna, Channel.EMAIL, periodicity=DAILY)
    send(portal, laboratory, "1")
    portal.notify()
    clock.forward(days=-3)
    portal.notify()
    assert not portal.mail.accepted
    clock.to(next_nine() + timedelta(days=2, hours=3))
    portal.notify()
    assert len(portal.mail.accepted) == 1
    clock.ahead = timedelta(0)
    portal.notify()
    assert len(portal.mail.accepted) == 1


def test_who_chooses_to_be_told_at_once_is_told_at_once(
    portal: Portal, laboratory: Laboratory, anna: PatientId
) -> None:
    wants(portal, anna, Channel.EMAIL, periodicity=DAILY)
    send(portal, laboratory, "1")
    portal.notify()
    wants(portal, anna, Channel.EMAIL, periodicity=AS_READY)
    portal.notify()
    assert told(portal) == ["Requested", "Postponed", "Attempted", "HandedOver"]


def test_an_urgent_result_waits_for_no_digest(
    portal: Portal, laboratory: Laboratory, anna: PatientId
) -> None:
    wants(portal, anna, Channel.EMAIL, periodicity=DAILY)
    send(portal, laboratory, "1")
    portal.notify()
    critical = bundle("2").replace(
        b'"valueQuantity"', b'"interpretation":[{"coding":[{"code":"HH"}]}],"valueQuantity"'
    )
    assert portal.submit(laboratory.seal(critical)).status_code == 201
    portal.notify()
    assert len(portal.mail.accepted) == 1
    assert sorted(row.status for row in rows_of(portal, anna, Channel.EMAIL)) == ["handed-over", "postponed"]


def test_who_chose_no_clock_is_told_by_that_of_their_region(portal: Portal, laboratory: Laboratory) -> None:
    far = settled(portal.opened, replace(ANNA, region="41"), laboratory.laboratory_id)
    wants(portal, far, Channel.EMAIL, periodicity=DAILY)
    send(portal, laboratory, "1")
    portal.notify()
    (postponed,) = portal.events(NotificationPostponed)
    until = postponed.event.until
    assert until.astimezone(ZoneInfo("Asia/Kamchatka")).hour == 9 and until.astimezone(UTC).hour == 21


def test_no_sms_is_sent_in_quiet_hours(
    portal: Portal, laboratory: Laboratory, anna: PatientId, clock: Clock
) -> None:
    now = datetime.now(UTC)
    hours = NoticeHours(
        time_zone="UTC",
        quiet_from=(now - timedelta(hours=1)).time().replace(microsecond=0),
        quiet_until=(now + timedelta(hours=1)).time().replace(microsecond=0),
    )
    choose_hours(portal.opened.ledger, anna, hours, by_patient(anna))
    wants(portal, anna, Channel.EMAIL, Channel.SMS, periodicity=AS_READY)
    send(portal, laboratory, "1")
    portal.notify()
    assert len(portal.mail.accepted) == 1 and not portal.sms.accepted, "an e-mail wakes nobody"
    clock.forward(minutes=61)
    portal.notify()
    (message,) = portal.sms.accepted
    assert message.to == ANNA.phone


def test_a_correction_makes_a_notice_idle_that_nobody_sent_yet(
    portal: Portal, laboratory: Laboratory, anna: PatientId, clock: Clock
) -> None:
    """The digest tells of the report once, and of what it says now."""
    wants(portal, anna, Channel.EMAIL, periodicity=DAILY)
    send(portal, laboratory, "1")
    send(portal, laboratory, "2")
    portal.notify()
    send(portal, laboratory, "1", value="75.00", status="corrected")
    portal.notify()
    (abandoned,) = portal.events(NotificationAbandoned)
    assert abandoned.event.reason == "superseded"
    clock.to(next_nine() + timedelta(seconds=1))
    portal.notify()
    (gathered,) = portal.events(DigestGathered)
    assert len(gathered.event.members) == 1 and len(portal.mail.accepted) == 1


def test_a_digest_of_which_the_consent_was_withdrawn_is_not_sent(
    portal: Portal, laboratory: Laboratory, anna: PatientId, clock: Clock
) -> None:
    wants(portal, anna, Channel.EMAIL, periodicity=DAILY)
    for number in ("1", "2"):
        send(portal, laboratory, number)
    portal.notify()
    withdraw(portal.opened, anna, ConsentKind.NOTIFICATIONS)
    portal.notify()
    clock.to(next_nine() + timedelta(seconds=1))
    portal.notify()
    assert not portal.mail.accepted
    assert {(row.status, row.reason) for row in rows_of(portal, anna, Channel.EMAIL)} == {
        ("suppressed", "consent-withdrawn")
    }


def test_a_digest_that_is_tried_again_says_the_same(
    portal: Portal, laboratory: Laboratory, anna: PatientId, clock: Clock
) -> None:
    for number in ("1", "2"):
        send(portal, laboratory, number)
    portal.mail.fault = Fault.DROP_AFTER
    portal.notify()
    clock.forward(minutes=11)
    portal.mail.fault = None
    send(portal, laboratory, "3")
    portal.notify()
    letters = [one.path.read_bytes() for one in portal.mail.accepted]
    assert len(letters) == 3 and len(set(letters)) == 2, "the repeated one is the same to the byte"
    requested = portal.events(NotificationRequested)
    assert all(
        state_of(portal, one.stream_id).status in (NotificationStatus.HANDED_OVER, NotificationStatus.JOINED)
        for one in requested
    )


def test_rebuilding_the_views_sends_nothing_of_what_waits(
    portal: Portal, laboratory: Laboratory, anna: PatientId, clock: Clock
) -> None:
    wants(portal, anna, Channel.EMAIL, periodicity=DAILY)
    send(portal, laboratory, "1")
    portal.notify()
    last = portal.opened.ledger.last_position()
    with portal.opened.as_owner() as owner:
        for view in PROJECTIONS:
            rebuild.rebuild(owner, view)
    portal.notify()
    assert not portal.mail.accepted and portal.opened.ledger.last_position() == last
