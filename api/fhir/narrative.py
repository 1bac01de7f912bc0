"""What is written for people (FHIR Narrative), as plain text: of a report that says nothing else, and of the sections of
a document that programs are told nothing of.

Anybody may have written the XHTML: no tag, attribute or address of it comes out. It is cut at its tags and never built
into a tree, for JSON carries much that is no XML. Not by `html.parser`: for a megabyte of open comments it takes minutes,
and of other malformed input it makes an AssertionError (Python 3.11.7).
"""

import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from html.entities import html5
from typing import Any

from pydantic import ValidationError

from api.fhir import resources as fhir
from api.raised_signs import RAISED
from domain.values import Coding, Concept

# Separators that no narrative has.
_LINE, _CELL = "\x1e", "\x1f"
_SEPARATORS = {
    **dict.fromkeys(("p", "div", "br", "hr", "pre", "blockquote", "section", "header", "footer"), _LINE),
    **dict.fromkeys(("li", "ul", "ol", "dl", "dt", "dd", "h1", "h2", "h3", "h4", "h5", "h6"), _LINE),
    **dict.fromkeys(("tr", "table", "caption", "thead", "tbody", "tfoot"), _LINE),
    **dict.fromkeys(("td", "th"), _CELL),
}
_HIDDEN = frozenset({"script", "style", "head", "title"})
# A sign without a name behind it is no tag: "< 5" in a JSON that forgot to write &lt;. Nothing is tried twice, and no quoted
# text goes on behind the next sign: what never ends costs its length, and no more.
_TAG = re.compile(
    r"""<(?:(/?)((?:[^\W\d][\w.-]*+:)?+[A-Za-z][A-Za-z0-9]*+)|[!?])"""
    r"""(?:[^<>"']++|"[^"<]*+"|'[^'<]*+'|["'])*+(?:(?<=(/))>|>)"""
)
_ENTITY = re.compile(r"&(?:#([0-9]{1,7})|#[xX]([0-9a-fA-F]{1,6})|([A-Za-z][A-Za-z0-9]{1,31}));")
_SURROGATES = (0xD800, 0xDFFF)
# Each text is looked for in all that is said already; where that would take seconds, it may be said twice.
_COMPARED_MAX = 500_000_000
# Fewer words answer their title («Haemolysis»: «no»), and stand in many a text by chance.
_REPEATED_WORDS_MIN = 3
_LAB_DOCUMENTS = frozenset(
    {
        ("http://loinc.org", "11502-2"),
        # «Протокол лабораторного исследования», as in api/cda/sections.
        ("urn:oid:1.2.643.5.1.13.13.99.2.195", "7"),
        ("urn:oid:1.2.643.5.1.13.13.11.1522", "7"),
    }
)


def plain_text(narrative: fhir.Narrative | None) -> str | None:
    """Its lines are lines and its cells stand apart; nothing if there are no words in it."""
    if narrative is None or narrative.status == "empty" or not narrative.div:
        return None
    lines = filter(str.strip, "".join(_pieces(narrative.div)).split(_LINE))
    rows = (filter(None, (" ".join(cell.split()) for cell in line.split(_CELL))) for line in lines)
    return "\n".join(filter(None, map(" | ".join, rows))) or None


def _pieces(xhtml: str) -> Iterator[str]:
    within = dict.fromkeys(("sup", "pre", *_HIDDEN), 0)
    first, *parts = _TAG.split(_without_comments(xhtml))
    is_apart = not first.strip()
    yield _unescaped(first)
    for end, sent_name, is_empty, text in zip(*[iter(parts)] * 4, strict=True):
        name = sent_name.rpartition(":")[2].lower() if sent_name else ""
        if name in within and not is_empty:
            within[name] = max(within[name] + (-1 if end else 1), 0)
        separator = _SEPARATORS.get(name)
        if separator and not (is_apart and separator == _LINE):
            yield separator
            is_apart = separator == _LINE
        if text and not any(within[one] for one in _HIDDEN):
            is_apart = is_apart and text.isspace()
            said = _unescaped(text)
            said = said.translate(RAISED) if within["sup"] else said
            yield said.replace("\n", _LINE) if within["pre"] else said


def _unescaped(text: str) -> str:
    return _ENTITY.sub(_character, text) if "&" in text else text


def _character(entity: re.Match[str]) -> str:
    """XHTML knows five names, but who writes it into JSON writes those of HTML."""
    if entity[3]:
        return html5.get(entity[3] + ";", entity[0])
    number = int(entity[1]) if entity[1] else int(entity[2], 16)
    is_text = (
        number >= ord(" ") and number <= sys.maxunicode and not _SURROGATES[0] <= number <= _SURROGATES[1]
    )
    return chr(number) if is_text else " "


def _without_comments(xhtml: str) -> str:
    first, *rest = xhtml.split("<!--")
    return first + "".join(piece.partition("-->")[2] for piece in rest)


def section_texts(sent: Mapping[str, Any], code: Concept | None, said: Iterable[str]) -> list[str]:
    """The sections of a laboratory report that are text alone: the laboratory's comments. Where no section names its
    entries, the texts may be the results once more. `sent` is the Composition, and none of it is a reason to refuse."""
    kinds = _codes(_type_of(sent))
    sections, are_linked = _told(sent.get("section"))
    if not are_linked or not kinds & (_LAB_DOCUMENTS | _codes(code)):
        return []
    known = "\n".join(" ".join(text.split()) for text in said)
    if len(known) * len(sections) > _COMPARED_MAX:
        known = ""
    texts = ((one.get("title"), plain_text(_narrative_of(one))) for one in sections)
    return [
        "\n".join(filter(None, (title if isinstance(title, str) else None, text)))
        for title, text in texts
        if text and not _is_repeated(text.split(), known)
    ]


def _is_repeated(words: list[str], known: str) -> bool:
    return len(words) >= _REPEATED_WORDS_MIN and " ".join(words) in known


def _told(sections: object) -> tuple[list[dict[str, Any]], bool]:
    """The sections with no entry inside, in order, and whether any has one. They are looked at as they were sent: there may
    be very many."""
    found: list[dict[str, Any]] = []
    are_linked = False
    for one in sections if isinstance(sections, list) else ():
        if isinstance(one, dict):
            inner, has_entry = _told(one.get("section"))
            has_entry = has_entry or bool(one.get("entry"))
            found += inner if has_entry or not one.get("text") else [one, *inner]
            are_linked = are_linked or has_entry
    return found, are_linked


def _narrative_of(section: Mapping[str, Any]) -> fhir.Narrative | None:
    try:
        return fhir.Section.model_validate({"text": section.get("text")}).text
    except ValidationError:
        return None


def _type_of(document: Mapping[str, Any]) -> Concept | None:
    try:
        return fhir.Composition.model_validate({"type": document.get("type")}).type
    except ValidationError:
        return None


def _codes(concept: Concept | None) -> set[tuple[str | None, str | None]]:
    codings: tuple[Coding, ...] = concept.codings if concept else ()
    return {(one.system, one.code) for one in codings if one.code}
