"""The answer to a message (ACK): whether it was taken, and if not, where it is wrong."""

import re
from datetime import datetime

from api.content import ContentError
from api.hl7.batch import messages_of, unread_header
from api.hl7.syntax import Segment

# Table 0357; what is not in it is an internal error to HL7 (207).
_CONDITIONS = {
    "segment-order": ("100", "Segment sequence error"),
    "no-report-in-content": ("101", "Required field missing"),
    "content-not-hl7": ("102", "Data type error"),
    "content-not-decodable": ("102", "Data type error"),
    "content-encoding-unknown": ("103", "Table value not found"),
    "message-type-unsupported": ("200", "Unsupported message type"),
}
_INTERNAL = ("207", "Application internal error")
ACCEPT_CODES = {"AA": "CA", "AE": "CE", "AR": "CR"}
_WISHES = frozenset({"AL", "NE", "ER", "SU"})  # table 0155
_PLACE = re.compile(r"(?:.*/)?([A-Z][A-Z0-9]{2})(?:\[(\d+)\])?(?:-(\d+))?")
_VERSION = re.compile(r"2\.(\d)(?:\.(\d))?")


def header_of(raw: bytes) -> Segment:
    """MSH of the first message, even of one that cannot be read; ContentError where there is none, and so
    nobody to answer."""
    try:
        return next(messages_of(raw)).header
    except ContentError:
        return unread_header(raw)


def is_enhanced(header: Segment) -> bool:
    """Whether the sender asks for enhanced mode: says in MSH-15 or MSH-16 what to answer."""
    return _wish(header, 15) is not None or _wish(header, 16) is not None


def is_wanted(header: Segment, code: str) -> bool:
    """Whether the sender wants this answer (table 0155); in original mode always."""
    if not is_enhanced(header):
        return True
    wanted = _wish(header, 15 if code.startswith("C") else 16) or "NE"
    is_good = code in {"AA", "CA"}
    return wanted == "AL" or (wanted == "SU" and is_good) or (wanted == "ER" and not is_good)


def _wish(header: Segment, number: int) -> str | None:
    """What the sender wants answered. Analysers put other things there (in MSH-16 whether it is a sample or a
    control), and wait for an answer: that is no wish for silence."""
    sent = (header.code(number) or "").upper()
    return sent if sent in _WISHES else None


def acknowledge(
    header: Segment, code: str, *, control_id: str, sent_at: datetime, problem: ContentError | None = None
) -> bytes:
    """The answer, from receiver to sender, in the sender's version, delimiters and character set.

    `code` is AA, AE or AR; who wants an accept acknowledgement (MSH-15) of this kind gets CA, CE or CR for it.
    """
    accept_code = ACCEPT_CODES.get(code, code)
    if is_enhanced(header) and is_wanted(header, accept_code):
        code = accept_code
    separator = header.delimiters.field
    segments = [_header(header, control_id, sent_at), ["MSA", code, _raw(header, 10)]]
    if problem:
        if _version(header) < (2, 4):
            segments[1].append(_escaped(header, problem.code))
        segments.append(_error(header, problem))
    text = "".join(f"{separator.join(fields).rstrip(separator)}\r" for fields in segments)
    return text.encode(header.delimiters.codec, "replace")


def _raw(header: Segment, number: int) -> str:
    """A field of the header as sent; a stray line break in it would begin a segment of ours."""
    return re.sub(r"[\r\n]+", " ", header.raw(number))


def _version(header: Segment) -> tuple[int, int]:
    found = _VERSION.match(header.code(12) or "")
    return (2, int(found[1])) if found else (2, 5)


def _header(header: Segment, control_id: str, sent_at: datetime) -> list[str]:
    component = header.delimiters.component
    trigger = header.first(9).part(2).raw
    kinds = ["ACK"] if _version(header) < (2, 4) else ["ACK", re.sub(r"[^A-Z0-9]", "", trigger), "ACK"]
    fields = ["MSH", *(_raw(header, number) for number in (2, 5, 6, 3, 4))]
    fields += [sent_at.strftime("%Y%m%d%H%M%S%z"), "", component.join(kinds), _escaped(header, control_id)]
    fields += [_raw(header, 11), _raw(header, 12), *[""] * 5, _raw(header, 18)]
    return fields


def _error(header: Segment, problem: ContentError) -> list[str]:
    """ERR: since version 2.5 place, condition, severity and text apart, before it all in ERR-1."""
    sent = header.delimiters
    number, words = _CONDITIONS.get(problem.code, _INTERNAL)
    found = _PLACE.fullmatch(problem.field or "")
    place = [found[1], found[2] or "1", found[3] or ""] if found else []
    if _version(header) < (2, 5):
        condition = (sent.subcomponent or "&").join([number, words, "HL70357"])
        return ["ERR", sent.component.join([*(place or ["", "", ""]), condition])]
    location = sent.component.join(place).rstrip(sent.component)
    condition = sent.component.join([number, words, "HL70357"])
    return ["ERR", "", location, condition, "E", "", "", "", _escaped(header, problem.code)]


def _escaped(header: Segment, text: str) -> str:
    """Our text with the sender's delimiters in it escaped; without an escape character they are left out."""
    sent = header.delimiters
    letters = {
        sent.field: "F",
        sent.component: "S",
        sent.repetition: "R",
        sent.subcomponent: "T",
        sent.escape: "E",
    }
    letters.pop("", None)
    escaped = {
        character: f"{sent.escape}{letter}{sent.escape}" if sent.escape else ""
        for character, letter in letters.items()
    }
    return text.translate(dict(zip(map(ord, escaped), escaped.values(), strict=True)))
