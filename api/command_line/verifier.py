"""`letopis verifier`: the one file by which others check what we hand out."""

import hashlib
import sys
from pathlib import Path
from typing import Annotated

import typer

from api import verifier_file


def verifier(
    out: Annotated[Path | None, typer.Option("--out", help="File to write; printed without it.")] = None,
) -> None:
    """Write the stand-alone verifier: Python 3.9 and `cryptography` run it, and nothing of Letopis."""
    content = verifier_file.content()
    if out is None:
        sys.stdout.buffer.write(content)
        return
    path = out / verifier_file.NAME if out.is_dir() else out
    path.write_bytes(content)
    print(f"{path}\nsha256 {hashlib.sha256(content).hexdigest()}")
