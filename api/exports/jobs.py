"""Exports that officers ask for on a page: each a folder under HOME, written behind the page, and gone after a month.

One at a time in a process: exports are long, and readers of pages must not wait for them. Whether one is being written, its lock
says; what a killed process left is gone on with by a press of a button. Nothing that is sealed is opened for them.
"""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Lock, Thread
from uuid import UUID

import structlog

from api.exports import folder, plan
from api.exports.plan import Asked, Plan
from api.node import DATABASE_AWAY
from domain.reading import ExportedRecords
from ledger.codec import Circumstances
from ledger.store import Ledger
from projections.transparency import LeafMissingError

# Under LETOPIS_HOME.
FOLDER = "exports"

log = structlog.get_logger()
# What is written to a disk of ours: results, opened, are not.
RECORDS = tuple(one for one in ExportedRecords if one is not ExportedRecords.RESULTS)
# One is written at a time.
_TURN = Lock()


@dataclass(frozen=True, slots=True)
class Job:
    """One export: `passed` of `fixed.span` positions are done."""

    place: Path
    fixed: Plan
    is_whole: bool
    is_busy: bool
    passed: int

    @property
    def files(self) -> list[Path]:
        """What may be taken, once it is whole."""
        if not self.is_whole:
            return []
        return sorted(
            one for one in self.place.iterdir() if not one.name.startswith(".") and one.name != folder.PLAN
        )


def begin(ledger: Ledger, home: Path, asked: Asked, by: Circumstances) -> UUID:
    """Fix and record it, and have it written; its id."""
    fixed = plan.begin(ledger, asked, by)
    place = _place(home, fixed.export_id)
    folder.start(place, fixed)
    go_on(ledger, place)
    return fixed.export_id


def go_on(ledger: Ledger, place: Path) -> None:
    """Write what is missing, when those before it are done."""
    # The process may end while it is written: nobody waits for it then, for it can be gone on with.
    Thread(target=_write, args=(ledger, place), name="export", daemon=True).start()


def _write(ledger: Ledger, place: Path) -> None:
    try:
        with _TURN:
            folder.run(ledger, place)
    except (*DATABASE_AWAY, LeafMissingError, OSError, folder.ExportBusyError) as error:
        # The page shows that it was cut, and it can be gone on with.
        log.warning("export.cut", export=place.name, error=type(error).__name__)


def jobs(home: Path, actor: str) -> list[Job]:
    """Those of who asks, the latest first."""
    found = [job for place in _places(home) if (job := _job(place)) and job.fixed.actor == actor]
    return sorted(found, key=lambda job: job.fixed.taken, reverse=True)


def job_of(home: Path, export_id: UUID, actor: str) -> Job | None:
    """None if there is none, or if it is another's."""
    job = _job(_place(home, export_id))
    return job if job is not None and job.fixed.actor == actor else None


def remove(job: Job) -> None:
    shutil.rmtree(job.place, ignore_errors=True)


def _job(place: Path) -> Job | None:
    try:
        fixed = folder.plan_of(place)
    except folder.ExportFolderTakenError:
        return None
    if fixed is None:
        return None
    is_whole = folder.is_whole(place)
    passed = fixed.span if is_whole else max(folder.passed(place) - fixed.after, 0)
    return Job(place, fixed, is_whole, not is_whole and folder.is_busy(place), passed)


def _places(home: Path) -> Iterator[Path]:
    root = home / FOLDER
    return root.iterdir() if root.is_dir() else iter(())


def _place(home: Path, export_id: UUID) -> Path:
    return home / FOLDER / str(export_id)
