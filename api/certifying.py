"""Certifying (B10): at night the whole history is replayed by today's program, and what came of it is recorded.

The log is recomputed, every view is made anew from the first event and compared with the live one, every decision is
made again. It takes minutes of one core, so a server does it in a process of its own that gives way to everything else.
"""

import multiprocessing
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from multiprocessing.process import BaseProcess
from zoneinfo import ZoneInfo

import structlog

from api.node import Node, node
from api.process import prepare
from api.release import RELEASE
from api.settings import Settings
from domain.replay_certificate import HistoryReplayed, ReplayedDecisions, ReplayedView, is_clean
from ledger import replay_certificate
from ledger.codec import Circumstances
from ledger.leading import leading
from ledger.redeciding import redecide_all
from ledger.replay_certificate import Certificate
from ledger.store import Ledger
from projections import PROJECTIONS, transparency, verify
from projections.differences import first_position
from projections.rebuild import digest_of
from projections.replay import ReplayedRows, replay

BY = Circumstances(actor="system:certificate")
# Beside those of migrations, followers, the log and the clockwork: one replay at a time.
LOCK = 7597111
# Lower than everything that serves people.
NICENESS = 15
Seen = Callable[[str, int], None]

log = structlog.get_logger()


def replay_history(opened: Node, *, seen: Seen = lambda _, __: None) -> HistoryReplayed:
    """What comes of the replay. Nothing is recorded, and nothing is changed; `seen` is told what is done, and how far."""
    key = transparency.log_verifier(opened.ledger)
    verified = verify.verify(opened.conninfo, log=key, seen=lambda done: seen("verify", done))
    with opened.as_owner() as owner:
        views = replay(owner, PROJECTIONS, seen=lambda done: seen("replay", done))
    position = max((one.compared.position for one in views), default=0)
    decisions = _decisions(opened.ledger, position, lambda done: seen("decisions", done))
    finding = verified.finding
    return HistoryReplayed(
        position=position,
        release=RELEASE,
        tree_size=verified.tree_size,
        root=verified.root_hash.hex(),
        views=tuple(sorted(map(_view, views), key=lambda view: view.name)),
        decisions=decisions,
        finding=" ".join(finding.what.split()) if finding else None,
        finding_index=finding.leaf_index if finding else None,
    )


def _view(replayed: ReplayedRows) -> ReplayedView:
    compared = replayed.compared
    return ReplayedView(
        name=compared.projection,
        sha256=digest_of(compared.live),
        parked=replayed.parked,
        rebuilt_sha256=None if compared.is_equal else digest_of(compared.rebuilt),
        differs_at=first_position(replayed.found),
    )


def _decisions(ledger: Ledger, until: int, seen: Callable[[int], None]) -> ReplayedDecisions:
    same = differing = erased = 0
    differs_at: int | None = None
    for one in redecide_all(ledger, until=until):
        if one.is_lost:
            erased += 1
        elif one.is_same:
            same += 1
        else:
            differing += 1
            differs_at = differs_at or one.position
        seen(one.position)
    return ReplayedDecisions(same=same, differing=differing, erased=erased, differs_at=differs_at)


def certify(opened: Node, *, seen: Seen = lambda _, __: None) -> Certificate:
    """Replay the history and record what came of it, whatever that is."""
    replayed = replay_history(opened, seen=seen)
    replay_certificate.record(opened.ledger, replayed, BY)
    if not is_clean(replayed):
        differing = {view.name: view.differs_at for view in replayed.views if view.rebuilt_sha256}
        log.critical(
            "certificate.differs",
            finding=replayed.finding,
            views=differing,
            decisions=replayed.decisions.differing,
        )
    given = replay_certificate.latest(opened.ledger)
    assert given is not None
    return given


# By the clock.


def due_since(ledger: Ledger, now: datetime, *, at: str, time_zone: str) -> datetime | None:
    """Since when a certificate is due; None if it is not. A ledger that is younger than the hour waits for the next."""
    if not at:
        return None
    zone = ZoneInfo(time_zone)
    today = datetime.combine(now.astimezone(zone).date(), time.fromisoformat(at), zone)
    hour = today if today <= now else today - timedelta(days=1)
    latest = replay_certificate.latest(ledger)
    if latest is not None:
        return hour if latest.recorded_at < hour else None
    first = ledger.read_all(limit=1)
    return hour if first and first[0].recorded_at < hour else None


@dataclass(slots=True)
class NightlyReplay:
    """A step of the clockwork: begins the replay when its hour has come, and does not wait for it."""

    settings: Settings
    running: BaseProcess | None = field(default=None)

    def begin(self, ledger: Ledger, now: datetime) -> int:
        """Always none: what becomes true is recorded by the other process."""
        if self.running is not None and self.running.is_alive():
            return 0
        at, zone = self.settings.certify_at, self.settings.time_zone
        if due_since(ledger, now, at=at, time_zone=zone) is not None:
            process = multiprocessing.get_context("spawn").Process(
                target=certify_alone, args=(self.settings,), name="certificate", daemon=True
            )
            process.start()
            self.running = process
        return 0


def certify_alone(settings: Settings) -> None:
    """In a process of its own. Nothing is done if another one is at it, or has just been."""
    prepare()
    os.nice(NICENESS)
    with node(settings) as opened, leading(opened.ledger, LOCK) as leads:
        now = datetime.now(ZoneInfo("UTC"))
        if leads and due_since(opened.ledger, now, at=settings.certify_at, time_zone=settings.time_zone):
            certify(opened)
