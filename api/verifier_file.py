"""The stand-alone verifier, as a file that is handed out: whoever checks us needs it and nothing else of ours."""

from functools import lru_cache
from pathlib import Path
from typing import Final

NAME: Final = "letopis_verify.py"
_FILE: Final = Path(__file__).parents[1] / "docs" / "verifier" / NAME


@lru_cache(maxsize=1)
def content() -> bytes:
    """Its bytes: the same for everybody, and so comparable."""
    return _FILE.read_bytes()
