"""Policies are data: what is read strictly, and what each of them changes."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from domain import consent, permission
from domain.channel import Channel
from domain.consent import ConsentGranted, ConsentKind
from domain.decision_policy import (
    FORMAT,
    IGNORABLE,
    IN_FORCE,
    POLICIES,
    DecisionPolicy,
    PolicyMalformedError,
    PolicyUnknownError,
    policy_named,
    policy_of,
)
from domain.guardian_sight import NOTHING, sight_of
from domain.legal_age import AGE_OF_MAJORITY, AGE_OF_OWN_DECISION, birthday
from domain.permission import Grounds
from tests.domain.test_guardianship import BORN, KNOWN, state_of
from tests.examples import ANNA, CLINIC, DOCUMENT

NOTHING_KNOWN = Grounds(at=datetime(2026, 11, 26, tzinfo=UTC))


def stated(**fields: Any) -> bytes:
    return json.dumps({"format": FORMAT, "name": "tried", **fields}).encode()


def test_what_is_left_out_is_as_in_force() -> None:
    found = policy_of(stated())
    assert found == DecisionPolicy(name="tried")
    assert (found.ignored, found.notices_need_linkage, found.age_of_own_decision) == (
        frozenset(),
        False,
        AGE_OF_OWN_DECISION,
    )
    assert policy_named("in-force") is IN_FORCE and set(POLICIES) >= {"notices-need-linkage"}
    with pytest.raises(PolicyUnknownError):
        policy_named("tried")


def test_everything_can_be_stated() -> None:
    found = policy_of(
        stated(
            ignored=["not-wanted", "email-unconfirmed"],
            document_versions={"personal-data": 2, "notifications": 3},
            notices_need_linkage=True,
            age_of_own_decision=16,
        )
    )
    assert found.ignored == {"not-wanted", "email-unconfirmed"} <= IGNORABLE
    assert dict(found.document_versions) == {"personal-data": 2, "notifications": 3}
    assert found.notices_need_linkage and found.age_of_own_decision == 16


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"{", "json"),
        (b"[" * 5000, "json"),
        (b"[]", "format"),
        (b'{"name": "x"}', "format"),
        (b'{"format": "letopis/decision-policy@v1", "name": "x", "name": "y"}', "json"),
        (stated(name=""), "name"),
        (stated(name="No Blanks"), "name"),
        (stated(other=1), "other"),
        (stated(ignored="not-wanted"), "ignored"),
        (stated(ignored=["email-missing"]), "ignored"),
        (stated(ignored=[1]), "ignored"),
        (stated(document_versions={"results-by-email": 2}), "document_versions"),
        (stated(document_versions={"personal-data": True}), "document_versions"),
        (stated(document_versions={"personal-data": 0}), "document_versions"),
        (stated(notices_need_linkage=1), "notices_need_linkage"),
        (stated(age_of_own_decision=13), "age_of_own_decision"),
        (stated(age_of_own_decision=19), "age_of_own_decision"),
        (stated(age_of_own_decision=15.0), "age_of_own_decision"),
        (b" " * 20_000, "size"),
    ],
)
def test_what_is_not_known_is_refused(content: bytes, what: str) -> None:
    with pytest.raises(PolicyMalformedError, match=f"^{what}$"):
        policy_of(content)


def test_a_barrier_that_does_not_count_lets_the_next_one_speak() -> None:
    asked: dict[str, Any] = {"organisation_id": CLINIC, "study_types": frozenset()}
    barriers = list(permission.barriers(NOTHING_KNOWN, **asked))
    assert barriers[0] == permission.barrier(NOTHING_KNOWN, **asked) == "organisation-not-linked"
    for place in range(len(barriers)):
        policy = DecisionPolicy(name="tried", ignored=frozenset(barriers[:place]))
        assert policy.of_reports(NOTHING_KNOWN, **asked) == barriers[place]
    assert (
        DecisionPolicy(name="tried", ignored=frozenset(barriers)).of_reports(NOTHING_KNOWN, **asked) is None
    )


@pytest.mark.parametrize("channel", Channel)
def test_the_policy_in_force_is_the_rule(channel: Channel) -> None:
    """The linkage is not even looked for."""
    never: Any = None
    found = IN_FORCE.of_notices(NOTHING_KNOWN, channel=channel, linkage=never)
    assert found == permission.notice_barrier(NOTHING_KNOWN, channel=channel) == "consent-missing"


def test_an_age_moves_the_day_from_which_a_child_decides() -> None:
    represented, born = state_of(*KNOWN), BORN.isoformat()
    fifteenth = birthday(BORN, AGE_OF_OWN_DECISION)
    assert not sight_of(represented, born, fifteenth).may_act
    assert sight_of(represented, born, fifteenth, age_of_own_decision=16).may_act
    grown = birthday(BORN, AGE_OF_MAJORITY)
    assert sight_of(represented, born, grown, age_of_own_decision=AGE_OF_MAJORITY) == NOTHING


@pytest.mark.parametrize(("least", "barrier"), [(1, None), (2, None), (3, permission.CONSENT_OUTDATED)])
def test_the_edition_that_is_asked_for_is_enough(least: int, barrier: str | None) -> None:
    granted = ConsentGranted(patient_id=ANNA, document=replace(DOCUMENT, version=2))
    policy = DecisionPolicy(
        name="tried",
        ignored=frozenset(permission.BARRIERS),
        document_versions={ConsentKind.RESULTS_TRANSFER: least},
    )
    grounds = replace(NOTHING_KNOWN, transfer=consent.evolve(None, granted))
    assert policy.of_reports(grounds, organisation_id=CLINIC, study_types=frozenset()) == barrier
