"""`letopis redecide`: every decision that lets a report or a notice through is made again from what it rested on."""

import typer

from api.node import node
from api.settings import Settings
from ledger.redeciding import redecide_all


def redecide() -> None:
    """Make each recorded decision again from the grounds that it names; list those that differ or whose grounds
    were erased. Exit 1 if one differs."""
    same = lost = differing = 0
    with node(Settings()) as opened:
        for one in redecide_all(opened.ledger):
            if one.is_lost:
                lost += 1
            elif one.is_same:
                same += 1
            else:
                differing += 1
                decided, again = one.decided or "permitted", one.again or "permitted"
                by = f" by {one.channel}" if one.channel else ""
                typer.echo(f"{one.position} {one.event_id}{by}: {decided}, again: {again}")
    typer.echo(f"same: {same}, differing: {differing}, erased: {lost}")
    if differing:
        raise typer.Exit(1)
