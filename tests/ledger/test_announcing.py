"""Whatever a patient permits, chooses and can be reached by: of each version of a report each channel has one state.

The oracle knows the rule from nothing but the events in the order of the ledger, not from the code that decides.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from random import Random
from uuid import UUID, uuid4

import pytest

from domain import permission
from domain.announcement import About, ChannelsSuppressed
from domain.channel import Channel
from domain.consent import ConsentKind
from domain.notification import NotificationRequested, NotificationSuppressed
from domain.patient import (
    ContactReachable,
    ContactUnreachable,
    EmailConfirmed,
    EmailStated,
    PhoneConfirmed,
    PhoneStated,
)
from domain.push_subscription import PushAddressStated, PushUnsubscribed
from domain.receiving import ReceivingSettings, ReceivingSettingsChanged
from domain.report import ReportMatched, ReportReceived, ReportRevised, ReportUnmatched
from domain.report_content import ReportStatus
from domain.values import Coding, Concept, OrganisationId
from ledger import commands, contacts, push_subscriptions, receiving
from ledger.announcing import notification_stream, silence_stream
from ledger.commands import by_patient
from ledger.consents import withdraw_consent
from ledger.filing import Source, drafts_of
from ledger.recorder import StreamConflictError
from ledger.redeciding import Rules, redecide_all
from ledger.sight import Sight
from ledger.store import Ledger
from projections import CABINET, DELIVERY, MATCHING, delivery
from projections.delivery import NotificationRow
from projections.follow import Follower
from projections.rebuild import check
from tests.examples import EXAMPLES, OBSERVATION
from tests.ledger.test_matching import agreed, patient, registered, stated
from tests.ledger.test_permission import PANELS, REFUSED, SNILS, Play, arrives, content
from tests.scenario import TESTER

EMAILS = ("anna@patients.example", "anna.sokolova@patients.example")
ADDRESS = EXAMPLES["PushAddressStated"][0]
assert isinstance(ADDRESS, PushAddressStated)


class ContactPlay(Play):
    """The play of permissions, with a patient who chooses channels and whose contacts come and go."""

    def acts(self) -> Iterator[Callable[[], object]]:
        others = super().acts()
        own = (self.choose, self.state_email, self.lose, self.find, self.find, self.browse, self.leave)
        while True:
            yield self.random.choice((next(others), self.mend, self.arrive, self.random.choice(own)))

    def choose(self) -> None:
        channels = tuple(channel for channel in Channel if self.random.random() < 0.8)
        chosen = ReceivingSettings(channels=channels, has_no_notices=not channels)
        receiving.save_settings(self.ledger, self.patient_id, chosen, by_patient(self.patient_id))

    def state_email(self) -> None:
        by, email = by_patient(self.patient_id), self.random.choice(EMAILS)
        commands.state_email(self.ledger, self.patient_id, email, by)
        if self.random.choice((True, False)):
            known = commands.load_patient(self.ledger, self.patient_id)
            contacts.confirm_email(self.ledger, self.patient_id, known.email_stated or email, by)

    def lose(self) -> None:
        channel = self.random.choice((Channel.EMAIL, Channel.SMS))
        by = by_patient(self.patient_id)
        contacts.mark_unreachable(self.ledger, self.patient_id, channel, "5.1.1", by)

    def find(self) -> None:
        for channel in (Channel.EMAIL, Channel.SMS):
            contacts.mark_reachable(self.ledger, self.patient_id, channel, by_patient(self.patient_id))

    def browse(self) -> None:
        push_subscriptions.subscribe(
            self.ledger,
            self.patient_id,
            endpoint=f"https://push.example/{uuid4()}",
            p256dh=ADDRESS.p256dh,
            auth=ADDRESS.auth,
            label=None,
            by=by_patient(self.patient_id),
        )

    def leave(self) -> None:
        for one in push_subscriptions.load_subscriptions(self.ledger, self.patient_id).subscriptions:
            push_subscriptions.unsubscribe(
                self.ledger, self.patient_id, one.subscription_id, by_patient(self.patient_id)
            )


@dataclass(slots=True)
class Reach:
    """By what a patient can be told, by the events alone."""

    channels: tuple[Channel, ...] = (Channel.EMAIL,)
    email: bool = False
    phone: bool = False
    lost: set[Channel] = field(default_factory=set)
    browsers: set[UUID] = field(default_factory=set)

    def takes(self, event: object) -> None:
        match event:
            case ReceivingSettingsChanged():
                self.channels = () if event.has_no_notices else event.channels
            case EmailStated() if not self.email:
                self.lost.discard(Channel.EMAIL)
            case EmailConfirmed():
                self.email = True
                self.lost.discard(Channel.EMAIL)
            case PhoneStated() | PhoneConfirmed():
                self.phone = isinstance(event, PhoneConfirmed)
                self.lost.discard(Channel.SMS)
            case ContactUnreachable():
                self.lost.add(event.channel)
            case ContactReachable():
                self.lost.discard(event.channel)
            case PushAddressStated():
                self.browsers.add(event.subscription_id)
            case PushUnsubscribed():
                self.browsers.discard(event.subscription_id)
            case _:
                pass

    def lets(self, channel: Channel) -> bool:
        has = {Channel.EMAIL: self.email, Channel.SMS: self.phone, Channel.PUSH: bool(self.browsers)}
        return channel in self.channels and has[channel] and channel not in self.lost


Version = tuple[UUID, int, About | None]


def judge(ledger: Ledger) -> Counter[Version]:
    """Go through the ledger once; each version that was to be told of, with how many channels were asked for."""
    reach, counted = Reach(), dict[UUID, int]()
    owned, to_tell = set[UUID](), set[tuple[UUID, int]]()
    said: dict[Version, list[Channel]] = {}
    asked: Counter[Version] = Counter()
    for recorded in ledger.read_all(limit=100_000):
        event, stream_id = recorded.event, recorded.stream_id
        reach.takes(event)
        match event:
            case ReportReceived() | ReportRevised():
                counted[stream_id] = counted.get(stream_id, 0) + 1
                if stream_id in owned:
                    to_tell.add((stream_id, counted[stream_id]))
            case ReportMatched():
                owned.add(stream_id)
            case ReportUnmatched():
                owned.discard(stream_id)
            case NotificationRequested():
                version = (event.report_id, event.report_version, event.about)
                assert reach.lets(event.channel), recorded
                said.setdefault(version, []).append(event.channel)
                asked[version] += 1
                assert stream_id == notification_stream(ledger, event, event.channel)
            case ChannelsSuppressed():
                version = (event.report_id, event.report_version, event.about)
                said.setdefault(version, []).extend(one.channel for one in event.channels)
                assert stream_id == silence_stream(ledger, event)
            case NotificationSuppressed():
                pytest.fail("what begins as suppressed is one event")
            case _:
                pass
    assert to_tell <= {version[:2] for version in said}, "no version of a patient's report is forgotten"
    for version, channels in said.items():
        assert sorted(channels) == sorted(Channel), f"{version}: each channel once"
    return asked


def prepared(ledger: Ledger, seed: int) -> ContactPlay:
    play = ContactPlay(ledger, Follower(ledger, (MATCHING, CABINET, DELIVERY)), Random(seed))
    play.laboratories = [registered(ledger, "one"), registered(ledger, "two")]
    play.patient_id = patient(ledger, "+79990000001")
    stated(ledger, play.patient_id, SNILS[0], "Соколова", "Анна", "1984-02-29")
    by = by_patient(play.patient_id)
    commands.state_email(ledger, play.patient_id, EMAILS[0], by)
    contacts.confirm_email(ledger, play.patient_id, EMAILS[0], by)
    for laboratory_id in play.laboratories:
        agreed(ledger, play.patient_id, laboratory_id)
    return play


def rows_of(play: Play) -> list[NotificationRow]:
    play.follower.catch_up()
    return delivery.notifications_of(play.ledger, play.patient_id, limit=10_000)


@pytest.mark.parametrize("seed", range(2))
def test_each_version_has_one_state_by_each_channel(ledger: Ledger, owner: Ledger, seed: int) -> None:
    play = prepared(ledger, seed)
    acts = play.acts()
    for _ in range(150):
        try:
            next(acts)()
        except REFUSED:
            continue
    play.wake()
    asked = judge(ledger)
    assert len(asked) > 5 and len(set(asked.values())) > 1, "the play tells too little to prove anything"
    rows = rows_of(play)
    states = Counter((row.report_id, row.report_version, row.about, row.channel) for row in rows)
    assert set(states.values()) == {1}
    requested = Counter(
        (row.report_id, row.report_version, row.about) for row in rows if row.status != "suppressed"
    )
    assert requested == asked
    assert all(row.reason for row in rows if row.status == "suppressed"), "and it is said why"
    assert all(one.is_same for one in redecide_all(ledger)), "each decision is the same again"
    assert check(owner, DELIVERY).is_equal


@pytest.mark.parametrize("is_known", [False, True], ids=["first version", "correction"])
def test_a_notice_rests_on_what_permits_it_where_it_is_recorded(ledger: Ledger, is_known: bool) -> None:
    """Between the look and the append the consent is withdrawn: then the report is decided anew."""
    play = prepared(ledger, 1)
    laboratory_id = play.laboratories[0]
    if is_known:
        arrives(ledger, laboratory_id, content("1", PANELS[0], sent_second=1))
    sight = Sight(ledger, OrganisationId(laboratory_id))
    sent = content("1", PANELS[0], sent_second=2)
    (draft,) = drafts_of(sight, Source(laboratory_id, uuid4()), [sent])
    assert any(isinstance(event, NotificationRequested) for write in draft.writes for event in write.events)
    withdraw_consent(ledger, play.patient_id, ConsentKind.NOTIFICATIONS, by_patient(play.patient_id))
    with pytest.raises(StreamConflictError):
        ledger.append(*draft.writes, circumstances=TESTER, guards=draft.guards, marks=draft.marks)


def test_a_rule_that_forgets_the_address_is_found_out(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The oracle of the play can fail."""
    monkeypatch.setattr(permission, "address_barriers", lambda *_, **__: iter(()))
    play = prepared(ledger, 1)
    contacts.mark_unreachable(ledger, play.patient_id, Channel.EMAIL, "5.1.1", by_patient(play.patient_id))
    arrives(ledger, play.laboratories[0], content("1", PANELS[0], sent_second=1))
    with pytest.raises(AssertionError):
        judge(ledger)


def test_a_version_that_leaves_one_channel_out_is_found_out(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    play = prepared(ledger, 1)
    monkeypatch.setattr("ledger.announcing.silence_stream", lambda *_: uuid4())
    arrives(ledger, play.laboratories[0], content("1", PANELS[0], sent_second=1))
    with pytest.raises(AssertionError):
        judge(ledger)


def sends(play: Play, number: str, second: int, **changed: object) -> UUID:
    sent = replace(content(number, PANELS[0], sent_second=second), **changed)  # type: ignore[arg-type]
    return arrives(play.ledger, play.laboratories[0], sent)


def told(play: Play) -> dict[tuple[int, str | None], tuple[str, bool]]:
    """What each version of one report says by e-mail, and whether it is urgent."""
    return {
        (row.report_version, row.about): (row.status, row.is_urgent)
        for row in rows_of(play)
        if row.channel == "email"
    }


def test_a_correction_of_what_the_patient_has_is_told_as_one(ledger: Ledger) -> None:
    play = prepared(ledger, 1)
    sends(play, "1", 1, status=ReportStatus.PRELIMINARY)
    sends(play, "1", 2)
    sends(play, "1", 3, status=ReportStatus.CORRECTED)
    assert told(play) == {
        (1, None): ("requested", False),
        (2, None): ("requested", False),
        (3, "corrected"): ("requested", False),
    }
    older = {row.report_version: row.superseded_by for row in rows_of(play) if row.channel == "email"}
    assert older[1] is not None and older[2] is not None and older[3] is None


def test_what_was_corrected_before_its_patient_had_it_is_no_correction_for_them(ledger: Ledger) -> None:
    play = prepared(ledger, 1)
    by = by_patient(play.patient_id)
    withdraw_consent(ledger, play.patient_id, ConsentKind.RESULTS_TRANSFER, by)
    sends(play, "1", 1)
    sends(play, "1", 2, status=ReportStatus.CORRECTED)
    agreed(ledger, play.patient_id, play.laboratories[0])
    play.wake()
    assert told(play) == {(2, None): ("requested", False)}


def test_what_is_critical_is_urgent(ledger: Ledger) -> None:
    play = prepared(ledger, 1)
    flag = (Concept(codings=(Coding(system="v2-0078", code="HH"),)),)
    sends(play, "1", 1, observations=(replace(OBSERVATION, interpretation=flag),))
    assert told(play) == {(1, None): ("requested", True)}


def test_the_usual_patient_costs_one_event_more_than_one_channel_did(ledger: Ledger) -> None:
    """Intake is measured: e-mail is asked for, and one event speaks of the others."""
    play = prepared(ledger, 1)
    sight = Sight(ledger, OrganisationId(play.laboratories[0]))
    source = Source(play.laboratories[0], uuid4())
    (draft,) = drafts_of(sight, source, [content("1", PANELS[0], sent_second=1)])
    names = [type(event).__name__ for write in draft.writes for event in write.events]
    assert names == ["ReportReceived", "ReportMatched", "NotificationRequested", "ChannelsSuppressed"]


def test_another_rule_names_the_channels_that_it_would_silence(ledger: Ledger) -> None:
    play = prepared(ledger, 1)
    play.browse()
    chosen = ReceivingSettings(channels=tuple(Channel))
    receiving.save_settings(ledger, play.patient_id, chosen, by_patient(play.patient_id))
    arrives(ledger, play.laboratories[0], content("1", PANELS[0], sent_second=1))

    def stricter(grounds: permission.Grounds, *, channel: Channel) -> str | None:
        return "stricter" if channel is Channel.PUSH else permission.notice_barrier(grounds, channel=channel)

    differing = [one for one in redecide_all(ledger, rules=Rules(of_notices=stricter)) if not one.is_same]
    assert [(one.channel, one.decided, one.again) for one in differing] == [(Channel.PUSH, None, "stricter")]
