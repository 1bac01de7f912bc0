"""What a reader may answer to spoiled bytes: a refusal with a reason, or reports that the bytes really say.

The parsers here are not the readers' own: json, expat and plain text search.
"""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import fields, is_dataclass, replace
from datetime import date
from decimal import Decimal
from enum import Enum
from itertools import islice
from typing import Any
from xml.etree import ElementTree as ET

from api.explanations import EXPLANATIONS
from domain.report_content import ObservationStatus, ReportContent, ReportStatus, Value, ValueKind
from domain.values import Quantity
from ledger.intake import Problem

_DECIMAL = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_FIELD = re.compile(r"[A-Za-z0-9_./\[\]():*-]{1,500}", re.ASCII)
_DATE = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T.*)?)?)?", re.ASCII)
_RUN = re.compile(r"[^\W_]+")
# What CDA has in <sup> stands beside other digits, and is no digit of theirs.
_RAISED_APART = {ord(raised): f" {plain} " for plain, raised in enumerate("⁰¹²³⁴⁵⁶⁷⁸⁹")}
_COMPARATORS = {None, "<", "<=", ">", ">="}
# Words that readers add by themselves: to dates without minutes, to a denied finding, to a range's age.
_OWN_WORDS = {"age", "negated", "true", "false", "00"}
_LOOKED_AT_MAX = 300
_FRAGMENTS = {"component", "structuredBody", "section", "entry", "organizer", "observation"}


def faults(kind: str, content: bytes, answer: Sequence[ReportContent] | Problem) -> list[str]:
    """Everything that is wrong with the answer; `kind` is json, xml, cda, hl7 or pdf."""
    if isinstance(answer, Problem):
        is_explained = answer.code in EXPLANATIONS
        is_clean = answer.field is None or _FIELD.fullmatch(answer.field) is not None
        return [name for name, holds in (("no explanation", is_explained), ("field", is_clean)) if not holds]
    found = [] if answer else ["recorded nothing"]
    found += [] if all(map(_are_members_whole, answer)) else ["members"]
    # A flood says the same thing again and again.
    answer = [replace(one, observations=one.observations[:_LOOKED_AT_MAX]) for one in answer[:_LOOKED_AT_MAX]]
    for report in answer:
        found += _form(report)
    source = _SOURCES[kind](content)
    if source is None:
        return [*found, f"recorded what is no {kind}"]
    found += [f"invented: {one}" for one in _invented(kind, answer, source)]
    if kind == "json":
        found += ["values of another patient"] if _is_any_misfiled(answer, json.loads(content)) else []
    return list(dict.fromkeys(found))


# Form: a report says something, and what it says is of its type.


def _form(report: ReportContent) -> Iterator[str]:
    if not isinstance(report.status, ReportStatus):
        yield "status of the report"
    if not all(isinstance(one.status, ObservationStatus) for one in report.observations):
        yield "status of an observation"
    said = (report.code, report.observations, report.attachments, report.conclusion, report.identifiers)
    if not any(said) and not report.notes:
        yield "report that says nothing"
    for node in _nodes(report):
        if isinstance(node, Quantity):
            yield from _form_of_quantity(node)
        elif isinstance(node, str) and re.search("[\x00\ud800-\udfff]", node):
            yield "NUL or surrogate"
    if not all(map(_is_time, _times(report))):
        yield "time"


def _are_members_whole(report: ReportContent) -> bool:
    """Each a place in the report, and no circle: whoever is in none can be taken away, until nobody is left."""
    members = {own: set(one.members) for own, one in enumerate(report.observations)}
    if not all(place in members for places in members.values() for place in places):
        return False
    while done := [own for own, places in members.items() if not places & members.keys()]:
        for own in done:
            del members[own]
    return not members


def _form_of_quantity(sent: Quantity) -> Iterator[str]:
    if sent.comparator not in _COMPARATORS:
        yield "comparator"
    if sent.value is not None and not (_DECIMAL.fullmatch(sent.value) and Decimal(sent.value).is_finite()):
        yield "number"


def _nodes(node: Any) -> Iterator[Any]:
    if isinstance(node, tuple):
        for one in node:
            yield from _nodes(one)
    elif is_dataclass(node):
        yield node
        for field in fields(node):
            yield from _nodes(getattr(node, field.name))
    elif isinstance(node, str) and not isinstance(node, Enum):
        yield node


def _times(report: ReportContent) -> Iterator[str]:
    sent = [report.effective_at, report.issued_at, report.subject.birth_date]
    sent += [time for one in report.observations for time in (one.effective_at, one.issued_at)]
    sent += [time for one in report.specimens for time in (one.collected_at, one.received_at)]
    values = (one.value for one in report.observations)
    sent += [one.text for one in values if one and one.kind is ValueKind.DATE_TIME]
    yield from (time for time in sent if time is not None)


def _is_time(text: str) -> bool:
    found = _DATE.fullmatch(text)
    try:
        return found is not None and bool(date(int(found[1]), int(found[2] or 1), int(found[3] or 1)))
    except ValueError:
        return False


# Invention: what is recorded stands in the bytes.


def _invented(kind: str, reports: Sequence[ReportContent], source: str) -> Iterator[str]:
    digits = re.sub(r"\D", "", source)
    quantities = (node for node in _nodes(tuple(reports)) if isinstance(node, Quantity))
    in_parts = kind == "hl7"
    if not all(
        _stands(number, source, may_be_in_parts=in_parts) for number in _some(one.value for one in quantities)
    ):
        yield "number"
    for text in _some(text for report in reports for text in _said(report)):
        for run in _RUN.findall(text.translate(_RAISED_APART)):
            if run not in source and run not in _OWN_WORDS:
                yield f"text {run[:40]!r}"
    lowered = source.lower()
    for number in _some(text for report in reports for text in _numbers_of(report)):
        if any(run not in lowered for run in _RUN.findall(_URN.sub("", number.lower()))):
            yield "identifier"
    if not all(_stands_as_time(time, source, digits) for time in _some(_all_times(reports))):
        yield "time"


_URN = re.compile("urn:(?:oid|uuid):")


def _some(texts: Iterable[str | None]) -> list[str]:
    return list(islice(dict.fromkeys(text for text in texts if text), _LOOKED_AT_MAX))


def _all_times(reports: Sequence[ReportContent]) -> Iterator[str]:
    return (time for report in reports for time in _times(report))


def _stands_as_time(time: str, source: str, digits: str) -> bool:
    """In one run of digits, but for minutes and seconds that were not sent, or as FHIR writes it."""
    bare = re.sub(r"\D", "", time)
    is_packed = any(bare.removesuffix(zeros) in digits for zeros in ("", "00", "0000"))
    return is_packed or all(run in source for run in re.findall(r"\d+", time))


def _stands(number: str, source: str, *, may_be_in_parts: bool) -> bool:
    """The number as a whole, with all its digits; or, as HL7 v2 is sent, with a comma, or, an SN, with its point apart."""
    whole = re.escape(number)
    if may_be_in_parts:
        whole = whole.replace(r"\.", r"(?:[.,]|\W\.\W)")
    before = r"(?<![\d.])" if number[0].isdigit() else ""
    return re.search(rf"{before}{whole}(?![\d])", source) is not None


def _said(report: ReportContent) -> Iterator[str]:
    """The texts that a patient or a doctor would take for the laboratory's own words."""
    subject = report.subject
    yield from (text for text in (subject.family, subject.name_text, *subject.given) if text)
    for one in report.observations:
        for coding in one.code.codings:
            yield from (text for text in (coding.code, coding.display) if text)
        yield from (text for text in (one.code.text,) if text)
        for value in (one.value, *(part.value for part in one.components)):
            yield from _said_of(value)
        for range_ in one.reference_ranges:
            yield range_.text or ""


def _numbers_of(report: ReportContent) -> Iterator[str]:
    yield from (one.value for one in (*report.identifiers, *report.subject.identifiers) if one.value)


def _said_of(value: Value | None) -> Iterator[str]:
    if value is None:
        return
    if value.text and value.kind not in {ValueKind.DATE_TIME, ValueKind.TIME, ValueKind.PERIOD}:
        yield value.text
    for coding in value.concept.codings if value.concept else ():
        yield from (text for text in (coding.code, coding.display) if text)
    if value.concept and value.concept.text:
        yield value.concept.text
    for quantity in (value.quantity, value.low, value.high, value.numerator, value.denominator):
        yield (quantity.unit or "") if quantity else ""


# Misfiling, where it is plain whose each value is: in a Bundle whose patients have families and ids of their own.


def _is_any_misfiled(reports: Sequence[ReportContent], tree: Any) -> bool:
    entries = tree.get("entry") if isinstance(tree, dict) else None
    entries = entries if isinstance(entries, list) else []
    found = [
        one["resource"] for one in entries if isinstance(one, dict) and isinstance(one.get("resource"), dict)
    ]
    ids = [one.get("id") for one in found if isinstance(one.get("id"), str)]
    families = {
        f"Patient/{one.get('id')}": _family(one) for one in found if one.get("resourceType") == "Patient"
    }
    if len(set(ids)) != len(found) or len(set(families.values()) - {None}) != len(families):
        return False
    of_whom = {
        one["id"]: families.get(_subject(one)) for one in found if one.get("resourceType") == "Observation"
    }
    return any(
        of_whom.get(one.source_id or "") not in (None, report.subject.family)
        for report in reports
        if report.subject.family in families.values()
        for one in report.observations
    )


def _family(patient: dict[str, Any]) -> str | None:
    try:
        family = patient["name"][0]["family"]
    except (KeyError, IndexError, TypeError):
        return None
    is_only = isinstance(family, str) and len(patient["name"]) == 1
    return family if is_only else None


def _subject(resource: dict[str, Any]) -> str:
    sent = resource.get("subject")
    return str(sent.get("reference")) if isinstance(sent, dict) else ""


# Sources: all that the bytes say, unescaped, in one text; None if they are not of the format at all.


def _json_source(content: bytes) -> str | None:
    try:
        tree = json.loads(content.decode("utf-8-sig"), parse_int=_Text, parse_float=_Text)
    except (ValueError, RecursionError):
        return None
    words = list(_words(tree))
    is_report = any(one in ("DiagnosticReport", "Observation") for one in words)
    return "\n".join(words) if is_report else None


class _Text(str):
    """A number as it stands."""

    __slots__ = ()


def _words(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        for name, member in node.items():
            yield name
            yield from _words(member)
    elif isinstance(node, list):
        for one in node:
            yield from _words(one)
    elif isinstance(node, str):
        yield node


def _pdf_source(content: bytes) -> str | None:
    try:
        tree = json.loads(content.decode("utf-8-sig"), parse_int=_Text, parse_float=_Text)
    except (ValueError, RecursionError):
        return None
    is_one = isinstance(tree, dict) and set(tree) == {"header", "pdf"} and isinstance(tree["pdf"], str)
    is_pdf = is_one and "".join(tree["pdf"].split()).startswith("JVBERi")  # %PDF in base64
    return "\n".join(_words(tree["header"])) if is_pdf else None


def _xml_tree(content: bytes) -> ET.Element | None:
    if b"<!DOCTYPE" in content or b"<!D\x00" in content:
        return None
    # Fragments of documents use prefixes that stood declared around them; expat knows few encodings.
    for sent in (content, _PREFIX.sub(rb"\1", content), _recoded(content)):
        try:
            return ET.fromstring(sent)
        except (ET.ParseError, ValueError, LookupError):
            continue
    return None


def _recoded(content: bytes) -> bytes:
    declared = re.match(rb"""[^<]*<\?xml[^>]*encoding=["']([\w.-]+)["'][^>]*\?>""", content)
    # A program may declare the encoding of its memory, and what it sends is UTF-8 all the same.
    codecs = (
        [declared[1].decode(), "utf-8"]
        if declared
        else ["utf-32", "utf-16", "utf-16-be", "utf-16-le", "utf-8"]
    )
    for codec in codecs:
        with suppress(ValueError, LookupError):
            text = content.decode(codec)
            if "<" in text:
                # XML 1.0 has the mark among the letters of names since its fifth edition, expat has the fourth.
                return _PREFIX.sub(rb"\1", re.sub(r"<\?xml[^>]*\?>", "", text).replace("\ufeff", "").encode())
    return b""


_PREFIX = re.compile(rb"((?:</?|\s))(?!xmlns|xml:)[A-Za-z][\w.-]*:(?=[A-Za-z])")


def _fhir_xml_source(content: bytes) -> str | None:
    root = _xml_tree(content)
    name = root.tag.rpartition("}")[2] if root is not None else None
    return (
        _xml_text(root)
        if root is not None and name in {"Bundle", "DiagnosticReport", "Observation"}
        else None
    )


def _cda_source(content: bytes) -> str | None:
    root = _xml_tree(content)
    name = root.tag.rpartition("}")[2] if root is not None else None
    return (
        _xml_text(root) if root is not None and (name == "ClinicalDocument" or name in _FRAGMENTS) else None
    )


def _xml_text(root: ET.Element) -> str:
    """Names too: what fits no type is kept with the names of its elements. Text once as it stands and once
    in one, for a word may be broken by an element."""
    parts = []
    for one in root.iter():
        parts += [one.tag.rpartition("}")[2], *one.attrib.values()]
        parts += [text for text in (one.text, one.tail) if text]
    return "\n".join((*parts, "".join(root.itertext())))


_CODECS = (
    "utf-8",
    "cp1251",
    "iso8859-5",
    "latin-1",
    "koi8-r",
    "cp866",
    "utf-16",
    "utf-16-be",
    "utf-32",
    "utf-32-be",
)
_SIMPLE = {"F": "|", "S": "^", "T": "&", "R": "~", "E": "\\", ".br": "\n", "H": "", "N": ""}


def _hl7_source(content: bytes) -> str | None:
    """In every character set that is used, since which it is must be guessed from what may be spoiled."""
    codecs = _CODECS[:1] if content.isascii() and b"\0" not in content else _CODECS
    texts = [content.decode(codec, "replace") for codec in codecs]
    if not any("MSH" in text and "ORU" in text for text in texts):
        return None
    texts += [_unescaped(text) for text in texts]
    texts += [re.sub(r"[\r\n]+(?:ADD.)?", "", text) for text in texts]
    texts.append(_without_delimiters(texts[0]))
    return "\n".join(dict.fromkeys(texts))


def _without_delimiters(text: str) -> str:
    """The parts of an SN that is no number are kept as one text."""
    sent = text[text.find("MSH") + 4 :][:4]
    return text.translate(dict.fromkeys(map(ord, sent)))


def _unescaped(text: str) -> str:
    def meant(found: re.Match[str]) -> str:
        code = found[1]
        if code.startswith("X") and len(code) % 2 and re.fullmatch(r"[0-9A-Fa-f]+", code[1:]):
            raw = bytes.fromhex(code[1:])
            return "".join(raw.decode(codec, "replace") for codec in _CODECS[:4])
        return _SIMPLE.get(code, found[0])

    return re.sub(r"\\([^\\\r\n]*)\\", meant, text)


_SOURCES = {
    "json": _json_source,
    "xml": _fhir_xml_source,
    "cda": _cda_source,
    "hl7": _hl7_source,
    "pdf": _pdf_source,
}
