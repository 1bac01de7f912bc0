"""The stand-alone verifier, loaded from its one file: as a module for many questions, as a program for few."""

import contextlib
import io
import json
import subprocess
import sys
from functools import cache
from importlib import util
from pathlib import Path
from types import ModuleType
from typing import Any

FILE = Path(__file__).parents[2] / "docs" / "verifier" / "letopis_verify.py"


@cache
def verifier() -> ModuleType:
    return fresh()


def fresh() -> ModuleType:
    """A module of its own, of which a test may take a check away."""
    found = util.spec_from_file_location("letopis_verify", FILE)
    assert found is not None and found.loader is not None
    module = util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def asked(*arguments: object, module: ModuleType | None = None) -> tuple[int, dict[str, Any]]:
    """Exit code and report."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        code = (module or verifier()).main([*map(str, arguments), "--json"])
    return code, json.loads(out.getvalue())


def run(*arguments: object, folder: Path) -> subprocess.CompletedProcess[str]:
    """As somebody runs it who has the file and nothing else of ours."""
    return subprocess.run(
        [sys.executable, "-I", *map(str, arguments)],
        cwd=folder,
        env={"LANG": "C.UTF-8"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
