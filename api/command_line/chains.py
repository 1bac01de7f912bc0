"""`letopis chains`: the commitments to all patients' chains: made now, shown, recomputed."""

import sys
from datetime import UTC, datetime, timedelta

import typer

from api.command_line.console import bring_up_to_date, opened_node, out, progress
from api.node import node
from api.settings import Settings
from projections import PATIENT_CHAINS
from projections.patient_chains import commit_due, last_of, set_aside
from projections.rebuild import check as rebuilt

chains = typer.Typer(
    no_args_is_help=True, help="Commitments to patients' chains (docs/evidence/completeness.md)."
)


@chains.command()
def commit() -> None:
    """Commit now to what changed since the last commitment. A server does it itself."""
    with opened_node() as opened:
        made = commit_due(opened.ledger, datetime.now(UTC), every=timedelta(0))
        bring_up_to_date(opened.ledger)
        last = last_of(opened.ledger)
    print(f"committed: {made}\nnumber {last.number}, patients {last.patients}, root {last.root.hex()}")


@chains.command()
def check() -> None:
    """Make all chains and every commitment anew from the first event, and compare. Exit 1 and name the first commitment
    that is not what the events make, if one is."""
    with node(Settings()) as opened, opened.as_owner() as owner:
        bring_up_to_date(opened.ledger)
        with progress("chains", owner.last_position()) as seen:
            compared = rebuilt(owner, PATIENT_CHAINS, seen=seen)
        last, aside = last_of(opened.ledger), set_aside(opened.ledger)
    for position, reason in aside:
        print(f"position {position}: {reason}")
    word = "equal" if compared.is_equal else "DIFFER"
    out.print(
        f"chains: {word} at position {compared.position}, {last.number} commitments, {last.patients} patients"
    )
    sys.exit(0 if compared.is_equal and not aside else 1)
