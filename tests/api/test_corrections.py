"""Correction reach: a result that changes is owed to whoever had the older version, once, until they know of it."""

from dataclasses import dataclass, field, replace
from threading import Thread
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.corrections import settle
from domain import Event
from domain.channel import Channel
from domain.correction import (
    CorrectionAcknowledged,
    CorrectionLapsed,
    CorrectionOwed,
    CorrectionSpared,
    CorrectionTold,
    PartyKind,
)
from domain.notification import (
    NotificationDelivered,
    NotificationFailed,
    NotificationHandedOver,
    NotificationRequested,
)
from domain.reading import Medium, ReadingPurpose, ReportRead
from domain.receiving import DocumentFormat
from domain.report import (
    ReportReceived,
    ReportRevised,
    ReportUnmatched,
    ReportVersionsHeld,
    ReportVersionsReleased,
    UnmatchReason,
)
from domain.report_content import ReportContent
from domain.sharing import ShareClosed, ShareEnd
from domain.staff import StaffMemberDismissed
from domain.unsaid import changes_between
from domain.values import PatientId
from ledger.codec import Circumstances
from ledger.commands import by_patient, record_reading
from ledger.guardianship import by_guardian
from ledger.staff import by_member, member_id_of
from ledger.store import Ledger
from projections import CORRECTIONS
from projections import corrections_overview as overview
from projections.follow import Follower
from projections.rebuild import check
from tests.api.cast import ANNA as HER
from tests.api.cast import Laboratory, Portal, settled
from tests.api.test_versions import glucose, hl7, sent
from tests.domain.test_unsaid import content, observation
from tests.examples import ANNA, ATTEMPTED, BASIS, BORIS, INVITRO, MATCHED, REQUESTED, SUBMISSION
from tests.scenario import recorded

DOCTOR = by_member("irina")
LINK, OTHER_LINK = (Circumstances(actor=f"share:{UUID(int=number)}") for number in (71, 72))


@dataclass
class House:
    """A ledger, its views, and the worker of corrections; readers by name."""

    ledger: Ledger
    follower: Follower
    patient_id: PatientId = ANNA
    report_id: UUID = field(default_factory=uuid4)
    contents: list[ReportContent] = field(default_factory=list)

    def settle(self) -> int:
        """Rounds of the worker, until there is nothing to do."""
        total = 0
        assert self.follower.catch_up()
        while decided := settle(self.ledger):
            total += decided
            assert self.follower.catch_up()
        return total

    def reads(self, by: Circumstances, version: int, medium: Medium | None = None) -> None:
        purpose = {
            f"patient:{self.patient_id}": ReadingPurpose.OWN_CABINET,
            "patient": ReadingPurpose.LEGAL_REPRESENTATIVE,
            "share": ReadingPurpose.SHARED_LINK,
            "staff": ReadingPurpose.TREATMENT,
        }
        found = purpose.get(by.actor) or purpose[by.actor.partition(":")[0]]
        reading = ReportRead(
            patient_id=self.patient_id,
            report_id=self.report_id,
            report_version=version,
            purpose=found,
            medium=medium,
        )
        record_reading(self.ledger, reading, by)

    def received(self, first: ReportContent) -> None:
        self.contents = [first]
        received = ReportReceived(laboratory_id=INVITRO, submission_id=SUBMISSION, content=first)
        recorded(self.ledger, self.report_id, received, replace(MATCHED, patient_id=self.patient_id))

    def revised(self, newer: ReportContent, *more: Event, is_late: bool = False) -> None:
        self.contents.append(newer)
        event = ReportRevised(laboratory_id=INVITRO, submission_id=SUBMISSION, content=newer, is_late=is_late)
        recorded(self.ledger, self.report_id, event, *more)

    def happens(self, *events: Event) -> None:
        recorded(self.ledger, self.report_id, *events)

    def events(self, *kinds: type[Event]) -> list[Any]:
        return [one.event for one in self.ledger.read_all(limit=100_000) if isinstance(one.event, kinds)]

    def statuses(self) -> dict[tuple[str, int], str]:
        assert self.follower.catch_up()
        return {
            (row.party, row.report_version): row.status
            for row in overview.corrections_of(self.ledger, self.patient_id)
        }

    def opens(self) -> set[str]:
        assert self.follower.catch_up()
        return {row.party for row in overview.open_corrections(self.ledger)}


def her(house: House) -> Circumstances:
    return by_patient(house.patient_id)


def guardian(house: House) -> Circumstances:
    return by_guardian(BORIS, house.patient_id)


@pytest.fixture
def house(ledger: Ledger, follower: Follower) -> House:
    made = House(ledger, follower)
    made.received(content(observation(value="5.0")))
    return made


CORRECTED = content(observation(value="7.0"))


# The requirement: one result, five exposures over four channels, ORU with OBX-11=C.


def test_five_who_had_the_old_value_are_owed_five_corrections(
    portal: Portal, laboratory: Laboratory, follower: Follower, owner: Ledger
) -> None:
    anna = settled(portal.opened, HER, laboratory.laboratory_id)
    ledger = portal.opened.ledger
    answer: Any = sent(portal, laboratory, hl7(HER, glucose("5.0", "F")))
    house = House(ledger, follower, anna, UUID(answer["reports"][0]["id"]))
    house.reads(her(house), 1)
    house.reads(guardian(house), 1, Medium.PDF)
    house.reads(DOCTOR, 1)
    house.reads(LINK, 1, Medium.FHIR_JSON)
    house.reads(OTHER_LINK, 1)
    corrected = hl7(HER, glucose("7.0", "C"), status="C", at="20261125120000+0300", control="2")
    sent(portal, laboratory, corrected)
    # Whoever reads only the new version is owed nothing.
    house.reads(by_member("pavel"), 2)
    house.reads(Circumstances(actor=f"share:{UUID(int=73)}"), 2)
    house.settle()
    everybody = {
        f"patient:{anna}",
        f"patient:{BORIS}",
        "staff:irina",
        f"share:{UUID(int=71)}",
        f"share:{UUID(int=72)}",
    }
    assert house.opens() == everybody
    owed = house.events(CorrectionOwed)
    assert len(owed) == 5 and {one.kind for one in owed} == set(PartyKind)
    assert {tuple(one.changes) for one in owed} == {("value",)}

    # A notice that was only handed over closes nothing; one that was delivered does.
    (notice,) = [
        one.stream_id for one in portal.events(NotificationRequested) if one.event.report_version == 2
    ]
    recorded(ledger, notice, ATTEMPTED, NotificationHandedOver(attempt=1, remote_id="1"))
    house.settle()
    assert house.opens() == everybody
    recorded(ledger, notice, NotificationDelivered(remote_id="1"))
    house.settle()
    assert house.opens() == everybody - {f"patient:{anna}"}
    # To see the new value in a trend is not to know that it was corrected.
    house.reads(DOCTOR, 2, Medium.TREND)
    house.reads(guardian(house), 2)
    house.reads(LINK, 2)
    house.settle()
    assert house.opens() == {"staff:irina", f"share:{UUID(int=72)}"}
    house.reads(DOCTOR, 2)
    house.reads(OTHER_LINK, 2)
    house.settle()
    assert house.opens() == set()
    # The patient was told, and has not looked yet: that is known too.
    assert house.statuses()[f"patient:{anna}", 2] == "told"
    house.reads(her(house), 2, Medium.PDF)
    house.settle()
    assert set(house.statuses().values()) == {"acknowledged"}
    assert len(house.events(CorrectionOwed)) == len(house.events(CorrectionAcknowledged)) == 5
    assert len(house.events(CorrectionTold)) == 1
    # Made anew, the view is the same, and nothing is decided a second time.
    assert check(owner, CORRECTIONS).is_equal
    before = ledger.last_position()
    assert house.settle() == 0 and ledger.last_position() == before


# What is owed, and what is not.


def test_the_same_findings_owe_nothing_and_that_is_recorded(house: House) -> None:
    house.reads(her(house), 1)
    house.revised(replace(house.contents[0], sent_at="2026-11-25T10:00:00+03:00", notes=("Проверено.",)))
    house.settle()
    assert house.opens() == set()
    assert [one.reason for one in house.events(CorrectionSpared)] == ["same-findings"]


def test_a_late_copy_changes_nothing(house: House) -> None:
    house.reads(her(house), 1)
    house.revised(CORRECTED, is_late=True)
    assert house.settle() == 0


def test_what_is_held_is_owed_when_it_is_released(house: House) -> None:
    house.reads(her(house), 1)
    house.happens(ReportVersionsHeld(patient_id=ANNA, shown_version=1, reason="consent-missing", basis=BASIS))
    house.revised(CORRECTED)
    assert house.settle() == 0, "nobody may see what it says"
    house.happens(ReportVersionsReleased(patient_id=ANNA, basis=BASIS))
    house.settle()
    assert house.opens() == {f"patient:{ANNA}"}
    assert house.events(CorrectionOwed)[0].report_version == 2


@pytest.mark.parametrize("reason", [UnmatchReason.WITHDRAWN_BY_LABORATORY, UnmatchReason.MATCHED_BY_MISTAKE])
def test_a_report_of_somebody_else_is_owed_to_all_who_had_it(house: House, reason: UnmatchReason) -> None:
    house.reads(her(house), 1)
    house.reads(DOCTOR, 1)
    house.happens(ReportUnmatched(patient_id=ANNA, reason=reason))
    house.settle()
    assert house.opens() == {f"patient:{ANNA}", "staff:irina"}
    assert {one.report_version for one in house.events(CorrectionOwed)} == {None}


def test_what_its_laboratory_takes_back_is_owed_once(house: House) -> None:
    house.reads(her(house), 1)
    gone = ReportUnmatched(patient_id=ANNA, reason=UnmatchReason.WITHDRAWN_BY_LABORATORY)
    house.revised(replace(CORRECTED, is_of_another_patient=True), gone)
    house.settle()
    assert [one.report_version for one in house.events(CorrectionOwed)] == [None]


def test_a_sample_that_was_looked_at_is_no_mistake(house: House) -> None:
    house.reads(her(house), 1)
    house.happens(ReportUnmatched(patient_id=ANNA, reason=UnmatchReason.SAMPLE_REMOVED))
    assert house.settle() == 0


def test_operators_and_auditors_are_owed_nothing(house: House) -> None:
    for purpose in (ReadingPurpose.OPERATION, ReadingPurpose.AUDIT):
        reading = ReportRead(patient_id=ANNA, report_id=house.report_id, report_version=1, purpose=purpose)
        record_reading(house.ledger, reading, by_member("ivan"))
    house.revised(CORRECTED)
    assert house.settle() == 0


def test_a_document_that_went_by_mail_is_an_exposure(house: House) -> None:
    requested = replace(
        REQUESTED, report_id=house.report_id, channel=Channel.EMAIL, carries=DocumentFormat.PDF
    )
    attempted = replace(ATTEMPTED, carries=DocumentFormat.PDF)
    recorded(house.ledger, uuid4(), requested, attempted, NotificationHandedOver(attempt=1, remote_id="1"))
    # One that only says that there is news shows nothing.
    other = replace(requested, report_version=1, carries=None, patient_id=BORIS)
    recorded(house.ledger, uuid4(), other, ATTEMPTED, NotificationHandedOver(attempt=1, remote_id="2"))
    house.revised(CORRECTED)
    house.settle()
    (owed,) = house.events(CorrectionOwed)
    assert (owed.party, owed.kind) == (f"patient:{ANNA}", "patient")
    assert [one.medium for one in owed.exposures] == ["email"]


def mailed(house: House, report_version: int, *more: Event) -> UUID:
    """A document is on its way to the patient; what became of it is still to be said."""
    requested = replace(
        REQUESTED,
        report_id=house.report_id,
        report_version=report_version,
        channel=Channel.EMAIL,
        carries=DocumentFormat.PDF,
    )
    notice = uuid4()
    recorded(house.ledger, notice, requested, *more, replace(ATTEMPTED, carries=DocumentFormat.PDF))
    return notice


def test_a_document_that_is_on_its_way_when_the_result_changes_is_the_old_one(house: House) -> None:
    notice = mailed(house, 1)
    house.revised(CORRECTED)
    recorded(house.ledger, notice, NotificationHandedOver(attempt=1, remote_id="1"))
    house.settle()
    (owed,) = house.events(CorrectionOwed)
    assert [(one.report_version, one.medium) for one in owed.exposures] == [(1, "email")]


def test_a_document_that_certainly_stayed_was_had_by_nobody(house: House) -> None:
    notice = mailed(house, 1)
    house.revised(CORRECTED)
    assert house.follower.catch_up()
    recorded(house.ledger, notice, NotificationFailed(attempt=1, reason="refused"))
    assert house.settle() == 0


def test_what_went_by_mail_is_the_version_that_the_patient_saw_then(house: House) -> None:
    """Asked for of the first, sent of the second, which the third takes back."""
    house.revised(CORRECTED)
    notice = mailed(house, 1)
    recorded(house.ledger, notice, NotificationHandedOver(attempt=1, remote_id="1"))
    house.revised(house.contents[0])
    house.settle()
    (owed,) = house.events(CorrectionOwed)
    assert (owed.report_version, owed.exposures[0].report_version) == (3, 2)


def test_a_corrected_document_that_was_only_handed_over_acknowledges_nothing(house: House) -> None:
    house.reads(her(house), 1)
    house.revised(CORRECTED)
    # The patient asked for it from a page that still showed the older one.
    house.reads(her(house), 2, Medium.EMAIL)
    recorded(house.ledger, mailed(house, 2), NotificationHandedOver(attempt=1, remote_id="1"))
    house.settle()
    assert house.opens() == {f"patient:{ANNA}"}


def test_what_was_taken_back_and_is_revised_then_is_owed_to_nobody(house: House) -> None:
    """They were told that it is gone: what it says now is not theirs to know."""
    house.reads(her(house), 1)
    house.happens(ReportUnmatched(patient_id=ANNA, reason=UnmatchReason.WITHDRAWN_BY_LABORATORY))
    house.revised(CORRECTED)
    house.settle()
    assert [one.report_version for one in house.events(CorrectionOwed)] == [None]


# How it ends.


def test_whoever_looked_before_it_was_decided_knows_already(house: House) -> None:
    house.reads(her(house), 1)
    house.revised(CORRECTED)
    house.reads(her(house), 2)
    house.settle()
    assert house.statuses() == {(f"patient:{ANNA}", 2): "acknowledged"}


def test_a_later_version_that_is_opened_acknowledges_all_before_it(house: House) -> None:
    house.reads(her(house), 1)
    house.revised(CORRECTED)
    house.settle()
    house.revised(content(observation(value="8.0")))
    house.settle()
    assert set(house.statuses().values()) == {"open"} and len(house.statuses()) == 2
    house.reads(her(house), 3)
    house.settle()
    assert set(house.statuses().values()) == {"acknowledged"}


def lapses(house: House, party: Circumstances, *ends: tuple[UUID, Event]) -> list[CorrectionLapsed]:
    house.reads(party, 1)
    house.revised(CORRECTED)
    house.settle()
    for stream_id, event in ends:
        recorded(house.ledger, stream_id, event)
    house.settle()
    return house.events(CorrectionLapsed)


def test_a_link_that_is_over_lapses_and_can_still_be_passed_on(house: House) -> None:
    (lapsed,) = lapses(house, LINK, (UUID(int=71), ShareClosed(reason=ShareEnd.EXPIRED)))
    assert lapsed.reason == "link-over" and house.opens() == set()


def test_a_doctor_who_left_can_not_be_told(house: House) -> None:
    dismissed = (member_id_of(house.ledger, "irina"), StaffMemberDismissed())
    (lapsed,) = lapses(house, DOCTOR, dismissed)
    assert lapsed.reason == "member-dismissed"


def test_a_party_that_left_before_is_owed_and_lapses(house: House) -> None:
    recorded(house.ledger, member_id_of(house.ledger, "irina"), StaffMemberDismissed())
    (lapsed,) = lapses(house, DOCTOR)
    assert lapsed.reason == "member-dismissed"
    assert len(house.events(CorrectionOwed)) == 1


# Nothing is doubled, whoever dies when.


def test_two_workers_owe_each_party_once(house: House) -> None:
    for number in range(8):
        house.reads(Circumstances(actor=f"share:{UUID(int=100 + number)}"), 1)
    house.revised(CORRECTED)
    assert house.follower.catch_up()
    workers = [Thread(target=settle, args=(house.ledger,)) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    house.settle()
    assert len(house.events(CorrectionOwed)) == 8 == len(house.opens())


def test_a_worker_that_died_before_the_view_saw_it_owes_nothing_twice(house: House) -> None:
    house.reads(her(house), 1)
    house.revised(CORRECTED)
    assert house.follower.catch_up()
    assert settle(house.ledger) == 1
    # The view is behind: it asks again, and the stream knows.
    assert settle(house.ledger) == 0
    house.settle()
    assert len(house.events(CorrectionOwed)) == 1


# Random histories against a second, plain telling of the rule.

PARTIES = (by_patient(ANNA), by_guardian(BORIS, ANNA), DOCTOR, LINK)
VALUES = ("5.0", "5.00", "7.0")
STEPS = st.lists(
    st.one_of(
        st.tuples(
            st.just("read"),
            st.sampled_from(PARTIES),
            st.sampled_from([None, Medium.PDF, Medium.TREND, Medium.ARCHIVE]),
        ),
        st.tuples(st.just("revise"), st.sampled_from(VALUES)),
        st.tuples(st.just("late"), st.sampled_from(VALUES)),
        st.tuples(st.sampled_from(["hold", "release", "settle"])),
    ),
    max_size=12,
)


@dataclass
class Oracle:
    """The rule told plainly, over what happened in order; nothing of the view or the worker is used."""

    house: House
    shown: int = 1
    standing: int = 1
    is_held: bool = False
    seen: dict[str, int] = field(default_factory=dict)
    owed: dict[tuple[str, int], str] = field(default_factory=dict)

    def take(self, step: tuple[Any, ...]) -> None:
        match step:
            case ("read", by, medium):
                self.house.reads(by, self.shown, medium)
                self._read(by.actor, medium)
            case ("revise", value):
                self.house.revised(content(observation(value=value)))
                self.standing = len(self.house.contents)
                self._show()
            case ("late", value):
                self.house.revised(content(observation(value=value)), is_late=True)
            case ("hold",) if not self.is_held:
                held = ReportVersionsHeld(
                    patient_id=ANNA, shown_version=self.standing, reason="consent-missing", basis=BASIS
                )
                self.house.happens(held)
                self.is_held = True
            case ("release",) if self.is_held:
                self.house.happens(ReportVersionsReleased(patient_id=ANNA, basis=BASIS))
                self.is_held = False
                self._show()
            case ("settle",):
                self.house.settle()

    def gone(self) -> None:
        self.house.happens(ReportUnmatched(patient_id=ANNA, reason=UnmatchReason.MATCHED_BY_MISTAKE))
        self.owed |= {(party, 0): "open" for party in self.seen}

    def _read(self, party: str, medium: Medium | None) -> None:
        self.seen[party] = max(self.seen.get(party, 0), self.shown)
        if medium is not Medium.TREND:
            for whose, version in self.owed:
                if whose == party and version <= self.shown:
                    self.owed[whose, version] = "acknowledged"

    def _show(self) -> None:
        if self.is_held or self.shown == self.standing:
            return
        self.shown = self.standing
        now = self.house.contents[self.shown - 1]
        for party, seen in self.seen.items():
            if changes_between(self.house.contents[seen - 1], now):
                self.owed[party, self.shown] = "open"


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS, is_gone=st.booleans())
def test_whatever_happens_each_is_owed_what_the_rule_says(
    ledger: Ledger, steps: list[tuple[Any, ...]], is_gone: bool
) -> None:
    house = House(ledger, Follower(ledger, [CORRECTIONS]))
    house.received(content(observation(value="5.0")))
    oracle = Oracle(house)
    for step in steps:
        oracle.take(step)
    if is_gone:
        oracle.gone()
    house.settle()
    owed = {
        (row.party, row.report_version): row.status
        for row in overview.corrections_of_report(ledger, ANNA, house.report_id)
    }
    assert owed == oracle.owed
    assert house.settle() == 0
