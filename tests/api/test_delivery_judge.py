"""The judge of the campaign is not blind: it finds each fault that is planted in a ledger or in a provider's journal."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID, uuid4

import http_ece
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from api.channels.push import topic_of
from api.letter import keyed_name
from domain.announcement import ChannelsSuppressed, SuppressedChannel
from domain.channel import Channel
from domain.notification import (
    NotificationAbandoned,
    NotificationAttempted,
    NotificationEvent,
    NotificationFailed,
    NotificationHandedOver,
    NotificationJoined,
    NotificationOutcomeUnknown,
    NotificationRequested,
)
from ledger.codec import Circumstances
from ledger.store import Ledger, Write
from tests.api.delivery_judge import Accepted, Resident, Verdict, judge
from tests.api.push_peer import PushBrowser, PushPeer
from tests.examples import ANNA, LATER, RECEIVED

BY = Circumstances(actor="system:test")
LEASE = NotificationAttempted(attempt=1, lease_until=LATER, consent_version=1)
AGAIN = replace(LEASE, attempt=2)
HANDED_OVER = NotificationHandedOver(attempt=1, remote_id="1")
UNKNOWN = NotificationOutcomeUnknown(attempt=1, stage="worker-lost", retry_at=LATER)
UNKNOWN_TO_THE_END = replace(UNKNOWN, retry_at=None)


@dataclass(slots=True)
class Case:
    """One report of one patient who is told by one channel, and what its provider wrote down."""

    ledger: Ledger
    resident: Resident
    channel: Channel = Channel.EMAIL
    report_id: UUID = RECEIVED.submission_id

    @property
    def notification_id(self) -> UUID:
        return self.ledger.stream_id("notification", str(self.report_id), "1", self.channel)

    def received(self) -> None:
        self.ledger.append(Write(self.report_id, 0, (RECEIVED,), ANNA), circumstances=BY)

    def others_silent(self) -> None:
        channels = tuple(
            SuppressedChannel(channel=one, reason="not-wanted") for one in Channel if one is not self.channel
        )
        silent = ChannelsSuppressed(
            patient_id=ANNA, report_id=self.report_id, report_version=1, channels=channels
        )
        self.ledger.append(Write(uuid4(), 0, (silent,)), circumstances=BY)

    def told(self, *events: NotificationEvent) -> "Case":
        """The whole of it: a report, silent channels, and a notification with these events."""
        self.received()
        self.others_silent()
        self.requested()
        self.go_on(*events)
        return self

    def requested(self, notification_id: UUID | None = None) -> None:
        requested = NotificationRequested(
            patient_id=ANNA,
            report_id=self.report_id,
            report_version=1,
            channel=self.channel,
            consent_id=uuid4(),
            consent_version=1,
        )
        self.ledger.append(Write(notification_id or self.notification_id, 0, (requested,)), circumstances=BY)

    def go_on(self, *events: NotificationEvent) -> None:
        """One after the other, so that each has a time of its own."""
        for event in events:
            version = len(list(self.ledger.read(self.notification_id)))
            self.ledger.append(Write(self.notification_id, version, (event,)), circumstances=BY)

    def taken(self, *, after: int, **changed: str) -> Accepted:
        """What the provider wrote down just after this event of the notification was recorded."""
        event = list(self.ledger.read(self.notification_id))[after]
        line = Accepted(
            channel=str(self.channel),
            number=str(uuid4()),
            at=event.recorded_at + timedelta(microseconds=1),
            name=self._name(),
            to=self.resident.at(self.channel),
            content=self._pushed(self._name()) if self.channel is Channel.PUSH else "the same",
        )
        return replace(line, **changed)

    def _name(self) -> str:
        key = self.ledger.custody.message_key
        return {
            Channel.EMAIL: f"<{keyed_name(key, str(self.notification_id))}@letopis.example>",
            Channel.SMS: str(self.notification_id),
            Channel.PUSH: topic_of(self.notification_id, key),
        }[self.channel]

    def _pushed(self, tag: str) -> str:
        return sealed_for(self.resident.browser, tag)

    def judged(self, *accepted: Accepted, acknowledged: Sequence[UUID] = (), at_rest: bool = True) -> Verdict:
        found = judge(
            self.ledger,
            accepted,
            residents=[self.resident],
            acknowledged=acknowledged,
            at_rest=at_rest,
        )
        # Views are not built here: what the cabinet shows is asked in the campaign.
        found.faults = [fault for fault in found.faults if "in the cabinet" not in fault]
        return found


def sealed_for(browser: PushBrowser, tag: str) -> str:
    public = browser.key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    content = http_ece.encrypt(
        json.dumps({"tag": tag}).encode(),
        private_key=generate_private_key(SECP256R1()),
        dh=public,
        auth_secret=browser.auth,
        version="aes128gcm",
    )
    return bytes(content).hex()


@pytest.fixture
def case_of(ledger: Ledger) -> Callable[[Channel], Case]:
    browser = PushPeer("http://127.0.0.1:1").browser()
    resident = Resident(ANNA, "anna@patients.example", "+79000000001", browser)
    return lambda channel: Case(ledger, resident, channel)


every_channel = pytest.mark.parametrize("channel", list(Channel))


@every_channel
def test_what_went_well_is_no_fault(case_of: Callable[[Channel], Case], channel: Channel) -> None:
    case = case_of(channel).told(LEASE, HANDED_OVER)
    verdict = case.judged(case.taken(after=1), acknowledged=[case.report_id])
    assert verdict.faults == []
    assert (
        verdict.counts[f"{channel}, handed-over"] == verdict.counts[f"{channel}: taken by the provider"] == 1
    )


@every_channel
def test_a_loss_is_found(case_of: Callable[[Channel], Case], channel: Channel) -> None:
    (fault,) = case_of(channel).told(LEASE, HANDED_OVER).judged().faults
    assert fault.endswith("lost: recorded as handed-over, and its provider never took it")


def test_an_acknowledged_report_that_is_lost_is_found(case_of: Callable[[Channel], Case]) -> None:
    (fault,) = case_of(Channel.EMAIL).judged(acknowledged=[UUID(int=1)]).faults
    assert fault.endswith("acknowledged, and lost")


def test_a_version_without_a_state_for_each_channel_is_found(case_of: Callable[[Channel], Case]) -> None:
    case = case_of(Channel.EMAIL)
    case.received()
    case.others_silent()
    (fault,) = case.judged().faults
    assert fault.endswith("0 notices by email")
    case.requested()
    case.requested(uuid4())
    assert any(fault.endswith("2 notices by email") for fault in case.judged().faults)


@pytest.mark.parametrize("events", [(), (LEASE,), (LEASE, UNKNOWN)], ids=["asked", "tried", "waits"])
def test_what_stays_open_is_found(
    case_of: Callable[[Channel], Case], events: tuple[NotificationEvent, ...]
) -> None:
    case = case_of(Channel.EMAIL).told(*events)
    (fault,) = case.judged().faults
    assert "open for ever" in fault
    assert case.judged(at_rest=False).faults == []


def test_what_was_taken_and_is_recorded_as_failed_is_found(case_of: Callable[[Channel], Case]) -> None:
    case = case_of(Channel.EMAIL).told(LEASE, NotificationFailed(attempt=1, reason="550"))
    (fault,) = case.judged(case.taken(after=1)).faults
    assert fault.endswith("its provider took it, and it is recorded as failed (550)")
    assert case.judged().faults == [], "failed with a reason is an end"


def test_an_end_without_a_reason_is_found(case_of: Callable[[Channel], Case]) -> None:
    (fault,) = case_of(Channel.SMS).told(NotificationAbandoned(reason="")).judged().faults
    assert fault.endswith("abandoned without a reason")


def test_two_sms_are_a_visible_double_even_after_an_unknown(case_of: Callable[[Channel], Case]) -> None:
    case = case_of(Channel.SMS).told(LEASE, UNKNOWN, AGAIN, HANDED_OVER)
    (fault,) = case.judged(case.taken(after=1), case.taken(after=3)).faults
    assert fault.endswith("a visible double: 2 SMS")


@pytest.mark.parametrize("channel", [Channel.EMAIL, Channel.PUSH])
def test_a_copy_after_an_unknown_folds_and_another_does_not(
    case_of: Callable[[Channel], Case], channel: Channel
) -> None:
    case = case_of(channel).told(LEASE, UNKNOWN, AGAIN, HANDED_OVER)
    first, second = case.taken(after=1), case.taken(after=3)
    assert case.judged(first, second).faults == []
    early = replace(second, at=first.at)
    assert any("nothing was unknown" in fault for fault in case.judged(first, early).faults)
    third = replace(second, at=second.at + timedelta(microseconds=1))
    assert any("without an attempt" in fault for fault in case.judged(first, second, third).faults)


def test_what_is_sent_before_it_is_taken_is_found(case_of: Callable[[Channel], Case]) -> None:
    case = case_of(Channel.SMS).told(LEASE, HANDED_OVER)
    (fault,) = case.judged(case.taken(after=0)).faults
    assert fault.endswith("taken without an attempt that was recorded before")


def test_copies_that_do_not_fold_are_found(case_of: Callable[[Channel], Case]) -> None:
    case = case_of(Channel.EMAIL).told(LEASE, UNKNOWN, AGAIN, HANDED_OVER)
    (fault,) = case.judged(case.taken(after=1), case.taken(after=3, content="another")).faults
    assert fault.endswith("copies that differ")


def test_a_push_whose_tag_is_not_its_topic_is_found(case_of: Callable[[Channel], Case]) -> None:
    case = case_of(Channel.PUSH).told(LEASE, HANDED_OVER)
    other = sealed_for(case.resident.browser, "another tag")
    (fault,) = case.judged(case.taken(after=1, content=other)).faults
    assert fault.endswith("a visible double: its tag is not its topic")


def test_another_address_and_a_message_of_nobody_are_found(case_of: Callable[[Channel], Case]) -> None:
    case = case_of(Channel.SMS).told(LEASE, HANDED_OVER)
    (elsewhere,) = case.judged(case.taken(after=1, to="+79000000002")).faults
    assert elsewhere.endswith("taken to another address")
    stray = case.taken(after=1, name=str(uuid4()))
    (nobody,) = case.judged(case.taken(after=1), stray).faults
    assert nobody.endswith("nobody asked for it")


def test_what_joined_nothing_is_found(case_of: Callable[[Channel], Case]) -> None:
    (fault,) = case_of(Channel.PUSH).told(NotificationJoined(digest_id=uuid4())).judged().faults
    assert fault.endswith("joined what is no digest")


def test_unknown_outcomes_are_counted_by_what_became_of_them(case_of: Callable[[Channel], Case]) -> None:
    case = case_of(Channel.SMS).told(LEASE, UNKNOWN_TO_THE_END)
    counts = case.judged().counts
    assert counts["sms: outcomes recorded as unknown"] == 1
    assert counts["sms: unknown to the end, and not there"] == 1
    assert case.judged(case.taken(after=1)).counts["sms: unknown to the end, and there"] == 1
