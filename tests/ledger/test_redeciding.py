"""Decisions made again: a random history comes out the same, and another policy changes exactly what it should.

The oracle knows of each policy from nothing but the events in the order of the ledger.
"""

from dataclasses import replace
from uuid import uuid4

import pytest

from domain.channel import Channel
from domain.consent import ConsentGranted, ConsentKind
from domain.decision_policy import IN_FORCE, DecisionPolicy
from domain.notification import NotificationRequested
from domain.permission import CONSENT_OUTDATED, NOT_WANTED, ORGANISATION_NOT_LINKED
from domain.report import ReportMatched, ReportVersionsHeld, ReportVersionsReleased
from domain.values import OrganisationId
from ledger import linkage, receiving, redeciding
from ledger.commands import by_patient
from ledger.consents import grant_consent
from ledger.redeciding import Rules, redecide_all
from ledger.store import Ledger
from tests.examples import DOCUMENT
from tests.ledger.test_permission import (
    PANELS,
    REFUSED,
    arrives,
    content,
    prepared,
)
from tests.scenario import recorded

Expected = list[tuple[int, Channel | None, str | None]]
SHOWN = ReportMatched | ReportVersionsReleased


def played(ledger: Ledger, seed: int, *, acts: int = 90) -> None:
    play = prepared(ledger, seed)
    going = play.acts()
    for _ in range(acts):
        try:
            next(going)()
        except REFUSED:
            continue
    # The end is one that each policy has something to say of: an older edition, and a wish.
    play.mend()
    by = by_patient(play.patient_id)
    older = replace(DOCUMENT, version=1)
    grant_consent(ledger, play.patient_id, agreed=older, current=older, by=by)
    arrives(ledger, play.laboratories[0], content("old", PANELS[0], sent_second=1000))
    receiving.turn_off(ledger, play.patient_id, OrganisationId(play.laboratories[0]), by)
    arrives(ledger, play.laboratories[0], content("old", PANELS[0], sent_second=1001))
    play.wake()


def differing(ledger: Ledger, policy: DecisionPolicy) -> Expected:
    rules = Rules.of(policy)
    return [
        (one.position, one.channel, one.again) for one in redecide_all(ledger, rules=rules) if not one.is_same
    ]


def of_editions(ledger: Ledger) -> Expected:
    """What rested on the first edition of the consent to transfer, or of that to personal data, where the second is
    asked for."""
    editions: dict[ConsentKind, int] = {}
    expected: Expected = []
    for one in ledger.read_all(limit=100_000):
        event, place = one.event, one.position or 0
        if isinstance(event, ConsentGranted):
            editions[event.document.kind] = event.document.version
        if isinstance(event, SHOWN) and editions[ConsentKind.RESULTS_TRANSFER] < 2:
            expected.append((place, None, CONSENT_OUTDATED))
    return expected


def of_wishes(ledger: Ledger) -> Expected:
    """What was kept only because it was not wanted, where wishes don't count."""
    return [
        (one.position or 0, None, None)
        for one in ledger.read_all(limit=100_000)
        if isinstance(one.event, ReportVersionsHeld) and one.event.reason == NOT_WANTED
    ]


def test_a_random_history_comes_out_the_same_and_a_policy_changes_what_it_should(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Pages end in the middle of everything.
    monkeypatch.setattr(redeciding, "PAGE", 7)
    monkeypatch.setattr(redeciding, "TOGETHER", 5)
    played(ledger, seed=3)
    assert len(list(redecide_all(ledger))) > 20
    assert all(one.is_same for one in redecide_all(ledger))
    assert differing(ledger, IN_FORCE) == [], "the rules in force as a policy"
    editions = DecisionPolicy(name="editions", document_versions={ConsentKind.RESULTS_TRANSFER: 2})
    expected = of_editions(ledger)
    assert expected and differing(ledger, editions) == expected
    wishes = DecisionPolicy(name="wishes", ignored=frozenset({NOT_WANTED}))
    expected, found = of_wishes(ledger), differing(ledger, wishes)
    assert expected and [one for one in found if one[1] is None] == expected
    unwanted = {
        (one.position, one.channel)
        for one in redecide_all(ledger)
        if one.channel and one.decided == NOT_WANTED
    }
    assert {(place, channel) for place, channel, _ in found if channel} == unwanted
    half = (ledger.last_position()) // 2
    assert [one.position for one in redecide_all(ledger, until=half)] == [
        one.position for one in redecide_all(ledger) if one.position <= half
    ]


def test_a_notice_that_went_without_a_linkage_is_listed(ledger: Ledger) -> None:
    """The rules in force don't ask for it again: a notice that is requested after the patient has left is right."""
    play = prepared(ledger, 1)
    laboratory, by = OrganisationId(play.laboratories[0]), by_patient(play.patient_id)
    arrives(ledger, play.laboratories[0], content("1", PANELS[0], sent_second=1))
    policy = DecisionPolicy(name="linkage", notices_need_linkage=True)
    assert differing(ledger, policy) == [], "it was linked then"
    requested = [
        one.event for one in ledger.read_all(limit=1000) if isinstance(one.event, NotificationRequested)
    ]
    linkage.unlink_organisation(ledger, play.patient_id, laboratory, by)
    late = [recorded(ledger, uuid4(), event).last for event in requested]
    found = differing(ledger, policy)
    assert late and [(place, again) for place, _, again in found] == [
        (place, ORGANISATION_NOT_LINKED) for place in late
    ]
    assert differing(ledger, IN_FORCE) == []
