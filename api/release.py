"""The release: a short digest of everything by which the bytes of a result are made.

It stands in each reading that is logged with a rendering. Bytes that are made again and differ are an alarm under
the same release; under another one they only show that a word or a template has changed since.
"""

from collections.abc import Iterator
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from platform import python_version
from typing import Final

_ROOT: Final = Path(__file__).parents[1]
# Code, templates, words and what sets a PDF; a stylesheet or a picture changes no byte of a result.
_KINDS: Final = frozenset({".py", ".html", ".po", ".typ"})
_FOLDERS: Final = ("api", "domain", "ledger", "projections")
# What writes numbers, dates, pages, files and signatures; typst embeds its own text setting, babel its own words.
_LIBRARIES: Final = (
    "asn1crypto",
    "babel",
    "cryptography",
    "fontpkg-pt-sans",
    "jinja2",
    "lxml",
    "markupsafe",
    "orjson",
    "pikepdf",
    "pyhanko",
    "segno",
    "typst",
)


def release_of(root: Path) -> str:
    """16 hex digits: the same files and libraries give the same ones."""
    found = sha256()
    for path in sorted(_sources(root)):
        for part in (path.relative_to(root).as_posix().encode(), path.read_bytes()):
            found.update(len(part).to_bytes(8) + part)
    found.update(f"python {python_version()}\n".encode())
    for library in _LIBRARIES:
        found.update(f"{library} {version(library)}\n".encode())
    return found.hexdigest()[:16]


def _sources(root: Path) -> Iterator[Path]:
    for folder in _FOLDERS:
        yield from (path for path in (root / folder).rglob("*") if path.suffix in _KINDS)


RELEASE: Final = release_of(_ROOT)
