"""The texts that patients consent to: one file a kind, version and language, never edited once used; and a table
of what each kind is for, which receipts repeat."""

import hashlib
import json
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


@dataclass(frozen=True, slots=True)
class Matter:
    """What a kind of consent is about, in one language."""

    purpose: str
    data: tuple[str, ...]
    actions: str
    is_sensitive: bool


class DocumentUnknownError(Exception):
    """There is no such version of the document."""


@cache
def current(kind: ConsentKind, language: str) -> ConsentText:
    """The latest version of a kind in a language."""
    return text_of(kind, max(versions_of(kind, language)), language)


@cache
def versions_of(kind: ConsentKind, language: str) -> tuple[int, ...]:
    """The versions that there have been."""
    found = FOLDER.glob(f"{kind}.v*.{language}.txt")
    return tuple(sorted(int(path.name.split(".")[1].removeprefix("v")) for path in found))


@cache
def text_of(kind: ConsentKind, version: int, language: str) -> ConsentText:
    """A version, however old: who agreed to it can always read it. DocumentUnknownError if there is none."""
    if version not in versions_of(kind, language):
        raise DocumentUnknownError
    raw = (FOLDER / f"{kind}.v{version}.{language}.txt").read_bytes()
    title, *paragraphs = raw.decode().strip().split("\n\n")
    document = ConsentDocument(
        kind=kind, version=version, language=language, sha256=hashlib.sha256(raw).hexdigest()
    )
    return ConsentText(document, title, tuple(paragraphs))


@cache
def matter_of(kind: ConsentKind, language: str) -> Matter:
    found = json.loads((FOLDER / "documents.json").read_bytes())[kind]
    return Matter(
        purpose=found["purpose"][language],
        data=tuple(found["data"][language]),
        actions=found["actions"][language],
        is_sensitive=found["is_sensitive"],
    )
