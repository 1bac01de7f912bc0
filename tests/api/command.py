"""`letopis` as a process of its own.

Its imports take seconds, and tests start it dozens of times: so a server of processes (multiprocessing's
forkserver) imports them once, and each command is a fresh fork of it that runs the very `main` of the
program, with its own environment and its own exit code. `installed=True` runs the program as installed.
"""

import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from multiprocessing.process import BaseProcess
from pathlib import Path

from api.__main__ import main
from api.node import Node
from api.settings import Settings

LETOPIS = Path(sys.executable).with_name("letopis")
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["api.__main__", "tests.api.command"])


def environment_of(settings: Settings) -> dict[str, str]:
    """The environment of an operator who chose these settings; nothing of the tests' own gets in."""
    chosen = {
        "LETOPIS_HOME": str(settings.home),
        "LETOPIS_ORIGIN": settings.origin,
        "LETOPIS_PORT": str(settings.port),
        "LETOPIS_PUBLIC_URL": settings.public_url,
    }
    if settings.database_url is not None:
        chosen["DATABASE_URL"] = settings.database_url
    ours = ("LETOPIS_", "DATABASE_URL", "PYTEST_")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)} | chosen


def started(settings: Settings, arguments: Sequence[str], *, output: Path) -> BaseProcess:
    """Start a command; what it prints goes to the files `output`.out and `output`.err."""
    process = _FORKS.Process(target=_run, args=(environment_of(settings), list(arguments), str(output)))
    process.start()
    return process


def _run(environment: dict[str, str], arguments: list[str], output: str) -> None:
    os.setsid()
    os.environ.clear()
    os.environ.update(environment)
    for descriptor, ending in ((1, ".out"), (2, ".err")):
        sink = os.open(output + ending, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(sink, descriptor)
        os.close(sink)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.argv = ["letopis", *arguments]
    main()


def letopis(
    settings: Settings | Node, *arguments: str | Path, installed: bool = False
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, whatever its exit code."""
    chosen = settings.settings if isinstance(settings, Node) else settings
    texts = [str(argument) for argument in arguments]
    if installed:
        return subprocess.run(
            [LETOPIS, *texts],
            env=environment_of(chosen),
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "letopis"
        process = started(chosen, texts, output=output)
        process.join(timeout=120)
        assert process.exitcode is not None, "the command does not end"
        said, complained = (output.with_suffix(ending).read_text() for ending in (".out", ".err"))
    return subprocess.CompletedProcess(texts, process.exitcode, said, complained)
