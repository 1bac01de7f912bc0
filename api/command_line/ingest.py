"""`letopis ingest`: submit files as a laboratory would."""

import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from api import laboratories
from api.bulk import Sendable, Submitter, contents_of, files_in
from api.intake import Answer
from api.node import DATABASE_AWAY, node
from api.problems import explain
from api.settings import Settings
from projections import PROJECTIONS
from projections.follow import Follower

err = Console(stderr=True)
_NOT_KEPT = 1


def ingest(
    paths: Annotated[list[Path], typer.Argument(exists=True, help="Files, and folders of files.")],
    handle: Annotated[
        str, typer.Option("--lab", help="The laboratory's short name, as given to `letopis lab add`.")
    ],
    as_json_lines: Annotated[bool, typer.Option("--json", help="One JSON line a file.")] = False,
    jobs: Annotated[int, typer.Option(min=1, max=8, help="Submissions in flight.")] = 4,
) -> None:
    """Submit files as the laboratory would, each in an envelope of its own: FHIR R4 (JSON, XML), HL7 v2,
    CDA R2, or a PDF with its JSON header. The format is told by how a file begins; each line of an .ndjson
    file is a submission. What was interrupted goes on with the same command. Exit 1 if something was not kept.
    """
    settings, files = Settings(), files_in(paths)
    summary, reasons, started = Counter[str](), Counter[tuple[str, str]](), time.monotonic()
    with node(settings) as opened:
        submitter = Submitter(opened, _sender(settings, handle), jobs)
        try:
            with _progress(len(files)) as read:
                for sent, answer in submitter.submit_all(_contents(files, read, summary)):
                    line = _line(sent.name, answer)
                    print(json.dumps(line, ensure_ascii=False) if as_json_lines else _told(line))
                    summary[answer.outcome] += 1
                    if answer.problem is not None:
                        reasons[answer.outcome, answer.problem.code] += 1
        except DATABASE_AWAY:
            err.print("The database does not answer. The same command goes on where this one stopped.")
            summary["rejected"] += 1
        finally:
            err.print(_summary(summary, time.monotonic() - started), highlight=False)
            for outcome in sorted({outcome for outcome, _ in reasons}):
                err.print(_of_them(reasons, outcome), highlight=False, soft_wrap=True)
        Follower(opened.ledger, PROJECTIONS).catch_up()
    if summary["rejected"] or summary["unreadable"]:
        sys.exit(_NOT_KEPT)


def _contents(files: Sequence[Path], read: Callable[[], None], summary: Counter[str]) -> Iterator[Sendable]:
    for path in files:
        try:
            yield from contents_of(path)
        except OSError as error:
            err.print(f"{path}: {error.strerror}", highlight=False)
            summary["unreadable"] += 1
        read()


def _sender(settings: Settings, handle: str) -> laboratories.Sender:
    """The laboratory's key; a stranger's, if there is none: the ledger then refuses it, and says why."""
    try:
        return laboratories.load(settings.home, handle)
    except laboratories.LaboratoryKeyMissingError:
        err.print(
            f"The private key of {handle} is not on this machine, so what follows is refused. Send where it is"
            " (letopis lab send --key), or make one here (letopis lab add, letopis lab rotate)."
        )
        return laboratories.stranger(handle)


def _line(name: str, answer: Answer) -> dict[str, Any]:
    problem = None
    if answer.problem is not None:
        problem = {
            "code": answer.problem.code,
            "detail": explain(answer.problem.code).title[1],
            "field": answer.problem.field,
        }
    return {"file": name, "outcome": answer.outcome, "reports": list(answer.reports), "problem": problem}


def _told(line: dict[str, Any]) -> str:
    said = f"{line['file']}: {line['outcome']} {' '.join(line['reports'])}".rstrip()
    problem = line["problem"]
    if problem is None:
        return said
    where = f" ({problem['field']})" if problem["field"] else ""
    return f"{said}\n    {problem['code']}{where}: {problem['detail']} {explain(problem['code']).advice[1]}"


def _summary(summary: Counter[str], seconds: float) -> str:
    counts = ", ".join(f"{count:,} {outcome}" for outcome, count in sorted(summary.items())) or "nothing"
    return f"{counts}; {summary.total() / max(seconds, 0.001):,.0f} a second"


def _of_them(reasons: Counter[tuple[str, str]], outcome: str) -> str:
    """Which troubles, the commonest first: in a folder of thousands nobody counts lines."""
    counted = [f"{count:,} {code}" for (of, code), count in reasons.most_common() if of == outcome]
    return f"  {outcome}: {', '.join(counted)}"


@contextmanager
def _progress(total: int) -> Iterator[Callable[[], None]]:
    """A bar on a terminal's stderr. Lines for the same terminal go above it, others where they belong."""
    if not err.is_terminal:
        yield lambda: None
        return
    columns = (TextColumn("files"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, transient=True, redirect_stdout=sys.stdout.isatty()) as progress:
        task = progress.add_task("files", total=total)
        yield lambda: progress.advance(task)
