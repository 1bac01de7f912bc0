"""Every notification is in one state, and what is due is found."""

from dataclasses import replace
from datetime import datetime, timedelta
from functools import reduce
from uuid import UUID, uuid4

import pytest

from domain import Event, notification
from domain.announcement import About
from domain.channel import Channel
from domain.consent import ConsentKind, ConsentWithdrawn
from domain.guardianship import GuardianshipConfirmed, GuardianshipEnd, GuardianshipEnded
from domain.notice_hours import Wait
from domain.notification import (
    DigestGathered,
    NotificationDelivered,
    NotificationHandedOver,
    NotificationJoined,
    NotificationPostponed,
    NotificationRetried,
    NotificationReturned,
)
from domain.receiving import DocumentFormat
from domain.values import PatientId
from ledger.announcing import notification_stream, silence_stream
from ledger.store import Ledger, Write
from projections import delivery
from projections.delivery import NotificationRow
from projections.follow import Follower
from tests.examples import (
    ANNA,
    ATTEMPTED,
    BORIS,
    CHANNELS_SUPPRESSED,
    EXAMPLES,
    FAILED,
    LATER,
    NOON,
    REPORT,
    REQUESTED,
    SUPPRESSED,
    UNKNOWN,
)
from tests.scenario import TESTER, recorded

CLAUDIA = PatientId(uuid4())
SECOND = timedelta(seconds=1)
HANDED_OVER = NotificationHandedOver(attempt=1, remote_id="250 ok")
SECOND_TRY = replace(ATTEMPTED, attempt=2, lease_until=LATER + SECOND)

HISTORIES: dict[str, tuple[Event, ...]] = {
    "requested": (REQUESTED,),
    "suppressed": (SUPPRESSED,),
    "requested, then suppressed": (REQUESTED, SUPPRESSED),
    "attempted": (REQUESTED, ATTEMPTED),
    "handed over": (REQUESTED, ATTEMPTED, HANDED_OVER),
    "waiting": (REQUESTED, ATTEMPTED, FAILED),
    "failed": (REQUESTED, ATTEMPTED, replace(FAILED, retry_at=None)),
    "waiting after an unknown outcome": (REQUESTED, ATTEMPTED, UNKNOWN),
    "unknown": (REQUESTED, ATTEMPTED, replace(UNKNOWN, retry_at=None)),
    "tried again": (REQUESTED, ATTEMPTED, FAILED, SECOND_TRY),
    "suppressed while it waited": (REQUESTED, ATTEMPTED, FAILED, SUPPRESSED),
}


def followed_histories(ledger: Ledger, follower: Follower) -> dict[str, NotificationRow]:
    """Every history in a stream of its own; the row of each."""
    streams = {UUID(int=number): name for number, name in enumerate(HISTORIES, 1)}
    for stream_id, name in streams.items():
        recorded(ledger, stream_id, *HISTORIES[name])
    follower.catch_up()
    found = delivery.notifications_of(ledger, ANNA)
    assert len(found) == len(HISTORIES)
    return {streams[row.notification_id]: row for row in found}


def test_the_row_says_what_the_rules_see(ledger: Ledger, follower: Follower) -> None:
    for name, row in followed_histories(ledger, follower).items():
        state = reduce(notification.evolve, HISTORIES[name], None)  # type: ignore[arg-type]
        assert state is not None
        assert (row.status, row.attempt, row.due_at) == (state.status, state.attempt, state.due_at), name
        assert (row.report_id, row.report_version, row.channel) == (REPORT, 1, "email"), name


def test_the_row_says_why(ledger: Ledger, follower: Follower) -> None:
    found = followed_histories(ledger, follower)
    assert {name: row.reason for name, row in found.items() if row.reason is not None} == {
        "suppressed": "email-missing",
        "requested, then suppressed": "email-missing",
        "waiting": "mailbox-full",
        "failed": "mailbox-full",
        "waiting after an unknown outcome": "worker-lost",
        "unknown": "worker-lost",
        "suppressed while it waited": "email-missing",
    }


def test_what_is_due_is_found_and_nothing_else(ledger: Ledger, follower: Follower) -> None:
    names = {row.notification_id: name for name, row in followed_histories(ledger, follower).items()}

    def due(now: datetime) -> set[str]:
        return {names[row.notification_id] for row in delivery.due(ledger, Channel.EMAIL, now=now)}

    at_lease_end = {"requested", "attempted", "waiting", "waiting after an unknown outcome"}
    assert due(NOON) == {"requested"}
    assert due(LATER - SECOND) == {"requested"}
    assert due(LATER) == at_lease_end
    assert due(LATER + SECOND) == at_lease_end | {"tried again"}


def test_the_urgent_come_first_then_what_has_waited_longest(ledger: Ledger, follower: Follower) -> None:
    first, second, pressing, longer, waiting = (UUID(int=number) for number in range(1, 6))
    recorded(ledger, waiting, REQUESTED, ATTEMPTED, FAILED)
    recorded(ledger, longer, REQUESTED, ATTEMPTED, replace(FAILED, retry_at=NOON))
    recorded(ledger, first, REQUESTED)
    recorded(ledger, second, REQUESTED)
    recorded(ledger, pressing, replace(REQUESTED, is_urgent=True))
    recorded(ledger, UUID(int=6), replace(REQUESTED, channel=Channel.SMS))
    follower.catch_up()
    due = [row.notification_id for row in delivery.due(ledger, Channel.EMAIL, now=LATER)]
    assert due == [pressing, longer, waiting, first, second], "these dates lie before today"
    assert len(delivery.due(ledger, Channel.EMAIL, now=LATER, limit=2)) == 2


def test_notifications_are_those_of_one_patient_latest_first(ledger: Ledger, follower: Follower) -> None:
    for number, patient_id in enumerate((ANNA, BORIS, ANNA), 1):
        recorded(ledger, UUID(int=number), replace(REQUESTED, patient_id=patient_id))
    follower.catch_up()
    assert [row.notification_id.int for row in delivery.notifications_of(ledger, ANNA)] == [3, 1]


FIRST = UUID(int=1)


def row_of(ledger: Ledger, follower: Follower, notification_id: UUID = FIRST) -> NotificationRow:
    follower.catch_up()
    found = {row.notification_id: row for row in delivery.notifications_of(ledger, ANNA)}
    return found[notification_id]


def test_silent_channels_have_a_row_each_under_the_name_of_their_stream(
    ledger: Ledger, follower: Follower
) -> None:
    recorded(ledger, notification_stream(ledger, REQUESTED, Channel.EMAIL), REQUESTED)
    recorded(ledger, silence_stream(ledger, CHANNELS_SUPPRESSED), CHANNELS_SUPPRESSED)
    follower.catch_up()
    rows = {row.channel: row for row in delivery.notifications_of(ledger, ANNA)}
    assert {channel: (row.status, row.reason) for channel, row in rows.items()} == {
        "email": ("requested", None),
        "sms": ("suppressed", "not-wanted"),
        "push": ("suppressed", "push-missing"),
    }
    for channel in Channel:
        expected = notification_stream(ledger, REQUESTED, channel)
        assert rows[channel].notification_id == expected


def test_what_joined_a_digest_has_its_state_from_then_on(ledger: Ledger, follower: Follower) -> None:
    digest, member = UUID(int=1), UUID(int=2)
    recorded(ledger, digest, REQUESTED)
    recorded(ledger, member, replace(REQUESTED, report_version=2))
    gathered = DigestGathered(members=(member,))
    writes = (
        Write(digest, 1, (gathered, ATTEMPTED)),
        Write(member, 1, (NotificationJoined(digest_id=digest),)),
    )
    ledger.append(*writes, circumstances=TESTER)
    follower.catch_up()

    def states() -> list[tuple[str, int, str | None, datetime | None]]:
        one, other = (row_of(ledger, follower, found) for found in (digest, member))
        assert other.digest_id == digest and one.digest_id is None
        assert one.changed_at == other.changed_at
        assert (one.status, one.attempt, one.reason, one.due_at) == (
            other.status,
            other.attempt,
            other.reason,
            other.due_at,
        )
        return [(one.status, one.attempt, one.reason, one.due_at)]

    assert states() == [("attempted", 1, None, LATER)]
    assert [row.notification_id for row in delivery.due(ledger, Channel.EMAIL, now=LATER)] == [digest]
    for events, expected in (
        ((FAILED,), ("waiting", 1, "mailbox-full", LATER)),
        ((SECOND_TRY, replace(HANDED_OVER, attempt=2)), ("handed-over", 2, None, None)),
        ((NotificationReturned(remote_id="250 ok", reason="5.1.1"),), ("returned", 2, "5.1.1", None)),
        ((NotificationRetried(),), ("requested", 2, None, None)),
        ((replace(SUPPRESSED, reason="consent-withdrawn"),), ("suppressed", 2, "consent-withdrawn", None)),
    ):
        recorded(ledger, digest, *events)
        assert states() == [expected]


def test_a_provider_is_answered_by_its_number_with_the_last_that_had_it(
    ledger: Ledger, follower: Follower
) -> None:
    for number in (1, 2):
        recorded(ledger, UUID(int=number), REQUESTED, ATTEMPTED, replace(HANDED_OVER, remote_id="7f3a"))
    follower.catch_up()
    assert delivery.by_remote_id(ledger, Channel.EMAIL, "7f3a") == UUID(int=2)
    assert delivery.by_remote_id(ledger, Channel.SMS, "7f3a") is None
    assert delivery.by_remote_id(ledger, Channel.EMAIL, "7f3b") is None


def test_a_receipt_that_was_faster_than_the_answer_stands(ledger: Ledger, follower: Follower) -> None:
    recorded(ledger, UUID(int=1), REQUESTED, ATTEMPTED, NotificationDelivered(remote_id=""), HANDED_OVER)
    row = row_of(ledger, follower)
    assert (row.status, row.remote_id) == ("delivered", "250 ok")


POSTPONED = NotificationPostponed(until=LATER + timedelta(days=9000), waits_for=Wait.WEEKLY_DIGEST)
SETTINGS = EXAMPLES["ReceivingSettingsChanged"][0]


@pytest.mark.parametrize(
    "choice",
    [
        replace(SETTINGS, patient_id=ANNA),
        replace(EXAMPLES["NoticeHoursChosen"][0], patient_id=ANNA),
        ConsentWithdrawn(patient_id=ANNA, kind=ConsentKind.NOTIFICATIONS),
    ],
    ids=lambda choice: type(choice).__name__,
)
def test_what_was_put_off_is_looked_at_anew_when_its_recipient_chooses_anew(
    ledger: Ledger, follower: Follower, choice: Event
) -> None:
    of_guardian = replace(REQUESTED, patient_id=BORIS, recipient_id=ANNA)
    of_other = replace(REQUESTED, patient_id=BORIS)
    for number, requested in enumerate((REQUESTED, of_guardian, of_other), 1):
        recorded(ledger, UUID(int=number), requested, POSTPONED)
    follower.catch_up()
    row = row_of(ledger, follower)
    assert (row.status, row.waits_for, row.due_at) == ("postponed", "weekly-digest", POSTPONED.until)
    before = POSTPONED.until - timedelta(days=6)
    assert delivery.due(ledger, Channel.EMAIL, now=before) == []
    years_ago = POSTPONED.until - timedelta(days=400)
    assert len(delivery.due(ledger, Channel.EMAIL, now=years_ago)) == 3, (
        "nobody puts off so far: a clock was wrong"
    )
    recorded(ledger, uuid4(), choice, subject=ANNA)
    follower.catch_up()
    due = delivery.due(ledger, Channel.EMAIL, now=before)
    assert {row.notification_id.int for row in due} == {1, 2}
    assert {row.status for row in due} == {"postponed"}


def test_a_newer_version_makes_idle_what_nobody_tried_yet(ledger: Ledger, follower: Follower) -> None:
    older, tried, of_other, newer = (UUID(int=number) for number in range(1, 5))
    recorded(ledger, older, REQUESTED, POSTPONED)
    recorded(ledger, tried, replace(REQUESTED, channel=Channel.SMS), ATTEMPTED, FAILED)
    recorded(ledger, of_other, replace(REQUESTED, recipient_id=BORIS), POSTPONED)
    corrected = replace(REQUESTED, report_version=2, about=About.CORRECTED)
    recorded(ledger, newer, corrected)
    recorded(ledger, UUID(int=5), replace(corrected, channel=Channel.SMS))
    follower.catch_up()
    found = {row.notification_id: row.superseded_by for row in delivery.notifications_of(ledger, ANNA)}
    assert {one for one, by in found.items() if by is not None} == {older}
    assert found[older] == newer
    assert row_of(ledger, follower, older).due_at is None, "its sender looks at it at once"


def test_a_life_begins_anew_and_the_first_request_stays(ledger: Ledger, follower: Follower) -> None:
    recorded(ledger, UUID(int=1), REQUESTED, ATTEMPTED, replace(FAILED, retry_at=None))
    before = row_of(ledger, follower)
    assert before.lives_since == before.requested_at
    recorded(ledger, UUID(int=1), NotificationRetried())
    after = row_of(ledger, follower)
    assert (after.status, after.requested_at) == ("requested", before.requested_at)
    assert after.lives_since == after.changed_at > before.lives_since


def test_what_goes_along_is_what_the_attempt_says(ledger: Ledger, follower: Follower) -> None:
    recorded(ledger, UUID(int=1), replace(REQUESTED, carries=DocumentFormat.PDF))
    assert row_of(ledger, follower).carries == "pdf"
    recorded(ledger, UUID(int=1), ATTEMPTED)
    assert row_of(ledger, follower).carries is None, "it was permitted no more"


def test_a_guardian_sees_what_they_are_told_and_not_what_is_not_for_them(
    ledger: Ledger, follower: Follower
) -> None:
    told = replace(REQUESTED, recipient_id=BORIS)
    hidden = replace(SUPPRESSED, report_version=2, reason="not-in-sight", recipient_id=BORIS)
    for number, event in enumerate((REQUESTED, told, hidden), 1):
        recorded(ledger, UUID(int=number), event)
    follower.catch_up()
    for person, expected in ((ANNA, {1, 2, 3}), (BORIS, {2}), (CLAUDIA, set())):
        with ledger.of_patient(person) as connection:
            seen = connection.execute("SELECT notification_id FROM delivery.notifications").fetchall()
        assert {row[0].int for row in seen} == expected


def test_guardians_are_to_be_told_of_what_comes_while_they_represent(
    ledger: Ledger, follower: Follower
) -> None:
    guardianship_id = UUID(int=100)
    confirmed = GuardianshipConfirmed(guardian_id=BORIS, ward_id=ANNA)

    def untold() -> list[int]:
        follower.catch_up()
        return [row.report_version for row in delivery.untold(ledger)]

    recorded(ledger, UUID(int=1), REQUESTED)
    recorded(ledger, guardianship_id, confirmed)
    assert untold() == [], "it came before"
    recorded(ledger, UUID(int=2), replace(REQUESTED, report_version=2))
    recorded(ledger, UUID(int=3), replace(CHANNELS_SUPPRESSED, report_version=2))
    recorded(ledger, UUID(int=4), replace(REQUESTED, report_version=3, about=About.WITHDRAWN))
    recorded(ledger, UUID(int=5), replace(REQUESTED, report_version=4, about=About.DOCUMENT))
    assert untold() == [2, 3], "each once, and nothing of what was asked for by its reader"
    recorded(ledger, UUID(int=6), replace(CHANNELS_SUPPRESSED, report_version=2, recipient_id=BORIS))
    assert untold() == [3]
    ended = GuardianshipEnded(guardian_id=BORIS, ward_id=ANNA, reason=GuardianshipEnd.GIVEN_UP)
    recorded(ledger, guardianship_id, ended)
    recorded(ledger, UUID(int=7), replace(REQUESTED, report_version=5))
    assert untold() == []
