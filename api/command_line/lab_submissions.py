"""`letopis lab submissions`: what a laboratory submitted, by the numbers that stand in its receipts."""

import json
from typing import Annotated

import typer

from api.command_line.lab import HANDLE, lab, opened_node
from ledger import onboarding
from projections import PROJECTIONS, intake
from projections.follow import Follower


@lab.command()
def submissions(
    handle: Annotated[str, HANDLE],
    after: Annotated[int, typer.Option(help="Begin behind this number.")] = 0,
    as_json_lines: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Every submission that was kept: its number, id, time, and what became of it. A laboratory that has no
    receipt for a number finds here what that was."""
    with opened_node() as opened:
        Follower(opened.ledger, PROJECTIONS).catch_up()
        laboratory_id, _ = onboarding.load_laboratory(opened.ledger, handle)
        while page := intake.submissions_of(opened.ledger, laboratory_id, after=after):
            for row in page:
                line = {
                    "number": row.number,
                    "submission": str(row.submission_id),
                    "received_at": row.received_at.isoformat(),
                    "content_type": row.content_type,
                    "status": row.status,
                    "reports": row.reports,
                    "problem": row.code,
                }
                print(
                    json.dumps(line) if as_json_lines else "  ".join(str(one or "-") for one in line.values())
                )
            after = page[-1].number
