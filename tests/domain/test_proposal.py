"""A person decides whose a report is, but only between whom something proposes, and never against a number."""

from domain import proposal
from domain.proposal import (
    MatchConfirmed,
    MatchContradictedError,
    MatchDeclined,
    MatchNotProposedError,
    MatchProposed,
    Proposal,
)
from tests.examples import ANNA, REPORT
from tests.scenario import given

PAIR = {"report_id": REPORT, "patient_id": ANNA}
PROPOSED = MatchProposed(**PAIR, reason="identity-contradicts")
CONFIRMED, DECLINED = MatchConfirmed(**PAIR), MatchDeclined(**PAIR)
ALIKE = PAIR | {"is_alike": True}
GOOD = ALIKE | {"is_contradicted": False}


def test_it_is_proposed_once_and_not_again_after_a_decision() -> None:
    named = PAIR | {"reason": "identity-contradicts"}
    given().when(proposal.propose, **named).then(PROPOSED)
    for known in (PROPOSED, CONFIRMED, DECLINED):
        given(known).when(proposal.propose, **named).then_nothing()


def test_a_person_confirms_what_is_proposed_by_name_or_by_number() -> None:
    given().when(proposal.confirm, **GOOD).then(CONFIRMED)
    given(PROPOSED).when(proposal.confirm, **GOOD | {"is_alike": False}).then(CONFIRMED)
    given(PROPOSED, CONFIRMED).when(proposal.confirm, **GOOD).then_nothing()


def test_nothing_else_is_confirmed_declined_or_shown() -> None:
    unlike = {"is_alike": False}
    given().when(proposal.confirm, **GOOD | unlike).then_refused(MatchNotProposedError)
    given().when(proposal.decline, **ALIKE | unlike).then_refused(MatchNotProposedError)
    given().when(proposal.require_proposed, **unlike).then_refused(MatchNotProposedError)
    # A decision of yesterday does not open the profile for ever.
    given(DECLINED).when(proposal.require_proposed, **unlike).then_refused(MatchNotProposedError)


def test_a_number_of_another_person_outweighs_every_person() -> None:
    for known in ((), (PROPOSED,), (CONFIRMED,)):
        given(*known).when(proposal.confirm, **GOOD | {"is_contradicted": True}).then_refused(
            MatchContradictedError
        )


def test_a_decision_may_be_changed() -> None:
    given(CONFIRMED).when(proposal.decline, **ALIKE).then(DECLINED)
    given(DECLINED).when(proposal.decline, **ALIKE).then_nothing()
    given(DECLINED).when(proposal.confirm, **GOOD).then(CONFIRMED)
    given(PROPOSED, CONFIRMED, DECLINED).when(proposal.require_proposed, is_alike=False).then_answered(None)


def test_replay_remembers_the_latest_decision() -> None:
    state = None
    for event, expected in ((PROPOSED, None), (CONFIRMED, True), (DECLINED, False), (PROPOSED, False)):
        state = proposal.evolve(state, event)
        assert state == Proposal(is_proposed=True, is_confirmed=expected)
