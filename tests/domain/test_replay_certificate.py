"""Replay certificate: one thing that differs, was set aside or was wrong, and it is not clean."""

from dataclasses import replace

import pytest

from domain.replay_certificate import HistoryReplayed, ReplayedDecisions, ReplayedView, evolve, is_clean

VIEW = ReplayedView(name="cabinet", sha256="aa", parked=0)
CLEAN = HistoryReplayed(
    position=7,
    release="1",
    tree_size=7,
    root="bb",
    views=(VIEW, replace(VIEW, name="audit")),
    decisions=ReplayedDecisions(same=3, differing=0, erased=1),
)


def test_what_was_erased_does_not_spoil_it() -> None:
    assert is_clean(CLEAN)
    assert evolve(None, CLEAN).latest == CLEAN


@pytest.mark.parametrize(
    "spoilt",
    [
        replace(CLEAN, decisions=replace(CLEAN.decisions, differing=1, differs_at=5)),
        replace(CLEAN, finding="the leaf is not the one that was logged", finding_index=2),
        replace(CLEAN, views=(VIEW, replace(VIEW, name="audit", rebuilt_sha256="cc"))),
        replace(CLEAN, views=(VIEW, replace(VIEW, name="audit", parked=1))),
    ],
    ids=["a decision", "the log", "a view", "an event that was set aside"],
)
def test_one_difference_anywhere_spoils_it(spoilt: HistoryReplayed) -> None:
    assert not is_clean(spoilt)
