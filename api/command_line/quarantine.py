"""`letopis quarantine`: what could not be used is listed, shown, read again, or closed."""

import json
import sys
from collections.abc import Iterator
from typing import Annotated, Any
from uuid import UUID

import typer

from api.command_line.console import opened_node, refuse, say_if_none, words_of
from api.formats import content_of, read_received
from api.laboratories import OPERATOR
from api.node import Node
from api.problems import explain
from domain.submission import NotInQuarantineError, ReleaseReason
from ledger import commands, onboarding
from ledger import quarantine as entries
from ledger.keys import KeyErasedError
from projections import intake

quarantine = typer.Typer(no_args_is_help=True, help="Submissions that could not be used.")
_REFUSALS = (NotInQuarantineError, KeyErasedError)
_ID = typer.Argument(help="The submission's id.")
_JSON = typer.Option("--json", help="One JSON object a line.")


@quarantine.command(name="list")
def list_entries(
    handle: Annotated[str | None, typer.Option("--lab", help="Of this laboratory only.")] = None,
    as_json_lines: Annotated[bool, _JSON] = False,
) -> None:
    """What lies in quarantine, in order of arrival, with the reason of each."""
    with opened_node() as opened:
        lines = map(_line, _entries(opened, handle))
        told = (json.dumps(one, ensure_ascii=False) if as_json_lines else _told(one) for one in lines)
        say_if_none(told, "Nothing is in quarantine.")


@quarantine.command()
def show(submission_id: Annotated[UUID, _ID]) -> None:
    """Write the bytes as the laboratory sent them to standard output. That they were shown is recorded."""
    with opened_node(*_REFUSALS) as opened:
        sys.stdout.buffer.write(content_of(entries.show(opened.ledger, submission_id, OPERATOR)))


@quarantine.command()
def retry(
    submission_ids: Annotated[list[UUID] | None, typer.Argument(help="Submissions.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Everything that lies in quarantine.")] = False,
    is_moved: Annotated[
        bool, typer.Option("--moved", help="The other person of subject-differs is the right one.")
    ] = False,
    as_json_lines: Annotated[bool, _JSON] = False,
) -> None:
    """Read submissions again, through the same path as when they came: after a reader was mended, or what the
    laboratory may send was changed. Exit 1 if one of them still can't be used.

    --moved: the laboratory sent a report under another person's name than before (subject-differs), and you
    have made sure that this is right: the report is taken from whom it was filed to, who is told."""
    with opened_node(*_REFUSALS) as opened:
        chosen = submission_ids or []
        if not (chosen or every):
            raise typer.BadParameter("name submissions (letopis quarantine list), or say --all")
        is_any_left = False
        if every:
            chosen = [entry.submission_id for entry in _entries(opened, None)]
        for submission_id in chosen:
            found = entries.read_again(
                opened.ledger, submission_id, read_received, OPERATOR, is_moved=is_moved
            )
            line = {
                "submission": str(submission_id),
                "outcome": "quarantined" if found.problem else "recorded",
                "reports": [str(report.report_id) for report in found.reports],
                "problem": found.problem.code if found.problem else None,
            }
            is_any_left |= found.problem is not None
            why = f": {line['problem']}" if line["problem"] else ""
            print(json.dumps(line) if as_json_lines else f"{submission_id}: {line['outcome']}{why}")
    if is_any_left:
        sys.exit(1)


@quarantine.command()
def release(
    submission_id: Annotated[UUID, _ID],
    reason: Annotated[ReleaseReason, typer.Option(help="Why nothing is to be recorded from it.")],
) -> None:
    """Close an entry: nothing is recorded from it; the bytes are kept."""
    with opened_node(*_REFUSALS) as opened:
        entries.release(opened.ledger, submission_id, reason, OPERATOR)
        print(f"{submission_id}: released")


def _entries(opened: Node, handle: str | None) -> Iterator[intake.Quarantined]:
    laboratory_id = None
    if handle is not None:
        try:
            laboratory_id, _ = onboarding.load_laboratory(opened.ledger, handle)
        except commands.LaboratoryNotFoundError as error:
            refuse(words_of(error))
    after = 0
    while page := intake.quarantine(opened.ledger, laboratory_id=laboratory_id, after=after):
        yield from page
        after = page[-1].position


def _line(entry: intake.Quarantined) -> dict[str, Any]:
    return {
        "submission": str(entry.submission_id),
        "laboratory": entry.handle,
        "received_at": entry.received_at.isoformat(),
        "content_type": entry.content_type,
        "size_bytes": entry.size_bytes,
        "problem": {"code": entry.code, "detail": explain(entry.code).title[1], "field": entry.field},
    }


def _told(line: dict[str, Any]) -> str:
    problem = line["problem"]
    where = f" ({problem['field']})" if problem["field"] else ""
    return f"{line['submission']}  {line['received_at']}  {line['laboratory']}  {problem['code']}{where}"
