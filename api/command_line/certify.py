"""`letopis certify`: the nightly replay certificate (B10), now."""

from contextlib import ExitStack
from typing import Annotated

import typer

from api.certifying import LOCK, certify, replay_history
from api.command_line.console import err, opened_node, progress, refuse
from domain.replay_certificate import HistoryReplayed, is_clean
from ledger import replay_certificate
from ledger.leading import leading


def certify_now(
    check: Annotated[
        bool, typer.Option("--check", help="Only see what comes of it: nothing is recorded.")
    ] = False,
) -> None:
    """Replay the whole history, record what came of it, and print the signed certificate. Exit 1 if anything differs."""
    with opened_node() as opened, leading(opened.ledger, LOCK) as leads, ExitStack() as stack:
        if not leads:
            refuse("Another process replays the history just now.")
        seen = stack.enter_context(progress("replay", opened.ledger.last_position()))
        if check:
            replayed = replay_history(opened, seen=lambda _, done: seen(done))
            print("\n".join(_words(replayed)))
        else:
            given = certify(opened, seen=lambda _, done: seen(done))
            replayed = given.replayed
            print(replay_certificate.sign(opened.ledger, given).decode(), end="")
    if not is_clean(replayed):
        err.print("The replay differs from what is live: see docs/evidence/certificate.md.")
        raise typer.Exit(1)


def _words(replayed: HistoryReplayed) -> list[str]:
    found = [
        f"position {replayed.position}, tree size {replayed.tree_size}: log {replayed.finding or 'sound'}"
    ]
    for view in replayed.views:
        word = "equal" if view.rebuilt_sha256 is None else f"DIFFERS from position {view.differs_at or '-'}"
        found.append(f"{view.name}: {word}, set aside: {view.parked}")
    decisions = replayed.decisions
    found.append(
        f"decisions: {decisions.same} same, {decisions.differing} differing, {decisions.erased} erased"
    )
    return found
