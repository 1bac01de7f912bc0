"""Which events make links of whose chain, and when there is something to commit to."""

from dataclasses import replace

from domain.notice_hours import NoticeHoursChosen
from domain.patient_chain import FAMILIES, ChainsCommitted, Family, commit, is_taken_back, named_owner
from domain.report import ReportUnmatched, UnmatchReason
from tests.examples import ANNA, BORIS, EXAMPLES, MATCHED, RECEIVED, REVISED
from tests.scenario import given

COMMITTED = ChainsCommitted(position=7, root="ab" * 32, patients=2)


def test_the_first_commitment_is_made_and_the_next_when_a_chain_has_changed() -> None:
    given().when(commit, position=7, root="ab" * 32, patients=2).then(COMMITTED)
    changed = replace(COMMITTED, position=9, root="cd" * 32)
    given(COMMITTED).when(commit, position=9, root="cd" * 32, patients=2).then(changed)
    given(COMMITTED).when(commit, position=9, root="ab" * 32, patients=2).then_nothing()


def test_a_report_is_nobodys_until_it_is_matched() -> None:
    assert named_owner(RECEIVED) is None and named_owner(REVISED) is None
    assert named_owner(replace(MATCHED, patient_id=BORIS)) == BORIS
    taken_back = ReportUnmatched(patient_id=ANNA, reason=UnmatchReason.MATCHED_BY_MISTAKE)
    assert is_taken_back(taken_back) and not is_taken_back(MATCHED)
    # Whose it was says nothing of whose it is.
    assert named_owner(taken_back) is None


def test_what_is_sealed_never_says_whose_a_stream_is() -> None:
    """After an erasure the chains must come out as they were."""
    hours = EXAMPLES["NoticeHoursChosen"][0]
    assert isinstance(hours, NoticeHoursChosen) and named_owner(hours) is None
    assert FAMILIES["NoticeHoursChosen"] is Family.RECEIVING


def test_every_family_has_an_event_that_says_whose_the_stream_is() -> None:
    naming = {FAMILIES[name] for name in FAMILIES if named_owner(EXAMPLES[name][0]) is not None}
    assert naming == set(Family)
