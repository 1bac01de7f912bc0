"""Exports that were asked for on a page or by a client are gone from our disk after a month: a step of the clockwork. That
they were taken stays recorded. What the command line wrote into a folder of somebody's is theirs."""

import shutil
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from api.exports import bulk, jobs
from api.settings import Settings
from ledger.store import Ledger

KEPT = timedelta(days=30)
_FOLDERS = (jobs.FOLDER, bulk.FOLDER)


def remove_past(_: Ledger, now: datetime, *, home: Path) -> int:
    """How many were removed: those to which nothing was added for so long."""
    before = (now - KEPT).timestamp()
    past = [
        place
        for folder in _FOLDERS
        if (home / folder).is_dir()
        for place in (home / folder).iterdir()
        if place.stat().st_mtime < before
    ]
    for place in past:
        shutil.rmtree(place, ignore_errors=True)
    return len(past)


def step_of(settings: Settings) -> partial[int]:
    return partial(remove_past, home=settings.home)
