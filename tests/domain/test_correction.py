"""What is owed to who had an older version of a result, and how that ends."""

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from domain import correction
from domain.channel import Channel
from domain.correction import (
    Acknowledgement,
    Changed,
    CorrectionAcknowledged,
    CorrectionLapsed,
    CorrectionNotOwedError,
    CorrectionOwed,
    CorrectionSpared,
    CorrectionTold,
    Exposure,
    LapseReason,
    Party,
    PartyKind,
    SpareReason,
)
from domain.reading import Medium, ReadingPurpose
from domain.report_content import ReportStatus
from domain.unsaid import Change
from tests.domain.test_unsaid import content, observation
from tests.examples import ANNA, REPORT
from tests.scenario import given

NOTICE = UUID(int=5)
PARTY = Party(
    patient_id=ANNA,
    report_id=REPORT,
    party=f"patient:{ANNA}",
    kind=PartyKind.PATIENT,
    exposures=(
        Exposure(report_version=1, position=10),
        Exposure(report_version=1, position=12, medium=Medium.PDF),
    ),
)
CHANGED = Changed(
    report_version=2, position=20, seen=content(observation()), now=content(observation(value="7.0"))
)
OWED = CorrectionOwed(
    patient_id=ANNA,
    report_id=REPORT,
    report_version=2,
    position=20,
    party=PARTY.party,
    kind=PartyKind.PATIENT,
    exposures=PARTY.exposures,
    changes=(Change.VALUE,),
)
OF_LINK = replace(OWED, kind=PartyKind.LINK, party=f"share:{UUID(int=9)}")
TOLD = CorrectionTold(notification_id=NOTICE, channel=Channel.SMS)
OPENED = CorrectionAcknowledged(how=Acknowledgement.OPENED, report_version=2)
DECLARED = CorrectionAcknowledged(how=Acknowledgement.DECLARED)
PASSED_ON = CorrectionAcknowledged(how=Acknowledgement.PASSED_ON)
LAPSED = CorrectionLapsed(reason=LapseReason.LINK_OVER)


def spared(reason: SpareReason) -> CorrectionSpared:
    return CorrectionSpared(
        patient_id=ANNA, report_id=REPORT, report_version=2, party=PARTY.party, reason=reason
    )


def test_who_had_another_value_is_owed_a_correction_once() -> None:
    given().when(correction.owe, PARTY, CHANGED).then(OWED)
    given(OWED).when(correction.owe, PARTY, CHANGED).then_nothing()
    given(spared(SpareReason.SAME_FINDINGS)).when(correction.owe, PARTY, CHANGED).then_nothing()


def test_the_same_findings_owe_nothing_and_that_is_said() -> None:
    same = replace(CHANGED, now=replace(CHANGED.seen, status=ReportStatus.CORRECTED))  # type: ignore[type-var]
    given().when(correction.owe, PARTY, same).then(spared(SpareReason.SAME_FINDINGS))


def test_what_was_destroyed_can_not_be_compared() -> None:
    for change in (replace(CHANGED, seen=None), replace(CHANGED, now=None)):
        given().when(correction.owe, PARTY, change).then(spared(SpareReason.CONTENT_DESTROYED))


def test_a_report_that_left_the_cabinet_owes_whatever_it_said() -> None:
    gone = Changed(report_version=None, position=20, seen=None, now=None)
    owed = replace(OWED, report_version=None, changes=(Change.GONE,))
    given().when(correction.owe, PARTY, gone).then(owed)


def test_it_is_told_when_a_notice_was_delivered() -> None:
    asked: dict[str, Any] = {"notification_id": NOTICE, "channel": Channel.SMS}
    given(OWED).when(correction.tell, **asked).then(TOLD)
    for history in ((), (OWED, TOLD), (OWED, OPENED), (OWED, LAPSED)):
        given(*history).when(correction.tell, **asked).then_nothing()


def test_it_is_acknowledged_by_opening_the_newer_version_or_by_saying_so() -> None:
    opened: dict[str, Any] = {"how": Acknowledgement.OPENED, "report_version": 2}
    for history in ((OWED,), (OWED, TOLD), (OWED, LAPSED), (OF_LINK,)):
        given(*history).when(correction.acknowledge, **opened).then(OPENED)
    given(OWED).when(correction.acknowledge, how=Acknowledgement.DECLARED).then(DECLARED)
    given(OWED, DECLARED).when(correction.acknowledge, **opened).then_nothing()


def test_only_of_a_link_somebody_else_can_say_that_they_told_its_holder() -> None:
    passed_on, declared = Acknowledgement.PASSED_ON, Acknowledgement.DECLARED
    given(OF_LINK).when(correction.acknowledge, how=passed_on).then(PASSED_ON)
    given(OF_LINK, LAPSED).when(correction.acknowledge, how=passed_on).then(PASSED_ON)
    given(OF_LINK).when(correction.acknowledge, how=declared).then_refused(CorrectionNotOwedError)
    given(OWED).when(correction.acknowledge, how=passed_on).then_refused(CorrectionNotOwedError)


def test_nothing_is_acknowledged_that_is_not_owed() -> None:
    for history in ((), (spared(SpareReason.SAME_FINDINGS),)):
        asked = given(*history).when(correction.acknowledge, how=Acknowledgement.OPENED)
        asked.then_refused(CorrectionNotOwedError)


def test_it_lapses_only_while_nobody_was_told() -> None:
    given(OF_LINK).when(correction.lapse, reason=LapseReason.LINK_OVER).then(LAPSED)
    for history in ((), (OWED, TOLD), (OWED, OPENED), (OWED, LAPSED)):
        given(*history).when(correction.lapse, reason=LapseReason.LINK_OVER).then_nothing()


@pytest.mark.parametrize(
    ("purpose", "kind"),
    [
        (ReadingPurpose.OWN_CABINET, PartyKind.PATIENT),
        (ReadingPurpose.LEGAL_REPRESENTATIVE, PartyKind.GUARDIAN),
        (ReadingPurpose.TREATMENT, PartyKind.DOCTOR),
        (ReadingPurpose.SHARED_LINK, PartyKind.LINK),
        (ReadingPurpose.OPERATION, None),
        (ReadingPurpose.AUDIT, None),
    ],
)
def test_who_may_act_on_what_they_read_is_a_party(purpose: ReadingPurpose, kind: PartyKind | None) -> None:
    assert correction.kind_of(purpose) is kind
