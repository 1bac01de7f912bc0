"""What the commands share: a node whose views are up to date, and how a refusal is told."""

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from api.node import Node, node
from api.settings import Settings
from ledger.store import Ledger
from projections import PROJECTIONS
from projections.follow import Follower, NotFollowedError, wait_for

out = Console()
err = Console(stderr=True)
# How long a command waits for the server that keeps the views.
FOLLOW_SECONDS = 10.0
Refusals = tuple[type[Exception], ...]


def words_of(error: Exception) -> str:
    """What the error's class says of itself: what happened, and what to do."""
    return (error.__doc__ or "").strip()


def refuse(words: str) -> NoReturn:
    err.print(words)
    sys.exit(1)


def say_if_none(lines: Iterable[str], words: str) -> None:
    """Print the lines; for a person who looks at an empty list, say so beside what a program would read."""
    is_none = True
    for line in lines:
        is_none = False
        print(line)
    if is_none:
        err.print(words)


@contextmanager
def opened_node(*refusals: type[Exception], words: Callable[[Exception], str] = words_of) -> Iterator[Node]:
    """A node with its views up to date, before and after; a refusal becomes words and exit code 1."""
    with node(Settings()) as opened:
        bring_up_to_date(opened.ledger)
        try:
            yield opened
        except refusals as error:
            refuse(words(error))
        Follower(opened.ledger, PROJECTIONS).catch_up()


def bring_up_to_date(ledger: Ledger) -> None:
    """What was recorded before the command is seen by it: followed here, or waited for if a server follows."""
    if Follower(ledger, PROJECTIONS).catch_up():
        return
    try:
        wait_for(ledger, ledger.last_position(), PROJECTIONS, seconds=FOLLOW_SECONDS)
    except NotFollowedError:
        err.print("The views are behind: what came last is not among what follows.")


@contextmanager
def progress(what: str, total: int) -> Iterator[Any]:
    """A bar on standard error; it is told how much is done."""
    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=err, transient=True) as shown:
        task = shown.add_task(what, total=total)
        yield lambda done: shown.update(task, completed=done)
