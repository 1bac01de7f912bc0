"""Unburied: a restored ledger in which those who were erased were not erased again yet.

A file beside the cluster says so, from before it is promoted until the keys are destroyed again. Whoever opens the ledger
while it is there, after a restore that was killed, does that first.
"""

from pathlib import Path

from ledger import burial
from ledger.durable import make_durable
from ledger.store import Ledger


def begin(home: Path) -> None:
    """Before the cluster in `home` lives."""
    _file(home).touch()
    make_durable(home)


def end(home: Path, ledger: Ledger) -> int:
    """Destroy the keys that are back, if it was not done; how many subjects' they were."""
    if not _file(home).exists():
        return 0
    buried = burial.bury(ledger)
    _file(home).unlink(missing_ok=True)
    make_durable(home)
    return buried


def _file(home: Path) -> Path:
    return home / "unburied"
