"""The texts that patients consent to: one file a kind, version and language, never edited once used."""

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from domain.consent import ConsentDocument, ConsentKind

FOLDER = Path(__file__).parent / "consents"


@dataclass(frozen=True, slots=True)
class ConsentText:
    """A document and its words. The first paragraph is the title."""

    document: ConsentDocument
    title: str
    paragraphs: tuple[str, ...]


@cache
def current(kind: ConsentKind, language: str) -> ConsentText:
    """The latest version of a kind in a language."""
    versions = {
        int(path.name.split(".")[1].removeprefix("v")): path
        for path in FOLDER.glob(f"{kind}.v*.{language}.txt")
    }
    version = max(versions)
    raw = versions[version].read_bytes()
    title, *paragraphs = raw.decode().strip().split("\n\n")
    document = ConsentDocument(
        kind=kind, version=version, language=language, sha256=hashlib.sha256(raw).hexdigest()
    )
    return ConsentText(document, title, tuple(paragraphs))
