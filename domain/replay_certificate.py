"""Replay certificate: every view was made anew from the first event by today's program and compared with the live
one, every recorded decision was made again from its grounds, and the outcome is a fact like any other."""

from dataclasses import dataclass
from typing import assert_never

# Events: what happened.


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayedView:
    """One view at the position of the certificate: the digest (SHA-256, hex) over its live tables, and that of the
    rebuilt ones where it is another. `differs_at` is the first position whose event the two do not agree on; None where
    no event explains the difference. `parked` is how many events it had set aside."""

    name: str
    sha256: str
    parked: int
    rebuilt_sha256: str | None = None
    differs_at: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayedDecisions:
    """How many recorded decisions came out the same, came out otherwise, and can't be made again because what they
    rested on was erased. `differs_at` is the position of the first that came out otherwise."""

    same: int
    differing: int
    erased: int
    differs_at: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryReplayed:
    """The whole history up to `position` was replayed by the program of `release`. `tree_size` and `root` (hex) are of
    the signed checkpoint that the history was verified against first; `finding` says what was wrong with it, and at which
    leaf index `finding_index`."""

    position: int
    release: str
    tree_size: int
    root: str
    views: tuple[ReplayedView, ...]
    decisions: ReplayedDecisions
    finding: str | None = None
    finding_index: int | None = None


ReplayEvent = HistoryReplayed

# State.


@dataclass(frozen=True, slots=True, kw_only=True)
class Replays:
    """The latest certificate."""

    latest: HistoryReplayed


def evolve(_: Replays | None, event: ReplayEvent) -> Replays:
    """Replay one event. Never refuses."""
    match event:
        case HistoryReplayed():
            return Replays(latest=event)
        case _:
            assert_never(event)


# What it answers.


def is_clean(replayed: HistoryReplayed) -> bool:
    """Whether nothing differed, nothing was parked and the history itself was whole."""
    views_agree = all(view.rebuilt_sha256 is None and not view.parked for view in replayed.views)
    return views_agree and replayed.decisions.differing == 0 and replayed.finding is None
